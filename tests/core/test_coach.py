"""The coach, on recorded runs: each failure was brought about by settings (``record_coach.py``), and its name comes first."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from time import perf_counter

import numpy as np
import pytest

from tests.core.helpers import often
from tests.core.record_coach import FOLDER, RECORDINGS, config_of, load, save, trained
from wgan_core.coach import RULES, Evidence, Finding, findings
from wgan_core.coach.evidence import FEWEST_ROWS, rank_correlation, running_median
from wgan_core.history import CLOCKS, Event, Failure, LaneView

pytestmark = pytest.mark.usefixtures("few_points")

EXPECTED = {
    "ring-gan-rotates": "rotating-modes",
    "ring-gan-slow-rotates": "rotating-modes",
    "two-gan-collapses": "mode-collapse",
    "ring-gan-misses-modes": "mode-collapse",
    "fashion-gan-collapses": "mode-collapse",
    "fashion-gan-misses-classes": "image-collapse",
    "lines-gan": "discriminator-won",
    "fashion-gan-saturates": "discriminator-won",
    "ring-gan-slow-generator": "js-at-ln-2",
    "fashion-gan-strong-critic": "js-at-ln-2",
    "ring-gp-slow-critic": "critic-behind",
    "ring-clip-slow-critic": "critic-behind",
    "lines-gp-critic-catches-up": "critic-behind",
    "narrow-ring-clip": "weights-at-clip",
    "grid-clip": "weights-at-clip",
    "ring-clip-1e-4": "c-too-small",
    "ring-clip-1e-3": "c-too-small",
    "ring-clip-0.3": "c-too-large",
    "ring-clip-1": "c-too-large",
    "ring-clip-beta1-0.99": "momentum",
    "ring-clip-beta1-0.99-again": "momentum",
    "ring-gp-lambda-0": "penalty-not-met",
    "ring-gp-lambda-1e-3": "penalty-not-met",
    "ring-gp-lambda-10": "lambda-too-large",
    "ring-gp-lambda-30": "lambda-too-large",
    "ring-gp-lambda-1000": "wrong-sign",
    "two-gp-lambda-1000": "wrong-sign",
    "ring-gp-rate-0.3": "learning-rate",
    "ring-gp-rate-0.05": "learning-rate",
    "ring-clip-rate-0.01": "learning-rate",
    "ring-gan-rate-0.05": "learning-rate",
    "ring-gp-diverges": "failed",
    "fashion-gp-scored-early": "image-middling",
    "ring-gan-works": "healthy",
    "ring-gan-saturating-works": "healthy",
    "two-gan-works": "middling",
    "ring-clip": "healthy",
    "ring-clip-again": "middling",
    "two-clip": "middling",
    "lines-clip": "healthy",
    "roll-clip": "middling",
    "ring-clip-beta1-0.9": "middling",
    "ring-gp": "healthy",
    "ring-gp-again": "healthy",
    "ring-gp-estimate": "middling",
    "ring-gp-lambda-0.1": "healthy",
    "ring-gp-layer-norm": "healthy",
    "two-gp": "middling",
    "lines-gp": "healthy",
    "roll-gp": "healthy",
    "grid-gp": "middling",
    "fashion-gp": "middling",
    "fashion-gp-scored": "healthy",
}
HEALTHY = [name for name, found in EXPECTED.items() if found == "healthy"]
MIDDLING = [name for name, found in EXPECTED.items() if found.endswith("middling")]
FAILURES = [name for name in EXPECTED if name not in HEALTHY + MIDDLING]

recorded = cache(load)


def names(view: LaneView) -> list[str]:
    return [found.name for found in findings(view)]


def cut(view: LaneView, rows: int) -> LaneView:
    """The view as it was after its first rows, while it was running."""
    history = {name: column[:rows] for name, column in view.history.items()}
    return replace(view, history=history, status="running", failure=None)


def together(*views: LaneView) -> LaneView:
    """Views of single runs as one view of several seeds, all as long as the shortest."""
    rows = min(len(view.history["step"]) for view in views)
    nothing = np.full(rows, math.nan)
    history = {
        name: views[0].history[name][:rows]
        if name in CLOCKS
        else np.stack([view.history.get(name, nothing)[:rows] for view in views], 1)
        for view in views
        for name in view.history
    }
    return replace(views[0], history=history, seeds=len(views))


# On recorded runs


@pytest.mark.parametrize("name", FAILURES)
def test_the_failure_that_the_settings_bring_about_comes_first(name: str) -> None:
    found = findings(recorded(name))
    assert found[0].name == EXPECTED[name]
    assert not any(each.healthy for each in found)


@pytest.mark.parametrize("name", HEALTHY + MIDDLING)
def test_a_run_without_failure_is_called_healthy_or_middling_and_nothing_else(name: str) -> None:
    (found,) = findings(recorded(name))
    assert found.name == EXPECTED[name]
    assert found.healthy is (name in HEALTHY)


@pytest.mark.parametrize("name", [name for name in HEALTHY + MIDDLING if "-gan-" not in name])
def test_a_wgan_that_works_is_not_called_a_failure_on_its_way(name: str) -> None:
    view = recorded(name)
    early = {rows: names(cut(view, rows)) for rows in range(len(view.history["step"]))}
    assert {
        rows: found for rows, found in early.items() if set(found) - {"healthy", "middling", "image-middling"}
    } == {}


@pytest.mark.parametrize("name", ["ring-gp", "ring-gan-works", "fashion-gp-scored"])
def test_a_run_is_middling_before_it_is_healthy(name: str) -> None:
    view = recorded(name)
    rows = len(view.history["step"])
    told = [names(cut(view, n)) for n in range(FEWEST_ROWS + 1, rows + 1)]
    assert told[0] != ["healthy"]
    assert told[-1] == ["healthy"]
    assert told.count(["healthy"]) < len(told)


@pytest.mark.parametrize(
    ("name", "scalar", "value", "says"),
    [
        ("ring-gp", "high_quality", 0.22, "22% of the samples lie on a mode; in a good run half or more do."),
        ("ring-gp", "modes_covered", 7.0, "7 of 8 modes are covered; a good run has 8 or more."),
        ("ring-gp", "w1", 0.5, "W1 is 0.50, 3.01 times the 0.17 between two samples of real data"),
        ("ring-gp", "spread", 0.6, "Samples spread 0.60 times as far as real ones"),
        ("lines-gp", "w1", 0.3, "W1 is 0.30, "),
        ("fashion-gp-scored", "recall", 0.3, "Recall is 0.30, of real images 0.87; half of that is good."),
        ("fashion-gp-scored", "classes_covered", 8.0, "8 of 10 classes are covered; a good run has 9 or more."),
    ],
)
def test_a_healthy_run_with_one_number_that_is_not_good_is_middling(
    name: str, scalar: str, value: float, says: str
) -> None:
    view = recorded(name)
    column = view.history[scalar].copy()
    # What is not measured in a row stays so, and so does what the untrained generator had.
    column[1:] = np.where(np.isfinite(column[1:]), value, math.nan)
    (found,) = findings(replace(view, history={**view.history, scalar: column}))
    assert found.name in ("middling", "image-middling")
    assert not found.healthy
    assert found.text.startswith(says)
    assert "Try" in found.text or "try" in found.text or "train" in found.text


def test_nothing_is_said_of_a_gan_on_images_that_shows_no_failure_and_is_not_scored() -> None:
    view = recorded("fashion-gp")
    gan = view.config.edited({"objective": {"kind": "gan"}})
    history = {name: column for name, column in view.history.items() if name != "w_estimate"}
    assert findings(replace(view, config=gan, history=history)) == ()


def test_scores_tell_of_a_gan_on_images_as_of_a_wgan() -> None:
    view = recorded("fashion-gp-scored")
    (found,) = findings(replace(view, config=view.config.edited({"objective": {"kind": "gan"}})))
    assert found.healthy


def test_the_recordings_are_those_of_the_tables_and_small() -> None:
    assert set(EXPECTED) == set(RECORDINGS) == {path.stem for path in FOLDER.iterdir()}
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 600_000
    assert len(HEALTHY) >= 10


@pytest.mark.parametrize("name", RECORDINGS)
def test_a_recording_was_made_with_the_settings_of_the_table(name: str) -> None:
    assert recorded(name).config.essence() == config_of(name).essence()


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["ring-gp-diverges", "lines-gan", "lines-gp", "ring-clip-1e-4", "ring-gp-rate-0.3"][: often(3, 5)]
)
def test_training_again_brings_about_the_same_finding(name: str) -> None:
    assert names(trained(config_of(name)))[0] == EXPECTED[name]


def test_a_recording_keeps_what_the_run_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.core.record_coach.FOLDER", tmp_path)
    view = trained(config_of("lines-gp").edited({"steps": 30}))
    save(view, tmp_path / "run.npz")
    again = load("run")
    assert again.config == view.config
    assert again.history.keys() == view.history.keys()
    for name, column in view.history.items():
        np.testing.assert_allclose(again.history[name], column, rtol=1e-6)


# Every rule


@pytest.mark.parametrize("name", RULES)
def test_each_rule_has_a_recording_that_brings_it_up(name: str) -> None:
    seen = [found for recording in RECORDINGS for found in findings(recorded(recording)) if found.name == name]
    assert seen
    for found in seen:
        assert re.search(r"\d", found.text)
        assert not re.search(r"\bnan\b|\binf\b|None\b(?! of)", found.text)
        assert found.text.endswith(".")
        assert len(found.text) < 330
        assert found.title
        assert found.source


def test_rules_give_way_to_earlier_rules_only() -> None:
    order = list(RULES)
    for place, each in enumerate(RULES.values()):
        assert set(each.unless) <= set(order[:place])
    assert [each.name for each in RULES.values() if each.healthy] == [order[-1]]
    assert [each.name for each in RULES.values() if each.alone] == order[-3:]


# Too little to judge by


def test_without_rows_there_are_no_findings() -> None:
    assert findings(cut(recorded("ring-gan-rotates"), 0)) == ()


@pytest.mark.parametrize("name", FAILURES)
def test_a_short_history_is_not_judged(name: str) -> None:
    # The row of the untrained networks is not one to judge by.
    assert findings(cut(recorded(name), FEWEST_ROWS)) == ()


def test_a_run_that_failed_says_so_however_early() -> None:
    failure = Failure("Training diverged at generator step 1: critic_loss was not finite.", "Lower the learning rates.")
    (found,) = findings(replace(cut(recorded("ring-gp"), 1), status="failed", failure=failure))
    assert (found.name, found.text) == ("failed", f"{failure.message} {failure.cause}")


def test_after_an_edit_only_what_came_after_it_is_judged() -> None:
    view = recorded("ring-gan-rotates")
    step = view.history["step"]
    for rows_after, judged in ((FEWEST_ROWS - 1, False), (FEWEST_ROWS, True)):
        edit = Event(int(step[-rows_after - 1]), 0, 0.0, "edit", "n_critic: 1 → 5")
        assert Evidence(replace(view, events=(edit,))).rows == rows_after
        assert bool(findings(replace(view, events=(edit,)))) is judged


def test_a_scalar_that_is_missing_silences_the_rules_that_need_it() -> None:
    view = recorded("ring-gan-rotates")
    history = {name: column for name, column in view.history.items() if name in CLOCKS}
    assert findings(replace(view, history=history)) == ()


def test_judging_leaves_the_history_as_it_was() -> None:
    for name in ("ring-gan-rotates", "ring-gp-lambda-1000", "fashion-gp"):
        view = recorded(name)
        frozen = {key: column.copy() for key, column in view.history.items()}
        for column in frozen.values():
            column.setflags(write=False)
        assert findings(replace(view, history=frozen)) == findings(view)


# Several seeds


def test_findings_of_several_seeds_are_counted_and_ordered() -> None:
    rotating, healthy = recorded("ring-gan-rotates"), recorded("ring-gan-works")
    view = together(healthy, rotating, rotating)
    first, second = findings(view)
    (alone,) = findings(view.member(1))
    assert (first.name, first.seeds) == ("rotating-modes", 2)
    assert first.text == f"In 2 of 3 seeds. One of them, seed {view.config.seed + 1}: {alone.text}"
    assert (second.name, second.seeds, second.healthy) == ("healthy", 1, True)
    assert second.text == f"In 1 of 3 seeds, seed {view.config.seed}: {findings(view.member(0))[0].text}"


def test_equal_counts_are_ordered_by_importance() -> None:
    healthy, rotating = recorded("ring-gan-works"), recorded("ring-gan-rotates")
    assert names(together(healthy, rotating)) == ["rotating-modes", "healthy"]


def test_a_failure_of_all_seeds_is_told_once() -> None:
    failure = Failure("Training diverged at generator step 9: critic_loss was not finite.", "Lower the learning rates.")
    view = replace(cut(together(*[recorded("ring-gp")] * 3), 2), status="failed", failure=failure)
    (found,) = findings(view)
    assert (found.name, found.seeds, found.text) == ("failed", 3, f"{failure.message} {failure.cause}")


def test_a_seed_that_has_diverged_is_told_while_the_others_train_on() -> None:
    healthy, lost = recorded("ring-gp"), recorded("ring-gp-again")
    for ended in (4, 15):
        kept = {
            name: c if name in CLOCKS else np.r_[c[:ended], c[ended:] * math.nan] for name, c in lost.history.items()
        }
        view = together(healthy, replace(lost, history=kept))
        first, *others = findings(view)
        assert (first.name, first.seeds) == ("failed", 1)
        assert (
            f"seed {view.config.seed + 1}: Its numbers end at step {int(view.history['step'][ended - 1])}" in first.text
        )
        assert ("healthy", 1) in [(found.name, found.seeds) for found in others]


# The numbers


def test_the_rank_correlation_is_that_of_scipy() -> None:
    from scipy.stats import spearmanr

    a, b = np.random.default_rng(0).normal(size=(2, 50))
    assert rank_correlation(a, b) == pytest.approx(spearmanr(a, b).statistic)
    assert rank_correlation(a, np.exp(a)) == 1
    assert math.isnan(rank_correlation(a[:2], b[:2]))


def test_the_running_median_forgets_one_wild_value() -> None:
    assert running_median(np.array([1.0, 1, 1, 99, 1, 1, 1])).tolist() == [1.0, 1.0, 1.0]
    assert running_median(np.array([3.0, 4.0])).tolist() == [3.0, 4.0]


def test_the_way_left_is_1_at_the_start_and_0_at_the_floor() -> None:
    view = recorded("ring-gp")
    for where, expected in ((view.history["w1"][0], 1.0), (view.history["w1_floor"][0], 0.0)):
        w1 = np.full_like(view.history["w1"], where)
        w1[0] = view.history["w1"][0]
        evidence = Evidence(replace(view, history={**view.history, "w1": w1}))
        assert evidence.way_left == pytest.approx(expected)


# Cost


@pytest.mark.parametrize("name", ["ring-gan-rotates", "ring-gp-slow-critic", "ring-clip", "ring-gp"])
def test_a_run_of_1024_rows_is_judged_in_5_milliseconds(name: str) -> None:
    view = recorded(name)
    history = {key: np.resize(column, 1024) for key, column in view.history.items()}
    view = replace(view, history=history | {"step": np.arange(1024.0)})
    taken = []
    for _ in range(20):
        start = perf_counter()
        findings(view)
        taken.append(perf_counter() - start)
    assert min(taken) < 0.005


def test_a_finding_is_a_plain_value() -> None:
    assert Finding("a", "A", "1.", "losses", "x") == Finding("a", "A", "1.", "losses", "x", False, 1)
