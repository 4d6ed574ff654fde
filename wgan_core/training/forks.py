"""Forks: a state that one training left behind, as the beginning of another with other knobs."""

from __future__ import annotations

from wgan_core.config import TrainingConfig, differing
from wgan_core.history import Failure
from wgan_core.schema import ConfigError, Problem
from wgan_core.training import Training
from wgan_core.training.several import joined, seeded, split
from wgan_core.training.state import DATA, TERM, BadState, State, averaged, check, progress_of


def forked(state: State, was: TrainingConfig, config: TrainingConfig, seeds: int = 1) -> State:
    """The state from which a training with ``config`` goes on, or so many seeds of it, where its config ``was`` another.

    Networks and the step go over, and an average of the generator begins with what it is. What belongs to a knob that was changed
    begins anew: the memory of an optimiser of another kind, the random numbers of another seed or device, the loss terms of
    another objective, what a remedy remembers.

    Raises
    ------
    ConfigError
        The state does not fit: other networks, or no step left to train. DeviceError as of a new training.

    Examples
    --------
    >>> was = TrainingConfig.parse({"steps": 2, "device": "cpu"})
    >>> training = Training(was)
    >>> _ = list(training.updates())
    >>> longer = was.edited({"steps": 4, "n_critic": 1})
    >>> [s.step for s in Training.resume(longer, forked(training.state(), was, longer)).updates() if s is not None]
    [4]
    """
    step = progress_of(state)[0]
    if config.steps <= step:
        where = f"must be above {step:,}, the step at which the fork begins; you gave {config.steps:,}"
        raise ConfigError([Problem("steps", where)])
    try:
        members = zip(split(state, seeds), seeded(was, seeds), seeded(config, seeds), strict=True)
    except BadState as why:
        raise ConfigError([Problem("", f"These networks cannot be forked: {why}.")]) from None
    states: dict[int, State] = {}
    failures: dict[int, Failure] = {}
    for k, (member, its, after) in enumerate(members):
        if isinstance(member, Failure):
            failures[k] = member
        else:
            states[k] = _forked(member, its, after)
    return joined(states, failures, seeds)


def _forked(state: State, was: TrainingConfig, config: TrainingConfig) -> State:
    fresh = Training(config).state()
    before, after = ((c.objective.kind, c.constraint.kind, remedies_of(c)) for c in (was, config))
    anew = [TERM] if before != after else []
    for name in remedies_of(was) ^ remedies_of(config):
        anew += [f"random.{name}", f"remedy.generator.{name}.", f"remedy.critic.{name}."]
    if was.seed != config.seed or state.get("device") != fresh["device"]:
        anew += ["random.", "device"]
    for role in ("generator", "critic"):
        kinds = {getattr(c, f"{role}_optimiser").kind for c in (was, config)}
        if len(kinds) > 1:
            anew.append(f"{role}.memory.")
    found = {name: value for name, value in state.items() if not name.startswith(tuple(anew))}
    found |= {name: value for name, value in fresh.items() if name.startswith(tuple(anew))}
    if not (was.generator_average and config.generator_average):
        found = {name: value for name, value in found.items() if not name.startswith("average.")}
        found |= averaged(found) if config.generator_average else {}
    if was.dataset.settled() != config.dataset.settled():  # other data on purpose
        found[DATA] = fresh[DATA]
    try:
        check(found, fresh)
    except BadState as why:
        said = f"do not fit the networks that are forked: {why}. Keep the data set and the networks as they were"
        raise ConfigError([Problem("", f"These settings {said}.")]) from None
    return found


def remedies_of(config: TrainingConfig) -> set[str]:
    """The names of the remedies that are switched on."""
    return {remedy.name for remedy in config.remedies.active}


def described(run_id: str, step: int, was: TrainingConfig, config: TrainingConfig) -> str:
    """A fork in a sentence, e.g. ``from run 3f2a at step 400; objective.clip: 0.01 → 0.1``."""
    turned = [f"{path}: {before} → {after}" for path, (before, after) in differing([was, config]) if path != "steps"]
    return "; ".join([f"from run {run_id} at step {step:,}", *turned])
