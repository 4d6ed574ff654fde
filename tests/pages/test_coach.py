"""What the coach says of a run, as the live page shows it."""

from __future__ import annotations

from tests.pages.conftest import Page
from wgan_core.lessons.presets import PRESETS
from wgan_core.runs import manager


def test_a_run_that_stops_early_is_middling_and_one_reads_what_is() -> None:
    config = PRESETS["ring-wgan-gp-estimate"].config.edited({"device": "cpu", "steps": 250})
    run_id = manager().start(config)
    assert manager().get(run_id).join(240)
    (found,) = Page(run=run_id).shown()[1]["findings"]
    assert (found["name"], found["title"], found["healthy"]) == ("middling", "Middling", False)
    assert found["chart"] == "distance"
    assert "of the samples lie on a mode; in a good run half or more do." in found["text"]
    assert "train longer" in found["text"]
