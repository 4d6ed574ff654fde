"""The pixels of a picture without its metadata, for where these cannot be read: no text, no profile, no preview.

Nothing is decoded here. What cannot be followed is left as it is; the decoder says what is wrong with it.
"""

from __future__ import annotations

import struct

PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8"
# With the camera's rotation, which is only read when it is asked for.
PNG_KEPT = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"eXIf"}
# Segments for applications and comments. Those of JFIF and Adobe say how colours are stored; shorter ones say nothing.
JPEG_DROPPED = {0xFE, *range(0xE0, 0xF0)}
JPEG_COLOURS = {0xE0: 16, 0xEE: 14}
JPEG_SCAN = 0xDA
# The tags of the baseline, and of tiles, predictors, YCbCr and JPEG: names stand in the specification, TIFF 6.0.
TIFF_KEPT = {
    *(254, 255, 256, 257, 258, 259, 262, 266, 273, 274, 277, 278, 279, 280, 281, 284, 292, 293, 317, 320),
    *(322, 323, 324, 325, 332, 338, 339, 340, 341, 347, 512, 513, 514, 515, 519, 520, 521, 529, 530, 531, 532),
}


def bare(data: bytes) -> bytes:
    """The same picture without metadata: a PNG, a JPEG or a TIFF. All else is given back."""
    try:
        if data.startswith(PNG):
            return _png(data)
        if data.startswith(JPEG):
            return _jpeg(data)
        if data[:4] in (b"II*\0", b"MM\0*"):
            return _tiff(data)
    except (struct.error, IndexError):  # it breaks off
        pass
    return data


def _png(data: bytes) -> bytes:
    kept, at = [PNG], len(PNG)
    while at < len(data):
        (size,) = struct.unpack_from(">I", data, at)
        kind, end = data[at + 4 : at + 8], at + 12 + size
        if kind in PNG_KEPT:
            kept.append(data[at:end])
        if kind == b"IEND":
            break
        at = end
    return b"".join(kept)


def _jpeg(data: bytes) -> bytes:
    kept, at = [JPEG], len(JPEG)
    while data[at] == 0xFF and data[at + 1] != JPEG_SCAN:
        marker = data[at + 1]
        if marker == 0xFF:  # filling
            at += 1
            continue
        (size,) = struct.unpack_from(">H", data, at + 2)
        if marker not in JPEG_DROPPED or size >= JPEG_COLOURS.get(marker, size + 1):
            kept.append(data[at : at + 2 + size])
        at += 2 + size
    return b"".join([*kept, data[at:]])


def _tiff(data: bytes) -> bytes:
    """The first directory with fewer entries, in its place: offsets within the file stay as they are."""
    order = "<" if data[:2] == b"II" else ">"
    (at,) = struct.unpack_from(f"{order}I", data, 4)
    (count,) = struct.unpack_from(f"{order}H", data, at)
    entries = [data[start : start + 12] for start in range(at + 2, at + 2 + 12 * count, 12)]
    kept = [entry for entry in entries if struct.unpack_from(f"{order}H", entry)[0] in TIFF_KEPT]
    directory = struct.pack(f"{order}H", len(kept)) + b"".join(kept) + bytes(4)
    return data[:at] + directory + data[at + len(directory) :]
