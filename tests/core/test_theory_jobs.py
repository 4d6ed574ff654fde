"""Animated figures in threads: shared, stopped when unseen, failing in words."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import ClassVar, Literal

import pytest

from tests.core.helpers import python, wait_until
from wgan_core.schema import ConfigError, Problem, Variant, knob
from wgan_core.theory import jobs as module
from wgan_core.theory.figure import Figure
from wgan_core.theory.jobs import AT_ONCE, FigureJob, Jobs
from wgan_core.theory.result import Result

GATE = threading.Event()
CLOSED: list[int] = []


class _Family(Variant):
    """So that the figure below does not enter the lab."""

    kind: str


class Slow(_Family):
    """Frames that come when they are let, or an error."""

    kinds: ClassVar = {}
    kind: Literal["slow"] = "slow"
    number: int = knob(0, "Number", "Tells them apart.", ge=0, le=99)
    error: Literal["", "said", "bug"] = knob("", "Error", "What goes wrong.")

    def frames(self) -> Iterator[Result]:
        try:
            yield Result((), progress=0.0, step="0")
            if self.error == "said":
                raise ConfigError([Problem("number", "must be another")])
            if self.error == "bug":
                raise ZeroDivisionError("oops")
            GATE.wait(30)
            for i in range(1, 4):
                yield Result((), progress=i / 3, step=str(i))
        finally:
            CLOSED.append(self.number)


def slow(**knobs: object) -> Figure:
    figure: Figure = Slow.model_validate(knobs)  # type: ignore[assignment]
    return figure


@pytest.fixture
def some() -> Iterator[Jobs]:
    GATE.clear()
    CLOSED.clear()
    found = Jobs()
    yield found
    GATE.set()
    found.shutdown()


def test_frames_come_one_after_another(some: Jobs) -> None:
    job = some.of(slow())
    first = job.view(5)
    assert first.result is not None
    assert (first.result.step, first.version, first.ended) == ("0", 1, False)
    GATE.set()
    assert job.join(5)
    last = job.view()
    assert last.result is not None
    assert (last.result.step, last.version, last.ended, last.error) == ("3", 4, True, None)


def test_equal_settings_share_a_job_and_its_result_is_kept(some: Jobs) -> None:
    GATE.set()
    job = some.of(slow(number=1))
    assert job.join(5)
    assert some.of(slow(number=1)) is job
    assert some.of(slow(number=2)) is not job
    assert CLOSED.count(1) == 1


def test_so_many_at_once_and_the_next_when_one_is_done(some: Jobs) -> None:
    jobs = [some.of(slow(number=i)) for i in range(AT_ONCE + 1)]
    assert all(job.view(5).result for job in jobs[:-1])
    assert jobs[-1].view(0.3).result is None
    GATE.set()
    assert jobs[-1].view(5).result is not None


def test_what_nobody_looks_at_ends_and_starts_anew_when_asked_for(some: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "UNSEEN_SECONDS", 0.2)
    job = some.of(slow())
    assert job.view(5).result
    wait_until(lambda: not job._wanted())
    GATE.set()
    assert job.join(5)
    assert job.given_up
    assert job.view().version < 4
    assert CLOSED == [0]  # its generator was closed
    again = some.of(slow())
    assert again is not job


def test_one_that_waits_for_its_turn_can_be_given_up(some: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    busy = [some.of(slow(number=i)) for i in range(AT_ONCE)]
    assert all(job.view(5).result for job in busy)
    monkeypatch.setattr(module, "UNSEEN_WHEN_BUSY", 0.2)
    waiting = some.of(slow(number=9))
    assert waiting.join(5)
    assert 9 not in CLOSED


def test_one_that_is_not_looked_at_makes_room_for_one_that_waits(some: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    busy = [some.of(slow(number=i)) for i in range(AT_ONCE)]
    assert all(job.view(5).result for job in busy)
    monkeypatch.setattr(module, "UNSEEN_WHEN_BUSY", 0.2)
    assert all(job._wanted() for job in busy)
    waiting = some.of(slow(number=9))
    wait_until(lambda: bool(waiting.view()) and not any(job._wanted() for job in busy))
    GATE.set()  # each looks up at its next frame
    assert waiting.view(5).result is not None
    assert all(job.join(5) and job.given_up for job in busy)


@pytest.mark.parametrize(
    ("error", "words"),
    [("said", "number: must be another"), ("bug", "The computation failed: ZeroDivisionError: oops")],
)
def test_what_goes_wrong_is_said_and_the_last_frame_stays(some: Jobs, error: str, words: str) -> None:
    job = some.of(slow(error=error))
    assert job.join(5)
    view = job.view()
    assert view.error == words
    assert view.ended
    assert view.result is not None


def test_a_shutdown_ends_all_and_refuses_more(some: Jobs) -> None:
    job = some.of(slow())
    assert job.view(5).result
    GATE.set()
    some.shutdown()
    assert job.join(0)
    with pytest.raises(RuntimeError):
        some.of(slow())


def test_the_process_has_one_set_of_jobs() -> None:
    assert module.jobs() is module.jobs()
    assert isinstance(module.jobs().of(slow(error="said")), FigureJob)


def test_leaving_python_while_one_computes_is_no_crash() -> None:
    code = (
        "import time\nfrom wgan_core.theory import FIGURES, build\nfrom wgan_core.theory.jobs import jobs\n"
        "name = next(n for n, f in FIGURES.items() if f.animated())\n"
        "print(jobs().of(build(name)).view(30).version > 0)"
    )
    done = python("-c", code)
    assert (done.returncode, done.stdout.strip()) == (0, "True"), done.stderr
