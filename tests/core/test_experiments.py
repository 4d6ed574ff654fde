"""Verdicts, evidence, what the store has of experiments, and reproducing them into a folder."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from tests.core.helpers import pictures_at_hand
from wgan_core.cli import main
from wgan_core.config import TrainingConfig
from wgan_core.experiments import (
    EXPERIMENTS,
    Leg,
    NoVerdict,
    Quantity,
    TrainedExperiment,
    mark,
    scoreboard,
    size_of,
    standings,
)
from wgan_core.experiments import commands as commands
from wgan_core.experiments.reopening import reopened
from wgan_core.experiments.report import html, markdown
from wgan_core.experiments.reproduce import Reproduction
from wgan_core.experiments.tracks import Track, Tracks
from wgan_core.experiments.verdict import interval, measured, verdict
from wgan_core.runs import Run
from wgan_core.store import Store
from wgan_core.theory.figure import Question

pytestmark = pytest.mark.usefixtures("few_points")

numbers = st.floats(-1e6, 1e6)
RACE: dict[str, Any] = {
    "shared": {"batch_size": 16, "generator": {"kind": "mlp", "width": 8}, "critic": {"kind": "mlp", "width": 8}},
    "lanes": [{"objective": {"kind": "gan"}}, {"objective": {"kind": "wgan-clip"}}],
    "length": 4,
    "snapshot_every": 2,
}
LANES = ("GAN", "WGAN")


def small(**changes: Any) -> TrainedExperiment:
    """An experiment of two short legs."""
    legs = tuple(Leg(f"leg {i}", LANES, {**RACE, "shared": {**RACE["shared"], "seed": i}}) for i in (1, 2))
    fields: dict[str, Any] = {
        "name": "small",
        "title": "Small",
        "paper": "wgan",
        "source": "Nowhere",
        "claim": "W1 is positive.",
        "question": Question("Is it?", ("yes", "no"), 0, "It is."),
        "criterion": "At least 0.",
        "why": "It is a distance.",
        "control": "None.",
        "minutes": {},
        "tries": (),
        "legs": {"quick": legs, "full": legs, "control": legs[:1]},
        "measure": lambda at: [measured("W₁", at.end("GAN", "w1"), low=0, key=True)],
    }
    return TrainedExperiment(**fields | changes)


# Verdicts


@given(st.lists(numbers, min_size=1, max_size=40, unique=True))
def test_the_interval_holds_the_median_with_the_confidence_it_says(values: list[float]) -> None:
    low, high = interval(values)
    n, ordered = len(values), sorted(values)
    assert low <= float(np.median(values)) <= high
    k = ordered.index(low) + 1
    assert ordered.index(high) == n - k
    if n >= 6:
        assert 1 - 2 * binom.cdf(k - 1, n, 0.5) >= 0.95
        assert k > n // 2 or 1 - 2 * binom.cdf(k, n, 0.5) < 0.95
    else:
        assert k == 1


@pytest.mark.parametrize(("n", "k"), [(5, 1), (6, 1), (8, 1), (9, 2), (16, 4), (32, 10)])
def test_the_interval_takes_the_order_statistics_of_the_tables(n: int, k: int) -> None:
    assert interval(range(1, n + 1)) == (k, n + 1 - k)


def test_a_verdict_is_as_good_as_its_numbers() -> None:
    good, partly = Quantity("a", (1.0, 2.0), low=1, key=True), Quantity("b", (0.0, 1.0, 2.0), low=1)
    wrong = Quantity("c", (0.0,), low=1)
    assert verdict([good]).outcome == "reproduced"
    assert verdict([good, Quantity("for information", (math.nan,))]).outcome == "reproduced"
    assert verdict([good, partly]).outcome == "partly"
    assert verdict([good, wrong]).outcome == "partly"
    assert verdict([good, Quantity("c", (0.0,), low=1, key=True)]).outcome == "not"


def test_a_seed_without_a_number_is_on_the_wrong_side() -> None:
    assert Quantity("a", (1.0, math.nan), low=1).interval[0] == -math.inf
    assert Quantity("a", (1.0, math.nan), high=1).interval[1] == math.inf
    assert not Quantity("a", (math.nan,), low=1).holds
    assert not Quantity("infinite", (1.0,), low=math.inf).holds
    assert Quantity("infinite", (math.inf,), low=math.inf).surely
    json.dumps(verdict([Quantity("a", (1.0, math.nan, -math.inf), low=1)]).plain(), allow_nan=False)


# Evidence


def track(**scalars: list[float]) -> Track:
    steps = np.arange(len(next(iter(scalars.values()))), dtype=np.float64) * 10
    return Track(
        TrainingConfig.parse({}), {"step": steps} | {name: np.array(values) for name, values in scalars.items()}
    )


def test_what_is_read_from_a_track() -> None:
    falls, stays = track(w1=[4, 3, 2, 1], m=[1, 2, math.nan, 8]), track(w1=[4, 4, 4, 4], m=[1, 1, 1, 1])
    at = Tracks({"lane": [falls, stays]})
    assert at.end("lane", "w1").tolist() == [1, 4]
    assert at.left("lane", "w1").tolist() == [0.25, 1]
    assert at.reached("lane", "m", at_least=8).tolist() == [30, math.inf]
    assert at.least("lane", "m").tolist() == [1, 1]
    assert np.isnan(at.end("lane", "absent")).all()


def test_a_rank_correlation_sees_the_order_and_a_median_filter_forgives_a_spike() -> None:
    spike = Tracks({"lane": [track(e=[9.0, 8.0, 20.0, 6.0, 5.0, 4.0], w1=[6.0, 5.0, 4.0, 3.0, 2.0, 1.0])]})
    plain, filtered = (spike.rank_correlation("lane", "e", "w1", window)[0] for window in (1, 3))
    assert plain < filtered
    assert filtered > 0.95
    assert math.isnan(
        Tracks({"lane": [track(e=[1.0, 1.0, 1.0], w1=[1.0, 2.0, 3.0])]}).rank_correlation("lane", "e", "w1")[0]
    )


# Runs in the store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(Store(tmp_path / "home")) as found:
        yield found


def trained(store: Store, experiment: TrainedExperiment, number: int, *, turned: bool = False) -> str:
    leg = experiment.legs["quick"][number]
    run = Run(leg.config, store=store)
    run.start()
    if turned:
        run.edit({"critic_optimiser.lr": 1e-3})
    mark(store, run.id, experiment, "quick", leg)
    run.join()
    assert store.flush()
    return run.id


def test_the_newest_runs_of_all_legs_make_a_standing(store: Store) -> None:
    it = small()
    first = trained(store, it, 0)
    assert list(standings(store, it)) == []
    second = trained(store, it, 1)
    (found,) = standings(store, it)
    assert found.runs == {"leg 1": first, "leg 2": second}
    assert found.verdict is not None
    assert found.verdict.outcome == "reproduced"
    assert len(found.verdict.numbers[0].values) == 2
    assert size_of(store.run(first)) == ("small", "quick")
    assert scoreboard(store, {"small": it})["small"] == found
    store.delete([second])
    assert list(standings(store, it)) == []


def test_runs_with_other_settings_do_not_count(store: Store) -> None:
    it = small()
    for number in (0, 1):
        trained(store, it, number)
    other = Leg("leg 1", LANES, {**RACE, "length": 6})
    assert list(standings(store, small(legs=dict.fromkeys(it.legs, (other,))))) == []


def test_a_run_whose_knobs_were_turned_has_no_verdict(store: Store) -> None:
    it = small(legs={size: small().legs["quick"][:1] for size in ("quick", "full", "control")})
    trained(store, it, 0, turned=True)
    (found,) = standings(store, it)
    assert found.verdict is None
    assert "knobs were turned" in found.problem


# Reproducing


class Trains:
    """Drives runs to their end, and counts them; the one of a given number is interrupted."""

    def __init__(self, interrupted: int = -1) -> None:
        self.done, self._interrupted = 0, interrupted

    def __call__(self, run: Run) -> None:
        if self.done == self._interrupted:
            run.stop()
            run.join()
            raise KeyboardInterrupt
        run.join()
        self.done += 1


def test_an_interrupted_reproduction_goes_on_where_it_was(store: Store, tmp_path: Path) -> None:
    it, out = small(), tmp_path / "out"
    said: list[str] = []
    first = Trains(interrupted=1)
    with pytest.raises(KeyboardInterrupt):
        Reproduction([it], "quick", out, store, first).run(said.append)
    left = json.loads((out / "small.quick.json").read_text())
    assert list(left["runs"]) == ["leg 1"]
    assert left["verdict"] is None

    second = Trains()
    Reproduction([it], "quick", out, store, second).run(said.append)
    assert second.done == 1, "the first leg was done"
    done = json.loads((out / "small.quick.json").read_text())
    assert done["runs"]["leg 1"] == left["runs"]["leg 1"]
    assert done["verdict"]["outcome"] == "reproduced"

    third = Trains()
    Reproduction([it], "quick", out, store, third).run(said.append)
    assert third.done == 0
    assert said[-1].endswith("(done before)")
    Reproduction(
        [small(legs={"quick": (Leg("leg 1", LANES, {**RACE, "length": 6}),)})], "quick", out, store, third
    ).run(said.append)
    assert third.done == 1, "other settings are run"


def test_a_leg_that_fails_is_named(store: Store, tmp_path: Path) -> None:
    hot = {"objective": {"kind": "gan"}, "critic_optimiser": {"kind": "sgd", "lr": 1000}}
    legs = (Leg("hot", LANES, {**RACE, "lanes": [hot, hot], "length": 400, "snapshot_every": 100}),)
    job = Reproduction([small(legs={"quick": legs})], "quick", tmp_path, store, Trains())
    job.run(lambda _: None)
    (entry,) = job.entries
    assert entry.standing is None
    assert "diverged" in entry.problem


def test_what_lacks_its_files_is_not_run_and_says_what_it_needs(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WGAN_DATA", "")
    monkeypatch.setenv("WGAN_HOME", str(tmp_path / "empty"))
    monkeypatch.chdir(tmp_path)
    lacking = small(name="horses", legs={"quick": (Leg("horses", LANES, HORSES),)})
    there = small(legs={"quick": small().legs["quick"][:1]})
    said: list[str] = []
    drive = Trains()
    job = Reproduction([lacking, there], "quick", tmp_path / "out", store, drive)
    job.run(said.append)
    assert drive.done == 1, "the other one is run all the same"
    assert "Not run: It needs the files of CIFAR-10" in said[1]
    assert "wgan_core fetch cifar10" in said[1]
    assert "| Not run | It needs the files of CIFAR-10" in markdown(job.entries)
    assert "0 not reproduced, 1 not run." in html(job.entries)
    assert json.loads((tmp_path / "out" / "horses.quick.json").read_text())["verdict"] is None
    # Whoever starts it all the same is told the reason as well.
    run = Run(Leg("horses", LANES, HORSES).config)
    run.start()
    assert run.join(60)
    with pytest.raises(NoVerdict, match="CIFAR-10: the files of its train split are not on this computer"):
        lacking.evidence("quick", {"horses": run.view().lanes})


OWN = pictures_at_hand.__wrapped__  # kept in the home of this test
HORSES = RACE | {"shared": {"dataset": {"kind": "cifar10", "classes": "horse"}, "batch_size": 8}}


@pytest.fixture
def horses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TrainedExperiment:
    """An experiment on horses, whose files are not there; pictures of one's own may stand in, and a zip of these is."""
    monkeypatch.setenv("WGAN_DATA", "")
    monkeypatch.setenv("WGAN_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    measure = lambda at: [measured("loss", at.end("GAN", "critic_loss"), high=math.inf, key=True)]  # noqa: E731
    legs = {size: (Leg("horses", LANES, HORSES, own_pictures=True),) for size in ("quick", "full")}
    return small(name="horses", legs=legs, measure=measure, shows=("critic_loss",))


def test_pictures_of_ones_own_stand_in_where_they_may(horses: TrainedExperiment, store: Store, tmp_path: Path) -> None:
    own = {"kind": "folder", "path": OWN(), "classes": "cats"}
    assert "--pictures" in horses.lacks("quick")
    assert small().on(own).legs == small().legs, "other experiments keep their data"
    on = horses.on(own)
    assert on.lacks("quick") == ""
    drive = Trains()
    job = Reproduction([on], "quick", tmp_path / "out", store, drive)
    job.run(lambda _: None)
    assert drive.done == 1
    assert "| Reproduced (on pictures of one's own: an upload, class cats) |" in markdown(job.entries)
    # It is a run of the experiment itself, and counts without that being told of the pictures again.
    (standing,) = standings(store, horses)
    assert standing.verdict is not None
    assert standing.pictures is not None
    assert standing.pictures["classes"] == "cats"
    assert reopened(store, horses, standing.runs["horses"]).pictures == standing.pictures
    again = Reproduction([horses], "quick", tmp_path / "out", store, drive)
    again.run(lambda _: None)
    assert drive.done == 1, "done before"
    # A leg for which no pictures may stand in does not count runs on some.
    assert list(standings(store, small(name="horses", legs={"quick": (Leg("horses", LANES, HORSES),)}), "quick")) == []


def test_the_command_takes_pictures_of_ones_own(
    horses: TrainedExperiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(EXPERIMENTS, "horses", horses)
    command = ["reproduce", "horses", "--quick", "--out", str(tmp_path / "out")]
    assert main([*command, "--pictures", "nowhere.zip"]) == 2
    assert "WGAN_PICTURES" in capsys.readouterr().err
    assert main([*command, "--pictures", OWN(), "--class", "cows"]) == 2
    assert "there are cats, dogs, or all" in capsys.readouterr().err
    assert main(["reproduce", "spiral", "--out", str(tmp_path / "out"), "--pictures", OWN()]) == 2
    assert "horse-gradients, horses" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert main([*command, "--pictures", OWN(), "--class", "dogs"]) == 0
    assert "an upload, class dogs" in (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    capsys.readouterr()


def test_a_damaged_file_is_begun_anew(store: Store, tmp_path: Path) -> None:
    (tmp_path / "small.quick.json").write_text('{"when": "yesterday"')
    job = Reproduction([small()], "quick", tmp_path, store, Trains())
    assert job.entries[0].runs == {}


# The command


def test_the_command_writes_a_report_of_what_it_ran(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.setenv("WGAN_HOME", str(tmp_path / "home"))
    names = ["reproduce", "spiral", "moving-earth", "--quick", "--out", str(tmp_path / "out")]
    assert commands.main(names, lambda _: nullcontext()) == 0
    table = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    assert "\nOf 2 claims: 2 reproduced, 0 partly reproduced, 0 not reproduced." in table
    assert table.count("\n| `") == 2
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == 2
    assert '="http' not in page.replace('="http://www.w3.org', "")
    assert "Reproduced" in capsys.readouterr().out
    assert commands.main(names, lambda _: nullcontext()) == 0
    assert capsys.readouterr().out.count("done before") == 2


def test_the_command_draws_what_was_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.setenv("WGAN_HOME", str(tmp_path / "home"))
    monkeypatch.setitem(EXPERIMENTS, "small", small())
    assert main(["reproduce", "small", "--quick", "--out", str(tmp_path)]) == 0
    assert (tmp_path / "small.quick.svg").read_text().startswith("<svg")
    assert "<svg" in (tmp_path / "report.html").read_text(encoding="utf-8")
    capsys.readouterr()


def test_the_command_lists_and_refuses(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reproduce"]) == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in ("ring-coverage", "spiral"))
    assert main(["reproduce", "--json"]) == 0
    assert {each["name"] for each in json.loads(capsys.readouterr().out)} == set(EXPERIMENTS)
    assert main(["reproduce", "spirale", "--out", "x"]) == 2
    assert "spiral, " in capsys.readouterr().err
    assert main(["reproduce", "spiral"]) == 2
    assert "--out" in capsys.readouterr().err


def test_no_evidence_is_a_reason_in_words() -> None:
    with pytest.raises(NoVerdict, match="leg 1 has not run"):
        small().evidence("quick", {})
