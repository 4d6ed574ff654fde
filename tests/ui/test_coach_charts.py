"""Each finding names a chart, and that chart is shown for its run."""

from __future__ import annotations

import pytest

from pages.ui.documents import guide_to
from pages.ui.live import component as live
from tests.core.record_coach import RECORDINGS, load
from wgan_core.charts import CHARTS
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


def test_each_rule_says_where_to_read_on() -> None:
    """But failed, which says what to do, and two whose text says it all."""
    headings = {each.name: each.heading for each in RULES.values()}
    assert [name for name, heading in headings.items() if not heading] == ["failed", "learning-rate", "momentum"]
    assert all(guide_to(heading) for heading in headings.values() if heading)


def test_a_finding_is_sent_with_its_place_in_the_guide() -> None:
    view = load(next(name for name in RECORDINGS if findings(load(name))))
    sent = live.coached([view])
    assert [each["guide"] for each in sent] == [guide_to(RULES[each["name"]].heading) for each in sent]
    assert any(each["guide"].startswith("guide#") for each in sent)
