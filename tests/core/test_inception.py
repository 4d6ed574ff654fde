"""The FID: its draws and its formula, what is said without weights or with wrong ones, and that nothing is fetched.

The weights of these tests are random ones in Inception's architecture.
"""

from __future__ import annotations

import importlib.util
import io
import json
import math
import pickle
import socket
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
import torch
from scipy.linalg import svdvals
from torch import Tensor, nn

from tests.core.helpers import CPU, rng, small
from tests.core.stored import record
from tests.core.test_cli import Out, lines
from wgan_core.cli import main
from wgan_core.config import TrainingConfig
from wgan_core.config.conditional import generator_inputs
from wgan_core.datasets import FashionMnist
from wgan_core.datasets.images import as_samples
from wgan_core.explore import sampler
from wgan_core.metrics.images import frechet
from wgan_core.metrics.images import inception as module
from wgan_core.metrics.images.inception import (
    Inception,
    InceptionDistance,
    as_bytes,
    inception_distance,
    read_inception,
)
from wgan_core.networks.piecewise import Net
from wgan_core.schema import ConfigError
from wgan_core.store import Store
from wgan_core.training import Training


def library() -> Any:
    """The library whose network it is, imported by those tests alone that look at it: that takes seconds."""
    return importlib.import_module("torch_fidelity.feature_extractor_inceptionv3")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file as the library's, of random weights that keep the size of what passes through them."""
    with pytest.MonkeyPatch.context() as patch, torch.random.fork_rng(devices=[]):
        patch.setattr(library(), "load_state_dict_from_url", lambda *_, **__: {})
        patch.setattr(library().FeatureExtractorInceptionV3, "load_state_dict", lambda *_: None)
        net: nn.Module = library().FeatureExtractorInceptionV3("random", ["2048"])
    draw = rng(0)
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d):
            layer.weight.normal_(0, math.sqrt(2 / layer.weight[0].numel()), generator=draw)
    file = tmp_path_factory.mktemp("weights") / "random.pth"
    torch.save(net.state_dict(), file)
    return file


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where two runs are stored, on images and on points."""
    folder = tmp_path_factory.mktemp("home")
    store = Store(folder)
    record(store, "images", small("fashion-mnist", steps=2, scores_every=0), checkpoints=(1,), close=False)
    record(store, "points", small(steps=1))
    store.close()
    return folder


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> NoReturn:
        raise AssertionError("something reaches for the network")

    monkeypatch.delenv("WGAN_INCEPTION", raising=False)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(library(), "load_state_dict_from_url", refuse)


@pytest.fixture
def in_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WGAN_HOME", str(home))
    return home


def by_singular_values(a: Tensor, b: Tensor) -> float:
    """The Fréchet distance without covariances: tr (Σ_a Σ_b)^½ is the nuclear norm of A Bᵀ, centred, over √((n − 1)(m − 1))."""
    x, y = a.double().numpy(), b.double().numpy()
    cross = svdvals((x - x.mean(0)) @ (y - y.mean(0)).T).sum() / math.sqrt((len(x) - 1) * (len(y) - 1))
    spread = x.var(0, ddof=1).sum() + y.var(0, ddof=1).sum()
    return float(((x.mean(0) - y.mean(0)) ** 2).sum() + spread - 2 * cross)


# The formula


def test_the_distance_is_that_of_the_library() -> None:
    from torch_fidelity.metric_fid import KEY_METRIC_FID, fid_features_to_statistics, fid_statistics_to_metric

    draw = rng(1)
    a = torch.randn(50, 20, generator=draw) @ torch.randn(20, 20, generator=draw)
    b = torch.randn(40, 20, generator=draw) + 0.5
    theirs = fid_statistics_to_metric(fid_features_to_statistics(a), fid_features_to_statistics(b), verbose=False)
    # Theirs takes the means in single precision.
    assert frechet(a, b) == pytest.approx(theirs[KEY_METRIC_FID], rel=1e-5)


@pytest.mark.parametrize(("n", "m", "columns"), [(6, 9, 40), (6, 9, 16), (6, 9, 15), (6, 9, 4), (30, 20, 8)])
def test_the_distance_is_the_same_whether_there_are_more_samples_or_more_features(n: int, m: int, columns: int) -> None:
    a = torch.randn(n, columns, generator=rng(2))
    b = 2 * torch.randn(m, columns, generator=rng(3)) + 1
    # What rounds to 1e-16 where a covariance has no full rank comes out of the roots as 1e-8.
    assert frechet(a, b) == pytest.approx(by_singular_values(a, b), rel=1e-7)
    assert frechet(b, a) == pytest.approx(frechet(a, b), rel=1e-7)
    assert frechet(a, a) == pytest.approx(0, abs=1e-5)


# The draws, with an eye that sees pixels


class Pixels(nn.Module):
    """In place of Inception: the pixels themselves, and a note of what it was shown."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: list[Tensor] = []

    def forward(self, images: Tensor) -> tuple[Tensor]:
        assert images.dtype == torch.uint8
        assert images.shape[1] == 3
        self.shown.append(images)
        return (images[:, :, ::7, ::7].float().flatten(1),)


def scored(config: TrainingConfig, net: Net, samples: int, seed: int = 0) -> tuple[InceptionDistance, Tensor]:
    eye = Pixels()
    *seen, result = inception_distance(config, net, Inception(Path("pixels"), "", eye, CPU), samples, seed)
    assert isinstance(result, InceptionDistance)
    assert seen[-1] == (3 * result.samples, 3 * result.samples)
    return result, torch.cat(eye.shown)


@pytest.mark.parametrize("conditional", [False, True])
def test_the_draws_are_seeded_and_no_real_image_is_in_both_halves(conditional: bool) -> None:
    config = small("fashion-mnist", conditional=conditional)
    net = Training(config).generator
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first, shown = scored(config, net, 20, seed=3)
    again, shown_again = scored(config, net, 20, seed=3)
    other, shown_other = scored(config, net, 20, seed=4)
    assert torch.equal(torch.get_rng_state(), before)
    assert (first, first.samples) == (again, 20)
    assert torch.equal(shown, shown_again)
    assert not any(torch.equal(a, b) for a, b in zip(shown.view(3, -1), shown_other.view(3, -1), strict=True))
    assert other != first
    real = shown[20:, :1]
    assert len(torch.unique(real, dim=0)) == 40
    known = {image.numpy().tobytes() for image in FashionMnist().items(CPU)}
    assert all(image.numpy().tobytes() in known for image in real)


def test_of_few_images_each_half_is_scored() -> None:
    config = small({"kind": "fashion-mnist", "classes": "Bag"})
    net = Training(config).generator
    result, shown = scored(config, net, 2_000)
    assert result.samples == 500
    assert len(torch.unique(shown[500:], dim=0)) == 1_000


def test_images_as_samples_and_back_are_the_same_bytes() -> None:
    every = torch.arange(256, dtype=torch.uint8)
    assert torch.equal(as_bytes(as_samples(every)), every)


@pytest.mark.parametrize(("samples", "seed"), [(1, 0), (10_001, 0), (8, -1), (8, 2**31)])
def test_what_is_out_of_range_is_refused(samples: int, seed: int) -> None:
    config = small("fashion-mnist")
    with pytest.raises(ConfigError, match="must be from"):
        next(
            inception_distance(config, Training(config).generator, Inception(Path(), "", Pixels(), CPU), samples, seed)
        )


# The command


def test_the_command_prints_the_distance_of_the_features_of_that_checkpoint(
    in_home: Path, weights: Path, capsys: Out, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[Tensor] = []
    features = Inception.features

    def keeping(eye: Inception, images: Tensor) -> Tensor:
        kept.append(features(eye, images))
        return kept[-1]

    monkeypatch.setattr(Inception, "features", keeping)
    assert main(["fid", "images", "--weights", str(weights), "--samples", "4", "--step", "1", "--json"]) == 0
    out, err = capsys.readouterr()
    (printed,) = map(json.loads, out.splitlines())
    assert "12 of 12 images seen" in err
    assert "the number is no FID" in err
    generated, first, second = kept
    about = {name: printed[name] for name in ("run", "lane", "step", "samples", "seed")}
    assert about == {"run": "images", "lane": 1, "step": 1, "samples": 4, "seed": 0}
    assert "fid" not in printed
    assert printed["frechet_other_weights"] == pytest.approx(by_singular_values(generated, first), rel=1e-6)
    assert printed["frechet_other_weights_real"] == pytest.approx(by_singular_values(second, first), rel=1e-6)
    assert frechet(first, first) == pytest.approx(0, abs=1e-6 * float(first.var(0).sum()))

    # The same features by the library itself, of images drawn here.
    found = sampler(Store(in_home), "images", step=1)
    made = found.net(generator_inputs(found.config, 4, rng(1), CPU))
    net = library().FeatureExtractorInceptionV3("random", ["2048"], feature_extractor_weights_path=str(weights))
    theirs = net(((made + 1) * 127.5).round().to(torch.uint8).repeat(1, 3, 1, 1))[0]
    np.testing.assert_allclose(generated, theirs, rtol=1e-4, atol=1e-5)


def test_it_is_called_fid_with_the_published_weights_only(
    in_home: Path, weights: Path, capsys: Out, monkeypatch: pytest.MonkeyPatch
) -> None:
    inception = Inception(weights, "6726825d" + 56 * "0", Pixels(), CPU)
    monkeypatch.setattr("wgan_core.cli.inception.read_inception", lambda *_: inception)
    assert main(["fid", "images", "--samples", "30", "--json"]) == 0
    (printed,) = lines(capsys)
    assert printed["step"] == 2
    assert printed["weights"] == {"file": "random.pth", "sha256": inception.sha256, "published": True}
    assert main(["fid", "images", "--samples", "30"]) == 0
    out, err = capsys.readouterr()
    assert f"FID: {printed['fid']:.4g}; real images against real images: {printed['fid_real']:.4g}" in out
    assert "no FID" not in out + err


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (["nobody"], 2, "There is no stored run 'nobody'"),
        (["points"], 2, "the FID is for images; this run is on “Ring of Gaussians”"),
        (["images", "--lane", "2"], 2, "lane: must be from 1 to 1; you gave 2"),
        (["images", "--samples", "99999"], 2, "samples: must be from 2 to 10,000; you gave 99,999"),
        (["images"], 2, "weights-inception-2015-12-05-6726825d.pth"),
        (["images"], 2, "without it no FID is shown"),
        (["images", "--weights", "/nowhere/weights.pth"], 2, "“/nowhere/weights.pth” cannot be read (No such file"),
    ],
)
def test_what_is_missing_or_wrong_is_said_in_a_sentence(
    in_home: Path, capsys: Out, arguments: list[str], status: int, sentence: str
) -> None:
    assert main(["fid", *arguments]) == status
    out, err = capsys.readouterr()
    assert out == ""
    assert sentence in err


# The file of weights


def test_the_network_goes_to_the_device_that_it_is_given(weights: Path) -> None:
    net = read_inception(str(weights), torch.device("meta")).net
    (found,) = net(
        torch.zeros(2, 3, 32, 32, dtype=torch.uint8, device="meta")
    )  # a tensor elsewhere would not mix with it
    assert (found.device.type, found.shape) == ("meta", (2, 2048))


class Harmful:
    """Unpickled without care, it would write a file."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> Any:
        return Path.touch, (self.place,)


def test_a_file_that_holds_no_such_weights_is_refused_and_runs_nothing(tmp_path: Path) -> None:
    touched = tmp_path / "touched"
    other = io.BytesIO()
    torch.save(nn.Linear(2, 2).state_dict(), other)
    odd = io.BytesIO()
    torch.save([torch.zeros(2)], odd)
    harmful = io.BytesIO()
    torch.save({"fc.weight": Harmful(touched)}, harmful)
    contents = (
        b"",
        b"no weights",
        pickle.dumps(Harmful(touched)),
        other.getvalue(),
        odd.getvalue(),
        harmful.getvalue(),
    )
    file = tmp_path / "wrong.pth"
    for content in contents:
        file.write_bytes(content)
        with pytest.raises(ConfigError, match="does not hold the weights of Inception") as refused:
            read_inception(str(file), CPU)
        assert "\n" not in str(refused.value)
    assert not touched.exists()


def test_a_file_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 5_000_000)
    file = tmp_path / "large.pth"
    with file.open("wb") as sparse:
        sparse.truncate(5_000_001)
    with pytest.raises(ConfigError, match="has more than 5 MB"):
        read_inception(str(file), CPU)


def test_without_the_package_it_says_which(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "torch_fidelity" else find(name))
    with pytest.raises(ConfigError, match="pip install torch-fidelity"):
        read_inception(str(tmp_path / "any.pth"), CPU)


def test_the_variable_names_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WGAN_INCEPTION", "/nowhere/of-variable.pth")
    with pytest.raises(ConfigError, match=r"of-variable\.pth"):
        read_inception(None, CPU)
    with pytest.raises(ConfigError, match=r"of-flag\.pth"):
        read_inception("/nowhere/of-flag.pth", CPU)


def test_features_that_are_not_finite_are_refused() -> None:
    class Broken(Pixels):
        def forward(self, images: Tensor) -> tuple[Tensor]:
            return (torch.full((len(images), 4), torch.nan),)

    config = small("fashion-mnist")
    with pytest.raises(ConfigError, match="not finite"):
        list(inception_distance(config, Training(config).generator, Inception(Path(), "", Broken(), CPU), 4))
