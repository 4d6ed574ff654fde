"""Runs that this process does not train: stored ones, recorded ones; going on with them, and forking them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.core.helpers import wait_until
from tests.pages.conftest import Page, link
from wgan_core.config import TrainingConfig
from wgan_core.lessons.presets import PRESETS
from wgan_core.runs import manager
from wgan_core.runs.past import RECORDINGS
from wgan_core.store import store


def stored(**settings: Any) -> str:
    """The id of a run that was stopped after some steps, and that only the store still knows."""
    run_id = manager().start(TrainingConfig.parse(link(settings)))
    run = manager().get(run_id)
    wait_until(lambda: run.lane_view().step > 20)
    if run.lane_view().config.steps > 1000:
        run.stop()
    assert run.join(60)
    assert store().flush()
    forget(run_id)
    return run_id


def forget(run_id: str) -> None:
    """As after a new start of the server."""
    del manager()._runs[run_id]


@pytest.mark.parametrize("name", RECORDINGS)
def test_a_recorded_run_is_shown_and_cannot_be_gone_on_with(name: str) -> None:
    recorded = RECORDINGS[name]
    page = Page("pages/compare.py" if recorded.several else "pages/train.py", run=name)
    progress, figures = page.shown()
    first = progress[0] if isinstance(progress, list) else progress
    assert first["status"] == "finished"
    assert figures["view"] == f"{name}:step"
    assert len(figures["frames"]["x"]) > 5
    drawn = page.drawn()
    assert {name for name in drawn if not drawn[name]} == ({"classes", "frechet", "precision"} & drawn.keys())
    assert page.enabled() == {"start"}
    assert not [button for button in page.at.button if button.key == "go_on"]


def test_a_stored_run_looks_as_it_did_and_goes_on_from_its_checkpoint() -> None:
    run_id = stored()
    step = store().run(run_id).step
    page = Page(run=run_id)
    progress, figures = page.shown()
    assert (progress["status"], progress["step"]) == ("stopped", step)
    assert all(page.drawn().values())
    page.press("go_on")
    wait_until(lambda: page.training.lane_view().step > step)
    assert page.run_id == run_id
    assert page.training.lane_view().history["step"][0] == 0
    assert figures["view"] == page.run().shown()[1]["view"]


def test_a_finished_run_can_be_trained_further() -> None:
    run_id = stored(steps=30)
    assert store().run(run_id).status == "finished"
    page = Page(run=run_id)
    page.at.number_input(key=f"more.{run_id}").set_value(40)
    page.press(f"further.{run_id}")
    wait_until(lambda: page.training.status == "finished")
    assert page.training.lane_view().step == 70


def test_a_fork_is_prepared_with_the_settings_of_its_checkpoint_and_starts_there() -> None:
    run_id = stored(objective={"kind": "wgan-clip"})
    step = store().checkpoints(run_id)[-1]
    page = Page(fork=f"{run_id}.0.{step}")
    assert page.config().objective.kind == "wgan-clip"
    assert page.shown()[1]["at"] is not None
    (said,) = [item.value for item in page.at.info]
    assert "nothing is changed yet" in said
    page.choose("n_critic", 2)
    (said,) = [item.value for item in page.at.info]
    assert "n\\_critic 5 → 2" in said
    page.press("start")
    wait_until(lambda: page.training.lane_view().snapshots > 0)
    view = page.training.lane_view()
    assert "fork" not in page.at.query_params
    assert page.run_id != run_id
    assert view.config.n_critic == 2
    assert view.events[0].kind == "fork"
    assert view.before is not None
    assert view.before["step"][-1] <= step < view.history["step"][0]
    packets = {chart["name"]: chart["figure"] for chart in page.run().shown()[1]["charts"]}
    assert any("before the fork" in trace["name"] for trace in packets["losses"]["data"])
    assert "fork" in [note["text"] for note in packets["losses"]["layout"]["annotations"]]


def test_settings_that_do_not_fit_the_fork_are_refused_and_nothing_starts() -> None:
    run_id = stored()
    step = store().checkpoints(run_id)[-1]
    page = Page(fork=f"{run_id}.0.{step}").choose("generator.width", 24)
    known = len(manager().runs())
    page.press("start")
    (error,) = page.errors
    assert "do not fit the networks" in error
    assert len(manager().runs()) == known
    page.press("no_fork")
    assert "fork" not in page.at.query_params


@pytest.mark.parametrize("text", ["nobody.0.5", "a", "a.0", "a.b.c", "a.0." + "9" * 40, "<script>.0.5"])
def test_a_broken_fork_link_is_refused_in_words(text: str) -> None:
    page = Page(fork=text)
    (error,) = page.errors
    assert "The link's fork was refused" in error
    assert page.enabled() == {"start"}


def test_the_page_of_runs_offers_the_recorded_ones_and_what_the_coach_found() -> None:
    config = PRESETS["ring-gan-collapse"].config.edited({"device": "cpu", "steps": 400, "snapshot_every": 10})
    run_id = manager().start(config)
    assert manager().get(run_id).join(120)
    assert store().flush()
    page = Page("pages/runs.py", run=run_id)
    offered = {link.proto.query_string for link in page.at.get("page_link")}
    assert {f"run={name}" for name in RECORDINGS} <= offered
    said = [item.value for item in page.at.markdown if "coach: " in item.value]
    assert len(said) == 1
    assert all(event.text in said[0] for event in store().lane_view(run_id).events if event.kind == "finding")
