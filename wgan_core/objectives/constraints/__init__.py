"""Constraints: what holds the critic. An objective may carry one, as its paper has it, and a config may add another.

To add one, write a subclass of :class:`Constraint` in a module here, and import it below. It may add a term to the critic's loss,
project the critic's parameters after each step, and change the layers of the critic when it is built; form, command line, URL
and contract tests follow.
"""

# The order of these imports is the order in menus.
from wgan_core.objectives.constraints.base import Constraint, Free
from wgan_core.objectives.constraints.clip import Clip

# isort: split
from wgan_core.objectives.constraints.slopes import R1, DraganPenalty, GradientPenalty, OneSidedPenalty

# isort: split
from wgan_core.objectives.constraints.spectral import SPECTRAL, Spectral, largest_singular_value, normalised

__all__ = [
    "R1",
    "SPECTRAL",
    "Clip",
    "Constraint",
    "DraganPenalty",
    "Free",
    "GradientPenalty",
    "OneSidedPenalty",
    "Spectral",
    "largest_singular_value",
    "normalised",
]
