"""Which distances go to 0 when distributions converge: the arrows of the WGAN paper's Theorem 2, lit by numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar, Literal

import numpy as np

from wgan_core.schema import knob
from wgan_core.theory.figure import Figure, Question
from wgan_core.theory.result import (
    AnyLayer,
    Arrows,
    Curve,
    Floats,
    Marks,
    Number,
    Panel,
    Result,
    Role,
    Table,
    Words,
    shown,
)
from wgan_core.theory.sequences import DISTANCES, SEQUENCES, TwoLaws, distances

LAST = 64
DRAWN = 1024  # cells
LADDER = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, LAST)
# What is under this at the last n counts as going to 0. Everything that goes to 0 here goes like 1/n or faster.
SMALL = 0.05
LOOKS: dict[str, tuple[str, Role]] = {
    "kl": ("KL(Pₙ‖P)", "kl"),
    "reverse-kl": ("KL(P‖Pₙ)", "reverse-kl"),
    "tv": ("δ", "tv"),
    "js": ("JS", "js"),
    "w": ("W", "em"),
    "law": ("in distribution", "ink"),
}
# Where each stands in the diagram, the strongest on top.
NODES: dict[str, tuple[float, float]] = {
    "kl": (-1.0, 2.0),
    "reverse-kl": (1.0, 2.0),
    "tv": (-0.6, 1.0),
    "js": (0.6, 1.0),
    "w": (-0.6, 0.0),
    "law": (0.9, 0.0),
}
# Items 1 to 4 of the theorem: the left one's going to 0 implies the right one's.
ARROWS = (
    ("tv", "js"),
    ("js", "tv"),
    ("w", "law"),
    ("law", "w"),
    ("kl", "tv"),
    ("reverse-kl", "js"),
    ("tv", "w"),
    ("js", "law"),
)


class Topology(Figure):
    """The WGAN paper, Theorem 2, with eight sequences. Densities and atoms are kept apart, so infinities are exact."""

    place: ClassVar = 11
    label: ClassVar = "Which distances see a convergence"
    source: ClassVar = "Arjovsky et al. 2017, Wasserstein GAN, Theorem 2 and section 2"
    formula: ClassVar = (
        r"KL\to 0\;\Longrightarrow\;\delta\to 0\iff JS\to 0\;\Longrightarrow\;"
        r"W\to 0\iff \mathbb{P}_n\xrightarrow{\mathcal D}\mathbb{P}"
    )
    says: ClassVar = (
        "Each sequence Pₙ comes nearer to P in some sense, and a distance that is strong needs more to go to 0.",
        "W is the weakest, so it sees convergences that the others miss, and a loss that sees more can be descended more often.",
    )
    tries: ClassVar = (
        "Choose ripples: every density is finite and W goes to 0, yet δ, JS and both KLs never change.",
        "Compare leaking and cut: JS and δ go to 0 in both, but in each another KL is infinite for every n.",
        "Choose escaping: W stays 1 although δ goes to 0. The theorem needs a compact space, and here mass runs away.",
    )
    question: ClassVar = Question(
        "n even atoms on [0, 1] become denser and denser. Which distances to the even density go to 0?",
        ("All of them", "W alone", "W and JS", "None"),
        1,
        "The atoms are a set of length 0, which the density gives no mass: δ = 1 and JS = ln 2 for every n. Earth has to"
        " move by 1/(4n) on average only.",
    )
    presets: ClassVar = {
        "W alone: a point": {"sequence": "point"},
        "W alone: a grid": {"sequence": "grid", "n": 8},
        "W alone: ripples": {"sequence": "ripples"},
        "no KL: a shift": {"sequence": "shift"},
        "one KL: cut": {"sequence": "cut"},
        "all: fading": {"sequence": "fading", "n": 2},
        "not compact": {"sequence": "escaping"},
    }

    kind: Literal["topology"] = "topology"
    sequence: Literal["point", "grid", "ripples", "shift", "leaking", "cut", "fading", "escaping"] = knob(
        "point", "Sequence", "The distributions Pₙ and what they go to."
    )
    n: int = knob(4, "n", "Which of the sequence is shown.", ge=1, le=LAST, log=True)

    def compute(self) -> Result:
        chosen = SEQUENCES[self.sequence]
        pair = TwoLaws.of(chosen.at(self.n), chosen.limit)
        values = {n: distances(self.sequence, n) for n in LADDER}
        vanishing = {name: values[LAST][name] < SMALL for name in DISTANCES}
        return Result(
            panels=(_masses(pair, self.n), self._curves(values), _cumulative(pair, self.n), _diagram(vanishing)),
            numbers=self._numbers(),
            tables=(_table(values, vanishing),),
            reading=self._reading(vanishing),
        )

    def _curves(self, values: Mapping[int, Mapping[str, float]]) -> Panel:
        places = np.array(LADDER, dtype=np.float64)
        layers: list[AnyLayer] = []
        now = distances(self.sequence, self.n)
        for name, (title, role) in LOOKS.items():
            if name == "law":
                continue
            y = np.array([values[n][name] for n in LADDER])
            finite = np.where(np.isfinite(y) & (y > 0), y, np.nan)
            dash: Literal["solid", "dash"] = "dash" if name in ("reverse-kl", "js") else "solid"
            layers.append(Curve(places, finite, title if np.isfinite(y).any() else f"{title}: ∞", role, dash))
            if 0 < now[name] < math.inf:
                layers.append(Marks(np.array([float(self.n)]), np.array([now[name]]), "", role, 9))
        return Panel(
            "distances",
            "Distances against n",
            tuple(layers),
            "n",
            "distance",
            log="xy",
            x_range=(0.9, 1.1 * LAST),
            help="Both axes are logarithmic: 1/n is a straight line down. What is infinite cannot be drawn and says so.",
        )

    def _numbers(self) -> tuple[Number, ...]:
        found, closed = distances(self.sequence, self.n), SEQUENCES[self.sequence].closed(self.n)
        waves = self.sequence in ("ripples", "fading")
        note = "its closed form; cells make the logarithm's pole good to 0.001" if waves else "its closed form"
        return tuple(
            Number(title, found[name], closed[name], 1e-3 if waves else 1e-9, note)
            if name in closed
            else Number(title, found[name], note=OTHERWISE.get(name, ""))
            for name, (title, _) in LOOKS.items()
        )

    def _reading(self, vanishing: Mapping[str, bool]) -> str:
        gone = [LOOKS[name][0] for name in DISTANCES if vanishing[name] and name != "law"]
        stay = [LOOKS[name][0] for name in DISTANCES if not vanishing[name] and name != "law"]
        words = f"{_list(gone)} go{'es' if len(gone) == 1 else ''} to 0" + (f", {_list(stay)} not" if stay else "")
        broken = [arrow for arrow in ARROWS if vanishing[arrow[0]] and not vanishing[arrow[1]]]
        why = " Arrows of the theorem break: this space is not compact." if broken else ""
        return f"Pₙ: {SEQUENCES[self.sequence].says}. {words}.{why}"


OTHERWISE = {"law": "∫ |Fₙ − F| e^(−x) dx: goes to 0 exactly when Pₙ converges in distribution"}


def _list(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


# Panels


def _masses(pair: TwoLaws, n: int) -> Panel:
    pair = _drawable(pair)
    layers: list[AnyLayer] = []
    looks: tuple[tuple[int, str, Role], ...] = ((1, "P", "real"), (0, f"Pₙ, n = {n}", "generated"))
    for which, name, role in looks:
        cells, atoms = pair.cells[which], pair.atoms[which]
        if cells.any():
            x, y = _steps(pair.edges, cells / np.diff(pair.edges))
            layers.append(Curve(x, y, name, role, fill=True))
        there = atoms > 0
        if there.any():
            # Stems. Lone points have no density: their height is their mass, and the largest of all is 1.
            places, high = pair.places[there], atoms[there] / atoms.max()
            stems = np.stack([places, places, np.full_like(places, np.nan)], 1).ravel()
            heights = np.stack([np.zeros_like(high), high, np.full_like(high, np.nan)], 1).ravel()
            layers += [Curve(stems, heights, "", role, width=1.5), Marks(places, high, f"{name}, atoms", role, 7)]
    right = max(2.0, float(pair.edges[-1]))
    return Panel(
        "masses",
        "The distributions",
        tuple(layers),
        "x",
        "density" if any(cells.any() for cells in pair.cells) else "mass, the heaviest = 1",
        x_range=(-0.05 * right, 1.05 * right),
        y_range=(0.0, 2.3),
        help="Areas are densities. Dots on stems are atoms, points with mass; the heaviest is drawn 1 high.",
    )


def _cumulative(pair: TwoLaws, n: int) -> Panel:
    pair = _drawable(pair)
    layers: list[AnyLayer] = []
    looks: tuple[tuple[int, str, Role], ...] = ((1, "F, of P", "real"), (0, f"Fₙ, n = {n}", "generated"))
    for which, name, role in looks:
        left, right = pair.cumulative(which)
        x = np.stack([pair.edges[:-1], pair.edges[1:]], 1).ravel()
        y = np.stack([left, right], 1).ravel()
        # An atom may lie on the last edge.
        last = pair.edges[-1]
        x, y = np.concatenate([[-1.0, 0.0], x, [last, 2 * last]]), np.concatenate([[0.0, 0.0], y, [1.0, 1.0]])
        layers.append(Curve(*_corners(x, y), name, role))
    end = max(2.0, float(pair.edges[-1]))
    return Panel(
        "cumulative",
        "Distribution functions: W is the area between",
        tuple(layers),
        "x",
        "P(X ≤ x)",
        x_range=(-0.05 * end, 1.05 * end),
        y_range=(-0.05, 1.05),
        help="On a line the EM distance is the area between the two distribution functions.",
    )


def _diagram(vanishing: Mapping[str, bool]) -> Panel:
    layers: list[AnyLayer] = []
    looks: dict[str, tuple[str, Role, float]] = {
        "lit": ("holds here", "em", 3.0),
        "broken": ("broken here", "gan", 3.0),
        "idle": ("says nothing here", "quiet", 1.2),
    }
    for state, (name, role, width) in looks.items():
        chosen = [arrow for arrow in ARROWS if _state(arrow, vanishing) == state]
        if chosen:
            x, y, u, v = np.array([_between(*arrow) for arrow in chosen]).T
            layers.append(Arrows(x, y, u, v, name, role, width))
    for gone in (True, False):
        names = [name for name in DISTANCES if vanishing[name] == gone]
        if names:
            x, y = np.array([NODES[name] for name in names]).T
            sign = "→" if gone else "↛"
            texts = tuple(
                f"Pₙ {sign} P in distribution" if name == "law" else f"{LOOKS[name][0]} {sign} 0" for name in names
            )
            layers.append(Words(x, y, texts, "em" if gone else "quiet", 15))
    return Panel(
        "theorem",
        "Theorem 2: an arrow says what follows",
        tuple(layers),
        x_range=(-1.7, 1.9),
        y_range=(-0.3, 2.3),
        axes=False,
        help=f"Green goes to 0: it is under {SMALL:g} at n = {LAST}. An arrow that starts at green must end at green, on a"
        " compact space.",
    )


def _state(arrow: tuple[str, str], vanishing: Mapping[str, bool]) -> str:
    return "idle" if not vanishing[arrow[0]] else "lit" if vanishing[arrow[1]] else "broken"


def _between(start: str, end: str) -> tuple[float, float, float, float]:
    """An arrow between two nodes, clear of their words; there and back lie beside each other."""
    (x0, y0), (x1, y1) = NODES[start], NODES[end]
    if y0 == y1:
        side = 0.07 if x1 > x0 else -0.07
        gap, other = (0.26, 0.26) if y0 == 1.0 else (0.26, 0.72) if x1 > x0 else (0.72, 0.26)
        towards = math.copysign(1.0, x1 - x0)
        return x0 + towards * gap, y0 + side, x1 - x0 - towards * (gap + other), 0.0
    return x0 + 0.22 * (x1 - x0), y0 - 0.22, 0.56 * (x1 - x0), -0.56


def _drawable(pair: TwoLaws) -> TwoLaws:
    """The same pair in fewer cells, where all mass is spread: nobody sees ten thousand."""
    every = -(-len(pair.edges) // DRAWN)
    if every == 1 or len(pair.places):
        return pair
    starts = np.arange(0, len(pair.edges) - 1, every)
    cells = tuple(np.add.reduceat(masses, starts) for masses in pair.cells)
    return TwoLaws(np.append(pair.edges[starts], pair.edges[-1]), (cells[0], cells[1]), pair.places, pair.atoms)


def _steps(edges: Floats, heights: Floats) -> tuple[Floats, Floats]:
    """A density that is constant in cells, as a line; equal neighbours are one."""
    padded = np.concatenate([[0.0], heights, [0.0]])
    jumps = np.abs(np.diff(padded)) > 1e-6
    y = np.stack([padded[:-1], padded[1:]], 1)[jumps].ravel()
    return np.repeat(edges[jumps], 2), y


def _corners(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """A line without the points at which it does not turn."""
    new = np.append(True, (np.diff(x) != 0) | (np.diff(y) != 0))
    x, y = x[new], y[new]
    dx, dy = np.diff(x), np.diff(y)
    turns = np.abs(dx[:-1] * dy[1:] - dy[:-1] * dx[1:]) > 1e-9
    keep = np.concatenate([[True], turns, [True]])
    return x[keep], y[keep]


def _table(values: Mapping[int, Mapping[str, float]], vanishing: Mapping[str, bool]) -> Table:
    at = (1, 4, 16, LAST)
    rows = tuple(
        (title, *(shown(values[n][name]) for n in at), "→ 0" if vanishing[name] else "no")
        for name, (title, _) in LOOKS.items()
    )
    return Table("The limit", ("distance", *(f"n = {n}" for n in at), "goes to 0"), rows)
