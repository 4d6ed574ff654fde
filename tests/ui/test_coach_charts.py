"""Each finding names a chart, and that chart is shown for its run."""

from __future__ import annotations

import pytest

from pages.ui.charts import CHARTS
from tests.core.record_coach import RECORDINGS, load
from wgan_core.coach import RULES, findings


def test_each_rule_names_a_chart() -> None:
    assert {each.chart for each in RULES.values()} <= CHARTS.keys()


@pytest.mark.parametrize("name", RECORDINGS)
def test_the_chart_of_a_finding_is_one_that_its_run_has(name: str) -> None:
    view = load(name)
    dataset = view.config.dataset
    for found in findings(view):
        chart = CHARTS[found.chart]
        assert chart.images in (None, dataset.is_image)
        assert not (chart.needs_modes and dataset.modes() is None)
        assert chart.needs_seeds is False
