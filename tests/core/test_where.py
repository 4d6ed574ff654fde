"""Where it runs: consoles of any encoding, users without a home, odd values in the environment."""

from __future__ import annotations

import io
import json
import pwd
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wgan_core.cli import main
from wgan_core.host import data_folder
from wgan_core.host.folders import NoFolder
from wgan_core.store import Store, StoreProblem

TRAIN = ["train", "--steps", "1", "--device", "cpu", "--generator.width", "8", "--critic.width", "8"]
NAMED = ["train", "--no-store", "--dataset.kind", "folder", "--dataset.path", "Bäume/λ/𝒩"]
LISTS = ["presets", "datasets", "objectives", "constraints", "remedies", "theory", "reproduce", "runs"]


def printed(
    monkeypatch: pytest.MonkeyPatch, encoding: str, arguments: list[str], status: int | None = 0
) -> tuple[str, str]:
    """What a command prints on a console that refuses what its encoding lacks."""
    streams = [io.TextIOWrapper(io.BytesIO(), encoding, "strict", write_through=True) for _ in range(2)]
    monkeypatch.setattr(sys, "stdout", streams[0])
    monkeypatch.setattr(sys, "stderr", streams[1])
    try:
        found: Any = main(arguments)
    except SystemExit as end:  # argparse refuses
        found = end.code
    assert status in (None, found)
    out, err = (stream.buffer.getvalue().decode(encoding) for stream in streams)
    return out, err


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_every_command_prints_on_any_console(encoding: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WGAN_HOME", str(tmp_path))
    for command in LISTS:
        assert printed(monkeypatch, encoding, [command])[0]
        assert json.loads(printed(monkeypatch, encoding, [command, "--json"])[0]) is not None
    out, _ = printed(monkeypatch, encoding, ["theory", "--figure", "gaussians"])
    assert "\\u03c3" in out
    for refused in (["resume", "λ"], ["export", "λ", "--format", "json", "--out", "λ"], ["import", "λ"], ["fid", "λ"]):
        assert "error: " in printed(monkeypatch, encoding, refused, None)[1]
    printed(monkeypatch, encoding, ["fetch", "λ"], 2)
    assert b"\xce\xbb" in printed(monkeypatch, "utf-8", ["eject"])[0].encode()


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_the_reason_of_a_failed_run_reaches_any_console(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WGAN_PICTURES", "/")
    assert "no folder and no zip" in printed(monkeypatch, encoding, NAMED, 1)[0]
    last = json.loads(printed(monkeypatch, encoding, [*NAMED, "--json"], 1)[0].splitlines()[-1])
    assert "“Bäume/λ/𝒩”" in last["error"]


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a user number without an entry, without HOME."""

    def nobody(*_: Any) -> Any:
        raise KeyError

    for name in ("HOME", "WGAN_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", nobody)


@pytest.mark.usefixtures("homeless")
def test_without_a_home_training_goes_on_unstored(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(NoFolder, match="Set WGAN_HOME"):
        data_folder()
    assert main([*TRAIN, "--json"]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out.splitlines()[-1])["status"] == "finished"
    assert told.err.count("warning: Runs are not stored") == 1
    assert "Set WGAN_HOME" in told.err
    store = Store()
    assert store.problem is not None
    for ask in (store.runs, store.tags, lambda: store.lane_view("x"), lambda: store.rename("x", "y")):
        with pytest.raises(StoreProblem, match="Set WGAN_HOME"):
            ask()


@pytest.mark.usefixtures("homeless")
def test_without_a_home_images_that_come_with_this_software_are_found(capsys: pytest.CaptureFixture[str]) -> None:
    images = ["--dataset.kind", "fashion-mnist", "--dataset.split", "test", "--scores_every", "0"]
    small = ["--generator.base_channels", "4", "--critic.base_channels", "4", "--batch_size", "4", "--no-store"]
    assert main(["train", "--steps", "1", "--device", "cpu", *images, *small]) == 0
    capsys.readouterr()


@pytest.mark.usefixtures("homeless")
@pytest.mark.parametrize("command", [["runs"], ["resume", "x"], ["fetch", "mnist"], ["fid", "x"]])
def test_without_a_home_commands_say_so(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command) in (1, 2)
    assert "Set WGAN_HOME" in capsys.readouterr().err


ODD = {"blank": "  ", "relative": "here", "nobody's": "~no-such-user/x", "a file": "a-file", "in a file": "a-file/x"}


@pytest.mark.parametrize("odd", ODD)
def test_odd_values_of_wgan_home_give_a_sentence(
    odd: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a-file").write_text("x", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WGAN_HOME", ODD[odd])
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert main([*TRAIN, "--json"]) == 0
    warned = capsys.readouterr().err
    works = odd in ("blank", "relative")
    assert ("warning: " in warned) != works
    assert main(["runs"]) == (0 if works else 1)
    assert ("error: " in capsys.readouterr().err) != works


@pytest.mark.parametrize("name", ["WGAN_DATA", "WGAN_PICTURES", "WGAN_INCEPTION"])
def test_a_home_that_nobody_knows_gives_a_sentence(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from wgan_core.datasets import DataError, FashionMnist
    from wgan_core.datasets.pictures import Folder, offered
    from wgan_core.host import resolve
    from wgan_core.metrics.images.inception import read_inception
    from wgan_core.schema import ConfigError

    monkeypatch.setenv(name, "~no-such-user/x")
    asked: dict[str, Callable[[], object]] = {
        "WGAN_DATA": FashionMnist.folders,
        "WGAN_PICTURES": lambda: Folder(path="x").read(),
        "WGAN_INCEPTION": lambda: read_inception(None, resolve("cpu")),
    }
    with pytest.raises((DataError, ConfigError), match=f"Set {name} to a whole path"):
        asked[name]()
    assert offered() == []
