"""Zip files of a few named members, written plainly and read with care: a file may come from anyone.

Before anything is unpacked its outside is looked at: how many members, of which names, how large, how densely packed. Nothing
is ever written to a disk from here, no name of a member becomes a path, and an archive within an archive stays bytes.
"""

from __future__ import annotations

import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from io import BytesIO
from typing import BinaryIO

from wgan_core.export.subject import BadBundle

MOST_MEMBERS = 32
# Without what larger zip files need (zip64).
MOST_BYTES = 2**31
MOST_DIRECTORY_BYTES = 512 * MOST_MEMBERS
# What is packed more densely than this is not numbers of a run. What would be is written unpacked.
MOST_RATIO = 200
SMALL_BYTES = 10_000
NAME = re.compile(r"(manifest|race)\.json|lane-[1-4]/(config\.json|view\.json|(history|frames|state)\.safetensors)")
END = struct.Struct("<4s4H2LH")
# Plain or deflated, with sizes before or behind the data, names in UTF-8 or not. Not encrypted, not patched.
KNOWN_FLAGS = 0x0002 | 0x0004 | 0x0008 | 0x0800
CHUNK = 1 << 16


def pack(members: Mapping[str, bytes]) -> bytes:
    """Named members as a zip file; equal members make equal files."""
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in members.items():
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.external_attr = (stat.S_IFREG | 0o644) << 16
            dense = len(content) > SMALL_BYTES and len(zlib.compress(content, 1)) * MOST_RATIO / 4 < len(content)
            entry.compress_type = zipfile.ZIP_STORED if dense else zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    return out.getvalue()


class Archive:
    """A zip file that has been looked at from outside.

    Raises
    ------
    BadBundle
        It is no zip file, is cut off, or has what no bundle has.
    """

    def __init__(self, file: BinaryIO) -> None:
        count = _look_at_end(file)
        try:
            self._zip = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, ValueError, NotImplementedError, struct.error, EOFError) as error:
            raise BadBundle(f"it is not a zip file that can be read ({error})") from None
        entries = self._zip.infolist()
        if len(entries) != count:
            raise BadBundle("its table of contents is damaged")
        _look_at(entries)
        self._entries = {entry.filename: entry for entry in entries}

    @property
    def names(self) -> set[str]:
        return set(self._entries)

    def size(self, name: str) -> int:
        """How large a member says it is."""
        return self._entries[name].file_size

    def read(self, name: str, most: int) -> bytes:
        """The content of a member of no more than so many bytes.

        Raises
        ------
        BadBundle
        """
        if (entry := self._entries.get(name)) is None:
            raise BadBundle(f"{name} is missing")
        if entry.file_size > most:
            raise BadBundle(f"{name} has {entry.file_size:,} bytes, {most:,} are allowed")
        content = bytearray()
        try:
            with self._zip.open(entry) as member:
                while piece := member.read(CHUNK):
                    content += piece
                    if len(content) > entry.file_size:
                        raise BadBundle(f"{name} is larger than it says")
        except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError) as error:
            raise BadBundle(f"{name} is damaged ({error})") from None
        if len(content) != entry.file_size:
            raise BadBundle(f"{name} is cut off")
        return bytes(content)


def _look_at_end(file: BinaryIO) -> int:
    """The number of members, from the record at the very end: before the table of contents is read, however long it is."""
    size = file.seek(0, 2)
    if size > MOST_BYTES:
        raise BadBundle(f"it has {size:,} bytes, {MOST_BYTES:,} are allowed")
    if size < END.size:
        raise BadBundle("it is not a zip file, or it is cut off")
    before = min(20, size - END.size)
    file.seek(size - END.size - before)
    locator, end = file.read(before), file.read(END.size)
    signature, disk, first_disk, here, count, length, offset, comment = END.unpack(end)
    if signature != b"PK\x05\x06" or comment:
        raise BadBundle("it is not a zip file, or it is cut off")
    if count > MOST_MEMBERS or length > MOST_DIRECTORY_BYTES or locator.startswith(b"PK\x06\x07"):
        raise BadBundle(f"it has more members, or longer names, than a run has ({MOST_MEMBERS} members are allowed)")
    if disk or first_disk or here != count or offset + length != size - END.size:
        raise BadBundle("something stands between its parts, or it is cut off")
    file.seek(0)
    if file.read(4) != b"PK\x03\x04":
        raise BadBundle("something stands before its first member")
    return int(count)


def _look_at(entries: Iterable[zipfile.ZipInfo]) -> None:
    seen: set[str] = set()
    total = reached = 0
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        name = entry.orig_filename
        if not NAME.fullmatch(name) or entry.filename != name:
            raise BadBundle(f"“{name[:60]}” is no name of a part of a run")
        if name in seen:
            raise BadBundle(f"{name} is there twice")
        seen.add(name)
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if kind not in (0, stat.S_IFREG) or entry.is_dir():
            raise BadBundle(f"{name} is a link, a folder or another special file")
        if entry.flag_bits & ~KNOWN_FLAGS or entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise BadBundle(f"{name} is encrypted, or packed in an unusual way")
        if entry.file_size > SMALL_BYTES and entry.file_size > MOST_RATIO * entry.compress_size:
            raise BadBundle(f"{name} would unpack to more than {MOST_RATIO} times its size")
        if entry.header_offset < reached:
            raise BadBundle(f"{name} lies over another member")
        reached = entry.header_offset + entry.compress_size
        total += entry.file_size
    if total > MOST_BYTES:
        raise BadBundle(f"its members say that they have {total:,} bytes, {MOST_BYTES:,} are allowed")
