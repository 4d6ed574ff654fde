"""What all tests share."""

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

# Runs of tests, and of servers that tests start, are not to end up among those of the person who tests.
os.environ["WGAN_HOME"] = tempfile.mkdtemp(prefix="wgan-live-tests-")
atexit.register(shutil.rmtree, os.environ["WGAN_HOME"], ignore_errors=True)

# The first example of a property pays for torch's warm-up, so a deadline an example would only measure that.
# Derandomised: a failure here is a failure everywhere, and a green run stays green.
settings.register_profile("wgan", deadline=None, derandomize=True, database=None, max_examples=40)
settings.register_profile("soak", settings.get_profile("wgan"), max_examples=200)
settings.load_profile("soak" if os.environ.get("SOAK") else "wgan")

# Tests run side by side, a process for each core: more threads would only be in each other's way.
if "PYTEST_XDIST_WORKER" in os.environ:
    torch.set_num_threads(1)


class ByFile(LoadScopeScheduling):  # type: ignore[misc]  # it brings no types
    """Who takes one test of a file takes all, which share what they make ready; and of those in a browser, all of all files."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::")[0]
        return "browser" if file.startswith("tests/browser/") else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile:
    config.option.loadscopereorder = False
    return ByFile(config, log)


@pytest.fixture(scope="module")
def few_points() -> Iterator[None]:
    """Exact W1 between the usual 512 points takes most of the time of a short training. Where it is not the point, 64 will do.

    This holds in this process only: not where numbers are compared with those of another.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("wgan_core.metrics.moment.EM_SAMPLES", 64)
        yield


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """First what waits for a browser, then the files with tests that take long, so that no worker is left with one at the end."""
    lasting = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: (item.get_closest_marker("browser") is None, item.path not in lasting))
