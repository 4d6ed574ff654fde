"""What watching costs a run: its speed with nobody, one and thirty looking on, each refreshing once a second."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import time
from collections import defaultdict
from contextlib import contextmanager
from statistics import median
from typing import TYPE_CHECKING, Any

import psutil
from playwright.sync_api import sync_playwright
from streamlit.proto.BackMsg_pb2 import BackMsg

from benchmarks.report import ROOT, Table, paired, spread, verdict
from benchmarks.server import BROWSER, BROWSER_FLAGS, Server, serving
from wgan_core.lessons.presets import PRESETS

if TYPE_CHECKING:
    from collections.abc import Iterator

SHOWN = ("ring-wgan-gp", "ring-gan-collapse")
TARGETS = {1: 0.95, 30: 0.60}
PHASE_SECONDS = 5.0
SETTLE_SECONDS = 0.6
ROUNDS = 8


class Clients:
    """The process of the watchers, seen from the one that measures."""

    def __init__(self, server: Server) -> None:
        uri = f"ws://127.0.0.1:{server.port}/_stcore/stream"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.clients", uri],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, **command: Any) -> dict[str, float]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        found: dict[str, float] = json.loads(self.process.stdout.readline())
        return found


@contextmanager
def clients_of(server: Server) -> Iterator[Clients]:
    clients = Clients(server)
    try:
        yield clients
    finally:
        clients.process.terminate()
        clients.process.wait(10)


def recorded(server: Server, run: str) -> tuple[bytes, bytes]:
    """What a real browser sends when it opens a run's page, and at its first refresh by the timer."""
    sent: list[bytes] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=BROWSER_FLAGS)
        page = browser.new_page()
        page.on(
            "websocket",
            lambda socket: socket.on("framesent", lambda data: sent.append(data) if isinstance(data, bytes) else None),
        )
        page.goto(f"{server.url}/train?run={run}")
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            page.wait_for_timeout(200)
            timed = [data for data in sent if BackMsg.FromString(data).rerun_script.is_auto_rerun]
            if timed:
                browser.close()
                return sent[0], timed[0]
        raise RuntimeError("the page did not refresh")


def cpu_of(process: psutil.Process, thread: int) -> tuple[float, float]:
    """CPU seconds of the training thread, and of all others of the server."""
    used = {t.id: t.user_time + t.system_time for t in process.threads()}
    return used[thread], sum(used.values()) - used[thread]


def measure(server: Server, clients: Clients, preset: str, rounds: int) -> list[dict[str, float]]:
    """Phases of one run: a watched one always stands between two unwatched ones."""
    config = PRESETS[preset].config.edited({"device": "cpu", "steps": 10_000_000}).model_dump()
    run, thread = (found := server.ask(start=config))["run"], found["thread"]
    first, refresh = (base64.b64encode(data).decode() for data in recorded(server, run))
    clients.ask(open=max(TARGETS), first=first, refresh=refresh)
    process = psutil.Process(server.process.pid)
    phases: list[dict[str, float]] = []
    for i in range(rounds + 1):
        for watchers in (0, 1, 0, 30) if i < rounds else (0,):
            clients.ask(watch=watchers)
            time.sleep(SETTLE_SECONDS)
            start, before, (train0, other0) = time.monotonic(), clients.ask(), cpu_of(process, thread)
            busy0 = psutil.cpu_times()
            rate = server.ask(rate=run, seconds=PHASE_SECONDS)
            seconds, after, (train1, other1) = time.monotonic() - start, clients.ask(), cpu_of(process, thread)
            busy1 = psutil.cpu_times()
            busy = sum(busy1) - sum(busy0) - (busy1.idle - busy0.idle) - (busy1.iowait - busy0.iowait)
            ours = train1 - train0 + other1 - other0 + after["cpu"] - before["cpu"]
            phases.append(
                {
                    "round": i,
                    "watchers": watchers,
                    "rate": rate,
                    "refreshes": (after["finished"] - before["finished"]) / seconds,
                    "bytes": (after["bytes"] - before["bytes"]) / max(1.0, after["finished"] - before["finished"]),
                    "delay": after["delay"],
                    "training_cpu": (train1 - train0) / seconds,
                    "serving_cpu": (other1 - other0) / seconds,
                    "client_cpu": (after["cpu"] - before["cpu"]) / seconds,
                    "strangers_cpu": max(0.0, busy - ours) / seconds,
                }
            )
    clients.ask(close=True)
    server.ask(stop=run)
    return phases


def neighbours(phases: list[dict[str, float]], i: int) -> float:
    """Speed of the unwatched phases just before and just after phase ``i``; of itself if it is unwatched."""
    if phases[i]["watchers"] == 0:
        return phases[i]["rate"]
    return (phases[i - 1]["rate"] + phases[i + 1]["rate"]) / 2


def run(quick: bool) -> Table:
    table = Table(
        "What watching costs a run (speed ratio, unwatched = 1)",
        ("preset", "watchers", "steps/s", "ratio", "range", "target", "", "refreshes/s", "kB, most",
         "delay ms", "server ms each", "serving CPU", "client CPU", "strangers' CPU"),
    )  # fmt: skip
    rounds = 2 if quick else ROUNDS
    with serving() as server, clients_of(server) as clients:
        for preset in SHOWN:
            phases = measure(server, clients, preset, rounds)
            table.raw[preset] = phases
            by: dict[int, list[dict[str, float]]] = defaultdict(list)
            for i, phase in enumerate(phases):
                by[int(phase["watchers"])].append(phase | {"alone": neighbours(phases, i)})
            idle = median(phase["serving_cpu"] for phase in by[0])
            for watchers, found in sorted(by.items()):
                middle = {name: median(phase[name] for phase in found) for name in found[0]}
                rates, alone = ([phase[name] for phase in found] for name in ("rate", "alone"))
                ratio = paired(rates, alone)
                each = (middle["serving_cpu"] - idle) / middle["refreshes"] if watchers else 0.0
                table.rows.append(
                    (
                        preset,
                        str(watchers),
                        f"{middle['rate']:.0f}",
                        f"{ratio:.2f}",
                        spread(rates, alone),
                        f"≥ {TARGETS[watchers]:.2f}" if watchers else "",
                        verdict(ratio >= TARGETS[watchers]) if watchers else "",
                        f"{middle['refreshes']:.1f}",
                        f"{max(phase['bytes'] for phase in found) / 1000:.0f}" if watchers else "",
                        f"{1000 * middle['delay']:.0f}" if watchers else "",
                        f"{1000 * each:.1f}" if watchers else "",
                        f"{middle['serving_cpu']:.1%}",
                        f"{middle['client_cpu']:.0%}",
                        f"{middle['strangers_cpu']:.0%}",
                    )
                )
    table.notes = [
        f"Median of {rounds} phases of {PHASE_SECONDS:.0f} s, each against the mean of the unwatched phases before and after it.",
        "All phases of a preset belong to one run in one server. CPU is a share of one core.",
        "“kB, most”: all that one viewer receives for a refresh, late in the run, buttons and all.",
        "“server ms each”: CPU of the server outside the training thread, per refresh of one viewer.",
        "“client CPU” is what the simulated watchers took from the same machine, “strangers' CPU” what other programs took.",
    ]
    return table
