"""Generators as they were at a checkpoint, ready to be asked for samples."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from wgan_core.config import TrainingConfig
from wgan_core.config.conditional import as_input, generator_input
from wgan_core.export.bundle import check_state
from wgan_core.export.weights import model_of
from wgan_core.host import Cache
from wgan_core.networks.piecewise import Net
from wgan_core.store import BadCheckpoint, NotStored, Store
from wgan_core.store.checkpoints import FOLDER
from wgan_core.training.several import first_of
from wgan_core.training.state import progress_of

# Of 30 million parameters at most, 120 MB each; most have a few hundred thousand.
KEPT = 6
BATCH = 256


class NoWeights(Exception):
    """Why there is no generator to look into: a sentence, and what to do."""


_marks = itertools.count()


@dataclass(frozen=True, eq=False)
class Sampler:
    """A generator as it was after a generator step, on the CPU, in evaluation mode; the averaged one, where the run has one.

    Attributes
    ----------
    config : TrainingConfig
        As it was then.
    mark : int
        No other sampler of this process has it.
    """

    config: TrainingConfig
    step: int
    net: Net
    mark: int = field(default_factory=_marks.__next__)

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """The classes that it can be asked for: none where the run is not conditional."""
        return self.config.dataset.class_names if self.config.conditional else ()

    def __call__(self, latents: Tensor, classes: Tensor | None = None) -> Tensor:
        """Samples of latents: shape (n, *shape), images with values from −1 to 1.

        Parameters
        ----------
        latents : Tensor
            Shape (n, dim).
        classes : Tensor, optional
            Of a conditional run, and only of one: the number of a class for each, shape (n,), or how much of each class, shape
            (n, classes).
        """
        if (classes is None) == self.config.conditional:
            raise ValueError("classes are for conditional generators, and these need them")
        if classes is not None and classes.dim() == 1:
            classes = as_input(self.config, classes)
        with torch.inference_mode():
            return torch.cat([self.net(x) for x in torch.split(generator_input(latents, classes), BATCH)])


def steps(store: Store | None, run_id: str, lane: int = 0) -> list[int]:
    """The steps at which weights of a run are kept.

    Raises
    ------
    NoWeights
        There are none.
    StoreProblem
        The store cannot be read.
    """
    if store is None:
        raise NoWeights("Runs are not stored here, so that no weights are kept of them.")
    try:
        store.run(run_id)
        found = store.checkpoints(run_id, lane)
    except NotStored:
        raise NoWeights(
            f"No weights are kept of run {run_id}. Runs that came with the software have pictures only; train one yourself."
        ) from None
    if not found:
        raise NoWeights(f"Run {run_id} has no checkpoint yet. The first one comes after a few seconds of training.")
    return found


_kept: Cache[Sampler] = Cache(KEPT)


def sampler(store: Store, run_id: str, lane: int = 0, step: int | None = None) -> Sampler:
    """The generator of a run at a step, or at the latest before it that has weights. The newest few are kept in memory.

    Raises
    ------
    NoWeights
        There is no checkpoint that can be used.
    StoreProblem
        The store cannot be read.
    """
    try:
        # A run that goes on from an earlier step writes other checkpoints under the same steps.
        written = (store.folder / FOLDER / run_id).stat().st_mtime_ns
    except OSError:
        written = 0
    key = store.folder, run_id, lane, step, written
    return _kept.get(key, lambda: _read(store, run_id, lane, step))


def _read(store: Store, run_id: str, lane: int, step: int | None) -> Sampler:
    """Of several seeds the first that has not failed."""
    try:
        seeds = store.run(run_id).seeds
        found = store.checkpoint(
            run_id, lane, step, fits=lambda config, state: check_state(config, first_of(state, seeds))
        )
    except (BadCheckpoint, NotStored) as problem:
        raise NoWeights(str(problem)) from problem
    model = model_of(found.config, first_of(found.state, seeds))
    return Sampler(found.config, progress_of(found.state)[0], model.generator.requires_grad_(False))
