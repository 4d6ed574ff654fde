"""The page of stored runs, under Streamlit's own test driver."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest

from pages.ui.live import exports
from pages.ui.runs import side_by_side
from pages.ui.runs.actions import page_of
from pages.ui.runs.columns import columns_of
from tests.core.exported import assert_same
from tests.core.helpers import small, wait_until
from tests.core.stored import record
from tests.pages.conftest import ENDLESS, Page
from tests.ui.views import read
from wgan_core.config import RunConfig, TrainingConfig
from wgan_core.export import EXPORTS, ExportProblem, file_name, pack_bundle
from wgan_core.export.stored import find
from wgan_core.history import Snapshot, Status
from wgan_core.runs import RunManager, manager
from wgan_core.store import Parent, Store

HOSTILE = "![](//x.example/a.png)<script>alert(1)</script>"


def links(page: Page) -> list[tuple[str, str]]:
    """Labels and queries of the links on the page, but for those to recorded runs."""
    found = [(link.proto.label, link.proto.query_string) for link in page.at.get("page_link")]
    return [link for link in found if "recorded" not in link[1]]


def put(
    store: Store,
    run_id: str,
    config: RunConfig | TrainingConfig | None = None,
    *,
    scalars: Sequence[dict[str, float]] = ({"w1": 0.5, "modes_covered": 3.0},),
    status: Status = "finished",
    parent: Parent | None = None,
) -> None:
    """A stored run that was not trained: one snapshot a lane and each of ``scalars``."""
    config = config or small()
    config = config if isinstance(config, RunConfig) else RunConfig.solo(config)
    recorder = store.recorder(run_id, config, ["CPU"] * len(config.lanes), parent)
    for lane in range(len(config.lanes)):
        for step, values in enumerate(scalars):
            recorder.snapshot(lane, Snapshot(step, 5 * step, step / 4, values))
        recorder.status(lane, status, (len(scalars) - 1, 5, 1.0))
    recorder.close()
    assert store.flush(), store.problem


def lanes(*kinds: str, **knobs: Any) -> RunConfig:
    net = {"width": 16}
    shared = {"generator": net, "critic": net, "batch_size": 16, "device": "cpu"}
    return RunConfig.parse({"shared": shared, "lanes": [{"objective": {"kind": kind}} for kind in kinds]} | knobs)


class Runs(Page):
    """The page of runs as a person sees it."""

    def __init__(self, **query: str) -> None:
        super().__init__("pages/runs.py", **query)

    def names(self) -> list[str]:
        return [str(name) for name in self.at.dataframe[0].value["Name"]]

    def tick(self, *run_ids: str) -> Runs:
        self.at.session_state["runs.ticked"] = list(run_ids)
        self.run()
        return self

    def ticked(self) -> list[str]:
        found: list[str] = self.at.session_state["runs.ticked"]
        return found

    def open(self, popover: str) -> Runs:
        """Open what only then is drawn."""
        self.at.session_state[popover] = True
        self.run()
        return self

    def buttons(self) -> dict[str, bool]:
        """The buttons by their keys, and whether they can be pressed."""
        return {item.key: not item.disabled for item in self.at.button if item.key}

    def text(self) -> str:
        return "\n".join(item.value for kind in ("markdown", "caption") for item in getattr(self.at, kind))

    def arrive(self, page: str) -> Runs:
        """Be at the page that a button led to: the test driver itself stays where it was."""
        query = dict(self.at.query_params)
        self.at.switch_page(f"pages/{page}.py")
        for name, value in query.items():
            self.at.query_params[name] = value
        self.run()
        return self


# The table


def test_an_empty_store_says_what_to_do_first(store: Store) -> None:
    page = Runs()
    assert not page.at.dataframe
    assert "No runs yet" in page.text()
    assert [label for label, _ in links(page)] == ["Train one", "Compare several"]
    assert not page.errors
    assert not page.warnings


def test_runs_are_listed_with_their_numbers(store: Store) -> None:
    put(store, "old", scalars=[{"w1": 1.0, "modes_covered": 1.0}, {"w1": 0.25, "modes_covered": 8.0}, {"w1": 0.75}])
    put(store, "new", lanes("gan", "wgan-clip"), status="stopped")
    store.rename("old", "The first")
    store.tag("old", ["clip", "lecture"])
    store.pin("old")
    table = Runs().at.dataframe[0].value
    assert list(table["Name"]) == ["new", "The first"]
    assert list(table["Status"]) == ["stopped", "finished"]
    assert list(table["Steps"]) == [0, 2]
    old = table.iloc[1]
    assert (old["Last W1"], old["Best W1"], old["Last modes"], old["Best modes"]) == (0.75, 0.25, 8, 8)
    assert list(old["Tags"]) == ["clip", "lecture"]
    assert list(table["Pin"]) == ["", "★"]
    assert table["Objective"][0] == "GAN · WGAN, weight clipping, c 0.01"


def test_knobs_in_which_the_listed_runs_differ_are_columns(store: Store) -> None:
    put(store, "a", small(objective={"kind": "wgan-clip", "clip": 0.01}))
    put(store, "b", small(objective={"kind": "wgan-clip", "clip": 0.1}, seed=4))
    table = columns_of(store.runs(descending=False), UTC)
    assert table["c"] == ["0.01", "0.1"]
    assert table["seed"] == ["0", "4"]
    assert not table.keys() & {"n_critic", "batch size", "steps", "Data set: Modes"}
    # A race has one cell for all its lanes.
    put(store, "c", lanes("gan", "wgan-gp"))
    table = columns_of(store.runs(descending=False), UTC)
    assert table["n_critic"] == ["5", "5", "1 · 5"]
    assert table["Objective"][2] == "GAN · WGAN-GP, λ 10"


def test_points_of_ones_own_do_not_fill_the_table(store: Store) -> None:
    rows = "\n".join(f"{i},{i % 7}" for i in range(300))
    for run_id, more in (("a", ""), ("b", "\n9,9")):
        config = small()
        put(
            store,
            run_id,
            TrainingConfig.parse(config.model_dump() | {"dataset": {"kind": "points", "points": rows + more}}),
        )
    table = columns_of(store.runs(), UTC)
    assert max(len(str(cell)) for column in table.values() for cell in column) < 100


def test_a_run_of_a_newer_version_is_listed_all_the_same(store: Store) -> None:
    put(store, "a")
    with closing(sqlite3.connect(store.path)) as db, db:
        db.execute("UPDATE runs SET race = '{\"lanes\": 3}'")
        db.execute("UPDATE lanes SET objective = 'newer-gan'")
    page = Runs(run="a")
    assert list(page.at.dataframe[0].value["Objective"]) == ["newer-gan"]
    page.press("rerun")
    assert page.errors


def test_runs_are_found_by_words_and_filters(store: Store) -> None:
    put(store, "a", small("ring", "gan"), status="failed")
    put(store, "b", small("grid", "wgan-gp"))
    put(store, "c", small("ring", "wgan-clip"))
    store.annotate("c", "see Figure 2")
    store.tag("b", ["good"])
    store.pin("c")
    page = Runs()
    assert page.names() == ["c", "b", "a"]
    page.at.text_input(key="search").set_value("FIGURE ring").run()
    assert page.fine()
    assert page.names() == ["c"]
    page.press("forget")
    for key, value, found in (
        ("status", ["failed"], ["a"]),
        ("objective", ["gan", "wgan-clip"], ["c", "a"]),
        ("dataset", ["grid"], ["b"]),
        ("tag", ["good"], ["b"]),
    ):
        page.at.multiselect(key=key).set_value(value).run()
        assert page.names() == found, key
        page.press("forget")
    page.at.toggle(key="pinned").set_value(True).run()
    assert page.names() == ["c"]
    page.at.multiselect(key="status").set_value(["failed"]).run()
    assert "No run fits" in page.text()
    page.press("forget_here")
    assert page.names() == ["c", "b", "a"]


def test_a_link_holds_what_was_asked_for(store: Store) -> None:
    for i, w1 in enumerate((0.3, 0.1, 0.2)):
        put(store, f"r{i}", scalars=[{"w1": w1}], status=("finished", "finished", "failed")[i])
    assert Runs(order="Smallest W1").names() == ["r1", "r2", "r0"]
    assert Runs(order="Largest W1", status="finished").names() == ["r0", "r1"]
    assert Runs(search="r2").names() == ["r2"]
    # What makes no sense is left out.
    assert Runs(order=HOSTILE, status="weird", dataset="moon").names() == ["r2", "r1", "r0"]


def test_many_runs_come_in_pages(store: Store) -> None:
    for i in range(52):
        put(store, f"r{i}")
    page = Runs()
    assert len(page.names()) == 50
    assert "1 to 50 of 52 runs" in page.text()
    (pages,) = page.at.pagination
    pages.set_value(2).run()
    page.fine()
    assert page.names() == ["r1", "r0"]
    assert "51 to 52 of 52 runs" in page.text()
    # Another question begins at its first page.
    page.at.text_input(key="search").set_value("ring").run()
    assert len(page.names()) == 50


def test_forks_stand_below_their_run(store: Store) -> None:
    put(store, "a")
    put(store, "b")
    put(store, "c", parent=Parent("a", 0, 30))
    table = Runs(order="Forks below their run").at.dataframe[0].value
    assert list(table["Name"]) == ["b", "a", "↳ c"]
    assert list(table["Family"]) == ["", "", "from a at step 30"]
    assert links(Runs(run="a")) == [(r"Fork at step 30\: c", "run=c")]
    assert links(Runs(run="c")) == [("Forked from a at step 30", "run=a")]


def test_a_live_run_is_listed_as_it_goes_on(store: Store) -> None:
    run_id = manager().start(TrainingConfig.parse(ENDLESS))
    page = Runs(run=run_id)
    wait_until(lambda: page.run().at.dataframe[0].value["Steps"][0] > 0)
    step = page.at.dataframe[0].value["Steps"][0]
    wait_until(lambda: page.run().at.dataframe[0].value["Steps"][0] > step)
    assert page.at.dataframe[0].value["Status"][0] == "running"
    assert not page.buttons()["delete"]
    assert not page.buttons()["go_on"]
    manager().get(run_id).stop()
    wait_until(lambda: page.run().at.dataframe[0].value["Status"][0] == "stopped")
    assert page.buttons()["delete"]


# One run


def test_a_link_ticks_its_run_wherever_it_is_listed(store: Store) -> None:
    put(store, "a", small(seed=3))
    put(store, "b")
    page = Runs(run="a", search="b")
    assert page.names() == ["b"]
    assert page.ticked() == ["a"]
    assert "seed 3" in page.text()
    assert "1 of the ticked runs is not in the list above" in page.text()


@pytest.mark.parametrize("run_id", ["nobody", HOSTILE, "../../etc/passwd", "x" * 10_000])
def test_a_link_to_no_run_is_refused_in_words(store: Store, run_id: str) -> None:
    put(store, "a")
    page = Runs(run=run_id)
    (error,) = page.errors
    assert error.startswith("There is no stored run")
    assert len(error) < 300
    assert not page.ticked()
    assert page.names() == ["a"]


def test_a_run_is_named_noted_and_tagged(store: Store) -> None:
    put(store, "a")
    page = Runs(run="a").open("edit")
    page.at.text_input(key="edit.name").set_value("  Too   small a clip ")
    page.at.text_area(key="edit.note").set_value("flat\nsee Figure 2")
    page.at.multiselect(key="edit.tags").set_value(["new one"])
    page.press("edit.save")
    found = store.run("a")
    assert (found.name, found.note, found.tags) == ("Too small a clip", "flat\nsee Figure 2", ("new one",))
    assert page.names() == ["Too small a clip"]
    assert page.at.session_state["edit"] is False


def test_what_cannot_be_a_name_is_refused_and_lost_nowhere(store: Store) -> None:
    put(store, "a")
    page = Runs(run="a").open("edit")
    page.at.text_input(key="edit.name").set_value("a\x07b")
    page.press("edit.save")
    assert "control characters" in page.errors[0]
    assert store.run("a").name == ""
    assert page.at.session_state["edit"] is True


def test_markup_in_names_notes_and_tags_is_shown_as_text(store: Store) -> None:
    put(store, "a", status="failed")
    store.rename("a", HOSTILE)
    store.annotate("a", HOSTILE)
    store.tag("a", ["](//x.example)"])
    page = Runs(run="a")
    assert not re.search(r"(?<!\\)(!\[|<script|\]\()", page.text())
    assert not any(item.proto.allow_html for item in page.at.markdown)


def test_a_run_is_pinned_and_unpinned(store: Store) -> None:
    put(store, "a")
    page = Runs(run="a")
    page.press("pin")
    assert store.run("a").pinned
    page.press("pin")
    assert not store.run("a").pinned


def test_a_deleted_run_comes_back_by_undo(store: Store) -> None:
    for name in "abc":
        put(store, name)
    page = Runs().tick("a", "c")
    page.press("delete")
    assert page.names() == ["b"]
    assert not page.ticked()
    assert "Deleted 2 runs" in page.text()
    page.press("undo")
    assert page.names() == ["c", "b", "a"]
    assert "Deleted" not in page.text()


def test_a_deleted_run_comes_back_days_later(store: Store) -> None:
    for name in "ab":
        put(store, name)
    store.delete(["a"])
    assert Runs(run="a").errors[0].startswith("a is deleted. Switch “Deleted” on")
    page = Runs()
    page.at.toggle(key="deleted").set_value(True).run()
    assert page.names() == ["a"]
    page.tick("a").press("back")
    assert "No deleted run fits" in page.text()
    page.at.toggle(key="deleted").set_value(False).run()
    assert page.names() == ["b", "a"]


def test_undo_of_what_is_gone_for_good_says_so(store: Store) -> None:
    put(store, "a")
    put(store, "b")
    page = Runs().tick("a")
    page.press("delete")
    with closing(sqlite3.connect(store.path)) as db, db:
        db.execute("DELETE FROM runs WHERE id = 'a'")
    page.press("undo")
    assert "There is no stored run" in page.errors[0]


def test_a_stopped_run_goes_on(store: Store) -> None:
    first = manager().start(TrainingConfig.parse(ENDLESS))
    wait_until(lambda: manager().get(first).lane_view().step > 20)
    manager().get(first).stop()
    assert manager().get(first).join(60)
    assert store.flush()
    step = store.run(first).step
    page = Runs(run=first)
    page.press("go_on")
    assert page.run_id == first
    wait_until(lambda: manager().get(first).lane_view().step > step)
    assert manager().get(first).lane_view().live


def test_what_cannot_go_on_says_why(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    put(store, "long", status="stopped")
    with closing(sqlite3.connect(store.path)) as db, db:
        db.execute("UPDATE lanes SET seconds = 60")  # too much to be begun again
    put(store, "done")
    page = Runs(run="long")
    page.press("go_on")
    assert "Run long cannot go on, and stays as it is" in page.errors[0]
    assert not Runs(run="done").buttons()["go_on"]
    put(store, "one", status="stopped")
    monkeypatch.setattr(manager(), "live_limit", 0)
    page.tick("one").press("go_on")
    assert "which is its limit" in page.errors[0]
    # Another click does away with it.
    page.press("pin")
    assert not page.errors


@pytest.mark.parametrize(
    "settings",
    [
        {"objective": {"kind": "wgan-clip", "clip": 0.03}, "seed": 11},
        {"dataset": {"kind": "points", "points": "\n".join(f"{i / 7:.6f},{i % 13 / 3:.6f}" for i in range(3000))}},
    ],
    ids=["short", "longer than a link"],
)
def test_rerun_opens_the_form_with_the_same_config(store: Store, settings: dict[str, Any]) -> None:
    config = TrainingConfig.parse(ENDLESS | {"steps": 50} | settings)
    put(store, "a", config)
    page = Runs(run="a")
    page.press("rerun")
    assert ("config" in page.at.query_params) == ("seed" in settings)
    assert "run" not in page.at.query_params
    page.arrive("train").press("start")
    assert page.training.lane_view().config == config
    assert page.training.join(60)


def test_rerun_of_a_race_opens_its_lanes(store: Store) -> None:
    config = lanes("gan", "wgan-gp", length=40)
    put(store, "a", config)
    page = Runs(run="a")
    page.press("rerun")
    assert RunConfig.parse(page.at.query_params["race"]) == config
    page.arrive("compare").press("start")
    assert page.training.config == config
    assert page.training.join(60)


def test_rerun_fills_the_form_again_after_it_was_changed(store: Store) -> None:
    put(store, "a", small(seed=5))
    page = Runs(run="a")
    page.press("rerun")
    page.arrive("train").choose("seed", 6)
    page.at.switch_page("pages/runs.py")
    page.at.query_params["run"] = "a"
    page.run()
    page.press("rerun")
    assert page.value("seed") == 5


def test_open_and_latest_go_where_the_run_belongs(store: Store) -> None:
    record(store, "a", small())
    record(store, "b", small("swiss-roll"))
    page = Runs(run="a")
    page.press("open")
    assert page.run_id == "a"
    page = Runs()
    page.press("latest")
    assert page.run_id == "b"
    assert Runs(latest="").run_id == "b"
    assert page_of(store.run("a")) == "pages/train.py"
    put(store, "c", lanes("gan", "wgan-gp"))
    assert page_of(store.run("c")) == "pages/compare.py"


def test_latest_of_nothing_stays_here(store: Store) -> None:
    assert "No runs yet" in Runs(latest="").text()


def test_the_link_of_a_run_opens_it(store: Store) -> None:
    put(store, "b", lanes("gan", "wgan-gp"))
    (link,) = [code.value for code in Runs(run="b").at.code]
    assert link.endswith("/compare?run=b")


# Several runs


def test_several_runs_are_tagged_and_pinned_at_once(store: Store) -> None:
    for name in "abc":
        put(store, name)
    store.tag("a", ["old", "kept"])
    page = Runs().tick("a", "b").open("tags")
    page.at.multiselect(key="tags.give").set_value(["new"])
    page.at.pills(key="tags.take").set_value(["old"])
    page.press("tags.save")
    assert [store.run(name).tags for name in "abc"] == [("kept", "new"), ("new",), ()]
    page.press("pin")
    assert [store.run(name).pinned for name in "abc"] == [True, True, False]
    page.press("untick")
    assert not page.ticked()


def overlay_of(page: Page) -> tuple[Any, dict[str, Any]]:
    (component,) = page.at.get("bidi_component")
    return read(component.proto.bytes)


def test_curves_of_several_runs_are_laid_over_each_other(store: Store) -> None:
    for i, clip in enumerate((0.01, 0.1)):
        record(store, f"r{i}", small(objective={"kind": "wgan-clip", "clip": clip}, steps=12))
    store.rename("r1", "Large c")
    page = Runs().tick("r0", "r1")
    page.press("overlay")
    assert page.at.query_params["overlay"] == "r0,r1"
    (component,) = page.at.get("bidi_component")
    progress, message = overlay_of(page)
    assert progress["step"] == 12
    assert message["lanes"] == 2
    (w1,) = [chart["figure"] for chart in message["charts"] if chart["name"] == "w1"]
    drawn = [trace for trace in w1["data"] if trace.get("showlegend") is not False]
    assert [trace["name"] for trace in drawn][:2] == ["c 0.01", "Large c"]
    assert component.proto.bytes == overlay_of_again(page)


def overlay_of_again(page: Page) -> bytes:
    (component,) = page.run().at.get("bidi_component")
    found: bytes = component.proto.bytes
    return found


def test_runs_of_other_data_have_levels_of_their_own(store: Store) -> None:
    record(store, "a", small("ring", steps=2))
    record(store, "b", small("grid", steps=2))
    lanes = side_by_side.overlaid([store.run("a"), store.run("b")])
    progress, message = read(side_by_side.message(lanes, "step"))
    assert progress["dataset"] == "Ring of Gaussians · Grid of Gaussians"
    figures = {chart["name"]: chart["figure"] for chart in message["charts"]}
    notes = {name: [note["text"] for note in figures[name]["layout"]["annotations"]] for name in ("modes", "w1")}
    assert notes == {"modes": ["all 8", "all 25"], "w1": ["floor", "floor"]}


def test_an_overlay_follows_a_run_that_trains(store: Store) -> None:
    record(store, "done", small(steps=2))
    run_id = manager().start(TrainingConfig.parse(ENDLESS))
    assert store.flush()
    page = Runs(overlay=f"{run_id},done")
    step = overlay_of(page)[0]["step"]
    wait_until(lambda: overlay_of(page.run())[0]["step"] > step)
    manager().get(run_id).stop()
    assert manager().get(run_id).join(60)
    progress, message = overlay_of(page.run())
    assert progress["status"] == "stopped"
    assert message["status"] == "finished"  # as of a race, one of whose lanes has reached its end
    assert not page.errors


def test_lanes_of_one_name_are_told_apart(store: Store) -> None:
    for name in "ab":
        record(store, name, small(steps=2))
    names = [lane.name for lane in side_by_side.overlaid([store.run("a"), store.run("b")])]
    assert names == ["lane 1", "lane 2"]
    for name in "ab":
        store.rename(name, "twin")
    names = [lane.name for lane in side_by_side.overlaid([store.run("a"), store.run("b")])]
    assert names == ["twin (a)", "twin (b)"]


def test_what_cannot_be_laid_over_each_other_says_why(store: Store) -> None:
    put(store, "ring")
    put(store, "images", small("fashion-mnist"))
    put(store, "three", lanes("gan", "wgan-gp", "wgan-clip"))
    put(store, "two", lanes("gan", "wgan-gp"))
    page = Runs().tick("ring", "images")
    page.press("overlay")
    assert "other shapes, Ring of Gaussians (2) and Fashion-MNIST" in page.errors[0]
    assert "overlay" not in page.at.query_params
    page.tick("three", "two").press("overlay")
    assert "2 to 4 lanes can be laid over each other; these runs have 5" in page.errors[0]
    # By a link as well.
    for link, why in (
        ("ring,nobody", "no stored run"),
        ("ring", "have 1"),
        (HOSTILE, "no stored run"),
        (",", "no stored"),
    ):
        page = Runs(overlay=link)
        assert why in page.warnings[0].replace("\\", ""), link
        assert "![](" not in page.warnings[0]


def test_runs_become_lanes_of_a_new_race(store: Store) -> None:
    put(store, "a", small(objective="gan", seed=7, steps=40))
    put(store, "b", small(objective={"kind": "wgan-clip", "clip": 0.05}, n_critic=3, batch_size=64, steps=70))
    page = Runs().tick("a", "b").open("as_lanes")
    assert "The first one's is taken: Batch size, Seed" in page.text()
    page.press("open_lanes")
    config = RunConfig.parse(page.at.query_params["race"])
    assert [lane.objective.kind for lane in config.lanes] == ["gan", "wgan-clip"]
    assert [lane.n_critic for lane in config.lanes] == [1, 3]
    assert {(lane.batch_size, lane.seed) for lane in config.lanes} == {(16, 7)}
    assert config.length == 70
    assert config.lanes[1].objective.model_dump()["clip"] == 0.05


def test_runs_of_other_data_do_not_become_lanes(store: Store) -> None:
    put(store, "a", small("ring"))
    put(store, "b", small("grid"))
    page = Runs().tick("a", "b").open("as_lanes")
    assert "lane 2: dataset: all lanes share it, and lane 1 has another Data set" in page.errors[0]
    put(store, "c", lanes("gan", "wgan-gp", "wgan-clip", "gan"))
    page.tick("a", "c")
    assert "a race has 1 to 4 lanes; you gave 5" in page.errors[0]


def test_lanes_are_as_the_knobs_were_turned(store: Store) -> None:
    for name in "ab":
        record(store, name, small(steps=9), edits={4: {"objective.penalty_weight": 2.0 if name == "a" else 3.0}})
    config, taken = side_by_side.as_lanes([store.run("a"), store.run("b")])
    assert [lane.objective.model_dump()["penalty_weight"] for lane in config.lanes] == [2.0, 3.0]
    assert not taken


# Out and in


def test_every_format_is_offered_or_refused_in_words(store: Store) -> None:
    record(store, "a", small(steps=4))
    put(store, "b")
    page = Runs(run="a").open("export.a")
    assert [item.label for item in page.at.download_button] == [export.title for export in EXPORTS.values()]
    assert not any(item.proto.disabled for item in page.at.download_button)
    text = page.text().replace("\\", "")
    assert all(export.help in text for export in EXPORTS.values())
    page.tick("b").open("export.b")
    refused = [item.label for item in page.at.download_button if item.proto.disabled]
    assert refused == ["Weights", "ONNX", "Picture", "Film, GIF", "Film, WebP", "Film, MP4"]
    assert "No trained weights can be exported" in page.text()
    assert not page.errors


def test_offers_name_their_files_and_make_none(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    record(store, "a", small(steps=4))
    for name, export in list(EXPORTS.items()):
        monkeypatch.setitem(EXPORTS, name, replace(export, files=lambda _: pytest.fail("a file was made")))
    bundle = find(store, "a")
    assert {offer.name: offer.file_name for offer in exports.offers("a")} == {
        name: file_name(name, bundle) for name in EXPORTS
    }


def test_a_run_that_cannot_be_stored_is_exported_from_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = RunManager()
    monkeypatch.setattr(exports, "manager", lambda: runs)
    run_id = runs.start(small(steps=4))
    assert runs.get(run_id).join(60)
    bundle = exports.bundle_of(run_id)
    assert bundle.view.lanes[0].step == 4
    assert bundle.states[0] is not None
    with pytest.raises(ExportProblem, match="There is no stored run 'nobody'"):
        exports.bundle_of("nobody")


def upload(page: Runs, content: bytes, name: str = "run.zip") -> None:
    (uploader,) = page.at.file_uploader
    uploader.set_value((name, content, "application/zip")).run()
    page.fine()


def test_an_exported_run_comes_back_by_import(store: Store) -> None:
    record(store, "a", small(steps=6), edits={3: {"n_critic": 2}})
    before = find(store, "a")
    whole = pack_bundle(before)
    page = Runs(search="nothing like it").open("import")
    upload(page, whole)
    (run_id,) = page.ticked()
    assert run_id != "a"
    assert len(page.names()) == 2  # the search would hide it
    assert page.at.session_state["import"] is False
    for one, other in zip(find(store, run_id).view.lanes, before.view.lanes, strict=True):
        assert_same(one, other)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"PK\x03\x04 cut off", "it is not a zip file, or it is cut off"),
        (b"", "not a zip file"),
        (b"step,w1\n1,0.5\n", "not a zip file"),
    ],
)
def test_what_is_no_run_is_refused_and_nothing_is_written(store: Store, content: bytes, why: str) -> None:
    page = Runs().open("import")
    upload(page, content)
    assert why in page.errors[0]
    assert not store.runs()
    # A sound one right after it.
    record(store, "a", small(steps=2))
    upload(page, pack_bundle(find(store, "a")))
    assert not page.errors
    assert len(store.runs()) == 2


# The store itself


def test_a_store_that_cannot_be_used_is_said_once(use: Callable[[Store], Store], tmp_path: Path) -> None:
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "runs.sqlite3").write_bytes(b"no database at all " * 100)
    use(Store(tmp_path / "bad"))
    for query in ({}, {"run": "a"}, {"latest": ""}, {"overlay": "a,b"}):
        page = Runs(**query)
        assert page.warnings[0].replace("\\", "").count("is damaged") == 1
        assert len(page.warnings) == 1


@pytest.mark.slow
def test_with_5000_runs_the_page_answers_at_once(store: Store) -> None:
    config = RunConfig.solo(small())
    with closing(sqlite3.connect(store.path)) as db, db:
        for i in range(5000):
            number = db.execute(
                "INSERT INTO runs (id, created, race, status, dataset, seeds, name) VALUES (?, ?, ?, 'finished', 'ring', 1, ?)",
                (
                    f"r{i}",
                    float(i),
                    RunConfig.solo(small(seed=i)).to_json() if i >= 4900 else config.to_json(),
                    f"name {i}",
                ),
            ).lastrowid
            db.execute(
                "INSERT INTO lanes (run, lane, config, objective, device, status, best_w1) VALUES (?, 0, '{}', 'gan', 'CPU',"
                " 'finished', ?)",
                (number, i / 5000),
            )
    page = Runs()
    assert "of 5,000 runs" in page.text()
    for search in ("name 4", "w", "ring 49"):
        start = perf_counter()
        page.at.text_input(key="search").set_value(search).run()
        assert perf_counter() - start < 1.0, search  # half a second is asked for; others compute beside this test
        page.fine()
