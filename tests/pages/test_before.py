"""Links that people have kept open what they opened, on the pages themselves; see :mod:`tests.core.record_before`."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.core.record_before import FOLDER, load
from tests.core.test_before import assert_kept, plain
from tests.pages.conftest import Page
from tests.pages.test_compare import Compare
from tests.pages.test_experiments import Bench
from tests.pages.test_theory import Theory
from wgan_core.experiments import EXPERIMENTS
from wgan_core.store import Store
from wgan_core.theory import build

LINKS: list[dict[str, Any]] = load("links.json")


@pytest.fixture(autouse=True)
def recorded(tmp_path: Path, use: Callable[[Store], Store]) -> None:
    """The recorded store in the place of the process's own."""
    shutil.copytree(FOLDER / "home", tmp_path / "home")
    use(Store(tmp_path / "home"))


@pytest.mark.parametrize("number", range(len(LINKS)))
def test_a_link_opens_what_it_opened(number: int) -> None:
    page, query, shows = (LINKS[number][name] for name in ("page", "query", "shows"))
    if page == "train":
        assert_kept(plain(Page(**query).config()), shows)
    elif page == "compare":
        assert_kept(plain(Compare(**query).race()), {name: value for name, value in shows.items() if name != "seeds"})
    elif page == "theory":
        opened = Theory(**query)
        assert opened.figure == query["figure"]
        knobs = {name: value for name, value in opened.link.items() if name != "figure"}
        assert_kept(plain(build(opened.figure, knobs)), shows)
    elif page == "samples":
        at = Page("pages/samples.py", **query).at
        assert not at.info
        assert not at.warning
        assert at.selectbox(key=f"samples.run.{shows['run']}").value == shows["run"]
        if "lane" in query:
            assert at.selectbox(key=f"samples.lane.{shows['run']}").value == shows["lane"]
        assert shows["view"] in [item.value for item in at.button_group]
    else:
        bench = Bench(**query)
        assert EXPERIMENTS[shows["name"]].claim in bench.words
        assert bench.link.items() >= query.items()


@pytest.mark.parametrize("run_id", ["single", "stopped", "fork", "seeds", "race"])
def test_a_stored_run_is_shown_on_its_page(run_id: str) -> None:
    page = Page(f"pages/{'compare' if run_id == 'race' else 'train'}.py", run=run_id)
    assert not page.errors
    assert not page.warnings
    assert page.run_id == run_id
    assert sum(page.drawn().values()) > 5
