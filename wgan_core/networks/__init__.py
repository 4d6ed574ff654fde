"""Networks: multi-layer perceptrons for points, convolutional and residual networks for images, as generator and as critic.

To add an architecture, write a subclass of :class:`Network` with a ``kind`` in a module here, and import it below.
"""

# The order of these imports is the order in menus.
from wgan_core.networks.mlp import Mlp

# isort: split
from wgan_core.networks.dcgan import Dcgan, ReportDcgan, ToSigned

# isort: split
from wgan_core.networks.resnet import Residual, ResNet

# isort: split
from wgan_core.networks.average import Average
from wgan_core.networks.base import Latent, Network
from wgan_core.networks.build import build_critic, build_generator, materialise
from wgan_core.networks.flat import FlatParameters
from wgan_core.networks.given import Given, joined
from wgan_core.networks.speed import Speed

__all__ = [
    "Average",
    "Dcgan",
    "FlatParameters",
    "Given",
    "Latent",
    "Mlp",
    "Network",
    "ReportDcgan",
    "ResNet",
    "Residual",
    "Speed",
    "ToSigned",
    "build_critic",
    "build_generator",
    "joined",
    "materialise",
]
