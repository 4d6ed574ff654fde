"""A real Streamlit server with the app in it, on 127.0.0.1, and a line of commands to its runs.

As a program (``python -m benchmarks.server PORT``) it is the server itself. It reads one JSON command a line from stdin
and answers with a line that starts with ``MARK``; what it asks of the run manager, the page asks as well.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks.report import ROOT

MARK = "benchmark: "
SAMPLE_SECONDS = 0.02
BROWSER = "/usr/bin/chromium"
BROWSER_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class Server:
    """The server, seen from the process that measures."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.server", str(self.port)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, **command: Any) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            if line.startswith(MARK):
                return json.loads(line[len(MARK) :])
        raise RuntimeError("the server has ended")

    def wait_until_healthy(self, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while True:
            try:
                with urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=5) as answer:
                    if answer.read() == b"ok":
                        return
            except OSError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise
            time.sleep(0.1)


@contextmanager
def serving() -> Iterator[Server]:
    """A server of our own, ended afterwards."""
    server = Server()
    try:
        server.wait_until_healthy()
        yield server
    finally:
        server.process.terminate()
        try:
            server.process.wait(20)
        except subprocess.TimeoutExpired:
            server.process.kill()


# The server itself


def answer(command: dict[str, Any]) -> Any:
    from wgan_core.config import RunConfig, TrainingConfig
    from wgan_core.runs import manager

    runs = manager()
    if "race" in command:
        run_id = runs.start(RunConfig.parse(command["race"]))
        runs.get(run_id).join()
        return {"run": run_id, "status": runs.get(run_id).status}
    if "start" in command:
        run_id = runs.start(TrainingConfig.parse(command["start"]))
        (thread,) = (t for t in threading.enumerate() if t.name == f"run-{run_id}")
        return {"run": run_id, "thread": thread.native_id}
    if "stop" in command:
        runs.get(command["stop"]).stop()
        return runs.get(command["stop"]).join(10)
    # Steps a second over ``seconds``, from the first to the last change of the step that a view shows.
    run, changes = runs.get(command["rate"]), []
    deadline = time.monotonic() + command["seconds"]
    before = run.lane_view().step
    while (now := time.monotonic()) < deadline:
        if (step := run.lane_view().step) != before:
            changes.append((now, step))
            before = step
        time.sleep(SAMPLE_SECONDS)
    (t0, s0), (t1, s1) = changes[0], changes[-1]
    return (s1 - s0) / (t1 - t0)


def listen() -> None:
    for line in sys.stdin:
        print(MARK + json.dumps(answer(json.loads(line))), flush=True)


def serve(port: int) -> None:
    from streamlit.web import bootstrap

    flags = {
        "server_address": "127.0.0.1",
        "server_port": port,
        "server_headless": True,
        "server_fileWatcherType": "none",
        "browser_gatherUsageStats": False,
    }
    bootstrap.load_config_options(flags)
    threading.Thread(target=listen, daemon=True).start()
    bootstrap.run(str(ROOT / "app.py"), False, [], flags)


if __name__ == "__main__":
    serve(int(sys.argv[1]))
