"""Several members: their configs, and one flat state of all of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, get_args

from wgan_core.config import RunConfig, TrainingConfig
from wgan_core.history import Failure, FailureKind
from wgan_core.training.loop import Training
from wgan_core.training.state import DATA, LARGEST, BadState, State, check

MOST_CHARACTERS = 4_000


def seeded(config: TrainingConfig, seeds: int) -> list[TrainingConfig]:
    """The configs of so many seeds from ``config.seed`` on.

    Raises
    ------
    ConfigError
        The number of seeds is not allowed with this config.

    Examples
    --------
    >>> [each.seed for each in seeded(TrainingConfig.parse({"seed": 4}), 3)]
    [4, 5, 6]
    """
    RunConfig.solo(config, seeds)
    return [config.model_copy(update={"seed": config.seed + k}) for k in range(seeds)]


def check_resumable(config: TrainingConfig, state: Mapping[str, Any], seeds: int = 1) -> None:
    """Refuse, with a BadState, a state from which so many seeds of a config cannot go on here."""
    members = split(state, seeds)
    states = [(k, each) for k, each in enumerate(members) if not isinstance(each, Failure)]
    if not states:
        raise BadState("all of its members have failed")
    (first, state), *others = states
    like = Training.resume(seeded(config, seeds)[first], state).state()
    for _, other in others:
        check(other, like)


def joined(states: Mapping[int, State], failures: Mapping[int, Failure], count: int) -> State:
    """One flat state of ``count`` members, from those of members of one step and why the others failed, by place.

    Each name of a member's state has its place before it. What is known of one member alone is its own state.
    """
    if count == 1:
        return dict(states[0])
    first = next(iter(states.values()))
    found: State = {name: first[name] for name in (*LARGEST, DATA)}
    for place, state in states.items():
        found |= {f"{place}.{name}": value for name, value in state.items()}
    for place, why in failures.items():
        found[f"{place}.failure"] = json.dumps([why.message, why.cause, why.kind])
    return found


def split(state: Mapping[str, Any], count: int) -> list[State | Failure]:
    """The states of ``count`` members that :func:`joined` has put together, and why members have failed that have none.

    Raises
    ------
    BadState
        It is none of so many members.

    Examples
    --------
    >>> one: State = {"step": 3, "critic_steps": 15, "seconds": 0.5, "data": "", "w": 1.0}
    >>> two = joined({1: one}, {0: Failure("Training diverged.", "", "", "diverged")}, 2)
    >>> split(two, 2)[1] == one, split(two, 2)[0]
    (True, Failure(message='Training diverged.', cause='', traceback='', kind='diverged'))
    """
    if not isinstance(state, Mapping) or not all(isinstance(name, str) for name in state):
        raise BadState("it is not a collection of named values")
    if count == 1:
        return [dict(state)]
    members: list[State] = [{} for _ in range(count)]
    for name, value in state.items():
        place, _, own = name.partition(".")
        if name in LARGEST or name == DATA:
            continue
        if not (place.isdecimal() and int(place) < count and own):
            raise BadState(f"“{name[:40]}” does not belong there, in a state of {count} members")
        members[int(place)][own] = value
    found = [_failed(member) or member for member in members]
    if any(isinstance(each, dict) and each.get("step") != state.get("step") for each in found):
        raise BadState("its members are not all at one step")
    return found


def first_of(state: Mapping[str, Any], count: int) -> State:
    """The state of the first of so many members that has not failed. BadState as of :func:`split`, and where all have failed."""
    for found in split(state, count):
        if not isinstance(found, Failure):
            return found
    raise BadState("all of its members have failed")


def _failed(member: State) -> Failure | None:
    if "failure" not in member:
        return None
    try:
        message, cause, kind = json.loads(str(member["failure"])[:MOST_CHARACTERS])
    except ValueError:
        raise BadState("why a member failed cannot be read") from None
    if not (isinstance(message, str) and isinstance(cause, str) and kind in get_args(FailureKind)):
        raise BadState("why a member failed cannot be read")
    return Failure(message, cause, "", kind)
