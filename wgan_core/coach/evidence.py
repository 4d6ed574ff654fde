"""A run's history as the coach's rules look at it: what is lately so, what was so at the start, how two curves go together.

Everything is robust to what is absent: a number that cannot be had is NaN, and every comparison with NaN is false, so
that a rule about modes is silent on data without modes.
"""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np

from wgan_core.config import TrainingConfig
from wgan_core.history import Floats, LaneView

# Fewer rows than this, since the start or since a knob was turned, are no basis for a judgement.
FEWEST_ROWS = 10
# "Lately" is the last fifth of the rows, and at least this many: a median of five shrugs off two outliers.
LATE_SHARE, LATE_ROWS = 0.2, 5
# Of the way from the untrained generator's W1 to the floor. Measured: runs in which nothing fails have at most 0.3 left at
# their end, failures of the critic 0.5 and more.
FAR = 0.5
# W1 "falls" while its median is a tenth below that of the stretch before: more than its noise in a run that has settled.
FALLING = 0.9
# Without W1, on images: the WGAN-GP preset's estimate falls to a fifth in 150 steps; one that is still where it was is far.
ESTIMATE_FAR = 0.8
# The slope of a critic that a constraint holds: measured 0.9 to 2.9 in healthy WGAN-GP runs with λ from 0.1 to 10 (5.5 in
# their first steps), 12 and more where c or λ holds nothing.
STEEP = 8.0


def rank_correlation(a: Floats, b: Floats) -> float:
    """Spearman's ρ of two series of one length, without correction for ties; NaN for fewer than 3 values.

    Examples
    --------
    >>> rank_correlation(np.array([1.0, 2.0, 9.0]), np.array([0.5, 0.1, 0.0]))
    -1.0
    """
    if len(a) < 3:
        return math.nan
    n = len(a)
    difference = a.argsort().argsort() - b.argsort().argsort()
    return float(1 - 6 * (difference.astype(float) ** 2).sum() / (n * (n * n - 1)))


def running_median(values: Floats, width: int = LATE_ROWS) -> Floats:
    """The median of each ``width`` neighbours, shorter than ``values`` by ``width`` − 1: one minibatch is noisy."""
    if len(values) < width:
        return values
    return np.asarray(np.median(np.lib.stride_tricks.sliding_window_view(values, width), axis=-1))


class Evidence:
    """What a rule may look at: the history of one seed since a knob was last turned.

    Parameters
    ----------
    view : LaneView
        Of one seed (``view.seeds`` is 1).
    """

    def __init__(self, view: LaneView) -> None:
        self.view = view
        edits = [event.step for event in view.events if event.kind == "edit"]
        # What was measured before an edit says nothing of the settings now; nothing is trained in the row of step 0.
        self._since = int(np.searchsorted(view.history["step"], max(edits, default=0), "right"))

    @property
    def config(self) -> TrainingConfig:
        return self.view.config

    @property
    def rows(self) -> int:
        """Rows since the start, or since the last edit."""
        return len(self.view.history["step"]) - self._since

    @property
    def enough(self) -> bool:
        return self.rows >= FEWEST_ROWS

    @property
    def ended_at(self) -> int | None:
        """The last step with a loss, where the history goes on without: one of several seeds has left the finite numbers."""
        loss = self.view.history.get("critic_loss", np.empty(0))
        finite = np.flatnonzero(np.isfinite(loss))
        return int(self.view.history["step"][finite[-1]]) if len(finite) and finite[-1] < len(loss) - 1 else None

    def all(self, name: str) -> Floats:
        """The finite values of a scalar since the last edit, shape (rows,) at most; empty where there are none."""
        column = self.view.history.get(name)
        if column is None:
            return np.empty(0)
        column = column[self._since :]
        return column[np.isfinite(column)]

    def late(self, name: str) -> Floats:
        """The finite values in the last fifth of the rows."""
        values = self.all(name)
        return values[-self._late_rows :]

    def now(self, name: str) -> float:
        """The median of a scalar lately, or NaN."""
        return _median(self.late(name))

    def before(self, name: str) -> float:
        """The median of a scalar in the stretch of rows just before lately, or NaN."""
        n = self._late_rows
        return _median(self.all(name)[-2 * n : -n])

    def start(self, name: str) -> float:
        """The first value of a scalar in the whole run (of the untrained networks, if measured then), or NaN."""
        values = self.view.history.get(name, np.empty(0))
        finite = values[np.isfinite(values)]
        return float(finite[0]) if len(finite) else math.nan

    @property
    def _late_rows(self) -> int:
        return max(LATE_ROWS, int(LATE_SHARE * self.rows))

    @cached_property
    def modes(self) -> int:
        """Number of modes of the data, 0 where there are none."""
        where = self.config.dataset.modes()
        return 0 if where is None else len(where.centres)

    @property
    def slope(self) -> float:
        """‖∇ₓf‖ between real and generated samples, lately."""
        return self.now("input_grad_norm_mean")

    @cached_property
    def way_left(self) -> float:
        """The share of the way from the untrained generator's W1 to the floor that is still to go: 1 at the start, about 0 at
        the end, more than 1 where things got worse. NaN without W1."""
        floor, start = self.now("w1_floor"), self.start("w1")
        return (self.now("w1") - floor) / (start - floor) if start > floor else math.nan

    @cached_property
    def first_estimate(self) -> float:
        """The objective's estimate in the first rows of training (median), or NaN."""
        values = self.view.history.get(self.config.objective.estimate_name, np.empty(0))
        return _median(values[np.isfinite(values)][:LATE_ROWS])

    @property
    def estimate(self) -> float:
        """The objective's estimate lately."""
        return self.now(self.config.objective.estimate_name)

    @property
    def estimate_left(self) -> float:
        """The estimate lately over the first: the one sign of progress that images give. NaN where it began below 0."""
        return self.estimate / self.first_estimate if self.first_estimate > 0 else math.nan

    @property
    def below_zero(self) -> float:
        """The share of rows in which the critic's estimate is below 0. A critic at its best is never there: f = 0 scores 0."""
        estimate = self.all("w_estimate")
        return float((estimate < 0).mean()) if len(estimate) else math.nan

    @property
    def far(self) -> bool:
        """The generator is still nearly as far from the data as it started, or farther."""
        return self.way_left > FAR or (math.isnan(self.way_left) and self.estimate_left > ESTIMATE_FAR)

    @property
    def falling(self) -> bool:
        """W1 has lately fallen by more than a tenth."""
        return self.now("w1") < FALLING * self.before("w1")

    @property
    def distance(self) -> str:
        """One sentence on how far the generator is, by the best measure there is."""
        if math.isnan(self.way_left):
            return f"The estimate went from {self.first_estimate:.3g} to {self.estimate:.3g}."
        w1, floor = self.now("w1"), self.now("w1_floor")
        return f"W1 started at {self.start('w1'):.2f} and is {w1:.2f}; real samples reach {floor:.2f}."


def _median(values: Floats) -> float:
    return float(np.median(values)) if len(values) else math.nan
