"""Watchers without browsers: each holds a websocket and asks for the live fragment once a second, as a page does.

They send what a real Chromium was seen to send (``watched.py`` records it), so the server's work is the same. As a
program (``python -m benchmarks.clients URI``) it reads JSON commands from stdin, one a line, and answers on stdout.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import time
from statistics import median
from typing import Any

import websockets.asyncio.client as websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

INTERVAL = 1.0


class Watcher:
    """One open page."""

    def __init__(self) -> None:
        self.watching = False
        self.opened = asyncio.Event()
        self.refresh = BackMsg()
        self.cached: dict[str, int] = {}  # hash of a large message → when it was last used, in refreshes
        self.sent = self.finished = self.bytes = self.figures = 0
        self.asked = 0.0
        self.delays: list[float] = []

    async def hold(self, uri: str, first: bytes, refresh: bytes, offset: float) -> None:
        self.refresh.ParseFromString(refresh)
        async with websockets.connect(uri, subprotocols=["streamlit"], max_size=None, compression=None) as socket:  # type: ignore[list-item]
            await socket.send(first)
            ticking = asyncio.create_task(self.tick(socket, offset))
            async for data in socket:
                assert isinstance(data, bytes)
                self.take(data)
            ticking.cancel()

    def take(self, data: bytes) -> None:
        self.bytes += len(data)
        message = ForwardMsg()
        message.ParseFromString(data)
        kind = message.WhichOneof("type")
        if kind == "script_finished":
            self.finished += 1
            self.delays.append(time.perf_counter() - self.asked)
        elif kind == "auto_rerun":
            self.opened.set()
        elif kind == "ref_hash":
            self.figures += 1
            self.cached[message.ref_hash] = self.sent
        elif message.metadata.cacheable:
            self.figures += 1
            self.cached[message.hash] = self.sent

    async def tick(self, socket: websockets.ClientConnection, offset: float) -> None:
        await self.opened.wait()
        loop = asyncio.get_running_loop()
        # All watchers count from whole seconds, each with an offset of its own, so that they come evenly.
        due = float(int(loop.time())) + 1 + offset
        while True:
            await asyncio.sleep(max(0.0, due - loop.time()))
            due += INTERVAL
            if not self.watching:
                continue
            self.cached = {name: used for name, used in self.cached.items() if self.sent - used <= 2}
            del self.refresh.rerun_script.cached_message_hashes[:]
            self.refresh.rerun_script.cached_message_hashes.extend(self.cached)
            self.sent += 1
            self.asked = time.perf_counter()
            await socket.send(self.refresh.SerializeToString())


async def main(uri: str) -> None:
    reader = asyncio.StreamReader(limit=2**24)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    watchers: list[Watcher] = []
    holding: list[asyncio.Task[None]] = []
    while line := await reader.readline():
        command: dict[str, Any] = json.loads(line)
        if "open" in command:
            first, refresh = (base64.b64decode(command[name]) for name in ("first", "refresh"))
            count = command["open"]
            for i in range(count):
                watchers.append(Watcher())
                holding.append(asyncio.create_task(watchers[-1].hold(uri, first, refresh, i / count)))
                await asyncio.wait_for(watchers[-1].opened.wait(), 60)
        elif "close" in command:
            for task in holding:
                task.cancel()
            await asyncio.gather(*holding, return_exceptions=True)
            watchers, holding = [], []
        elif "watch" in command:
            for i, watcher in enumerate(watchers):
                watcher.watching = i < command["watch"]
        counts = {name: sum(getattr(w, name) for w in watchers) for name in ("sent", "finished", "bytes", "figures")}
        delays = [delay for watcher in watchers for delay in watcher.delays]
        for watcher in watchers:
            watcher.delays = []
        print(json.dumps(counts | {"cpu": time.process_time(), "delay": median(delays) if delays else 0.0}), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
