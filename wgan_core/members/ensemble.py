"""Many members as one job: on the CPU in worker processes over all cores, on a GPU in this process."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Iterator, Sequence
from time import monotonic

from wgan_core.config import RunConfig, TrainingConfig
from wgan_core.history import Event, Failure, Snapshot
from wgan_core.host import resolve
from wgan_core.limits import Reservation, claim
from wgan_core.members.crew import Crew as Crew
from wgan_core.members.crew import usable_cores
from wgan_core.members.group import Changes, Report, common_snapshot
from wgan_core.members.sites import EnsembleFailed, InThisProcess, Site, Sites
from wgan_core.schema import ConfigError, Problem
from wgan_core.training import check_edit
from wgan_core.training.edits import turned
from wgan_core.training.several import joined, split
from wgan_core.training.state import State

# A driver that waits for a snapshot gets to look at its buttons this often.
PATIENCE_SECONDS = 0.1
STATE_SECONDS = 20.0


class Ensemble:
    """K members, that is configs, which train to the same step and are measured at the same steps, as one job.

    Each member's numbers are those of a training of its own, to rounding, which training amplifies in time. Those that agree
    in shapes train as one program; see :func:`wgan_core.members.stacked.stacks`. On the CPU members are dealt out to the workers
    of a crew: while one snapshot is looked at, they are on their way to the next, and no further, so that a pause is overrun by
    one chunk at most. On a GPU they train in this process, and a pause holds from the next update on.

    Parameters
    ----------
    configs : Sequence[TrainingConfig]
        One for each member, for instance :func:`wgan_core.training.several.seeded`. On the CPU each has one thread.
    sites : Sites, optional
        Where they train: a :class:`Crew` to share with other ensembles, for which its owner has made room. Without it workers of
        this one's own, or on a GPU this process.
    state : State, optional
        What an ensemble of these configs left behind, to go on from.

    Attributes
    ----------
    config : TrainingConfig
        That of the first member as it is now: edits replace it.
    failures : dict[int, Failure]
        Why, by place, members have failed. Their scalars are NaN from then on; the others go on, and arrays of snapshots are
        those of the first of them.
    step, critic_steps : int
        Those of the newest snapshot that all members have in common.
    seconds : float
        The mean of what members cost.

    Raises
    ------
    ConfigError
        The members do not agree in device, steps or snapshots, or there is no room for them.
    BadState
        The state is not one of so many members.
    DeviceError
        The device cannot be had.

    Examples
    --------
    >>> from contextlib import closing
    >>> from wgan_core.training.several import seeded
    >>> config = TrainingConfig.parse({"steps": 4, "snapshot_every": 2, "device": "cpu"})
    >>> with closing(Ensemble(seeded(config, 2))) as members:
    ...     [(s.step, s.scalars["w1"].shape) for s in members.updates() if s is not None]
    [(0, (2,)), (2, (2,)), (4, (2,))]
    """

    within_round = False
    activity = ""

    def __init__(
        self, configs: Sequence[TrainingConfig], sites: Sites | None = None, state: State | None = None
    ) -> None:
        _agree(configs)
        self.device = resolve(configs[0].device)
        # Members fill the cores between them, and threads that fight over a core take ten times as long.
        alone = {"threads": 1, "device": str(self.device)}
        self._configs = [config.model_copy(update=alone) for config in configs]
        self.config = self._configs[0].model_copy(update={"device": configs[0].device})
        self.step = self.critic_steps = 0
        self.seconds = 0.0
        self.failures: dict[int, Failure] = {}
        states = self._go_on(state) if state is not None else {}
        self._latest: Snapshot | None = None
        self._closed = False
        # Chunks that there are, that have begun, and that all members have done; where members will be at the end of those that
        # have begun, and what to turn before which chunk.
        every, steps = self.config.snapshot_every, self.config.steps
        self._first = self.step // every + 1 if states else 0
        self._chunks = 0 if states and self.step >= steps else -(-steps // every) + 1 - self._first
        self._begun = self._done = 0
        self._ahead = self.step, self.critic_steps
        self._edits: dict[int, list[Changes]] = {}
        self._claim: Reservation | None = None
        self.sites = sites or self._own_sites()
        members = {k: config for k, config in enumerate(self._configs) if k not in self.failures}
        self._lane, held_by = self.sites.hold(members, states)
        self._asked_of = dict.fromkeys(held_by, 0)
        self._reports: dict[Site, deque[Report]] = {site: deque() for site in held_by}
        self._ask()

    def _own_sites(self) -> Sites:
        if self.device.type != "cpu":
            return InThisProcess()
        self._claim = claim(RunConfig.solo(self._configs[0], len(self._configs)), usable_cores())
        weakref.finalize(self, self._claim.give_back)
        return Crew(self._claim.workers)

    def _go_on(self, state: State) -> dict[int, State]:
        found: dict[int, State] = {}
        for k, each in enumerate(split(state, len(self._configs))):
            if isinstance(each, Failure):
                self.failures[k] = each
            else:
                found[k] = each
        self.step, self.critic_steps, self.seconds = state["step"], state["critic_steps"], state["seconds"]  # type: ignore[assignment]
        return found

    def updates(self) -> Iterator[Snapshot | None]:
        """Train: an item for each snapshot that all members have in common, at step 0, every ``snapshot_every``, and the end.

        None where there is none yet, several times a second, so that a driver can stop, pause or edit meanwhile.

        Raises
        ------
        EnsembleFailed
            The last member has failed, or a worker has ended.
        """
        while self._done < self._chunks:
            yield self._advance()

    def snapshot(self) -> Snapshot:
        """The newest common snapshot again; the next one if there is none yet."""
        while self._latest is None:
            self._advance()
        return self._latest

    def edit(self, changes: Changes) -> Event:
        """Turn live knobs of all members, from the next chunk on that none has begun.

        Returns
        -------
        Event
            At the step where the change takes hold, up to two snapshots ahead. Its seconds are an estimate.

        Raises
        ------
        ConfigError
            A path is not a live knob, or a value is out of its range. Nothing has changed then.
        """
        after = [check_edit(config, changes) for config in self._configs]
        said = turned(self.config, after[0], changes)
        self._configs, self.config = after, check_edit(self.config, changes)
        self._edits.setdefault(self._begun, []).append(dict(changes))
        step, critic_steps = self._ahead
        seconds = self.seconds * step / self.step if self.step else self.seconds
        return Event(step, critic_steps, seconds, "edit", said)

    @property
    def whole(self) -> bool:
        """There is a state to be had: at the newest common snapshot, while all members train by the config as it is now."""
        return self._done > 0 and not self._closed and max(self._edits, default=-1) < self._done

    def state(self) -> State:
        """What all members need to go on from the newest common snapshot.

        Raises
        ------
        RuntimeError
            There is none now; see :attr:`whole`.
        EnsembleFailed
            A worker has ended or does not answer.
        """
        if not self.whole:
            raise RuntimeError("an ensemble has a state after a snapshot, once what was turned has taken hold")
        found = self.sites.states(self._lane, list(self._reports), self._done - 1, STATE_SECONDS)
        left = {k: state for k, state in found.items() if k not in self.failures}
        return joined(left, self.failures, len(self._configs)) | {
            "critic_steps": self.critic_steps,
            "seconds": self.seconds,
        }

    def close(self) -> None:
        """Train no more. May be called again, and from any thread; workers of an own crew have ended when it returns."""
        self._closed = True
        if self._claim is not None:
            self.sites.close()
            self._claim.give_back()
        else:
            self.sites.leave(self._lane)

    def _advance(self) -> Snapshot | None:
        """Wait a little for the next common snapshot, or do a part of the work for it."""
        if self._closed:
            raise EnsembleFailed("The ensemble was closed.", "Start it again.")
        deadline = monotonic() + PATIENCE_SECONDS
        self._ask()
        while not all(self._reports.values()):
            news = self.sites.wait(self._lane, deadline - monotonic())
            if not news:
                return None
            for site, report in news:
                self._reports[site].append(report)
            self._ask()
        self._done += 1
        return self._accept({k: found for reports in self._reports.values() for k, found in reports.popleft().items()})

    def _ask(self) -> None:
        """Give a chunk to each site that has none, up to the one after that which is waited for."""
        for site, asked in self._asked_of.items():
            idle = asked == self._done + len(self._reports[site])
            if idle and asked <= self._done + self.sites.ahead and asked < self._chunks:
                if asked == self._begun:
                    self._begin()
                self._asked_of[site] += 1
                site.send((self._lane, "advance", self._edits.get(asked, [])))

    def _begin(self) -> None:
        """Enter that the next chunk begins, with the config as it is now."""
        step = min((self._first + self._begun) * self.config.snapshot_every, self.config.steps)
        before, critic_steps = self._ahead
        self._ahead = step, critic_steps + (step - before) * self.config.n_critic
        self._begun += 1

    def _accept(self, report: Report) -> Snapshot:
        """The common snapshot of one chunk of work."""
        found: dict[int, Snapshot] = {}
        for k, result in sorted(report.items()):
            if isinstance(result, Failure):
                self.failures[k] = result
            else:
                found[k] = result
        if not found:
            raise self._all_failed()
        new = common_snapshot(len(self._configs), found, at_least=self.seconds)
        self._latest = new
        self.step, self.critic_steps, self.seconds = new.step, new.critic_steps, new.seconds
        return new

    def _all_failed(self) -> EnsembleFailed:
        first, why = next(iter(self.failures.items()))
        message = why.message
        if len(self._configs) > 1:
            seeds = [config.seed for config in self._configs]
            which = f"All {len(seeds)} seeds, {seeds[0]} to {seeds[-1]}, have failed, seed {seeds[first]} first."
            message = f"{which} {message}"
        return EnsembleFailed(message, why.cause, why.traceback, why.kind)


def _agree(configs: Sequence[TrainingConfig]) -> None:
    """Refuse, with a ConfigError, members that cannot be measured at the same steps of the same device."""
    for name in ("device", "steps", "snapshot_every"):
        if len(given := {getattr(config, name) for config in configs}) > 1:
            some = ", ".join(sorted(map(str, given))[:3])
            raise ConfigError([Problem(name, f"must be the same for all members of an ensemble; you gave {some}")])
