"""The bytes of a refresh: laid out as live.js reads them, small, shared, and free of NaN."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pages.ui.live import component as live
from pages.ui.live import packets as packing
from tests.core.helpers import small
from tests.ui.views import (
    DATASETS,
    OBJECTIVES,
    edited,
    finished,
    long,
    message,
    nothing,
    parts_of,
    read,
    revive,
    strict,
    unstarted,
    with_history,
)
from wgan_core.charts.lanes import shown
from wgan_core.charts.plotting import CHARTS, CLOCKS, OVERLAYS
from wgan_core.config import RunConfig
from wgan_core.datasets import Dataset
from wgan_core.history import LaneView, Snapshot
from wgan_core.host import Cache

MOST_BYTES = 100_000
ROWS = 1025  # what a run's history holds at most, its newest row included


def told(view: LaneView) -> dict[str, Any]:
    """What the strip says of a run of one lane."""
    return live.progress(shown([view])[0], RunConfig.solo(view.config))


def arrays_in(value: Any) -> Iterator[np.ndarray[Any, Any]]:
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from arrays_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from arrays_in(item)


def same(a: Any, b: Any) -> bool:
    """Equal figures: arrays by value in the precision that they are drawn with, the rest as JSON has it."""
    if isinstance(a, np.ndarray):
        return a.shape == b.shape and np.array_equal(a.astype(b.dtype), b, equal_nan=True)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)


# Layout


@pytest.mark.parametrize("packets", [[], [(b"{}", b"")], [(b"{}", b"1234567"), (b"{  }", b"12345678")]])
def test_parts_are_padded_to_8_bytes_after_a_head_of_their_lengths(packets: list[packing.Packet]) -> None:
    made = packing.join({"run": "ü"}, packets)
    head, *found = parts_of(made)
    assert strict(head) == {"run": "ü"}
    parts = [part for packet in packets for part in packet]
    for part, lies in zip(parts, found, strict=True):
        assert lies.rstrip(b" ") == part
        assert len(lies) - len(part) < 8


@pytest.mark.parametrize("clock", CLOCKS)
@pytest.mark.parametrize("dataset", DATASETS)
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_message_holds_every_chart_as_drawn(objective: str, dataset: str, clock: str) -> None:
    view = finished(objective, dataset)
    progress, figures = read(message(view, clock))
    assert progress == told(view)
    names = [chart["name"] for chart in figures["charts"]]
    assert names == live.names_for(view.config.dataset)
    for chart in figures["charts"]:
        entry = CHARTS[chart["name"]]
        assert (chart["title"], chart["unit"], chart["help"]) == (entry.title, entry.unit, entry.help)
        assert (chart["source"], chart["wide"]) == (entry.source, entry.wide)
        assert same(entry.draw(view, clock), chart["figure"])
    assert figures["file"] == f"{dataset}-{objective}-{view.run_id}"


def test_the_names_of_run_and_clock_keep_zoom_apart() -> None:
    found = {read(message(view, clock))[1]["view"] for view in (finished(), finished("gan")) for clock in CLOCKS}
    assert len(found) == 2 * len(CLOCKS)


def test_an_array_that_is_drawn_twice_travels_once() -> None:
    view = long(finished(), ROWS)
    panel, blob = packing.pack({"figure": CHARTS["losses"].draw(view, "step")})
    places = [json.dumps(place) for place in _places(strict(panel))]
    assert len(set(places)) < len(places)
    assert len(blob) < sum(array.nbytes for array in arrays_in(revive(strict(panel), blob)))


def _places(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        if "$" in value:
            yield value["$"]
        for item in value.values():
            yield from _places(item)
    elif isinstance(value, list):
        for item in value:
            yield from _places(item)


def test_arrays_do_not_overlap() -> None:
    for panel, blob in live.lane_packets(long(finished(), ROWS), "step"):
        spans = sorted(
            {(offset, size * (8 if kind == "f8" else 4)) for offset, size, kind, _ in _places(strict(panel))},
        )
        for (offset, length), (following, _) in zip(spans, [*spans[1:], (len(blob), 0)], strict=True):
            assert offset % 8 == 0
            assert offset + length <= following


@pytest.mark.parametrize("dataset", DATASETS)
def test_without_a_run_every_panel_is_there_and_empty(dataset: str) -> None:
    kind = Dataset.kinds[dataset]()
    progress, figures = read(nothing(dataset))
    assert progress is None
    assert figures["run"] == ""
    assert [chart["name"] for chart in figures["charts"]] == live.names_for(kind)
    assert all(chart["figure"] is None for chart in figures["charts"])


def test_before_the_first_snapshot_every_panel_is_there_and_empty() -> None:
    progress, figures = read(message(unstarted(), "step"))
    assert progress["status"] == "starting"
    assert progress["step"] == 0
    assert all(chart["figure"] is None for chart in figures["charts"])


def test_the_panels_are_the_same_before_and_during_a_run() -> None:
    for dataset in DATASETS:
        view = finished(dataset=dataset)
        before, during = read(nothing(dataset))[1], read(message(view, "step"))[1]
        same_for_both = {"figure": 0, "tag": ""}
        assert [c | same_for_both for c in before["charts"]] == [c | same_for_both for c in during["charts"]]


def test_modes_are_shown_only_where_there_are_modes() -> None:
    assert "modes" in live.names_for(Dataset.kinds["ring"]())
    assert "modes" not in live.names_for(Dataset.kinds["swiss-roll"]())
    assert "modes" not in live.names_for(Dataset.kinds["fashion-mnist"]())


# Size


@pytest.mark.parametrize("clock", CLOCKS)
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_message_is_small_however_long_the_run(objective: str, clock: str) -> None:
    assert len(message(long(finished(objective), ROWS), clock)) <= MOST_BYTES


def test_a_message_does_not_grow_with_the_run() -> None:
    sizes = [len(message(long(finished(), rows), "step")) for rows in (1000, 100_000)]
    assert sizes[1] - sizes[0] < 500


def test_a_message_of_images_is_twice_that_at_most() -> None:
    assert len(message(long(finished(dataset="fashion-mnist"), ROWS), "step")) <= 2 * MOST_BYTES


def test_many_edits_cost_little() -> None:
    few, many = edited(), edited(tuple(("n_critic", float(n)) for n in range(1, 101)))
    assert len(many.events) == 100
    assert len(message(many, "step")) - len(message(few, "step")) < 40_000


# Sharing


def test_equal_views_share_one_message() -> None:
    view = finished()
    first = message(view, "step")
    assert message(view, "step") is first
    assert message(replace(view), "step") is first
    assert message(view, "seconds") is not first


def test_progress_alone_redraws_nothing() -> None:
    view = replace(finished(), run_id="progress")
    later = replace(view, version=view.version + 1, step=view.step + 1, critic_steps=99, seconds=1.5)
    before, after = parts_of(message(view, "step")), parts_of(message(later, "step"))
    assert before[0] != after[0]
    assert before[1:] == after[1:]
    (progress,) = strict(after[0])["progress"]
    assert (progress["step"], progress["critic_steps"]) == (view.step + 1, 99)


def test_a_new_snapshot_is_drawn() -> None:
    view = replace(finished(), run_id="snapshot")
    later = replace(
        view,
        version=view.version + 1,
        snapshots=view.snapshots + 1,
        history={name: column[:-1] for name, column in view.history.items()},
    )
    assert parts_of(message(view, "step"))[1:] != parts_of(message(later, "step"))[1:]


def test_an_edit_is_drawn_at_once() -> None:
    view = replace(finished(), run_id="edit")
    turned = replace(view, version=view.version + 1, events=edited().events)
    assert "✎" not in message(view, "step").decode(errors="ignore")
    assert "✎" in message(turned, "step").decode(errors="ignore")


def test_old_messages_are_forgotten() -> None:
    cache: Cache[bytes] = Cache(2)
    built: list[int] = []

    def build(key: int) -> bytes:
        def now() -> bytes:
            built.append(key)
            return bytes([key])

        return cache.get(key, now)

    assert [build(key) for key in (1, 2, 1, 3, 3)] == [b"\1", b"\2", b"\1", b"\3", b"\3"]
    assert built == [1, 2, 3]
    build(1)
    assert built == [1, 2, 3]
    build(2)
    assert built == [1, 2, 3, 2]  # forgotten when 3 came: nobody had asked for it since


# What the strip says


def test_progress_of_points_with_modes() -> None:
    view = finished()
    assert view.latest is not None
    scalars = view.latest.scalars
    found = told(view)
    assert found["status"] == "finished"
    assert (found["step"], found["steps"]) == (view.step, view.config.steps)
    assert (found["modes"], found["modes_all"]) == (scalars["modes_covered"], 8)
    assert (found["w1"], found["w1_floor"]) == (scalars["w1"], scalars["w1_floor"])
    assert (found["estimate"], found["estimate_name"]) == (scalars["w_estimate"], "Ŵ")
    assert found["eta"] is None


def test_progress_of_images_has_no_truth_to_show() -> None:
    found = told(finished("gan", "fashion-mnist"))
    assert found["modes"] is found["modes_all"] is found["w1"] is None
    assert found["estimate_name"] == "JS"


def test_what_is_left_follows_from_the_rate() -> None:
    view = replace(finished(), step=2, steps_per_second=2.0)
    assert told(view)["eta"] == (view.config.steps - 2) / 2
    assert told(view)["rate"] == 2


# NaN


def views_with_gaps() -> list[LaneView]:
    view = finished()
    gaps = {name: np.where(np.arange(9) % 2, np.nan, 1.0) for name in view.history if name not in ("w1_floor", *CLOCKS)}
    flat = {name: np.zeros(9) for name in gaps}
    floor = {"w1_floor": np.ones(9)}
    return [
        replace(with_history(view, **columns, **floor), run_id=f"{view.run_id}-{i}")
        for i, columns in enumerate((gaps, flat))
    ]


def test_no_nan_stands_in_json() -> None:
    views = [finished(objective, dataset) for objective in OBJECTIVES for dataset in DATASETS]
    for view in [*views, *views_with_gaps(), unstarted(), edited(), long(finished(), ROWS)]:
        head, *packets = parts_of(message(view, "step"))
        for part in [head, *packets[::2]]:
            strict(part)


def test_nothing_but_arrows_has_gaps() -> None:
    for view in [finished(), *views_with_gaps()]:
        _, figures = read(message(view, "step"))
        for chart in figures["charts"]:
            for trace in chart["figure"]["data"] if chart["figure"] else []:
                if trace.get("name") != "push on the generator":
                    assert all(np.isfinite(array).all() for array in arrays_in(trace)), (chart["name"], trace["name"])


# Looking back


def test_looking_back_leaves_nothing_behind_for_those_who_look_at_now() -> None:
    """The seeds' bars belong to a moment, as samples do: one viewer's past must not become another's present."""
    config = small(steps=6)
    frames = tuple(
        Snapshot(step, 5 * step, 0.1 * step, {"modes_covered": np.array([modes, modes])})
        for step, modes in ((0, 0.0), (6, 8.0))
    )
    history = {"step": np.array([0.0, 6.0]), "modes_covered": np.array([[0.0, 0.0], [8.0, 8.0]])}
    clocks = {"critic_steps": 5 * history["step"], "seconds": history["step"]}
    now = replace(
        finished(), run_id="past", config=config, seeds=2, history=history | clocks, frames=frames, latest=frames[-1]
    )
    key = CHARTS["seeds"]
    for view, modes in ((now.at(0), 0), (now, 8), (now.at(0), 0)):
        made = packing.packet(key, live._key(view, "step", key.moment), lambda view=view: key.draw(view, "step"))  # type: ignore[misc]
        (bars,) = revive(strict(made[0]), made[1])["figure"]["data"]
        assert int(np.argmax(bars["y"])) == modes
    assert all(chart.moment for chart in (CHARTS["seeds"], OVERLAYS["seeds"]))
