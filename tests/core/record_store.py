"""Write tests/fixtures/store-v1.sqlite3. It stays as the first version wrote it: run this only for a fixture of a new format.

python -m tests.core.record_store FILE
"""

from __future__ import annotations

import sqlite3
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from tests.core.helpers import small
from tests.core.stored import record
from wgan_core.config import RunConfig
from wgan_core.runs import Run
from wgan_core.store import Store


def main(target: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        record(store, "solo", small(steps=30, snapshot_every=5), edits={12: {"n_critic": 2}})
        store.rename("solo", "The first run")
        store.tag("solo", ["kept", "old"])
        net = {"width": 16}
        shared = {"generator": net, "critic": net, "batch_size": 16, "device": "cpu"}
        rates = {"critic_optimiser": {"lr": 100}, "generator_optimiser": {"lr": 100}}
        lanes = [{"objective": {"kind": "gan"}} | rates, {"objective": {"kind": "wgan-gp"}}]
        config = RunConfig.parse({"shared": shared, "lanes": lanes, "length": 40, "snapshot_every": 10})
        run = Run(config, "race", store)
        run.start()
        assert run.join(60)
        assert store.flush()
        store.close()
        with closing(sqlite3.connect(store.path)) as db:
            db.execute("PRAGMA journal_mode = DELETE")
            db.execute("VACUUM INTO ?", (str(target),))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
