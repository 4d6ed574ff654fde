"""Any run by its id: one that this process trains or remembers, one that is stored, or one that came with the software."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from wgan_core.config import RunConfig
from wgan_core.export.bundle import read_bundle
from wgan_core.export.subject import Bundle
from wgan_core.history import LaneView, RunView, Status
from wgan_core.host import ASSETS
from wgan_core.runs.manage import UnknownRun, manager
from wgan_core.runs.run import Run
from wgan_core.schema import ConfigError
from wgan_core.store import NotStored, Parent
from wgan_core.store.reading import unreadable

RECORDED = ASSETS / "runs"


@dataclass(frozen=True)
class Past:
    """A run that is looked at only: this process does not train it.

    Attributes
    ----------
    view : callable
        Gives the view of the run as it is now. Another process may be training it.
    name : str
        What its owner called it, "" for nothing.
    parent : Parent or None
        What it was forked from.
    stored : bool
        It can be gone on with, named and deleted; one that came with the software cannot.
    """

    id: str
    config: RunConfig
    view: Callable[[], RunView]
    name: str = ""
    parent: Parent | None = None
    stored: bool = True

    @property
    def status(self) -> Status:
        return self.view().status

    def lane_view(self, lane: int = 0) -> LaneView:
        return self.view().lanes[lane]


@dataclass(frozen=True)
class Recorded:
    """A run that comes with the software, so that there is something to see at once.

    Attributes
    ----------
    name : str
        Of its file, and its id.
    title, shows : str
        A name on screen, and what one sees in a sentence.
    several : bool
        It has several lanes.
    """

    name: str
    title: str
    shows: str
    several: bool = False

    @property
    def bundle(self) -> Bundle:
        return _bundle(self.name)

    @property
    def past(self) -> Past:
        bundle = self.bundle
        return Past(bundle.view.id, bundle.view.config, lambda: bundle.view, self.title, stored=False)


@lru_cache(maxsize=8)
def _bundle(name: str) -> Bundle:
    return read_bundle(str(RECORDED / f"{name}.zip"))


RECORDINGS: dict[str, Recorded] = {
    found.name: found
    for found in (
        Recorded(
            "recorded-three-objectives",
            "Three objectives on the ring",
            "A GAN collapses, while WGAN-clip finds the circle and then its modes, and WGAN-GP covers all eight.",
            several=True,
        ),
        Recorded(
            "recorded-clip-turned",
            "WGAN-clip whose c is turned",
            "With c = 0.001 the critic is nearly flat and Ŵ close to 0; at step 300 c is turned to 0.05, and Ŵ comes alive.",
        ),
        Recorded(
            "recorded-fashion",
            "Clothes by WGAN-GP",
            "A DCGAN learns to draw Fashion-MNIST; the slider goes through its pictures.",
        ),
    )
}


def find(run_id: str) -> Run | Past:
    """The run with this id.

    Raises
    ------
    UnknownRun
        There is none.
    StoreProblem
        The store cannot be read, so that nobody knows.
    """
    runs = manager()
    try:
        return runs.get(run_id)
    except UnknownRun:
        if run_id in RECORDINGS:
            return RECORDINGS[run_id].past
        store = runs.store
        if store is None:
            raise
    try:
        row = store.run(run_id)
        config = row.config
    except NotStored:
        raise UnknownRun(run_id) from None
    except ConfigError as error:
        raise unreadable(run_id, error) from error
    return Past(run_id, config, lambda: store.view(run_id), row.name, row.parent)
