"""Every chart of real runs: valid, explained, in the colour of its role, and small however long the run."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, Literal

import numpy as np
import plotly.graph_objects as go
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import median_filter

from tests.core.helpers import small
from tests.ui.views import DATASETS, OBJECTIVES, edited, finished, long, of_seeds, scored, unstarted, with_history
from wgan_core import history as records
from wgan_core.charts import CHARTS, plotting, theme
from wgan_core.charts.pixels import pixels_of
from wgan_core.charts.plotting import CLOCKS, POINTS, Chart, downsample, symlog, symlog_axis, window
from wgan_core.datasets import Dataset
from wgan_core.history import LaneView
from wgan_core.metrics import image_grid
from wgan_core.objectives import LOG_2, Gan, Objective
from wgan_core.runs import Run

EVERY_CHART = pytest.mark.parametrize("entry", CHARTS.values(), ids=list(CHARTS))
EVERY_OBJECTIVE = pytest.mark.parametrize("objective", OBJECTIVES)
# One view for each way in which runs differ to a chart: objectives on one data set, data sets of one objective, scores, seeds.
VIEWS: dict[str, Callable[[], LaneView]] = {
    **{f"ring, {kind}": partial(finished, kind) for kind in OBJECTIVES},
    "swiss-roll": partial(finished, dataset="swiss-roll"),
    "fashion": partial(finished, dataset="fashion-mnist"),
    "fashion, gan": partial(finished, "gan", "fashion-mnist"),
    "fashion, scored": scored,
    "seeds": of_seeds,
}
# What stands in the legend, and the colour of that role on every chart. The estimate has its objective's colour.
ROLES: dict[str, str | dict[str, str]] = {
    "real": theme.REAL,
    "generated": theme.GENERATED,
    "exact W1": theme.REAL,
    "on real": theme.REAL,
    "on generated": theme.GENERATED,
    "penalty": theme.CRITIC,
    "critic": theme.CRITIC,
    "generator": {"losses": theme.INK, "gradients": theme.GENERATED},
    "parameters": theme.CRITIC,
    "mean": theme.CRITIC,
    "largest": theme.INK,
    "modes": theme.GENERATED,
    "quality": theme.REAL,
    "push on the generator": theme.INK,
}


def drawn(name: str, view: LaneView, clock: str = "step") -> dict[str, Any]:
    made = CHARTS[name].draw(view, clock)
    assert made is not None
    return made


def shapes(made: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = made["layout"].get("shapes", [])
    return found


def notes(made: dict[str, Any]) -> list[str]:
    return [note["text"] for note in made["layout"].get("annotations", [])]


# Every chart


def measured(view: LaneView) -> set[str]:
    """The names of all that a view has numbers of."""
    there = {name for name, column in view.history.items() if np.isfinite(column).any()}
    if view.config.objective.estimate_name in there:
        there.add("estimate")
    return there | (set(view.latest.arrays) if view.latest else set())


@EVERY_CHART
def test_draws_a_valid_figure_of_what_was_measured_and_of_nothing_else(entry: Chart) -> None:
    drawn_of = set()
    for name, made_view in VIEWS.items():
        view = made_view()
        suits = entry.suits(view.config.dataset, view.seeds)
        made = entry.draw(view, "step") if suits else None
        assert (made is not None) == (suits and bool(set(entry.of) & measured(view))), name
        if made is not None:
            drawn_of.add(name)
            valid(made)
    assert drawn_of, "it draws nothing of any run"
    view = VIEWS[min(drawn_of)]()
    for clock in CLOCKS:
        made = drawn(entry.name, view, clock)
        if not entry.moment:
            assert made["layout"]["xaxis"]["title"]["text"] == CLOCKS[clock]


def valid(made: dict[str, Any]) -> go.Figure:
    assert made["data"]
    built = go.Figure(made)  # plotly refuses properties and values that it does not know
    assert len(built.data) == len(made["data"])
    for trace in made["data"]:
        if trace["type"] == "scatter":
            assert len(trace["x"]) == len(trace["y"]) > 0
            assert trace["x"].dtype == trace["y"].dtype == np.float32
    return built


@EVERY_CHART
def test_draws_nothing_before_the_first_snapshot(entry: Chart) -> None:
    for dataset in DATASETS:
        view = unstarted(dataset)
        if entry.suits(view.config.dataset):
            assert entry.draw(view, "step") is None


@EVERY_CHART
def test_draws_of_the_first_snapshot_what_there_is(entry: Chart) -> None:
    # Before the first step there are samples and measurements, but no losses yet.
    for dataset in DATASETS:
        view = finished(dataset=dataset)
        first = replace(view, history={name: column[:1] for name, column in view.history.items()})
        if entry.suits(view.config.dataset):
            made = entry.draw(first, "step")
            go.Figure(made)
            assert made is not None or entry.name not in {"samples", "images", "lipschitz", "weights"}


@EVERY_CHART
def test_is_explained(entry: Chart) -> None:
    assert CHARTS[entry.name] is entry
    assert entry.title
    assert entry.title == entry.title.strip()
    assert entry.source
    assert len(re.findall(r"[.?!](?= |$)", entry.help)) == 2
    assert entry.help.endswith(".")
    assert isinstance(entry.unit, str)


def test_titles_differ() -> None:
    assert len({entry.title for entry in CHARTS.values()}) == len(CHARTS)


def test_one_wide_chart_comes_first_for_points_and_for_images() -> None:
    for kind in DATASETS:
        shown = [entry for entry in CHARTS.values() if entry.suits(Dataset.kinds[kind]())]
        assert [entry.wide for entry in shown] == [True] + [False] * (len(shown) - 1)


@pytest.mark.parametrize("name", VIEWS)
def test_colours_stand_for_roles(name: str) -> None:
    view = VIEWS[name]()
    objective = view.config.objective.kind
    for entry in CHARTS.values():
        made = entry.draw(view, "step") if entry.suits(view.config.dataset, view.seeds) else None
        for trace in made["data"] if made else []:
            if trace["type"] in ("heatmap", "image"):
                continue
            found = trace["line" if trace.get("mode", "markers").startswith("lines") else "marker"]["color"]
            if trace["name"] == "Ŵ" or trace["name"].endswith(" estimate"):
                expected: str | None = theme.of_objective(objective)
            else:
                role = ROLES.get(trace["name"], {})
                expected = role.get(entry.name) if isinstance(role, dict) else role
            if expected is None:  # a chart of tomorrow
                continue
            assert found == expected, (entry.name, trace["name"])


def test_every_objective_has_a_colour_of_its_own() -> None:
    colours = [theme.of_objective(kind) for kind in Objective.kinds]
    assert len({*colours, theme.OTHER_OBJECTIVE}) == len(colours) + 1
    assert theme.of_objective("one of tomorrow") == theme.OTHER_OBJECTIVE


def test_an_objective_that_names_no_colour_has_not_its_parent_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Objective, "kinds", dict(Objective.kinds))

    class Child(Gan):
        kind: Literal["child"] = "child"  # type: ignore[assignment]

    assert Objective.kinds["child"] is Child
    assert theme.of_objective("child") == theme.OTHER_OBJECTIVE


# Length


@EVERY_OBJECTIVE
def test_a_trace_has_few_points_however_long_the_run(objective: str) -> None:
    for rows in (POINTS, POINTS + 1, 5000):
        view = long(finished(objective), rows)
        for name in ("distance", "modes", "losses", "gradients", "lipschitz"):
            for trace in drawn(name, view)["data"]:
                assert len(trace["x"]) <= POINTS
                assert len(trace["x"]) == len(trace["y"])
                assert (np.diff(trace["x"]) > 0).all()
                assert trace["x"][0] == 0


def test_a_short_history_is_drawn_whole() -> None:
    x = np.arange(POINTS, dtype=float)
    assert downsample(x, x).tolist() == list(range(POINTS))


def test_dropping_points_keeps_the_extremes() -> None:
    y = np.sin(np.arange(10_000.0))
    y[1234], y[8765] = 50, -50
    kept = downsample(np.arange(10_000.0), y)
    assert {1234, 8765} <= set(kept.tolist())


def test_filters_all_rows_before_any_are_dropped() -> None:
    # Lone spikes vanish in the median of all rows. Dropping keeps extremes, so filtering what is left would draw them.
    rows = 5000
    y = np.where(np.arange(rows) % 10 == 5, 1000.0, 1.0)
    raw, smooth = drawn("gradients", with_history(finished(), critic_grad_norm=y))["data"]
    assert raw["y"].max() == 1000
    assert smooth["y"].tolist() == [1.0] * len(smooth["y"])
    assert len(smooth["y"]) <= POINTS


def test_the_smooth_line_is_the_median_of_its_neighbours() -> None:
    y = np.random.default_rng(0).lognormal(size=POINTS)
    _, smooth = drawn("gradients", with_history(finished(), critic_grad_norm=y))["data"]
    np.testing.assert_allclose(smooth["y"], median_filter(y, window(POINTS), mode="nearest"), rtol=1e-6)


@given(st.integers(0, 10**7))
def test_the_window_is_odd_and_bounded(rows: int) -> None:
    assert window(rows) % 2 == 1
    assert 1 <= window(rows) <= 41
    assert window(rows) <= max(1, rows)


@pytest.mark.parametrize("name", ["distance", "losses", "gradients", "lipschitz"])
@EVERY_OBJECTIVE
def test_the_raw_values_lie_as_a_ghost_under_their_smooth_line(name: str, objective: str) -> None:
    traces = [trace for trace in drawn(name, finished(objective))["data"] if trace.get("yaxis") != "y2"]
    assert len(traces) % 2 == 0
    for ghost, smooth in zip(traces[::2], traces[1::2], strict=True):
        assert ghost["opacity"] < 0.5
        assert ghost["showlegend"] is False
        assert ghost["hoverinfo"] == "skip"
        assert "hovertemplate" not in ghost
        assert smooth.get("opacity", 1) == 1
        assert smooth.get("showlegend", True)
        # One click in the legend hides both.
        assert ghost["legendgroup"] == smooth["legendgroup"]
        assert ghost["line"]["color"] == smooth["line"]["color"]


def test_gaps_are_left_out() -> None:
    y = np.array([np.nan, 1.0, np.nan, 3.0, np.inf])
    ghost, smooth = drawn("gradients", with_history(finished(), critic_grad_norm=y))["data"]
    assert ghost["x"].tolist() == smooth["x"].tolist() == [1.0, 3.0]
    assert ghost["y"].tolist() == [1.0, 3.0]


def test_a_scalar_that_was_never_measured_draws_nothing() -> None:
    empty = with_history(finished(), critic_grad_norm=np.full(5, np.nan))
    assert CHARTS["gradients"].draw(empty, "step") is None


@pytest.mark.parametrize("clock", CLOCKS)
def test_the_clock_is_the_x_axis(clock: str) -> None:
    view = finished()
    made = drawn("lipschitz", view, clock)
    np.testing.assert_array_equal(made["data"][0]["x"], view.history[clock].astype(np.float32))
    assert made["layout"]["xaxis"]["title"]["text"] == CLOCKS[clock]


def test_the_clocks_are_those_of_the_core() -> None:
    assert tuple(CLOCKS) == records.CLOCKS


# What each chart shows


def test_samples_show_points_surface_and_arrows() -> None:
    view = finished()
    assert view.latest is not None
    arrays = view.latest.arrays
    made = drawn("samples", view)
    surface, real, fake, arrows = made["data"]
    assert surface["z"].shape == (len(surface["y"]), len(surface["x"]))
    np.testing.assert_array_equal(surface["z"], arrays["surface"].astype(np.float32))
    np.testing.assert_array_equal(np.stack([real["x"], real["y"]], 1), arrays["real"])
    np.testing.assert_array_equal(np.stack([fake["x"], fake["y"]], 1), arrays["fake"])
    # The map's clear middle lies at the mean score, and its ends reach as far on both sides.
    assert surface["zmid"] == pytest.approx((surface["zmin"] + surface["zmax"]) / 2)
    assert surface["zmin"] - 1e-5 <= surface["z"].min()
    assert surface["zmax"] + 1e-5 >= surface["z"].max()
    # Each arrow: from its sample, along the push, to a gap.
    tails, tips, gaps = (np.stack([arrows["x"], arrows["y"]], 1)[i::3] for i in range(3))
    np.testing.assert_allclose(tails, arrays["push_at"], rtol=1e-6)
    assert np.isnan(gaps).all()
    extent = view.config.dataset.extent
    lengths = np.linalg.norm(tips - tails, axis=1)
    assert lengths.max() == pytest.approx(0.12 * extent, rel=1e-4)
    strength = np.linalg.norm(arrays["push"], axis=1)
    np.testing.assert_allclose(lengths / lengths.max(), strength / strength.max(), atol=1e-4)
    assert len(arrows["marker"]["size"]) == len(arrows["x"])
    assert made["layout"]["xaxis"]["range"] == [-extent, extent]
    assert made["layout"]["yaxis"]["scaleanchor"] == "x"


def test_a_flat_surface_and_no_push_are_drawn_too() -> None:
    view = finished()
    assert view.latest is not None
    flat = dict(view.latest.arrays)
    flat["surface"], flat["push"] = np.zeros_like(flat["surface"]), np.zeros_like(flat["push"])
    made = drawn("samples", replace(view, latest=replace(view.latest, arrays=flat)))
    go.Figure(made)
    assert made["data"][0]["zmin"] < made["data"][0]["zmax"]
    assert np.isfinite(made["data"][3]["x"][::3]).all()


def test_images_are_pictures_in_the_message_itself() -> None:
    made = drawn("images", finished(dataset="fashion-mnist"))
    for picture in made["data"]:
        assert picture["source"].startswith("data:image/png;base64,")
    assert [picture["xaxis"] for picture in made["data"]] == ["x", "x2"]
    assert notes(made) == ["generated", "real"]


def test_a_gans_estimate_has_a_line_at_ln_2() -> None:
    made = drawn("distance", finished("gan"))
    assert LOG_2 in [shape["y0"] for shape in shapes(made)]
    assert "ln 2" in notes(made)
    assert {trace["name"] for trace in made["data"]} == {"JS estimate", "exact W1"}


@pytest.mark.parametrize("objective", ["wgan-clip", "wgan-gp"])
def test_a_wgans_estimate_has_none(objective: str) -> None:
    made = drawn("distance", finished(objective))
    assert "ln 2" not in notes(made)
    assert {trace["name"] for trace in made["data"]} == {"Ŵ", "exact W1"}


def test_the_floor_of_w1_is_a_line_on_the_right_axis() -> None:
    view = finished()
    made = drawn("distance", view)
    (floor,) = [shape for shape in shapes(made) if shape["yref"] == "y2"]
    assert floor["y0"] == floor["y1"] == view.history["w1_floor"][-1]
    (truth,) = [trace for trace in made["data"] if trace.get("yaxis") == "y2"]
    np.testing.assert_array_equal(truth["y"], view.history["w1"].astype(np.float32))
    assert "yaxis2" not in drawn("distance", finished(dataset="fashion-mnist"))["layout"]


def test_clipping_draws_lines_at_both_ends_of_the_parameters() -> None:
    view = finished("wgan-clip")
    made = drawn("weights", view)
    clip = view.config.objective.model_dump()["clip"]
    assert sorted(shape["x0"] for shape in shapes(made)) == [-clip, clip]
    assert all(shape["x0"] == shape["x1"] for shape in shapes(made))
    assert notes(made)[:2] == ["−c", "c"]
    assert notes(made)[2].endswith("at ±c")


@pytest.mark.parametrize("objective", ["gan", "wgan-gp"])
def test_without_clipping_there_are_no_such_lines(objective: str) -> None:
    made = drawn("weights", finished(objective))
    assert not shapes(made)
    assert not notes(made)


def test_the_bars_count_every_parameter_of_the_critic() -> None:
    view = finished()
    (bars,) = drawn("weights", view)["data"]
    critic = view.config.critic.critic(view.config.dataset.shape)
    assert bars["y"].sum() == sum(p.numel() for p in critic.parameters())


def test_modes_reach_up_to_all_of_them() -> None:
    view = finished()
    made = drawn("modes", view)
    assert "all 8" in notes(made)
    assert made["layout"]["yaxis"]["range"][1] > 8
    covered, share = made["data"]
    assert covered["line"]["shape"] == "hv"
    assert share["yaxis"] == "y2"
    assert made["layout"]["yaxis2"]["range"] == [0, 1.05]


def test_losses_show_the_penalty_where_there_is_one() -> None:
    penalties = {"wgan-gp": "penalty", "wgan-lp": "penalty", "dragan": "DRAGAN's penalty"}
    for objective in OBJECTIVES:
        names = {trace["name"] for trace in drawn("losses", finished(objective))["data"]}
        assert (
            names - {"on real", "on generated", "generator"} == {penalties[objective]} & set(penalties.values())
            if (objective in penalties)
            else {"on real", "on generated", "generator"} == names
        )


def test_losses_show_every_term_of_constraints_and_remedies() -> None:
    run = Run(
        small(
            objective="gan",
            constraint={"kind": "r1"},
            remedies={"label_smoothing": {"amount": 0.1}, "historical_averaging": {"weight": 0.1}},
        )
    )
    run.start()
    assert run.join(60)
    names = {trace["name"] for trace in drawn("losses", run.lane_view())["data"]}
    further = {"R1", "smoothing", "history", "history, generator"}
    assert names == {"on real", "on generated", "generator"} | further


def test_the_estimate_is_named_and_has_its_ceiling() -> None:
    for objective, name, top in (
        ("gan", "JS estimate", "ln 2"),
        ("hinge", "TV estimate", "1"),
        ("f-gan", "KL estimate", None),
    ):
        made = drawn("distance", finished(objective))
        assert name in {trace["name"] for trace in made["data"]}
        assert (top in notes(made)) == (top is not None)


def test_a_clip_of_any_objective_has_its_lines() -> None:
    run = Run(small(objective="hinge", constraint={"kind": "clip", "clip": 0.02}))
    run.start()
    assert run.join(60)
    made = drawn("weights", run.lane_view())
    assert [shape["x0"] for shape in shapes(made)] == [-0.02, 0.02]
    assert any("at ±c" in note for note in notes(made))


def test_losses_bring_their_true_values_for_hovering_and_downloads() -> None:
    for trace in drawn("losses", long(finished(), 50))["data"]:
        np.testing.assert_allclose(symlog(trace["customdata"].astype(float)), trace["y"], atol=1e-5)
        assert "customdata" in trace.get("hovertemplate", "customdata")


def test_the_slope_of_1_is_a_line_on_the_log_axis() -> None:
    made = drawn("lipschitz", finished())
    assert [shape["y0"] for shape in shapes(made)] == [1.0]
    assert [note["y"] for note in made["layout"]["annotations"]] == [0.0]  # plotly places notes by exponent
    assert made["layout"]["yaxis"]["type"] == "log"


# Events


@pytest.mark.parametrize("clock", CLOCKS)
@pytest.mark.parametrize("name", ["distance", "modes", "losses", "gradients", "lipschitz"])
def test_an_edit_is_a_line_where_it_happened(name: str, clock: str) -> None:
    view = edited()
    (event,) = view.events
    made = drawn(name, view, clock)
    go.Figure(made)
    (line,) = [shape for shape in shapes(made) if shape.get("yref") == "paper"]
    assert line["x0"] == line["x1"] == getattr(event, clock)
    (note,) = [note for note in made["layout"]["annotations"] if note["text"] == "✎"]
    assert note["x"] == getattr(event, clock)
    assert note["hovertext"] == event.text == "objective.penalty_weight: 10 → 1"


def test_no_edit_no_line() -> None:
    assert "✎" not in notes(drawn("losses", finished()))


def test_only_the_newest_edits_are_drawn() -> None:
    view = edited(tuple(("n_critic", float(n)) for n in range(1, 26)))
    assert len(view.events) == 25
    texts = [note.get("hovertext") for note in drawn("losses", view)["layout"]["annotations"]]
    assert texts == [event.text for event in view.events[-20:]]


def test_a_failure_is_no_edit() -> None:
    view = finished()
    failed = replace(view, events=(records.Event(3, 15, 0.1, "failure", "diverged"),))
    assert "✎" not in notes(drawn("losses", failed))


# The symlog axis

ANY_LOSS = st.floats(-1e9, 1e9)


def test_symlog_is_0_at_0() -> None:
    assert symlog(np.array(0.0)) == 0


@given(ANY_LOSS)
def test_symlog_is_odd(value: float) -> None:
    assert symlog(np.array(-value)) == -symlog(np.array(value))


@given(ANY_LOSS, ANY_LOSS)
def test_symlog_keeps_the_order(a: float, b: float) -> None:
    low, high = sorted((a, b))
    assert symlog(np.array(low)) <= symlog(np.array(high))


@given(ANY_LOSS)
def test_symlog_can_be_undone(value: float) -> None:
    shown = float(symlog(np.array(value)))
    back = np.sign(shown) * plotting.SYMLOG_FROM * (10 ** abs(shown) - 1)
    assert back == pytest.approx(value, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("largest", [0.001, 0.1, 0.2, 5.0, 20.0, 1e6])
def test_the_ticks_of_the_symlog_axis_stand_at_their_values(largest: float) -> None:
    axis = symlog_axis(largest)
    values = np.array([float(text) for text in axis["ticktext"]])
    np.testing.assert_allclose(symlog(values), axis["tickvals"])
    assert 0 in values
    assert set(values) == set(-values)
    assert (np.abs(values) <= max(largest, 1)).sum() >= 3


def test_the_pixels_of_a_grid_are_those_of_its_images_without_the_gaps() -> None:
    images = torch.rand(80, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    for n, columns in ((64, None), (80, 8)):
        found = pixels_of(image_grid(images[:n], columns), 32) / 127.5 - 1
        assert found.shape == (n, 32, 32, 3)
        assert np.abs(found - images[:n].permute(0, 2, 3, 1).numpy()).max() <= 1 / 255 + 1e-6


def test_the_values_of_the_pixels_are_shares_of_all_of_them() -> None:
    view = finished(dataset="fashion-mnist")
    made = drawn("pixels", view)
    assert [float(bars["y"].sum()) for bars in made["data"]] == pytest.approx([1, 1])
    assert view.latest is not None
    real = pixels_of(view.latest.arrays["real_grid"], 32)
    assert float(made["data"][0]["y"][0]) == pytest.approx(float((real < 8).mean()))
