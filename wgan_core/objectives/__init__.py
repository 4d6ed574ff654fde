"""Objectives: what critic and generator minimise, one screen of maths each.

To add one, write a subclass of :class:`Objective` in a module here, and import it below. Its fields are its knobs; form,
command line, URL, docs and contract tests follow. An objective owns no optimiser and draws random numbers only from the
generator it is handed.

Throughout, f is the critic's raw output (for a GAN: the logit, so D = sigmoid(f)), x real samples, x̃ = G(z) generated ones.

The maths serves one run and K stacked ones alike. A stacked critic has a leading dimension for its K members: samples (K, n, d),
scores (K, n, 1). With :func:`mean_over_samples` for the means each member keeps a loss of its own, and a term has shape (K,).
"""

# The order of these imports is the order in menus.
from wgan_core.objectives.base import Objective, mean_over_samples, scores
from wgan_core.objectives.gan import LOG_2, Gan

# isort: split
from wgan_core.objectives.wgan import Wasserstein, WganClip, WganGp

# isort: split
from wgan_core.objectives.penalised import Dragan, Wgan, WganLp

# isort: split
from wgan_core.objectives.margins import Hinge, Lsgan

# isort: split
from wgan_core.objectives.divergences import FGan

# isort: split
from wgan_core.objectives.penalties import gradient_penalty, input_gradient_norms, interpolates, one_a_sample

__all__ = [
    "LOG_2",
    "Dragan",
    "FGan",
    "Gan",
    "Hinge",
    "Lsgan",
    "Objective",
    "Wasserstein",
    "Wgan",
    "WganClip",
    "WganGp",
    "WganLp",
    "gradient_penalty",
    "input_gradient_norms",
    "interpolates",
    "mean_over_samples",
    "one_a_sample",
    "scores",
]
