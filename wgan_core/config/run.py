"""Races: trainings side by side, on the same data, from the same start, on one clock.

A run is always a race, most often of one lane. What lanes share is stated once, what tells them apart lane by lane.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

from pydantic import ValidationError, model_validator

from wgan_core.config.training import MAX_URL_CHARACTERS, TrainingConfig, difference
from wgan_core.schema import ConfigError, Part, Problem, knob, problems_of

MOST_LANES = 4
MOST_SEEDS = 32
MOST_STEPS = 10_000_000
BATCH_SIZE = 128
SHARED = ("dataset", "conditional", "latent", "batch_size", "seed", "device", "threads", "speed", "scores_every")
ARCHITECTURE = ("generator", "critic")
OWN = (
    "objective",
    "constraint",
    "remedies",
    "n_critic",
    "critic_optimiser",
    "generator_optimiser",
    "generator_average",
)

Clock = Literal["step", "critic_steps", "seconds"]


class RunConfig(Part):
    """One to four lanes in lockstep: none gets ahead of the others on the clock.

    Lanes with one seed start from the same weights where their networks have the same shapes, their k-th critic steps see
    the same real samples and latents, and their t-th generator steps the same latents (common random numbers).

    Attributes
    ----------
    lanes : tuple[TrainingConfig, ...]
        Complete configs. Data set, latent, batch size, seed and device are the same in all.

    Examples
    --------
    >>> race = RunConfig.parse({"lanes": [{"objective": {"kind": "gan"}}, {"objective": {"kind": "wgan-gp"}}], "length": 600})
    >>> [(lane.objective.kind, lane.n_critic, lane.steps) for lane in race.lanes]
    [('gan', 1, 600), ('wgan-gp', 5, 600)]
    >>> race = RunConfig.parse({**json.loads(race.to_url()), "clock": "critic_steps"})
    >>> [lane.steps for lane in race.lanes]
    [600, 120]
    """

    lanes: tuple[TrainingConfig, ...]
    clock: Clock = knob(
        "step",
        "Clock",
        "What all lanes have had the same of at any time. Critic steps and seconds count n_critic, generator steps do not.",
    )
    length: int = knob(600, "Length", "Where the race ends, on the clock.", ge=1, le=MOST_STEPS)
    snapshot_every: int = knob(
        20,
        "Snapshot every",
        "Measure each time the clock has gone on by this much (in seconds: generator steps).",
        ge=1,
    )
    seeds: int = knob(
        1,
        "Seeds",
        "Train each lane this many times, with seeds s, s + 1, …; charts show the median and the band from 10 to 90 %.",
        ge=1,
        le=MOST_SEEDS,
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if not 1 <= len(self.lanes) <= MOST_LANES:
            raise ValueError(f"lanes: a race has 1 to {MOST_LANES} lanes; you gave {len(self.lanes)}")
        first = self.lanes[0]
        for number, lane in enumerate(self.lanes[1:], 2):
            if lane.dataset.shape != first.dataset.shape:
                raise ValueError(
                    f"lane {number}: each of its samples has {_shape(lane)} numbers, each of lane 1 has {_shape(first)};"
                    " all lanes train on one data set"
                )
            for name in SHARED:
                if getattr(lane, name) != getattr(first, name):
                    title = TrainingConfig.model_fields[name].title
                    raise ValueError(f"lane {number}: {name}: all lanes share it, and lane 1 has another {title}")
        if self.seeds > 1 and first.dataset.is_image:
            raise ValueError("seeds: several seeds at once are for data sets of points; images take one seed")
        if first.seed + self.seeds > 2**31:
            raise ValueError(
                f"seed: with {self.seeds} seeds it must be at most {2**31 - self.seeds:,}; you gave {first.seed:,}"
            )
        return self

    def settled(self) -> RunConfig:
        """The same race, its data named so that they are found from any working folder."""
        return self.model_copy(update={"lanes": tuple(lane.settled() for lane in self.lanes)})

    @classmethod
    def solo(cls, config: TrainingConfig, seeds: int = 1) -> RunConfig:
        """A run of one lane.

        Raises
        ------
        ConfigError
            The number of seeds is not allowed.
        """
        return cls._made(
            lanes=(config,), length=config.steps, snapshot_every=min(config.snapshot_every, MOST_STEPS), seeds=seeds
        )

    @classmethod
    def parse(cls, data: Mapping[str, Any] | str) -> RunConfig:
        """Build a race from ``{"shared": {…}, "lanes": [{…}, …], "clock", "length", "snapshot_every", "seeds"}``.

        ``shared`` holds fields of a config for all lanes, each lane those of its own. Fields that depend on the objective
        and are not given come from its paper.

        Raises
        ------
        ConfigError
            Each problem names the lane and the field, what is allowed and what was given.
        """
        if isinstance(data, str):
            if len(data) > MAX_URL_CHARACTERS:
                raise ConfigError([Problem("", f"the race is longer than {MAX_URL_CHARACTERS} characters")])
            try:
                data = json.loads(data)
            except (ValueError, RecursionError) as error:
                raise ConfigError([Problem("", f"the race is not valid JSON ({error})")]) from None
        if not isinstance(data, Mapping):
            raise ConfigError([Problem("", "the race must be a JSON object, {…}")])
        shared, lanes = data.get("shared", {}), data.get("lanes")
        if not isinstance(shared, Mapping):
            raise ConfigError([Problem("shared", "must be an object of settings, {…}")])
        if not isinstance(lanes, Sequence) or isinstance(lanes, str) or not all(isinstance(x, Mapping) for x in lanes):
            raise ConfigError([Problem("lanes", "must be a list of objects, [{…}, {…}]")])
        if not 1 <= len(lanes) <= MOST_LANES:  # before the work of reading them
            raise ConfigError([Problem("lanes", f"a race has 1 to {MOST_LANES} lanes; you gave {len(lanes)}")])
        knobs = {name: value for name, value in data.items() if name not in ("shared", "lanes")}
        ruled = cls._made(lanes=(TrainingConfig.parse({}),), **knobs)
        if not any("batch_size" in lane for lane in lanes):
            shared = {"batch_size": BATCH_SIZE, **shared}  # the papers' own differ, and lanes share it
        configs, problems = [], []
        for number, lane in enumerate(lanes, 1):
            try:
                configs.append(ruled._timed({**shared, **lane}))
            except ConfigError as error:
                problems += [Problem(f"lane {number}: {p.path}".rstrip(": "), p.message) for p in error.problems]
        if problems:
            raise ConfigError(problems)
        return cls._made(lanes=tuple(configs), **knobs)

    @classmethod
    def _made(cls, **fields: Any) -> RunConfig:
        try:
            return cls.model_validate(fields)
        except ValidationError as error:
            raise ConfigError(problems_of(error, cls)) from None

    def _timed(self, data: Mapping[str, Any]) -> TrainingConfig:
        """A lane's config, with steps and cadence in generator steps from the race's clock."""
        if given := [name for name in ("steps", "snapshot_every") if name in data]:
            raise ConfigError(
                [Problem(given[0], "belongs to the race: give length and snapshot_every beside the lanes")]
            )
        steps, every = self.length, self.snapshot_every
        if self.clock == "seconds":
            steps = MOST_STEPS
        elif self.clock == "critic_steps":
            n_critic = TrainingConfig.parse({**data, "steps": 1}).n_critic
            steps, every = math.ceil(steps / n_critic), max(1, round(every / n_critic))
        return TrainingConfig.parse({**data, "steps": steps, "snapshot_every": min(every, 1_000_000)})

    def with_seeds(self, seeds: int) -> RunConfig:
        """The same race with another number of seeds, or ConfigError."""
        return self._made(**{name: getattr(self, name) for name in type(self).model_fields} | {"seeds": seeds})

    def with_seed(self, seed: int) -> RunConfig:
        """The same race from another start."""
        lanes = tuple(lane.edited({"seed": seed}) for lane in self.lanes)
        return self._made(**{name: getattr(self, name) for name in type(self).model_fields} | {"lanes": lanes})

    def parts(self) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """What :meth:`parse` takes as ``shared`` and ``lanes``, complete. Networks are shared where all lanes have the same."""
        full = [lane.model_dump() for lane in self.lanes]
        alike = tuple(name for name in ARCHITECTURE if all(lane[name] == full[0][name] for lane in full))
        own = OWN + tuple(name for name in ARCHITECTURE if name not in alike)
        return (
            {name: full[0][name] for name in SHARED + alike},
            [{name: lane[name] for name in own} for lane in full],
        )

    def to_url(self) -> str:
        """Compact JSON for ``?race=``: what :meth:`parse` turns back into this race, without what it fills in by itself."""
        shared, lanes = self.parts()
        smallest = [lane.essence() for lane in self.lanes]
        brief = []
        for lane, essence in zip(lanes, smallest, strict=True):
            brief.append({name: value for name, value in essence.items() if name in lane})
        common = {name: essence[name] for essence in smallest for name in shared if name in essence}
        common["batch_size"] = shared["batch_size"]
        knobs = difference(
            self.model_dump(exclude={"lanes"}), {n: f.default for n, f in type(self).model_fields.items()}
        )
        return json.dumps({"shared": common, "lanes": brief, **knobs}, separators=(",", ":"), ensure_ascii=False)

    def to_json(self) -> str:
        """Complete JSON, in which nothing is left to defaults that may change: what a store keeps.

        Examples
        --------
        >>> race = RunConfig.solo(TrainingConfig.parse({}))
        >>> RunConfig.from_json(race.to_json()) == race
        True
        """
        return self.model_dump_json()

    @classmethod
    def from_json(cls, text: str) -> RunConfig:
        """What :meth:`to_json` gave, or ConfigError."""
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ConfigError([Problem("", f"the race is not valid JSON ({error})")]) from None
        if not isinstance(data, Mapping):
            raise ConfigError([Problem("", "the race must be a JSON object, {…}")])
        return cls._made(**data)


def differing(lanes: Sequence[TrainingConfig]) -> list[tuple[str, list[Any]]]:
    """The knobs in which configs differ, by dotted path, with each one's value; None where it has no such knob.

    Examples
    --------
    >>> lanes = [TrainingConfig.parse({"objective": {"kind": "wgan-clip", "clip": c}}) for c in (0.01, 0.1)]
    >>> differing(lanes)
    [('objective.clip', [0.01, 0.1])]
    """

    def leaves(part: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in part.items():
            found |= leaves(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {prefix + name: value}
        return found

    flat = [leaves(lane.model_dump()) for lane in lanes]
    order = (*OWN, *ARCHITECTURE)
    paths = list(dict.fromkeys(path for lane in flat for path in lane))
    paths.sort(key=lambda path: order.index(top) if (top := path.split(".")[0]) in order else len(order))
    return [(path, [lane.get(path) for lane in flat]) for path in paths if len({lane.get(path) for lane in flat}) > 1]


def added(config: TrainingConfig, path: str) -> str | None:
    """What a constraint or remedy is called in a list of what tells lanes apart; None for the path of another knob.

    Examples
    --------
    >>> config = TrainingConfig.parse({"objective": {"kind": "gan"}, "remedies": {"instance_noise": {"sigma": 0.5}}})
    >>> added(config, "constraint.kind"), added(config, "remedies.instance_noise.sigma"), added(config, "n_critic")
    ('no constraint', 'instance noise 0.5', None)
    """
    top, *rest = path.split(".")
    if path == "constraint.kind":
        return config.constraint.label if config.constraint.kind != "none" else "no constraint"
    if top != "remedies":
        return None
    name, leaf = rest
    remedy = getattr(config.remedies, name)
    label, value = remedy.label[0].lower() + remedy.label[1:], getattr(remedy, leaf)
    if leaf != remedy.switch():
        return f"{type(remedy).model_fields[leaf].title.lower()} {value:g}"
    return f"{label} {value:g}" if value else f"no {label}"


def _shape(config: TrainingConfig) -> str:
    return " × ".join(map(str, config.dataset.shape))
