"""Limits before a start: what a run will take, in memory and in time, and whether there is room for it.

Whoever starts trainings asks for a :class:`Reservation` first, and is refused with a :class:`ConfigError`. The estimate comes
from the shapes of the networks (:mod:`wgan_core.limits.cost`), the room from the computer (:mod:`wgan_core.limits.memory`).
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from wgan_core.config import RunConfig
from wgan_core.host import resolve
from wgan_core.limits.cost import Cause, Cost, of_run, of_training
from wgan_core.limits.memory import VARIABLE, Promise, Room, given, room
from wgan_core.limits.speed import speed
from wgan_core.schema import ConfigError, Problem

__all__ = ["Forecast", "Reservation", "claim", "forecast", "refusal"]

# Time of a member's step in a stack, as a ratio to that of a training alone: the middle of the table in members/stacked.py.
STACKED_RATIO = 0.5
WHAT: dict[Cause, str] = {
    "batch": "what each batch leaves behind in the networks until the way back",
    "networks": "the networks with their gradients and what the optimisers remember",
    "processes": "the processes that several seeds train in",
    "data": "the images",
}


@dataclass(frozen=True)
class Forecast:
    """What a run will take, as far as shapes tell.

    Attributes
    ----------
    bytes : int
        At the worst moment.
    seconds_a_step : float
        Of one generator step with its critic steps, of all lanes and seeds.
    seconds : float
        Of the whole run, with its measurements.
    """

    bytes: int
    seconds_a_step: float
    seconds: float

    def __str__(self) -> str:
        return f"about {size_text(self.bytes)} and {time_text(self.seconds_a_step)} a step: {time_text(self.seconds)}"


def forecast(config: RunConfig, cores: int) -> Forecast:
    """What a run will take on its device, with nothing else beside it.

    Parameters
    ----------
    cores : int
        That several seeds may be shared out to.

    Raises
    ------
    DeviceError
        The device is absent.

    Examples
    --------
    >>> config = RunConfig.parse({"shared": {"device": "cpu"}, "lanes": [{}]})
    >>> forecast(config, 2).bytes // 10_000_000
    5
    """
    first = config.lanes[0]
    device = resolve(first.device)
    rate = speed(device)
    side_by_side = _workers(config, cores) or 1
    threads = min(first.threads, cores) if device.type == "cpu" and config.seeds == 1 else 1
    step = whole = 0.0
    for lane_config in config.lanes:
        lane = of_training(lane_config)
        members = config.seeds / side_by_side * (STACKED_RATIO if lane.stacks and config.seeds > 1 else 1)
        once = rate.seconds(lane.round) / threads * members
        measured = rate.seconds(lane.measuring) + (0 if lane_config.dataset.is_image else rate.w1)
        scored = rate.seconds(lane.scoring) / lane_config.scores_every if lane_config.scores_every else 0
        step += once
        if config.clock == "seconds":
            whole += config.length * (1 + (measured / lane_config.snapshot_every + scored) / once)
        else:
            every = measured * config.seeds / side_by_side / lane_config.snapshot_every
            whole += lane_config.steps * (once + every + scored)
    return Forecast(of_run(config, _workers(config, cores)).bytes, step, whole)


class Reservation:
    """Room that a run was promised, until it is given back.

    Attributes
    ----------
    workers : int
        Processes that it may have for several seeds: as many as cores and memory have room for, one at least.
    """

    def __init__(self, where: Room, who: str, workers: int) -> None:
        self._where, self._who, self.workers = where, who, workers

    def give_back(self) -> None:
        """The run has ended. May be called again."""
        with self._where.lock:
            self._where.promised.pop(self._who, None)


def claim(config: RunConfig, cores: int, who: str = "") -> Reservation:
    """Room for a run beside those that have it already.

    Parameters
    ----------
    cores : int
        Most worker processes of all runs together; each run of several seeds has one at least.
    who : str
        The run's id, by which others are told of it.

    Raises
    ------
    ConfigError
        There is too little, with what takes most and what to lower. DeviceError if the device is absent.
    """
    where = room(resolve(config.lanes[0].device))
    who = who or f"training {secrets.token_hex(3)}"
    with where.lock:
        for workers in _choices(config, cores - where.workers):
            cost = of_run(config, workers)
            if cost.bytes <= where.left:
                where.promised[who] = Promise(cost.bytes, workers)
                return Reservation(where, who, workers)
        raise ConfigError([_problem(config, cost, where, where.left)])


def refusal(config: RunConfig, cores: int) -> ConfigError | None:
    """Why a run could not be had even if nothing else ran, or None."""
    where = room(resolve(config.lanes[0].device))
    *_, cost = (of_run(config, workers) for workers in _choices(config, cores))
    return ConfigError([_problem(config, cost, where, where.whole)]) if cost.bytes > where.whole else None


def _workers(config: RunConfig, cores: int) -> int:
    """Worker processes of a run that has the computer to itself."""
    if config.seeds == 1 or resolve(config.lanes[0].device).type != "cpu":
        return 0
    return max(1, min(cores, config.seeds * len(config.lanes)))


def _choices(config: RunConfig, cores: int) -> Sequence[int]:
    """How many workers a run could do with, the fastest first."""
    return range(_workers(config, cores), 0, -1) if _workers(config, cores) else (0,)


def _problem(config: RunConfig, cost: Cost, where: Room, left: int) -> Problem:
    """The refusal: how much it is, how much there is, who has it, and what to lower."""
    if where.device.type == "cuda":
        rule = f"the free memory of {where.device}"
    elif given() is None:
        rule = f"half of what is free; {VARIABLE} sets another limit, in megabytes"
    else:
        rule = VARIABLE
    others = ""
    if where.promised and left < where.whole:
        having = ", ".join(f"{who} has {size_text(promise.bytes)}" for who, promise in where.promised.items())
        others = f" Of these {size_text(max(0, left))} are left: {having}."
        advice = "Wait, stop a run, or " + _lower(config, cost, left)
    else:
        advice = _lower(config, cost, left).capitalize()
    what = f"Most of it, {size_text(getattr(cost, cost.main))}, is for {WHAT[cost.main]}."
    return Problem(
        _field(config, cost.main),
        f"this run would take about {size_text(cost.bytes)} of memory, and all runs together may take"
        f" {size_text(where.whole)} ({rule}).{others} {what} {advice}.",
    )


def _field(config: RunConfig, main: Cause) -> str:
    if config.seeds > 1 and main != "batch":
        return "seeds"
    return {"batch": "batch_size", "networks": "generator, critic", "processes": "batch_size", "data": "dataset"}[main]


def _lower(config: RunConfig, cost: Cost, left: int) -> str:
    """What to lower, with the value that fits where one number does it."""
    first = config.lanes[0]
    width = "base_channels" if first.dataset.is_image and first.critic.kind != "mlp" else "width"
    if cost.main == "batch":
        room_for_it = left - (cost.bytes - cost.batch)
        fits = int(first.batch_size * room_for_it / cost.batch) if room_for_it > 0 else 0
        most = f" to {_round_down(fits):,} or less" if fits else ""
        return f"lower batch_size from {first.batch_size:,}{most}, or {width} of the networks"
    if config.seeds > 1:
        fits = int(config.seeds * left / cost.bytes)
        return f"lower the seeds from {config.seeds}" + (f" to about {fits}" if fits > 0 else f", or {width}")
    if cost.main == "networks":
        fewer = ", or train fewer lanes" if len(config.lanes) > 1 else ""
        return f"lower {width}, depth or latent.dim{fewer}"
    return "take images of fewer pixels, or one class of them" if cost.main == "data" else "stop what else runs"


def _round_down(n: int) -> int:
    """To two digits: the estimate has no more."""
    unit: int = 10 ** max(0, len(str(n)) - 2)
    return n // unit * unit


def size_text(size: float) -> str:
    """Bytes for people.

    Examples
    --------
    >>> size_text(53_000_000), size_text(1_234_000_000), size_text(31_000_000_000)
    ('53 MB', '1.2 GB', '31 GB')
    """
    if size < 999_500_000:
        return f"{max(1, round(size / 1e6))} MB" if size > 0 else "0 MB"
    return f"{size / 1e9:.1f} GB" if size < 9.95e9 else f"{size / 1e9:,.0f} GB"


def time_text(seconds: float) -> str:
    """A time for people, with as many digits as an estimate has.

    Examples
    --------
    >>> [time_text(s) for s in (0.0004, 0.0123, 0.42, 12, 700, 30_000, 900_000)]
    ['0.4 ms', '12 ms', '0.4 s', '12 s', '12 minutes', '8 hours', '10 days']
    """
    if seconds < 0.0095:
        return f"{seconds * 1000:.1f} ms"
    if seconds < 0.095:
        return f"{seconds * 1000:.0f} ms"
    for unit, name, upto in ((1, "s", 120), (60, "minutes", 7_200), (3_600, "hours", 172_800)):
        if seconds < upto:
            n = seconds / unit
            return (
                f"{n:.1f} {name}" if n < 9.5 and unit == 1 else f"{ceil(n) if unit > 1 and n < 2 else round(n)} {name}"
            )
    return f"{seconds / 86_400:,.0f} days"
