"""What the command line prints fits any console: a letter that its encoding lacks is written as ``\\uXXXX``.

That is how JSON writes letters too, so a line of JSON stays one. The same holds for names of files that are not valid UTF-8.
"""

from __future__ import annotations

import codecs
import io
import sys

ERRORS = "wgan-as-json"


def escaped(error: UnicodeError) -> tuple[str, int]:
    """What stands for letters that cannot be encoded: an error handler as :func:`codecs.register_error` takes it.

    Examples
    --------
    >>> codecs.register_error(ERRORS, escaped)
    >>> "λ = 10 €, 𝒩".encode("latin-1", ERRORS)
    b'\\\\u03bb = 10 \\\\u20ac, \\\\ud835\\\\udca9'
    """
    if not isinstance(error, UnicodeEncodeError):
        raise error
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{high:02x}{low:02x}" for high, low in zip(units[::2], units[1::2], strict=True)), error.end


def fit() -> None:
    """Let both streams of this process print every letter, whatever encoding they have."""
    codecs.register_error(ERRORS, escaped)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=ERRORS)
