"""Export and import as commands, and the snapshots of which a stored run consists."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from tests.core.exported import RUNS, assert_same_frame, failed, race, seeds, solo
from tests.core.helpers import ROOT
from wgan_core.export import EXPORTS, Bundle, read_bundle
from wgan_core.export.commands import USAGE, main
from wgan_core.export.replay import counted_before, snapshots_of
from wgan_core.history import Frames, History


class Shelf:
    """Where runs are kept, in this test."""

    def __init__(self, *bundles: Bundle) -> None:
        self.runs = {bundle.view.id: bundle for bundle in bundles}

    def find(self, run_id: str) -> Bundle:
        if run_id not in self.runs:
            raise KeyError(f"There is no run {run_id}.")
        return self.runs[run_id]

    def keep(self, bundle: Bundle) -> str:
        self.runs["new"] = bundle
        return "new"

    def run(self, *arguments: str) -> int:
        return main(arguments, self.find, self.keep)


def test_a_run_goes_out_and_comes_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    there, here, path = Shelf(race()), Shelf(), str(tmp_path / "run.zip")
    assert there.run("export", race().view.id, "--format", "bundle", "--out", path) == 0
    assert capsys.readouterr().out == f"{path}\n"
    assert here.run("import", path, "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"run": "new"}
    assert here.runs["new"].view.config == race().view.config


def test_what_cannot_be_done_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shelf, out = Shelf(failed()), str(tmp_path / "out")
    assert shelf.run("export", failed().view.id, "--format", "png", "--out", out) == 1
    assert "error: There is nothing to show yet" in capsys.readouterr().err
    assert shelf.run("export", "nobody", "--format", "csv", "--out", out) == 2
    assert "There is no run nobody" in capsys.readouterr().err
    (tmp_path / "evil.zip").write_bytes(b"PK")
    assert shelf.run("import", str(tmp_path / "evil.zip")) == 2
    assert "error: The file is refused" in capsys.readouterr().err
    assert "new" not in shelf.runs


@pytest.mark.parametrize(
    "arguments", [["export"], ["export", "a", "--format", "xls", "--out", "b"], ["import"], ["other"]]
)
def test_bad_arguments_are_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        Shelf().run(*arguments)
    assert ended.value.code == 2
    assert USAGE.splitlines()[0] in capsys.readouterr().err


def test_json_names_the_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert Shelf(race()).run("export", race().view.id, "--format", "onnx", "--out", str(tmp_path), "--json") == 0
    files = json.loads(capsys.readouterr().out)["files"]
    names = [f"lane-{lane}/{role}.onnx" for lane in (1, 2) for role in ("generator", "critic")]
    assert [Path(file).relative_to(tmp_path).as_posix() for file in files] == names


@pytest.mark.parametrize("run", ["solo", "race", "images", "seeds", "failed"])
def test_the_snapshots_of_a_view_make_it_again(run: str) -> None:
    for view in RUNS[run]().view.lanes:
        history, frames = History(seeds=view.seeds), Frames(256)
        for snapshot in snapshots_of(view):
            history.append(snapshot)
            if snapshot.arrays:
                frames.append(snapshot)
        for name, column in view.history.items():
            np.testing.assert_array_equal(history.columns()[name], column, strict=True)
        assert len(frames.all()) == len(view.frames)
        for one, other in zip(frames.all(), view.frames, strict=True):
            assert_same_frame(one, other)


def test_what_was_recorded_before_a_state_is_counted() -> None:
    view = solo().view.lanes[0]
    assert counted_before(view, view.step) == (len(view.history["step"]), len(view.events))
    assert counted_before(view, 0) == (1, 0)


def test_the_document_names_every_format() -> None:
    text = (ROOT / "docs/exports.md").read_text(encoding="utf-8")
    table = text.split("## The bundle")[0]
    named = [name for row in re.findall(r"^\| (`.*?) \|", table, re.M) for name in re.findall(r"`([^`]*)`", row)]
    assert named == list(EXPORTS)
    for name, export in EXPORTS.items():
        row = next(line for line in table.splitlines() if line.startswith("|") and f"`{name}`" in line)
        for package in export.requires:
            assert package == "plotly" or package.replace("_", "-") in row


def test_seeds_come_back_as_snapshots_of_several_numbers() -> None:
    first = next(snapshots_of(read_bundle_of_seeds().view.lanes[0]))
    assert np.shape(first.scalars["w1"]) == (3,)


def read_bundle_of_seeds() -> Bundle:
    from wgan_core.export import pack_bundle

    return read_bundle(pack_bundle(seeds()))
