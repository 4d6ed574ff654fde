"""Who may import whom."""

from __future__ import annotations

import pytest

from tests.core.helpers import python


@pytest.mark.parametrize("module", ["theory.message", "samples", "live.packets", "experiments.words"])
def test_messages_need_no_streamlit(module: str) -> None:
    code = f"import sys, pages.ui.{module}; print([name for name in sys.modules if name.split('.')[0] == 'streamlit'])"
    done = python("-c", code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_the_core_knows_nothing_of_the_pages() -> None:
    code = (
        "import sys, pkgutil, importlib, wgan_core\n"
        "for found in pkgutil.iter_modules(wgan_core.__path__):\n"
        "    if found.name != '__main__': importlib.import_module('wgan_core.' + found.name)\n"
        "print(sorted({name.split('.')[0] for name in sys.modules} & {'pages', 'streamlit', 'plotly'}))"
    )
    done = python("-c", code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
