"""Make the recorded runs that come with the software: ``python -m tests.core.record_runs``, about five minutes on two cores."""

from __future__ import annotations

import sys
from time import sleep

from wgan_core.config import RunConfig
from wgan_core.export import Bundle, pack_bundle
from wgan_core.history import LIVE
from wgan_core.lessons.presets import PRESETS
from wgan_core.lessons.scenarios import SCENARIOS, clip
from wgan_core.runs import Run
from wgan_core.runs.past import RECORDED, RECORDINGS

TURNED_AT = 300
RACES = {
    "recorded-three-objectives": SCENARIOS["three-objectives"].config,
    "recorded-clip-turned": RunConfig.parse(
        {
            "shared": {"dataset": {"kind": "ring"}, "device": "cpu"},
            "lanes": [clip(0.001)],
            "length": 900,
            "snapshot_every": 25,
        }
    ),
    "recorded-fashion": RunConfig.solo(PRESETS["fashion-wgan-gp"].config.edited({"snapshot_every": 75})),
}


def record(name: str) -> None:
    run = Run(RACES[name], name)
    run.start()
    if name == "recorded-clip-turned":
        while run.lane_view().step < TURNED_AT:
            sleep(0.005)
        run.edit({"objective.clip": 0.05})
    run.join()
    assert run.status not in LIVE
    RECORDED.mkdir(exist_ok=True)
    path = RECORDED / f"{name}.zip"
    path.write_bytes(pack_bundle(Bundle.of(run.view())))  # without the states: nobody goes on with it
    last = [view.latest.scalars.get("modes_covered") for view in run.view().lanes if view.latest]
    print(f"{path.name}: {path.stat().st_size:,} bytes, {run.status}, modes {last}")


if __name__ == "__main__":
    for wanted in sys.argv[1:] or RECORDINGS:
        record(wanted)
