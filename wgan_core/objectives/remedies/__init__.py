"""Remedies: what steadies a training whatever its objective, as "From GAN to WGAN" lists them in section 5.

To add one, write a subclass of :class:`Remedy` with a ``name`` in a module here, import it below, and say what it does at the
places of the loop. Its fields are its knobs under ``remedies.NAME``, and 0 in the first of them switches it off.
"""

# The order of these imports is the order in forms.
from wgan_core.objectives.remedies.base import REMEDIES, Memory, Remedy, Switches, switches
from wgan_core.objectives.remedies.losses import FeatureMatching, HistoricalAveraging, LabelSmoothing

# isort: split
from wgan_core.objectives.remedies.batches import MinibatchDiscrimination, VirtualBatch
from wgan_core.objectives.remedies.noise import InstanceNoise

__all__ = [
    "REMEDIES",
    "FeatureMatching",
    "HistoricalAveraging",
    "InstanceNoise",
    "LabelSmoothing",
    "Memory",
    "MinibatchDiscrimination",
    "Remedy",
    "Switches",
    "VirtualBatch",
    "switches",
]
