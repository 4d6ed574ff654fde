"""The game f(x, y) = xy: why two players who each descend may circle for ever, and what helps."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from wgan_core.schema import knob
from wgan_core.theory.figure import Figure, Question
from wgan_core.theory.result import (
    AnyLayer,
    Arrows,
    Curve,
    Floats,
    Level,
    Marks,
    Number,
    Panel,
    Result,
    Role,
    Table,
    shown,
)

FRAME = 3.0  # the phase portrait's half width
FAR = 1e9  # beyond this nothing is drawn
Complexes = NDArray[np.complex128]
Method = Literal["simultaneous", "alternating", "momentum", "extragradient"]


class XyGame(Figure):
    """From GAN to WGAN, section 4.1. Every path is made by its updates, every eigenvalue from the same updates as a matrix."""

    place: ClassVar = 7
    label: ClassVar = "The game xy: no equilibrium by descent"
    source: ClassVar = (
        "Weng 2019, From GAN to WGAN, section 4.1 and Figure 3; Korpelevich 1976 (extragradient);"
        " Gidel et al. 2019, Negative momentum"
    )
    formula: ClassVar = (
        r"x\leftarrow x-\eta y,\quad y\leftarrow y+\eta x\quad\Rightarrow\quad "
        r"r_{t+1}=\sqrt{1+\eta^2}\;r_t,\qquad \lambda=1\pm i\eta"
    )
    says: ClassVar = (
        "One player moves x to make xy small, the other moves y to make it large, and (0, 0) is their only equilibrium.",
        "If both step at once they spiral away from it at every step size, since both eigenvalues of the step are longer than 1.",
    )
    tries: ClassVar = (
        "Make η smaller: the simultaneous path spirals out more slowly, and still spirals out.",
        "Turn the momentum from −0.5 to 0.5: what helps a single descent drives the two players apart.",
        "Watch the eigenvalues against the circle while η grows: inside converges, outside diverges, on it circles for ever.",
    )
    question: ClassVar = Question(
        "Both players use gradient descent at the same time, with a very small η. What happens?",
        ("They reach (0, 0), slowly", "They move away, slowly", "They circle at one distance"),
        1,
        "Each step multiplies the distance by √(1 + η²), which is more than 1 for every η. Smaller steps only delay it.",
    )
    presets: ClassVar = {
        "Figure 3": {},
        "alternating": {"method": "alternating"},
        "extragradient": {"method": "extragradient", "eta": 0.3},
        "positive momentum": {"method": "momentum", "beta": 0.3},
        "negative momentum": {"method": "momentum", "beta": -0.5, "eta": 0.3},
        "steps too long": {"method": "extragradient", "eta": 1.2, "steps": 40},
    }

    kind: Literal["xy-game"] = "xy-game"
    method: Method = knob("simultaneous", "Shown over time", "The way of stepping that the right panel follows.")
    eta: float = knob(0.1, "η", "Step size of both players.", ge=0.01, le=2.0, log=True)
    beta: float = knob(
        -0.5, "Momentum β", "Of alternating descent with momentum; the other ways have none.", ge=-0.9, le=0.9
    )
    steps: int = knob(150, "Steps", "How many steps both players make.", ge=5, le=300)
    x: float = knob(1.0, "x at the start", "The first player's start.", ge=-2, le=2)
    y: float = knob(1.0, "y at the start", "The second player's start.", ge=-2, le=2)

    def path(self, name: Method) -> Floats:
        """x, y and velocities at each step, (steps + 1, 4), from the updates."""
        path = [np.array([self.x, self.y, 0.0, 0.0])]
        for _ in range(self.steps):
            path.append(WAYS[name].step(path[-1], self.eta, self.beta))
        return np.array(path)

    def eigenvalues(self, name: Method) -> Complexes:
        """Of one step as a matrix: its columns are what the step makes of the unit vectors."""
        size = WAYS[name].size
        matrix = np.stack([WAYS[name].step(unit, self.eta, self.beta) for unit in np.eye(4)[:size]], 1)[:size]
        return np.linalg.eigvals(matrix).astype(np.complex128)

    def compute(self) -> Result:
        paths = {name: self.path(name) for name in WAYS}
        eigen = {name: self.eigenvalues(name) for name in WAYS}
        return Result(
            panels=(self._portrait(paths), self._radii(paths), _circle(eigen), self._series(paths)),
            numbers=self._numbers(paths, eigen),
            tables=(_table(eigen),),
            reading=self._reading(eigen),
        )

    # Panels and numbers

    def _portrait(self, paths: dict[Method, Floats]) -> Panel:
        grid = np.linspace(-0.9 * FRAME, 0.9 * FRAME, 9)
        gx, gy = (side.ravel() for side in np.meshgrid(grid, grid))
        layers: list[AnyLayer] = [Arrows(gx, gy, -0.12 * gy, 0.12 * gx, "", "quiet", 1.0)]
        for name in sorted(WAYS, key=lambda name: name == self.method):
            path = _near(paths[name], 20 * FRAME)
            layers.append(
                Curve(path[:, 0], path[:, 1], name, WAYS[name].role, width=3.0 if name == self.method else 1.2)
            )
        layers.append(Marks(np.array([self.x]), np.array([self.y]), "", "ink", 9))
        layers.append(Marks(np.zeros(1), np.zeros(1), "", "ink", 11, "cross"))
        ends = (-FRAME, FRAME)
        return Panel(
            "portrait",
            "Both players in the plane",
            tuple(layers),
            "x",
            "y",
            x_range=ends,
            y_range=ends,
            equal=True,
            tall=True,
            help="Each path starts at the dot. The arrows, by which both are pulled, turn around the equilibrium, the cross:"
            " nothing pulls towards it.",
        )

    def _series(self, paths: dict[Method, Floats]) -> Panel:
        path = _near(paths[self.method], FAR)
        times = np.arange(len(path), dtype=np.float64)
        layers = (
            Curve(times, path[:, 0], "x", "first"),
            Curve(times, path[:, 1], "y", "fourth"),
            Curve(times, path[:, 0] * path[:, 1], "xy", "ink", "dot", 1.3),
        )
        return Panel(
            "series",
            f"x, y and xy over time, {self.method}",
            layers,
            "step",
            "",
            x_range=(0, self.steps),
            wide=True,
            help="Simultaneous descent with η = 0.1 is the paper's Figure 3: the swings grow.",
        )

    def _radii(self, paths: dict[Method, Floats]) -> Panel:
        times = np.arange(self.steps + 1, dtype=np.float64)
        layers: list[AnyLayer] = []
        for name, path in paths.items():
            radius = _distance(path)
            shown_radius = np.where((radius > 1e-12) & (radius < FAR), radius, np.nan)
            layers.append(Curve(times, shown_radius, name, WAYS[name].role, width=3.0 if name == self.method else 1.5))
        formula = _distance(paths["simultaneous"])[0] * math.sqrt(1 + self.eta**2) ** times
        formula = np.where((formula > 1e-12) & (formula < FAR), formula, np.nan)
        layers.append(Curve(times, formula, "r₀ √(1 + η²)ᵗ", "ink", "dot", 1.5))
        return Panel(
            "radii",
            "Distance from the equilibrium",
            tuple(layers),
            "step",
            "distance",
            x_range=(0, self.steps),
            log="y",
            help="A straight line on this scale is a constant factor a step: the length of the largest eigenvalue.",
        )

    def _numbers(self, paths: dict[Method, Floats], eigen: dict[Method, Complexes]) -> tuple[Number, ...]:
        numbers = [
            Number(
                f"|λ|, {name}",
                float(np.abs(eigen[name]).max()),
                way.longest(self.eta, self.beta),
                1e-6,
                way.closed_form,
            )
            for name, way in WAYS.items()
        ]
        radius = {name: _distance(path) for name, path in paths.items()}
        lengths: dict[Method, float] = {
            "simultaneous": 1 + self.eta**2,
            "extragradient": 1 - self.eta**2 + self.eta**4,
        }
        for name, squared in lengths.items():
            end = radius[name][0] * squared ** (self.steps / 2)
            note = f"r₀ |λ|ᵗ, r₀ = {shown(radius[name][0])}"
            numbers.append(Number(f"Distance at the end, {name}", radius[name][-1], end, 1e-9 * max(1.0, end), note))
        first, last = (_kept(paths["alternating"][i], self.eta) for i in (0, -1))
        scale = max(1.0, float((paths["alternating"][:, :2] ** 2).max()))
        note = "its value at the start: alternating steps keep this, so below η = 2 they stay on an ellipse"
        numbers.append(Number("x² + y² − ηxy at the end, alternating", last, first, 1e-9 * scale, note))
        return tuple(numbers)

    def _reading(self, eigen: dict[Method, Complexes]) -> str:
        if self.x == self.y == 0:
            return "Both players start at the equilibrium, and stay: both gradients are 0 there."
        longest = float(np.abs(eigen[self.method]).max())
        if abs(longest - 1) < 1e-9:
            return f"{self.method.capitalize()} steps neither approach the equilibrium nor leave it: their |λ| is 1."
        word = "farther from" if longest > 1 else "nearer to"
        return f"In the long run each {self.method} step brings both {word} the equilibrium, by the factor {shown(longest)}."


# The ways of stepping. A state is x, y and both velocities.


@dataclass(frozen=True)
class Way:
    """One way of stepping: the update of a state, how much of the state it needs, and its longest eigenvalue in closed form."""

    step: Callable[[Floats, float, float], Floats]
    longest: Callable[[float, float], float]
    closed_form: str
    role: Role
    size: int = 2


def _simultaneous(s: Floats, eta: float, _beta: float) -> Floats:
    x, y = s[:2]
    return np.array([x - eta * y, y + eta * x, 0.0, 0.0])


def _alternating(s: Floats, eta: float, _beta: float) -> Floats:
    x = s[0] - eta * s[1]
    return np.array([x, s[1] + eta * x, 0.0, 0.0])


def _momentum(s: Floats, eta: float, beta: float) -> Floats:
    """Alternating, each velocity keeping β of what it was (Gidel et al. 2019, section 5)."""
    vx = beta * s[2] - eta * s[1]
    x = s[0] + vx
    vy = beta * s[3] + eta * x
    return np.array([x, s[1] + vy, vx, vy])


def _extragradient(s: Floats, eta: float, beta: float) -> Floats:
    ahead = _simultaneous(s, eta, beta)
    return np.array([s[0] - eta * ahead[1], s[1] + eta * ahead[0], 0.0, 0.0])


def _longest_alternating(eta: float, _beta: float) -> float:
    # The product of both eigenvalues is 1 and their sum 2 − η².
    half = 1 - eta**2 / 2
    return 1.0 if abs(half) <= 1 else abs(half) + math.sqrt(half**2 - 1)


def _longest_momentum(eta: float, beta: float) -> float:
    # With x_{t+1} = x_t + v: (λ − 1)²(λ − β)² + η²λ³ = 0.
    polynomial = np.polymul(np.poly([1, 1]), np.poly([beta, beta]))
    polynomial[1] += eta**2
    return float(np.abs(np.roots(polynomial)).max())


WAYS: dict[Method, Way] = {
    "simultaneous": Way(_simultaneous, lambda eta, _: math.sqrt(1 + eta**2), "√(1 + η²), over 1 for every η", "first"),
    "alternating": Way(_alternating, _longest_alternating, "1 up to η = 2", "second"),
    "momentum": Way(_momentum, _longest_momentum, "roots of (λ − 1)²(λ − β)² + η²λ³ = 0", "third", 4),
    "extragradient": Way(
        _extragradient,
        lambda eta, _: math.sqrt(1 - eta**2 + eta**4),
        "√(1 − η² + η⁴), under 1 up to η = 1",
        "fourth",
    ),
}


def _distance(path: Floats) -> Floats:
    return np.hypot(path[:, 0], path[:, 1])


def _kept(state: Floats, eta: float) -> float:
    """What alternating steps conserve."""
    x, y = state[:2]
    return float(x**2 + y**2 - eta * x * y)


def _near(path: Floats, far: float) -> Floats:
    """A path without what lies too far out to be drawn."""
    return np.where((np.abs(path) < far).all(1, keepdims=True), path, np.nan)


def _circle(eigen: dict[Method, Complexes]) -> Panel:
    turn = np.linspace(0, 2 * math.pi, 181)
    layers: list[AnyLayer] = [
        Curve(np.cos(turn), np.sin(turn), "|λ| = 1", "quiet", "dash", 1.5),
        Level(0.0, "", "quiet", "y", "dot"),
    ]
    for name, values in eigen.items():
        layers.append(Marks(values.real, values.imag, name, WAYS[name].role, 10))
    return Panel(
        "eigenvalues",
        "Eigenvalues of one step",
        tuple(layers),
        "real part",
        "imaginary part",
        x_range=(-1.6, 1.6),
        y_range=(-1.6, 1.6),
        equal=True,
        help="A step is a matrix, and after t steps what lies along an eigenvector is λᵗ times as long. Outside the circle it"
        " grows, inside it shrinks; the angle is how far a step turns.",
    )


def _table(eigen: dict[Method, Complexes]) -> Table:
    def written(value: complex) -> str:
        if abs(value.imag) < 1e-12:
            return shown(value.real)
        return f"{shown(value.real)} {'+' if value.imag > 0 else '−'} {shown(abs(value.imag))} i"

    rows = tuple(
        (name, ", ".join(map(written, sorted(values, key=lambda v: (-abs(v), v.imag)))))
        for name, values in eigen.items()
    )
    return Table("Eigenvalues", ("steps", "λ"), rows)
