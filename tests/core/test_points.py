"""Points of one's own: what is read, what is refused and how, where the modes are, and what a link holds."""

from __future__ import annotations

import json
import math
import warnings
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from tests.core.helpers import CPU, rng, small
from wgan_core import cli
from wgan_core.config import MAX_URL_CHARACTERS, TrainingConfig
from wgan_core.datasets import DataError, Grid, Ring
from wgan_core.datasets.points.clusters import Points, groups
from wgan_core.datasets.points.packing import Frame, pack, pack_exact, shapes, unpack
from wgan_core.datasets.points.pairs import MAX_POINTS
from wgan_core.datasets.points.reading import RADIUS, as_drawn, frame_of, packed, redrawn
from wgan_core.datasets.points.shapes import Coordinates
from wgan_core.metrics import mode_coverage
from wgan_core.schema import ConfigError
from wgan_core.training import train

numbers = st.floats(-1e100, 1e100)
pairs = st.lists(st.tuples(numbers, numbers), max_size=30)
thousandths = st.integers(-2047, 2047)


def near(place: float) -> st.SearchStrategy[float]:
    """Doubles that share most of their digits."""
    return st.integers(0, 1000).map(lambda k: place * (1 + k * 2.0**-50))


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
    found = unpack(text)
    np.testing.assert_array_equal(found.placed, given_points)
    np.testing.assert_array_equal(found.given, given_points)
    assert found.frame is None
    assert len(text) == 3 + 4 * len(points)


@given(points=pairs | st.lists(st.tuples(near(1.7e18), near(4.5e6))) | st.lists(st.tuples(near(1e-90), near(0.3))))
def test_any_pairs_keep_all_digits_and_fit_or_are_refused(points: list[tuple[float, float]]) -> None:
    try:
        text = packed(points)
    except DataError:
        assert not len(points) or np.ptp(points, axis=0).max() < 1e-100
        return
    assert packed(text) == text  # what is packed stays as it is
    found = unpack(text)
    np.testing.assert_array_equal(found.given, points)
    assert np.abs(found.placed).max() <= RADIUS * (1 + 1e-12)
    if found.frame is not None:
        assert np.linalg.norm(found.placed, axis=1).max() == pytest.approx(RADIUS)
        exact = [(Fraction(x) - Fraction(found.frame.x)) / Fraction(found.frame.unit) for x, _ in points]
        np.testing.assert_allclose(found.placed[:, 0], np.array(exact, float), rtol=1e-15, atol=1e-12)


@given(st.lists(st.tuples(*[st.floats(allow_nan=False, allow_infinity=False)] * 2), min_size=1, max_size=20))
def test_the_exact_text_holds_every_double(points: list[tuple[float, float]]) -> None:
    numbers = np.array(points)
    scale = float(np.abs(numbers).max())
    if 1e-100 < scale < 1e100:
        np.testing.assert_array_equal(unpack(pack_exact(numbers, Frame(0, 0, scale))).given, numbers)


@pytest.mark.parametrize(
    ("text", "placed", "frame"),
    [
        ("p1.gAgAAw3c", [[0, 0], [-2, 1.5]], None),
        (
            "p1.I1LCafafp8lh3L0-~447124.2~5411235~0.7079901",
            [[-1.483, -1.342], [-0.353, -0.353], [0.636, 0.353], [1.483, 1.342]],
            Frame(447124.2, 5411235, 0.7079901),
        ),
        ("p1.BsYb-UYbgAnl~12~20.5~1.030776", [[-1.94, -0.485], [1.94, -0.485], [0, 0.485]], Frame(12, 20.5, 1.030776)),
        ("p1.gAgAAw3c~0~0~0", [[0, 0], [-2, 1.5]], None),
    ],
)
def test_texts_of_earlier_versions_give_the_points_that_they_gave(text: str, placed: Any, frame: Frame | None) -> None:
    assert Points(points=text).points == text
    found = unpack(text)
    assert (found.placed.tolist(), found.frame) == (placed, frame)


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
    text=st.text(max_size=200)
    | st.from_regex(r"(p1\.|p2\.(b|\d\d?)\.\d{1,2}\.)?[\w~.e-]{0,60}")
    | st.from_regex(r"[-\d.,;e\n\t x\"']{0,60}")
)
def test_any_text_gives_points_or_a_sentence(text: str) -> None:
    try:
        found = packed(text)
    except DataError:
        with pytest.raises(ConfigError, match=r"^dataset\.points: [^:]"):
            TrainingConfig.parse({"dataset": {"kind": "points", "points": text}})
    else:
        placed = unpack(found).placed
        assert np.abs(placed).max() <= 2.047
        assert len(placed) >= 2


@given(given=st.recursive(st.none() | st.booleans() | numbers | st.text(max_size=3) | st.integers(), st.lists))
def test_anything_from_json_gives_points_or_a_sentence(given: Any) -> None:
    with suppress(DataError):
        packed(given)


# Refusals

DAMAGED = (
    "p1.gAgAAw3",
    "p1.gAgAAw3c~1~2",
    "p2.0.1.0.0.AAB",
    "p2.0.0.0.0.AABB",
    "p2.0.12.0.0." + "A" * 24,
    "p2.0.1.0.0.AABB~1~2",
    "p2.0.1.0.0.AABC~0~0~0.1",  # far out of the square
    "p2.0.1.9.9.AABB",
    "p2.0.1.0.0.AABB~0~0~0",
    "p2.b.1.9218868437227405312.0.AABB",  # inf
)

REFUSED: list[tuple[Any, str]] = [
    ("3,4", "there is one point only; two different ones are needed"),
    ("3,4\n" * 50, "all 50 points are the same; two different ones are needed"),
    ("", "there are no points"),
    ("moon", "“moon” is neither points nor the name of a shape"),
    ("0,0\n5e-324,0", "the points reach over 4.94e-324 only, and 1e-100 is the least"),
    ([[0, 1]] * 20_001, "20,001 points are too many, 20,000 are allowed; keep one of every 2"),
    (pack(np.zeros((20_001, 2))), "20,001 points are too many"),
    (pack_exact(np.zeros((20_001, 2))), "20,001 points are too many"),
    ("p1.", "there are no points"),
    ("p2.0.1.0.0.", "there are no points"),
    ("p1.gAgA", "there is one point only"),
    ("p1.gAgAgAgA", "all 2 points are the same"),
    *((text, "the text is damaged or was cut off") for text in DAMAGED),
    ([], "there are no points"),
    ([[0, 1], [2]], "point 2 is no pair of numbers"),
    ([[0, 1], "23"], "point 2 is no pair of numbers"),
    ([[0, 1], 2], "point 2 is no pair of numbers"),
    ([[0, 1], [2, "3"]], "point 2 holds '3', which is no number"),
    ([[0, 1], [2, True]], "point 2 holds True, which is no number"),
    ([[0, 1], [2, math.nan]], "point 2 holds nan; numbers from -1e100 to 1e100"),
    ([[0, 1], [2, 10**5000]], "point 2 holds a very large number; numbers from -1e100 to 1e100"),
    (7, "points are a list of pairs, [[x, y], …], or text, not int"),
    (None, "points are a list of pairs, [[x, y], …], or text, not NoneType"),
    ({"x": 1}, "points are a list of pairs, [[x, y], …], or text, not dict"),
]


@pytest.mark.parametrize(("given", "why"), REFUSED, ids=[why[:40] for _, why in REFUSED])
def test_bad_points_are_refused_in_a_sentence(given: Any, why: str) -> None:
    with pytest.raises(ConfigError) as caught:
        TrainingConfig.parse({"dataset": {"kind": "points", "points": given}})
    (problem,) = caught.value.problems
    assert problem.path == "dataset.points"
    assert why in problem.message
    assert len(problem.message) < 250


# Fitting


def test_points_from_elsewhere_are_moved_and_scaled_alike_in_x_and_y() -> None:
    points = np.array([[100.0, 10.0], [108.0, 10.0], [104.0, 11.0]])
    frame = frame_of(points)
    assert frame is not None
    assert (frame.x, frame.y) == (104, 10.5)
    np.testing.assert_allclose(frame.placed(points), [[-2, -0.25], [2, -0.25], [0, 0.25]], atol=0.04)
    np.testing.assert_allclose(frame.theirs(frame.placed(points)), points)


def test_metres_far_from_the_origin_are_told_apart_where_they_are_trained_on() -> None:
    # Neighbours differ by 0.7 units; single precision alone would put 4,000,000.1 and 4,000,000.2 into one.
    x = 4e6 + np.arange(0, 1, 0.1)
    items = Points(points=np.stack([x, 5e6 + np.zeros(10)], 1)).items(CPU)
    assert items.dtype == torch.float32
    np.testing.assert_allclose(items[:, 0], np.linspace(-2, 2, 10), atol=3e-7)


@pytest.mark.parametrize(
    "points",
    [[[4471.23, 5.4], [4471.24, 5.5], [4471.24, 5.5], [4471.3, 9.1]], np.random.default_rng(0).normal(size=(50, 2))],
)
def test_what_stays_on_the_canvas_keeps_its_digits(points: Any) -> None:
    before = packed(points)
    shown = as_drawn(before)
    assert shown.startswith("p1.")
    assert redrawn(shown, before) == before
    letters, _, suffix = shown.partition("~")
    frame = "~" + suffix if suffix else ""
    added = f"{letters}gAgA{frame}"
    found = unpack(redrawn(added, before))
    np.testing.assert_array_equal(found.given[:-1], points)
    np.testing.assert_allclose(found.placed[-1], 0, atol=1e-9)
    erased = f"p1.{letters[7:]}{frame}"
    np.testing.assert_array_equal(unpack(redrawn(erased, before)).given, points[1:])
    assert redrawn("p1." + frame, before) == "p1." + frame
    assert redrawn("p1.gAgAAw3c", packed([[0, 0], [1, 1.5]])) == "p1.gAgAAw3c"


@pytest.mark.parametrize("points", [[[0, 0], [1, 1]], [[-2, -2], [2, 2]], [[1, 1], [2, 1]]])
def test_points_that_suit_stay_where_they_are(points: list[list[float]]) -> None:
    found = unpack(packed(points))
    assert found.placed.tolist() == found.given.tolist() == points
    assert found.frame is None


def test_numbers_of_numpy_are_numbers() -> None:
    assert packed([(np.float32(0.5), np.int64(1)), np.array([2, 0.25])]) == packed([[0.5, 1], [2, 0.25]])


def test_a_built_in_shape_is_kept_by_its_name() -> None:
    for name, text in shapes().items():
        assert Points(points=text).points == Points(points=name).points == name
        found = unpack(name).placed
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
    again = TrainingConfig.parse(json.loads(config.model_dump_json()))
    assert again == config
    assert [s.scalars for s in train(again)][-1] == last


# Links and the command line


def test_five_hundred_points_fit_into_a_link() -> None:
    config = TrainingConfig.parse({"dataset": {"kind": "points", "points": disc(500).round(4).tolist()}})
    assert len(config.to_url()) < 3200 < MAX_URL_CHARACTERS
    assert TrainingConfig.parse(config.to_url()) == config
    hash(config.dataset)


def test_a_shape_makes_a_short_link() -> None:
    config = TrainingConfig.parse({"dataset": {"kind": "points", "points": shapes()["moons"]}})
    assert config.to_url() == '{"dataset":{"points":"moons","kind":"points"},"objective":{"kind":"wgan-gp"}}'


def test_the_largest_config_survives_json() -> None:
    config = TrainingConfig.parse({"dataset": {"kind": "points", "points": 3 * disc(MAX_POINTS)}})
    assert len(config.to_url()) == pytest.approx(22 * MAX_POINTS, rel=0.01)
    assert TrainingConfig.parse(json.loads(config.to_url())) == config


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
