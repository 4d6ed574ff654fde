"""Pictures of one's own as a data set."""

from __future__ import annotations

import unicodedata
from typing import Any, ClassVar, Literal, Self

from pydantic import field_validator

from wgan_core.datasets.base import DataError
from wgan_core.datasets.images import ImageDataset, Images
from wgan_core.datasets.pictures.pixels import Style
from wgan_core.datasets.pictures.places import located
from wgan_core.datasets.pictures.scan import Pictures, identity_of, pictures
from wgan_core.schema import knob

ALL = "all"
MOST_LETTERS = 1000


class Folder(ImageDataset):
    """Pictures that you bring: a zip, or a folder on the computer that trains. Subfolders are classes."""

    label: ClassVar = "Your own pictures"

    kind: Literal["folder"] = "folder"
    path: str = knob(
        "",
        "Pictures",
        "Upload a zip of pictures, or some pictures; or name a folder on the computer that trains.",
        takes="the path of a folder or a zip, on the page below the folders that WGAN_PICTURES allows, or sha256:… of an upload",
        widget="pictures",
        max_length=MOST_LETTERS,
    )
    classes: str = knob(
        ALL,
        "Class",
        "all, or the name of one subfolder.",
        takes="all, or the name of one subfolder, of up to 200 characters",
        widget="picture-class",
        max_length=200,
    )
    pixels: Literal["28", "32", "64"] = knob("32", "Pixels", "Height and width that all pictures are brought to.")
    colour: Literal["colour", "grey"] = knob("colour", "Colour", "Three channels, or one.")
    fit: Literal["crop", "pad"] = knob(
        "crop", "Fit", "crop takes the middle square of each picture; pad keeps all of it, with white beside it."
    )

    @field_validator("pixels", mode="before")
    @classmethod
    def _as_text(cls, given: Any) -> Any:
        return str(given) if isinstance(given, int) else given

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.style.channels, self.style.side, self.style.side)

    @property
    def style(self) -> Style:
        """How the pictures are brought to one size."""
        return Style(int(self.pixels), 3 if self.colour == "colour" else 1, self.fit)

    @property
    def unchosen(self) -> str:
        return "" if self.path.strip() else "Choose your pictures first: upload some, or name a folder."

    def settled(self) -> Self:
        try:
            place = str(located(self.path))
        except DataError:  # said when it is read
            return self
        whole = self.path.startswith("sha256:") or len(place) > MOST_LETTERS
        return self if whole else type(self)(**self.model_dump() | {"path": place})

    def identity(self) -> str:
        return f"{identity_of(self.path)} {self.model_dump_json()}"

    def pictures(self) -> Pictures:
        """All of them, whatever class was chosen, with what was left out and why."""
        return pictures(self.path, self.style)

    def remarks(self) -> tuple[str, ...]:
        found = self.pictures()
        return (*(f"left out: {one}" for one in found.left_out), *map(str, found.warned))

    def read(self) -> Images:
        found = self.pictures().images
        if self.classes == ALL:
            return found
        wanted = unicodedata.normalize("NFC", self.classes)
        if wanted not in found.classes:
            there = (
                f"there are {', '.join(found.classes)}" if found.classes else "there are no subfolders with pictures"
            )
            raise DataError(f"There is no class “{self.classes}” in these pictures: {there}, or all.")
        chosen = found.labels == found.classes.index(wanted)
        return Images(found.pixels[chosen], found.labels[chosen], found.classes)
