"""What every part of a configuration shares: frozen, bounded, explained; and errors that say what is allowed."""

from wgan_core.schema.errors import ConfigError, Problem, allowed, problems_of
from wgan_core.schema.parts import Part, Variant, knob, same_knob, union

__all__ = ["ConfigError", "Part", "Problem", "Variant", "allowed", "knob", "problems_of", "same_knob", "union"]
