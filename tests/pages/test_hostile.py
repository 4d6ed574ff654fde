"""Texts that strangers have written (names, notes, causes of failure, events, paths) are read and not obeyed, on every page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from pages.ui.text import charted, plain
from tests.core.helpers import small
from tests.pages.conftest import Page
from tests.ui.views import read
from wgan_core.config import RunConfig
from wgan_core.export import Bundle, pack_bundle, read_bundle
from wgan_core.export.stored import keep
from wgan_core.race import Race
from wgan_core.records import Event, Failure, Snapshot
from wgan_core.runs import Run
from wgan_core.store import Store

TOKEN = "zqx"
# Whatever Markdown, Streamlit or plotly would make something of; within what a name may be long.
HOSTILE = "![zqx](//zqx.example/a) <img src=//zqx.example> http://zqx.example :material/zqx: :red[zqx] $zqx$ <b>%{y}zqx"
TAG = "![zqx](//zqx.example) www.zqx.example"
# Where Streamlit shows a text as it is.
NO_MARKDOWN = re.compile(
    r"^(selectbox|multiselect)\.(options|raw_values|default_values)|^text_(input|area)\.(value|default|placeholder)"
    r"|^code\.|^arrow_data_frame\.|^bidi_component\.|^download_button\.url|^page_link\.query_string|^\w+\.id$"
)


def hostile(*objectives: str, dataset: Any = "ring") -> bytes:
    """A bundle with a lane for each objective, and a text of a stranger wherever there can be one."""
    configs = [small(dataset, kind).model_dump() for kind in objectives]
    race = Race.parse({"lanes": [RunConfig.parse(config) for config in configs]}) if len(configs) > 1 else None
    race = race or Race.solo(RunConfig.parse(configs[0]))
    views = []
    for view in Run(race, "hostile").views():
        rows = tuple(Snapshot(step, 5 * step, step / 9, {"w1": 0.5 + step, "critic_loss": 1.0}) for step in range(9))
        history = {name: view.history[name] for name in view.history}
        for name in ("step", "critic_steps", "seconds"):
            history[name] = [float(getattr(row, name)) for row in rows]
        events = [Event(2, 10, 0.2, kind, HOSTILE) for kind in ("edit", "fork", "finding", "failure")]
        views.append(
            replace(
                view,
                status="failed",
                device=HOSTILE,
                step=8,
                critic_steps=40,
                seconds=1.0,
                events=tuple(events),
                failure=Failure(HOSTILE, HOSTILE),
            )
        )
    return pack_bundle(Bundle.of(race, views))


@pytest.fixture
def ids(store: Store) -> dict[str, str]:
    """The imported runs, named, noted and tagged."""
    pictures = {"kind": "folder", "path": HOSTILE, "classes": HOSTILE}
    bundles = {
        "solo": hostile("wgan-gp"),
        "race": hostile("gan", "wgan-gp"),
        "pictures": hostile("wgan-gp", dataset=pictures),
    }
    found = {}
    for name, data in bundles.items():
        found[name] = keep(store, read_bundle(data))
        store.rename(found[name], f"{HOSTILE} {name}")
        store.annotate(found[name], f"{HOSTILE}\n- {HOSTILE}\n---\n{HOSTILE}")
        store.tag(found[name], [TAG, "- zqx", "1. zqx"])
    return found


def texts(message: Any, place: str) -> Iterator[tuple[str, str]]:
    """Every text in a message to the browser, and the names of the fields that lead to it."""
    for field, value in message.ListFields():
        here = f"{place}.{field.name}" if place else field.name
        values = value if field.is_repeated else [value]
        for each in values:
            if field.message_type is not None and hasattr(each, "ListFields"):
                yield from texts(each, here)
            elif isinstance(each, str):
                yield here, each


def read_as_markdown(page: Page) -> list[str]:
    """The texts of a page that Streamlit reads as Markdown, with a stranger's words in them."""
    found = []
    for node in (*page.at.main, *page.at.sidebar):
        proto = getattr(node, "proto", None)
        for where, text in texts(proto, getattr(node, "type", "")) if hasattr(proto, "ListFields") else ():
            if TOKEN in text and not NO_MARKDOWN.match(where):
                found.append(text)
    return found


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("train", {"run": "solo"}),
        ("compare", {"run": "race"}),
        ("train", {"run": "pictures"}),
        ("runs", {"run": "solo"}),
        ("runs", {"run": "race"}),
        ("runs", {"run": "pictures"}),
        ("runs", {"overlay": "solo,race"}),
        ("samples", {"run": "solo"}),
        ("train", {"run": HOSTILE}),
        ("samples", {"run": HOSTILE}),
        ("runs", {"run": HOSTILE, "search": HOSTILE}),
        ("train", {"preset": HOSTILE}),
        ("compare", {"scenario": HOSTILE}),
        ("train", {"fork": f"{HOSTILE[:40]}.0.1"}),
        ("experiments", {"name": HOSTILE}),
        ("experiments", {"name": "ring-modes", "run": HOSTILE}),
    ],
)
def test_no_page_reads_a_strangers_text_as_markdown(ids: dict[str, str], path: str, query: dict[str, str]) -> None:
    given = {name: ",".join(ids.get(part, part) for part in value.split(",")) for name, value in query.items()}
    page = Page(f"pages/{path}.py", **given)
    for text in read_as_markdown(page):
        left = text
        for known in (HOSTILE, TAG, "- zqx", "1. zqx"):
            left = left.replace(plain(known), "")
        left = re.sub(r"\\(.)", "", left)  # what was cut off somewhere
        assert not re.search(r"[<\[$`]|:\w+:|(?<!\N{WORD JOINER})(http|www)", left), text
    for component in page.at.get("bidi_component"):
        if component.proto.bytes:
            assert_charts_have_no_tags(component.proto.bytes)


def assert_charts_have_no_tags(data: bytes) -> None:
    """Plotly reads the texts of figures; what stands around them is put there as it is."""
    _, message = read(data)
    said = []

    def look(value: Any) -> None:
        if isinstance(value, dict):
            list(map(look, value.values()))
        elif isinstance(value, list | tuple):
            list(map(look, value))
        elif isinstance(value, str) and TOKEN in value:
            said.append(value)

    look([chart["figure"] for chart in message["charts"]])
    assert all(charted(HOSTILE) in text and "<b" not in text for text in said), said
