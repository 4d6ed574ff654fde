"""Runs from the page: start, pause, step, turn, stop, fail, and several at once."""

from __future__ import annotations

from time import sleep
from typing import Any

import pytest

from pages.ui.live import component as live
from tests.core.helpers import wait_until
from tests.pages.conftest import Page, link, until
from wgan_core.datasets import Dataset
from wgan_core.runs import manager

RUNNING = {"pause", "one_step", "stop"}


def started(**settings: object) -> Page:
    page = Page(config=link(settings))
    page.press("start")
    wait_until(lambda: page.training.lane_view().snapshots > 1)
    return page.run()


@pytest.mark.parametrize("objective", ["gan", "wgan-clip", "wgan-gp", "wgan"])
def test_start_makes_a_run_and_names_it_in_the_address(objective: str) -> None:
    known = {run.id for run in manager().runs()}
    page = started(objective={"kind": objective})
    assert page.run_id not in known
    assert {run.id for run in manager().runs()} - known == {
        page.run_id
    }  # of the earlier ones the oldest may be forgotten
    assert "config" not in page.at.query_params
    view = page.training.lane_view()
    assert view.config.objective.kind == objective
    assert view.config.steps == 1_000_000
    progress, figures = page.shown()
    assert progress["status"] == "running"
    assert figures["view"] == f"{page.run_id}:step"
    assert all(page.drawn().values())
    assert page.enabled() == RUNNING


def test_pause_resume_step_and_stop_act_on_the_run() -> None:
    page = started()
    page.press("pause")
    wait_until(lambda: page.training.status == "paused")
    assert page.run().enabled() == {"resume", "one_step", "stop"}
    assert page.shown()[0]["status"] == "paused"
    shown = page.shown()[0]["step"]
    assert page.run().shown()[0]["step"] == shown

    # The first step shows where the run stands to the step; from then on each one counts.
    page.press("one_step")
    wait_until(lambda: page.training.lane_view().step > shown)
    step = page.training.lane_view().step
    for more in (1, 2):
        page.press("one_step")
        wait_until(lambda: page.training.lane_view().step >= step + more)  # noqa: B023
        assert page.run().shown()[0]["step"] == step + more
    latest = page.training.lane_view().latest
    assert latest is not None
    assert latest.step == step + 2  # a single step is measured at once

    page.press("resume")
    until(page, lambda p: p.shown()[0]["step"] > step + 10)
    assert page.enabled() == RUNNING

    page.press("stop")
    assert page.training.join(60)
    assert page.run().shown()[0]["status"] == "stopped"
    assert page.enabled() == {"start"}
    assert all(page.drawn().values())  # what was measured stays


def test_a_paused_run_shows_the_step_where_it_stands() -> None:
    page = Page(config=link(snapshot_every=1_000_000))
    page.press("start")
    wait_until(lambda: page.training.lane_view().step > 0)
    sleep(0.25)  # between two heartbeats
    page.press("pause")
    wait_until(lambda: page.training.status == "paused")
    step = page.run().shown()[0]["step"]
    page.press("one_step")
    wait_until(lambda: page.training.lane_view().step > step)
    assert page.run().shown()[0]["step"] == step + 1


def test_a_knob_that_is_turned_is_an_event_on_the_charts() -> None:
    page = started()
    page.turn("objective.penalty_weight", 1.0)
    wait_until(lambda: bool(page.training.lane_view().events))
    (event,) = page.training.lane_view().events
    assert event.kind == "edit"
    assert event.text == "objective.penalty_weight: 10 → 1"
    assert page.training.lane_view().config.model_dump()["objective"]["penalty_weight"] == 1
    figures = {chart["name"]: chart["figure"] for chart in page.run().shown()[1]["charts"]}
    for name in ("distance", "modes", "losses", "gradients", "lipschitz"):
        assert "✎" in [note["text"] for note in figures[name]["layout"]["annotations"]]
    # The new value is the knob's value now, so there is nothing left to apply.
    (apply,) = [button for button in page.at.button if button.label == "Apply"]
    assert apply.disabled


def test_only_live_knobs_can_be_turned() -> None:
    page = started(objective={"kind": "wgan-clip"})
    knobs = {item.key for item in page.at.number_input if item.key and item.key.startswith("live.")}
    assert knobs == {
        f"live.{page.run_id}.{path}"
        for path in ("objective.clip", "n_critic", "critic_optimiser.lr", "generator_optimiser.lr")
    }
    page.press("stop")
    assert page.training.join(60)
    page.run()
    assert not any(item.key and item.key.startswith("live.") for item in page.at.number_input)


def test_knobs_in_the_form_do_not_touch_the_run() -> None:
    page = started()
    page.choose("objective.penalty_weight", 3.0)
    assert page.training.lane_view().config.model_dump()["objective"]["penalty_weight"] == 10
    assert not page.training.lane_view().events


def test_a_run_that_fails_says_why_and_keeps_its_charts() -> None:
    page = Page(config=link(objective={"kind": "gan"}, snapshot_every=1, critic={}, generator={}))
    page.choose("critic_optimiser.lr", 10.0).choose("generator_optimiser.lr", 10.0)
    page.press("start")
    assert page.training.join(60)
    page.run()
    failure = page.training.lane_view().failure
    assert failure is not None
    (error,) = page.errors
    assert failure.message in error
    assert failure.message.startswith("Training diverged at generator step")
    assert "learning rate, 10, is very high" in error
    (trace,) = [code.value for code in page.at.code if "Traceback" in code.value]
    assert trace.strip() == failure.traceback.strip()
    assert page.shown()[0]["status"] == "failed"
    assert page.training.lane_view().snapshots > 1
    assert all(page.drawn().values())
    assert page.enabled() == {"start"}


def test_a_device_that_is_not_there_is_refused() -> None:
    page = Page(config=link(device="cuda:99"))
    known = len(manager().runs())
    page.press("start")
    assert "device 'cuda:99' is not available here" in page.errors[0].replace("\\", "")
    assert "run" not in page.at.query_params
    assert len(manager().runs()) == known


def test_beyond_the_limit_of_live_runs_start_says_so() -> None:
    limit = manager().live_limit
    pages = [started() for _ in range(limit)]
    one_more = Page(config=link())
    one_more.press("start")
    (error,) = one_more.errors
    assert error.replace("\\", "").startswith(f"{limit} runs are live on this server, which is its limit. Stop one")
    assert "run" not in one_more.at.query_params
    pages[0].press("stop")
    assert pages[0].training.join(60)
    one_more.press("start")
    assert not one_more.errors
    assert one_more.training.lane_view().live


def test_a_finished_run_stays_to_be_looked_at() -> None:
    page = Page(config=link(steps=20))
    page.press("start")
    assert page.training.join(60)
    page.run()
    assert page.shown()[0]["status"] == "finished"
    assert page.shown()[0]["step"] == 20
    assert all(page.drawn().values())
    # A new visitor with the same address sees the same.
    other = Page(run=page.run_id)
    assert other.shown()[0] == page.shown()[0]
    assert other.enabled() == {"start"}


def test_another_visitor_sees_the_same_run_and_may_act_on_it() -> None:
    first = started()
    second = Page(run=first.run_id)
    assert second.enabled() == RUNNING
    second.press("pause")
    wait_until(lambda: first.training.status == "paused")
    assert first.run().shown()[0]["step"] == second.run().shown()[0]["step"]
    assert first.enabled() == {"resume", "one_step", "stop"}


def list_of_runs(page: Page) -> Any:
    (box,) = (box for box in page.at.selectbox if box.label == "Runs")
    return box


def test_the_list_of_runs_says_what_each_one_does() -> None:
    page = started()
    page.run().fine()
    assert list_of_runs(page).options[1].startswith("live: WGAN-GP on ring · ")
    page.press("stop")
    assert list_of_runs(page).options[1].startswith("stopped: WGAN-GP on ring · ")


def test_the_list_of_runs_switches_between_them() -> None:
    first, second = started(), started(dataset={"kind": "swiss-roll"})
    box = list_of_runs(second)
    ids = [second.run_id, first.run_id]
    assert box.value == second.run_id
    box.set_value(first.run_id).run()
    second.fine()
    assert second.run_id == first.run_id
    assert "modes" in second.drawn()
    # Back to an empty page; both runs go on.
    list_of_runs(second).select_index(0).run()
    second.fine()
    assert "run" not in second.at.query_params
    assert second.enabled() == {"start"}
    assert all(manager().get(run_id).lane_view().live for run_id in ids)


@pytest.mark.parametrize("clock", ["critic_steps", "seconds", "step"])
def test_the_x_axis_can_be_switched(clock: str) -> None:
    page = started()
    page.at.segmented_control(key="clock").set_value(clock).run()
    page.fine()
    assert page.shown()[1]["view"] == f"{page.run_id}:{clock}"


def test_images_fill_their_charts() -> None:
    small = {"base_channels": 4}
    page = started(dataset={"kind": "fashion-mnist"}, generator=small, critic=small, batch_size=8, snapshot_every=1)
    scores = {"classes", "frechet", "precision"}  # not measured in so short a run
    assert page.drawn() == {name: name not in scores for name in live.names_for(Dataset.kinds["fashion-mnist"]())}
