"""Colours: one for each role, everywhere. From Okabe and Ito's palette, which colour-blind people can tell apart."""

from __future__ import annotations

from wgan_core.objectives import Objective

BLUE, SKY, GREEN, ORANGE, VERMILION, PURPLE = "#0072B2", "#56B4E9", "#009E73", "#E69F00", "#D55E00", "#CC79A7"
# Two more, for where six do not do.
BROWN, VIOLET = "#A6611A", "#9467BD"

# Replaced in the browser: #0072B2 on a light page, its lighter sister #56B4E9 on a dark one.
REAL = "var(--real)"
GENERATED = PURPLE
CRITIC = BROWN
# Replaced in the browser by the text's colour, so that it shows in the light and in the dark theme.
INK = "var(--ink)"
QUIET = "var(--quiet)"

# Of objectives that name no colour.
OTHER_OBJECTIVE = SKY
# For lanes that have the same objective.
LANES = (VERMILION, ORANGE, GREEN, SKY)

# What stands for the text's colours and for real data where nothing replaces them: on paper, which is light.
PRINTED = {REAL: BLUE, INK: "#262730", QUIET: "#808495"}
LINES_ON_PAPER = "#E6E6EA"

# The critic's surface: a diverging map, clear at its centre, so that it lies well on a light and on a dark page.
LOW, HIGH = BROWN, "#018571"
SURFACE = [[0, "rgba(166,97,26,0.75)"], [0.5, "rgba(128,128,128,0.05)"], [1, "rgba(1,133,113,0.75)"]]


def of_objective(kind: str) -> str:
    """The colour of an objective, by its kind: its own, or that of all that name none. None has its parent's."""
    return vars(Objective.kinds.get(kind, Objective)).get("color") or OTHER_OBJECTIVE


def printed(colour: str) -> str:
    """A colour as it is on paper.

    Examples
    --------
    >>> printed(REAL), printed(GREEN)
    ('#0072B2', '#009E73')
    """
    return PRINTED.get(colour, colour)
