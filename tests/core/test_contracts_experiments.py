"""What every experiment owes: words, configs, a criterion that names its thresholds, and a control in which the claim fails."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import pytest

from tests.core.helpers import often
from wgan_core.experiments import EXPERIMENTS, PAPERS, SIZES, Computed, Experiment, TrainedExperiment, Verdict, find
from wgan_core.experiments.standing import tag_of
from wgan_core.history import HISTORY_ROWS, LaneView
from wgan_core.runs import Run
from wgan_core.schema import ConfigError
from wgan_core.store.table import MOST_TAG
from wgan_core.theory import FIGURES
from wgan_core.theory.result import shown

SLOW = ("weight-clipping", "vanishing-gradient", "saturation", "perfect-discriminator")
EACH = pytest.mark.parametrize("name", EXPERIMENTS)
pytestmark = pytest.mark.usefixtures("few_points")
# A control on images takes as long as ten on points: all of them are tried where there is time.
ON_IMAGES = ("horse-gradients", "image-architectures", "image-curves")
# Those whose control trains, or computes for a while.
CONTROLLED = pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow) if isinstance(it, TrainedExperiment) or it.name in SLOW else name
        for name, it in EXPERIMENTS.items()
        if name not in ON_IMAGES[often(1, 3) :]
    ],
)
TRAINED = [name for name, experiment in EXPERIMENTS.items() if isinstance(experiment, TrainedExperiment)]
COMPUTED = [name for name, experiment in EXPERIMENTS.items() if isinstance(experiment, Computed)]
# Other ways to write a threshold.
WRITTEN = {8.0: "all", 1 / 3: "1/3", 0.99: "99 %", math.inf: "infinite", 0.25: "a quarter"}


@cache
def control(name: str) -> Verdict:
    """The verdict on the control of an experiment, one seed of it."""
    experiment = EXPERIMENTS[name]
    if isinstance(experiment, Computed):
        *_, last = experiment.compute("control")
        assert last.computations is not None
        return experiment.judge(last.computations)
    views: dict[str, tuple[LaneView, ...]] = {}
    with pytest.MonkeyPatch.context() as short:
        short.setattr("wgan_core.metrics.images.classifier.STEPS", 20)  # of the classifier that scores images
        for leg in experiment.legs["control"]:
            run = Run(leg.config.with_seeds(1))
            run.start()
            assert run.join(60)
            views[leg.name] = run.view().lanes
    return experiment.judge(experiment.evidence("control", views))


@EACH
def test_it_says_what_it_is(name: str) -> None:
    it = EXPERIMENTS[name]
    assert it.name == name
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert len(tag_of(it)) <= MOST_TAG
    assert it.paper in PAPERS
    for text in (it.claim, it.criterion, it.why, it.control, it.question.why, *it.tries):
        assert text.endswith((".", "?")), text
    assert it.title
    assert not it.title.endswith(".")
    assert it.source
    assert it.tries
    assert set(it.minutes) <= {"quick", "full"}
    assert all(minutes > 0 for minutes in it.minutes.values())


@EACH
def test_its_question_has_an_answer(name: str) -> None:
    question = EXPERIMENTS[name].question
    assert question.text.endswith(("?", "…"))
    assert len(set(question.options)) == len(question.options) >= 2
    assert 0 <= question.answer < len(question.options)


@CONTROLLED
def test_in_its_control_the_claim_fails(name: str) -> None:
    verdict = control(name)
    assert verdict.outcome == "not", verdict.text
    assert any(number.key and not number.holds for number in verdict.numbers)


@CONTROLLED
def test_its_criterion_names_every_threshold(name: str) -> None:
    criterion = EXPERIMENTS[name].criterion
    judged = [number for number in control(name).numbers if number.judged]
    assert judged
    for number in judged:
        bounds = [bound for bound in (number.low, number.high) if bound not in (-math.inf, math.inf)] or [number.low]
        ways = {way for b in bounds for way in (f"{abs(b):g}", shown(abs(b)), f"{b:.0e}", WRITTEN.get(b, "")) if way}
        ways |= {way.replace("e-0", "e-") for way in ways}
        ways |= {"ln 2"} if any(abs(b - math.log(2)) < 1e-3 for b in bounds) else set()
        ways |= {"1e-8", "1e-9"} if any(abs(b - 1) < 1e-6 for b in bounds) else set()
        ways |= {"no number", "meets"} if number.low == number.high == 0 else set()
        ways |= {"at least 1"} if number.name.startswith("modes with") else set()  # one more than without
        if "half" in criterion:
            ways |= {"half"} if 0.5 in bounds else set()
        assert any(way in criterion for way in ways), (number.name, bounds)


@pytest.mark.parametrize("name", TRAINED)
def test_all_its_races_parse_and_its_quick_size_is_the_smaller_one(name: str) -> None:
    it = EXPERIMENTS[name]
    assert isinstance(it, TrainedExperiment)
    assert set(it.legs) == set(SIZES)
    for size in SIZES:
        legs = it.legs[size]
        assert len({leg.name for leg in legs}) == len(legs) > 0
        for leg in legs:
            assert len(leg.lanes) == len(leg.config.lanes)
            # A history that is not thinned gives live and stored runs the same verdict.
            assert leg.config.length / leg.config.snapshot_every < HISTORY_ROWS
        assert {lane for leg in legs for lane in leg.lanes} == {lane for leg in it.legs["full"] for lane in leg.lanes}
    assert len(it.legs["quick"]) <= len(it.legs["full"])  # seeds of images are legs of their own
    for quick, full in zip(it.legs["quick"], it.legs["full"], strict=False):
        assert quick.config.seeds <= full.config.seeds
        assert quick.config.length <= full.config.length
    assert it.shows


@pytest.mark.parametrize("name", COMPUTED)
def test_all_its_figures_build_and_its_quick_size_is_the_smaller_one(name: str) -> None:
    it = EXPERIMENTS[name]
    assert isinstance(it, Computed)
    assert set(it.parts) == set(SIZES)
    figures = {size: [figure for part in it.parts[size] for figure in part.figures()] for size in SIZES}
    assert all(part.figure in FIGURES for size in SIZES for part in it.parts[size])

    def work(of: list[Any]) -> int:
        return sum(getattr(figure, "steps", 1) for figure in of)

    assert 0 < work(figures["quick"]) <= work(figures["full"])


@pytest.mark.parametrize("name", TRAINED)
def test_a_live_and_a_missing_leg_are_no_evidence(name: str) -> None:
    from wgan_core.experiments import NoVerdict

    it = EXPERIMENTS[name]
    assert isinstance(it, TrainedExperiment)
    with pytest.raises(NoVerdict, match="has not run"):
        it.evidence("quick", {})
    leg = it.legs["quick"][0]
    waiting = Run(leg.config.with_seeds(1)).view().lanes
    with pytest.raises(NoVerdict, match="still running"):
        it.evidence("quick", {each.name: waiting[: len(each.lanes)] for each in it.legs["quick"]})


def test_a_wrong_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ConfigError) as caught:
        find("ring-covrage")
    assert all(name in str(caught.value) for name in EXPERIMENTS)


def test_there_is_an_experiment_of_each_paper() -> None:
    found: set[Experiment | str] = {experiment.paper for experiment in EXPERIMENTS.values()}
    assert found == set(PAPERS)
