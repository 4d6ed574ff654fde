"""Files of points as people have them, and the points that are in them: for the core, the command line and the page."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parents[1] / "fixtures" / "inputs"

# The points, and what is said of the rest.
READ: dict[str, tuple[list[list[float]], str]] = {
    "first-row-lost.csv": (
        [[1250.5, 2000], [980.2, 1.5], [12.5, 40.25], [7.5, 800.75]],
        "4 points were read, the first is (1250.5, 2000). No row was taken for a heading.",
    ),
    "excel-phantom-rows.csv": (
        [[0, 0], [1, 1], [2, 0]],
        "3 points were read, the first is (0, 0). Taken for headings or comments: “x,y” (row 1). Left out: 2 empty rows.",
    ),
    "excel-sep.csv": (
        [[0, 0], [1, 1]],
        "2 points were read, the first is (0, 0). Taken for headings or comments: “sep=;” (row 1), “x;y” (row 2).",
    ),
    "gsheets-quoted-decimals.csv": (
        [[0.5, 1.25], [-1.5, 2]],
        "2 points were read, the first is (0.5, 1.25). No row was taken for a heading.",
    ),
    "utm-unix-precision.csv": (
        [[447123.1, 5411234.2], [447123.9, 5411234.9], [447124.6, 5411235.4], [447125.2, 5411236.1]],
        "4 points were read, the first is (447123.1, 5411234.2). Taken for headings or comments: “x,y” (row 1).",
    ),
}
REFUSED = {
    "denormal.csv": "the points reach over 4.94e-324 only, and 1e-100 is the least; multiply all numbers by one factor"
}
