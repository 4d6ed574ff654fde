"""Points of one's own: drawn, or read from a file."""

from wgan_core.datasets.points.clusters import Clusters, Points

__all__ = ["Clusters", "Points"]
