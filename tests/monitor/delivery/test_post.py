"""One request to a receiver that may be slow, hostile, misconfigured or away."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from monitor.delivery.addresses import Allowed
from monitor.delivery.post import Poster, retry_after
from monitor.errors import DeliveryError, UsageError

LOOPBACK = Allowed.parse(["127.0.0.0/8"])
Script = Callable[[socket.socket], None]


@contextmanager
def server(script: Script) -> Iterator[tuple[int, list[bytes]]]:
    """A bare TCP server that keeps the bytes of each request, then does what `script` says."""
    listener = socket.create_server(("127.0.0.1", 0))
    requests: list[bytes] = []
    stopping = threading.Event()

    def serve() -> None:
        while True:
            connection, _ = listener.accept()
            if stopping.is_set():
                connection.close()
                return
            with connection:
                data = b""
                while not data.endswith(b"the body"):
                    data += connection.recv(65536)
                requests.append(data)
                with suppress(OSError):  # the client may hang up first, as some of these tests want
                    script(connection)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1], requests
    finally:
        stopping.set()
        socket.create_connection(listener.getsockname()).close()
        thread.join()
        listener.close()


def answer(status: str, *headers: str, body: bytes = b"") -> Script:
    head = "\r\n".join([f"HTTP/1.1 {status}", f"content-length: {len(body)}", *headers, "", ""])
    return lambda connection: connection.sendall(head.encode() + body)


def post(url: str, allowed: Allowed = LOOPBACK, **options: object) -> int:
    poster = Poster(url, allowed, **options)  # type: ignore[arg-type]
    try:
        return poster.post("the body", {"x-test": "1"})
    finally:
        poster.close()


def failed(script: Script, **options: object) -> DeliveryError:
    with server(script) as (port, _), pytest.raises(DeliveryError) as failure:
        post(f"http://127.0.0.1:{port}/hook", **options)
    return failure.value


@pytest.mark.parametrize("status", ["200 OK", "202 Accepted", "204 No Content"])
def test_any_2xx_is_taken(status: str) -> None:
    with server(answer(status)) as (port, requests):
        assert post(f"http://127.0.0.1:{port}/hook?x=1") == int(status[:3])
    assert requests[0].startswith(b"POST /hook?x=1 HTTP/1.1\r\n")
    assert b"x-test: 1" in requests[0]


@pytest.mark.parametrize(
    ("status", "permanent"),
    [
        ("400 Bad Request", True),
        ("401 Unauthorized", True),
        ("404 Not Found", True),
        ("410 Gone", True),
        ("302 Found", True),
        ("408 Request Timeout", False),
        ("425 Too Early", False),
        ("429 Too Many Requests", False),
        ("500 Internal Server Error", False),
        ("503 Service Unavailable", False),
    ],
)
def test_a_status_says_whether_to_try_again(status: str, permanent: bool) -> None:
    failure = failed(answer(status))
    assert (failure.permanent, failure.status) == (permanent, int(status[:3]))


def test_a_redirect_is_not_followed() -> None:
    with server(answer("200 OK")) as (inside, requests):
        failure = failed(answer("307 Temporary Redirect", f"location: http://127.0.0.1:{inside}/steal"))
        assert failure.status == 307
        assert requests == []


def test_retry_after_is_passed_on() -> None:
    assert failed(answer("429 Too Many Requests", "retry-after: 7")).retry_after_seconds == 7.0


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("0", 0.0),
        ("120", 120.0),
        ("soon", None),
        ("-5", None),
        ("Thu, 01 Jan 1970 00:02:00 GMT", 60.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
    ],
)
def test_both_forms_of_retry_after(header: str | None, seconds: float | None) -> None:
    assert retry_after(header, now=60.0) == seconds


def test_the_host_is_resolved_once_and_its_checked_address_gets_the_original_name() -> None:
    asked: list[str] = []

    def resolver(host: str, port: int) -> list[str]:
        asked.append(host)
        return (
            ["127.0.0.1"] if len(asked) == 1 else ["169.254.169.254"]
        )  # the name is rebound after the check

    with server(answer("204 No Content")) as (port, requests):
        assert post(f"http://hooks.example.com:{port}/", resolver=resolver) == 204
        assert f"host: hooks.example.com:{port}".encode() in requests[0].lower()
    assert asked == ["hooks.example.com"]


def test_loopback_needs_allowing() -> None:
    with server(answer("204 No Content")) as (port, requests):
        with pytest.raises(DeliveryError, match="loopback") as refused:
            post(f"http://127.0.0.1:{port}/", Allowed())
        assert refused.value.permanent
        assert requests == []


def test_plain_http_to_a_public_host_is_refused() -> None:
    with pytest.raises(DeliveryError, match="use https") as refused:
        post("http://hooks.example.com/", Allowed(), resolver=lambda host, port: ["93.184.215.14"])
    assert refused.value.permanent


def test_the_next_address_is_tried_when_the_first_is_closed() -> None:
    with server(answer("204 No Content")) as (port, _):
        assert post(f"http://h:{port}/", resolver=lambda host, p: ["127.0.0.2", "127.0.0.1"]) == 204


def test_a_receiver_that_is_away_may_come_back() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(DeliveryError) as failure:
        post(f"http://127.0.0.1:{port}/")
    assert not failure.value.permanent
    assert failure.value.status is None


def test_a_connection_cut_without_an_answer_may_be_repeated() -> None:
    assert not failed(lambda connection: None).permanent


def test_an_endless_answer_is_left_alone() -> None:
    def endless(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(4096):
            connection.sendall(b"x" * 65536)  # 256 MiB, if anybody read on

    started = time.monotonic()
    with server(endless) as (port, _):
        assert post(f"http://127.0.0.1:{port}/") == 200
    assert time.monotonic() - started < 5


def test_a_dripping_answer_ends_at_the_deadline() -> None:
    def dripping(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(200):
            connection.sendall(b"x")
            time.sleep(0.05)

    started = time.monotonic()
    with server(dripping) as (port, _):
        assert post(f"http://127.0.0.1:{port}/", total_seconds=0.2) == 200
    assert time.monotonic() - started < 5


def test_headers_that_drip_end_at_the_deadline() -> None:
    def dripping(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        for number in range(200):
            connection.sendall(f"x-{number}: 1\r\n".encode())
            time.sleep(0.05)

    started = time.monotonic()
    failure = failed(dripping, total_seconds=0.3)
    assert time.monotonic() - started < 5
    assert not failure.permanent
    assert "took longer than 0.3 s" in str(failure)


def test_an_address_that_cannot_be_read_is_not_repeated() -> None:
    with pytest.raises(UsageError) as refused:
        Poster("https://hooks.example.com:T0KEN/services", Allowed())
    assert "T0KEN" not in str(refused.value)


def test_who_watches_is_told_the_address() -> None:
    told: list[str] = []
    with server(answer("204 No Content")) as (port, _):
        post(f"http://h:{port}/s3cret", resolver=lambda host, p: ["127.0.0.1"], notice=told.append)
    assert told == ["h is at 127.0.0.1", "connected to 127.0.0.1"]


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    with server(answer("204 No Content")) as (port, _):
        assert post(f"http://127.0.0.1:{port}/") == 204


def test_errors_name_the_receiver_without_its_secrets() -> None:
    with server(answer("500 Internal Server Error")) as (port, _), pytest.raises(DeliveryError) as failure:
        post(f"http://user:word@127.0.0.1:{port}/services/T0KEN?key=K")
    assert str(failure.value) == f"http://127.0.0.1:{port} answered 500"


@pytest.mark.parametrize("url", ["ftp://example.com/", "example.com/hook", "file:///etc/passwd"])
def test_only_http_addresses_are_accepted(url: str) -> None:
    with pytest.raises(UsageError, match="not an http or https address"):
        Poster(url, Allowed())
