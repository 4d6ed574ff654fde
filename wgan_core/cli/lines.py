"""What the command line prints of a run: a line a snapshot, for people or for scripts, and last how it ended."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from wgan_core.history import Failure, LaneView, Snapshot, Status

SHOWN = ("critic_loss", "generator_loss", "w1", "modes_covered", "classes_covered", "frechet_small_cnn")


@dataclass(frozen=True)
class Lines:
    """The lines of one run.

    Attributes
    ----------
    as_json : bool
        One JSON object a line.
    seeds : int or None
        With how many seeds it was asked to train; None where a scalar is a plain number.
    lanes : int
        Of several lanes, each line says of which it is. They are counted from 1, as on the page.
    """

    as_json: bool
    seeds: int | None = None
    lanes: int = 1

    def first(self, seed: int) -> str | None:
        """What stands above the snapshots, for people."""
        if self.as_json or self.seeds is None:
            return None
        which = f"seeds {seed} to {seed + self.seeds - 1}" if self.seeds > 1 else f"seed {seed}"
        return f"{which}: median [10 %, 90 %]"

    def snapshot(self, lane: int, snapshot: Snapshot) -> str:
        if self.as_json:
            which = {"lane": lane + 1} if self.lanes > 1 else {}
            return json.dumps(which | self._entry(snapshot))
        which_text = f"lane {lane + 1}  " if self.lanes > 1 else ""
        line = text_line(snapshot) if self.seeds is None else band_line(snapshot)
        return which_text + line

    def _entry(self, snapshot: Snapshot) -> dict[str, Any]:
        return {
            "step": snapshot.step,
            "critic_steps": snapshot.critic_steps,
            "seconds": round(snapshot.seconds, 6),
            "scalars": {name: self._value(value) for name, value in snapshot.scalars.items()},
        }

    def _value(self, value: Any) -> Any:
        """A number as it is; of K seeds a list, with null where a seed has no number."""
        return value if self.seeds is None else [None if np.isnan(x) else x for x in np.atleast_1d(value).tolist()]

    def last(
        self,
        run_id: str,
        status: Status,
        views: tuple[LaneView, ...],
        newest: Snapshot | None,
        failures: Mapping[int, Failure],
    ) -> Iterator[str]:
        """How it ended.

        Parameters
        ----------
        newest : Snapshot or None
            The last one that was printed.
        failures : Mapping[int, Failure]
            Why, by seed, some of several seeds have failed.
        """
        of_lane = {i: told(view.failure) for i, view in enumerate(views, 1) if view.failure is not None}
        error = None
        if status == "failed":
            error = " ".join(f"Lane {i}: {text}" if self.lanes > 1 else text for i, text in of_lane.items())
        if self.as_json:
            end: dict[str, Any] = {"status": status, "error": error, "run": run_id}
            if error is not None and self.lanes == 1:
                end |= kind_of(views[0].failure)
            if self.seeds is not None:
                end["failures"] = {str(seed): why.message for seed, why in failures.items()}
            if self.lanes > 1:
                end["lanes"] = [
                    {"status": view.status, "error": of_lane.get(i)} | kind_of(view.failure)
                    for i, view in enumerate(views, 1)
                ]
            yield json.dumps(end, ensure_ascii=False)
            return
        if self.seeds is not None:
            yield from last_lines(newest, failures)
        if error is None:
            yield from (f"lane {i} failed: {text}" for i, text in of_lane.items())
        yield status if error is None else f"{status}: {error}"


def told(failure: Failure) -> str:
    """What happened and the likely cause."""
    return f"{failure.message} {failure.cause}"


def kind_of(failure: Failure | None) -> dict[str, str]:
    """Of what kind it is, where that is known: for programs, which should not have to read the words."""
    return {"kind": failure.kind} if failure is not None and failure.kind else {}


def shown(snapshot: Snapshot) -> list[str]:
    """The scalars that a line has room for: what the objective says the distance is, then the losses and the truth."""
    estimates = [name for name in snapshot.scalars if name.endswith("_estimate")]
    return estimates + [name for name in SHOWN if name in snapshot.scalars]


def text_line(snapshot: Snapshot) -> str:
    parts = [f"{name} {snapshot.scalars[name]:.4g}" for name in shown(snapshot)]
    return f"step {snapshot.step:>7}  {snapshot.seconds:7.1f} s  " + "  ".join(parts)


def band_line(snapshot: Snapshot) -> str:
    """As :func:`text_line`, with the median over the seeds and the band from 10 to 90 %."""
    parts = []
    for name in shown(snapshot):
        low, middle, high = np.nanpercentile(snapshot.scalars[name], (10, 50, 90))
        parts.append(f"{name} {middle:.4g} [{low:.4g}, {high:.4g}]")
    return f"step {snapshot.step:>7}  {snapshot.seconds:7.1f} s  " + "  ".join(parts)


def last_lines(last: Snapshot | None, failures: Mapping[int, Failure]) -> Iterator[str]:
    """What became of the seeds, e.g. ``modes at the end: 8 in 15 seeds, 7 in 1``."""
    for seed, why in failures.items():
        yield f"seed {seed} failed: {why.message}"
    if last is not None and "modes_covered" in last.scalars:
        covered = np.atleast_1d(last.scalars["modes_covered"])
        counts = sorted(Counter(covered[~np.isnan(covered)].astype(int).tolist()).items(), reverse=True)
        (modes, n), *others = counts
        first = f"{modes} in {n} seed{'s' if n > 1 else ''}"
        yield "modes at the end: " + ", ".join([first, *(f"{modes} in {n}" for modes, n in others)])
