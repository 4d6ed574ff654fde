"""Two parallel lines: the EM distance sees how far apart they are, the others only that they are apart."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import ClassVar, Literal

import numpy as np

from wgan_core.config import TrainingConfig
from wgan_core.schema import knob
from wgan_core.theory.distances import between, em, on_common_places
from wgan_core.theory.divergences import LOG_2, js, kl, total_variation
from wgan_core.theory.figure import Figure, Question
from wgan_core.theory.result import AnyLayer, Curve, Floats, Level, Marks, Number, Panel, Result, Role, shown

NEARLY = 1e-9
GRID = 41  # values of θ at which the curves are computed
REACH = 1.0  # θ from −1 to 1, as in the paper's figure


class TwoLines(Figure):
    """Example 1 of the WGAN paper. Each line is n even atoms, so every distance is computed from its definition."""

    place: ClassVar = 1
    label: ClassVar = "Two parallel lines"
    source: ClassVar = (
        "Arjovsky et al. 2017, Wasserstein GAN, Example 1 and Figure 1; Weng 2019, From GAN to WGAN, section 6.2"
    )
    formula: ClassVar = (
        r"W(\mathbb{P}_0,\mathbb{P}_\theta)=|\theta|,\qquad "
        r"JS=\log 2,\quad KL=+\infty,\quad \delta=1\quad\text{wherever }\theta\neq 0"
    )
    says: ClassVar = (
        "The data are points (0, Z), the generator makes points (θ, Z), with Z even on [0, 1].",
        "Only the EM distance falls as the lines come closer, so only its gradient leads θ to 0.",
    )
    tries: ClassVar = (
        "Drag θ through 0 and watch which curves notice before it is exactly 0.",
        "Raise the step size: gradient descent on the EM distance then steps over 0 and back, since |θ| has a corner there.",
        "Lower the number of random samples: their EM distance is off by at most what two draws of Z differ.",
    )
    question: ClassVar = Question(
        "θ moves from 0.5 to 0.1. What happens to JS(P₀, P_θ)?",
        ("It falls to a fifth", "It stays ln 2", "It becomes infinite"),
        1,
        "The lines share no point for any θ ≠ 0. A discriminator tells them apart perfectly at 0.1 as at 0.5, so JS stays at"
        " its ceiling ln 2 and has gradient 0.",
    )
    presets: ClassVar = {
        "apart": {"theta": 0.6},
        "nearly there": {"theta": 0.01, "steps": 10, "rate": 0.002},
        "arrived": {"theta": 0.0},
        "steps too long": {"theta": 0.6, "rate": 0.25},
    }

    kind: Literal["parallel-lines"] = "parallel-lines"
    theta: float = knob(
        0.6, "θ", "Where the generated line stands; gradient descent starts there.", ge=-REACH, le=REACH
    )
    steps: int = knob(30, "Steps", "Steps of gradient descent.", ge=1, le=100)
    rate: float = knob(0.05, "Step size", "θ moves by this times the gradient.", ge=0.001, le=0.5, log=True)
    atoms: int = knob(40, "Atoms", "Points that stand for each line, and random samples of each.", ge=2, le=100)
    seed: int = knob(0, "Seed", "Of the random samples.", ge=0, le=999)

    def line(self, theta: float) -> Floats:
        """The line at θ as even atoms (n, 2)."""
        return _at(theta, (np.arange(self.atoms) + 0.5) / self.atoms)

    def compute(self) -> Result:
        thetas = np.linspace(-REACH, REACH, GRID)
        curves = {name: np.array([self.distance(name, t) for t in thetas]) for name in DISTANCES}
        now = {name: self.distance(name, self.theta) for name in DISTANCES}
        paths = {name: self.descent(name) for name in DISTANCES}
        return Result(
            panels=(
                self._plane({name: path[-1] for name, path in paths.items()}),
                self._distances(thetas, curves, now),
                self._learning(paths),
            ),
            numbers=self._numbers(now, paths["em"][-1]),
            reading=_reading(paths, self.rate),
        )

    def distance(self, name: str, theta: float) -> float:
        """One of :data:`DISTANCES` between the lines at 0 and at θ."""
        return DISTANCES[name][2](self.line(0.0), self.line(theta))

    def gradient(self, name: str, theta: float) -> float:
        """Its derivative by θ: of EM from the plan, of the others as a difference quotient; NaN where it is infinite or jumps."""
        if name == "em":
            # The plan that is cheapest stays so for a small move (envelope theorem): only the price of each carried atom moves.
            x, y = self.line(theta), self.line(0.0)
            apart = np.linalg.norm(x[:, None] - y[None], axis=2)
            slope = np.divide(x[:, None, 0] - y[None, :, 0], apart, out=np.zeros_like(apart), where=apart > NEARLY)
            return float((between(x, y).plan * slope).sum())
        h = 1e-4
        low, here, high = (self.distance(name, theta + step) for step in (-h, 0, h))
        if not math.isfinite(low + here + high) or abs((high - here) - (here - low)) > 0.01 * h:
            return math.nan
        return (high - low) / (2 * h)

    def descent(self, name: str) -> Floats:
        """θ at each step of gradient descent under a distance. Where there is no gradient, it stays."""
        path = [self.theta]
        for _ in range(self.steps):
            slope = self.gradient(name, path[-1])
            path.append(path[-1] - self.rate * slope if math.isfinite(slope) else path[-1])
            if name != "em" and path[-1] == path[-2]:  # it will never move again
                path += [path[-1]] * (self.steps + 1 - len(path))
                break
        return np.array(path)

    def live(self) -> TrainingConfig:
        """A WGAN-GP that learns θ from this start."""
        return TrainingConfig.parse(
            {"dataset": {"kind": "parallel-lines", "theta": self.theta}, "latent": {"dim": 2}, "steps": 300}
        )

    # Panels and numbers

    def _plane(self, ends: dict[str, float]) -> Panel:
        z = self.line(0.0)[:, 1]
        still = np.array([ends[name] for name in DISTANCES if name != "em"])
        layers = (
            Marks(self.line(0.0)[:, 0], z, "real, at 0", "real", 6),
            Marks(self.line(self.theta)[:, 0], z, "generated, at θ", "generated", 6),
            Marks(np.full_like(z, ends["em"]), z, "after learning with EM", "em", 9, "ring"),
            Marks(still, np.full_like(still, 0.5), "after learning with the others", "js", 13, "ring"),
        )
        reach = REACH + 0.15
        return Panel(
            "plane",
            "The two lines",
            layers,
            "x",
            "z",
            x_range=(-reach, reach),
            y_range=(-0.05, 1.05),
            help="Each line is so many atoms of equal mass. Rings show where gradient descent has left the generated line.",
        )

    def _distances(self, thetas: Floats, curves: dict[str, Floats], now: dict[str, float]) -> Panel:
        layers: list[AnyLayer] = [Level(TOP, "KL, both ways: ∞", "kl", dash="dot")]
        for name in ("em", "js", "tv"):
            title, role, _ = DISTANCES[name]
            # At θ = 0 the others jump: no line leads there.
            whole = curves[name] if name == "em" else np.where(np.abs(thetas) < NEARLY, np.nan, curves[name])
            layers.append(Curve(thetas, whole, title, role))
            layers.append(Marks(np.array([self.theta]), np.array([now[name]]), "", role, 10))
        zero = np.array([curves[name][GRID // 2] for name in ("js", "tv")])
        layers.append(Marks(np.zeros(2), zero, "at θ = 0", "ink", 8, "ring"))
        layers.append(Level(self.theta, "", "generated", "x"))
        return Panel(
            "distances",
            "Distance to the data against θ",
            tuple(layers),
            "θ",
            "distance",
            x_range=(-REACH, REACH),
            y_range=(-0.05, 1.25),
            help="Computed at 41 values of θ from the atoms: EM by linear programming, the others from the masses on all"
            " places. KL is infinite for every θ but 0, both ways.",
        )

    def _learning(self, paths: dict[str, Floats]) -> Panel:
        layers: list[AnyLayer] = [Level(0.0, "the data", "real")]
        reach = 1.25 * max(abs(self.theta), self.rate)
        dashes = {"em": "solid", "js": "solid", "tv": "dash", "kl": "dot", "reverse-kl": "dash"}
        for name, path in paths.items():
            title, role, _ = DISTANCES[name]
            layers.append(Curve(np.arange(len(path)), path, title, role, dashes[name]))  # type: ignore[arg-type]
        return Panel(
            "learning",
            "Learning θ by gradient descent",
            tuple(layers),
            "step",
            "θ",
            x_range=(0, self.steps),
            y_range=(-reach, reach),
            wide=True,
            help="θ moves against the gradient of each distance. JS and total variation are flat, the KLs are infinite:"
            " neither says where to go.",
        )

    def _numbers(self, now: dict[str, float], reached: float) -> tuple[Number, ...]:
        apart = self.theta != 0
        z = np.random.default_rng(self.seed).random((2, self.atoms))
        floor = em(z[0][:, None], z[1][:, None])
        sampled = em(_at(0.0, z[0]), _at(self.theta, z[1]))
        return (
            Number("W, EM distance", now["em"], abs(self.theta), 1e-9, "|θ|"),
            Number("JS", now["js"], LOG_2 if apart else 0.0, 1e-9, "ln 2 unless θ = 0"),
            Number("KL(P₀‖P_θ)", now["kl"], math.inf if apart else 0.0, 1e-9, "∞ unless θ = 0"),
            Number("KL(P_θ‖P₀)", now["reverse-kl"], math.inf if apart else 0.0, 1e-9, "∞ unless θ = 0"),
            Number("δ, total variation", now["tv"], float(apart), 1e-9, "1 unless θ = 0"),
            Number(
                "W of random samples",
                sampled,
                abs(self.theta),
                floor + 1e-9,
                f"|θ|, off by at most {shown(floor)}: the EM distance between the two draws of Z",
            ),
            Number(
                "θ at the end, with EM",
                reached,
                _arrival(self.theta, self.rate, self.steps),
                1e-6,
                "steps of one length towards 0, then to and fro around it",
            ),
        )


Distance = Callable[[Floats, Floats], float]


def _of_masses(divergence: Distance, swap: bool = False) -> Distance:
    def distance(x: Floats, y: Floats) -> float:
        p, q = on_common_places(x, y)
        return divergence(q, p) if swap else divergence(p, q)

    return distance


# By name: title, colour, and the distance between two clouds of atoms.
DISTANCES: dict[str, tuple[str, Role, Distance]] = {
    "em": ("EM", "em", em),
    "js": ("JS", "js", _of_masses(js)),
    "tv": ("total variation", "tv", _of_masses(total_variation)),
    "kl": ("KL(P₀‖P_θ)", "kl", _of_masses(kl)),
    "reverse-kl": ("KL(P_θ‖P₀)", "reverse-kl", _of_masses(kl, swap=True)),
}
TOP = 1.15  # where the page writes ∞


def _at(x: float, z: Floats) -> Floats:
    return np.stack([np.full_like(z, x), z], 1)


def _arrival(theta: float, rate: float, steps: int) -> float:
    """Where steps of length ``rate`` towards 0 end: straight until nearer than one step, then between two places."""
    towards = min(steps, math.ceil(round(abs(theta) / rate, 9)))
    rest = abs(theta) - towards * rate
    if abs(rest) < NEARLY:  # exactly at 0 the gradient is 0
        rest = 0.0
    elif (steps - towards) % 2:
        rest += rate
    return math.copysign(rest, theta) if rest >= 0 else -math.copysign(-rest, theta)


def _reading(paths: dict[str, Floats], rate: float) -> str:
    start, end = paths["em"][0], paths["em"][-1]
    if start == 0:
        return "θ = 0: the distributions are the same, and every distance is 0."
    moved = [DISTANCES[name][0] for name, path in paths.items() if name != "em" and path[-1] != start]
    stayed = "" if moved else ", while under all the others it has not moved"
    arrived = "has arrived, to within one step" if abs(end) <= rate + NEARLY else "is on its way"
    return f"After {len(paths['em']) - 1} steps θ under EM is {shown(end)} and {arrived}{stayed}."
