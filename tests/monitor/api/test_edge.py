"""A caller who is still sending gets the answer: real sockets, because only they can lose it."""

from __future__ import annotations

import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import uvicorn
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from monitor.api.edge import CLOSE, Edge
from monitor.api.problems import problem

LONGEST = 1_000


async def refusing(scope: Scope, receive: Receive, send: Send) -> None:
    """Reads nothing at `/deaf`, and elsewhere all that comes."""
    status = 401
    try:
        while scope["path"] != "/deaf" and (await receive()).get("more_body"):
            pass
    except HTTPException as error:
        status = error.status_code
    await problem(status, headers=CLOSE if status == 413 else None)(scope, receive, send)


@contextmanager
def serving(linger_seconds: float = 30.0) -> Iterator[int]:
    """A port where `refusing` stands behind the edge."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        port: int = held.getsockname()[1]
    edge = Edge(refusing, LONGEST, linger_seconds=linger_seconds)
    server = uvicorn.Server(uvicorn.Config(edge, port=port, lifespan="off", log_config=None))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield port
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serving() as found:
        yield found


def answer(port: int, head: str, *parts: bytes, first: bytes = b"") -> bytes:
    """Send the beginning, wait until an answer is on its way, send the rest, and only then read until the end."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + first)
        assert select.select([connection], [], [], 20)[0]
        for part in parts:
            connection.sendall(part)
        came = b""
        while more := connection.recv(65_536):
            came += more
        return came


BODY = [b" " * 100_000] * 3


def test_a_body_that_is_declared_too_long_is_refused_in_words_that_arrive(port: int) -> None:
    came = answer(port, "POST / HTTP/1.1\nHost: x\nContent-Length: 300000", *BODY)
    assert came.startswith(b"HTTP/1.1 413 ")
    assert came.endswith(b"}")


def test_a_body_that_becomes_too_long_is_refused_in_words_that_arrive(port: int) -> None:
    chunk = b"186a0\r\n" + b" " * 100_000 + b"\r\n"
    head = "POST / HTTP/1.1\nHost: x\nTransfer-Encoding: chunked"
    came = answer(port, head, chunk, chunk, b"0\r\n\r\n", first=chunk)
    assert came.startswith(b"HTTP/1.1 413 ")
    assert came.endswith(b"}")


@pytest.mark.parametrize("last", ["1.1\nConnection: close", "1.0"])
def test_an_answer_before_the_body_arrives_also_where_the_caller_wants_no_more(port: int, last: str) -> None:
    came = answer(port, f"POST /deaf HTTP/{last}\nHost: x\nContent-Length: 900", b" " * 450, b" " * 450)
    assert came.startswith(b"HTTP/1.1 401 ")
    assert came.endswith(b"}")


def test_a_connection_that_is_to_end_without_a_body_ends_at_once(port: int) -> None:
    assert answer(port, "GET /deaf HTTP/1.0\nHost: x").startswith(b"HTTP/1.1 401 ")


def test_nobody_is_waited_for_who_sends_no_more() -> None:
    with serving(linger_seconds=0.1) as found:
        came = answer(found, "POST / HTTP/1.1\nHost: x\nContent-Length: 300000")
    assert came.startswith(b"HTTP/1.1 413 ")


def test_an_endless_body_is_cut(port: int) -> None:
    with pytest.raises(OSError, match=r"reset|pipe|abort"):
        answer(port, "POST / HTTP/1.1\nHost: x\nContent-Length: 999999999999", *[b" " * 1_000_000] * 200)
