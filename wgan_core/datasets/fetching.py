"""Fetching files of known content over the network, in the background, and saying plainly why when it does not work."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from threading import Event, Lock, Thread
from time import monotonic
from typing import Literal
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from wgan_core.host import replacing

TIMEOUT_SECONDS = 15.0
"""How long a server may say nothing."""
SLOWEST = 20_000
"""Bytes a second, on the whole, below which a server counts as one that hangs."""
TRIES = 2
PAUSE_SECONDS = 1.0
CHUNK = 1 << 16
State = Literal["ready", "running", "finished", "failed", "cancelled"]


@dataclass(frozen=True)
class RemoteFile:
    """A file whose content is known before it is fetched.

    Attributes
    ----------
    name : str
        What it is called.
    md5 : str
        Of its content, as whoever publishes it gives it: it tells damage, and pages that come instead of files.
    size : int
        In bytes.
    mirrors : tuple of str
        Addresses, the one to try first first.
    """

    name: str
    md5: str
    size: int
    mirrors: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.name} ({self.size:,} bytes, md5 {self.md5})"

    def is_at(self, place: Path) -> bool:
        """Whether this very file lies there."""
        try:
            if place.stat().st_size != self.size:
                return False
            with place.open("rb") as file:
                return hashlib.file_digest(file, "md5").hexdigest() == self.md5
        except OSError:
            return False


class NotFetched(Exception):
    """Why one address did not give the file, in a few words."""


class Cancelled(Exception):
    """Someone no longer wants the file."""


def fetch(file: RemoteFile, folder: Path, cancel: Event, progress: Callable[[int], None]) -> None:
    """Fetch a file into a folder, from the first mirror that has it. There is never half a file in its place.

    Parameters
    ----------
    cancel : Event
        Set it to end the fetching.
    progress : callable
        Told the bytes of this file that have come, again from 0 when another mirror is tried.

    Raises
    ------
    NotFetched
        What was tried, what came of it, and what to do.
    Cancelled
        As asked for.
    """
    tried: list[str] = []
    for mirror in file.mirrors:
        for again in range(TRIES):
            if again and cancel.wait(PAUSE_SECONDS):
                raise Cancelled
            try:
                _download(file, mirror, folder / file.name, cancel, progress)
                return
            except NotFetched as error:
                why = str(error)
        tried.append(f"{mirror}: {why}")
    raise NotFetched(
        f"{file} could not be fetched. Tried {'; '.join(tried)}. If you have the file, put it into {folder}."
        " Otherwise try again when this computer has a network."
    )


def _download(file: RemoteFile, url: str, place: Path, cancel: Event, progress: Callable[[int], None]) -> None:
    if not url.startswith(("http://", "https://")):
        raise NotFetched("not an address of the web")
    content, come = hashlib.md5(usedforsecurity=False), 0
    patience = monotonic() + TIMEOUT_SECONDS + file.size / SLOWEST
    try:
        request = Request(url, headers={"User-Agent": "wgan-live"})
        with urlopen(request, timeout=TIMEOUT_SECONDS) as response, replacing(place) as part:
            kind = response.headers.get_content_type()
            while True:
                if cancel.is_set():
                    raise Cancelled
                if monotonic() > patience:
                    raise NotFetched("too slow")
                if not (data := response.read1(CHUNK)):
                    break
                come += len(data)
                if come > file.size:
                    raise NotFetched(_other(kind, "more bytes than the file has"))
                content.update(data)
                part.write(data)
                progress(come)
            # Within: what is not the file never takes its place.
            if content.hexdigest() != file.md5:
                cut = f"{come:,} of {file.size:,} bytes" if come < file.size else "another content than the file's"
                raise NotFetched(_other(kind, cut))
    except HTTPError as error:
        error.close()
        raise NotFetched(f"the server answered {error.code} {error.reason}") from None
    except URLError as error:
        raise NotFetched(f"no connection ({error.reason})") from None
    except TimeoutError:
        raise NotFetched("the server said nothing for too long") from None
    except (OSError, HTTPException, ValueError) as error:
        raise NotFetched(f"broken off ({getattr(error, 'strerror', None) or type(error).__name__})") from None


def _other(kind: str, what: str) -> str:
    return "a web page came instead of the file" if kind == "text/html" else f"{what} came"


def take(files: Sequence[RemoteFile], folder: Path, data: bytes, name: str = "the file") -> RemoteFile:
    """Put a file that someone brings into its place, if it is one of those that are wanted. What it is called does not matter.

    Returns
    -------
    RemoteFile
        The one that it is.

    Raises
    ------
    NotFetched
        It is none of them, or cannot be written.
    """
    content = hashlib.md5(data, usedforsecurity=False).hexdigest()
    for file in files:
        if (file.size, file.md5) == (len(data), content):
            try:
                with replacing(folder / file.name) as part:
                    part.write(data)
            except OSError as error:
                raise NotFetched(f"Nothing can be written into {folder} ({error.strerror}).") from None
            return file
    wanted = " or ".join(map(str, files))
    raise NotFetched(f"“{name[:80]}” has {len(data):,} bytes and md5 {content}: it is not {wanted}. It was not kept.")


class Fetch:
    """Fetching some files in the background: start it, look at it as often as you like, cancel it.

    Parameters
    ----------
    files : sequence of RemoteFile
        Those that lie in the folder already are not fetched again.
    folder : Path
        Made if it is not there.

    Attributes
    ----------
    state : str
        ready, running, finished, failed or cancelled.
    done, size : int
        Bytes that have come, and bytes of all files together.
    problem : str
        Why it failed.
    """

    def __init__(self, files: Sequence[RemoteFile], folder: Path) -> None:
        self.files, self.folder = tuple(files), folder
        self.state: State = "ready"
        self.done, self.size = 0, sum(file.size for file in self.files)
        self.problem = ""
        self._cancel = Event()
        self._thread = Thread(target=self._work, name="fetch", daemon=True)

    def start(self) -> None:
        """Begin. A job runs once: to try again, make another."""
        self.state = "running"
        self._thread.start()

    def cancel(self) -> None:
        """Ask for an end, which comes as soon as the server says something, or has been silent for too long."""
        self._cancel.set()

    @property
    def cancelling(self) -> bool:
        """Someone has asked for an end that has not come yet."""
        return self._cancel.is_set() and self.state == "running"

    def join(self, seconds: float | None = None) -> bool:
        """Wait for the end. Returns whether it has come."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _work(self) -> None:
        before = 0
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            for file in self.files:
                if not file.is_at(self.folder / file.name):
                    fetch(file, self.folder, self._cancel, lambda come, base=before: self._advance(base + come))  # type: ignore[misc]
                before += file.size
                self._advance(before)
            self.state = "finished"
        except Cancelled:
            self.state = "cancelled"
        except NotFetched as error:
            self.problem, self.state = str(error), "failed"
        except OSError as error:
            self.problem = f"Nothing can be written into {self.folder} ({error.strerror})."
            self.state = "failed"

    def _advance(self, done: int) -> None:
        self.done = done


# One job a folder, whoever asks: thirty browsers fetch a set once.
_jobs: dict[Path, Fetch] = {}
_starting = Lock()


def job_in(folder: Path) -> Fetch | None:
    """The last job of this process that fetches, or has fetched, into a folder."""
    return _jobs.get(folder)


def begin(files: Sequence[RemoteFile], folder: Path) -> Fetch:
    """Start fetching into a folder. Where that is going on already, it goes on."""
    with _starting:
        found = _jobs.get(folder)
        if found is None or found.state != "running":
            found = _jobs[folder] = Fetch(files, folder)
            found.start()
        return found
