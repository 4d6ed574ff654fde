"""Runs between the store and files: a stored run as a bundle, and a bundle as a stored run."""

from __future__ import annotations

from wgan_core.export.bundle import check_state
from wgan_core.export.manifest import MOST_ROWS
from wgan_core.export.replay import counted_before, snapshots_of
from wgan_core.export.subject import Bundle, ExportProblem
from wgan_core.history import LaneView
from wgan_core.store import AddedLane, BadCheckpoint, Store, StoreProblem
from wgan_core.training.state import State


def find(store: Store, run_id: str) -> Bundle:
    """A stored run, live ones as they are now: all rows that are kept, all frames, and the newest state of each lane.

    Raises
    ------
    NotStored
        There is no such run.
    ExportProblem
        The store cannot be read.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     find(Store(Path(folder)), "nobody")
    Traceback (most recent call last):
    wgan_core.store.reading.NotStored: There is no stored run 'nobody'. It may have been deleted.
    """
    try:
        run = store.run(run_id)
        lanes = range(len(run.lanes))
        # Before the views: of a live run, a state is then never of a later step than its view.
        states = [_state(store, run_id, lane) for lane in lanes]
        return Bundle.of(store.whole_view(run_id, MOST_ROWS), states)
    except StoreProblem as problem:
        raise ExportProblem(str(problem)) from problem


def keep(store: Store, bundle: Bundle) -> str:
    """Put a run into the store, as one that has ended. Returns its id: another one if there is a run of this id.

    A run that was live counts as interrupted. Lanes that came with a state can be gone on with.

    Raises
    ------
    ExportProblem
        The store cannot be written to. Nothing of the run is in it then.
    """
    lanes = [_added(view, state) for view, state in zip(bundle.view.lanes, bundle.states, strict=True)]
    try:
        return store.add(bundle.view.id, bundle.view.config, lanes)
    except StoreProblem as problem:
        raise ExportProblem(f"The run has not been imported. {problem}") from problem


def _state(store: Store, run_id: str, lane: int) -> State | None:
    try:
        return store.checkpoint(run_id, lane, fits=check_state).state
    except BadCheckpoint:
        return None


def _added(view: LaneView, state: State | None) -> AddedLane:
    if state is None:
        return AddedLane(view, tuple(snapshots_of(view)))
    return AddedLane(view, tuple(snapshots_of(view)), state, *counted_before(view, int(state["step"])))
