"""The optimal potential between two piles, drawn with the plan that pays for it and the critics that train towards it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist

from wgan_core.theory.critics import Critic, CriticReading, Recipe
from wgan_core.theory.result import AnyLayer, Bars, Curve, Floats, Heat, Level, Marks, Number, Panel, Role
from wgan_core.theory.transport import Transport

SIDE = 40  # of the grid in the plane
ALONG = 241  # places on the line


@dataclass(eq=False)
class WatchedCritic:
    """A critic with what was read of it so far."""

    name: str
    recipe: Recipe
    role: Role
    critic: Critic
    steps: list[int]
    readings: list[CriticReading]

    def look(self, step: int) -> None:
        self.steps.append(step)
        self.readings.append(self.critic.read())

    @property
    def now(self) -> CriticReading:
        return self.readings[-1]


class Scene:
    """What the linear program found, and where the critics are drawn."""

    def __init__(self, best: Transport) -> None:
        self.best = best
        self.p, self.q = best.p, best.q
        self.w1 = best.cost
        self.places = np.concatenate([self.p.places, self.q.places])
        low, high = self.places.min(0), self.places.max(0)
        margin = 0.15 * max(1.0, float((high - low).max()))
        axes = [
            np.linspace(a - margin, b + margin, ALONG if len(low) == 1 else SIDE)
            for a, b in zip(low, high, strict=True)
        ]
        self.axes = axes
        self.grid = np.stack([x.ravel() for x in np.meshgrid(*axes, indexing="xy")], 1)
        self.f = best.potential(self.grid)

    @property
    def on_a_line(self) -> bool:
        return len(self.axes) == 1

    def potentials(self, critics: list[WatchedCritic]) -> Panel:
        if not self.on_a_line:
            return self._map("potential-map", "The best critic f*, by the linear program", self.f)
        layers: list[AnyLayer] = [*self._piles_below()]
        for each in critics:
            f = self._levelled(each)
            layers.append(Curve(self.grid[:, 0], f, f"{each.name} / K", each.role))
        layers.append(Curve(self.grid[:, 0], self.f, "f*", "ink", "dash", 2.5))
        reach = float(np.ptp(self.f))
        return Panel(
            "potential",
            "The best critic f*, and the trained over their K",
            tuple(layers),
            "x",
            "score",
            y_range=(float(self.f.min()) - 0.45 * reach - 0.1, float(self.f.max()) + 0.25 * reach + 0.1),
            help="Bars: P and Q. Dashed: f* by the linear program. Full: each trained critic divided by its K and moved up or"
            " down, which changes no difference of means. Where no earth passes, f* may have any slope from −1 to 1.",
        )

    def critic(self, critics: list[WatchedCritic]) -> Panel:
        if not self.on_a_line:
            return self._map("critic-map", f"The trained critic: {critics[0].name}", critics[0].critic.at(self.grid))
        x = self.grid[:, 0]
        middles = (x[1:] + x[:-1]) / 2
        layers: list[AnyLayer] = [Level(1.0, "", "quiet", dash="dot"), Level(-1.0, "", "quiet", dash="dot")]
        for each in critics:
            layers.append(Curve(middles, np.diff(each.critic.at(self.grid)) / np.diff(x), each.name, each.role))
        layers.append(Curve(middles, np.diff(self.f) / np.diff(x), "f*", "ink", "dash", 2.5))
        return Panel(
            "critic",
            "Slopes of the critics, as they are",
            tuple(layers),
            "x",
            "f′(x)",
            y_range=(-3.0, 3.0),
            help="The best critic has slope 1 or −1 wherever earth passes. Clipped critics have slopes far from it.",
        )

    def plan(self) -> Panel:
        layers: list[AnyLayer] = []
        ends = self.p.places, self.q.places
        if self.on_a_line:
            ends = tuple(
                np.column_stack([places, np.full(len(places), y)]) for places, y in zip(ends, (1.0, 0.0), strict=True)
            )  # type: ignore[assignment]
        for i, j in np.argwhere(self.best.plan > 0):
            way = np.stack([ends[0][i], ends[1][j]])
            thick = 1 + 7 * float(self.best.plan[i, j])
            layers.append(Curve(way[:, 0], way[:, 1], "", "em", width=thick))
        for places, name, role in ((ends[0], "P", "real"), (ends[1], "Q", "generated")):
            layers.append(Marks(places[:, 0], places[:, 1], name, role, 11))  # type: ignore[arg-type]
        return Panel(
            "plan",
            "The cheapest plan",
            tuple(layers),
            "x",
            "" if self.on_a_line else "y",
            x_range=(float(self.axes[0][0]), float(self.axes[0][-1])),
            y_range=(-0.2, 1.2) if self.on_a_line else (float(self.axes[1][0]), float(self.axes[1][-1])),
            help="Where the earth of P goes in Q; the thicker a line, the more. Along each, f* falls by the length of the way.",
        )

    def numbers(self, critics: list[WatchedCritic]) -> tuple[Number, ...]:
        best = self.best
        anywhere = np.concatenate([self.places, self.grid[:: max(1, len(self.grid) // 200)]])
        f, apart = best.potential(anywhere), cdist(anywhere, anywhere)
        steepest = float((np.abs(f[:, None] - f) / np.where(apart > 0, apart, math.inf)).max())
        n = len(self.p.places)
        fall = f[:n, None] - f[n : len(self.places)][None] - apart[:n, n : len(self.places)]
        over = max(each.now.estimate - each.now.slope * self.w1 for each in critics)
        return (
            Number("W₁, price of the cheapest plan", self.w1, best.dual, 1e-8, "E_P[f*] − E_Q[f*]: no duality gap"),
            Number("duality gap", best.gap, 0.0, 1e-8, "price − dual value"),
            Number(
                "steepest slope of f*",
                steepest,
                1.0 if self.w1 > 0 else None,
                1e-9,
                "1-Lipschitz: between any two places of the chart at most 1",
            ),
            Number(
                "f*(x) − f*(y) − ‖x − y‖ where earth goes",
                float(np.abs(fall[best.plan > 0]).max()),
                0.0,
                1e-8,
                "0: complementary slackness",
            ),
            Number(
                "estimate over K W₁, at most, by",
                max(0.0, over),
                0.0,
                1e-6 * max(1.0, *(each.now.slope for each in critics)),
                "never over: along each way of the plan a critic falls by at most K times its length",
            ),
            Number(
                "estimate over K W₁, at least",
                min(
                    each.now.estimate / (each.now.slope * self.w1) if each.now.slope * self.w1 else math.nan
                    for each in critics
                ),
                note="of the critics in training; 1 for the best there is",
            ),
        )

    def _piles_below(self) -> list[AnyLayer]:
        """The piles as bars from the panel's floor."""
        reach = float(np.ptp(self.f)) + 0.2
        floor = float(self.f.min()) - 0.45 * reach
        top = max(self.p.shares.max(), self.q.shares.max())
        width = 0.02 * float(self.axes[0][-1] - self.axes[0][0])
        return [
            Bars(piles.line, 0.3 * reach * piles.shares / top, "", role, width, floor)  # type: ignore[arg-type]
            for piles, role in ((self.p, "real"), (self.q, "generated"))
        ]

    def _levelled(self, trained: WatchedCritic) -> Floats:
        """A critic divided by its K and moved to meet f* at the piles in the mean: a constant changes no estimate."""
        slope = max(trained.now.slope, 1e-12)
        constant = float((self.best.potential(self.places) - trained.critic.at(self.places) / slope).mean())
        return trained.critic.at(self.grid) / slope + constant

    def _map(self, name: str, title: str, f: Floats) -> Panel:
        f = f - f.mean()
        layers: list[AnyLayer] = [Heat(self.axes[0], self.axes[1], f.reshape(SIDE, SIDE), "score", 0.0)]
        for piles, label, role in ((self.p, "P", "real"), (self.q, "Q", "generated")):
            layers.append(Marks(piles.places[:, 0], piles.places[:, 1], label, role, 11))  # type: ignore[arg-type]
        return Panel(
            name,
            title,
            tuple(layers),
            "x",
            "y",
            equal=True,
            help="Scores around their mean. The best critic falls at slope 1 from P to Q, along the ways of the plan.",
        )
