"""States: all that a training needs in order to go on as if it had never stopped, and what is asked of one that is brought.

A state is a flat dict: tensors on the CPU, and a few plain numbers. It may come from a file that someone else made, so it is
checked name by name before anything of it is used.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Generator, Tensor

State = dict[str, Tensor | int | float | str]
LARGEST = {"step": 10_000_000, "critic_steps": 1_000_000_000, "seconds": 1e9}
TERM = "term."
# The hash of the data that were trained on. States of old have none, and other data do not make one unfit.
DATA = "data"
MOST_TERMS = 16
# Losses of this size mean that training is lost, long before float32 overflows at 3e38.
DIVERGED = 1e9


def progress_of(state: State) -> tuple[int, int, float]:
    """Generator steps, critic steps and seconds of a state."""
    step, critic_steps, seconds = (state[name] for name in ("step", "critic_steps", "seconds"))
    assert isinstance(step, int)
    assert isinstance(critic_steps, int)
    assert isinstance(seconds, float)
    return step, critic_steps, seconds


def averaged(state: Mapping[str, Any]) -> State:
    """What a state has of an averaged generator that has only seen the generator in it."""
    of_the_generator = ("generator.weights", "generator.buffer.")
    return {
        name.replace("generator", "average", 1): value
        for name, value in state.items()
        if name.startswith(of_the_generator)
    }


def taken(terms: Mapping[str, float], tensors: Mapping[str, Tensor], streams: Mapping[str, Generator]) -> State:
    """A state's loss terms, tensors and random numbers, copied to the CPU."""
    named: State = {TERM + name: value for name, value in terms.items()}
    copies = {name: tensor.detach().to("cpu", copy=True) for name, tensor in tensors.items()}
    return named | copies | {name: rng.get_state() for name, rng in streams.items()}


def put_back(
    state: Mapping[str, Any], tensors: Mapping[str, Tensor], streams: Mapping[str, Generator]
) -> dict[str, float]:
    """Set tensors and random numbers to those of a checked state, and return its loss terms.

    Raises
    ------
    BadState
        Random numbers are none. Nothing has changed then.
    """
    for name, rng in streams.items():
        try:
            Generator(rng.device).set_state(state[name])
        except RuntimeError as error:
            raise BadState(f"{name} is no state of random numbers ({error})") from None
    for name, rng in streams.items():
        rng.set_state(state[name])
    for name, tensor in tensors.items():
        tensor.copy_(state[name])
    return {name.removeprefix(TERM): value for name, value in state.items() if name.startswith(TERM)}


class BadState(ValueError):
    """A state does not fit its training: says in which part."""


def check(state: Mapping[str, Any], expected: State) -> None:
    """Refuse a state that does not have the names, types, shapes and sizes of another one, taken from a fresh training.

    Raises
    ------
    BadState
    """
    if not isinstance(state, Mapping) or not all(isinstance(name, str) for name in state):
        raise BadState("it is not a collection of named values")
    terms = {name: value for name, value in state.items() if name.startswith(TERM)}
    wanted = {name: value for name, value in expected.items() if not name.startswith(TERM) and name != DATA}
    if missing := wanted.keys() - state.keys():
        raise BadState(f"{min(missing)} is missing")
    if unknown := state.keys() - wanted.keys() - terms.keys() - {DATA}:
        raise BadState(f"“{min(unknown)[:40]}” does not belong there")
    if not isinstance(state.get(DATA, ""), str) or len(state.get(DATA, "")) > 64:
        raise BadState(f"{DATA} is no hash")
    if len(terms) > MOST_TERMS:
        raise BadState(f"it has {len(terms)} loss terms")
    for name, value in terms.items():
        if not (isinstance(value, float) and abs(value) < DIVERGED and name[len(TERM) :].isidentifier()):
            raise BadState(f"“{name[:40]}” is not a loss term")
    for name, like in wanted.items():
        _check_one(name, state[name], like)


def _check_one(name: str, value: Any, like: Tensor | int | float | str) -> None:
    if isinstance(like, str):
        if value != like:
            raise BadState(f"{name} is {str(value)[:40]}, and this training has {like}")
    elif isinstance(like, Tensor):
        if not isinstance(value, Tensor) or value.layout != torch.strided or value.device.type != "cpu":
            raise BadState(f"{name} is not an array of numbers")
        if value.dtype != like.dtype or value.shape != like.shape or not value.is_contiguous():
            here, there = (f"{str(x.dtype)[6:]} {tuple(x.shape)}" for x in (value, like))
            raise BadState(f"{name} is {here}, and this training has {there}")
        if name.endswith(".weights") and not bool(value.isfinite().all()):
            raise BadState(f"{name} is not finite")
    elif type(value) is not type(like) or not (math.isfinite(value) and 0 <= value <= LARGEST[name]):
        raise BadState(f"{name} must be a number from 0 to {LARGEST[name]:,}")
