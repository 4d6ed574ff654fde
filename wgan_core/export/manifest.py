"""A lane's view as JSON and arrays, and back from a file that may have been made by anyone: each part is checked.

What the view of a live run says of its speed is not kept, nor is the traceback of a failure: it names folders of a computer.
"""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, NoReturn, get_args, get_type_hints

import numpy as np

from wgan_core.config import TrainingConfig
from wgan_core.export.subject import BadBundle
from wgan_core.history import CLOCKS, LIVE, Array, Event, Failure, FailureKind, Floats, LaneView, Snapshot, Status

MOST_ROWS, MOST_COLUMNS, MOST_FRAMES, MOST_EVENTS, MOST_TEXT = 100_000, 80, 1024, 10_000, 4_000
LARGEST = {"step": 10_000_000, "critic_steps": 1_000_000_000, "seconds": 1e9}
MOST_SNAPSHOTS = 2**40
ENDED = [status for status in get_args(Status) if status not in LIVE]
EVENT_KINDS, FAILURE_KINDS = get_args(get_type_hints(Event)["kind"]), get_args(FailureKind)
# Not its traceback.
FAILURE = ("message", "cause", "kind")
NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
# Control characters, what turns the direction of reading, and halves of characters.
UNFIT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
# What a frame has, with shapes: equal letters are equal numbers, 2 and 3 are themselves.
POINTS = {
    "fake": "n2",
    "real": "m2",
    "weight_counts": "b",
    "weight_edges": "e",
    "surface": "ss",
    "surface_axis": "s",
    "push_at": "a2",
    "push": "a2",
}
IMAGES = {"fake_grid": "hw3", "real_grid": "hw3", "weight_counts": "b", "weight_edges": "e"}
MOST_IN_AN_ARRAY = 4_000_000


# Out


def describe(view: LaneView) -> dict[str, Any]:
    """What of a view is neither its config nor an array. A run that still trains counts as interrupted here."""
    frames = [frame for frame in view.frames if _is_whole(frame, view.config)]
    stored: dict[str, tuple[int, Array]] = {}
    return {
        "status": "interrupted" if view.live else view.status,
        "device": view.device,
        "snapshots": view.snapshots,
        "step": view.step,
        "critic_steps": view.critic_steps,
        "seconds": view.seconds,
        "columns": list(view.history),
        "events": [asdict(event) for event in view.events],
        "failure": None if view.failure is None else {name: getattr(view.failure, name) for name in FAILURE},
        "frames": [_describe_frame(i, frame, stored) for i, frame in enumerate(frames)],
    }


def _is_whole(frame: Snapshot, config: TrainingConfig) -> bool:
    """It has all that charts need, in finite numbers. A training that is about to diverge may leave others."""
    try:
        _check_arrays(frame.arrays, config, "")
    except BadBundle:
        return False
    return True


def _describe_frame(i: int, frame: Snapshot, stored: dict[str, tuple[int, Array]]) -> dict[str, Any]:
    """Clocks and scalars, and for each array the number of the frame under which it lies: the same one lies there once."""
    for name, array in frame.arrays.items():
        if name not in stored or not _same(stored[name][1], array):
            stored[name] = i, array
    scalars = {name: _number(value) for name, value in frame.scalars.items()}
    places = {name: stored[name][0] for name in frame.arrays}
    return {name: getattr(frame, name) for name in CLOCKS} | {"scalars": scalars, "arrays": places}


def _same(a: Array, b: Array) -> bool:
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def _number(value: float | Floats) -> Any:
    return [None if math.isnan(x) else x for x in value.tolist()] if isinstance(value, np.ndarray) else float(value)


def frame_arrays(view: LaneView, about: Mapping[str, Any]) -> dict[str, Array]:
    """The arrays of the frames that :func:`describe` named, each once."""
    frames = [frame for frame in view.frames if _is_whole(frame, view.config)]
    return {
        f"{i}/{name}": frame.arrays[name]
        for i, (frame, entry) in enumerate(zip(frames, about["frames"], strict=True))
        for name, place in entry["arrays"].items()
        if place == i
    }


# Back


def strict_json(data: bytes, name: str) -> dict[str, Any]:
    """A JSON object, without NaN and infinity."""

    def refuse(constant: str) -> NoReturn:
        raise ValueError(f"{constant} is not JSON")

    try:
        found = json.loads(data, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise BadBundle(f"{name} is not JSON ({str(error)[:200]})") from None
    if not isinstance(found, dict):
        raise BadBundle(f"{name} is not a JSON object")
    return found


def view_of(
    run_id: str,
    lane: int,
    config: TrainingConfig,
    seeds: int,
    about: Mapping[str, Any],
    history: Mapping[str, Array],
    arrays: Mapping[str, Array],
) -> LaneView:
    """The view that was written.

    Raises
    ------
    BadBundle
    """
    fields(about, "view", ("status", "device", "snapshots", *CLOCKS, "columns", "events", "failure", "frames"))
    if about["status"] not in ENDED:
        raise BadBundle(f"its status is not one of {', '.join(ENDED)}")
    step, critic_steps, seconds = clocks(about, "view")
    found = frames(config, seeds, about["frames"], arrays)
    return LaneView(
        run_id=run_id,
        lane=lane,
        version=1,
        config=config,
        status=about["status"],
        device=text(about["device"], "device"),
        snapshots=whole(about["snapshots"], MOST_SNAPSHOTS, "snapshots"),
        step=step,
        critic_steps=critic_steps,
        seconds=seconds,
        steps_per_second=0.0,
        history=columns(about["columns"], seeds, history),
        latest=found[-1] if found else None,
        events=tuple(event(each) for each in listed(about["events"], MOST_EVENTS, "events")),
        failure=failure(about["failure"]),
        frames=found,
        seeds=seeds,
    )


def columns(order: Any, seeds: int, history: Mapping[str, Array]) -> dict[str, Floats]:
    """The history: float64, one length, clocks finite and never going back, scalars finite or NaN where absent."""
    names = listed(order, MOST_COLUMNS, "columns")
    if not all(isinstance(name, str) and NAME.fullmatch(name) for name in names) or len(set(names)) != len(names):
        raise BadBundle("the names of its history's columns are not names, or not all different")
    if set(names) != history.keys() or not set(CLOCKS) <= set(names):
        raise BadBundle("its history does not have the columns that it names, or lacks a clock")
    rows = len(history["step"]) if history["step"].ndim == 1 else -1
    if not 0 <= rows <= MOST_ROWS:
        raise BadBundle(f"its history has more than {MOST_ROWS:,} rows")
    for name in names:
        column = history[name]
        wanted = (rows,) if seeds == 1 or name in CLOCKS else (rows, seeds)
        if column.dtype != np.float64 or column.shape != wanted:
            raise BadBundle(
                f"the column {name} of its history is {column.dtype} {column.shape}, and float64 {wanted} fits"
            )
        if np.isinf(column).any():
            raise BadBundle(f"the column {name} of its history has an infinite number")
    for name in CLOCKS:
        column = history[name]
        good = np.isfinite(column).all() and (np.diff(column) >= 0).all() and (column >= 0).all()
        if not good or (column > LARGEST[name]).any() or (name != "seconds" and (column % 1).any()):
            raise BadBundle(f"the clock {name} of its history does not go forward in sensible numbers")
    return {name: history[name] for name in names}


def frames(config: TrainingConfig, seeds: int, given: Any, arrays: Mapping[str, Array]) -> tuple[Snapshot, ...]:
    """The frames, oldest first, with read-only arrays of the names, shapes and types that this kind of data has."""
    found: list[Snapshot] = []
    used: set[str] = set()
    for i, entry in enumerate(listed(given, MOST_FRAMES, "frames")):
        which = f"frame {i}"
        fields(entry, which, (*CLOCKS, "scalars", "arrays"))
        of = entry["arrays"]
        if not isinstance(of, dict) or not all(type(j) is int and 0 <= j <= i for j in of.values()):
            raise BadBundle(f"{which} does not say where its arrays are")
        keys = {name: f"{place}/{name}" for name, place in of.items()}
        if missing := set(keys.values()) - arrays.keys():
            raise BadBundle(f"{which}: the array {min(missing)[:60]} is missing")
        its = {name: arrays[key] for name, key in keys.items()}
        _check_arrays(its, config, f"{which}: ")
        for array in its.values():
            array.setflags(write=False)
        used |= set(keys.values())
        found.append(Snapshot(*clocks(entry, which), scalars(entry["scalars"], seeds, which), its))
    if unknown := arrays.keys() - used:
        raise BadBundle(f"the array {min(unknown)[:60]} belongs to no frame")
    if any(a.step > b.step for a, b in itertools.pairwise(found)):
        raise BadBundle("its frames are not in order")
    return tuple(found)


def _check_arrays(arrays: Mapping[str, Array], config: TrainingConfig, where: str) -> None:
    wanted = IMAGES if config.dataset.is_image else POINTS
    if set(arrays) != set(wanted):
        raise BadBundle(f"{where}it needs the arrays {', '.join(sorted(wanted))}, and has {_some(arrays)}")
    sides = {"2": 2, "3": 3}
    for name, letters in wanted.items():
        array = arrays[name]
        kind = "u" if letters.endswith("3") else "f"
        if array.dtype.kind != kind or array.ndim != len(letters) or not 0 < array.size <= MOST_IN_AN_ARRAY:
            raise BadBundle(f"{where}{name} is {array.dtype} {array.shape}, which does not fit")
        for letter, side in zip(letters, array.shape, strict=True):
            if sides.setdefault(letter, side) != side:
                raise BadBundle(f"{where}{name} has the shape {array.shape}, which does not fit the others")
        if kind == "f" and not np.isfinite(array).all():
            raise BadBundle(f"{where}{name} is not finite")
    if sides["e"] != sides["b"] + 1:
        raise BadBundle(f"{where}weight_edges does not fit weight_counts")


def scalars(given: Any, seeds: int, where: str) -> dict[str, float | Floats]:
    """Finite numbers by name; of several seeds a list each, null where a seed has none."""
    if not isinstance(given, dict) or len(given) > MOST_COLUMNS or not all(NAME.fullmatch(name) for name in given):
        raise BadBundle(f"{where}: its scalars are not numbers by name")
    found: dict[str, float | Floats] = {}
    for name, value in given.items():
        values = [value] if seeds == 1 else value
        if not isinstance(values, list) or len(values) != seeds:
            raise BadBundle(f"{where}: {name} needs {seeds} numbers")
        for x in values:
            if not (x is None and seeds > 1) and not _is_finite(x):
                raise BadBundle(f"{where}: {name} is not a finite number")
        numbers = np.array([math.nan if x is None else float(x) for x in values])
        found[name] = float(numbers[0]) if seeds == 1 else numbers
    return found


def event(given: Any) -> Event:
    fields(given, "an event", (*CLOCKS, "kind", "text"))
    if given["kind"] not in EVENT_KINDS:
        raise BadBundle(f"an event's kind is not one of {', '.join(EVENT_KINDS)}")
    return Event(*clocks(given, "an event"), given["kind"], text(given["text"], "an event's text"))


def failure(given: Any) -> Failure | None:
    if given is None:
        return None
    if isinstance(given, dict):
        given = {"kind": "", **given}  # bundles of old have none
    fields(given, "failure", FAILURE)
    if given["kind"] not in FAILURE_KINDS:
        raise BadBundle(f"a failure's kind is not one of {', '.join(filter(None, FAILURE_KINDS))}")
    message, cause = (text(given[name], f"the failure's {name}") for name in FAILURE[:2])
    return Failure(message, cause, kind=given["kind"])


# One value at a time


def fields(given: Any, where: str, names: Sequence[str]) -> None:
    """Refuse what is not an object with exactly these fields."""
    if not isinstance(given, dict):
        raise BadBundle(f"{where} is not an object")
    if missing := set(names) - given.keys():
        raise BadBundle(f"{where}: {min(missing)} is missing")
    if unknown := given.keys() - set(names):
        raise BadBundle(f"{where}: “{min(unknown)[:40]}” does not belong there")


def clocks(given: Mapping[str, Any], where: str) -> tuple[int, int, float]:
    step, critic_steps = (whole(given[name], LARGEST[name], f"{where}: {name}") for name in CLOCKS[:2])
    if not _is_finite(seconds := given["seconds"]) or not 0 <= seconds <= LARGEST["seconds"]:
        raise BadBundle(f"{where}: seconds is not a number from 0 to {LARGEST['seconds']:,}")
    return step, critic_steps, float(seconds)


def whole(value: Any, most: float, what: str) -> int:
    if type(value) is not int or not 0 <= value <= most:
        raise BadBundle(f"{what} is not a whole number from 0 to {most:,}")
    return value


def text(value: Any, what: str) -> str:
    """A text without what a terminal would obey, or what no file can hold; a � stands in the place of each such character."""
    if not isinstance(value, str) or len(value) > MOST_TEXT:
        raise BadBundle(f"{what} is not a text of up to {MOST_TEXT:,} characters")
    return UNFIT.sub("\N{REPLACEMENT CHARACTER}", value)


def listed(value: Any, most: int, what: str) -> list[Any]:
    if not isinstance(value, list) or len(value) > most:
        raise BadBundle(f"{what} is not a list of up to {most:,}")
    return value


def _is_finite(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < 1e300


def _some(arrays: Mapping[str, Any]) -> str:
    return ", ".join(sorted(name[:40] for name in list(arrays)[:10])) or "none"
