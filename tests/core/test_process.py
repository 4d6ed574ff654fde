"""What all threads of a process share: one thing of a name, and results that are built once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from wgan_core.host import Cache, single


def test_there_is_one_thing_of_a_name_whoever_asks_first() -> None:
    made: list[object] = []

    def make() -> object:
        made.append(object())
        return made[-1]

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: single("test of one thing", make), range(32)))
    assert len(made) == 1
    assert all(each is made[0] for each in found)


def test_one_may_be_made_of_another() -> None:
    assert single("test outer", lambda: [single("test inner", list)]) == [[]]


def test_building_one_result_keeps_nobody_from_another() -> None:
    cache: Cache[str] = Cache(4)
    begun, go_on = threading.Event(), threading.Event()

    def slow() -> str:
        begun.set()
        assert go_on.wait(20)
        return "slow"

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(cache.get, "a", slow)
        assert begun.wait(20)
        assert cache.get("b", lambda: "quick") == "quick"  # while the other is being built
        second = pool.submit(cache.get, "a", lambda: pytest.fail("it is being built already"))
        go_on.set()
        assert first.result(20) == second.result(20) == "slow"


def test_what_could_not_be_built_is_tried_again() -> None:
    cache: Cache[int] = Cache(2)
    with pytest.raises(ZeroDivisionError):
        cache.get("a", lambda: 1 // 0)
    assert cache.get("a", lambda: 1) == 1


def test_results_are_forgotten_oldest_first_or_when_told() -> None:
    cache: Cache[int] = Cache(2)
    for key in (1, 2, 1, 3):
        cache.get(key, lambda key=key: key)  # type: ignore[misc]
    assert [cache.get(key, lambda: 0) for key in (1, 3)] == [1, 3]
    cache.drop(lambda key: bool(key == 1))
    assert [cache.get(key, lambda: 0) for key in (3, 1)] == [3, 0]
