"""Pictures of one's own: from a zip or a folder to a data set, with what was left out and why."""

from wgan_core.datasets.pictures.folder import ALL, Folder
from wgan_core.datasets.pictures.places import ALLOWED, MAX_UPLOAD_BYTES, anywhere, keep, offered
from wgan_core.datasets.pictures.scan import Pictures, Remark, pictures

__all__ = [
    "ALL",
    "ALLOWED",
    "MAX_UPLOAD_BYTES",
    "Folder",
    "Pictures",
    "Remark",
    "anywhere",
    "keep",
    "offered",
    "pictures",
]
