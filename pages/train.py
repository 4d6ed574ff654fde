"""The live page: choose, start, watch it learn."""

from __future__ import annotations

from urllib.parse import urlencode

import streamlit as st

from pages.ui import forms, live, shell
from pages.ui.plotting import CLOCKS
from wgan_core.config import RunConfig, live_paths
from wgan_core.devices import DeviceError
from wgan_core.explain import ConfigError, Problem
from wgan_core.presets import PRESETS
from wgan_core.records import RunView
from wgan_core.runs import Run, TooManyRuns, UnknownRun, manager

shell.require_app()
runs = manager()


def attached() -> Run | None:
    """The run that the URL names."""
    if not (run_id := st.query_params.get("run")):
        return None
    try:
        return runs.get(run_id[:40])  # ours are shorter, and what else stands there is shown
    except UnknownRun as error:
        st.warning(forms.plain(str(error)), icon=":material/search_off:")
        return None


def attach(run_id: str | None) -> None:
    """Show another run, or none. The run that was shown goes on."""
    st.query_params.from_dict({"run": run_id} if run_id else {})


def open_shared_config() -> None:
    """Fill the form from ``?preset=`` or ``?config=``, once. A broken one is refused by name and changes nothing."""
    shared = {name: st.query_params[name] for name in ("preset", "config") if name in st.query_params}
    if not shared or st.session_state.get("opened") == shared:
        return
    st.session_state["opened"] = shared
    try:
        if (name := shared.get("preset")) is None:
            forms.fill(RunConfig.parse(shared["config"]))
        elif name in PRESETS:
            st.session_state["chosen_preset"] = name
            forms.fill(PRESETS[name].config)
        else:
            raise ConfigError([Problem("preset", f"must be one of {', '.join(PRESETS)}; you gave “{name[:60]}”")])
    except ConfigError as error:
        refuse("The link's config was refused, and the form keeps what it had. " + str(error))


def refuse(why: str) -> None:
    st.session_state["refused"] = why


def choose_preset() -> None:
    if name := st.session_state["chosen_preset"]:
        forms.fill(PRESETS[name].config)


def start(config: RunConfig) -> None:
    try:
        run_id = runs.start(config)
    except (TooManyRuns, DeviceError) as error:
        refuse(str(error))
        return
    # The first chart is then there with this very refresh.
    runs.get(run_id).wait_for_snapshot(0.7)
    attach(run_id)


def run_list(shown: Run | None) -> None:
    """Switch between the runs of this server."""
    known = {run.id: run.view() for run in runs.runs()}
    if not known:
        return

    def name(run_id: str | None) -> str:
        if run_id is None:
            return "New run"
        view = known[run_id]
        return f"{view.status}: {view.config.objective.label} on {view.config.dataset.kind} · {run_id}"

    current = shown.id if shown else None
    options = [None, *known]
    # A browser keeps a chosen label as long as the key is the same; a new key brings labels up to date.
    key = "shown_run." + " ".join(f"{view.id}:{view.status}" for view in known.values()) + f" {current}"
    st.selectbox(
        "Runs on this server",
        options,
        index=options.index(current) if current in options else 0,
        format_func=name,
        key=key,
        on_change=lambda: attach(st.session_state[key]),
    )


def knobs(run: Run) -> None:
    """Turn knobs of the running run."""
    config = run.view().config
    with st.expander("Turn while it trains", icon=":material/tune:"):
        changes = forms.live_knobs(config, live_paths(config), run.id)
        if st.button("Apply", disabled=not changes, width="stretch"):
            try:
                run.edit(changes)
                st.toast("Turned. The charts show a ✎ at the step.")
            except ConfigError as error:
                st.error(str(error))


def share(config: RunConfig) -> None:
    with st.popover("Share this config", icon=":material/link:", width="stretch"):
        st.caption("This link opens the form with these settings, ready to start.")
        base = str(st.context.url or "").split("?")[0]
        st.code(f"{base}?{urlencode({'config': config.to_url()})}", wrap_lines=True, language=None)
        st.caption("The same from the command line:")
        st.code(forms.command_line(config), wrap_lines=True, language="bash")


def transport(run: Run | None, view: RunView | None, config: RunConfig | None) -> str:
    """The bar of buttons. Returns the clock of the x axes."""
    alive = view is not None and view.live
    paused = view is not None and view.status == "paused"
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if st.button(
            "Start", icon=":material/play_arrow:", type="primary", disabled=alive or config is None, key="start"
        ):
            assert config is not None
            start(config)
            st.rerun()
        # Pause and Step act in callbacks, before the fragment is drawn: a click may come with a rerun of the whole page,
        # and that must not ask for a rerun of a fragment.
        st.button(
            "Resume" if paused else "Pause",
            icon=":material/resume:" if paused else ":material/pause:",
            disabled=not alive,
            key="resume" if paused else "pause",
            on_click=None if run is None else run.resume if paused else run.pause,
        )
        st.button(
            "Step",
            icon=":material/skip_next:",
            disabled=not alive,
            key="one_step",
            help="One generator step.",
            on_click=None if run is None else run.step,
        )
        if st.button("Stop", icon=":material/stop:", disabled=not alive, key="stop"):
            assert run is not None
            run.stop()
            run.join(1.0)
            st.rerun()
        st.space("stretch")
        clock = st.segmented_control(
            "x axis",
            list(CLOCKS),
            format_func=lambda name: CLOCKS[name],
            default="step",
            required=True,
            key="clock",
            label_visibility="collapsed",
        )
    return clock or "step"


def failure(view: RunView) -> None:
    if view.failure is None:
        return
    st.error(f"**{view.failure.message}** {view.failure.cause}", icon=":material/error:")
    with st.expander("Traceback"):
        st.code(view.failure.traceback, language="text")


def stage(run: Run | None, config: RunConfig | None) -> None:
    """Transport bar and charts: the one fragment of the page."""
    view = run.view() if run else None
    if refused := st.session_state.pop("refused", None):
        st.error(forms.plain(refused), icon=":material/block:")
    clock = transport(run, view, config)
    if view is not None:
        failure(view)
    shown = view.config if view else config or RunConfig.parse({})
    live.draw(view, clock, shown.dataset)
    if run is not None and view is not None and not view.live and st.session_state.get("polling") == run.id:
        # The run has ended: one whole rerun stops the timer and gives the form back.
        st.session_state["polling"] = None
        st.rerun()


open_shared_config()
run = attached()
if run is not None and not forms.filled():
    forms.fill(run.view().config)
with st.sidebar:
    run_list(run)
    if run is not None and run.view().live:
        knobs(run)
    st.selectbox(
        "Preset",
        list(PRESETS),
        index=None,
        format_func=lambda name: PRESETS[name].title,
        placeholder="Choose what to see",
        key="chosen_preset",
        on_change=choose_preset,
    )
    if chosen := st.session_state.get("chosen_preset"):
        st.caption(PRESETS[chosen].shows)
    config = forms.config_form()
    if config is not None:
        share(config)

polling = run is not None and run.view().live
st.session_state["polling"] = run.id if polling and run else None
st.fragment(stage, run_every=live.REFRESH_SECONDS if polling else None)(run, config)
