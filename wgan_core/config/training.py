"""The one description of a run, behind form, command line, URL, store and docs."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, Self

import torch
from pydantic import ValidationError, model_validator
from torch import nn

import wgan_core.datasets.pictures
import wgan_core.datasets.points.clusters  # noqa: F401  data sets of modules of their own
from wgan_core.datasets import DataError, Dataset
from wgan_core.networks import Latent, Network, Speed
from wgan_core.networks.piecewise import Net
from wgan_core.objectives import Objective
from wgan_core.objectives.constraints import Constraint, Free
from wgan_core.objectives.losses import Losses
from wgan_core.objectives.remedies import switches
from wgan_core.optimisers import Optimiser
from wgan_core.schema import ConfigError, Part, Problem, knob, problems_of, union

if TYPE_CHECKING:
    from wgan_core.datasets import Dataset as AnyDataset
    from wgan_core.networks import Network as AnyNetwork
    from wgan_core.objectives import Objective as AnyObjective
    from wgan_core.objectives.constraints import Constraint as AnyConstraint
    from wgan_core.objectives.remedies import Switches as Remedies
    from wgan_core.optimisers import Optimiser as AnyOptimiser
else:
    AnyDataset, AnyNetwork, AnyObjective, AnyOptimiser = map(union, (Dataset, Network, Objective, Optimiser))
    AnyConstraint, Remedies = union(Constraint), switches(__name__)

MAX_PARAMETERS = 30_000_000
MOST_CLASSES = 100
MAX_URL_CHARACTERS = 4_000


class TrainingConfig(Part):
    """Everything that decides a run. Same config, same numbers (on the CPU).

    What is left out is filled in before validation from the objective's paper and the kind of data: optimisers,
    n_critic, batch size, and the architecture that fits. After validation every field is explicit.

    Examples
    --------
    >>> config = TrainingConfig.parse({"objective": {"kind": "wgan-clip"}})
    >>> config.n_critic, config.critic_optimiser.kind, config.critic_optimiser.lr
    (5, 'rmsprop', 5e-05)
    """

    schema_version: Literal[1] = 1
    dataset: AnyDataset = knob(None, "Data set", "Where the real samples come from.")
    latent: Latent = knob(None, "Latent", "The prior that the generator turns into samples.")
    generator: AnyNetwork = knob(None, "Generator", "The network that makes samples.")
    critic: AnyNetwork = knob(None, "Critic", "The network that scores samples (a GAN's discriminator).")
    conditional: bool = knob(
        False,
        "Conditional",
        "Both networks are told the class of each sample, so that samples of a class can be asked for. The data need labels.",
    )
    objective: AnyObjective = knob(None, "Objective", "What critic and generator minimise.")
    constraint: AnyConstraint = knob(None, "Constraint", "What holds the critic, beside what its objective brings.")
    remedies: Remedies = knob(
        None, "Remedies", "What steadies a training, whatever its objective. All are off at first."
    )
    n_critic: int = knob(
        5, "n_critic", "Critic steps before each generator step. WGANs use 5, GANs 1.", live=True, ge=1, le=100
    )
    critic_optimiser: AnyOptimiser = knob(None, "Critic's optimiser", "How the critic learns.")
    generator_optimiser: AnyOptimiser = knob(None, "Generator's optimiser", "How the generator learns.")
    generator_average: float = knob(
        0.0,
        "Averaged generator",
        "Decay β of a moving average of the generator's weights, from which samples and measurements then come; 0 is off."
        " Papers have 0.999 to 0.9999.",
        ge=0,
        lt=1,
    )
    batch_size: int = knob(64, "Batch size", "Samples in each step.", ge=1, le=16_384)
    steps: int = knob(2000, "Generator steps", "Length of the run in generator steps.", ge=1, le=10_000_000)
    seed: int = knob(0, "Seed", "Same config and seed, same numbers.", ge=0, le=2**31 - 1)
    device: str = knob(
        "auto",
        "Device",
        "auto takes a GPU where there is one.",
        pattern=r"^(auto|cpu|cuda|cuda:\d{1,2}|mps)$",
        takes="auto, cpu, cuda, cuda:N or mps",
    )
    threads: int = knob(
        1,
        "CPU threads",
        "Threads for a run on the CPU. More than one pays for images when nothing else trains.",
        ge=1,
        le=max(8, os.cpu_count() or 1),
    )
    speed: Speed = knob(None, "Speed", "How the networks of images compute.")
    snapshot_every: int = knob(20, "Snapshot every", "Generator steps between two measurements.", ge=1, le=1_000_000)
    scores_every: int = knob(
        100,
        "Scores every",
        "Of images: generator steps between two scorings (Fréchet distance, recall, classes covered, …); 0 for none.",
        ge=0,
        le=1_000_000,
    )

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, data: Any) -> Any:
        return completed(data) if isinstance(data, Mapping) else data

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        for role in ("generator", "critic"):
            if getattr(self, role).images_only and not self.dataset.is_image:
                raise ValueError(
                    f"{role}.kind: a {getattr(self, role).label} makes images, and {self.dataset.kind} holds points;"
                    " use mlp, or choose a data set of images"
                )
        if self.conditional and (why := self._unlabelled()):
            raise ValueError(f"conditional: {why}")
        if self.speed.autocast != "off" and not self.dataset.is_image:
            raise ValueError("speed.autocast: networks of points are too small to gain by it; it is for images")
        self._combines()
        self._normalises()
        if self.dataset.size is not None and self.batch_size > self.dataset.size:
            raise ValueError(
                f"batch_size: must not be larger than the data set, {self.dataset.size:,} samples; you gave {self.batch_size}"
            )
        if (size := self.parameters()) > MAX_PARAMETERS:
            raise ValueError(
                f"generator, critic: these networks have {size:,} parameters, {MAX_PARAMETERS:,} are allowed;"
                " lower width, depth, base_channels or latent.dim"
            )
        return self

    def _unlabelled(self) -> str:
        """Why there are no classes that the networks could be told, or ""."""
        try:
            names = self.dataset.class_names
        except DataError as error:
            return str(error)
        if len(names) < 2:
            return f"{self.dataset.label} has no labels as it is chosen here; that takes two classes or more"
        if len(names) > MOST_CLASSES:
            return f"{self.dataset.label} has {len(names):,} classes, {MOST_CLASSES} are allowed: each is an input of its own"
        return ""

    @cached_property
    def class_count(self) -> int:
        """How many classes the networks are told of: 0 where the run is not conditional."""
        return len(self.dataset.class_names) if self.conditional else 0

    def _combines(self) -> None:
        """Refuse, with a ValueError, an objective, a constraint and remedies that do not go together."""
        own = self.objective
        if own.unheld and not self.constraints:
            held = ", ".join(kind for kind, cls in Constraint.kinds.items() if cls is not Free)
            raise ValueError(
                f"constraint.kind: {self.constraint.kind} does not go with {own.label}: {own.unheld}; choose one of {held}"
            )
        if why := self.constraint.refusal(own.constraint, own.label):
            raise ValueError(f"constraint.kind: {self.constraint.kind} does not go with {own.label}: {why}")
        for remedy in self.remedies.active:
            if why := remedy.refusal(self):
                raise ValueError(f"remedies.{remedy.name}: {why}")
        for who, constraint in ((own.label, own.constraint), (self.constraint.label, self.constraint)):
            if not constraint.no_batch_norm:
                continue
            if self.critic.normalisation == "batch" and "virtual_batch" not in (r.name for r in self.remedies.active):
                raise ValueError(
                    f"critic.normalisation: batch normalisation does not go with {who}: {constraint.no_batch_norm};"
                    " use layer or none"
                )
            for remedy in self.remedies.active:
                if remedy.mixes_samples:
                    raise ValueError(
                        f"remedies.{remedy.name}: does not go with {who}: the penalty holds the norm of each sample's"
                        " own gradient, and here a score depends on the whole batch"
                    )

    def _normalises(self) -> None:
        """Refuse, with a ValueError, a batch too small for batch normalisation, which takes two numbers for each unit."""
        if self.batch_size > 1:
            return
        for role, net in zip(("generator", "critic"), self.nets(), strict=True):
            if any(isinstance(module, nn.BatchNorm1d) for module in net.modules()):
                raise ValueError(
                    f"batch_size: must be 2 or more where the {role} has batch normalisation: each unit is normalised by its"
                    f" mean and variance over the batch, and one sample has no variance; you gave 1. Or set"
                    f" {role}.normalisation to layer or none"
                )

    @cached_property
    def constraints(self) -> tuple[Constraint, ...]:
        """All that holds the critic: what its objective carries, then what the config adds.

        Examples
        --------
        >>> config = TrainingConfig.parse({"objective": {"kind": "wgan-clip"}, "constraint": {"kind": "r1"}})
        >>> config.constraints
        (Clip(kind='clip', clip=0.01), R1(kind='r1', gamma=10.0))
        """
        both = self.objective.constraint, self.constraint
        return tuple(constraint for constraint in both if not isinstance(constraint, Free))

    @cached_property
    def losses(self) -> Losses:
        """What critic and generator minimise."""
        return Losses(self.objective, self.constraints, self.remedies.active)

    @property
    def input_shapes(self) -> tuple[tuple[int], tuple[int, ...]]:
        """Shapes of one input of the generator, and of one of the critic: with its class where the run is conditional."""
        first, *rest = self.dataset.shape
        return (self.latent.dim + self.class_count,), (first + self.class_count, *rest)

    def nets(self) -> tuple[Net, Net]:
        """Generator and critic as constraint and remedies would have them, without weights (on the meta device)."""
        inputs, seen = self.input_shapes
        with torch.device("meta"):
            generator = self.generator.generator(*inputs, self.dataset.shape)
            critic = self.critic.critic(seen)
            for constraint in self.constraints:
                critic = constraint.held(critic)
            for remedy in self.remedies.active:
                generator = remedy.layers("generator", generator, self, inputs)
                critic = remedy.layers("critic", critic, self, seen)
        # Whatever the caller's default is
        return generator.to(torch.float32), critic.to(torch.float32)

    def settled(self) -> TrainingConfig:
        """The same run, its data named so that they are found from any working folder."""
        dataset = self.dataset.settled()
        return self if dataset is self.dataset else self.model_copy(update={"dataset": dataset})

    def parameters(self) -> int:
        """Number of parameters of both networks together. Nothing is allocated."""
        return sum(p.numel() for net in self.nets() for p in net.parameters())

    @property
    def limit(self) -> float | None:
        """c, where every parameter of the critic is clipped to [−c, c], or None."""
        return next((c.limit for c in self.constraints if c.limit is not None), None)

    @property
    def slope_weight(self) -> float | None:
        """λ of the two-sided gradient penalty at interpolates, or None without one."""
        return next((c.slope_weight for c in self.constraints if c.slope_weight is not None), None)

    @classmethod
    def parse(cls, data: Mapping[str, Any] | str) -> TrainingConfig:
        """Build a config from nested dicts or JSON.

        Raises
        ------
        ConfigError
            Each problem names the field, what is allowed and what was given.
        """
        if isinstance(data, str):
            if len(data) > MAX_URL_CHARACTERS:
                raise ConfigError([Problem("", f"the config is longer than {MAX_URL_CHARACTERS} characters")])
            try:
                data = json.loads(data)
            except (ValueError, RecursionError) as error:
                raise ConfigError([Problem("", f"the config is not valid JSON ({error})")]) from None
        if not isinstance(data, Mapping):
            raise ConfigError([Problem("", "the config must be a JSON object, {…}")])
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise ConfigError(problems_of(error, cls)) from None

    def edited(self, changes: Mapping[str, Any]) -> TrainingConfig:
        """A copy with fields changed by dotted path, validated as a whole.

        Examples
        --------
        >>> TrainingConfig.parse({}).edited({"objective.penalty_weight": 1}).objective.penalty_weight
        1.0
        """
        return TrainingConfig.parse(with_paths(self.model_dump(), changes))

    def essence(self) -> dict[str, Any]:
        """The smallest nested dict that :meth:`parse` turns back into this config: what differs from the defaults."""
        full = self.model_dump()
        kinds = {name: {"kind": full[name]["kind"]} for name in ("dataset", "objective")}
        return difference(full, TrainingConfig.parse(kinds).model_dump()) | {
            name: difference(full[name], type(getattr(self, name))().model_dump()) | kinds[name] for name in kinds
        }

    def to_url(self) -> str:
        """The essence as compact JSON, for ``?config=``."""
        return json.dumps(self.essence(), separators=(",", ":"), ensure_ascii=False)


def completed(data: Mapping[str, Any]) -> dict[str, Any]:
    """Fill in what a partial config leaves out. Wrong types and kinds pass through, for validation to name."""

    def part(name: str, default_kind: str, defaults: Mapping[str, Any] | None = None) -> Any:
        given = data.get(name)
        if given is None:
            given = {}
        if not isinstance(given, Mapping):
            return given
        base = {"kind": default_kind, **(defaults or {})}
        # Defaults belong to the default kind only: another optimiser has its own.
        return {**base, **given} if given.get("kind", default_kind) == default_kind else dict(given)

    dataset = part("dataset", "ring")
    objective = part("objective", "wgan-gp")
    dataset_class = _kind(Dataset, dataset)
    objective_class = _kind(Objective, objective)
    is_image = dataset_class is not None and dataset_class.is_image
    paper = objective_class.defaults if objective_class else {}
    held = paper.get("constraint", {"kind": "none"})
    constraint = part("constraint", held["kind"], held)
    constraint_class = _kind(Constraint, constraint)
    critic_norm = objective_class.dcgan_critic_normalisation if objective_class and is_image else "none"
    if critic_norm == "batch" and constraint_class is not None and constraint_class.no_batch_norm:
        critic_norm = "layer"

    def network(name: str, defaults: Mapping[str, Any]) -> Any:
        given = part(name, "dcgan" if is_image else "mlp", defaults)
        if (cls := _kind(Network, given)) is None:
            return given
        return (cls.for_images if is_image else {}) | (cls.as_critic if name == "critic" else {}) | given

    latent = {} if data.get("latent") is None else data["latent"]
    filled = {
        "dataset": dataset,
        "objective": objective,
        "constraint": constraint,
        "speed": {} if data.get("speed") is None else data["speed"],
        "remedies": {} if data.get("remedies") is None else data["remedies"],
        "generator": network("generator", {}),
        "critic": network("critic", {"normalisation": critic_norm}),
        "latent": {"dim": 64 if is_image else 16, **latent} if isinstance(latent, Mapping) else latent,
    }
    for name in ("critic_optimiser", "generator_optimiser"):
        defaults = paper.get(name, {"kind": "adam"})
        filled[name] = part(name, defaults["kind"], defaults)
    return {"n_critic": paper.get("n_critic", 1), "batch_size": paper.get("batch_size", 64), **data, **filled}


def _kind(family: type[Any], value: Any) -> Any:
    kind = value.get("kind") if isinstance(value, Mapping) else None
    return family.kinds.get(kind) if isinstance(kind, str) else None


def with_paths(data: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Set values by dotted path in nested dicts, making the dicts on the way. ``data`` is changed and returned.

    A new ``kind`` drops what belonged to the old one.
    """
    for path, value in changes.items():
        *parents, leaf = path.split(".")
        target = data
        for name in parents:
            child = target.get(name)
            target[name] = child = dict(child) if isinstance(child, Mapping) else {}
            target = child
        if leaf == "kind" and target.get("kind", value) != value:
            target.clear()
        target[leaf] = value
    return data


def difference(full: Mapping[str, Any], base: Mapping[str, Any]) -> dict[str, Any]:
    """What of ``full`` differs from ``base``, nested; of a part of another kind, everything."""
    out: dict[str, Any] = {}
    for name, value in full.items():
        other = base.get(name)
        if isinstance(value, Mapping) and isinstance(other, Mapping) and value.get("kind") == other.get("kind"):
            value = difference(value, other)
            if not value:
                continue
        elif value == other:
            continue
        out[name] = value
    return out


def live_paths(config: TrainingConfig) -> list[str]:
    """Dotted paths of the knobs that may be turned while this run trains.

    Examples
    --------
    >>> live_paths(TrainingConfig.parse({}))  # doctest: +NORMALIZE_WHITESPACE
    ['objective.penalty_weight', 'n_critic', 'critic_optimiser.lr', 'generator_optimiser.lr']
    """

    def walk(part: Part, prefix: str) -> list[str]:
        paths = []
        for name, field in type(part).model_fields.items():
            value = getattr(part, name)
            if isinstance(value, Part):
                paths += walk(value, f"{prefix}{name}.")
            elif isinstance(extra := field.json_schema_extra, dict) and extra.get("live"):
                paths.append(prefix + name)
        return paths

    return walk(config, "")
