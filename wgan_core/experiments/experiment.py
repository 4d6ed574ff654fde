"""An experiment: a claim of a paper, what would show it here, and the rule by which numbers decide."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar, Literal

from wgan_core.config import RunConfig
from wgan_core.datasets import Published, lacking
from wgan_core.experiments.tracks import Computations, NoVerdict, Tracks
from wgan_core.experiments.verdict import Quantity, Verdict, verdict
from wgan_core.history import LIVE, LaneView
from wgan_core.theory import build
from wgan_core.theory.figure import Figure, Question
from wgan_core.theory.result import Number, Result

# The control is small, and set so that the claim must not hold.
Size = Literal["quick", "full", "control"]
SIZES: tuple[Size, ...] = ("quick", "full", "control")
Paper = Literal["wgan", "improved", "khelifa-rossa", "gan-to-wgan", "moses-bai"]
PAPERS: dict[Paper, str] = {
    "wgan": "Arjovsky, Chintala, Bottou 2017: Wasserstein GAN",
    "improved": "Gulrajani et al. 2017: Improved Training of Wasserstein GANs",
    "khelifa-rossa": "Khelifa, Rossa: Wasserstein Generative Adversarial Networks",
    "gan-to-wgan": "Weng 2019: From GAN to WGAN",
    "moses-bai": "Moses, Bai 2023: GANs and W-GANs",
}


@dataclass(frozen=True)
class Claim:
    """What every experiment says, however it is judged.

    Attributes
    ----------
    name : str
        At most 29 letters, digits and dashes.
    source : str
        Section and figure.
    claim : str
        One sentence that could be false.
    question : Question
        To be answered before one looks. Its answer is what was measured here.
    criterion : str
        What is measured and the thresholds, in words.
    why : str
        Why these thresholds.
    control : str
        What is different in the control, in which the claim must not hold.
    minutes : Mapping[Size, float]
        Measured on two CPU cores, of the quick and the full size. On a GPU it was not measured.
    tries : tuple[str, ...]
        What to try next.
    """

    name: str
    title: str
    paper: Paper
    source: str
    claim: str
    question: Question
    criterion: str
    why: str
    control: str
    minutes: Mapping[Size, float]
    tries: tuple[str, ...]

    def lacks(self, size: Size) -> str:
        """What is not on this computer and must be fetched before it can run, as a sentence; empty if it can."""
        return ""


@dataclass(frozen=True)
class Leg:
    """One race of an experiment.

    Attributes
    ----------
    name : str
        Its own within the experiment.
    lanes : tuple[str, ...]
        What the lanes are called. Lanes of one name in several legs are seeds of one thing.
    settings : dict
        What :meth:`wgan_core.config.run.RunConfig.parse` takes.
    own_pictures : bool
        Whether pictures of the reader's own may stand in for its data set.
    """

    name: str
    lanes: tuple[str, ...]
    settings: Mapping[str, Any]
    own_pictures: bool = False

    @cached_property
    def config(self) -> RunConfig:
        return RunConfig.parse(self.settings)

    def on(self, pictures: Mapping[str, Any]) -> Leg:
        """The same on pictures of the reader's own: a data set as a config has it. Itself where they cannot stand in."""
        if not self.own_pictures:
            return self
        return replace(
            self, settings={**self.settings, "shared": {**self.settings["shared"], "dataset": dict(pictures)}}
        )


@dataclass(frozen=True)
class TrainedExperiment(Claim):
    """An experiment that trains.

    Attributes
    ----------
    legs : Mapping[Size, tuple[Leg, ...]]
        Races that run one after another.
    shows : tuple[str, ...]
        The scalars that show it best, to be drawn over the steps.
    measure : callable
        The numbers that decide.
    """

    form: ClassVar = "trained"
    legs: Mapping[Size, tuple[Leg, ...]] = field(default_factory=dict)
    shows: tuple[str, ...] = ("w1", "modes_covered")
    measure: Callable[[Tracks], Sequence[Quantity]] = field(default=lambda _: ())

    def missing(self, size: Size) -> Published | None:
        """The first data set whose files are not on this computer."""
        found = (lacking(leg.config.lanes[0].dataset) for leg in self.legs[size])
        return next((data for data in found if data is not None), None)

    def lacks(self, size: Size) -> str:
        if (data := self.missing(size)) is None:
            return ""
        get = f"Get them with “python -m wgan_core fetch {data.kind}”"
        own = ", or name pictures of your own with --pictures" if self.takes_pictures(size) else ""
        return f"It needs the files of {data.label}, which are not on this computer. {get}{own}."

    def takes_pictures(self, size: Size) -> bool:
        """Whether it can be tried on pictures of the reader's own."""
        return any(leg.own_pictures for leg in self.legs[size])

    def on(self, pictures: Mapping[str, Any]) -> TrainedExperiment:
        """The same on pictures of the reader's own, where they can stand in: see :meth:`Leg.on`."""
        return replace(self, legs={size: tuple(leg.on(pictures) for leg in legs) for size, legs in self.legs.items()})

    def judge(self, evidence: Tracks) -> Verdict:
        """The verdict from the histories of all legs of one size."""
        return verdict(self.measure(evidence))

    def evidence(self, size: Size, views: Mapping[str, Sequence[LaneView]]) -> Tracks:
        """What the runs of one size have shown.

        Parameters
        ----------
        views : Mapping[str, Sequence[LaneView]]
            The views of all lanes, live or stored, by the leg's name.

        Raises
        ------
        NoVerdict
            A leg is missing, has not finished, failed, or had its knobs turned.
        """
        found = []
        for leg in self.legs[size]:
            if leg.name not in views:
                raise NoVerdict(f"{leg.name} has not run.")
            for name, view, config in zip(leg.lanes, views[leg.name], leg.config.lanes, strict=True):
                _check(name, view, config.steps)
            found.append((leg.lanes, views[leg.name]))
        return Tracks.of(found)


def _check(lane: str, view: LaneView, steps: int) -> None:
    if view.status in LIVE:
        raise NoVerdict("It is still running.")
    if view.failure is not None:
        raise NoVerdict(f"{lane} failed: {view.failure.message}")
    if view.status != "finished":
        raise NoVerdict(f"It was {view.status} before its end.")
    if view.config.steps != steps or any(event.kind in ("edit", "fork") for event in view.events):
        raise NoVerdict(f"{lane} did not train with the experiment's settings: its knobs were turned, or it went on.")


@dataclass(frozen=True)
class Computation:
    """A figure of the theory lab with these settings, computed once for each seed if it has one."""

    name: str
    figure: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    seeds: int = 1

    def figures(self) -> list[Figure]:
        """One a seed. ConfigError if the settings are not allowed."""
        if self.seeds == 1:
            return [build(self.figure, self.settings)]
        return [build(self.figure, {**self.settings, "seed": seed}) for seed in range(self.seeds)]


@dataclass(frozen=True)
class Computed(Claim):
    """An experiment that is judged from figures of the theory lab."""

    form: ClassVar = "computed"
    parts: Mapping[Size, tuple[Computation, ...]] = field(default_factory=dict)
    measure: Callable[[Computations], Sequence[Quantity]] = field(default=lambda _: ())

    def judge(self, computations: Computations) -> Verdict:
        """The verdict from the numbers of all parts of one size."""
        return verdict(self.measure(computations))

    def compute(self, size: Size) -> Iterator[Progress]:
        """Compute all figures of one size, frame by frame; the last item has the numbers.

        May be closed between frames.
        """
        numbers: dict[str, list[dict[str, Number]]] = {}
        figures = [(part.name, figure) for part in self.parts[size] for figure in part.figures()]
        for done, (name, figure) in enumerate(figures):
            for result in figure.frames():
                yield Progress(name, figure, result, (done + result.progress) / len(figures), None)
            numbers.setdefault(name, []).append({number.name: number for number in result.numbers})
        yield Progress(name, figure, result, 1.0, Computations(numbers))


@dataclass(frozen=True, eq=False)
class Progress:
    """How far a computed experiment has come: the figure at hand as it is now, the share done, and at the end the numbers."""

    part: str
    figure: Figure
    result: Result
    share: float
    computations: Computations | None


Experiment = TrainedExperiment | Computed
