"""What a run is at and what commands make of it, as tables, without a thread."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.helpers import small
from wgan_core.runs import Run
from wgan_core.runs.commands import Command, OneStep, Pause, Resume, Stop, Turn
from wgan_core.runs.lane import Lane
from wgan_core.runs.states import Next, Paused, Reached, Running, State, Stepping, Stopping, after
from wgan_core.schema import ConfigError


@dataclass(frozen=True)
class At:
    """A lane that has come to a step."""

    number: int
    step: int
    steps: int = 100

    @property
    def through(self) -> bool:
        return self.step >= self.steps


LANES = (At(0, 5), At(1, 4))
STEPPING, ONE_MORE, STOPPING = Stepping((6, 4)), Stepping((6, 5)), Stopping(7.0)
TOLD: tuple[Command | Reached, ...] = (Pause(), Resume(), OneStep(), Stop(9.0), Turn(0, {"n_critic": 2}), Reached())
TABLE: dict[State, tuple[State, ...]] = {
    # told      Pause     Resume     Step      Stop           Turn      Reached
    Running(): (Paused(), Running(), ONE_MORE, Stopping(9.0), Running(), Running()),
    STEPPING: (Paused(), Running(), ONE_MORE, Stopping(9.0), STEPPING, Paused()),
    Paused(): (Paused(), Running(), ONE_MORE, Stopping(9.0), Paused(), Paused()),
    STOPPING: (STOPPING,) * 6,
}


@pytest.mark.parametrize("state", TABLE, ids=lambda state: type(state).__name__)
@pytest.mark.parametrize("told", range(len(TOLD)), ids=lambda i: type(TOLD[i]).__name__)
def test_each_state_and_command_has_its_successor(state: State, told: int) -> None:
    assert after(state, TOLD[told], LANES) == TABLE[state][told]


def moved(*steps: int) -> tuple[At, ...]:
    return tuple(replace(lane, step=step) for lane, step in zip(LANES, steps, strict=True))


@pytest.mark.parametrize(
    ("state", "lanes", "asked"),
    [
        (Running(), LANES, Next.UPDATE),
        (Running(), moved(100, 100), Next.UPDATE),  # which says that they have ended
        (ONE_MORE, LANES, Next.UPDATE),
        (ONE_MORE, moved(6, 4), Next.UPDATE),
        (ONE_MORE, moved(6, 5), Next.MEASURE),
        (ONE_MORE, LANES[:0], Next.MEASURE),  # the last lane has failed
        (ONE_MORE, moved(6, 4)[:1], Next.MEASURE),  # the other has failed
        (Paused(), LANES, Next.WAIT),
        (Paused(), moved(100, 99), Next.WAIT),
        (Paused(), moved(100, 100), Next.UPDATE),
        (Paused(), LANES[:0], Next.UPDATE),
        (STOPPING, LANES, Next.END),
        (STOPPING, moved(100, 100), Next.END),
    ],
)
def test_each_state_says_what_comes_next(state: State, lanes: tuple[At, ...], asked: Next) -> None:
    assert state.next(lanes) is asked
    if asked is Next.UPDATE and lanes:
        assert state.train(lanes), "there is a lane to update"


def test_a_lane_at_its_goal_lets_the_others_catch_up() -> None:
    assert ONE_MORE.train(moved(6, 4)) == [At(1, 4)]
    assert list(Running().train(moved(6, 4))) == list(moved(6, 4))


COMMANDS = st.lists(
    st.sampled_from([Pause(), Resume(), OneStep(), Turn(0, {"n_critic": 2})]) | st.builds(Stop, st.floats(0, 10)),
    max_size=8,
)


@given(commands=COMMANDS, told=st.sampled_from([Pause(), Resume(), OneStep(), Turn(1, {})]))
def test_the_last_word_counts_and_the_first_stop_is_final(commands: list[Command], told: Command) -> None:
    def ended(start: State) -> State:
        return reduce(lambda state, command: after(state, command, LANES), [*commands, told], start)

    stops = [command for command in commands if isinstance(command, Stop)]
    if stops:
        assert {ended(start) for start in (Running(), Paused(), STEPPING)} == {Stopping(stops[0].by)}
    elif not isinstance(told, Turn):
        assert {ended(start) for start in TABLE if start != STOPPING} == {after(Running(), told, LANES)}


def test_a_run_that_is_told_to_stop_before_it_starts_measures_once_and_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("wgan_core.runs.run.ROUND_OFF_SECONDS", 60.0)  # a busy machine takes its time
    run = Run(small(steps=50))
    run.edit({"n_critic": 2})
    run.stop()
    run.resume()
    run._work.drive(1, None)  # in this thread
    view = run.lane_view()
    assert (view.status, view.step, view.snapshots, view.config.n_critic) == ("stopped", 0, 1, 2)


def test_an_edit_must_fit_those_that_wait() -> None:
    run = Run(small(objective={"kind": "wgan-clip"}))
    run.edit({"objective.clip": 0.5})
    run.edit({"n_critic": 2})
    with pytest.raises(ConfigError, match="n_critic: must be"):
        run.edit({"n_critic": 0})
    ahead: Any = run._work.config_ahead(0)
    assert (ahead.objective.clip, ahead.n_critic) == (0.5, 2)
    assert run.lane_view().config.n_critic == 5, "nothing is turned yet"


def test_what_a_lane_waited_for_is_not_said_once_it_has_come() -> None:
    lane = Lane("run", 0, small(), 1)
    lane.become("paused")
    lane.since = 1.0  # within an update
    lane.wait_for("pausing")
    before = lane.view()
    assert before.activity == "pausing after this step"
    lane.become("paused")
    assert lane.view().activity == ""
    assert lane.view().version > before.version
