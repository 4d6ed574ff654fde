"""Files of points: what programs of many countries write is read to the last digit, and no row is lost unsaid."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.files_of_points import FOLDER, READ, REFUSED
from wgan_core import cli
from wgan_core.config import TrainingConfig
from wgan_core.datasets import DataError
from wgan_core.datasets.points.clusters import Points
from wgan_core.datasets.points.packing import unpack
from wgan_core.datasets.points.reading import read
from wgan_core.datasets.points.tables import MAX_BYTES, decoded, read_table
from wgan_core.schema import ConfigError

ones = st.floats(-1e12, 1e12) | st.integers(-(10**9), 10**9).map(float)
pairs = st.lists(st.tuples(ones, ones), min_size=1, max_size=8)
# A lone mark is a decimal mark, so a file of a spreadsheet has some number that tells, as nearly all have.
cents = st.lists(st.tuples(*[st.integers(-(10**9), 10**9).map(lambda n: n / 100)] * 2), min_size=1, max_size=8).map(
    lambda rows: [(1234567.25, 0.5), *rows]
)
quick = settings(max_examples=60, deadline=None)


def table(raw: bytes) -> Any:
    return read_table(decoded(raw)).points.tolist()


# Files that people have


@pytest.mark.parametrize("name", READ)
def test_the_points_in_a_file_are_read(name: str) -> None:
    points, note = READ[name]
    found = read((FOLDER / name).read_bytes())
    assert found.note == note
    assert unpack(found.text).given.tolist() == points
    assert unpack(Points(points=found.text).points).given.tolist() == points


@pytest.mark.parametrize("name", READ)
def test_the_command_line_reads_them_too_and_says_so(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    points, note = READ[name]
    config = cli.configure(None, ["--dataset.kind", "points", "--dataset.points", f"@{FOLDER / name}"])
    assert isinstance(config.dataset, Points)
    assert unpack(config.dataset.points).given.tolist() == points
    assert capsys.readouterr() == ("", note + "\n")


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_placed_is_refused(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DataError) as refused:
        read((FOLDER / name).read_bytes())
    assert str(refused.value) == REFUSED[name]
    assert cli.main(["train", "--dataset.kind", "points", "--dataset.points", f"@{FOLDER / name}"]) == 2
    assert capsys.readouterr().err == f"error: dataset.points: {REFUSED[name]}\n"


# What programs write


@quick
@given(
    points=pairs,
    separator=st.sampled_from([",", ";", "\t", "|", " "]),
    decimal=st.sampled_from([".", ","]),
    header=st.sampled_from([True, False, ["Länge", "Breite"]]),
    index=st.booleans(),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]),
)
def test_what_pandas_writes_is_read(
    points: Any, separator: str, decimal: str, header: Any, index: bool, end: str, encoding: str
) -> None:
    # Where the columns have names there is an index, or none of both.
    names = header if isinstance(header, list) else ["x", "y"]
    text = pd.DataFrame(points, columns=names).to_csv(
        sep=separator, decimal=decimal, header=bool(header), index=index and bool(header), lineterminator=end
    )
    assert table(text.encode(encoding)) == [list(pair) for pair in points]


def test_the_numbers_that_pandas_gives_to_columns_and_rows_are_no_points() -> None:
    text = pd.DataFrame([[0.5, 1], [2, 3]]).to_csv()
    assert table(text.encode()) == [[0.5, 1], [2, 3]]
    assert "“,0,1” (row 1). The first column has no name" in read_table(text).note


@quick
@given(
    points=pairs,
    form=st.sampled_from(["%.18e", "%.17g", "%25.17g", "%r"]),
    delimiter=st.sampled_from([" ", ",", ", ", "\t", ";", " ; "]),
    header=st.sampled_from(["", "x y", "made by a program\nx, y"]),
    footer=st.sampled_from(["", "the end"]),
    comments=st.sampled_from(["# ", "", "% "]),
    fortran=st.booleans(),
)
def test_what_numpy_writes_is_read(
    points: Any, form: str, delimiter: str, header: str, footer: str, comments: str, fortran: bool
) -> None:
    file = io.StringIO()
    footer = footer if comments else ""
    rows = np.array(points, object if form == "%r" else float)
    np.savetxt(file, rows, form, delimiter, header=header, footer=footer, comments=comments)
    text = file.getvalue()
    if fortran and form == "%.18e" and not header:
        text = text.replace("e", "D")
    assert table(text.encode()) == [list(pair) for pair in points]
    count = (header.count("\n") + 1) * bool(header) + bool(footer)
    assert len(read_table(text).apart) == count


COUNTRIES = {  # decimal mark, what parts thousands, minus sign
    "en": (".", ",", "-"),
    "de": (",", ".", "-"),
    "de-CH": (".", "’", "-"),
    "fr": (",", "\u202f", "-"),
    "fr, before 2019": (",", "\u00a0", "-"),
    "sv": (",", "\u00a0", "−"),
    "he": (".", ",", "\u200e-"),
    "none": (",", "", "-"),
}


@quick
@given(
    points=cents,
    country=st.sampled_from(sorted(COUNTRIES)),
    writer=st.sampled_from(["excel", "sep=", "unicode text", "sheets"]),
    header=st.lists(st.sampled_from(["x", "Länge (m)", "Breite, in m", ""]), min_size=2, max_size=2).filter(any),
    headers=st.integers(0, 2),
    phantoms=st.integers(0, 3),
)
def test_what_spreadsheets_write_is_read(
    points: Any, country: str, writer: str, header: list[str], headers: int, phantoms: int
) -> None:
    decimal, groups, minus = COUNTRIES[country]

    def shown(value: float) -> str:
        text = f"{abs(value):,.2f}".translate({ord(","): groups, ord("."): decimal})
        return minus + text if value < 0 else text

    separator = {"unicode text": "\t", "sheets": ","}.get(writer, ";" if decimal == "," else ",")
    rows = [header] * headers + [[shown(x), shown(y)] for x, y in points] + [["", ""]] * phantoms
    quoted = [[f'"{cell}"' if separator in cell else cell for cell in row] for row in rows]
    lines = [f"sep={separator}"] * (writer == "sep=") + [separator.join(row) for row in quoted]
    raw = "\r\n".join([*lines, ""]).encode("utf-16" if writer == "unicode text" else "utf-8-sig")
    assert table(raw) == [list(pair) for pair in points]
    found = read_table(decoded(raw))
    assert (len(found.apart), found.empty) == (headers + (writer == "sep="), phantoms)


@pytest.mark.parametrize(
    ("text", "points"),
    [
        ("x;y\n0,5;-1,25\n2;3\n", [[0.5, -1.25], [2, 3]]),
        ("−1.5,−2\n1,2", [[-1.5, -2], [1, 2]]),
        ("1.0D+00 2.0D+00\n-1.5d-1 .5", [[1, 2], [-0.15, 0.5]]),
        ("10%,20%\n0.1 %,-12.3%", [[0.1, 0.2], [0.001, -0.123]]),
        ("0,5 125\n1,5 250", [[0.5, 125], [1.5, 250]]),
        ("1 250,5;2 000\n1;2", [[1250.5, 2000], [1, 2]]),
        ("title\nx,y\n[m],[m]\n0,0\n1,2", [[0, 0], [1, 2]]),
        ('x,"y\n(m)"\n0,0\n1,2', [[0, 0], [1, 2]]),
        ("x y\n1 0.5 1\n2 2 3", [[0.5, 1], [2, 3]]),  # R's write.table
        ('x, "y\n0,0\n1,2', [[0, 0], [1, 2]]),
        (",x,y\n,0,0\n,1,2\n,,", [[0, 0], [1, 2]]),
        ("0,0,\n1,2", [[0, 0], [1, 2]]),
        ("x;y\n0,0\n1,2", [[0, 0], [1, 2]]),
        ("'0','0'\n'1','2'", [[0, 0], [1, 2]]),
        ("# x y\n0 0\n\n\n1 2\n\n", [[0, 0], [1, 2]]),
        ("[[0, 0], [1.0, 2e0]]", [[0, 0], [1, 2]]),
        (" [ [0,0],\n[1,2] ]\n", [[0, 0], [1, 2]]),
    ],
)
def test_what_else_is_found_in_files_is_read(text: str, points: Any) -> None:
    for raw in (text.encode(), ("\ufeff" + text).encode(), text.replace("\n", "\r\n").encode("utf-16")):
        assert table(raw) == points
    assert cli.configure(None, ["--dataset.kind", "points", "--dataset.points", text]).dataset == Points(points=points)


def test_a_number_that_could_be_another_is_told() -> None:
    assert read_table('"1,250","2"\n"3,5","4"').points.tolist() == [[1.25, 2], [3.5, 4]]
    assert read_table('"1,250","2"\n"3,5","4"').note.endswith("No row was taken for a heading.")
    assert read_table("1.250;980\n2;3").note.endswith(
        "“1.250” was read as 1.25; if 1250 is meant, write it without the mark."
    )


# Refusals


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("NA,NA\n0,0\n1,1", "row 1, column 1 (x) holds “NA” in place of a number; fill it in, or leave the row out"),
        ("#N/A,#N/A\n0,0\n1,1", "row 1, column 1 (x) holds “#N/A” in place of a number"),
        ("x,y\n0,0\nnan,1", "row 3, column 1 (x) holds “nan” in place of a number"),
        ("0,0\n1,-inf", "row 2, column 2 (y) holds “-inf” in place of a number"),
        ("5kg,3kg\n1,1", "row 1, column 1 (x) holds “5kg”, which is no number; write it like 0.5 or 1e-3"),
        ("x,y\n0,0\n1,abc", "row 3, column 2 (y) holds “abc”, which is no number"),
        ("0,0\nabc,1", "row 2, column 1 (x) holds “abc”, which is no number"),
        ("x,y\n0,0\nx,y\n1,1", "row 3, column 1 (x) holds “x”"),
        ("1_0,0\n1,1", "row 1, column 1 (x) holds “1_0”"),
        ("1;2\n3.5;4,5", "row 2, column 2 (y) holds “4,5”"),
        ("\n\n0,0\n\n1,", "row 5 has 1 column; two are needed"),
        ("0,0\n,1", "row 2, column 1 (x) is empty"),
        ("0\n1", "row 1 has 1 column; two are needed"),
        ("x,y,z\n0,0,0\n1,1,1", "row 2 has 3 columns; two are needed"),
        ("0,0\n1e400,1", "row 2, column 1 (x) holds “1e400”; numbers from -1e100 to 1e100"),
        ("0,0\n" + "9" * 5000 + ",1", "row 2, column 1 (x) holds “99999999999999999999999999999…”; numbers from"),
        ("0,0\n1," + "x" * 5000, "holds “xxxxxxxxxxxxxxxxxxxxxxxxxxxxx…”, which is no number"),
        ("0,0\n1," + "x" * 500_000, "row 2 is too long"),
        ("x,y\n", "there are no points: no row holds numbers, from “x,y” (row 1) on"),
        ("# x\n", "there are no points"),
        ("[[0, 1], [2, 3]", "this list of pairs is no JSON; write it like [[0, 1], [2.5, -3]]"),
        ("[[0, 1], [2, NaN]]", "point 2 holds nan"),
        ("[[" * 100_000, "this list of pairs is no JSON"),
        (b"\x89PNG\r\n\x1a\n\0\0", "the file is no text; save it as CSV in UTF-8"),
        (b"0,0\n1,1\n\0\0", "the file is no text"),
        (b"0,0\n" * MAX_BYTES, "the file is too large: 2 MB and 20,000 points are allowed"),
        ("0,0\n" * MAX_BYTES, "the text is too long: 20,000 points are allowed"),
        ("1,2\n" * 50_001, "50,001 rows are too many, 20,000 are allowed; keep one of every 3"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_what_cannot_be_read_is_refused_with_its_row(given: Any, why: str) -> None:
    with pytest.raises(ConfigError) as caught:
        TrainingConfig.parse({"dataset": {"kind": "points", "points": given}})
    (problem,) = caught.value.problems
    assert problem.path == "dataset.points"
    assert why in problem.message
    assert len(problem.message) < 250
