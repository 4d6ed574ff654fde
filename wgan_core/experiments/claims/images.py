"""Images: an estimate that follows their quality, generators of three architectures, and horses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from wgan_core.experiments.experiment import Leg, TrainedExperiment
from wgan_core.experiments.tracks import Tracks
from wgan_core.experiments.verdict import Quantity, measured
from wgan_core.lessons.presets import adam
from wgan_core.theory.figure import Question

N_CRITIC = 5  # of a WGAN
WINDOW = 3
# Small, so that a CPU gets somewhere. One rate for both objectives.
DCGAN = {"kind": "dcgan", "base_channels": 8}
CONSTANT = DCGAN | {"filters": "constant", "normalisation": "none"}
MLP = {"kind": "mlp", "depth": 4, "width": 512}
GAN = {"objective": {"kind": "gan"}, "critic": DCGAN} | adam(1e-3, beta2=0.999)
WGAN = {
    "objective": {"kind": "wgan-gp", "penalty_weight": 10.0},
    "critic": DCGAN | {"normalisation": "none"},
    "n_critic": N_CRITIC,
} | adam(1e-3)
# Its generator hardly moves, while its critic learns: an estimate that has nothing to follow.
STANDING = WGAN | adam(1e-3, 1e-6)

CURVES: tuple[tuple[str, dict[str, Any], dict[str, Any]], ...] = (
    ("WGAN, DCGAN", WGAN, DCGAN),
    ("WGAN, MLP", WGAN, MLP),
    ("GAN, DCGAN", GAN, DCGAN),
    ("GAN, MLP", GAN, MLP),
)
GENERATORS = {"DCGAN": DCGAN, "constant width": CONSTANT, "MLP": MLP}

HORSES = {"kind": "cifar10", "classes": "horse"}
REPORT = {"kind": "report-dcgan", "base_channels": 8}
GAN_LANES = ("GAN, log(1 − D)", "GAN, −log D")
HORSE_LANES = (*GAN_LANES, "WGAN-GP")
HORSE_OBJECTIVES: tuple[dict[str, Any], ...] = (
    {"kind": "gan", "generator_goal": "saturating"},
    {"kind": "gan"},
    {"kind": "wgan-gp", "penalty_weight": 10.0},
)


def race(
    lanes: Sequence[Mapping[str, Any]],
    length: int,
    every: int,
    seed: int = 0,
    clock: str = "critic_steps",
    **shared: Any,
) -> dict[str, Any]:
    """A race on Fashion-MNIST, or with another ``dataset`` among what is shared, that is scored at every snapshot.

    By the clock of critic steps a GAN makes as many generator steps as critic steps, and a WGAN a fifth of them: both have
    seen as many real images, and cost about as much.
    """
    scores = every // N_CRITIC if clock == "critic_steps" else every
    return {
        "shared": {
            "dataset": {"kind": "fashion-mnist"},
            "batch_size": 16,
            "scores_every": scores,
            "seed": seed,
            **shared,
        },
        "lanes": [dict(lane) for lane in lanes],
        "clock": clock,
        "length": length,
        "snapshot_every": every,
    }


def _curves(length: int, every: int, seed: int = 0) -> Leg:
    lanes = [objective | {"generator": generator} for _, objective, generator in CURVES]
    return Leg(f"seed {seed}", tuple(name for name, _, _ in CURVES), race(lanes, length, every, seed))


def _standing() -> Leg:
    lanes = [STANDING | {"generator": generator} for _, _, generator in CURVES]
    return Leg("seed 0", tuple(name for name, _, _ in CURVES), race(lanes, 15, 5))


def _architectures(length: int, every: int, seed: int = 0, *, controls: bool = False) -> tuple[Leg, ...]:
    """A leg for each generator, of a GAN and a WGAN; or of the same GAN twice."""
    return tuple(
        Leg(
            f"{name}, seed {seed}" if seed else name,
            (f"GAN, {name}", f"WGAN, {name}"),
            race([each | {"generator": generator} for each in (GAN, GAN if controls else WGAN)], length, every, seed),
        )
        for name, generator in GENERATORS.items()
    )


def _horses(objectives: Sequence[Mapping[str, Any]], length: int, every: int, seed: int = 0, **shared: Any) -> Leg:
    lanes = [{"objective": dict(each)} | adam(5e-4, beta2=0.99) for each in objectives]
    networks: dict[str, Any] = {"generator": REPORT, "critic": REPORT, "latent": {"dim": 100}}
    settings = race(lanes, length, every, seed, clock="step", **networks, **shared)
    return Leg(f"seed {seed}", HORSE_LANES, settings, own_pictures="dataset" in shared)


def _rho(at: Tracks, lane: str, estimate: str) -> Any:
    return at.rank_correlation(lane, estimate, "frechet_small_cnn", WINDOW)


def _follows(at: Tracks) -> list[Quantity]:
    wgans, gans = (tuple(name for name, _, _ in CURVES if name.startswith(kind)) for kind in ("WGAN", "GAN"))
    return [
        *(measured(f"rank correlation of Ŵ and the distance, {n}", _rho(at, n, "w_estimate"), low=0.6, key=True) for n in wgans),
        *(measured(f"rank correlation of the JS estimate and it, {n}", _rho(at, n, "js_estimate"), high=0.3) for n in gans),
        *(measured(f"JS estimate over all snapshots, {n}", at.late(n, "js_estimate", 1.0), low=0.6) for n in gans),
        *(measured(f"Fréchet distance late, {n}", at.late(n, "frechet_small_cnn")) for n in (*wgans, *gans)),
    ]  # fmt: skip


def _robust(at: Tracks) -> list[Quantity]:
    far = {lane: at.late(lane, "frechet_small_cnn") for lane in at.tracks}
    covered = {lane: at.late(lane, "classes_covered") for lane in at.tracks}
    numbers = [measured(f"classes of the WGAN, {n}", covered[f"WGAN, {n}"], low=8, key=True) for n in GENERATORS]
    numbers += [measured("classes of the GAN, DCGAN", covered["GAN, DCGAN"], low=8)]
    for name in list(GENERATORS)[1:]:
        ratio = far[f"GAN, {name}"] / far[f"WGAN, {name}"]
        numbers += [
            measured(f"Fréchet distance of the GAN over the WGAN's, {name}", ratio, low=2, key=True),
            measured(f"classes of the GAN, {name}", covered[f"GAN, {name}"], high=5),
        ]
    return numbers + [measured(f"Fréchet distance late, {lane}", values) for lane, values in far.items()]


def _gradients(at: Tracks) -> list[Quantity]:
    left = {lane: at.left(lane, "generator_grad_norm") for lane in HORSE_LANES}
    written, usual = GAN_LANES
    loss = at.rank_correlation(usual, "generator_loss", "frechet_small_cnn", WINDOW)
    return [
        measured(f"generator's gradient late over first, {written}", left[written], high=0.1, key=True),
        measured("generator's gradient late over first, WGAN-GP", left["WGAN-GP"], low=0.1, key=True),
        measured(
            "rank correlation of Ŵ and the distance, WGAN-GP", _rho(at, "WGAN-GP", "w_estimate"), low=0.6, key=True
        ),
        measured(f"rank correlation of the generator's loss and the distance, {usual}", loss, high=0.3),
        measured(f"generator's gradient late over first, {usual}", left[usual]),
        *(measured(f"least gradient of the generator, {n}", at.least(n, "generator_grad_norm")) for n in HORSE_LANES),
        *(measured(f"critic's gradient late over first, {n}", at.left(n, "critic_grad_norm")) for n in HORSE_LANES),
        *(measured(f"Fréchet distance late, {n}", at.late(n, "frechet_small_cnn")) for n in HORSE_LANES),
    ]


EXPERIMENTS = (
    TrainedExperiment(
        name="image-curves",
        title="On images: the estimate falls as the pictures get better",
        paper="wgan",
        source="Section 4.3, Figures 4 and 5",
        claim="On images a WGAN's estimate falls as the samples get better, with a DCGAN and with an MLP as generator; a GAN's"
        " estimate of JS does not, and stays close to ln 2.",
        question=Question(
            "With a DCGAN as generator, a GAN's JS estimate and a WGAN's estimate of EM stand beside the Fréchet distance of the"
            " samples to the images. Which of them falls as that distance falls?",
            ("only the WGAN's", "both", "neither"),
            0,
            "Two seeds of the full size: rank correlations of 0.97 and 0.33, and 0.67 and 0.06 with an MLP. Yet JS is not"
            " close to ln 2 (0.24 and 0.33): these discriminators are not that sure. In the quick size the estimate of the"
            " WGAN with an MLP still goes to and fro (−0.16).",
        ),
        criterion="Spearman's rank correlation with the Fréchet distance (small CNN) over the snapshots, the estimate"
        " median-filtered over 3 of them: at least 0.6 for the WGAN with either generator, and at most 0.3 for the GAN's JS"
        " estimate, whose median over all snapshots is at least 0.6.",
        why="1 would be the same order, 0 none; 0.6 is the bar that the clipped WGAN has in the plane. The ceiling of JS is ln 2,"
        " 0.693. The WGAN's critic is held by the gradient penalty here, which the paper did not have yet.",
        control="WGANs whose generators hardly learn, under all names: their estimates have nothing to follow.",
        minutes={"quick": 1.1, "full": 6.1},
        tries=(
            "Give the GAN the DCGAN paper's rate of 2e-4: it learns more slowly than its discriminator.",
            "Look at the samples beside the curve, as the paper does.",
        ),
        legs={
            "quick": (_curves(800, 50),),
            "full": (_curves(3000, 100), _curves(3000, 100, seed=1)),
            "control": (_standing(),),
        },
        shows=("frechet_small_cnn", "w_estimate", "js_estimate"),
        measure=_follows,
    ),
    TrainedExperiment(
        name="image-architectures",
        title="Three generators: who needs batch normalisation?",
        paper="wgan",
        source="Section 4.4, Figures 6 to 8",
        claim="A WGAN learns images with a DCGAN generator, with one without batch normalisation and with a constant number of"
        " filters, and with an MLP; a GAN learns with the first only.",
        question=Question(
            "The generator is a DCGAN, then one without batch normalisation and of constant width, then an MLP of 4 × 512. With"
            " which does the GAN cover fewer than half of the ten classes?",
            ("with the last two", "with the MLP only", "with none"),
            2,
            "Two seeds of the full size: 10, 10 and 6 classes, and the WGAN covers 10, 9 and 7. The GAN's generator without batch"
            " normalisation does well on these small images. Its Fréchet distances are lower than the WGAN's, whose generator"
            " made a fifth of the steps, except with the MLP, where both are far off.",
        ),
        criterion="Late in the training the WGAN covers at least 8 of the 10 classes with each generator, the GAN at least 8 with"
        " the DCGAN and at most 5 with the other two, where its Fréchet distance (small CNN) is at least 2 times the WGAN's.",
        why="The paper saw no mode collapse in any WGAN: 8 leaves room for two rare classes. “Failed to learn” and “a significant"
        " degree of mode collapse” are at least half of the classes lost, and twice the distance.",
        control="The GAN under the name of the WGAN.",
        minutes={"quick": 0.74, "full": 11.0},
        tries=(
            "Train the generators without batch normalisation at a lower rate.",
            "Take MNIST instead of Fashion-MNIST, if you have it.",
        ),
        legs={
            "quick": _architectures(600, 60),
            "full": _architectures(4000, 200) + _architectures(4000, 200, seed=1),
            "control": _architectures(5, 5, controls=True),
        },
        shows=("frechet_small_cnn", "classes_covered"),
        measure=_robust,
    ),
    TrainedExperiment(
        name="horse-gradients",
        title="Horses: gradients that vanish, and a loss that tells",
        paper="khelifa-rossa",
        source="Section 3.1.4, Figures 3 to 6",
        claim="On the horses of CIFAR-10 the GAN's generator gradient vanishes as the discriminator wins, and its loss says"
        " nothing of the pictures; the WGAN's gradient stays, and its loss falls as the pictures get better.",
        question=Question(
            "A GAN that minimises log(1 − D) and a WGAN-GP train on horses with the same networks and rates. Whose generator's"
            " gradient ends below a tenth of what it was?",
            ("the GAN's", "the WGAN's", "neither"),
            2,
            "Two seeds of the full size, horses as JPEGs: 1.9 and 1.5 times the first. With log(1 − D) the gradient fell to 0.02"
            " in passing, in one seed, and came back: the discriminator is nearly sure at times (a JS estimate of up to 0.69),"
            " and late in the training is not (0.16 and less). The losses do as the report says, the GAN's with one seed in"
            " doubt.",
        ),
        criterion="Late in the training the norm of the generator's gradient is at most 0.1 of the first one measured for the GAN"
        " with log(1 − D), and at least 0.1 for WGAN-GP. Spearman's rank correlation with the Fréchet distance (small CNN): at"
        " least 0.6 for WGAN-GP's estimate, and at most 0.3 for the generator's loss of the GAN with −log D.",
        why="Norms of different losses have different units, so each is compared with its own start. A tenth is the"
        " least that can be called vanishing. The report writes both losses of the generator: log(1 − D) where it speaks of"
        " gradients, cross-entropy, which is −log D, where it trains.",
        control="WGAN-GP under all names, for 10 steps, on Fashion-MNIST, which needs no fetching.",
        minutes={"quick": 0.9, "full": 11.0},
        tries=(
            "RunConfig the lesson “Horses” on the Compare page: twice as wide, and a clipped WGAN beside them.",
            "Train the discriminator five times a step: does the GAN's gradient vanish sooner?",
        ),
        legs={
            "quick": (_horses(HORSE_OBJECTIVES, 300, 20, dataset=HORSES),),
            "full": tuple(_horses(HORSE_OBJECTIVES, 2000, 50, seed, dataset=HORSES) for seed in range(2)),
            "control": (_horses([HORSE_OBJECTIVES[-1]] * 3, 10, 5),),
        },
        shows=("generator_grad_norm", "critic_grad_norm", "frechet_small_cnn", "w_estimate"),
        measure=_gradients,
    ),
)
