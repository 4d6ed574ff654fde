"""Texts that strangers have written (names, notes, causes of failure, events, paths) are read and not obeyed, on every page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Literal

import pytest

from pages.ui.text import plain
from tests.core.exported import race, solo
from tests.core.helpers import small
from tests.pages.conftest import Page
from tests.ui.views import read
from wgan_core.charts.text import charted
from wgan_core.config import TrainingConfig
from wgan_core.export import Bundle, pack_bundle, read_bundle
from wgan_core.export.stored import keep
from wgan_core.history import Event, Failure
from wgan_core.runs import Run
from wgan_core.store import Store

TOKEN = "zqx"
# Whatever Markdown, Streamlit or plotly would make something of; within what a name may be long.
HOSTILE = "![zqx](//zqx.example/a) <img src=//zqx.example> http://zqx.example :material/zqx: :red[zqx] $zqx$ <b>%{y}zqx"
PICTURES = {"kind": "folder", "path": HOSTILE, "classes": HOSTILE}
Kind = Literal["edit", "fork", "finding", "failure"]
TAG = "![zqx](//zqx.example) www.zqx.example"
# Where Streamlit shows a text as it is.
NO_MARKDOWN = re.compile(
    r"^(selectbox|multiselect)\.(options|raw_values|default_values)|^text_(input|area)\.(value|default|placeholder)"
    r"|^code\.|^arrow_data_frame\.|^bidi_component\.|^download_button\.url|^page_link\.query_string|^\w+\.id$"
)


def hostile(bundle: Bundle) -> bytes:
    """The bundle as a stranger would send it: texts of theirs wherever there can be one."""
    kinds: tuple[Kind, ...] = ("edit", "fork", "finding", "failure")
    lanes = tuple(
        replace(
            view,
            status="failed",
            device=HOSTILE,
            events=tuple(Event(1, 5, 0.1, kind, HOSTILE) for kind in kinds),
            failure=Failure(HOSTILE, HOSTILE),
        )
        for view in bundle.view.lanes
    )
    return pack_bundle(Bundle.of(replace(bundle.view, lanes=lanes)))


def never_trained() -> Bundle:
    """A run on pictures whose path and class a stranger chose."""
    config = TrainingConfig.parse(small("fashion-mnist").model_dump() | {"dataset": PICTURES})
    return Bundle.of(Run(config).view())


@pytest.fixture
def ids(store: Store) -> dict[str, str]:
    """The imported runs, named, noted and tagged."""
    found = {}
    for name, bundle in (("solo", solo()), ("race", race()), ("pictures", never_trained())):
        found[name] = keep(store, read_bundle(hostile(bundle)))
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
        left = text.replace(":gray-badge[:material/label:", "")  # the badge itself
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
            for key, each in value.items():
                if key != "legendgroup":  # which is compared, and never shown
                    look(each)
        elif isinstance(value, list | tuple):
            for each in value:
                look(each)
        elif isinstance(value, str) and TOKEN in value:
            said.append(value)

    look([chart["figure"] for chart in message["charts"]])
    assert all(charted(HOSTILE) in text and "<b" not in text for text in said), said
