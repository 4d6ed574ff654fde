"""Pictures that lie elsewhere, or are others, when a run goes on."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.core.helpers import small
from wgan_core.cli import main
from wgan_core.config import TrainingConfig
from wgan_core.runs import Run
from wgan_core.runs.lane import other_data
from wgan_core.store import Parent, Store
from wgan_core.training import Training
from wgan_core.training.forks import forked
from wgan_core.training.state import DATA

NETS = ["--generator.base_channels", "4", "--critic.base_channels", "4", "--batch_size", "4", "--scores_every", "0"]
TRAIN = [
    "train",
    "--json",
    "--steps",
    "2",
    "--device",
    "cpu",
    "--dataset.kind",
    "folder",
    "--dataset.path",
    "mine",
    *NETS,
]


def fill(folder: Path, seed: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed)
    for number in range(6):
        Image.fromarray(noise.integers(0, 256, (32, 32, 3), np.uint8)).save(folder / f"{number}.png")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two working folders that each have pictures of one name."""
    for number, name in enumerate(("here", "there")):
        fill(tmp_path / name / "mine", number)
    (tmp_path / "nowhere").mkdir()
    monkeypatch.setenv("WGAN_HOME", str(tmp_path / "home"))
    go_to(tmp_path / "here", monkeypatch)
    return tmp_path


def go_to(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("WGAN_PICTURES", os.pathsep.join([str(folder), "/"]))  # as the command line has it


def trained(capsys: pytest.CaptureFixture[str]) -> str:
    assert main(TRAIN) == 0
    run: str = json.loads(capsys.readouterr().out.splitlines()[-1])["run"]
    return run


@pytest.mark.parametrize("cwd", ["there", "nowhere"])
def test_a_run_goes_on_with_its_own_pictures_from_any_folder(
    cwd: str, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = trained(capsys)
    go_to(place / cwd, monkeypatch)
    assert main(["resume", run, "--steps", "1", "--json"]) == 0
    assert "warning" not in capsys.readouterr().err
    view = Store().lane_view(run)
    assert view.config.dataset.path == str(place / "here" / "mine")  # type: ignore[attr-defined]
    assert [event.kind for event in view.events if event.kind == "data"] == []


def test_other_pictures_in_the_same_folder_are_told_of(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = trained(capsys)
    fill(place / "here" / "mine", 7)
    store = Store()
    fork = Run.forked(store, Parent(run, 0, 2), Store().lane_view(run).config.edited({"steps": 4}))
    fork.start()
    assert fork.join(60)
    assert [event.kind for event in fork.lane_view().events if event.kind in ("data", "fork")] == ["data", "fork"]
    store.close()
    assert main(["resume", run, "--steps", "1", "--json"]) == 0
    assert "warning: The images in" in capsys.readouterr().err
    (told,) = [event.text for event in Store().lane_view(run).events if event.kind == "data"]
    assert "have changed since" in told
    assert main(["resume", run, "--steps", "1"]) == 0
    assert "warning" not in capsys.readouterr().err, "said once, where they changed"


def test_the_same_pictures_written_anew_are_the_same(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = trained(capsys)
    fill(place / "here" / "mine", 0)
    assert main(["resume", run, "--steps", "1"]) == 0
    assert "warning" not in capsys.readouterr().err


def test_a_state_of_old_goes_on_as_before_and_other_data_on_purpose_are_no_surprise(place: Path) -> None:
    def on(name: str) -> TrainingConfig:
        return small({"kind": "folder", "path": str(place / name / "mine")}, batch_size=4, scores_every=0, steps=2)

    training = Training(on("here"))
    list(training.round())
    state = training.state()
    assert len(str(state[DATA])) == 64
    assert not other_data(on("here"), state)
    assert other_data(on("there"), state)
    assert not other_data(on("there"), forked(state, on("here"), on("there")))
    del state[DATA]
    assert not other_data(on("there"), state)
    assert Training.resume(on("here"), state).step == 1
