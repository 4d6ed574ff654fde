"""Why a training ends early: it left the finite numbers, or something that it needs is not there."""

from __future__ import annotations

import math
import traceback

import torch

from wgan_core.config import TrainingConfig
from wgan_core.datasets import DataError
from wgan_core.history import Failure, FailureKind
from wgan_core.host import DeviceError
from wgan_core.objectives import FGan
from wgan_core.schema import ConfigError

OF_SETTINGS: dict[type[Exception], FailureKind] = {DeviceError: "device", DataError: "data", ConfigError: "config"}


class Diverged(Exception):
    """Training left the finite numbers: at which step, in which term, and ``who`` did where several train together."""

    kind: FailureKind = "diverged"

    def __init__(self, step: int, term: str, value: float, config: TrainingConfig, who: str = "") -> None:
        self.step, self.term, self.value = step, term, value
        what = f"{value:.3g}" if math.isfinite(value) else "not finite"
        self.cause = likely_cause(config)
        super().__init__(f"Training{who} diverged at generator step {step}: {term} was {what}.")


def likely_cause(config: TrainingConfig) -> str:
    """One sentence on why training most likely diverged, and what to try."""
    for name, role in (("critic_optimiser", "critic"), ("generator_optimiser", "generator")):
        if (lr := getattr(config, name).lr) > 0.01:
            return f"The {role}'s learning rate, {lr:g}, is very high. Try 1e-4 to 1e-3."
    weights = [held.penalty_weight for held in config.constraints if hasattr(held, "penalty_weight")]
    if any(weight > 100 for weight in weights):
        return f"The penalty weight λ = {max(weights):g} is very high. Try 0.1 to 10."
    if weights and not any(weights):
        return "With λ = 0 nothing holds the critic, and its scores grow without bound. Try λ from 0.1 to 10."
    if isinstance(config.objective, FGan) and not config.constraints:
        return (
            f"The {config.objective.estimate_label} bound has no limit where data and samples do not overlap, and exponentials"
            " in it run away. Try a constraint (r1, gradient-penalty), instance noise, or lower learning rates."
        )
    return "Lower the learning rates, or give the critic a stronger constraint (larger λ, smaller c)."


def failure_of(error: BaseException) -> Failure:
    """Say in plain words why a training ended with an exception."""
    trace = "".join(traceback.format_exception(error))
    text = str(error)
    if isinstance(error, Diverged):
        return Failure(text, error.cause, trace, error.kind)
    for of_setting, kind in OF_SETTINGS.items():
        if isinstance(error, of_setting):
            return Failure(text, "Change the setting that the message names and start again.", trace, kind)
    if (
        isinstance(error, torch.OutOfMemoryError | MemoryError)
        or "not enough memory" in text
        or "out of memory" in text
    ):
        return Failure("Memory ran out.", "Lower the batch size, the width or the base channels.", trace, "memory")
    return Failure(
        f"{type(error).__name__}: {text}",
        "This is likely a fault in the software; the traceback says where.",
        trace,
        "fault",
    )
