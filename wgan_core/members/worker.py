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
from collections.abc import Generator
from typing import IO, TYPE_CHECKING, Any, BinaryIO, TypeVar

if TYPE_CHECKING:
    from wgan_core.members.group import Report

T = TypeVar("T")
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


def to_the_end(work: Generator[None, None, T]) -> T:
    """What a generator returns at its end."""
    try:
        while True:
            next(work)
    except StopIteration as done:
        found: T = done.value
        return found


def _serve(requests: queue.SimpleQueue[bytes], replies: BinaryIO) -> None:
    # Imported here, so that an owner who leaves meanwhile is noticed. Nothing that an import makes is rubbish.
    gc.disable()
    from wgan_core.members.group import Group, StackedGroup, group

    gc.freeze()
    gc.enable()
    groups: dict[int, list[Group | StackedGroup]] = {}
    while True:
        lane, order, payload = pickle.loads(requests.get())
        if order == "hold":
            config, hands = payload
            groups[lane] = [group(config, hand) for hand in hands]
        elif order == "leave":
            groups.pop(lane, None)
        else:
            report: Report = {}
            for each in groups[lane]:
                report |= to_the_end(each.advance(payload))
            replies.write(pack((lane, report)))
            replies.flush()


if __name__ == "__main__":
    main()
