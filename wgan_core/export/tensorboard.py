"""Event files that TensorBoard reads: one for each lane and seed, which TensorBoard shows as runs of these names.

TensorBoard stores scalars as float32, so they agree with the CSV to about seven digits. Its clock is set so that the seconds of
its "relative" axis are seconds of training, without pauses and measurements.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from time import time

import numpy as np

from wgan_core.export.format import export
from wgan_core.export.subject import Bundle, File
from wgan_core.export.tables import Series, series
from wgan_core.history import CLOCKS

VERSION = "brain.Event:2"


@export(
    "tensorboard",
    "TensorBoard",
    "A folder of event files, one for each lane and seed. Numbers are float32 there: about seven digits.",
    "",
    "application/octet-stream",
    requires=("tensorboard",),
    folder=True,
)
def event_files(bundle: Bundle, ended: float | None = None) -> Iterable[File]:
    """One event file for each lane and seed.

    Parameters
    ----------
    ended : float, optional
        When the run ended, in seconds since 1970; now if it is not given.
    """
    ended = time() if ended is None else ended
    for each in series(bundle):
        folder = bundle.folder_of(each.lane - 1) + (f"seed-{each.seed}/" if bundle.view.config.seeds > 1 else "")
        yield File(f"{folder}events.out.tfevents.{ended:.0f}.wgan-live", _events(each, ended))


def _events(each: Series, ended: float) -> bytes:
    # Only TensorBoard's readers and writers of its own formats; TensorFlow is not needed.
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.record_writer import RecordWriter

    out = io.BytesIO()
    records = RecordWriter(out)
    seconds = each.columns["seconds"]
    begun = ended - float(seconds[-1] if len(seconds) else 0.0)
    records.write(Event(wall_time=begun, file_version=VERSION).SerializeToString())
    scalars = {name: column for name, column in each.columns.items() if name not in CLOCKS}
    for row in range(each.rows):
        values = [
            Summary.Value(tag=name, simple_value=float(column[row]))
            for name, column in scalars.items()
            if not np.isnan(column[row])
        ]
        event = Event(
            wall_time=begun + seconds[row], step=int(each.columns["step"][row]), summary=Summary(value=values)
        )
        records.write(event.SerializeToString())
    return out.getvalue()
