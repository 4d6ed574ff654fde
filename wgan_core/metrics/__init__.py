"""Measurements: the truth beside the estimates. None of them changes the training that they watch.

To add one, write a function of a :class:`Moment` that returns named numbers (scalars) or arrays, under ``@measurement``, in
``samples.py`` or ``critic.py``. Its docstring names each with its unit and range, and becomes its page in docs/reference
(``make docs``).
"""

# The order of the modules is that of the numbers.
from wgan_core.metrics import samples as samples  # isort: skip
from wgan_core.metrics import critic as critic  # isort: skip
from wgan_core.metrics.definitions import Coverage as Coverage
from wgan_core.metrics.definitions import coverage_threshold as coverage_threshold
from wgan_core.metrics.definitions import exact_em as exact_em
from wgan_core.metrics.definitions import image_grid as image_grid
from wgan_core.metrics.definitions import mode_coverage as mode_coverage
from wgan_core.metrics.definitions import relative_spread as relative_spread
from wgan_core.metrics.definitions import share_at_clip as share_at_clip
from wgan_core.metrics.moment import EM_SAMPLES as EM_SAMPLES
from wgan_core.metrics.moment import FLOOR_REPEATS as FLOOR_REPEATS
from wgan_core.metrics.moment import GRID_IMAGES as GRID_IMAGES
from wgan_core.metrics.moment import MEASUREMENTS as MEASUREMENTS
from wgan_core.metrics.moment import MODE_SAMPLES as MODE_SAMPLES
from wgan_core.metrics.moment import Moment as Moment
from wgan_core.metrics.moment import Probe as Probe
from wgan_core.metrics.moment import Reading as Reading
from wgan_core.metrics.moment import evaluating as evaluating
from wgan_core.metrics.moment import measure as measure
from wgan_core.metrics.moment import measurement as measurement
