"""One round of a training taken apart: the same numbers as :class:`wgan_core.training.Training`, moment by moment."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor
from torch.nn.functional import logsigmoid

from wgan_core.config import TrainingConfig
from wgan_core.networks import FlatParameters
from wgan_core.networks.piecewise import Net
from wgan_core.objectives import Gan, Objective, WganClip, WganGp, interpolates, one_a_sample
from wgan_core.theory.learner import CPU
from wgan_core.theory.result import Floats, Number, shown
from wgan_core.training import STREAMS_OF_TRAINING, Member, Training
from wgan_core.training.state import State

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
class Moment:
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


def axis(config: TrainingConfig) -> Floats:
    """Grid lines of the surface, the same in x and y."""
    return np.linspace(-config.dataset.extent, config.dataset.extent, SIDE)


@lru_cache(maxsize=64)
def moments(link: str, rounds: int) -> tuple[Moment, ...]:
    """The round after ``rounds`` rounds of a config, given as its link's text. Of n_critic critic steps the last is shown."""
    return Round(TrainingConfig.parse(link), rounds).play()


class Round:
    """Networks, optimisers and random numbers as a training has them after some rounds, to make the next by hand."""

    def __init__(self, config: TrainingConfig, rounds: int) -> None:
        self.config = config
        training = Training(config)
        for _ in range(rounds):
            for _ in training.round():
                pass
        state = training.state()
        self._member = Member(config, CPU)
        self.critic, self.generator = self._member.critic, self._member.generator
        self.w, self.theta = FlatParameters(self.critic), FlatParameters(self.generator)
        self._memories = {}
        for role, flat, optimiser in (
            ("critic", self.w, config.critic_optimiser),
            ("generator", self.theta, config.generator_optimiser),
        ):
            flat.weights.copy_(_tensor(state, f"{role}.weights"))
            memory = optimiser.start(flat.weights)
            for name, tensor in memory.items():
                tensor.copy_(_tensor(state, f"{role}.memory.{name}"))
            self._memories[role] = memory
        for name in STREAMS_OF_TRAINING:
            getattr(self._member, name).set_state(_tensor(state, f"random.{name}"))
        grid = np.stack([each.ravel() for each in np.meshgrid(axis(config), axis(config))], 1)
        self._grid = torch.tensor(grid, dtype=torch.float32, device=CPU)
        nothing = np.zeros((0, 2))
        self._empty = Moment("", nothing, nothing, nothing, nothing, nothing, nothing)
        self._found: list[Moment] = []
        self._known: tuple[Number, ...] = ()

    def play(self) -> tuple[Moment, ...]:
        """Make the round and say what happened, once."""
        for _ in range(self.config.n_critic - 1):
            with torch.no_grad():
                fake = self.generator(self._latents(self._member.critic_latent))
            self._gradient(self._reals(), fake)
            self._descend()
            self.config.losses.constrain(self.w.weights)
        self._critic_step()
        self._generator_step()
        return tuple(self._found)

    # The two halves of a round

    def _critic_step(self) -> None:
        objective = self.config.objective
        real, z = self._reals(), self._latents(self._member.critic_latent)
        scene = self._moment("sample real", self._empty, real=_plain(real))
        scene = self._moment("sample latents", scene, latents=_plain(z))
        with torch.no_grad():
            fake = self.generator(z)
            on_real, on_fake = self.critic(real), self.critic(fake)
        scene = self._moment("generate", scene, fake=_plain(fake))
        self._know(
            Number("mean score of real samples", float(on_real.mean()), note="f(x), any number"),
            Number("mean score of generated samples", float(on_fake.mean())),
        )
        scene = self._moment("score", scene)
        if isinstance(objective, Gan):
            self._know(
                Number("mean D of real samples", float(on_real.sigmoid().mean()), note="D = 1 / (1 + e^(−f))"),
                Number("mean D of generated samples", float(on_fake.sigmoid().mean())),
            )
            scene = self._moment("squash", scene)
        # The same α as the step draws below.
        between = interpolates(real, fake, one_a_sample(real, _copy(self._member.penalty)))
        if isinstance(objective, WganGp):
            slopes = input_gradient(self.critic, between)
            norm = float(slopes.norm(dim=1).mean())
            self._know(Number("mean ‖∇f‖ at the interpolates", norm, note="the penalty asks for 1"))
            arrows = Field(_plain(between), _plain(slopes), "∇f at the interpolates")
            self._moment("penalty", scene, between=_plain(between), field=arrows)
        terms = self._terms(real, fake, _copy(self._member.penalty))
        before = math.fsum(terms.values())
        self._know(
            *(Number(WORDS[name], value, note="a term of the loss") for name, value in terms.items()),
            Number(WORDS[objective.estimate_name], objective.estimate(terms), note="what the loss says, no penalty"),
        )
        scene = self._moment("loss", scene)
        drawn = _copy(self._member.penalty)
        self._gradient(real, fake)
        quotient = difference_quotient(
            self.critic, self.w.gradient, lambda net: critic_loss(objective, net, real, fake, between)
        )
        self._know(_norm("‖∇w‖ of the critic's loss", self.w.gradient, quotient))
        self._moment("critic's gradient", scene, field=_wishes(objective, real, fake, on_real, on_fake))
        old = self.w.weights.clone()
        self._descend()
        first_order = float(self.w.gradient.double() @ (self.w.weights - old).double())
        change = math.fsum(self._terms(real, fake, drawn).values()) - before
        self._know(
            Number("length of the critic's step", float((self.w.weights - old).norm()), note="in all weights"),
            Number("change of the critic's loss", change, note=f"on this batch; ∇w · step = {shown(first_order)}"),
        )
        scene = self._moment("update critic", scene)
        if isinstance(objective, WganClip):
            objective.constraint.constrain(self.w.weights)
            over = float(self.w.weights.abs().max()) - objective.clip
            at_clip = float((self.w.weights.abs() >= 0.99 * objective.clip).double().mean())
            self._know(
                Number("largest |w| over c, by", max(0.0, over), 0.0, 1e-7, "never over, once clipped"),
                Number("weights at ±c", at_clip, note="share within 1 %"),
            )
            self._moment("clip", scene)

    def _generator_step(self) -> None:
        objective = self.config.objective
        self._known = ()
        z = self._latents(self._member.generator_latent)
        real = self._found[-1].real
        scene = self._moment("sample latents again", self._empty, real=real, latents=_plain(z))
        with torch.no_grad():
            fake = self.generator(z)
        scene = self._moment("generate again", scene, fake=_plain(fake))
        x = fake.detach().requires_grad_(True)
        with self.w.frozen():
            loss = objective.generator_loss(self.critic, x)
            (slopes,) = torch.autograd.grad(loss, x)
        # The loss is a mean: times the batch it is each sample's own.
        pull = -len(x) * slopes
        self._know(
            Number("generator's loss", float(loss.detach())),
            Number("mean pull at a generated sample", float(pull.norm(dim=1).mean()), note=PULLS[objective.kind]),
        )
        scene = self._moment("pull", scene, field=Field(_plain(fake), _plain(pull), "where each sample is pulled"))
        with self.w.frozen():
            self.theta.backward(objective.generator_loss(self.critic, self.generator(z)))
        critic = copy.deepcopy(self.critic).double()
        quotient = difference_quotient(
            self.generator, self.theta.gradient, lambda net: objective.generator_loss(critic, net(z.double()))
        )
        self._know(_norm("‖∇θ‖ of the generator's loss", self.theta.gradient, quotient))
        self.config.generator_optimiser.step(self.theta.weights, self.theta.gradient, self._memories["generator"])
        with torch.no_grad():
            moved = self.generator(z)
            after = objective.generator_loss(self.critic, moved)
        self._know(
            Number("mean way of a sample", float((moved - fake).norm(dim=1).mean()), note="same latents, new weights"),
            Number("change of the generator's loss", float(after - loss.detach()), note="on these latents"),
        )
        way = Field(_plain(fake), _plain(moved - fake), "the way of each sample")
        self._moment("update generator", scene, fake=_plain(moved), field=way)

    # What both use

    def _moment(self, name: str, scene: Moment, **changes: Any) -> Moment:
        """Write a moment down: a scene with changes, the critic as it is now. Arrows last for one moment."""
        with torch.no_grad():
            surface = self.critic(self._grid).double().numpy().reshape(SIDE, SIDE)
        now = {"name": name, "surface": surface, "weights": _plain(self.w.weights), "numbers": self._known}
        found = replace(scene, **({"field": None} | now | changes))
        self._found.append(found)
        return found

    def _know(self, *numbers: Number) -> None:
        self._known += numbers

    def _latents(self, rng: Generator) -> Tensor:
        return self.config.latent.sample(self.config.batch_size, rng, CPU)

    def _reals(self) -> Tensor:
        return self.config.dataset.sample(self.config.batch_size, self._member.real, CPU)

    def _terms(self, real: Tensor, fake: Tensor, rng: Generator) -> dict[str, float]:
        terms = self.config.objective.critic_loss(self.critic, real, fake, rng)
        return {name: float(term.detach()) for name, term in terms.items()}

    def _gradient(self, real: Tensor, fake: Tensor) -> None:
        terms = self.config.objective.critic_loss(self.critic, real, fake, self._member.penalty)
        self.w.backward(torch.stack(list(terms.values())).sum())

    def _descend(self) -> None:
        self.config.critic_optimiser.step(self.w.weights, self.w.gradient, self._memories["critic"])


def critic_loss(objective: Objective, net: Net, real: Tensor, fake: Tensor, between: Tensor) -> Tensor:
    """The critic's loss of a network in float64, written out from the papers for given interpolates."""
    on_real, on_fake = net(real.double()), net(fake.double())
    if isinstance(objective, Gan):
        return -(logsigmoid(on_real).mean() + logsigmoid(-on_fake).mean())
    loss = on_fake.mean() - on_real.mean()
    if isinstance(objective, WganGp):
        norms = input_gradient(net, between.double()).norm(dim=1)
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


def input_gradient(net: Net, x: Tensor) -> Tensor:
    """∇ₓ f at places (n, d)."""
    x = x.detach().requires_grad_(True)
    (found,) = torch.autograd.grad(net(x).sum(), x)
    return found


def _norm(name: str, gradient: Tensor, quotient: float) -> Number:
    value = float(gradient.double().norm())
    return Number(name, value, quotient, 5e-3 * value + 1e-7, "the loss's slope that way, by a difference quotient")


def _wishes(objective: Objective, real: Tensor, fake: Tensor, on_real: Tensor, on_fake: Tensor) -> Field:
    """−∂loss/∂f of each sample, upward where its score should rise: 1 for a WGAN, 1 − D and D for a GAN."""
    weights = (1 - on_real.sigmoid(), on_fake.sigmoid()) if isinstance(objective, Gan) else (1.0, 1.0)
    up = torch.cat([torch.ones_like(on_real) * weights[0], -torch.ones_like(on_fake) * weights[1]])
    arrows = torch.cat([torch.zeros_like(up), up], 1)
    return Field(_plain(torch.cat([real, fake])), _plain(arrows), "which way each score should go")


def _tensor(state: State, name: str) -> Tensor:
    found = state[name]
    assert isinstance(found, Tensor)
    return found


def _copy(rng: Generator) -> Generator:
    """Random numbers that leave the others where they are."""
    return rng.clone_state()


def _plain(tensor: Tensor) -> Floats:
    return np.array(tensor.detach().double().numpy())
