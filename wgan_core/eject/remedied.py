"""What each remedy brings to a round of a script; see :class:`wgan_core.eject.steps.Step`."""

from __future__ import annotations

from wgan_core.eject.snippets import snippet
from wgan_core.eject.steps import Step, block
from wgan_core.objectives.remedies import (
    FeatureMatching,
    HistoricalAveraging,
    InstanceNoise,
    LabelSmoothing,
    MinibatchDiscrimination,
    VirtualBatch,
)
from wgan_core.training import stream_number


@snippet(LabelSmoothing)
def label_smoothing(remedy: LabelSmoothing) -> Step:
    return Step(
        "",
        setup=f"smoothing = {remedy.amount}  # real samples have the label 1 - smoothing",
        penalty="label_smoothing = $smoothing\n",
        term="label_smoothing",
    )


@snippet(InstanceNoise)
def instance_noise(remedy: InstanceNoise) -> Step:
    fades = " * max(0.0, 1 - (step - 1) / until)" if remedy.until else ""
    return Step(
        "",
        functions=(
            '''\
def blurred(batch, deviation):
    """A batch as the critic sees it, with noise of this standard deviation."""
    return batch + deviation * torch.randn(batch.shape, generator=noise_rng, device=device)
''',
        ),
        setup=block(
            f"sigma = {remedy.sigma}  # of the noise on what the critic sees",
            f"until = {remedy.until}  # generator steps over which it falls to 0" if fades else "",
            f"noise_rng = stream({stream_number(remedy.name)}, device)",
        ),
        seen=f"$batch = blurred($batch, sigma{fades})",
    )


@snippet(HistoricalAveraging)
def historical_averaging(remedy: HistoricalAveraging) -> Step:
    return Step(
        "",
        functions=(
            '''\
def towards_the_past(net, past):
    """Add the slope of weight * |w - mean of w so far|² to the gradients, and return the term."""
    past["steps"] += 1
    term = 0.0
    with torch.no_grad():
        for w, mean in zip(net.parameters(), past["means"], strict=True):
            mean += (w - mean) / past["steps"]
            w.grad += 2 * history_weight * (w - mean)
            term = term + history_weight * (w - mean).square().sum()
    return term
''',
        ),
        setup=block(
            f"history_weight = {remedy.weight}  # of the distance of the weights from their mean so far",
            "critic_past, generator_past = (",
            '    {"steps": 0, "means": [w.detach().clone() for w in net.parameters()]} for net in (critic, generator)',
            ")",
        ),
        pull=f'losses["$role_{remedy.name}"] = towards_the_past($role, $role_past)',
    )


@snippet(FeatureMatching)
def feature_matching(remedy: FeatureMatching) -> Step:
    return Step(
        "",
        setup=f"matching_weight = {remedy.weight}\nmatching_rng = stream({stream_number(remedy.name)}, device)",
        generator=block(
            "# Feature matching: the means of the critic's last hidden layer, real against generated.",
            "x = draw_real(m, matching_rng)$seen",
            "means = [critic[:-1](batch).mean(0) for batch in (x, x_fake)]",
            "generator_loss = matching_weight * (means[0] - means[1]).square().sum()",
        ),
    )


@snippet(MinibatchDiscrimination)
def minibatch_discrimination(remedy: MinibatchDiscrimination) -> Step:
    return Step(
        f"""\
with torch.no_grad():
    closeness = critic[-2].weight
    drawn = torch.randn(closeness.shape, generator=stream({stream_number(remedy.name)}))
    closeness.copy_(drawn / len(closeness) ** 0.5)
"""
    )


@snippet(VirtualBatch)
def virtual_batch(remedy: VirtualBatch) -> Step:
    draws = {"generator": "draw_latents", "critic": "draw_real"}
    return Step(
        f"""\
# The reference batches, chosen once.
reference_rng = stream({stream_number(remedy.name)}, device)
"""
        + "".join(
            f"if isinstance({role}, VirtualNet):\n    {role}.reference = {draw}({remedy.references}, reference_rng)\n"
            for role, draw in draws.items()
        )
    )
