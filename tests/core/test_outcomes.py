"""What the presets promise to show, over three seeds, each for no longer than it takes."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from statistics import median

import pytest

from tests.core.helpers import often
from wgan_core.history import Snapshot
from wgan_core.lessons.presets import PRESETS
from wgan_core.training import train

pytestmark = pytest.mark.slow

SEEDS = (0, 1, 2)


def train_preset(name: str, seed: int, until: Callable[[Snapshot], bool] | None, steps: int | None) -> Snapshot:
    config = PRESETS[name].config.edited({"seed": seed, "device": "cpu"})
    if steps is not None:
        config = config.edited({"steps": steps})
    if until is None:  # measuring changes nothing, so only the end needs it
        config = config.edited({"snapshot_every": config.steps})
    for snapshot in train(config):
        if until is not None and until(snapshot):
            break
    return snapshot


def over_seeds(name: str, until: Callable[[Snapshot], bool] | None = None, steps: int | None = None) -> list[Snapshot]:
    """Train a preset with each seed to its end or another one, or to the first snapshot of which ``until`` holds."""
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda seed: train_preset(name, seed, until, steps), SEEDS))


def number(snapshot: Snapshot, name: str) -> float:
    return float(snapshot.scalars[name])


def covers_all(snapshot: Snapshot) -> bool:
    return number(snapshot, "modes_covered") == 8


def near(snapshot: Snapshot) -> bool:
    return number(snapshot, "w1") < 0.25


@pytest.mark.parametrize("name", ["ring-wgan-gp", "ring-wgan-clip"])
def test_a_wgan_finds_all_eight_modes_of_the_ring(name: str) -> None:
    found = over_seeds(name, covers_all)
    assert median(number(s, "modes_covered") for s in found) == 8
    assert median(s.step for s in found) <= 300


def test_the_collapsing_gan_ends_with_at_most_four_modes() -> None:
    found = over_seeds("ring-gan-collapse", steps=often(1000, 3000))  # it never covers more on its way
    assert median(number(s, "modes_covered") for s in found) <= 4
    assert median(number(s, "w1") for s in found) > 1


def test_the_gan_that_works_finds_all_eight_modes_with_the_same_networks() -> None:
    found = over_seeds("ring-gan-works", covers_all)
    assert median(number(s, "modes_covered") for s in found) == 8
    same, other = PRESETS["ring-gan-works"].config, PRESETS["ring-gan-collapse"].config
    assert (same.generator, same.critic, same.dataset) == (other.generator, other.critic, other.dataset)


def test_on_parallel_lines_the_penalised_wgan_arrives_where_the_gan_stays() -> None:
    theta = abs(PRESETS["lines-gan"].config.dataset.model_dump()["theta"])
    arrived, stayed = over_seeds("lines-wgan-gp", near), over_seeds("lines-gan")
    assert median(number(s, "w1") for s in arrived) < 0.25
    assert median(number(s, "w1") for s in stayed) > theta / 2
