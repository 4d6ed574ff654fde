"""Fetching against a server that hangs, lies, breaks off or is not there: no half file, a plain sentence, and then it works."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import pytest

from tests.core.helpers import wait_until
from wgan_core.datasets import fetching
from wgan_core.datasets.fetching import Fetch, NotFetched, RemoteFile, begin, job_in, take

CONTENT = bytes(range(256)) * 2000
Answer = Callable[[BaseHTTPRequestHandler], None]


def whole(request: BaseHTTPRequestHandler, content: bytes = CONTENT, kind: str = "application/gzip") -> None:
    request.send_response(200)
    request.send_header("Content-Type", kind)
    request.send_header("Content-Length", str(len(content)))
    request.end_headers()
    request.wfile.write(content)


def login(request: BaseHTTPRequestHandler) -> None:
    whole(request, b"<html>Please log in</html>", "text/html; charset=utf-8")


def truncated(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.send_header("Content-Length", str(len(CONTENT)))
    request.end_headers()
    request.wfile.write(CONTENT[:1000])


def too_much(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.end_headers()
    request.wfile.write(CONTENT * 3)


def damaged(request: BaseHTTPRequestHandler) -> None:
    whole(request, b"x" + CONTENT[1:])


def missing(request: BaseHTTPRequestHandler) -> None:
    request.send_error(404, "Not Found")


class Server:
    """A server on this machine whose answers are changed while it runs. It counts the requests."""

    def __init__(self) -> None:
        self.answer: dict[str, Answer] = {}
        self.asked: list[str] = []
        self.leave = Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                outer.answer.get(self.path, whole)(self)

            def log_message(self, *_: object) -> None: ...

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None: ...  # clients that go away are part of the game

        self.http = Quiet(("127.0.0.1", 0), Handler)
        self.thread = Thread(target=self.http.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    def hangs(self, request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(len(CONTENT)))
        request.end_headers()
        request.wfile.write(CONTENT[:1000])
        self.leave.wait(30)

    def drips(self, request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        for byte in CONTENT:
            if self.leave.wait(0.02):
                return
            request.wfile.write(bytes([byte]))

    def file(self, *paths: str, content: bytes = CONTENT) -> RemoteFile:
        mirrors = tuple(f"http://127.0.0.1:{self.http.server_port}{path}" for path in paths)
        return RemoteFile("data.gz", hashlib.md5(content).hexdigest(), len(content), mirrors)

    def close(self) -> None:
        self.leave.set()
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(fetching, "TIMEOUT_SECONDS", 0.3)
    monkeypatch.setattr(fetching, "PAUSE_SECONDS", 0.01)
    made = Server()
    yield made
    made.close()


def fetched(file: RemoteFile, folder: Path) -> Fetch:
    job = Fetch([file], folder)
    job.start()
    assert job.join(20)
    return job


def test_a_file_comes_whole_and_is_not_fetched_again(server: Server, tmp_path: Path) -> None:
    file, folder = server.file("/a"), tmp_path / "new"
    job = fetched(file, folder)
    assert (job.state, job.done, job.problem) == ("finished", len(CONTENT), "")
    assert (folder / "data.gz").read_bytes() == CONTENT
    assert fetched(file, folder).state == "finished"
    assert server.asked == ["/a"]
    (folder / "data.gz").write_bytes(CONTENT[:-1])
    assert fetched(file, folder).state == "finished"
    assert (folder / "data.gz").read_bytes() == CONTENT


BAD: dict[str, tuple[Answer, str]] = {
    "login": (login, "a web page came instead of the file"),
    "truncated": (truncated, "1,000 of 512,000 bytes came"),
    "too-much": (too_much, "more bytes than the file has came"),
    "damaged": (damaged, "another content than the file's came"),
    "missing": (missing, "the server answered 404 Not Found"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_not_the_file_is_refused_said_and_the_next_try_works(name: str, server: Server, tmp_path: Path) -> None:
    file = server.file("/a")
    server.answer["/a"], why = BAD[name]
    job = fetched(file, tmp_path)
    assert job.state == "failed"
    assert job.problem.startswith(
        f"data.gz (512,000 bytes, md5 {file.md5}) could not be fetched. Tried http://127.0.0.1:"
    )
    assert f"/a: {why}. If you have the file, put it into {tmp_path}." in job.problem
    assert server.asked == ["/a"] * fetching.TRIES
    assert not list(tmp_path.iterdir())
    del server.answer["/a"]
    assert fetched(file, tmp_path).state == "finished"
    assert (tmp_path / "data.gz").read_bytes() == CONTENT


def test_a_server_that_hangs_is_left_and_another_mirror_asked(server: Server, tmp_path: Path) -> None:
    server.answer["/a"] = server.hangs
    job = fetched(server.file("/a", "/b"), tmp_path)
    assert job.state == "finished"
    assert server.asked == ["/a", "/a", "/b"]


def test_a_server_that_drips_is_left_too(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "SLOWEST", 1e9)
    server.answer["/a"] = server.drips
    job = fetched(server.file("/a"), tmp_path)
    assert job.state == "failed"
    assert "/a: too slow." in job.problem


def test_what_is_cancelled_ends_and_leaves_nothing(server: Server, tmp_path: Path) -> None:
    server.answer["/a"] = server.drips
    job = Fetch([server.file("/a")], tmp_path)
    job.start()
    wait_until(lambda: job.done > 0)
    job.cancel()
    assert job.join(5)
    assert job.state == "cancelled"
    assert not list(tmp_path.iterdir())
    del server.answer["/a"]
    assert fetched(server.file("/a"), tmp_path).state == "finished"


def test_without_a_network_it_says_what_was_tried(tmp_path: Path, server: Server) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{free.getsockname()[1]}/x"
    file = RemoteFile("data.gz", "0" * 32, 5, (nobody, "file:///etc/passwd"))
    job = fetched(file, tmp_path)
    assert job.state == "failed"
    assert f"{nobody}: no connection (" in job.problem
    assert "file:///etc/passwd: not an address of the web" in job.problem


def test_a_folder_that_cannot_be_written_is_named(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    job = fetched(server.file("/a"), tmp_path / "file" / "folder")
    assert job.state == "failed"
    assert job.problem.startswith(f"Nothing can be written into {tmp_path / 'file' / 'folder'} (")


def test_a_file_that_someone_brings_is_taken_by_its_content_whatever_it_is_called(
    tmp_path: Path, server: Server
) -> None:
    files = [server.file("/a", content=b"other"), server.file("/b")]
    with pytest.raises(NotFetched, match=r"“page\.html” has 9 bytes and md5 .* It was not kept\."):
        take(files, tmp_path / "new", b"not these", "page.html")
    with pytest.raises(NotFetched):
        take(files, tmp_path / "new", CONTENT[:-1])
    assert not list(tmp_path.iterdir())
    assert take(files, tmp_path / "new", CONTENT, "renamed (1).bin") == files[1]
    assert [(one.name, one.read_bytes()) for one in (tmp_path / "new").iterdir()] == [("data.gz", CONTENT)]
    assert fetched(files[1], tmp_path / "new").state == "finished"
    assert server.asked == []
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(NotFetched, match="Nothing can be written into"):
        take(files, tmp_path / "file" / "folder", CONTENT)


def test_all_who_ask_share_one_job_and_the_next_one_is_a_new_try(tmp_path: Path, server: Server) -> None:
    server.answer["/a"] = server.drips
    assert job_in(tmp_path) is None
    first = begin([server.file("/a")], tmp_path)
    assert begin([server.file("/a")], tmp_path) is first is job_in(tmp_path)
    wait_until(lambda: first.done > 0)
    first.cancel()
    assert first.join(5)
    assert job_in(tmp_path) is first
    del server.answer["/a"]
    second = begin([server.file("/a")], tmp_path)
    assert second.join(20)
    assert (second.state, (tmp_path / "data.gz").read_bytes()) == ("finished", CONTENT)
