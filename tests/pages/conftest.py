"""The live page under Streamlit's own test driver, and an end to every run that a test starts."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from streamlit.testing.v1 import AppTest

from tests.core.helpers import wait_until
from tests.ui.views import read
from wgan_core.config import TrainingConfig
from wgan_core.runs import Run, manager
from wgan_core.store import Store
from wgan_core.store import store as store_of_this_process

ROOT = Path(__file__).resolve().parents[2]
# Tiny networks and no end in sight: such a run lives until it is stopped.
ENDLESS = {
    "generator": {"width": 16},
    "critic": {"width": 16},
    "batch_size": 16,
    "steps": 1_000_000,
    "snapshot_every": 5,
    "device": "cpu",
}


TRANSPORT = ("start", "pause", "resume", "one_step", "stop")


def opened() -> AppTest:
    """A new visitor at the entry page, before anything has run."""
    return AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)


class Page:
    """A page as a person sees it: the live page, if no other is named."""

    def __init__(self, path: str = "pages/train.py", **query: str) -> None:
        self.at = opened()
        self.at.run()
        self.at.switch_page(path)
        for name, value in query.items():
            self.at.query_params[name] = value
        self.run()

    def run(self) -> Page:
        """Run the page, as a tick of its timer or a reload of the browser does."""
        self.at.run()
        return self.fine()

    def fine(self) -> Page:
        assert not self.at.exception, self.at.exception
        return self

    # What it shows

    @property
    def run_id(self) -> str:
        found = self.at.query_params["run"]
        assert isinstance(found, str)
        return found

    @property
    def training(self) -> Run:
        """The run that the address names."""
        return manager().get(self.run_id)

    @property
    def errors(self) -> list[str]:
        return [re.sub(r"\\(.)", r"\1", item.value) for item in self.at.error]  # as the browser shows Markdown

    @property
    def warnings(self) -> list[str]:
        return [item.value for item in self.at.warning]

    def shown(self) -> tuple[Any, dict[str, Any]]:
        """Progress and figures of the charts, as sent to the browser."""
        (component,) = self.at.get("bidi_component")
        return read(component.proto.bytes)

    def drawn(self) -> dict[str, bool]:
        """The charts on the page: whether each one has something to show."""
        return {chart["name"]: chart["figure"] is not None for chart in self.shown()[1]["charts"]}

    def value(self, path: str) -> Any:
        """What the form's input for a field holds."""
        return self._input(f"form.{path}").value

    def knobs(self) -> set[str]:
        """The paths of all inputs of the form."""
        return {
            item.key.removeprefix("form.")
            for kind in ("selectbox", "number_input", "text_input", "button")
            for item in getattr(self.at, kind)
            if item.key and item.key.startswith("form.")
        }

    def config(self) -> TrainingConfig:
        """The config in the link for sharing, read back by whoever opens it."""
        (link,) = [code.value for code in self.at.code if "config=" in code.value]
        return TrainingConfig.parse(parse_qs(urlsplit(link).query)["config"][0])

    # What a person does

    def choose(self, path: str, value: Any) -> Page:
        """Change an input of the form."""
        self._input(f"form.{path}").set_value(value).run()
        return self.fine()

    def turn(self, path: str, value: float) -> Page:
        """Change a knob of the running run and apply it."""
        self._input(f"live.{self.run_id}.{path}").set_value(value).run()
        (apply,) = [button for button in self.at.button if button.label == "Apply"]
        apply.click().run()
        return self.fine()

    def press(self, key: str) -> Page:
        self.at.button(key=key).click().run()
        return self.fine()

    def enabled(self) -> set[str]:
        """The buttons of the transport bar that can be pressed."""
        return {item.key for item in self.at.button if item.key in TRANSPORT and not item.disabled}

    def _input(self, key: str) -> Any:
        (found,) = [
            item for kind in ("selectbox", "number_input") for item in getattr(self.at, kind) if item.key == key
        ]
        return found


def link(*parts: dict[str, Any], **settings: Any) -> str:
    """The text of ``?config=`` for an endless tiny run with these settings."""
    merged = dict(ENDLESS)
    for part in (*parts, settings):
        merged |= part
    return json.dumps(merged)


def until(page: Page, condition: Callable[[Page], bool], seconds: float = 60.0) -> None:
    """Run the page until it shows what is waited for."""
    wait_until(lambda: condition(page.run()), seconds)


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Store], Store]]:
    """Puts a store in the place of the process's own."""
    manager()  # from here on there is one, with a store of its own, to be put back
    import _wgan_live_process  # type: ignore[import-not-found]

    used: list[Store] = []

    def use(made: Store) -> Store:
        monkeypatch.setitem(_wgan_live_process.made, "store", made)
        monkeypatch.setattr(manager(), "store", made)
        used.append(made)
        return made

    yield use
    for made in used:
        made.close()


@pytest.fixture
def store(tmp_path: Path, use: Callable[[Store], Store]) -> Store:
    """An empty store in the place of the process's own."""
    return use(Store(tmp_path / "home"))


@pytest.fixture(scope="module", autouse=True)
def few_points_on_pages(few_points: None) -> None:
    """Pages show what is measured, whatever it is measured with."""


@pytest.fixture(autouse=True)
def no_run_left() -> Iterator[None]:
    """Stop every run that a test left, without closing the manager, which belongs to the process, as does its store."""
    assert manager().store is store_of_this_process()
    yield
    left = manager().runs()
    for run in left:
        run.stop()
    for run in left:
        assert run.join(60)
