"""Whole runs as files: they come back as they were, and a file that someone has prepared is refused with a reason."""

from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
import stat
import struct
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.exported import RUNS, assert_same, race, seeds, solo
from tests.core.helpers import scalars, small
from wgan_core.config import RunConfig
from wgan_core.export import BadBundle, Bundle, ExportProblem, archive, of_run, pack_bundle, read_bundle, save
from wgan_core.export.bundle import check_state, like_state
from wgan_core.history import RunView
from wgan_core.host import tensors
from wgan_core.objectives.remedies import REMEDIES
from wgan_core.runs import Run
from wgan_core.training import Training
from wgan_core.training.state import DATA, BadState, check

pytestmark = pytest.mark.usefixtures("few_points")

Members = dict[str, bytes]
BATCH = {"normalisation": "batch"}


@pytest.fixture(autouse=True)
def _nothing_is_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Whatever a file holds, reading it leaves no file."""
    monkeypatch.chdir(tmp_path)
    yield
    assert [path for path in tmp_path.rglob("*") if path.name != "run.zip"] == []


def members(bundle: Bundle) -> Members:
    with zipfile.ZipFile(io.BytesIO(pack_bundle(bundle))) as found:
        return {name: found.read(name) for name in found.namelist()}


def signed(parts: Mapping[str, bytes], **manifest: Any) -> Members:
    """Members with a manifest that fits them."""
    listed = {
        name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        for name, data in parts.items()
        if name != "manifest.json"
    }
    about = {"format": "wgan-live-run", "version": 1, "id": "abc", "members": listed} | manifest
    return {**parts, "manifest.json": json.dumps(about).encode()}


def zip_of(parts: Mapping[str, bytes], **how: Any) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", **how) as file:
        for name, data in parts.items():
            file.writestr(name, data)
    return out.getvalue()


def why_refused(data: bytes) -> str:
    with pytest.raises(BadBundle) as refused:
        read_bundle(data)
    text = str(refused.value)
    assert text.startswith("The file is refused: ")
    assert text.endswith(".")
    assert len(text) < 700
    return text


# There and back


@pytest.mark.parametrize("run", RUNS)
def test_a_run_comes_back_as_it_was(run: str, tmp_path: Path) -> None:
    bundle = RUNS[run]()
    (path,) = save("bundle", bundle, tmp_path / "run.zip")
    found = read_bundle(path)
    assert found.view.config == bundle.view.config
    assert found.view.id == bundle.view.id
    for here, there in zip(bundle.view.lanes, found.view.lanes, strict=True):
        assert here.key == there.key
        assert_same(here, there)
    for state, other in zip(bundle.states, found.states, strict=True):
        assert (state is None) == (other is None)
        if state is not None and other is not None:
            check(other, state)
            for name, value in state.items():
                same = torch.equal(value, torch.as_tensor(other[name])) if isinstance(value, torch.Tensor) else False
                assert same or value == other[name]


def test_a_training_goes_on_from_an_imported_state() -> None:
    config = small(steps=8, snapshot_every=2)
    training = Training(config.edited({"steps": 4}))
    list(training.updates())
    view = solo().view.lanes[0]
    whole = Bundle.of(RunView(view.run_id, RunConfig.solo(view.config), (view,)), [solo().states[0]])
    assert whole.states[0] is not None
    state = training.state()
    check_state(config, state)
    data = tensors.pack({name: v.numpy() for name, v in state.items() if isinstance(v, torch.Tensor)})
    arrays, _ = tensors.unpack(data)
    back = {name: torch.from_numpy(arrays[name]) if name in arrays else value for name, value in state.items()}
    there = scalars(s for s in Training.resume(config, back).updates() if s is not None)
    here = scalars(s for s in Training.resume(config, state).updates() if s is not None)
    assert there == here


def test_what_a_terminal_would_obey_and_what_no_file_can_hold_does_not_come_in() -> None:
    parts = members(RUNS["failed"]())
    view = json.loads(parts["lane-1/view.json"])
    evil = "\x1b[2Jred\x1b]0;title\x07 \ud800 \u202etxt.exe\r\nline\ttab ü 字"
    view["failure"] = {"message": evil, "cause": evil}
    view["events"][0]["text"] = view["device"] = evil
    found = read_bundle(zip_of(signed({**parts, "lane-1/view.json": json.dumps(view).encode()}))).view.lanes[0]
    assert found.failure is not None
    assert found.failure.kind == ""  # as in bundles that were packed before there were kinds
    clean = "�[2Jred�]0;title� � �txt.exe�\nline\ttab ü 字"
    assert {found.failure.message, found.failure.cause, found.events[0].text, found.device} == {clean}


def test_equal_runs_are_equal_files() -> None:
    assert pack_bundle(race()) == pack_bundle(race())


def test_a_traceback_and_the_speed_stay_behind() -> None:
    parts = members(RUNS["failed"]())
    assert b"/home/me" not in b"".join(parts.values())


@pytest.mark.parametrize(
    "config",
    [
        small(),
        small(
            "grid", "gan", generator={"normalisation": "batch"}, generator_optimiser={"kind": "sgd", "momentum": 0.5}
        ),
        small("fashion-mnist", "wgan-clip", critic_optimiser={"kind": "sgd"}),
        small("fashion-mnist", "wgan-gp", conditional=True, generator_average=0.9),
        small("ring", "wgan", constraint={"kind": "spectral"}),
        *(
            small("ring", "gan", remedies={name: {kind.switch(): kind.usual}}, generator=BATCH, critic=BATCH)
            for name, kind in REMEDIES.items()
        ),
    ],
)
def test_what_a_state_must_be_like_is_what_trainings_have(config: Any) -> None:
    state = Training(config).state()
    like = like_state(config, "cpu", state)
    assert {n for n in state if not n.startswith("term.") and n != DATA} == like.keys()
    check_state(config, state)
    with pytest.raises(BadState):
        check_state(config.edited({"critic_optimiser.kind": "adam"}), state | {"critic.memory.mean": torch.zeros(3)})


def test_a_state_that_does_not_fit_is_not_written() -> None:
    view, state = solo().view.lanes[0], dict(solo().states[0] or {})
    state["generator.weights"] = torch.full_like(torch.as_tensor(state["generator.weights"]), torch.nan)
    with pytest.raises(ExportProblem, match=r"lane 1 does not fit its config: generator\.weights is not finite"):
        pack_bundle(Bundle.of(replace(solo().view, lanes=(view,)), [state]))


def test_a_frame_that_is_not_finite_is_left_out() -> None:
    view = solo().view.lanes[0]
    arrays = {**view.frames[1].arrays, "push": np.full((64, 2), np.inf, np.float32)}
    bad = replace(view.frames[1], arrays=arrays)
    broken = replace(view, frames=(view.frames[0], bad, *view.frames[2:]))
    found = read_bundle(pack_bundle(Bundle.of(replace(solo().view, lanes=(broken,)))))
    assert [f.step for f in found.view.lanes[0].frames] == [f.step for f in view.frames if f.step != bad.step]


def test_a_run_with_a_remedy_is_packed_and_read_again() -> None:
    run = Run(small("ring", "gan", remedies={"historical_averaging": {"weight": 1.0}}))
    run.start()
    assert run.join(60)
    (state,) = read_bundle(pack_bundle(of_run(run))).states
    assert state is not None
    assert state["remedy.critic.historical_averaging.steps"] == run.lane_view().critic_steps


# The outside of the file


@pytest.mark.parametrize(
    "name",
    [
        "../evil.json",
        "/etc/passwd",
        "lane-1/../../evil",
        "lane-1\\config.json",
        "C:\\evil",
        "lane-1/",
        "lane-9/config.json",
        "lane-1/code.py",
        "lane-1/history.npz",
        "inner.zip",
        "LANE-1/config.json",
        "lane-1/config.json\n",
        "lane-1/view.json/../view.json",
    ],
)
def test_a_name_that_no_run_has_is_refused(name: str) -> None:
    parts = members(solo())
    assert "is no name of a part of a run" in why_refused(zip_of(signed({**parts, name: b"x"})))


def test_a_name_that_goes_on_after_a_null_is_refused() -> None:
    data = zip_of({**members(solo()), "lane-1/config.json_.py": b"x"})
    assert "is no name of a part of a run" in why_refused(data.replace(b"config.json_.py", b"config.json\0.py"))


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFDIR, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_special_files_are_refused(kind: int) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        entry = zipfile.ZipInfo("lane-1/config.json")
        entry.external_attr = (kind | 0o777) << 16
        file.writestr(entry, "/etc/passwd")
    assert "a link, a folder or another special file" in why_refused(out.getvalue())


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_is_there_twice_is_refused() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for name, data in members(solo()).items():
            file.writestr(name, data)
        file.writestr("race.json", b"{}")
    assert "race.json is there twice" in why_refused(out.getvalue())


def test_a_bomb_is_refused_before_it_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive.Archive, "read", lambda *_: pytest.fail("it was unpacked"))
    bomb = zip_of({**members(solo()), "lane-1/state.safetensors": bytes(50_000_000)}, compression=zipfile.ZIP_DEFLATED)
    assert len(bomb) < 3_000_000
    assert "would unpack to more than 200 times its size" in why_refused(bomb)


def test_an_archive_within_the_archive_stays_bytes() -> None:
    inner = zip_of({"manifest.json": bytes(10_000_000)}, compression=zipfile.ZIP_DEFLATED)
    nested = zip_of({"manifest.json": inner})
    assert "is not JSON" in why_refused(nested)
    parts = members(solo())
    parts["lane-1/history.safetensors"] = inner
    assert "not a safetensors file" in why_refused(zip_of(signed(parts)))


def end_record(count: int, length: int, offset: int, comment: int = 0) -> bytes:
    return struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, length, offset, comment)


@pytest.mark.parametrize(("count", "length"), [(60_000, 3_000_000), (0xFFFF, 0xFFFFFFFF), (3, 50_000_000), (33, 3_000)])
def test_a_million_members_are_refused_before_their_names_are_read(
    count: int, length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zipfile, "ZipFile", lambda *_: pytest.fail("its table of contents was read"))
    data = b"PK\x03\x04" + bytes(min(length, 3_000_000)) + end_record(count, length, 4)
    assert "more members" in why_refused(data)


def test_a_real_zip64_file_of_too_many_members_is_refused() -> None:
    data = zip_of({f"{i}": b"" for i in range(70_000)})
    assert "more members" in why_refused(data)


def test_a_locator_of_zip64_is_refused() -> None:
    data = bytearray(zip_of(members(solo())))
    end = data[-22:]
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, 0, 1)
    assert "more members" in why_refused(bytes(data[:-22] + locator + end))


def test_a_truncated_file_is_refused() -> None:
    data = pack_bundle(race())
    for keep in (0, 1, 21, 22, 100, len(data) // 2, len(data) - 1):
        why_refused(data[:keep])


def test_something_before_or_behind_is_refused() -> None:
    data = pack_bundle(solo())
    assert "stands" in why_refused(b"#!/bin/sh\n" + data)
    assert "not a zip file, or it is cut off" in why_refused(data + b"behind")


def test_a_huge_declared_size_is_refused() -> None:
    data = bytearray(zip_of(members(solo())))
    at = data.index(b"PK\x01\x02")
    for size in (0xFFFFFFF0, 2**31 - 1):
        data[at + 24 : at + 28] = struct.pack("<L", size)
        assert "would unpack to more than" in why_refused(bytes(data))
        both = bytearray(data)
        both[at + 20 : at + 24] = struct.pack("<L", size)
        why_refused(bytes(both))


def test_a_member_that_holds_more_than_it_says_is_refused() -> None:
    data = bytearray(zip_of(members(solo()), compression=zipfile.ZIP_DEFLATED))
    at = data.index(b"PK\x01\x02")
    size = struct.unpack("<L", data[at + 24 : at + 28])[0]
    for wrong in (size - 1, size + 1):
        data[at + 24 : at + 28] = struct.pack("<L", wrong)
        assert "damaged" in why_refused(bytes(data)) or "cut off" in why_refused(bytes(data))


def test_an_encrypted_member_is_refused() -> None:
    data = bytearray(zip_of(members(solo())))
    at = data.index(b"PK\x01\x02")
    data[at + 8] |= 1
    assert "is encrypted" in why_refused(bytes(data))


def test_members_that_lie_over_each_other_are_refused() -> None:
    parts = members(solo())
    data = bytearray(zip_of(parts))
    first = data.index(b"PK\x01\x02")
    second = data.index(b"PK\x01\x02", first + 4)
    data[second + 42 : second + 46] = data[first + 42 : first + 46]
    assert "lies over another member" in why_refused(bytes(data))


@settings(max_examples=60)
@given(st.data())
def test_flipped_bytes_are_refused_or_harmless(draw: st.DataObject) -> None:
    data = bytearray(pack_bundle(seeds()))
    for _ in range(draw.draw(st.integers(1, 3))):
        data[draw.draw(st.integers(0, len(data) - 1))] ^= draw.draw(st.integers(1, 255))
    try:
        found = read_bundle(bytes(data))
    except BadBundle:
        return
    assert_same(found.view.lanes[0], seeds().view.lanes[0])


def test_a_file_that_is_not_there_is_a_sentence() -> None:
    with pytest.raises(BadBundle, match="cannot be read: No such file"):
        read_bundle("nowhere.zip")
    with pytest.raises(BadBundle, match="cannot be read"):
        read_bundle(os.sep)


# The inside


def changed(bundle: Bundle, name: str, change: Callable[[Any], None]) -> bytes:
    """The run's file, with the value of one JSON member changed and all hashes right."""
    parts = members(bundle)
    value = json.loads(parts[name])
    change(value)
    parts[name] = json.dumps(value).encode()
    return zip_of(signed(parts))


def put(*path: Any) -> Callable[[Any], None]:
    """Set what stands at a path to its last part."""
    *way, last, new = path

    def change(value: Any) -> None:
        for key in way:
            value = value[key]
        value[last] = new

    return change


@pytest.mark.parametrize(
    ("manifest", "why"),
    [
        ({"version": 2}, "its version is 2, and this WGAN Live reads version 1"),
        ({"version": None}, "its version is None"),
        ({"version": "9" * 5000}, "its version is 999"),
        ({"format": "other"}, "not a run of WGAN Live"),
        ({"id": "../x"}, "other characters than letters and digits"),
        ({"id": 3}, "the run's id is not a text"),
        ({"members": {}}, "does not list exactly its members"),
        ({"members": []}, "does not list exactly its members"),
        ({"more": 1}, "“more” does not belong there"),
    ],
)
def test_a_wrong_manifest_is_refused(manifest: dict[str, Any], why: str) -> None:
    assert why in why_refused(zip_of(signed(members(solo()), **manifest)))


def test_a_wrong_hash_or_size_is_refused() -> None:
    parts = members(solo())
    parts["lane-1/config.json"] = parts["lane-1/config.json"].replace(b"16", b"17", 1)
    assert "its SHA-256 differs" in why_refused(zip_of(parts))
    parts["lane-1/config.json"] += b" "
    assert "does not have the size that the manifest says" in why_refused(zip_of(parts))


@pytest.mark.parametrize("name", ["race.json", "lane-1/config.json", "lane-1/view.json", "lane-2/frames.safetensors"])
def test_a_missing_member_is_named(name: str) -> None:
    parts = members(race())
    del parts[name]
    assert f"{name} is missing" in why_refused(zip_of(signed(parts)))


def test_a_lane_too_many_is_refused() -> None:
    parts = members(race())
    parts["lane-3/view.json"] = parts["lane-2/view.json"]
    assert "lane-3/view.json belongs to no lane" in why_refused(zip_of(signed(parts)))


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"null", b"{", b"\xff\xfe", b"[" * 10_000, b'{"a": NaN}', b'{"a": -Infinity}']
)
@pytest.mark.parametrize("name", ["manifest.json", "race.json", "lane-1/config.json", "lane-1/view.json"])
def test_what_is_not_a_json_object_is_refused(name: str, data: bytes) -> None:
    parts = members(solo())
    text = why_refused(zip_of(signed({**parts, name: data}) if name != "manifest.json" else {**parts, name: data}))
    assert f"{name} is not" in text


VIEW = "lane-1/view.json"
NUMBERS: list[tuple[str, Callable[[Any], None], str]] = [
    ("race.json", put("lanes", 0, "batch_size", -1), "batch_size"),
    ("race.json", put("lanes", []), "1 to 4 lanes"),
    ("race.json", put("length", 10**9), "length"),
    ("race.json", put("exec", "x"), "does not belong"),
    ("lane-1/config.json", put("batch_size", 32), "batch_size is not what it is in the race"),
    ("lane-1/config.json", put("objective", "penalty_weight", "inf"), "penalty_weight"),
    ("lane-1/config.json", put("objective", "kind", "os.system"), "objective.kind"),
    ("lane-1/config.json", put("generator", "width", 10**9), "width"),
    (VIEW, put("status", "running"), "status"),
    (VIEW, put("status", ["finished"]), "status"),
    (VIEW, put("device", "x" * 5000), "device"),
    (VIEW, put("step", -1), "step"),
    (VIEW, put("step", True), "step"),
    (VIEW, put("seconds", 1e400), "not JSON"),
    (VIEW, put("seconds", "now"), "seconds"),
    (VIEW, put("snapshots", 1.5), "snapshots"),
    (VIEW, put("columns", ["step"]), "columns that it names"),
    (VIEW, put("columns", ["step"] * 3), "not all different"),
    (VIEW, put("columns", 0, "../a"), "are not names"),
    (VIEW, put("events", 0, "kind", "exec"), "an event's kind"),
    (VIEW, put("events", 0, "text", 5), "an event's text"),
    (VIEW, put("events", [{}] * 20_000), "events is not a list of up to 10,000"),
    (VIEW, put("events", [{}]), "an event"),
    (VIEW, put("failure", {"message": "a"}), "failure: cause is missing"),
    (
        VIEW,
        put("failure", {"message": "a", "cause": "b", "kind": "c"}),
        "a failure's kind is not one of diverged, data",
    ),
    (VIEW, put("failure", "a"), "failure is not an object"),
    (VIEW, put("frames", [{}] * 2_000), "frames is not a list of up to 1,024"),
    (VIEW, put("frames", 0, "arrays", "fake", 5), "does not say where its arrays are"),
    (VIEW, put("frames", 1, "arrays", "fake", -1), "does not say where its arrays are"),
    (VIEW, put("frames", 1, "arrays", {}), "needs the arrays"),
    (VIEW, put("frames", 0, "scalars", {"w1": None}), "not a finite number"),
    (VIEW, put("frames", 0, "scalars", {"w1": [1.0]}), "not a finite number"),
    (VIEW, put("frames", 0, "scalars", {"__class__": 1.0}), "not numbers by name"),
    (VIEW, put("frames", 0, "scalars", {"w1": 10**400}), "not a finite number"),
    (VIEW, put("frames", 0, "step", 10), "not in order"),
    (VIEW, put("state", None), "do not belong together"),
    (VIEW, put("state", []), "not an object"),
    (VIEW, put("state", "step", 7.0), "step must be a number"),
    (VIEW, put("state", "step", 9_000), "later step than its run"),
    (VIEW, put("state", "device", "cpu; rm"), "device is not"),
    (VIEW, put("state", "term.a b", 1.0), "is not a loss term"),
    (VIEW, put("state", "generator.weights", 1), "twice"),
    (VIEW, put("more", 1), "“more” does not belong there"),
]


@pytest.mark.parametrize(("name", "change", "why"), NUMBERS, ids=range(len(NUMBERS)))
def test_json_that_no_run_writes_is_refused(name: str, change: Callable[[Any], None], why: str) -> None:
    assert why in why_refused(changed(solo(), name, change))


def with_arrays(name: str, change: Callable[[dict[str, Any]], None]) -> bytes:
    parts = members(solo())
    arrays, _ = tensors.unpack(parts[name])
    found = dict(arrays)
    change(found)
    parts[name] = tensors.pack(found)
    return zip_of(signed(parts))


HISTORY, FRAMES, STATE = (f"lane-1/{name}.safetensors" for name in ("history", "frames", "state"))


def nan_at_end(name: str, value: float = np.nan) -> Callable[[dict[str, Any]], None]:
    def change(arrays: dict[str, Any]) -> None:
        arrays[name] = arrays[name].copy()
        arrays[name].reshape(-1)[-1] = value

    return change


ARRAYS: list[tuple[str, Callable[[dict[str, Any]], None], str]] = [
    (HISTORY, nan_at_end("step"), "the clock step"),
    (HISTORY, nan_at_end("step", 0.0), "the clock step"),
    (HISTORY, nan_at_end("step", 9.5), "the clock step"),
    (HISTORY, nan_at_end("seconds", -1.0), "the clock seconds"),
    (HISTORY, nan_at_end("w1", np.inf), "w1 of its history has an infinite number"),
    (HISTORY, put("w1", np.zeros((2, 2))), "the column w1"),
    (HISTORY, put("w1", np.zeros(3)), "the column w1"),
    (HISTORY, put("w1", np.zeros(5, np.float32)), "the column w1"),
    (HISTORY, put("step", np.zeros((2, 2))), "rows"),
    (HISTORY, put("extra", np.zeros(5)), "columns that it names"),
    (HISTORY, lambda arrays: arrays.pop("seconds"), "columns that it names"),
    (FRAMES, nan_at_end("0/fake"), "fake is not finite"),
    (FRAMES, put("0/fake", np.zeros((5, 3), np.float32)), "fake has the shape (5, 3)"),
    (FRAMES, put("0/fake", np.zeros((0, 2), np.float32)), "fake is float32 (0, 2)"),
    (FRAMES, put("0/fake", np.zeros((5, 2), np.int32)), "fake is int32"),
    (FRAMES, put("0/surface_axis", np.zeros(7, np.float32)), "surface_axis"),
    (FRAMES, put("0/weight_edges", np.zeros(7)), "weight_edges does not fit"),
    (FRAMES, put("9/fake", np.zeros((5, 2), np.float32)), "9/fake belongs to no frame"),
    (FRAMES, lambda arrays: arrays.pop("0/real"), "0/real is missing"),
    (STATE, nan_at_end("critic.weights"), "critic.weights is not finite"),
    (STATE, nan_at_end("critic.memory.mean"), "critic.memory.mean is not finite"),
    (STATE, put("critic.weights", np.zeros(3, np.float32)), "critic.weights is float32 (3,)"),
    (STATE, put("random.real", np.zeros(5056, np.uint8)), "random.real is no state of random numbers"),
    (STATE, put("evil", np.zeros(3)), "“evil” does not belong there"),
    (STATE, lambda arrays: arrays.pop("random.real"), "random.real is missing"),
]


@pytest.mark.parametrize(("name", "change", "why"), ARRAYS, ids=range(len(ARRAYS)))
def test_arrays_that_no_run_has_are_refused(name: str, change: Callable[[dict[str, Any]], None], why: str) -> None:
    assert why in why_refused(with_arrays(name, change))


class Evil:
    def __reduce__(self) -> Any:
        return os.mkdir, ("evil",)


def evil_npz() -> bytes:
    out = io.BytesIO()
    np.savez(out, a=np.array([Evil()], object))
    return out.getvalue()


@pytest.mark.parametrize("data", [pickle.dumps(Evil()), evil_npz(), b"", b"\0" * 8, b"\xff" * 64], ids=range(5))
@pytest.mark.parametrize("name", [HISTORY, FRAMES, STATE])
def test_pickles_are_bytes_that_nobody_reads(name: str, data: bytes) -> None:
    assert "refused" in why_refused(zip_of(signed({**members(solo()), name: data})))
    # An npz by its own name is no part of a run.
    other = name.replace(".safetensors", ".npz")
    assert "is no name" in why_refused(zip_of(signed({**members(solo()), other: data})))


def header(**entries: Any) -> bytes:
    text = json.dumps(entries).encode()
    return struct.pack("<Q", len(text)) + text


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (header(a={"dtype": "F64", "shape": [10**12], "data_offsets": [0, 8 * 10**12]}), "not a safetensors file"),
        (header(a={"dtype": "OBJECT", "shape": [1], "data_offsets": [0, 8]}), "of a type that no run has"),
        (header(a={"dtype": "F64", "shape": [-1], "data_offsets": [0, 8]}) + bytes(8), "not a safetensors file"),
        (header(a={"dtype": "F64", "shape": [2], "data_offsets": [0, 8]}) + bytes(8), "not a safetensors file"),
        (header(a=3), "of a type that no run has"),
        (header(__metadata__=[]), "metadata"),
        (header(__metadata__={"a": 3}), "metadata"),
        (header(**{f"a{i}": 3 for i in range(20_001)}), "20,001 arrays"),
        (struct.pack("<Q", 2**62) + b"{}", "cut off"),
    ],
    ids=range(9),
)
def test_safetensors_that_promise_too_much_are_refused(data: bytes, why: str) -> None:
    assert why in why_refused(zip_of(signed({**members(solo()), HISTORY: data})))


def test_a_part_that_is_too_large_is_refused() -> None:
    parts = members(solo())
    parts[STATE] = os.urandom(3_000_000)
    assert f"{STATE} has 3,000,000 bytes" in why_refused(zip_of(signed(parts)))
    parts = members(solo())
    parts["race.json"] = os.urandom(17_000_000)
    assert "race.json has 17,000,000 bytes" in why_refused(zip_of(signed(parts)))
