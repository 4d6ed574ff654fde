"""Our loop against a plain tutorial loop: the same networks, batches, optimisers and number of steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from time import perf_counter, process_time

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.report import Table, paired, spread, verdict
from wgan_core.config import TrainingConfig
from wgan_core.lessons.presets import PRESETS
from wgan_core.metrics import exact_em, mode_coverage
from wgan_core.networks import Mlp
from wgan_core.objectives import Gan, WganClip, WganGp
from wgan_core.optimisers import Adam, Optimiser, RmsProp
from wgan_core.training import Training

SHOWN = ("ring-gan-collapse", "ring-wgan-clip", "ring-wgan-gp")
TARGET = 1.3
ROUNDS = 15
PRESAMPLED = 50_000
WARM_UP = 5


def plain_net(inputs: int, outputs: int, architecture: Mlp) -> nn.Sequential:
    layers: list[nn.Module] = []
    for _ in range(architecture.depth):
        layers += [nn.Linear(inputs, architecture.width), nn.ReLU()]
        inputs = architecture.width
    return nn.Sequential(*layers, nn.Linear(inputs, outputs))


def plain_optimiser(described: Optimiser, net: nn.Module) -> torch.optim.Optimizer:
    if isinstance(described, Adam):
        return torch.optim.Adam(net.parameters(), lr=described.lr, betas=(described.beta1, described.beta2))
    assert isinstance(described, RmsProp)
    return torch.optim.RMSprop(net.parameters(), lr=described.lr, alpha=described.alpha)


class Plain:
    """The loop as tutorials write it. One ``next`` of :meth:`rounds` is one generator step with its critic steps."""

    def __init__(self, config: TrainingConfig) -> None:
        torch.set_num_threads(1)
        torch.manual_seed(config.seed)
        assert isinstance(config.generator, Mlp)
        assert isinstance(config.critic, Mlp)
        assert {config.generator.activation, config.critic.activation} == {"relu"}
        assert config.latent.prior == "gaussian"
        points = config.dataset.sample(PRESAMPLED, torch.Generator().manual_seed(config.seed), torch.device("cpu"))
        self.config = config
        self.loader = DataLoader(TensorDataset(points), batch_size=config.batch_size, shuffle=True, drop_last=True)
        self.generator = plain_net(config.latent.dim, 2, config.generator)
        self.critic = plain_net(2, 1, config.critic)
        self.generator_optimiser = plain_optimiser(config.generator_optimiser, self.generator)
        self.critic_optimiser = plain_optimiser(config.critic_optimiser, self.critic)
        self.losses = (0.0, 0.0)

    def rounds(self) -> Iterator[None]:
        critic_steps = 0
        while True:
            for (real,) in self.loader:
                critic_loss = self.critic_step(real)
                critic_steps += 1
                if critic_steps % self.config.n_critic == 0:
                    self.losses = (critic_loss, self.generator_step())
                    yield

    def latent(self) -> Tensor:
        return torch.randn(self.config.batch_size, self.config.latent.dim)

    def critic_step(self, real: Tensor) -> float:
        objective = self.config.objective
        fake = self.generator(self.latent()).detach()
        self.critic_optimiser.zero_grad()
        if isinstance(objective, Gan):
            on_real, on_fake = self.critic(real), self.critic(fake)
            loss = binary_cross_entropy_with_logits(on_real, torch.ones_like(on_real))
            loss = loss + binary_cross_entropy_with_logits(on_fake, torch.zeros_like(on_fake))
        else:
            loss = self.critic(fake).mean() - self.critic(real).mean()
        if isinstance(objective, WganGp):
            loss = loss + objective.penalty_weight * self.penalty(real, fake)
        loss.backward()  # type: ignore[no-untyped-call]
        self.critic_optimiser.step()
        if isinstance(objective, WganClip):
            for p in self.critic.parameters():
                p.data.clamp_(-objective.clip, objective.clip)
        return loss.item()

    def penalty(self, real: Tensor, fake: Tensor) -> Tensor:
        alpha = torch.rand(len(real), 1)
        x = (alpha * real + (1 - alpha) * fake).requires_grad_(True)
        scores = self.critic(x)
        (gradient,) = torch.autograd.grad(scores, x, torch.ones_like(scores), create_graph=True, retain_graph=True)
        penalty: Tensor = ((gradient.norm(2, dim=1) - 1) ** 2).mean()
        return penalty

    def generator_step(self) -> float:
        self.generator_optimiser.zero_grad()
        scores = self.critic(self.generator(self.latent()))
        if isinstance(self.config.objective, Gan):
            loss = binary_cross_entropy_with_logits(scores, torch.ones_like(scores))
        else:
            loss = -scores.mean()
        loss.backward()  # type: ignore[no-untyped-call]
        self.generator_optimiser.step()
        return loss.item()


def plain_runner(plain: Plain) -> Callable[[int], None]:
    rounds = plain.rounds()

    def advance(steps: int) -> None:
        for _ in range(steps):
            next(rounds)

    return advance


def our_runner(training: Training) -> Callable[[int], None]:
    updates = training.updates()
    next(updates)  # the snapshot of the untrained networks

    def advance(steps: int) -> None:
        end = training.step + steps
        while training.step < end:
            next(updates)

    return advance


def quality(generator: nn.Module, config: TrainingConfig) -> tuple[int, float]:
    """Modes covered and exact W1, each with samples of its own."""
    rng = torch.Generator().manual_seed(12345)
    modes = config.dataset.modes()
    assert modes is not None
    with torch.no_grad():
        samples = generator(torch.randn(2500, config.latent.dim, generator=rng))
    real = config.dataset.sample(512, rng, torch.device("cpu"))
    return mode_coverage(samples, modes).modes_covered, exact_em(samples[:512], real)


def run(quick: bool) -> Table:
    table = Table(
        "Our loop against a plain tutorial loop (speed ratio, plain = 1; above 1 is faster)",
        (
            "preset",
            "plain steps/s",
            "loop alone",
            "range",
            "CPU time",
            "target",
            "",
            "measured too",
            "modes (plain)",
            "W1",
        ),
    )
    for name in SHOWN:
        preset = PRESETS[name].config.edited({"device": "cpu"})
        rounds = 5 if quick else ROUNDS
        steps = ((preset.steps // 4 if quick else preset.steps) - WARM_UP) // rounds
        plain = Plain(preset)
        alone = Training(preset.edited({"snapshot_every": preset.steps}))
        measured = Training(preset)
        runners = [plain_runner(plain), our_runner(alone), our_runner(measured)]
        wall: list[list[float]] = [[], [], []]
        cpu: list[list[float]] = [[], [], []]
        for advance in runners:
            advance(WARM_UP)
        for i in range(rounds):
            # Neighbours in time are compared, and each goes first in turn.
            for k in ((0, 1, 2), (1, 2, 0), (2, 0, 1))[i % 3]:
                torch.set_num_threads(1)
                wall_start, cpu_start = perf_counter(), process_time()
                runners[k](steps)
                wall[k].append(perf_counter() - wall_start)
                cpu[k].append(process_time() - cpu_start)
        ratio = paired(wall[0], wall[1])
        found, reference = quality(measured.generator, preset), quality(plain.generator, preset)
        table.rows.append(
            (
                name,
                f"{steps / sorted(wall[0])[rounds // 2]:.0f}",
                f"{ratio:.2f}",
                spread(wall[0], wall[1]),
                f"{paired(cpu[0], cpu[1]):.2f}",
                f"≥ {TARGET}",
                verdict(ratio >= TARGET),
                f"{paired(wall[0], wall[2]):.2f}",
                f"{found[0]} ({reference[0]})",
                f"{found[1]:.2f} ({reference[1]:.2f})",
            )
        )
        table.raw[name] = {"steps_a_slice": steps, "wall": wall, "cpu": cpu, "ratio": ratio}
    table.notes = [
        f"Median of {rounds} pairs: the loops take turns, each with an equal part of the steps, on one torch thread.",
        "“loop alone” draws no snapshot; “measured too” has the preset's snapshots and all their measurements.",
        "Modes covered and exact W1 at the end: ours, and in brackets the plain loop's, which is to learn as well.",
    ]
    return table
