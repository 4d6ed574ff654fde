"""What a run will take, said before it starts."""

from __future__ import annotations

import streamlit as st

from pages.ui.form.fields import say
from wgan_core.config import RunConfig
from wgan_core.host import DeviceError
from wgan_core.limits import forecast, refusal
from wgan_core.members.crew import usable_cores
from wgan_core.schema import ConfigError

LINE_HEIGHT = 64
HELP = (
    "Memory and time as far as the shapes of the networks tell, with nothing else training: within a factor of two."
    " The first run on new images trains a classifier for the scores as well."
)


def draw(config: RunConfig | None) -> RunConfig | None:
    """A line on what this race will take. Returns it, or None after saying what is missing, or why there is no room for it."""
    text, why = "The settings above need a change.", None
    unchosen = config.lanes[0].dataset.unchosen if config is not None else ""
    if unchosen:
        text = unchosen
    elif config is not None:
        try:
            why = refusal(config, usable_cores())
            text = f"Takes {forecast(config, usable_cores())}"
        except ConfigError as error:
            why, text = error, "There is no telling what this takes."
        except DeviceError:  # Start says which devices there are
            text = "There is no telling what this takes."
    # Of one height, whether the text takes one line or two, so that nothing below it moves.
    with st.container(height=LINE_HEIGHT, border=False):
        st.caption(text, help=HELP)
    if why is not None:
        say(why)
    return None if why is not None or unchosen else config
