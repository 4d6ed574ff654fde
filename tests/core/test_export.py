"""Exports: each format says the same numbers, networks give the same outputs, and what cannot be written says why."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tests.core.exported import RUNS, SEEDS, failed, images, race, seeds, solo
from tests.core.helpers import small
from wgan_core.charts import theme
from wgan_core.config import RunConfig, TrainingConfig
from wgan_core.export import EXPORTS, Bundle, ExportProblem, download, file_name, frames, of_run, save
from wgan_core.export.graphs import steps_of
from wgan_core.export.media import FRAME_MS, LAST_MS, moments, picture
from wgan_core.export.tables import series
from wgan_core.export.weights import model_of, pack_model, unpack_model
from wgan_core.history import CLOCKS
from wgan_core.host import tensors
from wgan_core.runs import Run
from wgan_core.training import Training

pytestmark = pytest.mark.usefixtures("few_points")

Row = dict[str, str]


def needs(*modules: str) -> pytest.MarkDecorator:
    absent = [name for name in modules if importlib.util.find_spec(name) is None]
    return pytest.mark.skipif(bool(absent), reason=f"not installed: {', '.join(absent)} (requirements-extra.txt)")


def content(name: str, bundle: Bundle) -> bytes:
    (file,) = EXPORTS[name].files(bundle)
    return file.content


def rows(bundle: Bundle, name: str = "csv") -> list[Row]:
    return list(csv.DictReader(io.StringIO(content(name, bundle).decode())))


def numbers(bundle: Bundle) -> dict[tuple[int, int, int], dict[str, float]]:
    """Every scalar that a run has, by lane, seed and row."""
    return {
        (each.lane, each.seed, row): {
            name: float(column[row])
            for name, column in each.columns.items()
            if name not in CLOCKS and not np.isnan(column[row])
        }
        for each in series(bundle)
        for row in range(each.rows)
    }


# Tables


@pytest.mark.parametrize("run", RUNS)
def test_the_wide_csv_has_every_number_to_the_last_digit(run: str) -> None:
    bundle = RUNS[run]()
    table = rows(bundle)
    found = [{k: float(v) for k, v in row.items() if k not in ("lane", "seed", *CLOCKS) and v} for row in table]
    assert found == list(numbers(bundle).values())
    for view, lane in zip(bundle.view.lanes, range(1, 5), strict=False):
        steps = [int(row["step"]) for row in table if row["lane"] == str(lane)]
        assert steps == view.seeds * view.history["step"].astype(int).tolist()


def test_seeds_have_rows_of_their_own() -> None:
    table, first = rows(seeds()), seeds().view.lanes[0].config.seed
    assert sorted({int(row["seed"]) for row in table}) == list(range(first, first + SEEDS))
    assert table[-1]["w1"] == "", "a seed that has failed has no numbers"


def test_the_long_csv_has_one_row_for_each_number() -> None:
    expected = [(name, value) for scalars in numbers(race()).values() for name, value in scalars.items()]
    assert [(row["name"], float(row["value"])) for row in rows(race(), "csv-long")] == expected


def test_json_lines_are_those_of_the_command_line_with_lane_and_seed() -> None:
    lines = [json.loads(line) for line in content("jsonl", race()).splitlines()]
    assert [line["scalars"] for line in lines] == list(numbers(race()).values())
    assert set(lines[0]) == {"lane", "seed", "step", "critic_steps", "seconds", "scalars"}


@needs("pyarrow")
@pytest.mark.parametrize("run", ["race", "seeds", "failed"])
def test_parquet_has_the_numbers_of_the_csv_and_the_config(run: str) -> None:
    import pyarrow.parquet

    bundle = RUNS[run]()
    table = pyarrow.parquet.read_table(io.BytesIO(content("parquet", bundle)))
    found = [{k: v for k, v in row.items() if v is not None} for row in table.to_pylist()]
    expected = [{k: json.loads(v) for k, v in row.items() if v} for row in rows(bundle)]
    assert found == expected
    assert table.schema.field("step").type == "int64"
    assert json.loads(table.schema.metadata[b"wgan_live_config"]) == json.loads(content("config", bundle))


@needs("tensorboard")
@pytest.mark.parametrize("run", ["solo", "race", "seeds"])
def test_tensorboard_reads_the_numbers_of_the_csv(run: str, tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    bundle = RUNS[run]()
    paths = save("tensorboard", bundle, tmp_path / "log")
    table = rows(bundle)
    keys = list(dict.fromkeys((row["lane"], row["seed"]) for row in table))
    assert len(paths) == len(keys)
    for path, key in zip(paths, keys, strict=True):
        events = EventAccumulator(str(path.parent), size_guidance={"scalars": 0})
        events.Reload()
        of_this = [row for row in table if (row["lane"], row["seed"]) == key]
        for name in events.Tags()["scalars"]:
            found = [(each.step, each.value) for each in events.Scalars(name)]
            expected = [(int(row["step"]), float(np.float32(float(row[name])))) for row in of_this if row[name]]
            assert found == expected
        named = {name for row in of_this for name, value in row.items() if value} - {"lane", "seed", *CLOCKS}
        assert set(events.Tags()["scalars"]) == named
        spent = [each.wall_time for each in events.Scalars("w1")]
        seconds = [float(row["seconds"]) for row in of_this if row["w1"]]
        assert [each - spent[0] for each in spent] == pytest.approx([each - seconds[0] for each in seconds], abs=1e-5)


def test_the_config_is_the_runs_and_the_races() -> None:
    assert TrainingConfig.parse(json.loads(content("config", solo()))) == solo().view.lanes[0].config
    for bundle in (race(), seeds()):
        assert RunConfig.parse(json.loads(content("config", bundle))) == bundle.view.config


# Networks


@pytest.mark.parametrize("run", ["solo", "race", "images"])
def test_a_model_comes_back_as_it_was(run: str) -> None:
    bundle = RUNS[run]()
    for file, view, state in zip(EXPORTS["safetensors"].files(bundle), bundle.view.lanes, bundle.states, strict=True):
        assert state is not None
        model, expected = unpack_model(file.content), model_of(view.config, state)
        assert (model.config, model.step) == (view.config, view.step)
        for role in ("generator", "critic"):
            here, there = getattr(model, role), getattr(expected, role)
            assert not here.training
            for name, tensor in there.state_dict().items():
                assert torch.equal(here.state_dict()[name], tensor)


def test_a_model_has_the_outputs_of_the_training_that_it_comes_from() -> None:
    training = Training(small(steps=3, generator={"width": 16, "normalisation": "batch"}))
    list(training.updates())
    model = unpack_model(pack_model(model_of(training.config, training.state())))
    z = torch.randn(5, training.config.latent.dim)
    training.generator.eval()
    assert torch.equal(model.generator(z), training.generator(z))
    assert torch.equal(model.critic(model.generator(z)), training.critic(training.generator(z)))


def tampered(**changes: Any) -> bytes:
    """A model's file with other arrays or metadata; None leaves one out."""
    state = solo().states[0]
    assert state is not None
    arrays, about = tensors.unpack(pack_model(model_of(solo().view.lanes[0].config, state)))
    for name, value in changes.items():
        target: Any = arrays if name.startswith(("generator", "critic")) else about
        target.pop(name, None)
        if value is not None:
            target[name] = value
    return tensors.pack(arrays, about)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"critic.0.bias": None}, "critic.0.bias is missing"),
        ({"critic.9.bias": np.zeros(3)}, "“critic.9.bias” does not belong there"),
        ({"critic.0.bias": np.zeros(3, np.float32)}, "critic.0.bias is float32 (3,), and its config has float32 (16,)"),
        ({"critic.0.bias": np.zeros(16)}, "critic.0.bias is float64"),
        ({"critic.0.bias": np.full(16, np.nan, np.float32)}, "critic.0.bias is not finite"),
        ({"version": "2"}, "its version is 2"),
        ({"format": None}, "not a model of WGAN Live"),
        ({"step": "-1"}, "which step"),
        ({"config": "{"}, "refused"),
        ({"config": '{"generator": {"width": -1}}'}, "generator.width"),
        ({"config": "[" * 100_000}, "refused"),
    ],
)
def test_a_model_that_does_not_fit_is_refused(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(ExportProblem) as refused:
        unpack_model(tampered(**changes))
    assert why in str(refused.value)


@pytest.mark.parametrize(
    "data", [b"", b"\x80\x04cos\nsystem\n", b"\xff" * 100, b"\x02\0\0\0\0\0\0\0[]", tampered()[:-3]]
)
def test_what_is_no_safetensors_file_is_refused(data: bytes) -> None:
    with pytest.raises(ExportProblem, match="The model is refused"):
        unpack_model(data)


REPORT, RESNET = ({"kind": kind, "base_channels": 4} for kind in ("report-dcgan", "resnet"))
CONFIGS = {
    "mlp": small(),
    "mlp-batch": small("grid", "gan", generator={"width": 16, "normalisation": "batch"}),
    "mlp-layer": small(critic={"width": 16, "normalisation": "layer", "activation": "tanh"}),
    "mlp-images": small("fashion-mnist", generator={"kind": "mlp"}, critic={"kind": "mlp", "activation": "leaky-relu"}),
    "dcgan-batch": small("fashion-mnist", "gan"),
    "dcgan-report": small("fashion-mnist", generator=REPORT, critic=REPORT),
    "resnet-batch": small("fashion-mnist", "gan", generator=RESNET, critic=RESNET | {"normalisation": "batch"}),
    "resnet-layer": small("fashion-mnist", generator=RESNET, critic=RESNET | {"normalisation": "layer"}),
    "dcgan-layer": small("fashion-mnist", critic={"base_channels": 4, "normalisation": "layer"}),
    "mlp-spectral": small(objective="wgan"),
    "dcgan-spectral": small("fashion-mnist", "wgan"),
}


def test_models_of_remedies_that_change_the_networks_come_back_whole() -> None:
    remedies = {"virtual_batch": {"references": 6}, "minibatch_discrimination": {"kernels": 3}}
    config = small(objective="gan", generator={"width": 16, "normalisation": "batch"}, remedies=remedies)
    training = Training(config)
    list(training.updates())
    model = model_of(config, training.state())
    again = unpack_model(pack_model(model))
    z = config.latent.sample(5, torch.Generator().manual_seed(1), torch.device("cpu"))
    with torch.no_grad():
        samples = model.generator(z)
        assert torch.equal(again.generator(z), samples)
        assert torch.equal(again.critic(samples), model.critic(samples))
    with pytest.raises(ExportProblem, match="no ONNX translation"):
        list(steps_of(model.generator, "latents", "", "samples"))


@needs("onnx", "onnxruntime")
@pytest.mark.parametrize("name", CONFIGS)
def test_onnx_gives_the_outputs_of_torch(name: str) -> None:
    import onnxruntime

    from wgan_core.export.graphs import onnx_of

    training = Training(CONFIGS[name])
    next(updates := training.updates())
    while training.step < 2:
        next(updates)
    model = model_of(training.config, training.state())
    for role, width in (("generator", (model.config.latent.dim,)), ("critic", model.config.dataset.shape)):
        session = onnxruntime.InferenceSession(onnx_of(model, role), providers=["CPUExecutionProvider"])
        for n in (1, 7):
            x = torch.randn(n, *width)
            expected = getattr(model, role)(x).detach().numpy()
            (found,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
        about = session.get_modelmeta().custom_metadata_map
        assert TrainingConfig.parse(json.loads(about["config"])) == model.config


# Pictures


@pytest.mark.parametrize("run", ["solo", "race", "images"])
def test_a_picture_has_the_lanes_side_by_side(run: str) -> None:
    bundle = RUNS[run]()
    image = Image.open(io.BytesIO(content("png", bundle)))
    one = picture(Bundle.of(replace(bundle.view, lanes=bundle.view.lanes[:1])))
    assert image.size == (one.width * len(bundle.view.lanes), one.height)
    if run != "images":
        colours = {color for _, color in image.convert("RGB").getcolors(10**6) or []}
        assert {frames.REAL, frames.GENERATED} <= colours


def test_colours_are_those_of_the_page() -> None:
    assert tuple(bytes.fromhex(theme.GENERATED[1:])) == frames.GENERATED
    stops = [str(stop[1]) for stop in theme.SURFACE]
    for color, stop in ((frames.LOW, stops[0]), (frames.HIGH, stops[2])):
        assert stop == f"rgba({color[0]},{color[1]},{color[2]},{frames.STRONGEST})"


@pytest.mark.parametrize("name", ["gif", "webp"])
@pytest.mark.parametrize("run", ["race", "images"])
def test_a_film_has_a_picture_for_each_frame(name: str, run: str) -> None:
    bundle = RUNS[run]()
    film = Image.open(io.BytesIO(content(name, bundle)))
    assert getattr(film, "n_frames", 1) == len(bundle.view.lanes[0].frames)
    assert film.size == picture(bundle).size
    assert film.info.get("loop") == 0


@needs("imageio_ffmpeg")
def test_an_mp4_plays(tmp_path: Path) -> None:
    import imageio_ffmpeg

    (path,) = save("mp4", race(), tmp_path / "film.mp4")
    frames, seconds = imageio_ffmpeg.count_frames_and_secs(str(path))
    last = LAST_MS // FRAME_MS
    assert frames == len(race().view.lanes[0].frames) + last
    assert seconds == pytest.approx(frames * FRAME_MS / 1000, abs=0.2)


def test_a_long_film_is_thinned_first_and_last_kept() -> None:
    assert moments(race(), 3) == [0, 6, 12]
    assert moments(failed()) == []


# The map, and what cannot be


@pytest.mark.parametrize("name", [name for name in EXPORTS if name != "mp4"])
@pytest.mark.parametrize("run", RUNS)
def test_every_format_writes_every_run_or_says_why_not(name: str, run: str, tmp_path: Path) -> None:
    bundle, export = RUNS[run](), EXPORTS[name]
    if why := export.problem(bundle):
        assert why.endswith((".", *export.requires)), why
        with pytest.raises(ExportProblem):
            save(name, bundle, tmp_path / "out")
        assert list(tmp_path.iterdir()) == []
        return
    paths = save(name, bundle, tmp_path / f"out{export.extension}")
    assert paths
    assert all(path.stat().st_size or (name, run) == ("jsonl", "failed") for path in paths)
    assert {path for path in tmp_path.rglob("*") if path.is_file()} == set(paths), "nothing else is left"
    filename, media_type, content = download(name, bundle)
    assert filename == file_name(name, bundle)
    assert filename.startswith(f"run-{bundle.view.id}")
    assert "/" in media_type
    # Several files are one zip file, and one that is none has the name of what it is.
    assert (media_type == "application/zip") == filename.endswith(".zip") == zipfile.is_zipfile(io.BytesIO(content))
    assert len(paths) == 1 or filename.endswith(".zip")


def test_what_has_no_weights_or_frames_says_so() -> None:
    assert "No trained weights" in str(EXPORTS["safetensors"].problem(seeds()))
    assert "not been measured" in str(EXPORTS["png"].problem(failed()))
    assert EXPORTS["csv"].problem(failed()) is None


def test_a_missing_package_is_named_with_the_line_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert EXPORTS["parquet"].problem(solo()) == "Parquet needs the package pyarrow: pip install pyarrow"
    assert str(EXPORTS["mp4"].missing()).endswith("pip install imageio-ffmpeg")


def test_several_files_go_into_a_folder_or_a_zip(tmp_path: Path) -> None:
    names = ["lane-1/model.safetensors", "lane-2/model.safetensors"]
    save("safetensors", race(), tmp_path / "models")
    assert sorted(p.relative_to(tmp_path / "models").as_posix() for p in (tmp_path / "models").rglob("*.*")) == names
    (path,) = save("safetensors", race(), tmp_path / "models.zip")
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == names


def test_an_unknown_format_and_a_path_that_cannot_be_written_are_sentences(tmp_path: Path) -> None:
    with pytest.raises(ExportProblem, match="no format 'xls'"):
        save("xls", solo(), tmp_path / "a")
    (tmp_path / "file").touch()
    with pytest.raises(ExportProblem, match="cannot be written"):
        save("csv", solo(), tmp_path / "file" / "a.csv")


def test_a_run_that_trains_is_exported_without_weights() -> None:
    run = Run(small(steps=10_000))
    run.start()
    run.wait_for_snapshot(60)
    bundle = of_run(run)
    run.stop()
    assert run.join(60)
    assert bundle.states == (None,)
    assert rows(bundle)
    assert images().states[0] is not None
