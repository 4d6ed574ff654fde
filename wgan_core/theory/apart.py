"""One round of a training taken apart into scenes: what it did, and what that means."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from wgan_core.config import TrainingConfig
from wgan_core.networks import FlatParameters
from wgan_core.networks.piecewise import Net
from wgan_core.objectives import Gan, Objective, WganClip, WganGp, interpolates, one_a_sample
from wgan_core.theory.result import Floats, Number, shown
from wgan_core.theory.watched import Round, watch

SIDE = 44  # of the surface
EPSILON = 1e-5  # of difference quotients, in float64
# What an objective calls its terms and its estimate.
WORDS = {
    "critic_real": "loss on real samples",
    "critic_fake": "loss on generated samples",
    "gradient_penalty": "gradient penalty, times λ",
    "w_estimate": "estimate of W₁",
    "js_estimate": "estimate of JS",
}
PULLS = {"gan": "(1 − D) ‖∇f‖ of each", "wgan-clip": "‖∇f‖ of each", "wgan-gp": "‖∇f‖ of each"}


@dataclass(frozen=True, eq=False)
class Field:
    """Arrows in true size: where they start and what they show, (k, 2) each, and what that is in words."""

    tails: Floats
    arrows: Floats
    meaning: str


@dataclass(frozen=True, eq=False)
class Scene:
    """What there is to see at one moment of a round.

    Attributes
    ----------
    name : str
        What is done.
    surface, weights : ndarray
        The critic's scores on the grid, (SIDE, SIDE), and all its parameters, (p,).
    latents, real, fake, between : ndarray
        The batch's latents, real and generated samples and interpolates, (m, 2) each, or (0, 2) where there are none yet.
    field : Field or None
        Arrows.
    numbers : tuple[Number, ...]
        What is known from this moment on.
    """

    name: str
    surface: Floats
    weights: Floats
    latents: Floats
    real: Floats
    fake: Floats
    between: Floats
    field: Field | None = None
    numbers: tuple[Number, ...] = ()


NONE = np.zeros((0, 2))
NOTHING = Scene("", NONE, NONE, NONE, NONE, NONE, NONE)


def axis(config: TrainingConfig) -> Floats:
    """Grid lines of the surface, the same in x and y."""
    return np.linspace(-config.dataset.extent, config.dataset.extent, SIDE)


@lru_cache(maxsize=64)
def scenes(link: str, rounds: int) -> tuple[Scene, ...]:
    """The round after ``rounds`` rounds of a config, given as its link's text. Of n_critic critic steps the last is shown."""
    config = TrainingConfig.parse(link)
    return tuple(Slow(config, watch(config, rounds)).scenes)


class Slow:
    """A round that was watched, scene by scene."""

    def __init__(self, config: TrainingConfig, seen: Round) -> None:
        self.objective, self.losses, self.seen = config.objective, config.losses, seen
        grid = np.stack([each.ravel() for each in np.meshgrid(axis(config), axis(config))], 1)
        self._grid = torch.tensor(grid, dtype=torch.float32)
        self._critic = seen.critic
        self._known: tuple[Number, ...] = ()
        self.scenes: list[Scene] = []
        self._critic_step()
        self._known = ()
        self._generator_step()

    # The two halves of a round

    def _critic_step(self) -> None:
        objective, seen = self.objective, self.seen
        scene = self._scene("sample real", NOTHING, real=_plain(seen.real))
        scene = self._scene("sample latents", scene, latents=_plain(seen.latents))
        scene = self._scene("generate", scene, fake=_plain(seen.fake))
        with torch.no_grad():
            on_real, on_fake = seen.critic(seen.real), seen.critic(seen.fake)
        self._know(
            Number("mean score of real samples", float(on_real.mean()), note="f(x), any number"),
            Number("mean score of generated samples", float(on_fake.mean())),
        )
        scene = self._scene("score", scene)
        if isinstance(objective, Gan):
            self._know(
                Number("mean D of real samples", float(on_real.sigmoid().mean()), note="D = 1 / (1 + e^(−f))"),
                Number("mean D of generated samples", float(on_fake.sigmoid().mean())),
            )
            scene = self._scene("squash", scene)
        # The same α as the step has drawn.
        between = interpolates(seen.real, seen.fake, one_a_sample(seen.real, seen.rng.clone_state()))
        if isinstance(objective, WganGp):
            slopes = seen.critic.input_gradient(between).detach()
            norm = float(slopes.norm(dim=1).mean())
            self._know(Number("mean ‖∇f‖ at the interpolates", norm, note="the penalty asks for 1"))
            arrows = Field(_plain(between), _plain(slopes), "∇f at the interpolates")
            self._scene("penalty", scene, between=_plain(between), field=arrows)
        self._know(
            *(Number(WORDS[name], value, note="a term of the loss") for name, value in seen.terms.items()),
            Number(
                WORDS[objective.estimate_name], objective.estimate(seen.terms), note="what the loss says, no penalty"
            ),
        )
        scene = self._scene("loss", scene)
        quotient = difference_quotient(
            seen.critic, seen.critic_gradient, lambda net: critic_loss(objective, net, seen.real, seen.fake, between)
        )
        self._know(_norm("‖∇w‖ of the critic's loss", seen.critic_gradient, quotient))
        self._scene("critic's gradient", scene, field=_wishes(objective, seen.real, seen.fake, on_real, on_fake))
        step = _weights(seen.critic_stepped) - _weights(seen.critic)
        first_order = float(seen.critic_gradient.double() @ step.double())
        after = self.losses.critic(seen.critic_stepped, seen.real, seen.fake, seen.rng.clone_state())
        change = math.fsum(float(term.detach()) for term in after.values()) - math.fsum(seen.terms.values())
        self._know(
            Number("length of the critic's step", float(step.norm()), note="in all weights"),
            Number("change of the critic's loss", change, note=f"on this batch; ∇w · step = {shown(first_order)}"),
        )
        self._critic = seen.critic_stepped
        scene = self._scene("update critic", scene)
        self._critic = seen.critic_held
        if isinstance(objective, WganClip):
            sizes = _weights(seen.critic_held).abs()
            over = float(sizes.max()) - objective.clip
            at_clip = float((sizes >= 0.99 * objective.clip).double().mean())
            self._know(
                Number("largest |w| over c, by", max(0.0, over), 0.0, 1e-7, "never over, once clipped"),
                Number("weights at ±c", at_clip, note="share within 1 %"),
            )
            self._scene("clip", scene)

    def _generator_step(self) -> None:
        objective, seen, critic = self.objective, self.seen, self.seen.critic_held
        z, fake = seen.latents_again, seen.fake_again
        scene = self._scene("sample latents again", NOTHING, real=_plain(seen.real), latents=_plain(z))
        scene = self._scene("generate again", scene, fake=_plain(fake))
        x = fake.clone().requires_grad_(True)
        (slopes,) = torch.autograd.grad(objective.generator_loss(critic, x), x)
        # The loss is a mean: times the batch it is each sample's own.
        pull = -len(x) * slopes
        self._know(
            Number("generator's loss", seen.generator_loss),
            Number("mean pull at a generated sample", float(pull.norm(dim=1).mean()), note=PULLS[objective.kind]),
        )
        scene = self._scene("pull", scene, field=Field(_plain(fake), _plain(pull), "where each sample is pulled"))
        exact = copy.deepcopy(critic).double()
        quotient = difference_quotient(
            seen.generator, seen.generator_gradient, lambda net: objective.generator_loss(exact, net(z.double()))
        )
        self._know(_norm("‖∇θ‖ of the generator's loss", seen.generator_gradient, quotient))
        with torch.no_grad():
            moved = seen.generator_stepped(z)
            change = float(objective.generator_loss(critic, moved)) - seen.generator_loss
        self._know(
            Number("mean way of a sample", float((moved - fake).norm(dim=1).mean()), note="same latents, new weights"),
            Number("change of the generator's loss", change, note="on these latents"),
        )
        way = Field(_plain(fake), _plain(moved - fake), "the way of each sample")
        self._scene("update generator", scene, fake=_plain(moved), field=way)

    # What both use

    def _scene(self, name: str, like: Scene, **changes: Any) -> Scene:
        """Another scene, with what has changed, and the critic and the numbers as they are now. Arrows last for one scene."""
        with torch.no_grad():
            surface = self._critic(self._grid).double().numpy().reshape(SIDE, SIDE)
        now = {"name": name, "surface": surface, "weights": _plain(_weights(self._critic)), "numbers": self._known}
        self.scenes.append(replace(like, **({"field": None} | now | changes)))
        return self.scenes[-1]

    def _know(self, *numbers: Number) -> None:
        self._known += numbers


def critic_loss(objective: Objective, net: Net, real: Tensor, fake: Tensor, between: Tensor) -> Tensor:
    """The critic's loss of a network in float64, written out from the papers for given interpolates."""
    on_real, on_fake = net(real.double()), net(fake.double())
    if isinstance(objective, Gan):
        return -(logsigmoid(on_real).mean() + logsigmoid(-on_fake).mean())
    loss = on_fake.mean() - on_real.mean()
    if isinstance(objective, WganGp):
        norms = net.input_gradient(between.double()).norm(dim=1)
        loss = loss + objective.penalty_weight * (norms - 1).square().mean()
    return loss


def difference_quotient(net: Net, gradient: Tensor, loss: Callable[[Net], Tensor]) -> float:
    """Slope of a loss along its gradient (p,), from two values in float64: the gradient's norm, if it is the gradient."""
    flat = FlatParameters(twin := copy.deepcopy(net).double())
    way = gradient.double() / max(float(gradient.double().norm()), 1e-300)
    values = []
    for sign in (1, -1):
        flat.weights.add_(sign * EPSILON * way)
        values.append(float(loss(twin).detach()))
        flat.weights.sub_(sign * EPSILON * way)
    return (values[0] - values[1]) / (2 * EPSILON)


def _norm(name: str, gradient: Tensor, quotient: float) -> Number:
    value = float(gradient.double().norm())
    return Number(name, value, quotient, 5e-3 * value + 1e-7, "the loss's slope that way, by a difference quotient")


def _wishes(objective: Objective, real: Tensor, fake: Tensor, on_real: Tensor, on_fake: Tensor) -> Field:
    """−∂loss/∂f of each sample, upward where its score should rise: 1 for a WGAN, 1 − D and D for a GAN."""
    weights = (1 - on_real.sigmoid(), on_fake.sigmoid()) if isinstance(objective, Gan) else (1.0, 1.0)
    up = torch.cat([torch.ones_like(on_real) * weights[0], -torch.ones_like(on_fake) * weights[1]])
    arrows = torch.cat([torch.zeros_like(up), up], 1)
    return Field(_plain(torch.cat([real, fake])), _plain(arrows), "which way each score should go")


def _weights(net: Net) -> Tensor:
    return torch.cat([each.detach().flatten() for each in net.parameters()])


def _plain(tensor: Tensor) -> Floats:
    return np.array(tensor.detach().double().numpy())
