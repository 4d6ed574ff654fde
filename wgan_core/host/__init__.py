"""The machine: its devices, and the folders where this software keeps what is its user's."""

from wgan_core.host.devices import DeviceError, available, describe, resolve
from wgan_core.host.folders import ASSETS, ROOT, data_folder, replacing
from wgan_core.host.process import Cache, single

__all__ = [
    "ASSETS",
    "ROOT",
    "Cache",
    "DeviceError",
    "available",
    "data_folder",
    "describe",
    "replacing",
    "resolve",
    "single",
]
