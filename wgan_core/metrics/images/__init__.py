"""Scores of images: how good and how varied they are, by features of a small classifier that is trained here on the same data.

docs/scores.md says what each score is, where it comes from and what it is blind to.
"""

from wgan_core.metrics.images.classifier import Classifier, Fitting
from wgan_core.metrics.images.distances import Neighbours, frechet, kid, neighbours, reverse_kl
from wgan_core.metrics.images.scorer import Scorer, due

__all__ = ["Classifier", "Fitting", "Neighbours", "Scorer", "due", "frechet", "kid", "neighbours", "reverse_kl"]
