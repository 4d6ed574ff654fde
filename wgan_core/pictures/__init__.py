"""Pictures of one's own: from a zip or a folder to a data set, with what was left out and why."""

from wgan_core.pictures.folder import ALL, Folder
from wgan_core.pictures.places import ALLOWED, MAX_UPLOAD_BYTES, keep, offered
from wgan_core.pictures.scan import LeftOut, Pictures, pictures

__all__ = ["ALL", "ALLOWED", "MAX_UPLOAD_BYTES", "Folder", "LeftOut", "Pictures", "keep", "offered", "pictures"]
