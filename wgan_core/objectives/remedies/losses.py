"""Remedies that change a loss: feature matching, historical averaging, one-sided label smoothing (Salimans et al. 2016)."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from torch import Tensor

from wgan_core.networks.piecewise import Net
from wgan_core.objectives.base import Objective
from wgan_core.objectives.penalties import along
from wgan_core.objectives.remedies.base import Memory, Remedy, Surroundings
from wgan_core.schema import knob
from wgan_core.schema.script import Step, block

TOWARDS_THE_PAST = '''\
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
'''


class FeatureMatching(Remedy):
    """The generator minimises w ‖E[h(x)] − E[h(x̃)]‖², where h is the critic's last hidden layer (§3.1)."""

    name: ClassVar = "feature_matching"
    label: ClassVar = "Feature matching"
    help: ClassVar = "The generator matches the mean of the critic's last hidden layer, and no longer its scores."
    source: ClassVar = "Salimans et al. 2016, §3.1; From GAN to WGAN, §5 (1)"

    weight: float = knob(
        0.0, "Weight", "Weight of the generator's loss ‖E[h(x)] − E[h(G(z))]‖²; 0 is off.", ge=0, le=1000
    )

    def generator_loss(self, critic: Net, fake: Tensor, real: Callable[[], Tensor]) -> Tensor:
        return self.weight * (critic.features(real()).mean(0) - critic.features(fake).mean(0)).square().sum()

    def script(self) -> Step:
        return Step(
            setup=f"matching_weight = {self.weight}\nmatching_rng = stream($stream, device)",
            generator=block(
                "# Feature matching: the means of the critic's last hidden layer, real against generated.",
                "x = draw_real(m, matching_rng)$seen",
                "means = [$features(batch).mean(0) for batch in (x, x_fake)]",
                "generator_loss = matching_weight * (means[0] - means[1]).square().sum()",
            ),
        )


class HistoricalAveraging(Remedy):
    """Both losses get the term w ‖θ − θ̄‖², where θ̄ is the mean of a network's parameters over its steps so far (§3.3)."""

    name: ClassVar = "historical_averaging"
    label: ClassVar = "Historical averaging"
    help: ClassVar = "Draws each network towards the mean of its own past parameters."
    source: ClassVar = "Salimans et al. 2016, §3.3; From GAN to WGAN, §5 (3)"
    term: ClassVar = "history"
    usual: ClassVar = 0.01
    stacks: ClassVar = True

    weight: float = knob(0.0, "Weight", "Weight of ‖θ − mean of θ so far‖² in both losses; 0 is off.", ge=0, le=1000)

    def start(self, weights: Tensor) -> Memory:
        return {"mean": weights.clone(), "steps": weights.new_zeros(())}

    def pull(self, weights: Tensor, gradient: Tensor, memory: Memory) -> Tensor:
        memory["steps"] += 1
        memory["mean"] += (weights - memory["mean"]) / memory["steps"]
        away = weights - memory["mean"]
        gradient.add_(2 * along(self.weight, away) * away)
        return self.weight * away.square().sum(-1)

    def script(self) -> Step:
        return Step(
            functions=(TOWARDS_THE_PAST,),
            setup=block(
                f"history_weight = {self.weight}  # of the distance of the weights from their mean so far",
                "critic_past, generator_past = (",
                '    {"steps": 0, "means": [w.detach().clone() for w in net.parameters()]} for net in (critic, generator)',
                ")",
            ),
            pull=f'losses["$role_{self.name}"] = towards_the_past($role, $role_past)',
        )


class LabelSmoothing(Remedy):
    """Real samples have the label 1 − s and not 1; generated ones keep 0 (§3.4). The best D is then (1 − s) p / (p + q)."""

    name: ClassVar = "label_smoothing"
    label: ClassVar = "One-sided label smoothing"
    help: ClassVar = "Keeps the discriminator from being too sure of real samples."
    source: ClassVar = "Salimans et al. 2016, §3.4; From GAN to WGAN, §5 (4)"
    term: ClassVar = "smoothing"
    usual: ClassVar = 0.1
    stacks: ClassVar = True

    amount: float = knob(
        0.0, "Amount", "Real samples have the label 1 − amount; the paper uses 0.1; 0 is off.", ge=0, le=0.5
    )

    def refusal(self, of: Surroundings) -> str:
        reason: str = of.objective.no_labels
        return f"does not go with {of.objective.label}: {reason}" if reason else ""

    def critic_terms(self, objective: Objective, on_real: Tensor, on_fake: Tensor) -> dict[str, Tensor]:
        return {"label_smoothing": objective.smoothing(on_real, self.amount)}

    def script(self) -> Step:
        return Step(
            setup=f"smoothing = {self.amount}  # real samples have the label 1 - smoothing",
            penalty="label_smoothing = $smoothing\n",
            term="label_smoothing",
        )
