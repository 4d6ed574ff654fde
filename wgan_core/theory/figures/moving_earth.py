"""Moving earth: the walk of From GAN to WGAN's Figure 7, plans, maps, costs, and W_p as a distance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, Self

import numpy as np
from pydantic import field_validator, model_validator

from wgan_core.schema import knob
from wgan_core.theory.figure import Figure, Question
from wgan_core.theory.piles import Piles, PilesError, check_totals, read_piles
from wgan_core.theory.result import (
    AnyLayer,
    Arrows,
    Bars,
    Curve,
    Floats,
    Heat,
    Marks,
    Number,
    Panel,
    Result,
    Table,
    Words,
    shown,
)
from wgan_core.theory.transport import Move, Transport, Walk, monge, monotone_cost, wasserstein

PILES = "masses, 3, 2, 1, 4, or place: mass, 0: 3, 2.5: 1"
# Beyond this a matrix has no room for its numbers.
NUMBERED = 12


class MovingEarth(Figure):
    """Two piles of earth on a line, edited as text, and the cheapest way to turn one into the other."""

    place: ClassVar = 3
    label: ClassVar = "Moving earth"
    source: ClassVar = (
        "Weng 2019, From GAN to WGAN, section 6.1 and Figure 7;"
        " Moses and Bai 2023, GANs and W-GANs, sections 1.1 and 1.2"
    )
    formula: ClassVar = (
        r"\delta_{i+1}=\delta_i+P_i-Q_i,\quad W=\sum_i|\delta_i|,\qquad "
        r"W_p(P,Q)=\Big(\min_{\gamma\in\Pi(P,Q)}\sum_{x,y}\gamma(x,y)\,|x-y|^p\Big)^{1/p}"
    )
    says: ClassVar = (
        "Earth at some places has to become earth at others, and a move costs its mass times its distance to the power p.",
        "The cheapest plan is the distance between the two piles: it grows with how far the earth has to go.",
    )
    tries: ClassVar = (
        "Drag Moved from 0 to 1 and count: 2 + 2 + 1 = 5, the paper's answer.",
        "Choose the two books and take p below 1, to 1, and above 1: one book jumps over the other, it makes no difference,"
        " both move one place.",
        "Choose the pile that must split: no map does it, while a plan may send half of a pile each way.",
    )
    question: ClassVar = Question(
        "A pile of 2 stands at place 2, and 1 shall stand at place 1 and 1 at place 3. Whose problem has a solution?",
        ("Monge's: each pile goes as a whole", "Kantorovich's: piles may be split", "Both", "Neither"),
        1,
        "A map sends all earth of a place to one place, so a single pile stays a single pile. A plan may send half each way,"
        " at cost 1 · 1 + 1 · 1 = 2.",
    )
    presets: ClassVar = {
        "figure 7": {"moved": 1.0},
        "the cheapest plan": {"route": "plan", "moved": 0.5},
        "a pile that must split": {"p": "2: 2", "q": "1: 1, 3: 1", "r": "3: 2", "route": "plan", "moved": 0.5},
        "two books, p = 2": {"p": "0: 1, 1: 1", "q": "1: 1, 2: 1", "r": "2: 1, 3: 1", "power": 2.0, "route": "plan"},
        "two books, p = ½": {"p": "0: 1, 1: 1", "q": "1: 1, 2: 1", "r": "2: 1, 3: 1", "power": 0.5, "route": "plan"},
    }

    kind: Literal["moving-earth"] = "moving-earth"
    p: str = knob("3, 2, 1, 4", "P", "The earth as it lies: masses, or place: mass.", takes=PILES)
    q: str = knob("1, 2, 4, 3", "Q", "The earth as it shall lie, as much as in P.", takes=PILES)
    moved: float = knob(0.5, "Moved", "How much of the way the earth has gone, 0 to 1.", ge=0, le=1)
    route: Literal["neighbours", "plan"] = knob(
        "neighbours", "Route", "From neighbour to neighbour as in Figure 7, or straight by the cheapest plan."
    )
    power: float = knob(1.0, "p", "A move costs its mass times its distance to this power.", ge=0.25, le=4)
    r: str = knob("4, 3, 2, 1", "R", "A third pile for the triangle inequality, scaled to as much as P.", takes=PILES)

    @field_validator("p", "q", "r")
    @classmethod
    def _on_a_line(cls, text: str) -> str:
        if read_piles(text).dimension > 1:
            raise PilesError("these piles lie on a line: write masses, or place: mass")
        return text

    @model_validator(mode="after")
    def _as_much(self) -> Self:
        try:
            check_totals(p=read_piles(self.p), q=read_piles(self.q))
        except PilesError as error:
            raise PilesError(f"q: {error}") from None
        return self

    def compute(self) -> Result:
        at = _EarthMove.of(self)
        return Result(
            panels=(at.piles(), at.walk_panel(), at.routes(), at.plan()),
            numbers=at.numbers(read_piles(self.r)),
            tables=(at.steps(), at.bill()),
            reading=at.reading(),
        )


@dataclass(frozen=True, eq=False)
class _EarthMove:
    """Everything that the panels are made of, computed once."""

    p: Piles
    q: Piles
    power: float
    walk: Walk
    best: Transport
    moves: list[Move]
    time: float  # in moves

    @classmethod
    def of(cls, figure: MovingEarth) -> _EarthMove:
        p, q = read_piles(figure.p), read_piles(figure.q)
        walk, best = Walk.between(p, q), Transport.between(p, q, figure.power)
        moves = walk.moves() if figure.route == "neighbours" else best.moves(walk)
        return cls(p, q, figure.power, walk, best, moves, figure.moved * len(moves))

    @property
    def price(self) -> str:
        return "|x − y|" if self.power == 1 else f"|x − y|^{self.power:g}"

    @property
    def done(self) -> int:
        return int(self.time)

    @property
    def on_the_way(self) -> tuple[Move, float] | None:
        """The move that is being made and how far it is, 0 to 1."""
        part = self.time - self.done
        return (self.moves[self.done], part) if part > 0 else None

    # Panels

    def piles(self) -> Panel:
        places = self.walk.places
        held = self.walk.after(self.moves[: self.done])
        width = 0.7 * (np.diff(places).min() if len(places) > 1 else 1.0)
        top = max(held.max(), self.walk.wanted.max(), self.walk.held.max())
        layers: list[AnyLayer] = []
        if self.on_the_way is not None:
            move, part = self.on_the_way
            held = held.copy()
            held[move.source] -= move.mass
            x, y = places[move.source], places[move.target]
            there = x + part * (y - x)
            layers = [
                Bars(_at(there), _at(move.mass), "on its way", "critic", 0.6 * width, 1.15 * top),
                Arrows(_at(x), _at(1.1 * top), _at(y - x), _at(0.0), "", "ink", 2.0),
                Words(_at(there), _at(1.15 * top + move.mass / 2), (shown(move.mass),), "ink"),
            ]
        layers = [
            Bars(places, self.walk.wanted, "Q, wanted", "generated", width),
            Bars(places, held, "now, from P", "real", 0.5 * width),
            *layers,
        ]
        return Panel(
            "piles",
            f"The earth after {_moves(self.done)} of {len(self.moves)}",
            tuple(layers),
            "place",
            "mass",
            x_range=_around(places, width),
            y_range=(0.0, 1.2 * top + max((m.mass for m in self.moves), default=0.0)),
            help="Broad bars are what is wanted, narrow bars what lies there now. Earth in the air is on its way.",
        )

    def walk_panel(self) -> Panel:
        places, delta = self.walk.places, self.walk.delta
        middles = (places[:-1] + places[1:]) / 2
        layers: tuple[AnyLayer, ...] = (
            Curve(np.repeat(places, 2), np.stack([delta[:-1], delta[1:]], 1).ravel(), "δ", "em", fill=True),
        )
        if 1 < len(places) <= NUMBERED:
            layers += (Words(middles, delta[1:-1] / 2, tuple(shown(d) for d in delta[1:-1]), "ink"),)
        reach = max(1e-9, float(np.abs(delta).max()))
        return Panel(
            "walk",
            "What crosses from left to right, δ",
            layers,
            "place",
            "mass",
            x_range=_around(places, 0.0),
            y_range=(-1.25 * reach, 1.25 * reach),
            help="Walking from left to right, δ is what P had more than Q so far: it has to be carried on. Below 0 it"
            " comes the other way. The shaded area, counted positive, is W.",
        )

    def routes(self) -> Panel:
        layers: list[AnyLayer] = []
        for i, j in np.argwhere(self.best.plan > 0):
            stays = self.p.line[i] == self.q.line[j]
            ends = _at(self.p.line[i], self.q.line[j])
            thick = 1 + 7 * float(self.best.plan[i, j])
            layers.append(Curve(ends, _at(1.0, 0.0), "", "quiet" if stays else "em", width=thick))
        for piles, y, name, role in ((self.p, 1.0, "P", "real"), (self.q, 0.0, "Q", "generated")):
            there = piles.line[piles.masses > 0]
            layers.append(Marks(there, np.full(len(there), y), name, role, 11))  # type: ignore[arg-type]
        return Panel(
            "routes",
            f"The cheapest plan for cost {self.price}",
            tuple(layers),
            "place",
            "",
            x_range=_around(self.walk.places, 0.5),
            y_range=(-0.2, 1.2),
            help="P above, Q below; the thicker a line, the more earth goes that way. Above p = 1 no two lines need cross;"
            " below 1 what can stay stays, and one long move is better than several short ones.",
        )

    def plan(self) -> Panel:
        gamma = self.best.plan * self.p.total
        n, m = gamma.shape
        rows, columns = np.arange(1.0, n + 1), np.arange(1.0, m + 1)
        layers: list[AnyLayer] = [Heat(columns, rows, gamma, "γ")]
        if max(n, m) <= NUMBERED:
            i, j = np.nonzero(gamma)
            layers += [
                Words(columns[j], rows[i], tuple(shown(g) for g in gamma[i, j]), "ink"),
                Words(np.full(n, m + 0.9), rows, tuple(f"= {shown(g)}" for g in gamma.sum(1)), "real"),
                Words(columns, np.full(m, n + 0.9), tuple(f"= {shown(g)}" for g in gamma.sum(0)), "generated"),
            ]
        return Panel(
            "plan",
            "The plan γ and its margins",
            tuple(layers),
            "pile of Q",
            "pile of P",
            x_range=(0.4, m + 1.4),
            y_range=(0.4, n + 1.4),
            help="Row: where earth comes from, from the bottom up. Column: where it goes. Rows sum to P, columns to Q.",
        )

    # Numbers and tables

    def numbers(self, r: Piles) -> tuple[Number, ...]:
        p, q, power = self.p, self.q, self.power
        plain = self.best if power == 1 else Transport.between(p, q)
        in_order = monotone_cost(p, q, power)
        w_pq, w_qr, w_pr = (wasserstein(a, b, power) for a, b in ((p, q), (q, r), (p, r)))
        map_ = monge(p, q, power)
        no_map = "no map: a pile would have to split" if map_.exists is False else "not found in time: try fewer piles"
        total = p.total  # a plan's costs are those of earth of total 1
        small = 1e-9 * max(1.0, total * max(plain.cost, self.best.cost, in_order))
        root = min(1.0, 1 / power)
        return (
            Number(
                "W, by the plan for |x − y|",
                plain.cost * total,
                self.walk.cost,
                small,
                "Σ |δ_i| × distance: mass times distance",
            ),
            Number(
                "Cost of the best plan for |x − y|^p",
                self.best.cost * total,
                in_order * total if power >= 1 else None,
                small,
                "the plan that keeps the order" if power >= 1 else "below p = 1 the best plan need not keep the order",
            ),
            Number(
                "Cost of the best map (Monge)", map_.cost * total, note="each pile whole" if map_.exists else no_map
            ),
            Number(
                "W_p(P, Q), of total 1",
                w_pq,
                in_order**root if power >= 1 else None,
                small,
                "(cost / total)^(1/p)" if power >= 1 else "cost / total: below p = 1 there is no root",
            ),
            Number("W_p(P, P)", wasserstein(p, p, power), 0.0, small, "0: a pile is at distance 0 from itself"),
            Number("W_p(P, Q) − W_p(Q, P)", w_pq - wasserstein(q, p, power), 0.0, small, "0: there and back are equal"),
            Number(
                "W_p(P, R) over W_p(P, Q) + W_p(Q, R), by",
                max(0.0, w_pr - w_pq - w_qr),
                0.0,
                small,
                f"never over: {shown(w_pr)} ≤ {shown(w_pq)} + {shown(w_qr)}, the triangle inequality",
            ),
        )

    def steps(self) -> Table:
        """The walk, step by step."""
        delta, gaps = self.walk.delta, np.append(np.diff(self.walk.places), 0.0)
        return Table(
            "The walk",
            ("place", "P", "Q", "δ before + P − Q = δ", "|δ| × distance to the next"),
            tuple(
                (
                    shown(x),
                    shown(held),
                    shown(wanted),
                    f"{shown(before)} + {shown(held)} − {shown(wanted)} = {shown(after)}",
                    shown(abs(after) * gap),
                )
                for x, held, wanted, before, after, gap in zip(
                    self.walk.places, self.walk.held, self.walk.wanted, delta[:-1], delta[1:], gaps, strict=True
                )
            ),
        )

    def bill(self) -> Table:
        """The moves and what each costs."""
        places = self.walk.places
        return Table(
            "The moves",
            ("from", "to", "mass", "mass × |x − y|^p"),
            tuple(
                (
                    shown(places[move.source]),
                    shown(places[move.target]),
                    shown(move.mass),
                    shown(move.mass * abs(places[move.source] - places[move.target]) ** self.power),
                )
                for move in self.moves
            ),
        )

    def reading(self) -> str:
        if not self.moves:
            return "P and Q are the same: nothing moves, and every W_p is 0."
        spent = sum(
            m.mass * abs(self.walk.places[m.source] - self.walk.places[m.target]) for m in self.moves[: self.done]
        )
        best = shown(self.best.cost * self.p.total)
        way = "" if self.power == 1 else f" For cost {self.price} the best plan costs {best}."
        return (
            f"After {self.done} of {_moves(len(self.moves))} {shown(spent)} is spent, mass times distance."
            f" No way costs less than W = {shown(self.walk.cost)} in all.{way}"
        )


def _around(places: Floats, margin: float) -> tuple[float, float]:
    margin += 0.05 * float(places[-1] - places[0]) + (0.5 if len(places) == 1 else 0.0)
    return float(places[0]) - margin, float(places[-1]) + margin


def _at(*values: float) -> Floats:
    return np.array(values, dtype=np.float64)


def _moves(n: int) -> str:
    return f"{n} move" if n == 1 else f"{n} moves"
