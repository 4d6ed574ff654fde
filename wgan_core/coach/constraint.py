"""Findings about the constraint on the critic: the penalty and the clip."""

from __future__ import annotations

from wgan_core.coach.evidence import FAR, STEEP, Evidence, running_median
from wgan_core.coach.finding import Rule, rule
from wgan_core.objectives import Wasserstein

RULES: list[Rule] = []


def wgan_penalty(e: Evidence) -> float | None:
    """λ of a WGAN's two-sided penalty, whether its objective or its constraint brings it. Other losses were not measured."""
    return e.config.slope_weight if isinstance(e.config.objective, Wasserstein) else None


def wgan_clip(e: Evidence) -> float | None:
    """c of a WGAN with weight clipping."""
    return e.config.limit if isinstance(e.config.objective, Wasserstein) else None


# The slope that meets the penalty: (‖∇f‖ − 1)² is below 0.1 there.
MET = (0.75, 1.3)
# An estimate of the wrong sign is not noise around 0 when it is negative in most recent rows and a quarter of W1 in size.
# Measured at λ 1,000: −0.7 × W1; of frozen-generator runs at λ 100 one in three ended so.
MOSTLY, WRONG_SIZE = 0.8, 0.25


@rule(
    RULES,
    "wrong-sign",
    "The penalty is met with the wrong sign",
    "distance",
    "Gulrajani et al. 2017, equation 3 and §4",
    heading="Which λ?",
)
def wrong_sign(e: Evidence) -> str | None:
    estimate = e.late("w_estimate")
    if (weight := wgan_penalty(e)) is None or not len(estimate) or not MET[0] < e.slope < MET[1]:
        return None
    size = e.now("w1") if e.late("w1").size else abs(e.first_estimate)
    if (estimate < 0).mean() < MOSTLY or not -e.estimate > WRONG_SIZE * size:
        return None
    return (
        f"The critic's slope is {e.slope:.2f}, as the penalty asks, but the estimate is −{-e.estimate:.3g}: it scores"
        " generated samples above real ones. To turn round it must pass through slope 0, where"
        f" λ = {weight:g} makes it pay dearly. Try λ from 0.1 to 10."
    )


# With λ 0.1 or 1 and the same rates the ring is covered within 250 steps. Measured from λ 10 on: the slope is met to a few
# percent while W1 does not come down, or strays to many times where it began, with or without momentum.
LARGE_LAMBDA, STRAYED = 10.0, 1.25


@rule(
    RULES,
    "lambda-too-large",
    "λ is too large",
    "lipschitz",
    "Gulrajani et al. 2017, equation 3 and §4",
    unless=("wrong-sign",),
    heading="Which λ?",
)
def lambda_too_large(e: Evidence) -> str | None:
    if (weight := wgan_penalty(e)) is None or weight < LARGE_LAMBDA:
        return None
    # On images λ 10 is the paper's own, and there is no W1 that could show that the generator gets no nearer.
    if not (e.way_left > FAR and MET[0] < e.slope < MET[1]):
        return None
    if e.falling and not running_median(e.all("w1")).max() > STRAYED * e.start("w1"):
        return None
    return (
        f"The critic's slope is {e.slope:.2f}, as the penalty asks, but the generator does not come near. {e.distance} With"
        f" λ = {weight:g} the critic's steps go into keeping the slope, and few into pointing the right way."
        " On the plane try λ from 0.1 to 1."
    )


@rule(
    RULES,
    "penalty-not-met",
    "The penalty is not met",
    "lipschitz",
    "Gulrajani et al. 2017, equation 3 and §4",
    unless=("learning-rate",),
    heading="Which λ?",
)
def penalty_not_met(e: Evidence) -> str | None:
    if (weight := wgan_penalty(e)) is None or not e.slope > STEEP or not e.far:
        return None
    return (
        f"The critic's slope is {e.slope:.3g} and should be near 1, so its estimate is no distance and its push on the generator"
        f" is wild. {e.distance} λ = {weight:g} is too weak to hold it. Try λ from 0.1 to 10."
    )


# Measured generator gradients: 4e-4 to 1e-2 in healthy clipped runs (c 0.01), 7e-6 and less at c ≤ 0.001. With three
# layers ‖∇ₓf‖ is 0.0017 at c 0.01 and 1e-9 at 0.001: it goes as c to the number of layers.
TINY = 2e-5


@rule(
    RULES,
    "c-too-small",
    "c is too small",
    "gradients",
    "Gulrajani et al. 2017, §3.2; From GAN to WGAN, §6",
    unless=("learning-rate",),
    heading="Which c?",
)
def c_too_small(e: Evidence) -> str | None:
    if (c := wgan_clip(e)) is None or not (e.slope < TINY and e.now("generator_grad_norm") < TINY):
        return None
    return (
        f"The generator's gradient is {e.now('generator_grad_norm'):.1g} and the critic's slope {e.slope:.1g}: each layer with"
        f" weights of at most c = {c:g} shrinks the signal, until hardly any is left. RMSProp and Adam, which divide"
        " by the gradient's size, may get on all the same; plain descent cannot. Try c = 0.01 to 0.1."
    )


# A clip that hardly any weight has reached holds nothing. Measured: 0 to 1 % at ±c for c from 0.3 (ring, 800 steps),
# 30 to 95 % where clipping works.
UNCLIPPED = 0.05


@rule(
    RULES,
    "c-too-large",
    "c is too large",
    "lipschitz",
    "Gulrajani et al. 2017, §3.2; From GAN to WGAN, §6",
    heading="Which c?",
)
def c_too_large(e: Evidence) -> str | None:
    if (c := wgan_clip(e)) is None or not (e.now("weights_at_clip") < UNCLIPPED and e.slope > STEEP and e.far):
        return None
    return (
        f"Only {e.now('weights_at_clip'):.1%} of the weights have reached ±c = {c:g}, so nothing holds the critic:"
        f" its slope is {e.slope:.3g}. {e.distance} Try c = 0.01 to 0.1."
    )


# Measured: 45 to 77 % of the weights are at ±c in every healthy run with c 0.01 too, so that alone is no finding. On wide
# modes 38 % and more of the samples lie on a mode even while only the circle is found; narrow ones (σ ≤ 0.05) get 0 to 6 %.
PILED, BLURRED = 0.4, 0.2


@rule(
    RULES,
    "weights-at-clip",
    "Weights pile up at ±c",
    "weights",
    "Gulrajani et al. 2017, §3.1 and Figure 1",
    unless=("c-too-small",),
    heading="Why do the weights pile up at ±c?",
)
def weights_at_clip(e: Evidence) -> str | None:
    if not (e.now("weights_at_clip") > PILED and e.now("high_quality") < BLURRED and e.way_left < FAR):
        return None
    return (
        f"The rough shape is found, but only {e.now('high_quality'):.0%} of the samples lie on a mode, while"
        f" {e.now('weights_at_clip'):.0%} of the critic's weights sit at ±c: such a critic is too simple a function to show the"
        " narrow bumps. Try WGAN-GP, or train much longer."
    )
