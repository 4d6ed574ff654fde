"""What a run will take, said before it starts."""

from __future__ import annotations

import streamlit as st

from pages.ui.forms import say
from wgan_core.crew import usable_cores
from wgan_core.devices import DeviceError
from wgan_core.explain import ConfigError
from wgan_core.limits import forecast, refusal
from wgan_core.race import Race

LINE_HEIGHT = 48
HELP = (
    "Memory and time as far as the shapes of the networks tell, with nothing else training: within a factor of two."
    " The first run on new images trains a classifier for the scores as well."
)


def draw(race: Race | None) -> Race | None:
    """A line on what this race will take. Returns it, or None after saying why there is no room for it."""
    text, why = "The settings above need a change.", None
    if race is not None:
        try:
            why = refusal(race, usable_cores())
            text = f"Takes {forecast(race, usable_cores())}"
        except ConfigError as error:
            why, text = error, "There is no telling what this takes."
        except DeviceError:  # Start says which devices there are
            text = "There is no telling what this takes."
    # Of one height, whether the text takes one line or two, so that nothing below it moves.
    with st.container(height=LINE_HEIGHT, border=False):
        st.caption(text, help=HELP)
    if why is not None:
        say(why)
    return None if why is not None else race
