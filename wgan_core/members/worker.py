"""A worker: a process that trains some members of ensembles, as it is told over its standard input.

Messages are pickles, each after its length in eight bytes. They are exchanged with the process that started the worker
and with no other: a pickle can run code, so none may come from elsewhere.
"""

from __future__ import annotations

import gc
import os
import pickle
import queue
import signal
import sys
import threading
import traceback
from collections import deque
from typing import IO, Any, BinaryIO

LENGTH_BYTES = 8


def pack(message: Any) -> bytes:
    """A message as it goes through the pipe."""
    data = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    return len(data).to_bytes(LENGTH_BYTES, "little") + data


def receive(stream: IO[bytes]) -> bytes:
    """The next message's pickle. EOFError when the other side has gone, be it in the middle of a message."""
    size = int.from_bytes(head, "little") if len(head := stream.read(LENGTH_BYTES)) == LENGTH_BYTES else None
    if size is None or len(data := stream.read(size)) < size:
        raise EOFError
    return data


def main() -> None:
    """Serve until the other side closes the pipe."""
    # Ctrl-C, or the end of a service, reaches its processes all at once; what becomes of workers is for their owner to say.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a stray print must not get among the messages
    requests: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(os.fdopen(os.dup(0), "rb"), requests), daemon=True).start()
    try:
        _serve(requests, replies)
    except BrokenPipeError:
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    os._exit(1)


def _listen(stream: BinaryIO, requests: queue.SimpleQueue[bytes]) -> None:
    # The trainings do not look at the pipe, so this thread ends the process in the middle of whatever they are at.
    try:
        while True:
            requests.put(receive(stream))
    finally:
        os._exit(0)


def _serve(requests: queue.SimpleQueue[bytes], replies: BinaryIO) -> None:
    # Imported here, so that an owner who leaves meanwhile is noticed. Nothing that an import makes is rubbish.
    gc.disable()
    from wgan_core.members.group import Group, Report

    gc.freeze()
    gc.enable()
    groups: dict[int, list[Group]] = {}
    waiting: deque[tuple[int, str, Any]] = deque()

    def reply(lane: int, kind: str, content: Any) -> None:
        replies.write(pack((lane, kind, content)))
        replies.flush()

    def give_states(lane: int, chunk: int) -> None:
        reply(lane, "states", {k: state for each in groups.get(lane, []) for k, state in each.states(chunk).items()})

    def look() -> None:
        """Between two updates: states are given at once, everything else waits for its turn."""
        while not requests.empty():
            lane, order, payload = pickle.loads(requests.get())
            if order == "states":
                give_states(lane, payload)
            else:
                waiting.append((lane, order, payload))

    while True:
        lane, order, payload = waiting.popleft() if waiting else pickle.loads(requests.get())
        if order == "hold":
            hands, states = payload
            groups[lane] = [Group(hand, states) for hand in hands]
        elif order == "leave":
            groups.pop(lane, None)
        elif order == "states":
            give_states(lane, payload)
        else:
            report: Report = {}
            for each in groups[lane]:
                work = each.advance(payload)
                try:
                    while True:
                        next(work)
                        look()
                except StopIteration as done:
                    report |= done.value
            reply(lane, "report", report)


if __name__ == "__main__":
    main()
