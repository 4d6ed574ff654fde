"""A run's numbers as tables: CSV wide and long, JSON lines, Parquet; and its config as JSON.

All have one row for each snapshot that was kept, of each lane and each seed. Lanes are counted from 1, as on the page.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from wgan_core.export.format import export
from wgan_core.export.subject import Bundle, File
from wgan_core.history import CLOCKS, Floats

KEYS = ("lane", "seed", *CLOCKS)


@dataclass(frozen=True)
class Series:
    """The history of one seed of one lane: clocks and scalars, arrays of one length, NaN where a number is absent."""

    lane: int
    seed: int
    columns: dict[str, Floats]

    @property
    def rows(self) -> int:
        return len(self.columns["step"])

    def keys(self, row: int) -> list[int | float]:
        """Lane, seed, step, critic steps and seconds of a row."""
        step, critic_steps, seconds = (float(self.columns[name][row]) for name in CLOCKS)
        return [self.lane, self.seed, int(step), int(critic_steps), seconds]


def series(bundle: Bundle) -> Iterator[Series]:
    """Every history in a run."""
    for lane, view in enumerate(bundle.view.lanes, 1):
        for i in range(view.seeds):
            one = view.member(i)
            yield Series(lane, one.config.seed, dict(one.history))


def names(bundle: Bundle) -> list[str]:
    """The scalars that any lane has, in the order in which they were first seen."""
    found = dict.fromkeys(name for view in bundle.view.lanes for name in view.history)
    return [name for name in found if name not in CLOCKS]


def number(value: float) -> str:
    """A number as text that reads back as the same number; empty where there is none."""
    return "" if np.isnan(value) else repr(float(value))


@export("csv", "CSV, wide", "One row for each measurement, one column for each number.", ".csv", "text/csv")
def csv_wide(bundle: Bundle) -> Iterable[File]:
    """One column for each scalar."""
    scalars = names(bundle)

    def rows() -> Iterator[list[object]]:
        yield [*KEYS, *scalars]
        for each in series(bundle):
            columns = [each.columns.get(name) for name in scalars]
            for row in range(each.rows):
                yield [*each.keys(row), *("" if column is None else number(column[row]) for column in columns)]

    return [File("metrics.csv", _csv(rows()))]


@export("csv-long", "CSV, long", "One row for each number: its step, its name and its value.", ".csv", "text/csv")
def csv_long(bundle: Bundle) -> Iterable[File]:
    """One row for each number: its name and its value."""

    def rows() -> Iterator[list[object]]:
        yield [*KEYS, "name", "value"]
        for each in series(bundle):
            for row in range(each.rows):
                keys = each.keys(row)
                for name, column in each.columns.items():
                    if name not in CLOCKS and not np.isnan(column[row]):
                        yield [*keys, name, number(column[row])]

    return [File("metrics-long.csv", _csv(rows()))]


def _csv(rows: Iterable[list[object]]) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue().encode()


@export(
    "jsonl",
    "JSON lines",
    "One JSON object for each measurement, as the command line prints them.",
    ".jsonl",
    "application/jsonl",
)
def json_lines(bundle: Bundle) -> Iterable[File]:
    """One JSON object a line, as ``train --json`` prints them, with lane and seed. What is absent is left out."""
    lines = []
    for each in series(bundle):
        for row in range(each.rows):
            scalars = {
                name: float(column[row])
                for name, column in each.columns.items()
                if name not in CLOCKS and not np.isnan(column[row])
            }
            lines.append(json.dumps(dict(zip(KEYS, each.keys(row), strict=True)) | {"scalars": scalars}))
    return [File("metrics.jsonl", "".join(f"{line}\n" for line in lines).encode())]


@export(
    "parquet",
    "Parquet",
    "The wide table with its types, for pandas, Polars and DuckDB.",
    ".parquet",
    "application/vnd.apache.parquet",
    requires=("pyarrow",),
)
def parquet(bundle: Bundle) -> Iterable[File]:
    """The wide table with types, null where a number is absent, and the run's config in the file's metadata."""
    import pyarrow
    import pyarrow.parquet

    whole = list(series(bundle))

    def joined(name: str) -> Floats:
        parts = [each.columns.get(name, np.full(each.rows, np.nan)) for each in whole]
        return np.concatenate([np.empty(0), *parts])

    columns = {
        name: pyarrow.array(np.repeat([getattr(each, name) for each in whole], [each.rows for each in whole]), kind)
        for name, kind in (("lane", pyarrow.int32()), ("seed", pyarrow.int64()))
    }
    columns |= {name: pyarrow.array(joined(name).astype(np.int64)) for name in ("step", "critic_steps")}
    columns |= {name: pyarrow.array(joined(name), from_pandas=True) for name in ("seconds", *names(bundle))}
    table = pyarrow.table(columns).replace_schema_metadata({"wgan_live_config": config_text(bundle)})
    out = io.BytesIO()
    pyarrow.parquet.write_table(table, out)
    return [File("metrics.parquet", out.getvalue())]


def config_text(bundle: Bundle) -> str:
    """What a link, the command line and the page take back: of a plain run its config as it is now, else the whole race."""
    if len(bundle.view.lanes) == 1 and bundle.view.config.seeds == 1:
        return json.dumps(bundle.view.lanes[0].config.model_dump(), ensure_ascii=False, indent=2)
    shared, lanes = bundle.view.config.parts()
    knobs = bundle.view.config.model_dump(exclude={"lanes"})
    return json.dumps({"shared": shared, "lanes": lanes} | knobs, ensure_ascii=False, indent=2)


@export("config", "Config", "All settings as JSON, for a link or the command line.", ".json", "application/json")
def config(bundle: Bundle) -> Iterable[File]:
    """The config as JSON, complete: nothing is left to defaults that may change."""
    return [File("config.json", f"{config_text(bundle)}\n".encode())]
