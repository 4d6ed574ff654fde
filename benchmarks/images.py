"""Our loop on images against tutorial loops: the same networks, images, batches, optimisers and number of steps."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from statistics import median
from time import perf_counter, process_time
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.loop import our_runner, plain_optimiser
from benchmarks.report import Table, paired, spread, verdict
from wgan_core.config import TrainingConfig
from wgan_core.datasets import ImageDataset
from wgan_core.metrics.images import Scorer
from wgan_core.objectives import WganGp
from wgan_core.training import Training

TARGET = 1.1
ROUNDS = 7
WARM_UP = 2
SETTINGS: dict[str, Any] = {
    "dataset": {"kind": "fashion-mnist"},
    "batch_size": 64,
    "device": "cpu",
    "steps": 1_000_000,
    "scores_every": 0,
}
WIDE = {"base_channels": 64}
OPTIONS: dict[str, dict[str, Any]] = {
    "as it comes": {},
    "channels first": {"channels_last": False},
    "bf16": {"autocast": "bf16"},
}
COLOURS = {"kind": "stacked-mnist", "of": "fashion-mnist"}
GAN: dict[str, Any] = {"objective": {"kind": "gan"}}
# Settings, generator steps of each slice, and whether the tutorial's generator step has latents of its own.
CASES: dict[str, tuple[dict[str, Any], int, bool]] = {
    "GAN, DCGAN 16, grey": (GAN, 12, False),
    "the same, fresh latents": (GAN, 12, True),
    "WGAN-GP, DCGAN 16, grey": ({"objective": {"kind": "wgan-gp"}}, 3, True),
    "GAN, DCGAN 64, colour": (GAN | {"dataset": COLOURS, "generator": WIDE, "critic": WIDE}, 1, False),
}


class Plain:
    """The loops as tutorials write them. One ``next`` of :meth:`rounds` is one generator step with its critic steps.

    For the GAN that of PyTorch's own DCGAN tutorial: real and generated batch one after the other, each with its own backward
    pass, and the generator's step on the batch of the critic's; or with ``fresh`` latents for it, as the GAN paper's Algorithm 1
    says and our loop does. For WGAN-GP five critic steps with latents of their own and the penalty by double backward, as most
    implementations have it.
    """

    def __init__(self, config: TrainingConfig, fresh: bool) -> None:
        self.fresh = fresh
        torch.set_num_threads(1)
        torch.manual_seed(config.seed)
        like = Training(config)
        self.generator = nn.Sequential(*copy.deepcopy(like.generator))
        self.critic = nn.Sequential(*copy.deepcopy(like.critic))
        assert isinstance(config.dataset, ImageDataset)
        images = config.dataset.read().pixels.float() * (2 / 255) - 1
        self.config = config
        self.loader = DataLoader(TensorDataset(images), batch_size=config.batch_size, shuffle=True, drop_last=True)
        self.generator_optimiser = plain_optimiser(config.generator_optimiser, self.generator)
        self.critic_optimiser = plain_optimiser(config.critic_optimiser, self.critic)
        self.losses = (0.0, 0.0)

    def batches(self) -> Iterator[Tensor]:
        while True:
            for (real,) in self.loader:
                yield real

    def latent(self) -> Tensor:
        return torch.randn(self.config.batch_size, self.config.latent.dim)

    def rounds(self) -> Iterator[None]:
        batches = self.batches()
        while True:
            if isinstance(self.config.objective, WganGp):
                critic_losses = [self.penalised_step(next(batches)) for _ in range(self.config.n_critic)]
                self.losses = critic_losses[-1], self.wasserstein_step()
            else:
                self.losses = self.dcgan_step(next(batches))
            yield

    def dcgan_step(self, real: Tensor) -> tuple[float, float]:
        self.critic.zero_grad()
        on_real = self.critic(real)
        loss_real = binary_cross_entropy_with_logits(on_real, torch.ones_like(on_real))
        loss_real.backward()  # type: ignore[no-untyped-call]
        with torch.set_grad_enabled(not self.fresh):
            fake = self.generator(self.latent())
        on_fake = self.critic(fake.detach())
        loss_fake = binary_cross_entropy_with_logits(on_fake, torch.zeros_like(on_fake))
        loss_fake.backward()  # type: ignore[no-untyped-call]
        self.critic_optimiser.step()
        self.generator.zero_grad()
        on_fake = self.critic(self.generator(self.latent()) if self.fresh else fake)
        loss = binary_cross_entropy_with_logits(on_fake, torch.ones_like(on_fake))
        loss.backward()  # type: ignore[no-untyped-call]
        self.generator_optimiser.step()
        return (loss_real + loss_fake).item(), loss.item()

    def penalised_step(self, real: Tensor) -> float:
        objective = self.config.objective
        assert isinstance(objective, WganGp)
        fake = self.generator(self.latent()).detach()
        alpha = torch.rand(len(real), 1, 1, 1)
        x = (alpha * real + (1 - alpha) * fake).requires_grad_(True)
        scores = self.critic(x)
        (gradient,) = torch.autograd.grad(scores, x, torch.ones_like(scores), create_graph=True, retain_graph=True)
        penalty = ((gradient.flatten(1).norm(2, dim=1) - 1) ** 2).mean()
        loss: Tensor = self.critic(fake).mean() - self.critic(real).mean() + objective.penalty_weight * penalty
        self.critic_optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.critic_optimiser.step()
        return loss.item()

    def wasserstein_step(self) -> float:
        self.generator_optimiser.zero_grad()
        loss: Tensor = -self.critic(self.generator(self.latent())).mean()
        loss.backward()  # type: ignore[no-untyped-call]
        self.generator_optimiser.step()
        return loss.item()


def plain_runner(plain: Plain) -> Callable[[int], None]:
    rounds = plain.rounds()

    def advance(steps: int) -> None:
        for _ in range(steps):
            next(rounds)

    return advance


def taking_turns(
    runners: list[Callable[[int], None]], steps: int, rounds: int
) -> tuple[list[list[float]], list[list[float]]]:
    """Wall and CPU seconds of each runner in each round; neighbours in time are compared, and each goes first in turn."""
    wall: list[list[float]] = [[] for _ in runners]
    cpu: list[list[float]] = [[] for _ in runners]
    for advance in runners:
        advance(WARM_UP)
    for i in range(rounds):
        for k in range(len(runners)):
            at = (i + k) % len(runners)
            torch.set_num_threads(1)
            wall_start, cpu_start = perf_counter(), process_time()
            runners[at](steps)
            wall[at].append(perf_counter() - wall_start)
            cpu[at].append(process_time() - cpu_start)
    return wall, cpu


def measuring(settings: dict[str, Any]) -> tuple[float, float]:
    """CPU time of snapshots, and of scores, at their usual distances: as shares of the training between them."""
    config = TrainingConfig.parse(
        {name: value for name, value in (SETTINGS | settings).items() if name != "scores_every"}
    )
    training = Training(config)
    scorer = Scorer(config, torch.Generator().manual_seed(0), torch.device("cpu"))
    for _ in scorer.prepare():
        pass

    def seconds(work: Callable[[], Any], times: int) -> float:
        found = []
        for _ in range(times):
            start = process_time()
            work()
            found.append(process_time() - start)
        return median(found)

    for _ in range(WARM_UP):
        list(training.round())
    a_round = seconds(lambda: list(training.round()), 5)
    snapshot, score = seconds(training.snapshot, 3), seconds(lambda: scorer.score(training.generator), 3)
    return snapshot / (config.snapshot_every * a_round), score / (config.scores_every * a_round)


def run(quick: bool) -> Table:
    table = Table(
        "Our loop on images against tutorial loops (speed ratio, tutorial = 1; above 1 is faster)",
        ("objective, networks", "tutorial steps/s", *OPTIONS, "range", "CPU time", "target", ""),
    )
    rounds = 3 if quick else ROUNDS
    for name, (settings, steps, fresh) in CASES.items():
        config = TrainingConfig.parse(SETTINGS | settings)
        config = config.edited({"snapshot_every": config.steps})
        ours = [Training(TrainingConfig.parse(config.model_dump() | {"speed": speed})) for speed in OPTIONS.values()]
        wall, cpu = taking_turns([plain_runner(Plain(config, fresh)), *map(our_runner, ours)], steps, rounds)
        ratios = [paired(wall[0], each) for each in wall[1:]]
        table.rows.append(
            (
                name,
                f"{steps / sorted(wall[0])[rounds // 2]:.2f}",
                *(f"{ratio:.2f}" for ratio in ratios),
                spread(wall[0], wall[1]),
                f"{paired(cpu[0], cpu[1]):.2f}",
                f"≥ {TARGET}",
                verdict(ratios[0] >= TARGET),
            )
        )
        table.raw[name] = {
            "steps_a_slice": steps,
            "wall": wall,
            "cpu": cpu,
            "ratios": dict(zip(OPTIONS, ratios, strict=True)),
        }
    shares = {
        name: measuring(settings) for name, (settings, _, _) in CASES.items() if name != "the same, fresh latents"
    }
    table.raw["measuring"] = shares
    table.notes = [
        *(
            f"{name}: snapshots take {snapshot:.1%} of the CPU time of the training between them, scores {score:.1%}."
            for name, (snapshot, score) in shares.items()
        ),
        f"Median of {rounds} rounds: the loops take turns, each with an equal part of the steps, on one torch thread.",
        "32 × 32 pixels, batches of 64, no measurements on either side; float32 on both, but for the column bf16.",
        "“range” and “CPU time” are those of our loop as it comes. The tutorial for GANs makes its images once a round; the"
        " paper's Algorithm 1, our loop and the second row make them twice.",
    ]
    return table
