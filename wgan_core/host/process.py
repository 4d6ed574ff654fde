"""What there is once in a process, and what all its threads share."""

from __future__ import annotations

import sys
import threading
import types
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Generic, TypeVar, cast

T = TypeVar("T")


def single(name: str, make: Callable[[], T]) -> T:
    """The one thing of this name in this process, made when it is first asked for.

    It lives in a module of its own that no source watcher evicts, so that it outlives edits of the file that makes it.

    Examples
    --------
    >>> single("example", list) is single("example", list)
    True
    """
    home = sys.modules.setdefault("_wgan_live_process", types.ModuleType("_wgan_live_process")).__dict__
    with home.setdefault("lock", threading.RLock()):
        made = home.setdefault("made", {})
        if name not in made:
            made[name] = make()
        return cast(T, made[name])


class Cache(Generic[T]):
    """The newest few results by key. Each is built once, and building one keeps nobody from the others.

    Examples
    --------
    >>> cache = Cache(size=2)
    >>> [cache.get(key, lambda key=key: print(key)) for key in "aab"]
    a
    b
    [None, None, None]
    """

    def __init__(self, size: int) -> None:
        self._size, self._lock = size, threading.Lock()
        self._items: OrderedDict[Any, Future[T]] = OrderedDict()

    def get(self, key: Any, build: Callable[[], T]) -> T:
        """The result of this key. Whoever asks while it is being built waits for it; what ``build`` raises is kept for nobody."""
        with self._lock:
            found, mine = self._items.get(key), False
            if found is None:
                found, mine = self._items.setdefault(key, Future()), True
                while len(self._items) > self._size:
                    self._items.popitem(last=False)
            else:
                self._items.move_to_end(key)
        if mine:
            try:
                found.set_result(build())
            except BaseException as error:
                self.drop(lambda other: bool(other == key))
                found.set_exception(error)
        return found.result()

    def drop(self, which: Callable[[Any], bool]) -> None:
        """Forget the results whose keys are such."""
        with self._lock:
            for key in [key for key in self._items if which(key)]:
                del self._items[key]
