"""Findings about the critic as the generator's teacher: it lags, or it has won and teaches nothing."""

from __future__ import annotations

from wgan_core.coach.constraint import wgan_clip, wgan_penalty
from wgan_core.coach.evidence import STEEP, Evidence, rank_correlation, running_median
from wgan_core.coach.finding import Rule, rule
from wgan_core.objectives import LOG_2, FGan, Gan, Wasserstein
from wgan_core.optimisers import Adam, Sgd

RULES: list[Rule] = []

# Measured on the ring with c 0.01: Adam's β₁ 0.9 does no harm (8 of 8 modes), 0.99 leaves 0.8 of the way and an estimate
# that is negative in 15 to 17 % of rows, against 0 to 5 % with β₁ 0 or 0.9. SGD at 0.01 with momentum 0.99 leaves 0.6 of the
# way; without momentum at the rate that this amounts to, 1, it leaves 0.24.
SWINGING = 0.1


@rule(
    RULES,
    "momentum",
    "Momentum on a clipped critic",
    "distance",
    "the WGAN paper, §4.3",
    unless=("c-too-large", "c-too-small"),
)
def momentum(e: Evidence) -> str | None:
    optimiser = e.config.critic_optimiser
    memory = optimiser.beta1 if isinstance(optimiser, Adam) else optimiser.momentum if isinstance(optimiser, Sgd) else 0
    if wgan_clip(e) is None or memory == 0:
        return None
    if not (e.far and e.below_zero > SWINGING):
        return None
    adam = isinstance(optimiser, Adam)
    what = f"Adam with β₁ = {memory:g}" if adam else f"SGD with momentum {memory:g}"
    return (
        f"The estimate was below 0 in {e.below_zero:.0%} of the measurements. {e.distance} The critic's loss changes"
        f" as the generator moves, and {what} still follows what it was. Try RMSProp{', or β₁ = 0' if adam else ''}."
    )


# A critic trained to optimality never scores below 0. Measured: negative in 30 % of rows and more with slow critics, in at
# most 23 % of healthy runs, and there only when W1 is near its floor.
BEHIND = 0.3
# The penalty asks for slope 1. Measured: 0.9 and more in healthy WGAN-GP runs, 0.1 to 0.4 with slow critics.
FLAT = 0.5
# The estimate rises while W1 falls (by this part of the way to the floor), clearly and for a while. Measured: it doubles in 35
# rows where the critic catches up; in a healthy clipped run it rises to 1.5 times in the first 14 rows, while the weights
# grow to ±c, and on the grid it doubles near the floor, where W1 moves by 0.02 of the way.
RISEN, FALLEN, OPPOSITE, CURVE_ROWS = 1.6, 0.1, -0.5, 20


@rule(
    RULES,
    "critic-behind",
    "The critic lags behind",
    "distance",
    "the WGAN paper, §3 and §4.3 (train the critic till optimality)",
    unless=("learning-rate", "wrong-sign", "lambda-too-large", "c-too-small", "c-too-large", "momentum"),
    heading="Why five critic steps?",
)
def critic_behind(e: Evidence) -> str | None:
    # A critic that nothing holds swings for another reason.
    if not isinstance(e.config.objective, Wasserstein) or e.slope > STEEP:
        return None
    advice = (
        "The critic learns too slowly for this generator. Try more critic steps (n_critic) or a higher rate for it."
    )
    estimate, w1 = e.all("w_estimate"), e.all("w1")
    if e.far and e.below_zero > BEHIND:
        return (
            f"The estimate was below 0 in {e.below_zero:.0%} of the measurements, where a trained critic never is."
            f" {e.distance} {advice}"
        )
    if e.far and e.slope < FLAT and wgan_penalty(e) is not None:
        return f"The critic's slope is {e.slope:.2g} and has not reached the 1 that the penalty asks. {e.distance} {advice}"
    if len(estimate) != len(w1) or len(w1) < CURVE_ROWS:
        return None
    ours, truth = running_median(estimate), running_median(w1)
    way = e.start("w1") - e.now("w1_floor")
    rises, falls = ours[-1] > RISEN * max(ours[0], 0), truth[0] - truth[-1] > FALLEN * way
    if not (rises and falls and rank_correlation(ours, truth) < OPPOSITE):
        return None
    return (
        f"The estimate rose from {ours[0]:.3g} to {ours[-1]:.3g} while W1 fell from {truth[0]:.2f} to {truth[-1]:.2f}: it shows"
        f" the critic catching up, not the distance. {advice}"
    )


# JS estimate over its ceiling ln 2. Measured: 0.998 and more where the discriminator tells all apart, at most 0.9 elsewhere.
CEILING = 0.97
# ‖∇θ‖ of a GAN's generator. Measured: 0.1 to 35 in runs that learn, 5e-5 and less where log(1 − D) has saturated.
VANISHED = 1e-2


@rule(
    RULES,
    "discriminator-won",
    "The discriminator has won",
    "gradients",
    "the WGAN paper, §3 and Figure 3; From GAN to WGAN, §4.3",
    unless=("learning-rate",),
    heading="Why is a gradient norm 0, or huge?",
)
def discriminator_won(e: Evidence) -> str | None:
    if not at_ceiling(e) or not e.now("generator_grad_norm") < VANISHED:
        return None
    saturating = isinstance(e.config.objective, Gan | FGan) and e.config.objective.generator_goal == "saturating"
    other = "the non-saturating loss, " if saturating else ""
    return (
        "The discriminator tells every generated sample from a real one, and its sigmoid is flat there: the generator's"
        f" gradient is {e.now('generator_grad_norm'):.1g}. Try {other}fewer discriminator steps, or a WGAN."
    )


@rule(
    RULES,
    "js-at-ln-2",
    "JS is stuck at ln 2",
    "distance",
    "the WGAN paper, Example 1 and Figure 5",
    unless=("discriminator-won",),
    heading="Why does the JS estimate sit at ln 2?",
)
def js_at_ln_2(e: Evidence) -> str | None:
    if not at_ceiling(e):
        return None
    return (
        f"The JS estimate is {e.now('js_estimate'):.3f}, and ln 2 = 0.693 is the most it can be: real and generated samples do"
        " not overlap. It would read the same near and far, so it cannot show progress. Try a WGAN, whose distance has a slope."
    )


def at_ceiling(e: Evidence) -> bool:
    return e.now("js_estimate") > CEILING * LOG_2
