"""Points of one's own: what is read, what is refused and how, where the modes are, and what a link holds."""

from __future__ import annotations

import json
import math
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from tests.core.helpers import CPU, rng, small
from wgan_core import cli
from wgan_core.config import MAX_URL_CHARACTERS, RunConfig
from wgan_core.datasets import DataError, Grid, Ring
from wgan_core.drawing import (
    MAX_BYTES,
    MAX_POINTS,
    RADIUS,
    decoded,
    fitted,
    pack,
    packed,
    read_rows,
    shapes,
    unpack,
)
from wgan_core.explain import ConfigError
from wgan_core.metrics import mode_coverage
from wgan_core.points import Points, groups
from wgan_core.shapes import Coordinates
from wgan_core.training import train

numbers = st.floats(-1e12, 1e12)
pairs = st.lists(st.tuples(numbers, numbers), max_size=30)
thousandths = st.integers(-2047, 2047)


def blobs(centres: Any, n: int, sigma: float, seed: int = 0) -> Coordinates:
    """``n`` points around given centres, as many around each as chance has it."""
    chance = np.random.default_rng(seed)
    at = np.asarray(centres, float)
    found: Coordinates = at[chance.integers(len(at), size=n)] + sigma * chance.normal(size=(n, 2))
    return found


def disc(n: int, seed: int = 0) -> Coordinates:
    chance = np.random.default_rng(seed)
    radius, angle = np.sqrt(chance.random(n)), 2 * np.pi * chance.random(n)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1)


RING = Ring().modes().centres.numpy()
GRID = Grid().modes().centres.numpy()


# Text and points


@given(points=st.lists(st.tuples(thousandths, thousandths), min_size=1, max_size=50))
def test_thousandths_come_back_exactly(points: list[tuple[int, int]]) -> None:
    given_points = np.array(points) / 1000
    text = pack(given_points)
    found, frame = unpack(text)
    np.testing.assert_array_equal(found, given_points)
    assert frame is None
    assert len(text) == 3 + 4 * len(points)


@given(points=pairs)
def test_any_pairs_are_packed_near_where_they_were_or_refused(points: list[tuple[float, float]]) -> None:
    try:
        text = packed(points)
    except DataError:
        assert len(set(points)) < 2
        return
    assert packed(text) == text  # what is packed stays as it is
    found, frame = unpack(text)
    assert np.abs(found).max() <= RADIUS + 1e-3
    if frame is not None:
        assert np.linalg.norm(found, axis=1).max() == pytest.approx(RADIUS, abs=0.002)
        scale = np.abs(points).max()
        back = found * frame.unit + [frame.x, frame.y]
        np.testing.assert_allclose(back, points, atol=0.002 * frame.unit + 1e-6 * scale)


@given(
    points=pairs, separator=st.sampled_from([",", ";", "\t", " ", ", ", "  "]), header=st.booleans(), bom=st.booleans()
)
def test_a_csv_gives_the_numbers_that_were_written(
    points: list[tuple[float, float]], separator: str, header: bool, bom: bool
) -> None:
    lines = ["x" + separator + "y"] * header + [f"{x!r}{separator}{y!r}" for x, y in points]
    raw = ("\ufeff" * bom + "\r\n".join(lines)).encode()
    np.testing.assert_array_equal(read_rows(decoded(raw)), np.array(points, float).reshape(-1, 2))


@given(raw=st.binary(max_size=200))
@example(b"")
@example(b"\xff\xfe\x00")
@example(b"p1.")
def test_any_file_gives_points_or_a_sentence(raw: bytes) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with suppress(DataError):
            assert isinstance(packed(raw), str)


@given(
    text=st.text(max_size=200) | st.from_regex(r"(p1\.)?[\w~.e-]{0,60}") | st.from_regex(r"[-\d.,;e\n\t x\"']{0,60}")
)
def test_any_text_gives_points_or_a_sentence(text: str) -> None:
    try:
        found = packed(text)
    except DataError:
        with pytest.raises(ConfigError, match=r"^dataset\.points: [^:]"):
            RunConfig.parse({"dataset": {"kind": "points", "points": text}})
    else:
        points, _ = unpack(found)
        assert np.isfinite(points).all()
        assert len(points) >= 2


@given(given=st.recursive(st.none() | st.booleans() | numbers | st.text(max_size=3) | st.integers(), st.lists))
def test_anything_from_json_gives_points_or_a_sentence(given: Any) -> None:
    with suppress(DataError):
        packed(given)


def test_semicolons_leave_the_comma_to_the_numbers() -> None:
    assert read_rows("x;y\n0,5;-1,25\n2;3\n").tolist() == [[0.5, -1.25], [2, 3]]


@pytest.mark.parametrize(
    "text",
    ["0 0\n1 2", "\ufeff0,0\n1,2", '"0","0"\n"1","2"\n', "# x y\n0 0\n\n\n1 2\n\n", "0,0,\n1,2,", "0\t0\r\n1\t2\r\n"],
)
def test_what_programs_write_is_read(text: str) -> None:
    assert read_rows(decoded(text.encode())).tolist() == [[0, 0], [1, 2]]
    assert read_rows(decoded(text.encode("utf-16"))).tolist() == [[0, 0], [1, 2]]


# Refusals

REFUSED: list[tuple[Any, str]] = [
    ("x,y\n0,0\n1,abc", "row 3, column 2 (y) holds “abc”, which is no number"),
    ("0,0\nabc,1", "row 2, column 1 (x) holds “abc”, which is no number"),
    ("x,y\nx,y\n0,0", "row 2, column 1 (x) holds “x”"),
    ("1_0,0\n1,1", "row 1, column 1 (x) holds “1_0”"),
    ("0,0\n\n1,", "row 3 has 1 column; two are needed"),
    ("0,0\n,1", "row 2, column 1 (x) is empty"),
    ("0\n1", "row 1 has 1 column; two are needed"),
    ("x,y,z\n0,0,0\n1,1,1", "row 2 has 3 columns; two are needed"),
    ("0,0\nnan,1", "row 2, column 1 (x) holds “nan”; numbers from -1e12 to 1e12 are allowed"),
    ("0,0\n1,-inf", "row 2, column 2 (y) holds “-inf”; numbers from -1e12 to 1e12"),
    ("0,0\n1e400,1", "row 2, column 1 (x) holds “1e400”; numbers from -1e12 to 1e12"),
    ("0,0\n" + "9" * 5000 + ",1", "row 2, column 1 (x) holds “99999999999999999999999999999…”; numbers from"),
    ("0,0\n1," + "x" * 5000, "holds “xxxxxxxxxxxxxxxxxxxxxxxxxxxxx…”, which is no number"),
    ("3,4", "there is one point only; two different ones are needed"),
    ("3,4\n" * 50, "all 50 points are the same; two different ones are needed"),
    ("", "there are no points"),
    ("x,y\n", "there are no points"),
    ("moon", "“moon” is neither points nor the name of a shape"),
    (b"\x89PNG\r\n\x1a\n\0\0", "the file is no text in UTF-8 (byte 1 is 0x89)"),
    (b"0,0\n1,1\n\0\0", "the file is no text: it holds zero bytes"),
    ("größe,y\n0,0\n1,1".encode("latin-1"), "the file is no text in UTF-8 (byte 3 is 0xf6)"),
    (b"0,0\n" * MAX_BYTES, "the file is too large: 2 MB and 20,000 points are allowed"),
    ("0,0\n" * MAX_BYTES, "the text is too long: 20,000 points are allowed"),
    ("1,2\n" * 50_001, "50,001 rows are too many, 20,000 are allowed; keep one of every 3"),
    ([[0, 1]] * 20_001, "20,001 points are too many, 20,000 are allowed; keep one of every 2"),
    (pack(np.zeros((20_001, 2))), "20,001 points are too many"),
    ("p1.", "there are no points"),
    ("p1.gAgA", "there is one point only"),
    ("p1.gAgAgAgA", "all 2 points are the same"),
    ("p1.gAgAAw3", "the text is damaged or was cut off"),
    ("p1.gAgAAw3c~1~2", "the text is damaged or was cut off"),
    ([], "there are no points"),
    ([[0, 1], [2]], "point 2 is no pair of numbers"),
    ([[0, 1], "23"], "point 2 is no pair of numbers"),
    ([[0, 1], 2], "point 2 is no pair of numbers"),
    ([[0, 1], [2, "3"]], "point 2 holds '3', which is no number"),
    ([[0, 1], [2, True]], "point 2 holds True, which is no number"),
    ([[0, 1], [2, math.nan]], "point 2 holds nan; numbers from -1e12 to 1e12"),
    ([[0, 1], [2, 10**5000]], "point 2 holds a very large number; numbers from -1e12 to 1e12"),
    (7, "points are a list of pairs, [[x, y], …], or text, not int"),
    (None, "points are a list of pairs, [[x, y], …], or text, not NoneType"),
    ({"x": 1}, "points are a list of pairs, [[x, y], …], or text, not dict"),
]


@pytest.mark.parametrize(("given", "why"), REFUSED, ids=[why[:40] for _, why in REFUSED])
def test_bad_points_are_refused_in_a_sentence(given: Any, why: str) -> None:
    with pytest.raises(ConfigError) as caught:
        RunConfig.parse({"dataset": {"kind": "points", "points": given}})
    (problem,) = caught.value.problems
    assert problem.path == "dataset.points"
    assert why in problem.message
    assert len(problem.message) < 250


# Fitting


def test_points_from_elsewhere_are_moved_and_scaled_alike_in_x_and_y() -> None:
    found, frame = fitted(np.array([[100.0, 10.0], [108.0, 10.0], [104.0, 11.0]]))
    np.testing.assert_allclose(found, [[-2, -0.25], [2, -0.25], [0, 0.25]], atol=0.04)
    assert frame is not None
    np.testing.assert_allclose(found * frame.unit + [frame.x, frame.y], [[100, 10], [108, 10], [104, 11]])


@pytest.mark.parametrize("points", [[[0, 0], [1, 1]], [[-2, -2], [2, 2]], [[1, 1], [2, 1]]])
def test_points_that_suit_stay_where_they_are(points: list[list[float]]) -> None:
    found, frame = unpack(packed(points))
    assert found.tolist() == points
    assert frame is None


def test_a_built_in_shape_is_kept_by_its_name() -> None:
    for name, text in shapes().items():
        assert Points(points=text).points == Points(points=name).points == name
        found = unpack(name)[0]
        assert 100 <= len(found) <= 200
        assert 1.5 < np.abs(found).max() <= RADIUS


# Modes

CLOUDS: list[tuple[str, int, Coordinates]] = [
    *((f"ring of 8, {n}", 8, blobs(RING, n, 0.2236)) for n in (500, 2000, 20_000)),
    *((f"grid of 25, {n}", 25, blobs(GRID, n, 0.05)) for n in (500, 2000, 20_000)),
    *((f"one blob, {n}", 1, blobs([(0, 0)], n, 0.7)) for n in (50, 500, 20_000)),
    *((f"a disc, {n}", 1, disc(n)) for n in (100, 1000)),
    ("a curve", 1, np.array([[math.cos(t), math.sin(t)] for t in np.linspace(0, 5, 200)])),
    ("a line", 1, np.array([[x, 0.3 * x] for x in np.linspace(-2, 2, 40)])),
    ("two blobs of five", 2, np.concatenate([blobs([(-2, 0)], 5, 0.1), blobs([(2, 0)], 5, 0.1)])),
    ("a tenth apart", 2, np.concatenate([blobs([(-1, -1)], 900, 0.4), blobs([(1.5, 1.5)], 100, 0.1)])),
    ("two places", 2, np.repeat([[0.0, 0.0], [1.0, 1.0]], 50, 0)),
    ("two points", 1, np.array([[0.0, 0.0], [1.0, 1.0]])),
    ("with strays", 4, np.concatenate([blobs(RING[::2], 400, 0.1), 2 * disc(20)])),
]


@pytest.mark.parametrize(("count", "cloud"), [c[1:] for c in CLOUDS], ids=[c[0] for c in CLOUDS])
def test_modes_are_found_and_a_perfect_sampler_covers_them(count: int, cloud: Coordinates) -> None:
    points = Points(points=cloud)
    modes = points.modes()
    assert len(modes.centres) == count
    assert modes.centres.dtype == torch.float32
    assert float(modes.weights.sum()) == pytest.approx(1)
    found = mode_coverage(points.sample(2500, rng(), CPU), modes)
    assert found.modes_covered == count
    assert found.high_quality >= 0.98  # 0.989 where no two points are near each other
    assert found.reverse_kl == pytest.approx(0, abs=0.03)


@pytest.mark.parametrize(
    ("shape", "count"), [("smiley", 4), ("moons", 2), ("spiral", 1), ("circles", 2), ("islands", 5)]
)
def test_shapes_have_the_modes_that_one_sees(shape: str, count: int) -> None:
    assert len(Points(points=shape).modes().centres) == count


def test_the_same_points_have_the_same_groups() -> None:
    cloud = blobs(RING, 5000, 0.2)
    np.testing.assert_array_equal(groups(cloud), groups(cloud.copy()))


def test_a_generator_on_one_mode_covers_one_and_its_kl_is_that_modes_share() -> None:
    modes = Points(points="islands").modes()
    big = int(modes.weights.argmax())
    found = mode_coverage(modes.centres[big].repeat(500, 1), modes)
    assert (found.modes_covered, found.high_quality) == (1, 1)
    assert found.reverse_kl == pytest.approx(-math.log(float(modes.weights[big])))


def test_the_empty_middle_of_a_circle_is_no_high_quality() -> None:
    modes = Points(points="circles").modes()
    found = mode_coverage(torch.zeros(100, 2), modes)
    assert (found.modes_covered, found.high_quality, found.reverse_kl) == (0, 0, None)


def test_samples_that_are_not_finite_are_far_from_all_modes() -> None:
    modes = Points(points="moons").modes()
    assert mode_coverage(torch.tensor([[math.nan, 0], [math.inf, -math.inf]]), modes).high_quality == 0


# Sampling


def test_samples_are_the_points_and_the_noise() -> None:
    points = Points(points=[[-1.5, 0], [1.5, 1]], noise=0.1)
    x = points.sample(20_000, rng(), CPU)
    left = x[x[:, 0] < 0]
    assert len(left) / len(x) == pytest.approx(0.5, abs=0.02)
    torch.testing.assert_close(left.mean(0), torch.tensor([-1.5, 0.0]), atol=0.005, rtol=0)
    torch.testing.assert_close(left.std(0), torch.full((2,), 0.1), rtol=0.03, atol=0)


def test_a_run_counts_modes_and_its_config_gives_the_same_numbers() -> None:
    config = small({"kind": "points", "points": blobs(RING, 300, 0.1).tolist()})
    last = [s.scalars for s in train(config)][-1]
    assert {"modes_covered", "high_quality", "w1"} <= last.keys()
    again = RunConfig.parse(json.loads(config.model_dump_json()))
    assert again == config
    assert [s.scalars for s in train(again)][-1] == last


# Links and the command line


def test_five_hundred_points_fit_into_a_link() -> None:
    config = RunConfig.parse({"dataset": {"kind": "points", "points": disc(500).tolist()}})
    assert len(config.to_url()) < 2200 < MAX_URL_CHARACTERS
    assert RunConfig.parse(config.to_url()) == config
    hash(config.dataset)


def test_a_shape_makes_a_short_link() -> None:
    config = RunConfig.parse({"dataset": {"kind": "points", "points": shapes()["moons"]}})
    assert config.to_url() == '{"dataset":{"points":"moons","kind":"points"},"objective":{"kind":"wgan-gp"}}'


def test_the_largest_config_survives_json() -> None:
    config = RunConfig.parse({"dataset": {"kind": "points", "points": 3 * disc(MAX_POINTS)}})
    assert len(config.to_url()) == pytest.approx(4 * MAX_POINTS, rel=0.01)
    assert RunConfig.parse(json.loads(config.to_url())) == config


def test_a_file_is_read_from_the_command_line(tmp_path: Path) -> None:
    file = tmp_path / "points.csv"
    file.write_text("\ufeffx;y\n0,5;1\n-1;2\n", encoding="utf-8")
    config = cli.configure(None, ["--dataset.kind", "points", "--dataset.points", f"@{file}", "--device", "cpu"])
    assert config.dataset == Points(points=[[0.5, 1], [-1, 2]])


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"0,0\n1,abc\n", "error: dataset.points: row 2, column 2 (y) holds “abc”"),
        (b"1,1\n" * 10**6, "error: dataset.points: the file is too large"),
        (None, "error: dataset.points: the file “"),
    ],
)
def test_a_bad_file_ends_the_command_with_a_sentence(
    tmp_path: Path, content: bytes | None, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "points.csv"
    if content is not None:
        file.write_bytes(content)
    assert cli.main(["train", "--dataset.kind", "points", "--dataset.points", f"@{file}"]) == 2
    assert capsys.readouterr().err.startswith(why)
