"""The compare page: two to four lanes side by side, on one clock."""

from __future__ import annotations

from urllib.parse import urlencode

import streamlit as st

from pages.ui import shell
from pages.ui.form import fields as forms
from pages.ui.form import limits
from pages.ui.form.lanes import LanesForm
from pages.ui.live import storing, this_run, transport
from wgan_core.config import RunConfig
from wgan_core.lessons.scenarios import SCENARIOS, Scenario
from wgan_core.schema import ConfigError, Problem

shell.require_app()
storing.banner()
form = LanesForm()
DEFAULT = "three-objectives"


def fill_from_link(shared: dict[str, str]) -> None:
    """Fill the form from ``?scenario=`` or ``?race=``."""
    if (name := shared.get("scenario")) is None:
        config = RunConfig.parse(shared["race"])
        if len(config.lanes) < 2:
            raise ConfigError([Problem("lanes", "a comparison has 2 to 4 lanes; you gave 1")])
        form.fill(config)
    elif name in SCENARIOS:
        choose(SCENARIOS[name])
    else:
        raise ConfigError([Problem("scenario", f"must be one of {', '.join(SCENARIOS)}; you gave “{name[:60]}”")])


def choose(scenario: Scenario) -> None:
    st.session_state["chosen_scenario"] = st.session_state["lesson"] = scenario.name
    form.fill(scenario.config)
    for key in ("prediction", "revealed"):
        st.session_state.pop(key, None)


def scenario_chosen() -> None:
    if (name := st.session_state["chosen_scenario"]) is None:  # Escape in the list: nothing else was chosen
        st.session_state["chosen_scenario"] = st.session_state.get("lesson")
    else:
        choose(SCENARIOS[name])
        st.query_params.from_dict({"scenario": name} | ({"projector": "1"} if "projector" in st.query_params else {}))


def next_seed() -> RunConfig | None:
    """The form with the next seed."""
    try:
        config = RunConfig.parse(form.data())
        config = config.with_seed(config.lanes[0].seed + 1)
    except ConfigError as error:
        transport.refuse(str(error))
        return None
    form.fill(config)
    return config


def share(config: RunConfig) -> None:
    with st.popover("Share this comparison", icon=":material/link:", width="stretch"):
        if why := forms.too_long(config.to_url()):
            st.caption(why)
            return
        st.caption("This link opens the form with these lanes, ready to start.")
        base = str(st.context.url or "").split("?")[0]
        st.code(f"{base}?{urlencode({'race': config.to_url()})}", wrap_lines=True, language=None)


def asked_of(scenario: Scenario, config: RunConfig | None) -> bool:
    """Whether a scenario's question is still about these lanes, whatever their seed and device."""
    lanes = () if config is None else config.lanes
    return len(lanes) == len(scenario.config.lanes) and not any(
        forms.changed(before, lane) for before, lane in zip(scenario.config.lanes, lanes, strict=True)
    )


def lesson(scenario: Scenario | None, config: RunConfig | None) -> None:
    """The question, what one predicts, the reveal; and the switch for a projector."""
    other = scenario if scenario is not None and not asked_of(scenario, config) else None
    scenario = None if other else scenario
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        guess = None
        if other is not None:
            st.caption(
                f"These lanes are no longer those of “{other.title}”, so that its question is not asked.",
                width="content",
            )
            st.button("Back to the lesson", key="lesson_again", on_click=choose, args=(other,))
        if scenario is not None:
            st.markdown(f"**{scenario.question}**", width="content")
            guess = st.pills(
                "Your prediction", scenario.options, key="prediction", label_visibility="collapsed", wrap=True
            )
            if st.button("Reveal", key="reveal", disabled=guess is None, help="First choose what you expect."):
                st.session_state["revealed"] = True
            st.caption(f"about {scenario.seconds} s on two CPU cores", width="content")
        st.space("stretch")
        projector()
    if scenario is not None and st.session_state.get("revealed") and guess is not None:
        right = scenario.options[scenario.answer]
        say = f"{'As measured.' if guess == right else f'Measured was: **{right}**.'} {scenario.reveal}"
        st.info(say, icon=":material/check:" if guess == right else ":material/lightbulb:")


def projector() -> None:
    """A switch that hides the form and enlarges the panels."""
    st.session_state.setdefault("projector", "projector" in st.query_params)

    def switched() -> None:
        if st.session_state["projector"]:
            st.query_params["projector"] = "1"
        else:
            st.query_params.pop("projector", None)

    if st.toggle("Projector", key="projector", help="Hide the form and enlarge the panels.", on_change=switched):
        hidden = "[data-testid='stSidebar'], [data-testid='stExpandSidebarButton'] { display: none; }"
        st.html(f"<style>{hidden}</style><span class='wl-projector-on'></span>")


transport.open_shared(("scenario", "race"), fill_from_link)
run = transport.attached(several=True)
if not form.filled():
    if run is None:
        choose(SCENARIOS[DEFAULT])
    else:
        form.fill(run.config)
with st.sidebar:
    transport.run_list(run, several=True)
    if run is not None:
        this_run.draw(run)
    st.selectbox(
        "Scenario",
        list(SCENARIOS),
        index=None,
        format_func=lambda name: SCENARIOS[name].title,
        placeholder="Choose a lesson",
        key="chosen_scenario",
        on_change=scenario_chosen,
    )
    race = form.draw()
    seeds = forms.seeds_knob()
    affordable = limits.draw(race)
    if race is not None:
        share(race)

chosen = st.session_state.get("chosen_scenario")
lesson(SCENARIOS[chosen] if chosen else None, race)
transport.show(run, affordable, seeds, next_seed, SCENARIOS[DEFAULT].config)
