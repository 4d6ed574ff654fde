"""Streamlit as its command runs it, with the tiny experiments of the tests among the others."""

from __future__ import annotations

from streamlit.web.cli import main

from tests.core import tiny_claims
from wgan_core.experiments import EXPERIMENTS

STEPS = 400  # enough to be paused by a hand

if __name__ == "__main__":
    for each in (tiny_claims.trained(steps=STEPS, every=50), tiny_claims.computed()):
        EXPERIMENTS[each.name] = each
    main()
