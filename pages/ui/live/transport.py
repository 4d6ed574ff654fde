"""What the pages that train share: attaching to a run, the bar of buttons, why something failed, the list of runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from pages.ui.form import fetching
from pages.ui.live import component as live
from pages.ui.live import forking, storing
from pages.ui.text import plain
from wgan_core.config import RunConfig
from wgan_core.datasets import Published
from wgan_core.history import LIVE, LaneView
from wgan_core.host import DeviceError
from wgan_core.runs import Run, TooManyRuns, UnknownRun, manager
from wgan_core.runs.past import RECORDINGS, Past, find
from wgan_core.schema import ConfigError
from wgan_core.store import BadCheckpoint, StoreProblem

runs = manager()
RESUMABLE = ("stopped", "interrupted")
KEPT = ("scenario", "projector")  # parts of the address that stay when another run is shown


def attached(*, several: bool) -> Run | Past | None:
    """The run that the URL names. One of several lanes belongs on the compare page, one of one lane on the live page."""
    if not (run_id := st.query_params.get("run")):
        return None
    run_id = run_id[:64]  # no id is longer, and what else stands there is shown
    try:
        run = find(run_id)
        run.view()
    except UnknownRun as error:
        st.warning(plain(str(error)), icon=":material/search_off:")
        return None
    except StoreProblem as problem:
        storing.tell(problem, f"Run {run_id} cannot be shown: the store cannot be read.")
        return None
    if (len(run.config.lanes) > 1) != several:
        st.switch_page("pages/train.py" if several else "pages/compare.py", query_params={"run": run.id})
    return run


def attach(run_id: str | None) -> None:
    """Show another run, or none. The run that was shown goes on."""
    kept = {name: st.query_params[name] for name in KEPT if name in st.query_params}
    st.query_params.from_dict(kept | ({"run": run_id} if run_id else {}))


def open_shared(names: Sequence[str], fill: Callable[[dict[str, str]], None]) -> None:
    """Fill the form from the parts of the address with these names, once. A broken link is refused in words and changes nothing.

    Parameters
    ----------
    fill : callable
        Fills the form from the parts that are there, or raises ConfigError.
    """
    shared = {name: st.query_params[name] for name in names if name in st.query_params}
    key = "opened." + ".".join(names)
    if not shared or st.session_state.get(key) == shared:
        return
    st.session_state[key] = shared
    try:
        fill(shared)
    except ConfigError as error:
        part = "fork" if "fork" in shared else names[-1]
        refuse(f"The link's {part} was refused, and the form keeps what it had. {error}")


def refuse(why: str) -> None:
    """Say above the charts, once, why something was not done."""
    st.session_state["refused"] = why


def start(config: RunConfig) -> None:
    """Start a race, or the fork that the address asks for, and attach to it. Where data are missing, offer to get them."""
    if (missing := fetching.lacking(config)) is not None:
        fetching.ask(missing)
        return
    parent = forking.asked()
    begin(lambda: runs.start(config) if parent is None else runs.fork(parent, config.lanes[0]))


def begin(action: Callable[[], str]) -> None:
    """Start something and attach to it, or say why it cannot be."""
    try:
        run_id = action()
    except (TooManyRuns, DeviceError, ConfigError, BadCheckpoint, StoreProblem, UnknownRun) as error:
        refuse(str(error))
        return
    # The first chart is then there with this very refresh.
    runs.get(run_id).wait_for_snapshot(0.7)
    attach(run_id)


def restart(run: Run | Past | None, reseed: Callable[[], RunConfig | None]) -> None:
    """Stop a run and start the form's race with the next seed."""
    if isinstance(run, Run):
        run.stop()
        run.join(1.0)
    if (config := reseed()) is not None:
        start(config)


def several_seeds(config: RunConfig, seeds: int) -> RunConfig | None:
    try:
        return config.with_seeds(seeds)
    except ConfigError as error:
        refuse(str(error))
        return None


def run_list(shown: Run | Past | None, *, several: bool) -> None:
    """Switch between the runs of this server, and those that came with it, that belong on this page."""
    known = {run.id: label(run) for run in runs.runs() if (len(run.lanes) > 1) == several}
    if isinstance(shown, Past) and shown.stored:
        known[shown.id] = label(shown)
    known |= {x.name: f"recorded: {x.title}" for x in RECORDINGS.values() if x.several == several}
    current = shown.id if shown else None
    options = [None, *known]
    # A browser keeps a chosen label as long as the key is the same; a new key brings labels up to date.
    key = f"shown_run.{current}.{hash(tuple(known.values()))}"
    st.selectbox(
        "Runs",
        options,
        index=options.index(current) if current in options else 0,
        format_func=lambda run_id: known[run_id] if run_id else "New run",
        key=key,
        on_change=lambda: attach(st.session_state[key]),
        help="Runs of this server since it was started, and recorded ones. All that are kept stand on the page Runs.",
    )


def label(run: Run | Past) -> str:
    """A run in one line: what it does now, what it trains on what."""
    first = run.config.lanes[0]
    what = f"{len(run.config.lanes)} lanes" if len(run.config.lanes) > 1 else first.objective.label
    seeds = f", {run.config.seeds} seeds" if run.config.seeds > 1 else ""
    # What a live run is at changes more often than a list is drawn: the badge above the charts says it.
    status = "live" if run.status in LIVE else run.status
    return f"{status}: {what} on {first.dataset.kind}{seeds} · {run.id}"


def bar(run: Run | Past | None, config: RunConfig | None, seeds: int, reseed: Callable[[], RunConfig | None]) -> str:
    """The bar of buttons. Returns the clock of the x axes.

    Parameters
    ----------
    config : RunConfig or None
        What Start starts; None where the form is wrong.
    seeds : int
        How many the button for several seeds trains.
    reseed : callable
        Puts the next seed into the form and returns its race.
    """
    ours = run if isinstance(run, Run) else None
    alive = ours is not None and ours.status in LIVE
    fork = forking.asked() is not None
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if st.button(
            "Fork" if fork else "Start",
            icon=":material/call_split:" if fork else ":material/play_arrow:",
            type="primary",
            disabled=alive or config is None,
            key="start",
        ):
            assert config is not None
            start(config)
            st.rerun()
        # Pause and Step act in callbacks, before the fragment is drawn: a click may come with a rerun of the whole page,
        # and that must not ask for a rerun of a fragment.
        if run is not None and not alive and can_resume(run):
            if st.button("Resume", icon=":material/resume:", key="go_on", help="Go on from the last checkpoint."):
                begin(lambda: runs.resume(run.id))
                st.rerun()
        else:
            pause(ours)
        st.button(
            "Step",
            icon=":material/skip_next:",
            disabled=not alive,
            key="one_step",
            help="One generator step.",
            on_click=None if ours is None else ours.step,
        )
        if st.button("Stop", icon=":material/stop:", disabled=not alive, key="stop"):
            assert ours is not None
            ours.stop()
            ours.join(1.0)
            st.rerun()
        # In a callback too: it fills the form, which must happen before the form is drawn.
        if st.button(
            "New seed",
            icon=":material/casino:",
            disabled=config is None,
            key="new_seed",
            help="Stop, and start again with the next seed.",
            on_click=restart,
            args=(run, reseed),
        ):
            st.rerun()
        if st.button(
            f"{seeds} seeds",
            icon=":material/groups:",
            disabled=alive or fork or config is None or config.lanes[0].dataset.is_image,
            key="many_seeds",
            help=f"Train with {seeds} seeds at once: was it luck? Charts show the median and the band from 10 to 90 %.",
        ):
            assert config is not None
            if (many := several_seeds(config, seeds)) is not None:
                start(many)
            st.rerun()
        st.space("stretch")
        return live.choose_clock("clock")


def pause(run: Run | None) -> None:
    """The button that pauses a run and lets it go on."""
    paused = run is not None and run.status == "paused"
    st.button(
        "Resume" if paused else "Pause",
        icon=":material/resume:" if paused else ":material/pause:",
        disabled=run is None or run.status not in LIVE,
        key="resume" if paused else "pause",
        on_click=None if run is None else run.resume if paused else run.pause,
    )


def can_resume(run: Run | Past) -> bool:
    """There is something left to train, and a place to go on from."""
    kept = run.stored if isinstance(run, Past) else runs.store is not None
    return kept and run.status in RESUMABLE


def failures(views: tuple[LaneView, ...]) -> None:
    """Why lanes failed."""
    for i, view in enumerate(views):
        if view.failure is None:
            continue
        where = f"Lane {i + 1}: " if len(views) > 1 else ""
        st.error(f"{where}**{plain(view.failure.message)}** {plain(view.failure.cause)}", icon=":material/error:")
        if i == 0 and view.failure.kind == "data" and isinstance(view.config.dataset, Published):
            fetching.button(view.config.dataset, "fetch.failed", damaged=True)
        with st.expander("Traceback"):
            st.code(view.failure.traceback, language="text")


def stage(
    run: Run | Past | None,
    config: RunConfig | None,
    seeds: int,
    reseed: Callable[[], RunConfig | None],
    empty: RunConfig,
) -> None:
    """Transport bar and charts: the one fragment of a page."""
    if refused := st.session_state.pop("refused", None):
        st.error(plain(refused), icon=":material/block:")
    clock = bar(run, config, seeds, reseed)
    if run is None:
        if not forking.draw(config, clock):
            live.draw_empty(config or empty)
        return
    ended = run.status not in LIVE
    failures(run.view().lanes)
    live.draw(run, clock)
    if ended and st.session_state.get("polling") == run.id:
        # The run has ended: one whole rerun stops the timer and gives the form back.
        st.session_state["polling"] = None
        st.rerun()


def show(
    run: Run | Past | None,
    config: RunConfig | None,
    seeds: int,
    reseed: Callable[[], RunConfig | None],
    empty: RunConfig,
) -> None:
    """Draw the stage, again and again while the run is live."""

    def readable() -> None:
        try:
            stage(run, config, seeds, reseed, empty)
        except StoreProblem as problem:  # the store was damaged after the page was opened
            storing.tell(problem, "This run cannot be shown any more: the store cannot be read.")

    polling = run is not None and run.status in LIVE
    st.session_state["polling"] = run.id if polling and run else None
    st.fragment(readable, run_every=live.REFRESH_SECONDS if polling else None)()
