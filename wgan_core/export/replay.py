"""A view as the row of snapshots that it was made of: for a store that takes runs snapshot by snapshot."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from wgan_core.history import CLOCKS, LaneView, Snapshot


def snapshots_of(view: LaneView) -> Iterator[Snapshot]:
    """One snapshot for each row of the history, oldest first, with its arrays where a frame is of that moment.

    Scalars that were absent are absent; of several seeds, those that no seed has.

    Examples
    --------
    >>> from wgan_core.config import TrainingConfig
    >>> history = {name: np.array([0.0, 2.0]) for name in CLOCKS} | {"w1": np.array([np.nan, 1.5])}
    >>> view = LaneView("a", 0, TrainingConfig.parse({}), "finished", "CPU", 2, 2, 0, 0.0, 0.0, history, None)
    >>> [(s.step, dict(s.scalars)) for s in snapshots_of(view)]
    [(0, {}), (2, {'w1': 1.5})]
    """
    frames = {(frame.step, frame.critic_steps, frame.seconds): frame for frame in view.frames}
    for row in range(len(view.history["step"])):
        step, critic_steps, seconds = (float(view.history[name][row]) for name in CLOCKS)
        at = int(step), int(critic_steps), seconds
        if at in frames:
            yield frames[at]
            continue
        found = {name: column[row] for name, column in view.history.items() if name not in CLOCKS}
        there = {name: value for name, value in found.items() if not np.isnan(value).all()}
        yield Snapshot(*at, {name: float(v) if view.seeds == 1 else v.copy() for name, v in there.items()})


def counted_before(view: LaneView, step: int) -> tuple[int, int]:
    """How many rows of the history, and how many events, had been recorded when a state of this step was taken."""
    return int((view.history["step"] <= step).sum()), sum(event.step <= step for event in view.events)
