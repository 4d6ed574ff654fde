"""The page of samples, under Streamlit's own test driver."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from pages.ui.samples import VIEWS, controls, message, views_of
from pages.ui.samples.look import Look, count_for, grid_of
from tests.core.helpers import small, wait_until
from tests.core.stored import record
from tests.pages.conftest import Page, link
from tests.pages.test_runs import lanes, put
from tests.ui.theory_views import read
from wgan_core.datasets import FashionMnist
from wgan_core.explore import Sampler, sampler
from wgan_core.runs.past import RECORDINGS
from wgan_core.store import Store

KINDS = {
    "clothes": small("fashion-mnist", steps=3, latent={"dim": 8}),
    "ring": small("ring", steps=3, latent={"dim": 8}),
    "roll": small("swiss-roll", steps=2, latent={"dim": 1, "prior": "uniform"}),
    "clothes-by-class": small("fashion-mnist", steps=2, latent={"dim": 8}, conditional=True),
    "ring-by-class": small("ring", steps=2, latent={"dim": 8}, conditional=True),
}


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store with a few short runs."""
    made = Store(tmp_path_factory.mktemp("kept"))
    for run_id, config in KINDS.items():
        record(made, run_id, config, checkpoints=(1,))
    yield made
    made.close()


@pytest.fixture
def full(kept: Store, store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """The store with these runs in the place of the process's own."""
    import _wgan_live_process  # type: ignore[import-not-found]

    monkeypatch.setitem(_wgan_live_process.made, "store", kept)
    return kept


def opened(**query: str) -> Page:
    return Page("pages/samples.py", **query)


def panels(page: Page) -> dict[str, Any]:
    (component,) = page.at.get("bidi_component")
    found: dict[str, Any] = read(component.proto.bytes)["charts"]
    return found


def source_of(panel: dict[str, Any]) -> Image.Image:
    head, _, data = panel["tiles"]["source"].partition(",")
    assert head.startswith("data:image/")
    return Image.open(io.BytesIO(base64.b64decode(data)))


def said(page: Page) -> str:
    return "\n".join(item.value for item in page.at.info).replace("\\", "")


# The panels of each view


@pytest.mark.parametrize("run_id", KINDS)
def test_every_view_of_every_kind_of_run_is_drawn_and_the_same_twice(run_id: str, kept: Store) -> None:
    found = sampler(kept, run_id)
    for view in views_of(found):
        look = Look(view, n=count_for(found) if found.config.dataset.is_image and found.classes else 64)
        first = message(found, look)
        assert first == message(found, look)
        for chart in read(first)["charts"].values():
            assert (chart["tiles"] is None) != (chart["figure"] is None)
            assert chart["help"].endswith(".")
            assert chart["source"]
        assert len(first) < 1_500_000


def test_views_are_those_that_make_sense(kept: Store) -> None:
    clothes, ring = (set(views_of(sampler(kept, run_id))) for run_id in ("clothes", "ring"))
    assert {"nearest", "pixels"} <= clothes - ring
    assert "plane" in ring - clothes
    assert clothes | ring == set(VIEWS)


def shown(found: Sampler, look: Look) -> dict[str, Any]:
    panels: dict[str, Any] = read(message(found, look))["charts"]
    return panels


def test_a_tile_is_the_sample_of_its_latent(kept: Store) -> None:
    found, look = sampler(kept, "clothes"), Look(seed=5)
    sheet = np.asarray(source_of(shown(found, look)["generated"]))
    assert sheet.shape == (32, 64 * 32)
    image = found(*grid_of(found, look))[7, 0]
    assert np.abs(sheet[:, 7 * 32 : 8 * 32] / 127.5 - 1 - image.numpy()).max() <= 1 / 255 + 1e-6


def test_of_a_conditional_run_each_row_is_a_class_and_each_column_a_latent(kept: Store) -> None:
    found = sampler(kept, "clothes-by-class")
    look = Look(n=count_for(found))
    asked = grid_of(found, look)
    assert asked.classes is not None
    assert torch.equal(asked.latents[3], asked.latents[8 + 3])
    assert asked.classes.view(10, 8)[:, 0].tolist() == list(range(10))
    grid = shown(found, look)["generated"]["tiles"]
    assert grid["sides"] == list(FashionMnist.names)
    image = found(asked.latents[3:4], torch.tensor([4]))[0, 0]
    tile = np.asarray(source_of({"tiles": grid}))[:, (4 * 8 + 3) * 32 : (4 * 8 + 4) * 32]
    assert np.abs(tile / 127.5 - 1 - image.numpy()).max() <= 1 / 255 + 1e-6
    with pytest.raises(ValueError, match="conditional"):
        found(asked.latents)


def test_real_images_that_come_out_as_samples_are_found_as_copies(kept: Store) -> None:
    pixels = FashionMnist().items(torch.device("cpu"))

    class ByHeart(torch.nn.Module):
        def forward(self, z: torch.Tensor) -> torch.Tensor:
            return pixels[: len(z)].float() * 2 / 255 - 1

    learned = Sampler(sampler(kept, "clothes").config, 3, ByHeart())  # type: ignore[arg-type]
    found = shown(learned, Look("nearest", n=16))
    assert found["distances"]["unit"].startswith("medians: 0.00 generated,")
    assert found["neighbours"]["tiles"]["labels"][:2] == ["image 0", "0.00"]


def test_sliders_begin_at_their_sample_and_their_row_passes_through_it(kept: Store) -> None:
    found = sampler(kept, "clothes")
    grid = np.asarray(source_of(shown(found, Look())["generated"]))
    still = shown(found, Look("sliders", base=3))
    here = np.asarray(source_of(still["here"]))
    assert np.array_equal(here, grid[:, 96:128])
    ways = np.asarray(source_of(still["ways"]))
    for row in range(6):
        middle = (row * 11 + 5) * 32
        assert np.array_equal(ways[:, middle : middle + 32], here)
    moved = shown(found, Look("sliders", base=3, offsets=(3.0, 0, 0, 0, 0, 0)))
    assert np.array_equal(np.asarray(source_of(moved["here"])), ways[:, 10 * 32 : 11 * 32])


def test_a_way_between_two_samples_begins_and_ends_with_them(kept: Store) -> None:
    found = sampler(kept, "clothes")
    grid = np.asarray(source_of(shown(found, Look())["generated"])).astype(int)
    way = np.asarray(source_of(shown(found, Look("between", ends=(2, 9)))["way"])).astype(int)
    assert np.abs(way[:, :32] - grid[:, 64:96]).max() <= 1
    assert np.abs(way[:, -32:] - grid[:, 9 * 32 : 10 * 32]).max() <= 1


def test_the_plane_of_latents_has_the_colours_of_the_modes_that_they_become(kept: Store) -> None:
    found = sampler(kept, "ring")
    plane = shown(found, Look("plane"))
    heat, dots = plane["plane"]["figure"]["data"][0], plane["image"]["figure"]["data"][1]
    at = torch.tensor(np.stack([dots["x"], dots["y"]], 1))
    modes = found.config.dataset.modes()
    assert modes is not None
    assert np.array_equal(heat["z"].ravel(), modes.nearest(at)[1].numpy())
    assert np.array_equal(heat["z"].ravel(), dots["marker"]["color"])


# The page


def test_it_opens_with_the_newest_run_that_has_weights_and_says_so_in_the_address(full: Store) -> None:
    page = opened()
    assert page.run_id in KINDS
    assert panels(page)


def test_the_table_of_runs_leads_to_it(full: Store) -> None:
    page = Page("pages/runs.py", run="ring").press("samples")
    assert page.run_id == "ring"
    assert panels(page)["generated"]["unit"] == "step 3, seed 0"


def test_a_link_opens_run_step_view_and_seed(full: Store) -> None:
    page = opened(run="clothes", step="1", seed="7", view="samples")
    assert panels(page)["generated"]["unit"] == "step 1, seed 7"
    assert panels(opened(run="clothes", view="pixels")).keys() == {"moments", "values"}
    # What does not belong to the run is left out of it.
    assert panels(opened(run="ring", step="999", view="pixels"))["generated"]["unit"] == "step 3, seed 0"


def test_choosing_a_view_a_step_and_a_truncation_changes_what_is_shown(full: Store) -> None:
    page = opened(run="clothes")
    before = panels(page)["generated"]
    page.at.select_slider[0].set_value(1).run()
    assert panels(page.fine())["generated"]["unit"] == "step 1, seed 0"
    page.at.select_slider[0].set_value(3).run()
    assert panels(page.fine())["generated"]["tag"] == before["tag"]
    page.at.selectbox(key="samples.truncation").set_value("truncated").run()
    page.at.slider(key="samples.bound.gaussian").set_value(0.1).run()
    assert panels(page.fine())["generated"]["tag"] != before["tag"]
    page.at.button_group(key="samples.view.True").set_value("walk").run()
    assert panels(page.fine())["walk"]["tiles"]["frames"] > 20
    assert page.at.query_params["view"] == "walk"


def test_a_slider_moves_the_picture_and_one_button_brings_it_back(full: Store) -> None:
    page = opened(run="clothes", view="sliders")
    before = panels(page)["here"]["tag"]
    page.at.slider(key="samples.slider.0").set_value(2.5).run()
    assert panels(page.fine())["here"]["tag"] != before
    page.press("samples.reset")
    assert panels(page)["here"]["tag"] == before


def test_clicks_choose_a_and_b_in_turn(full: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    state: dict[str, Any] = {}
    monkeypatch.setattr("streamlit.session_state", state)
    for index in (4, 5, 6, "x", -1, 1000):
        state[controls.KEY] = {"picked": {"panel": "choose", "index": index}}
        controls.picked()
    assert (state["samples.end.A"], state["samples.end.B"]) == (6, 5)


def test_what_is_saved_is_what_is_shown(kept: Store) -> None:
    found, look = sampler(kept, "clothes"), Look(n=16, seed=3, truncation="scaled", bound=0.5)
    with np.load(io.BytesIO(controls.npz(found, look))) as saved:
        assert np.array_equal(found(torch.from_numpy(saved["latents"])).numpy(), saved["samples"])
        assert np.array_equal(saved["latents"], grid_of(found, look).latents.numpy())
        assert (int(saved["seed"]), int(saved["step"]), str(saved["truncation"])) == (3, 3, "scaled")
        assert np.array_equal(np.load(io.BytesIO(controls.npy(found, look))), saved["samples"])
    assert Image.open(io.BytesIO(controls.png(found, look))).size == (4 * 34 + 2, 4 * 34 + 2)


def test_why_there_is_nothing_to_see_is_said_and_where_to_train(store: Store) -> None:
    page = opened()
    assert "No run has a checkpoint yet" in said(page)
    assert [item.proto.query_string for item in page.at.get("page_link")] == ["preset=fashion-wgan-gp"]
    for name in RECORDINGS:
        assert "is a recording" in said(opened(run=name))
    assert "nobody" in said(opened(run="nobody"))
    put(store, "young")
    assert "has no checkpoint yet" in said(opened(run="young"))


def test_a_comparison_has_a_generator_a_lane(store: Store) -> None:
    config = lanes("gan", "wgan-gp", length=4)
    put(store, "race", config)
    page = opened(run="race", lane="1")
    assert page.at.selectbox(key="samples.lane.race").value == 1
    assert "has no checkpoint yet" in said(page)


def test_a_run_that_trains_is_looked_into_at_its_newest_checkpoint(store: Store) -> None:
    train = Page(config=link()).press("start")
    wait_until(lambda: bool(store.checkpoints(train.run_id)), 60)
    page = opened(run=train.run_id)
    assert panels(page)["generated"]["unit"].startswith("step ")
    train.press("stop")
