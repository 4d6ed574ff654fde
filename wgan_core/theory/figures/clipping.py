"""Gulrajani et al. 2017, Figure 1: what weight clipping does to a critic's surface, its gradients and its weights."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar, Literal

import numpy as np
import torch
from scipy.spatial.distance import cdist
from torch import Tensor, nn

from wgan_core.config import TrainingConfig
from wgan_core.datasets import Dataset, Grid, Ring, SwissRoll
from wgan_core.networks.piecewise import Net
from wgan_core.objectives import WganClip, WganGp
from wgan_core.optimisers import Adam
from wgan_core.schema import knob
from wgan_core.theory.distances import em
from wgan_core.theory.figure import Figure, Question
from wgan_core.theory.learner import CPU, stream
from wgan_core.theory.result import (
    AnyLayer,
    Bars,
    Curve,
    Floats,
    Heat,
    Level,
    Marks,
    Number,
    Panel,
    Result,
    Role,
    Table,
)
from wgan_core.theory.result import shown as written
from wgan_core.theory.scorer import TrainedCritic

FRAMES = 25
BATCH, SHOWN, PAIRS = 256, 300, 300
SIDE, BINS = 48, 41
# The critics whose surfaces are drawn: hidden layers, as in the paper, and their width.
SHALLOW, WIDE = 3, 128
ADAM = Adam(lr=2e-3, beta1=0.0, beta2=0.9)
CLIPS: dict[float, Role] = {0.001: "fourth", 0.01: "tv", 0.1: "wgan-clip", 1.0: "first"}
DATA: dict[str, Dataset] = {"ring": Ring(), "grid": Grid(), "swiss-roll": SwissRoll()}


class Clipping(Figure):
    """The generator is held at the data with noise; critics train to their optimum by clipping and by the penalty."""

    place: ClassVar = 8
    label: ClassVar = "Weight clipping against gradient penalty"
    source: ClassVar = "Gulrajani et al. 2017, Improved Training of Wasserstein GANs, section 3 and Figure 1"
    formula: ClassVar = (
        r"\frac{\partial f}{\partial h_{l}}=W_{L}D_{L-1}W_{L-1}\cdots D_{l+1}W_{l+1},\quad |W_{ij}|\le c;\qquad "
        r"\text{penalty: }\lambda\,\mathbb{E}\big[(\|\nabla f(\hat x)\|-1)^2\big]"
    )
    says: ClassVar = (
        "Clipping pushes nearly every weight to c or −c, and such a critic is too simple to follow the data.",
        "Each layer multiplies the gradient by about the same factor that c decides, so over many layers it vanishes or"
        " explodes.",
    )
    tries: ClassVar = (
        "Raise the depth to 12: between the c that vanishes and the c that explodes there is hardly any room.",
        "Change c: the surface stays a lump, and most weights stay at ±c; it is the scale that changes.",
        "Choose 25 Gaussians: the penalised critic still sees modes, the clipped one only the square that they fill.",
    )
    question: ClassVar = Question(
        "Through a clipped critic of 12 layers with c = 0.01 hardly any gradient comes. And through one of 3 layers?",
        ("As little: c decides", "Far more: what a layer loses counts 3 times, not 12", "It explodes"),
        1,
        "A layer multiplies the gradient by some factor that c and its width decide, and the depth is the power to which it"
        " counts. The penalty holds the product of all layers itself.",
    )
    presets: ClassVar = {
        "8 Gaussians": {},
        "25 Gaussians": {"data": "grid", "penalty_weight": 0.1},
        "swiss roll": {"data": "swiss-roll", "penalty_weight": 0.1},
        "12 layers": {"data": "swiss-roll", "depth": 12},
        "a small c": {"clip": 0.02},
    }

    kind: Literal["clipping"] = "clipping"
    data: Literal["ring", "grid", "swiss-roll"] = knob(
        "ring", "Data", "Real samples; the generated are others of them with Gaussian noise of variance 1."
    )
    clip: float = knob(0.1, "c", "Of the clipped critic whose surface is drawn.", ge=0.01, le=1, log=True)
    penalty_weight: float = knob(1.0, "λ", "Weight of the gradient penalty.", ge=0.1, le=100, log=True)
    depth: int = knob(8, "Hidden layers", "Of the deep critics whose gradients are followed.", ge=2, le=12)
    steps: int = knob(600, "Steps", "Training steps of every critic.", ge=50, le=2000)
    seed: int = knob(0, "Seed", "Of weights, samples and noise.", ge=0, le=999)

    def frames(self) -> Iterator[Result]:
        source = _Source(DATA[self.data], self.seed)
        penalty = WganGp(penalty_weight=self.penalty_weight)
        shallow = {
            "clip": TrainedCritic(WganClip(clip=self.clip), 2, self.seed, depth=SHALLOW, width=WIDE),
            "penalty": TrainedCritic(penalty, 2, self.seed, depth=SHALLOW, width=WIDE, optimiser=ADAM),
        }
        deep = {f"c = {c:g}": TrainedCritic(WganClip(clip=c), 2, self.seed, depth=self.depth) for c in CLIPS}
        deep["penalty"] = TrainedCritic(penalty, 2, self.seed, depth=self.depth)
        every = max(1, self.steps // FRAMES)
        for step in range(self.steps + 1):
            if step % every == 0 or step == self.steps:
                yield self._result(source, shallow, deep, step)
            if step < self.steps:
                real, fake = source.draw(BATCH)
                for scorer in shallow.values():
                    scorer.learn(real, fake)
                for scorer in deep.values():
                    scorer.learn(real[::2], fake[::2])

    def live(self) -> TrainingConfig | None:
        return TrainingConfig.parse(
            {"dataset": {"kind": self.data}, "objective": {"kind": "wgan-clip", "clip": self.clip}}
        )

    def _result(
        self, source: _Source, shallow: dict[str, TrainedCritic], deep: dict[str, TrainedCritic], step: int
    ) -> Result:
        norms = {name: layer_norms(scorer.net, source.seen) for name, scorer in deep.items()}
        weights = {name: scorer.flat.weights.double().numpy() for name, scorer in shallow.items()}
        at_clip = float((np.abs(weights["clip"]) >= 0.99 * self.clip).mean())
        readings = {name: source.read(scorer) for name, scorer in shallow.items()}
        return Result(
            panels=(
                source.surface(shallow["clip"], "surface-clip", f"Clipped critic, c = {self.clip:g}"),
                source.surface(shallow["penalty"], "surface-penalty", f"Penalised critic, λ = {self.penalty_weight:g}"),
                _histogram(weights["clip"], "weights-clip", "Weights of the clipped critic", "wgan-clip", self.clip),
                _histogram(weights["penalty"], "weights-penalty", "Weights of the penalised critic", "wgan-gp", None),
                self._layers(norms),
            ),
            numbers=(
                Number("clipped weights at ±c", at_clip, note="share of all parameters within 1 % of c or −c"),
                Number(
                    "largest |w| of the clipped over c, by",
                    max(0.0, float(np.abs(weights["clip"]).max()) - self.clip) if step else 0.0,
                    0.0,
                    1e-7,
                    "never over, after the first step",
                ),
                Number(
                    "mean ‖∇f‖ of the penalised critic",
                    readings["penalty"][2],
                    note="at generated samples; the penalty asks for 1",
                ),
                Number("W₁", source.w1, note=f"of {PAIRS} real and {PAIRS} generated samples, by linear programming"),
                *(
                    Number(
                        f"estimate over K, {word}",
                        reading[0] / reading[1],
                        note=f"on the same samples, K = {written(reading[1])}",
                    )
                    for word, reading in zip(("clipped", "penalised"), readings.values(), strict=True)
                ),
                *(
                    Number(
                        f"powers of ten through the layers, {name}",
                        powers(each),
                        note="of the gradient, from the last layer to the sample",
                    )
                    for name, each in norms.items()
                ),
                Number(
                    "estimate over K W₁, at most, by",
                    max(0.0, *(reading[0] - reading[1] * source.w1 for reading in readings.values())),
                    0.0,
                    1e-5 * max(1.0, *(reading[1] * source.w1 for reading in readings.values())),
                    "never over: K is the steepest slope between these samples",
                ),
            ),
            tables=(_table(norms, deep, source),),
            reading=(
                f"After {step:,} steps {at_clip:.0%} of the clipped weights are at ±c. Over {self.depth} layers the"
                f" gradient gains or loses powers of ten: {_said(norms)}."
            ),
            progress=step / self.steps,
            step=f"critic step {step:,} of {self.steps:,}",
        )

    def _layers(self, norms: dict[str, Floats]) -> Panel:
        x = np.arange(self.depth + 1.0)
        layers: list[AnyLayer] = [
            Curve(x, np.where(norms[f"c = {c:g}"] > 0, norms[f"c = {c:g}"], np.nan), f"clipped, c = {c:g}", role)
            for c, role in CLIPS.items()
        ]
        layers.append(Curve(x, norms["penalty"], f"penalty, λ = {self.penalty_weight:g}", "wgan-gp", width=4))
        layers.append(Level(1.0, "", "quiet", dash="dot"))
        reach = 10.0 ** math.ceil(1.6 * self.depth + 2)
        return Panel(
            "layers",
            f"Gradient through critics of {self.depth} hidden layers",
            tuple(layers),
            "layer: 0 is the sample, the last is nearest to the loss",
            "mean ‖∂f / ∂h‖",
            x_range=(-0.2, self.depth + 0.2),
            y_range=(1 / reach, reach),
            log="y",
            wide=True,
            help="Norm of the gradient of the score, which is that of the critic's loss for each sample, in what each layer hands"
            " on. At layer 0 it is ‖∇f(x)‖, which the penalty holds at 1.",
        )


class _Source:
    """Real samples, the generator that is held at the data plus noise, and samples to look at."""

    def __init__(self, dataset: Dataset, seed: int) -> None:
        self.dataset = dataset
        self._rngs = stream(seed, 1), stream(seed, 2)
        real, fake = self._draw(PAIRS, (stream(seed, 3), stream(seed, 4)))
        self.seen = torch.cat([real, fake])
        self._real: Floats = real.double().numpy()
        self._fake: Floats = fake.double().numpy()
        self.w1 = em(self._real, self._fake)
        apart = cdist(self.places, self.places)
        self._apart = np.where(apart > 0, apart, math.inf)
        self._axis = np.linspace(-dataset.extent, dataset.extent, SIDE)
        self._grid = np.stack([axis.ravel() for axis in np.meshgrid(self._axis, self._axis)], 1)

    @property
    def places(self) -> Floats:
        return np.concatenate([self._real, self._fake])

    def draw(self, n: int) -> tuple[Tensor, Tensor]:
        """Real and generated samples to train on, (n, 2) each."""
        return self._draw(n, self._rngs)

    def _draw(self, n: int, rngs: tuple[torch.Generator, torch.Generator]) -> tuple[Tensor, Tensor]:
        fake = self.dataset.sample(n, rngs[1], CPU) + torch.randn(
            n, 2, generator=rngs[1], dtype=torch.float32, device=CPU
        )
        return self.dataset.sample(n, rngs[0], CPU), fake

    def read(self, scorer: TrainedCritic) -> tuple[float, float, float]:
        """Estimate, steepest slope K between any two samples, mean ‖∇f‖ at the generated ones."""
        f = scorer.at(self.places)
        steepest = float((np.abs(f[:, None] - f) / self._apart).max())
        estimate = float(f[:PAIRS].mean() - f[PAIRS:].mean())
        return estimate, max(steepest, 1e-30), float(scorer.slopes(self._fake).mean())

    def surface(self, scorer: TrainedCritic, name: str, title: str) -> Panel:
        f, on_real = scorer.at(self._grid), scorer.at(self._real)
        # The corners, where no data are, would else use up all colours.
        most = max(4 * float(on_real.std()), 1e-30)
        z = np.clip(f - on_real.mean(), -most, most).reshape(SIDE, SIDE)
        ends = (float(self._axis[0]), float(self._axis[-1]))
        layers = (
            Heat(self._axis, self._axis, z, "score", 0.0),
            Marks(self._real[:SHOWN, 0], self._real[:SHOWN, 1], "real", "real", 3),
        )
        return Panel(
            name,
            title,
            layers,
            "x",
            "y",
            x_range=ends,
            y_range=ends,
            equal=True,
            help="Scores around their mean over the real samples, of a critic of 3 hidden layers that tells data"
            " from data with noise. What is far below or above is cut.",
        )


def layer_norms(net: Net, x: Tensor) -> Floats:
    """Mean norm of the gradient of f in the sample and in each hidden layer's output, shape (hidden layers + 1,).

    The critic's loss is a mean of f over generated samples minus one over real ones, so that for each sample its gradient is
    this one over the size of the batch.
    """
    h = x.detach().clone().requires_grad_(True)
    hidden = [h]
    for layer in net:
        h = layer(h)
        if not isinstance(layer, nn.Linear):
            hidden.append(h)
    gradients = torch.autograd.grad(h.sum(), hidden)
    return np.array([float(each.double().norm(dim=1).mean()) for each in gradients])


def _histogram(weights: Floats, name: str, title: str, role: Role, clip: float | None) -> Panel:
    reach = 1.15 * clip if clip is not None else 0.4
    share, edges = np.histogram(np.clip(weights, -reach, reach), BINS, (-reach, reach))
    layers: list[AnyLayer] = [
        Bars((edges[1:] + edges[:-1]) / 2, share / len(weights), "", role, float(edges[1] - edges[0]))
    ]
    if clip is not None:
        layers += [Level(end, text, "ink", "x", "dot") for end, text in ((-clip, "−c"), (clip, "c"))]
    return Panel(
        name,
        title,
        tuple(layers),
        "weight",
        "share",
        x_range=(-reach, reach),
        y_range=(0.0, 0.6) if clip is not None else (0.0, 0.2),
        help="All parameters of the critic whose surface is drawn above. What lies beyond the axis is counted at its ends.",
    )


def _table(norms: dict[str, Floats], deep: dict[str, TrainedCritic], source: _Source) -> Table:
    return Table(
        "The deep critics",
        ("critic", "‖∂f/∂h‖, last layer", "‖∇f‖, at the sample", "a layer multiplies by", "estimate"),
        tuple(
            (
                name,
                f"{each[-1]:.3g}",
                f"{each[0]:.3g}",
                written(10 ** (powers(each) / (len(each) - 1))),
                f"{source.read(deep[name])[0]:.3g}",
            )
            for name, each in norms.items()
        ),
    )


def powers(norms: Floats) -> float:
    """How many powers of ten the gradient gains from the last layer to the sample. NaN where nothing of it is left."""
    return float(np.log10(norms[0] / norms[-1])) if norms[0] > 0 else math.nan


def _said(norms: dict[str, Floats]) -> str:
    *clipped, penalised = (f"{powers(each):+.1f} ({name})" for name, each in norms.items())
    return f"{', '.join(clipped)} and {penalised}".replace("-", "−")
