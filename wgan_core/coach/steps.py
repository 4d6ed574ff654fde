"""Findings about the optimisers' steps: too long, or off to infinity."""

from __future__ import annotations

import math

from wgan_core.coach.evidence import Evidence
from wgan_core.coach.finding import Rule, rule
from wgan_core.optimisers import Sgd

RULES: list[Rule] = []


@rule(RULES, "failed", "Training failed", "losses", "the WGAN paper, §4.3 (high learning rates)")
def failed(e: Evidence) -> str | None:
    if (failure := e.view.failure) is not None:
        return f"{failure.message} {failure.cause}"
    if e.ended_at is None:
        return None
    return (
        f"Its numbers end at step {e.ended_at}: training diverged there. Lower the learning rates, or give the critic a stronger"
        " constraint (larger λ, smaller c)."
    )


# Presets and papers use 5e-5 to 2e-3. Measured on the ring: at 1e-3 all is well, from 5e-3 on quality drops, at 0.3 every
# unit of the critic is dead. Plain descent is not judged: its steps are as small as its gradients.
HIGH_RATE = 5e-3
# Measured: W1 at 1e-2 and 5e-2 stays 0.2 to 0.3 of the way off and no longer falls; at 1e-3 it gets to 0.09.
STALLED_WAY = 0.15


@rule(RULES, "learning-rate", "Learning rate too high", "distance", "the WGAN paper, Figure 4 (lower half) and §4.3")
def learning_rate(e: Evidence) -> str | None:
    rates = {"critic": e.config.critic_optimiser, "generator": e.config.generator_optimiser}
    high = [f"the {role}'s {o.lr:g}" for role, o in rates.items() if o.lr >= HIGH_RATE and not isinstance(o, Sgd)]
    if not high:
        return None
    cause = f"The likely cause is a learning rate ({' and '.join(high)}): try 1e-4 to 1e-3."
    if e.now("generator_grad_norm") == 0:
        return (
            f"The generator's gradient is exactly 0: one step too long has switched the units of a network off. {cause}"
        )
    if e.way_left > STALLED_WAY and not math.isnan(e.before("w1")) and not e.falling:
        w1, floor = e.now("w1"), e.now("w1_floor")
        return f"W1 hovers around {w1:.2f} and falls no further, while real samples reach {floor:.2f}. {cause}"
    return None
