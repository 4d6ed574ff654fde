"""What experiments are judged from: the histories of trainings, one a seed, and the numbers of computed figures."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import median_filter
from scipy.stats import rankdata

from wgan_core.config import TrainingConfig
from wgan_core.history import Floats, LaneView
from wgan_core.theory.result import Number

LATE = 0.2


class NoVerdict(Exception):
    """There is no verdict from this evidence, with the reason as a sentence."""


@dataclass(frozen=True)
class Track:
    """One training with one seed: its config, and its scalars by name with the clocks, (rows,) each."""

    config: TrainingConfig
    history: Mapping[str, Floats]

    def scalar(self, name: str) -> Floats:
        """A scalar over time, NaN where it was not measured."""
        return self.history.get(name, np.full(len(self.history["step"]), math.nan))


@dataclass(frozen=True)
class Tracks:
    """The trainings of an experiment, by the name of the lane, one track a seed.

    Its methods take a lane's name and the name of a scalar, and return one number for each seed, shape (seeds,).
    """

    tracks: Mapping[str, Sequence[Track]]

    @classmethod
    def of(cls, views: Sequence[tuple[Sequence[str], Sequence[LaneView]]]) -> Tracks:
        """From the views of runs, each with the names of its lanes. Lanes of one name are seeds of one thing."""
        tracks: dict[str, list[Track]] = {}
        for names, lanes in views:
            for name, view in zip(names, lanes, strict=True):
                members = (view.member(i) for i in range(view.seeds))
                tracks.setdefault(name, []).extend(Track(each.config, each.history) for each in members)
        return cls(tracks)

    def each(self, lane: str, function: Callable[[Track], float]) -> Floats:
        """What a function says of each seed."""
        return np.array([function(track) for track in self.tracks[lane]], dtype=np.float64)

    def end(self, lane: str, name: str) -> Floats:
        """The last value. NaN if the seed has not come so far."""
        return self.each(lane, lambda track: float(track.scalar(name)[-1]))

    def late(self, lane: str, name: str, share: float = LATE) -> Floats:
        """The median of the last fifth of the rows, or of another share."""

        def median(track: Track) -> float:
            values = track.scalar(name)
            return _median(values[-max(1, round(share * len(values))) :])

        return self.each(lane, median)

    def least(self, lane: str, name: str) -> Floats:
        """The smallest value."""

        def smallest(track: Track) -> float:
            values = track.scalar(name)
            values = values[np.isfinite(values)]
            return float(values.min()) if len(values) else math.nan

        return self.each(lane, smallest)

    def left(self, lane: str, name: str) -> Floats:
        """How much of a scalar is left late, as a share of its first value: that of the untrained networks, if measured then."""

        def first(track: Track) -> float:
            values = track.scalar(name)
            values = values[np.isfinite(values)]
            return float(values[0]) if len(values) else math.nan

        return self.late(lane, name) / self.each(lane, first)

    def reached(self, lane: str, name: str, at_least: float = -math.inf, at_most: float = math.inf) -> Floats:
        """The first step at which a scalar is in a range; infinite where it never is."""

        def first(track: Track) -> float:
            values = track.scalar(name)
            there = np.flatnonzero((values >= at_least) & (values <= at_most))
            return float(track.history["step"][there[0]]) if len(there) else math.inf

        return self.each(lane, first)

    def rank_correlation(self, lane: str, name: str, other: str, window: int = 1) -> Floats:
        """Spearman's rank correlation of two scalars over the snapshots of a seed. NaN where one is constant.

        Parameters
        ----------
        window : int
            The first scalar passes a median filter of so many snapshots, as the WGAN paper's curves do.
        """

        def spearman(track: Track) -> float:
            a, b = track.scalar(name), track.scalar(other)
            there = np.isfinite(a) & np.isfinite(b)
            a = median_filter(a[there], window, mode="nearest")
            return correlation(rankdata(a), rankdata(b[there]))

        return self.each(lane, spearman)


@dataclass(frozen=True)
class Computations:
    """The numbers of figures by the name of the part, one mapping a seed."""

    parts: Mapping[str, Sequence[Mapping[str, Number]]]

    def value(self, part: str, name: str) -> Floats:
        """A number over the seeds; NaN where the figure has none of this name."""
        return np.array([seed[name].value if name in seed else math.nan for seed in self.parts[part]])

    def missed(self, part: str) -> Floats:
        """How many of the numbers that have a closed form do not meet it, over the seeds."""
        return np.array([float(sum(n.holds is False for n in seed.values())) for seed in self.parts[part]])


def correlation(a: Floats, b: Floats) -> float:
    """Pearson's correlation; NaN for fewer than three pairs, or where one does not vary.

    Examples
    --------
    >>> correlation(np.array([1.0, 2.0, 3.0]), np.array([3.0, 2.0, 1.0]))
    -1.0
    """
    if len(a) < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return math.nan
    return float(np.corrcoef(a, b)[0, 1].round(12))


def _median(values: Floats) -> float:
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if len(finite) else math.nan
