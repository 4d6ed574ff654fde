"""An ejected script stands on its own, looks written by hand, and trains as the run does."""

from __future__ import annotations

import ast
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import wgan_core.training
from tests.core.helpers import ROOT, often, small, with_data
from wgan_core.config import TrainingConfig, with_paths
from wgan_core.datasets import FASHION_IMAGES, Dataset, ImageDataset, Ring
from wgan_core.datasets.idx import FASHION_LABELS
from wgan_core.datasets.pictures import Folder
from wgan_core.datasets.points.packing import unpack
from wgan_core.eject import script
from wgan_core.eject.nets import layer
from wgan_core.lessons.presets import PRESETS
from wgan_core.networks import Network
from wgan_core.objectives import Objective, WganGp
from wgan_core.objectives.constraints import Constraint
from wgan_core.objectives.remedies import REMEDIES
from wgan_core.optimisers import Adam, Optimiser
from wgan_core.schema import ConfigError, Variant
from wgan_core.training import Training, train

pytestmark = pytest.mark.usefixtures("few_points")

# So many losses are compared, and fewer of images, where each takes long.
LOSSES, OF_IMAGES = 50, often(20, 50)
TOLERANCE = 1e-5
FAMILIES: dict[str, Any] = {
    "dataset": Dataset,
    "objective": Objective,
    "constraint": Constraint,
    "generator": Network,
    "critic": Network,
    "generator_optimiser": Optimiser,
    "critic_optimiser": Optimiser,
}
KINDS = [pytest.param(path, kind, id=f"{path}-{kind}") for path, family in FAMILIES.items() for kind in family.kinds]

ADAM = {"kind": "adam", "lr": 1e-3, "beta1": 0.5, "beta2": 0.9}
SGD = {"kind": "sgd", "lr": 1e-2}
SLOW = {"kind": "sgd", "lr": 1e-4}


def net(activation: str, normalisation: str = "none", depth: int = 2) -> dict[str, Any]:
    return {"kind": "mlp", "width": 16, "depth": depth, "activation": activation, "normalisation": normalisation}


def wide(kind: str, **knobs: str) -> dict[str, Any]:
    """A network of convolutions, as narrow as it can be."""
    return {"kind": kind, "base_channels": 4, **knobs}


# Of a preset whose networks are wide. Another layout rounds otherwise, and statistics of a batch and fast rates amplify that.
NARROW = {
    "generator.base_channels": 4,
    "critic.base_channels": 4,
    "speed.channels_last": False,
    "generator_optimiser.lr": 1e-5,
    "critic_optimiser.lr": 1e-5,
}

# Every kind and every choice of a kind stands in one of them, and what acts on each other stands together.
# Plain descent under spectral normalisation: across a scale that does not matter Adam turns rounding into whole steps.
CONFIGS: dict[str, TrainingConfig] = {
    "ring-gp": TrainingConfig.parse({"seed": 2**31 - 1, "device": "cpu"}),
    "ring-gp-fast": small(critic_optimiser=ADAM, generator_optimiser=ADAM),
    "ring-gan-saturating": small(objective={"kind": "gan", "generator_goal": "saturating"}, n_critic=3),
    "ring-clip": small(objective={"kind": "wgan-clip", "clip": 0.05}, latent={"dim": 3}, batch_size=7, n_critic=2),
    "ring-gp-odd-batch": small(batch_size=21, latent={"dim": 5}),
    "grid-gp-leaky": small("grid", generator=net("leaky-relu"), critic=net("leaky-relu", depth=3), seed=5),
    "grid-gp-tanh": small("grid", generator=net("tanh"), critic=net("tanh"), critic_optimiser=ADAM),
    "grid-gp-layer": small("grid", generator=net("relu", "layer"), critic=net("tanh", "layer")),
    "swiss-roll-clip-batch": small(
        "swiss-roll", "wgan-clip", generator=net("relu", "batch"), critic=net("leaky-relu", "batch")
    ),
    "swiss-roll-gan-layer": small("swiss-roll", "gan", critic=net("leaky-relu", "layer")),
    "two-gaussians-gan-batch": small("two-gaussians", "gan", critic=net("tanh", "batch")),
    "two-gaussians-gp-sgd": small("two-gaussians", critic_optimiser=SGD | {"momentum": 0.9}, generator_optimiser=SGD),
    "lines-gan-uniform": small({"kind": "parallel-lines", "theta": -2.0}, "gan", latent={"dim": 2, "prior": "uniform"}),
    "lines-gp-batch": small("parallel-lines", generator=net("relu", "batch"), generator_optimiser=SGD),
    "points-gp": small({"kind": "points", "points": "islands"}, latent={"dim": 2}, critic_optimiser=SGD),
    "points-of-a-csv": small({"kind": "points", "points": "x,y\n-7,1\n5,2\n6,2.5\n", "noise": 0.2}, "wgan-clip"),
    # Statistics of eight images amplify what another layout rounds otherwise.
    "fashion-gan": small("fashion-mnist", "gan", n_critic=9, speed={"channels_last": False}),
    "fashion-clip": small("fashion-mnist", "wgan-clip"),
    "fashion-gp": small("fashion-mnist", "wgan-gp"),
    "fashion-gp-mlps": small("fashion-mnist", generator=net("relu"), critic=net("leaky-relu", "layer")),
    "fashion-gan-mixed": small("fashion-mnist", "gan", generator=net("tanh", "batch"), n_critic=9),
    "fashion-gp-resnets": small("fashion-mnist", generator=wide("resnet"), critic=wide("resnet"), n_critic=9),
    "fashion-gan-report": small(
        "fashion-mnist", "gan", generator=wide("report-dcgan"), critic=wide("report-dcgan"), n_critic=9
    ),
    "fashion-clip-constant": small(
        "fashion-mnist", "wgan-clip", generator=wide("dcgan", filters="constant", normalisation="none"), n_critic=9
    ),
    "ring-f-gan-kl": small(objective={"kind": "f-gan"}),
    "ring-f-gan-reverse-kl": small(
        objective={"kind": "f-gan", "divergence": "reverse-kl", "generator_goal": "saturating"}
    ),
    "ring-f-gan-pearson": small(objective={"kind": "f-gan", "divergence": "pearson"}, constraint={"kind": "r1"}),
    "ring-f-gan-js": small(objective={"kind": "f-gan", "divergence": "js", "generator_goal": "saturating"}),
    "ring-f-gan-hellinger": small(objective={"kind": "f-gan", "divergence": "hellinger"}, constraint={"kind": "clip"}),
    "ring-lsgan-smooth": small(
        objective="lsgan", remedies={"label_smoothing": {"amount": 0.2}, "feature_matching": {"weight": 2}}
    ),
    "ring-lsgan-minus-plus": small(
        objective={"kind": "lsgan", "coding": "minus-plus"},
        constraint={"kind": "one-sided-penalty"},
        remedies={"label_smoothing": {"amount": 0.1}},
    ),
    "ring-hinge-spectral": small(objective="hinge", constraint={"kind": "spectral"}, critic_optimiser=SGD),
    "ring-wgan-lp": small(objective="wgan-lp", constraint={"kind": "dragan", "radius": 0.2}),
    "ring-dragan": small(objective="dragan", n_critic=2, constraint={"kind": "gradient-penalty", "penalty_weight": 2}),
    "ring-gan-remedies": small(
        objective="gan",
        remedies={
            "instance_noise": {"sigma": 0.5, "until": 30},
            "historical_averaging": {"weight": 0.1},
            "label_smoothing": {"amount": 0.1},
            "feature_matching": {"weight": 1},
        },
    ),
    "ring-gan-minibatch": small(
        objective="gan", remedies={"minibatch_discrimination": {"kernels": 4, "size": 3}}, n_critic=2
    ),
    "ring-gan-virtual": small(
        objective="gan",
        generator=net("relu", "batch"),
        critic=net("tanh", "batch"),
        remedies={"virtual_batch": {"references": 8}},
    ),
    "ring-gan-virtual-matching": small(
        objective="gan",
        generator=net("relu", "batch"),
        critic=net("tanh", "batch"),
        remedies={"virtual_batch": {"references": 8}, "feature_matching": {"weight": 1}},
    ),
    "fashion-gp-virtual": small(
        "fashion-mnist", remedies={"virtual_batch": {"references": 6}, "feature_matching": {"weight": 1}}
    ),
    "ring-clip-noise": small(objective="wgan-clip", remedies={"instance_noise": {"sigma": 0.3}}),
    "fashion-wgan-spectral": small(
        "fashion-mnist", "wgan", n_critic=9, critic_optimiser=SLOW, generator_optimiser=SLOW
    ),
    "fashion-gan-r1": small(
        "fashion-mnist", "gan", constraint={"kind": "r1"}, remedies={"feature_matching": {"weight": 1}}
    ),
    "ring-gp-averaged": small(generator=net("relu"), generator_average=0.9),
    "fashion-gan-averaged": small("fashion-mnist", "gan", generator_average=0.5),
    "ring-gp-conditional": small(conditional=True, n_critic=2),
    "grid-gan-conditional-batch": small(
        "grid", "gan", conditional=True, generator=net("relu", "batch"), critic=net("tanh", "batch")
    ),
    "points-clip-conditional": small({"kind": "points", "points": "islands"}, "wgan-clip", conditional=True),
    "ring-hinge-conditional": small(
        objective="hinge",
        constraint={"kind": "spectral"},
        conditional=True,
        critic_optimiser=SGD,
        generator_average=0.9,
    ),
    "ring-dragan-conditional": small(
        objective="dragan", constraint={"kind": "r1"}, conditional=True, remedies={"instance_noise": {"sigma": 0.3}}
    ),
    "ring-gan-conditional-remedies": small(
        objective="gan",
        conditional=True,
        n_critic=2,
        remedies={
            "instance_noise": {"sigma": 0.5, "until": 30},
            "historical_averaging": {"weight": 0.1},
            "label_smoothing": {"amount": 0.1},
            "minibatch_discrimination": {"kernels": 4, "size": 3},
        },
    ),
    "points-gan-conditional-matching": small(
        {"kind": "points", "points": "islands"},
        "gan",
        conditional=True,
        remedies={"feature_matching": {"weight": 1}, "instance_noise": {"sigma": 0.2}},
    ),
    "fashion-gp-conditional": small(
        "fashion-mnist", conditional=True, n_critic=9, remedies={"feature_matching": {"weight": 1}}
    ),
    "folder-gan-conditional": small(with_data("folder"), "gan", conditional=True, critic={"normalisation": "none"}),
    "folder-gp": small(with_data("folder") | {"pixels": "28", "colour": "grey"}),
    "folder-clip": small(with_data("folder") | {"pixels": "64"}, "wgan-clip", critic={"normalisation": "layer"}),
} | {
    f"preset-{name}": preset.config_beside(with_data("folder")).edited(
        {"device": "cpu"} | (NARROW if preset.takes_pictures else {})
    )
    for name, preset in PRESETS.items()
}


def parts_of(config: TrainingConfig) -> list[Any]:
    return [*(getattr(config, path) for path in FAMILIES), *config.remedies.active]


def with_kind(path: str, kind: str) -> TrainingConfig:
    """A config with this kind at this place."""
    match path:
        case "dataset":
            return small(with_data(kind))
        case "objective":
            return small(objective=kind)
        case "generator" | "critic":
            return small("fashion-mnist", **{path: {"kind": kind}})
        case _:
            return small(objective="gan", **{path: {"kind": kind}})


def with_remedy(name: str) -> TrainingConfig:
    on = {name: {REMEDIES[name].switch(): REMEDIES[name].usual}}
    return small(objective="gan", generator=net("relu", "batch"), remedies=on)


def newcomers() -> dict[str, TrainingConfig]:
    """A config for each kind and remedy that stands in none of those above, where it has lines that could be wrong."""
    known = {type(part) for config in CONFIGS.values() for part in parts_of(config)}
    # Images from files have the same lines whatever they show.
    from_files = [cls for cls in Dataset.kinds.values() if cls.script is ImageDataset.script]
    made = {
        f"{path}-{kind}": with_kind(path, kind)
        for path, family in FAMILIES.items()
        for kind, cls in family.kinds.items()
        if cls not in (*known, *from_files)
    } | {f"remedy-{name}": with_remedy(name) for name, cls in REMEDIES.items() if cls not in known}
    return {name: config for name, config in made.items() if all(part.script() for part in parts_of(config))}


CONFIGS |= newcomers()


def rounds(config: TrainingConfig) -> int:
    """How many rounds have so many losses of critic and generator together."""
    return math.ceil((OF_IMAGES if config.dataset.is_image else LOSSES) / (config.n_critic + 1))


# Runs scripts, as the main program each, where this software cannot be imported, and prints what each printed.
RUNNER = """
import contextlib, io, json, runpy, sys

class Guard:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("wgan_core", "pages", "tests"):
            raise ImportError(f"a script imports {name}")

sys.meta_path.insert(0, Guard())
printed = {}
for name, arguments in json.loads(sys.argv[1]).items():
    sys.argv = arguments
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        runpy.run_path(arguments[0], run_name="__main__")
    printed[name] = [json.loads(line) for line in out.getvalue().splitlines()]
print(json.dumps(printed))
"""


def alone(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """This Python with nothing of the project on its path."""
    return subprocess.run(
        [sys.executable, "-I", *arguments], cwd=cwd, capture_output=True, text=True, timeout=250, check=False
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The script of each config."""
    place = tmp_path_factory.mktemp("ejected")
    for name, config in CONFIGS.items():
        (place / f"{name}.py").write_text(script(config), encoding="utf-8")
        if isinstance(config.dataset, Folder):
            images = config.dataset.read()
            np.save(place / f"{name}-images.npy", images.pixels.numpy())
            np.save(place / f"{name}-labels.npy", images.labels.numpy())
    return place


def images_of(name: str, folder: Path) -> list[str]:
    """The arguments that name images and labels, for a script that asks for them."""
    config = CONFIGS[name]
    if not config.dataset.is_image:
        return []
    files = [str(FASHION_IMAGES), str(FASHION_LABELS)]
    if isinstance(config.dataset, Folder):
        files = [str(folder / f"{name}-{what}.npy") for what in ("images", "labels")]
    return files if config.conditional else files[:1]


@pytest.fixture(scope="module")
def printed(folder: Path, request: pytest.FixtureRequest) -> dict[str, list[dict[str, float]]]:
    """The losses that the scripts of all configs that are tested print, every step."""
    asked = [item.callspec.params.get("name") for item in request.session.items if hasattr(item, "callspec")]
    jobs = {
        name: [
            str(folder / f"{name}.py"),
            *images_of(name, folder),
            *("--json", "--log-every", "1", "--steps", str(rounds(config)), "--out", str(folder / f"{name}.npy")),
        ]
        for name, config in CONFIGS.items()
        if name in asked
    }
    result = alone("-c", RUNNER, json.dumps(jobs), cwd=folder)
    assert result.returncode == 0, result.stderr
    found: dict[str, list[dict[str, float]]] = json.loads(result.stdout)
    return found


@pytest.mark.parametrize("name", CONFIGS)
def test_a_script_has_the_first_losses_of_the_run(
    name: str, printed: dict[str, list[dict[str, float]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wgan_core.training.measuring, "measure", lambda *_: {})
    config = CONFIGS[name].edited({"snapshot_every": 1, "steps": rounds(CONFIGS[name])})
    run = [snapshot for snapshot in train(config) if snapshot.step > 0]
    assert len(run) == len(printed[name])
    for snapshot, line in zip(run, printed[name], strict=True):
        assert line["step"] == snapshot.step
        losses = {loss: value for loss, value in line.items() if loss != "step"}
        assert {"critic_real", "critic_fake", "generator_loss"} <= losses.keys()
        of_critic = math.fsum(value for loss, value in losses.items() if not loss.startswith("generator_"))
        assert of_critic == pytest.approx(snapshot.scalars["critic_loss"], rel=TOLERANCE, abs=TOLERANCE)
        assert losses == pytest.approx(
            {loss: snapshot.scalars[loss] for loss in losses}, rel=TOLERANCE, abs=TOLERANCE
        ), f"step {snapshot.step}"


@pytest.mark.parametrize("name", CONFIGS)
def test_a_script_leaves_samples(name: str, folder: Path, printed: dict[str, Any]) -> None:
    assert printed[name]
    samples, data = np.load(folder / f"{name}.npy"), CONFIGS[name].dataset
    assert samples.shape == ((64, *data.shape) if data.is_image else (2500, 2))
    assert np.isfinite(samples).all()


@pytest.mark.parametrize("name", ["ring-gp-averaged", "fashion-gan-averaged"])
def test_the_samples_are_those_of_the_averaged_generator(name: str, folder: Path, printed: dict[str, Any]) -> None:
    assert printed
    config = CONFIGS[name].edited({"steps": rounds(CONFIGS[name])})
    training = Training(config)
    for _ in training.updates():
        pass
    assert training._average is not None
    samples = np.load(folder / f"{name}.npy")
    latents = config.latent.sample(len(samples), training.members[0].generator_latent, training.device)
    nets = {"averaged": training._average.net, "trained": training.generator}
    with torch.no_grad():
        off = {which: np.abs(n.eval()(latents).numpy() - samples).max() for which, n in nets.items()}
    assert off["averaged"] < 1e-3
    assert off["averaged"] < 0.1 * off["trained"], "rounding apart they are the same"


def test_a_script_says_that_it_does_not_compute_in_half_precision() -> None:
    assert "this script computes in float32" in script(small("fashion-mnist", "gan", speed={"autocast": "bf16"}))
    assert "bfloat16" not in script(small("fashion-mnist", "gan"))


def test_a_script_runs_by_itself_and_prints_lines_for_people(folder: Path) -> None:
    done = alone("ring-gp.py", "--steps", "3", "--seed", "1", "--log-every", "2", cwd=folder)
    assert done.returncode == 0, done.stderr
    first, last = done.stdout.splitlines()
    assert first.startswith("step 2  critic_real ")
    assert last.startswith("step 3  critic_real ")
    assert (folder / "samples.npy").exists()


def test_a_script_on_images_asks_for_their_file(folder: Path) -> None:
    done = alone("fashion-gan.py", cwd=folder)
    assert done.returncode == 2
    assert "required: images" in done.stderr


@pytest.mark.parametrize("command", [("format", "--check"), ("check",)], ids=lambda command: command[0])
def test_scripts_are_as_tidy_as_this_software(folder: Path, command: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ruff", *command, "--no-cache", "--config", str(ROOT / "pyproject.toml"), str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def imported(text: str) -> set[str]:
    """The top-level packages that a script imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").split(".")[0])
    return found


@pytest.mark.parametrize(("path", "kind"), KINDS)
def test_every_kind_has_a_script(path: str, kind: str) -> None:
    """A kind that is new here needs a method ``script``."""
    others = {"generator": {"dataset.kind": "fashion-mnist"}, "constraint": {"objective.kind": "gan"}}
    others["critic"] = others["generator"]
    config = TrainingConfig.parse(with_paths({}, {**others.get(path, {}), f"{path}.kind": kind}))
    text = script(config)
    compile(text, "script", "exec")
    assert imported(text) <= {"torch", "numpy", *sys.stdlib_module_names}


@pytest.mark.parametrize("name", REMEDIES)
def test_every_remedy_has_a_script(name: str) -> None:
    text = script(with_remedy(name))
    compile(text, "script", "exec")
    assert imported(text) <= {"torch", "numpy", *sys.stdlib_module_names}
    assert REMEDIES[name].label in text


def test_a_remedy_without_a_snippet_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(REMEDIES["instance_noise"], "script", lambda _: None)
    with pytest.raises(ConfigError, match=r"remedies\.instance_noise: there is no script for instance noise yet"):
        script(small(remedies={"instance_noise": {"sigma": 1}}))


def test_a_remedy_that_has_no_script_with_classes_is_named() -> None:
    remedies = {"virtual_batch": {"references": 4}}
    config = small(objective="gan", generator=net("relu", "batch"), conditional=True, remedies=remedies)
    with pytest.raises(ConfigError, match=r"remedies\.virtual_batch: .* in a conditional run yet"):
        script(config)
    assert script(config.edited({"conditional": False}))


@settings(max_examples=60, deadline=None)
@given(
    dataset=st.sampled_from(sorted(Dataset.kinds)),
    objective=st.sampled_from(sorted(Objective.kinds)),
    optimiser=st.sampled_from(sorted(Optimiser.kinds)),
    activation=st.sampled_from(["relu", "leaky-relu", "tanh"]),
    normalisation=st.sampled_from(["none", "layer"]),
    depth=st.integers(1, 3),
    dim=st.integers(1, 4),
    lr=st.floats(1e-8, 10),
)
def test_a_script_holds_the_numbers_of_its_config(
    dataset: str, objective: str, optimiser: str, activation: str, normalisation: str, depth: int, dim: int, lr: float
) -> None:
    nets = net(activation, normalisation, depth)
    config = small(
        dataset,
        objective,
        generator=nets,
        critic=nets,
        latent={"dim": dim},
        critic_optimiser={"kind": optimiser, "lr": lr},
    )
    text = script(config)
    tree = ast.parse(text)
    constants = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    knobs = config.objective.model_dump() | {"lr": lr, "dim": dim, "n_critic": config.n_critic, "m": config.batch_size}
    assert {value for value in knobs.values() if not isinstance(value, str)} <= constants
    assert imported(text) <= {"torch", "numpy", *sys.stdlib_module_names}
    assert "$" not in text


def test_a_script_holds_only_what_its_config_needs() -> None:
    text = script(small("ring", "wgan-clip"))
    for other in ("penalty", "softplus", "Conv", "LayerNorm", "gzip", "eval()", "Adam"):
        assert other not in text


@pytest.mark.parametrize(
    "points", ["spiral", "p2.1.1.4471231.54112342.AAIHPMVT~447124.15~5411235.15~0.7079901130050636"]
)
def test_points_stand_in_the_script_to_the_last_digit(points: str) -> None:
    config = small({"kind": "points", "points": points})
    tree = ast.parse(script(config))
    text = next(
        node.value.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    )
    pairs = [[float(number) for number in pair.split(",")] for pair in text.split()]
    assert pairs == unpack(points).placed.tolist()


@pytest.mark.parametrize(
    ("kind", "path"), [(WganGp, "objective.kind"), (Ring, "dataset.kind"), (Adam, "critic_optimiser.kind")]
)
def test_a_kind_without_a_snippet_is_named(kind: type[Variant], path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kind, "script", lambda _: None)
    with pytest.raises(ConfigError) as refused:
        script(TrainingConfig.parse({}))
    (problem,) = refused.value.problems
    assert problem.path == path
    assert f"no script for {kind.model_fields['kind'].default} yet" in problem.message


@pytest.mark.parametrize(
    "module", [nn.Dropout(), nn.Linear(2, 3, bias=False), nn.LayerNorm(4, eps=0.1), nn.Conv2d(1, 2, 3, dilation=2)]
)
def test_a_layer_that_would_lose_a_setting_is_refused(module: nn.Module) -> None:
    with pytest.raises(ConfigError, match="no script for the layer"):
        layer(module, "critic")
