"""The charts of the scores: marks where there are scores, real images beside, and the classes by name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from pages.ui.live.component import progress
from tests.core.helpers import pictures_at_hand, small
from tests.ui import views
from tests.ui.views import finished
from wgan_core.charts import CHARTS, OVERLAYS
from wgan_core.charts.lanes import shown
from wgan_core.config import RunConfig
from wgan_core.datasets import FashionMnist
from wgan_core.history import LaneView

NAMES = ("classes", "frechet", "precision")


@pytest.fixture
def scored() -> LaneView:
    return views.scored()


def drawn(name: str, view: LaneView) -> dict[str, Any]:
    made = CHARTS[name].draw(view, "step")
    assert made is not None
    go.Figure(made)  # plotly refuses properties and values that it does not know
    return made


@pytest.mark.parametrize("name", NAMES)
def test_without_scores_there_is_nothing_to_draw(name: str, scored: LaneView) -> None:
    plain = finished(dataset="fashion-mnist")
    assert CHARTS[name].draw(plain, "step") is None
    assert CHARTS[name].suits(scored.config.dataset)
    assert not CHARTS[name].suits(small().dataset)


@pytest.mark.parametrize("name", NAMES[1:])
def test_curves_have_a_mark_at_each_scoring_and_a_line_between(name: str, scored: LaneView) -> None:
    for trace in drawn(name, scored)["data"]:
        assert trace["mode"] == "lines+markers"
        assert trace["x"].tolist() == [2, 4]
        assert np.isfinite(trace["y"]).all()


def test_references_are_what_real_images_reach(scored: LaneView) -> None:
    assert scored.latest is not None
    lines = [shape["y0"] for shape in drawn("precision", scored)["layout"]["shapes"]]
    expected = [scored.latest.scalars[f"{name}_real"] for name in ("precision", "recall", "density", "coverage")]
    assert lines == pytest.approx(expected)
    (dashed,) = drawn("frechet", scored)["layout"]["shapes"]
    assert dashed["y0"] == pytest.approx(scored.latest.scalars["frechet_small_cnn_real"])


def test_the_classifiers_accuracy_is_told(scored: LaneView) -> None:
    assert scored.latest is not None
    (note,) = [n["text"] for n in drawn("frechet", scored)["layout"]["annotations"] if "told apart" in n["text"]]
    assert note.startswith("classes told apart: ")
    assert f"{scored.latest.scalars['classifier_accuracy']:.0%} right" in note


def test_the_classes_are_those_of_the_newest_scored_snapshot(scored: LaneView) -> None:
    real, generated = drawn("classes", scored)["data"]
    assert real["x"] == generated["x"] == list(FashionMnist.names)
    assert scored.latest is not None
    np.testing.assert_array_equal(generated["y"], scored.latest.arrays["class_shares"])
    back = drawn("classes", scored.at(3))  # step 3 was not scored, step 2 was
    assert back["layout"]["annotations"][0]["text"].startswith("step 2: ")
    assert CHARTS["classes"].draw(scored.at(1), "step") is None


def test_classes_of_ones_own_pictures_have_their_names_and_what_cannot_be_read_has_numbers(scored: LaneView) -> None:
    assert scored.latest is not None
    two = np.array([0.25, 0.75], np.float32)
    arrays = {**scored.latest.arrays, "class_shares": two, "class_shares_real": two}
    latest = replace(scored.latest, arrays=arrays)
    for path, names in ((pictures_at_hand(), ["cats", "dogs"]), ("/nowhere", ["1", "2"])):
        own = replace(scored, config=small({"kind": "folder", "path": path}), latest=latest)
        assert drawn("classes", own)["data"][0]["x"] == names


def test_the_strip_says_what_a_run_is_at_while_it_does_not_train(scored: LaneView) -> None:
    config = RunConfig.solo(scored.config)
    busy = replace(scored, activity="training the classifier for the scores, 40%")
    (before,), (after,) = shown([scored]), shown([busy])
    assert progress(after, config)["progress"] == f"{progress(before, config)['progress']} · {busy.activity}"


@pytest.mark.parametrize("name", ["frechet", "coverage"])
def test_lanes_are_scored_beside_one_reference(name: str, scored: LaneView) -> None:
    lanes = shown([scored, replace(scored, run_id="other")])
    made = OVERLAYS[name].draw(lanes, "step")
    assert made is not None
    assert [trace["line"]["color"] for trace in made["data"]] == [lane.color for lane in lanes]
    assert len(made["layout"]["shapes"]) == 1
    assert OVERLAYS[name].draw(shown([finished(dataset="fashion-mnist")]), "step") is None
