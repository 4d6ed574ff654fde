"""The live page: choose, start, watch it learn."""

from __future__ import annotations

from urllib.parse import urlencode

import streamlit as st

from pages.ui import shell
from pages.ui.form import fields as forms
from pages.ui.form import limits
from pages.ui.live import forking, storing, this_run, transport
from pages.ui.text import plain
from wgan_core.config import RunConfig, TrainingConfig, live_paths
from wgan_core.lessons.presets import PRESETS
from wgan_core.runs import Run
from wgan_core.schema import ConfigError, Problem
from wgan_core.training.edits import turned

# What the page opens with: settings that show what it is about at the first click. Those of the papers, which are the defaults of
# a config, are unsettled on points (λ = 10).
DEFAULT = "ring-wgan-gp"

shell.require_app()
storing.banner()
form = forms.Form()


def fill_from_link(shared: dict[str, str]) -> None:
    """Fill the form from ``?preset=``, ``?config=`` or ``?fork=``."""
    if (fork := shared.get("fork")) is not None:
        form.fill(forking.config_of(fork))
    elif (name := shared.get("preset")) is None:
        form.fill(TrainingConfig.parse(shared["config"]))
    elif name in PRESETS:
        st.session_state["chosen_preset"] = name
        form.fill(PRESETS[name].config)
    else:
        raise ConfigError([Problem("preset", f"must be one of {', '.join(PRESETS)}; you gave “{name[:60]}”")])


def choose_preset() -> None:
    if name := st.session_state["chosen_preset"]:
        form.fill(PRESETS[name].config_beside(form.data["dataset"]))


def next_seed() -> RunConfig | None:
    """The form with the next seed."""
    try:
        config = TrainingConfig.parse({**form.data, "seed": form.data["seed"] + 1})
    except ConfigError as error:
        transport.refuse(str(error))
        return None
    form.fill(config)
    return RunConfig.solo(config)


def knobs(run: Run) -> None:
    """Turn knobs of the running run."""
    config = run.config_ahead()
    with st.expander("Turn while it trains", icon=":material/tune:"):
        changes = forms.live_knobs(config, live_paths(config), run.id)
        if st.button("Apply", disabled=not changes, width="stretch"):
            try:
                run.edit(changes)
            except ConfigError as error:
                st.error(plain(str(error)))
            else:
                st.session_state["turned"] = run.id, turned(config, run.config_ahead(), changes)
                st.rerun()
        of, what = st.session_state.get("turned", ("", ""))
        if of == run.id:
            st.caption(f"Turned {plain(what)}. The charts show a ✎ at the step.")


def share(config: TrainingConfig) -> None:
    with st.popover("Share this config", icon=":material/link:", width="stretch"):
        if why := forms.too_long(config.to_url()):
            st.caption(why)
        else:
            st.caption("This link opens the form with these settings, ready to start.")
            base = str(st.context.url or "").split("?")[0]
            st.code(f"{base}?{urlencode({'config': config.to_url()})}", wrap_lines=True, language=None)
        st.caption("The same from the command line:")
        st.code(forms.command_line(config), wrap_lines=True, language="bash")
        for name, text in forms.files(config).items():
            st.download_button(f"Save {name}", text, name, width="stretch")


transport.open_shared(("fork", "preset", "config"), fill_from_link)
run = transport.attached(several=False)
if not form.filled():
    if run is None:
        st.session_state["chosen_preset"] = DEFAULT
    form.fill(PRESETS[DEFAULT].config if run is None else run.lane_view().config)
with st.sidebar:
    transport.run_list(run, several=False)
    if isinstance(run, Run) and run.lane_view().live:
        knobs(run)
    if run is not None:
        this_run.draw(run)
    st.selectbox(
        "Preset",
        list(PRESETS),
        index=None,
        format_func=lambda name: PRESETS[name].title,
        placeholder="Choose what to see",
        key="chosen_preset",
        on_change=choose_preset,
    )
    said = st.container()
    config = forms.config_form(form)
    if chosen := st.session_state.get("chosen_preset"):
        preset = PRESETS[chosen]
        said.caption(preset.shows)
        if config is not None and (other := forms.changed(preset.config_beside(form.data["dataset"]), config)):
            said.caption(f"● Changed since: {plain(other)}.")
    seeds = forms.seeds_knob()
    affordable = limits.draw(RunConfig.solo(config) if config else None)
    if config is not None:
        share(config)

transport.show(run, affordable, seeds, next_seed, RunConfig.solo(PRESETS[DEFAULT].config))
