"""What scoring images costs a training, and what its classifier costs once."""

from __future__ import annotations

from time import perf_counter, process_time
from typing import Any

import torch

from benchmarks.loop import our_runner
from benchmarks.report import Table, paired, spread, verdict
from wgan_core.config import TrainingConfig
from wgan_core.datasets import ImageDataset
from wgan_core.lessons.presets import PRESETS, adam
from wgan_core.metrics.images.kept import fitting_for, keep
from wgan_core.training import Training

TARGET = 1.10
ROUNDS = 5
PRESET = PRESETS["fashion-wgan-gp"].settings
# With one step of the discriminator a round, training is fastest, and so scoring weighs most.
CASES: dict[str, dict[str, Any]] = {
    "fashion-wgan-gp": PRESET,
    "the same as a GAN, n_critic 1": PRESET | {"objective": {"kind": "gan"}, "n_critic": 1} | adam(2e-4, beta2=0.999),
    "stacks of Fashion-MNIST, WGAN-GP": PRESET | {"dataset": {"kind": "stacked-mnist", "of": "fashion-mnist"}},
}


def classifier(config: TrainingConfig) -> tuple[float, float, float]:
    """Train the classifier of a config's data, or read it where that was done: seconds, CPU seconds, accuracy."""
    assert isinstance(config.dataset, ImageDataset)
    torch.set_num_threads(1)
    wall, cpu = perf_counter(), process_time()
    fitting = fitting_for(config.dataset)
    while fitting.result is None:
        fitting.advance()
    keep(fitting)
    return perf_counter() - wall, process_time() - cpu, fitting.result.accuracy


def run(quick: bool) -> Table:
    table = Table(
        "Scoring images (time of a training that is scored at the default cadence, not scored = 1)",
        ("case", "s/100 steps", "scored", "range", "CPU time", "target", "", "ms a scoring"),
    )
    for name, settings in CASES.items():
        config = TrainingConfig.parse(settings | {"device": "cpu", "steps": 1_000_000})
        seconds, cpu_seconds, accuracy = classifier(config)
        table.raw[f"classifier of {name}"] = {"seconds": seconds, "cpu": cpu_seconds, "accuracy": accuracy}
        if cpu_seconds > 1:
            table.notes.append(
                f"The classifier for {name}: {cpu_seconds:.0f} s of one core ({seconds:.0f} s by the clock), once for each set of"
                f" images; it is right on {accuracy:.1%} of the images held out."
            )
        trainings = [Training(config.edited({"scores_every": every})) for every in (0, config.scores_every)]
        runners = [our_runner(training) for training in trainings]
        wall: list[list[float]] = [[], []]
        cpu: list[list[float]] = [[], []]
        for advance in runners:
            advance(config.scores_every)  # the first scoring scores real images too
        for i in range(2 if quick else ROUNDS):
            for k in ((0, 1), (1, 0))[i % 2]:
                torch.set_num_threads(1)
                wall_start, cpu_start = perf_counter(), process_time()
                runners[k](config.scores_every)
                wall[k].append(perf_counter() - wall_start)
                cpu[k].append(process_time() - cpu_start)
        scorer = trainings[1].members[0].scorer
        assert scorer is not None
        cpu_start = process_time()
        scorer.score(trainings[1].generator)
        alone = process_time() - cpu_start
        ratio, by_cpu = paired(wall[1], wall[0]), paired(cpu[1], cpu[0])
        table.rows.append(
            (
                name,
                f"{sorted(wall[0])[len(wall[0]) // 2]:.1f}",
                f"{ratio:.3f}",
                spread(wall[1], wall[0]),
                f"{by_cpu:.3f}",
                f"≤ {TARGET:.2f}",
                verdict(by_cpu <= TARGET),
                f"{1000 * alone:.0f}",
            )
        )
        table.raw[name] = {"wall": wall, "cpu": cpu, "ratio": ratio, "by_cpu": by_cpu, "scoring": alone}
    table.notes += [
        f"Median of {2 if quick else ROUNDS} pairs: both take turns, {config.scores_every} steps each, on one thread, all"
        " other measurements included; each such slice has one scoring.",
        "The verdict goes by CPU time, which other programs disturb less. “ms a scoring” is the CPU time of one alone.",
    ]
    return table
