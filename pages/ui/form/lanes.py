"""The form of a race: what all lanes share, once, and each lane's own."""

from __future__ import annotations

import secrets
from typing import Any

import streamlit as st

from pages.ui.form.fields import Form, run_knob, say
from wgan_core.config import MOST_LANES, RunConfig
from wgan_core.config.run import ARCHITECTURE, OWN, SHARED
from wgan_core.schema import ConfigError

LANES = "race.lanes"
SHARED_GROUPS = {
    "Data": ("dataset", "conditional"),
    "Networks": ("latent", "generator", "critic"),
    "Start": ("batch_size", "seed", "device", "threads", "speed", "scores_every"),
}
KNOBS = ("clock", "length", "snapshot_every")


class LanesForm:
    """A form for a race. What it holds lives in the session."""

    def __init__(self) -> None:
        self.shared = Form("race.shared")

    @property
    def lanes(self) -> list[Form]:
        return [Form(name) for name in st.session_state.get(LANES, [])]

    def filled(self) -> bool:
        return bool(st.session_state.get(LANES))

    def fill(self, race: RunConfig) -> None:
        """Put a race into the form."""
        for lane in self.lanes:
            lane.forget()
        st.session_state[LANES] = []
        self.shared.fill(race.lanes[0])
        shared, _ = race.parts()
        for config in race.lanes:
            lane = self._new_lane()
            lane.fill(config)
            st.session_state[f"own.{lane.name}"] = any(name not in shared for name in ARCHITECTURE)
        for name in KNOBS:
            st.session_state[f"race.{name}"] = getattr(race, name)

    def draw(self) -> RunConfig | None:
        """Draw the form and return its race, or None after saying what is wrong with it."""
        for number, lane in enumerate(self.lanes, 1):
            kind = lane.data["objective"].get("kind", "")
            with st.expander(f"Lane {number}: {kind}", expanded=False):
                self._lane(lane)
        if len(self.lanes) < MOST_LANES:
            st.button("Add a lane", icon=":material/add:", on_click=self._add, width="stretch", key="add_lane")
        st.caption("All lanes")
        for name in KNOBS:
            run_knob(name, RunConfig.model_fields[name].default, f"race.{name}")
        self.shared.draw(SHARED_GROUPS)
        try:
            return RunConfig.parse(self.data())
        except ConfigError as error:
            say(error)
            return None

    def data(self) -> dict[str, Any]:
        """What the form holds, as :meth:`RunConfig.parse` takes it."""
        shared = self.shared.data
        lanes = []
        for lane in self.lanes:
            own = OWN + (ARCHITECTURE if st.session_state.get(f"own.{lane.name}") else ())
            lanes.append({name: lane.data[name] for name in own})
        knobs = {name: st.session_state[f"race.{name}"] for name in KNOBS if f"race.{name}" in st.session_state}
        return {"shared": {name: shared[name] for name in SHARED + ARCHITECTURE}, "lanes": lanes, **knobs}

    def _lane(self, lane: Form) -> None:
        draft = dict(lane.data)
        lane.fields(OWN, draft)
        if st.toggle("Networks of its own", key=f"own.{lane.name}"):
            lane.fields(ARCHITECTURE, draft)
        lane.keep(draft)
        if len(self.lanes) > 2:
            st.button(
                "Remove this lane",
                icon=":material/delete:",
                on_click=self._remove,
                args=(lane,),
                key=f"remove.{lane.name}",
            )

    def _new_lane(self) -> Form:
        lane = Form(f"lane-{secrets.token_hex(3)}")
        st.session_state[LANES] = [*st.session_state.get(LANES, []), lane.name]
        return lane

    def _add(self) -> None:
        """One more lane, at first like the last."""
        last = self.lanes[-1]
        lane = self._new_lane()
        lane.keep(dict(last.data))
        st.session_state[f"own.{lane.name}"] = st.session_state.get(f"own.{last.name}", False)

    def _remove(self, lane: Form) -> None:
        lane.forget()
        st.session_state[LANES] = [name for name in st.session_state[LANES] if name != lane.name]
