"""The machine: its devices, and the folders where this software keeps what is its user's."""

from wgan_core.host.devices import DeviceError, available, describe, resolve
from wgan_core.host.folders import data_folder, replacing

__all__ = ["DeviceError", "available", "data_folder", "describe", "replacing", "resolve"]
