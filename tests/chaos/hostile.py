"""Requests that nobody means well: none gets a 5xx, none makes the process grow, and no answer repeats what was sent.

Every operation of the served description is tried with paths, queries, headers and bodies of the corpus below, over
plain sockets, because no client would send most of them. Some callers are slow, some leave in the middle, some speak
no HTTP at all. In the long form schemathesis then tries the whole description as it understands it.
"""

from __future__ import annotations

import asyncio
import gzip
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.chaos.fleet import free_port, patience, wait_until
from tests.chaos.table import Form, Row

LANES = 8
ANSWER_SECONDS = 20.0 * patience()
GROWTH_MB = 20.0
CANARY = "zzcanaryzz"
MODEL = "chat"
CONTRACT = """\
model: chat
source: {type: push, id: id, time: at}
columns:
  text: {role: input, kind: text}
  label: {role: prediction, kind: category}
"""
# What stands for a value in a path or a query, as it goes over the wire.
VALUES = [
    "0",
    "1",
    "-1",
    "18446744073709551616",
    "9" * 400,
    "1e400",
    "NaN",
    "-Infinity",
    "0x10",
    "%00",
    "%ff",
    "%",
    "%ed%a0%80",
    "%c0%ae%c0%ae%c0%af",
    "..%2f..%2fetc%2fpasswd",
    "%e2%80%ae",
    "%f0%9f%92%a9",
    CANARY,
    "",
    "+",
    "%27%20OR%201%3D1--",
    "%3Cscript%3E",
    "{}",
    "[]",
    "a" * 3_000,
    "toxicity",
    MODEL,
    "2026-W99",
    "null",
    "0000-00-00T00:00:00Z",
    "9999-12-31T23:59:59.999999%2B23:59",
    "2026-02-30T00:00:00Z",
    "W10=",
    "eyJhIjoxfQ==",
]
JSON_VALUES = [
    "NaN",
    "-Infinity",
    "1e400",
    "-1e400",
    "9" * 5_000,
    "-0",
    "1.0e-400",
    "null",
    "true",
    "[]",
    "{}",
    '""',
    '"\\ud800"',
    '"\\udfff\\ud800"',
    '"\\u0000"',
    '"\\ufeff"',
    f'"{CANARY}"',
    '"' + "x" * 5_000 + '"',
    "01",
    "'x'",
    '"2026-13-41T25:61:61Z"',
    '"2026-11-21T00:00:00Z"',
    '{"\\ud800": 1}',
    '{"a": 1, "a": 2}',
    "[" * 60 + "]" * 60,
    "18446744073709551616",
    '"‮👩‍👩‍👧‍👦"',
    '["read", "admin", "admin"]',
    '"' + "̈" * 2_000 + '"',
]
BODIES = [
    b"",
    b"\x00",
    b"\xff\xfe{\x00}\x00",
    b"\xef\xbb\xbf{}",
    b"\xef\xbb\xbf" * 3 + b'{"id": 1}',
    '{"body": "x"}'.encode("utf-16"),
    '{"body": "x"}'.encode("utf-32"),
    b'{"body": "\xc0\xaf"}',
    b'{"body": "\xed\xa0\x80"}',
    b'{"body": "\xf8\x88\x80\x80\x80"}',
    b"[" * 100_000,
    b'{"a":' * 20_000,
    b'{"id": "a", "id": "b", "at": "2026-11-21T00:00:00Z", "at": 5}\n' * 20,
    b"{}\n" * 2_000,
    b"\n" * 5_000,
    b'{"id": ' + b"9" * 20_000 + b"}",
    b"{" + b",".join(b'"k%d": %d' % (n, n) for n in range(5_000)) + b"}",
    b"--x\r\nContent-Disposition: form-data\r\n\r\n" + CANARY.encode() + b"\r\n--x--",
    b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b 'b'>]><a>&b;</a>",
    b"a=1&" * 1_000,
    bytes(range(256)) * 40,
]
FIELDS = (
    "body",
    "from",
    "to",
    "name",
    "scopes",
    "models",
    "expires",
    "verdict",
    "note",
    "state",
    "run_id",
    "detail",
    "window_start",
    "series",
    "id",
    "at",
    "text",
    "label",
    "records",
    "comment",
    "matchers",
    "until",
    "__proto__",
)
KINDS = [
    "application/json",
    "application/json",
    "application/json",
    "application/x-ndjson",
    "text/plain",
    "",
    "application/x-www-form-urlencoded",
    "application/json; charset=utf-16",
    "multipart/form-data; boundary=x",
    "application/cloudevents+json",
    "application/json;;;=",
]
HEADERS: list[bytes] = [
    b"X-Long: " + b"a" * 8_000,
    b"Cookie: driftglass_session=" + b"z" * 3_000,
    b"Cookie: driftglass_session=\xff\xfe; ;=;;",
    b"Idempotency-Key: \xe9\x00"[:-1],
    b"Idempotency-Key: " + CANARY.encode(),
    b'If-Match: "' + b"x" * 900 + b'"',
    b"If-Match: *",
    b"Accept-Encoding: gzip;q=NaN, br",
    b"Range: bytes=0-,-1,5-2",
    b"Expect: 100-continue",
    b"X-HTTP-Method-Override: DELETE",
    b'Forwarded: for="_evil"',
    b"X-Forwarded-Proto: https\r\nX-Forwarded-For: \xff",
    b"Sec-Fetch-Site: cross-site",
    b"ce-id: \xc0\xaf\r\nce-specversion: 9\r\nce-type: " + CANARY.encode(),
    b"traceparent: 00-" + b"0" * 500,
]
# Not HTTP, or nearly.
WIRE = [
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"GET\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"b" * 200_000 + b"\r\n\r\n",
    b"POST /v1/models HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
    b"POST /v1/models HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
    b"POST /v1/models HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZZ\r\n",
    b"POST /v1/models HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
    b"POST /v1/models HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n{}",
    b"GET / HTTP/1.1\r\nHost: x\r\nBad Header: y\r\n\r\n",
    b"POST /v1/models HTTP/1.1\r\nHost: x\r\nContent-Type: \x7f/json\r\nContent-Length: 2\r\n\r\n{}",
    b"GET / HTTP/1.1\r\n: y\r\n\r\n",
    b"GET \xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET http://evil.example/ HTTP/1.1\r\nHost: x\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
    b"\r\n" * 500,
]
METHODS = ("GET", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW")


@dataclass
class Seen:
    """What came back."""

    statuses: Counter[int] = field(default_factory=Counter)
    silent: list[bytes] = field(default_factory=list)  # well-formed requests without an answer
    wrong: list[str] = field(
        default_factory=list
    )  # errors that are no problem documents, or repeat the input


class Corpus:
    """Requests without end, the same ones for the same seed."""

    def __init__(self, description: dict[str, Any], key: str, seed: int) -> None:
        self.rng = random.Random(seed)
        self.key = key
        self.operations = [
            (
                method.upper(),
                path,
                [one["name"] for one in operation.get("parameters", ()) if one["in"] == "query"],
            )
            for path, operations in description["paths"].items()
            for method, operation in operations.items()
        ]
        self.operations += [
            ("GET", path, ["next"]) for path in ("/", "/login", "/review/{week}", "/alerts/{alert}")
        ]
        self.operations += [("POST", "/login", []), ("POST", "/logout", []), ("GET", "/static/{name}", [])]

    def request(self) -> bytes:
        """One request that a server can tell the end of."""
        rng = self.rng
        method, path, names = rng.choice(self.operations)
        if rng.random() < 0.1:
            method = rng.choice(METHODS)
        target = re.sub(r"\{(\w+)\}", self._segment, path)
        if names and rng.random() < 0.7:
            chosen = rng.sample(names, rng.randint(1, min(3, len(names))))
            # A child process for each Parquet would measure something else.
            pairs = [f"{name}={rng.choice(VALUES)}" for name in chosen]
            target += "?" + "&".join(pairs)
        body = self._body() if method not in ("GET", "HEAD") or rng.random() < 0.05 else b""
        lines = [f"{method} {target} HTTP/1.1".encode("latin-1"), b"Host: localhost"]
        if rng.random() < 0.9:
            lines.append(b"Authorization: Bearer " + self._key())
        if body or rng.random() < 0.2:
            lines.append(b"Content-Type: " + rng.choice(KINDS).encode("latin-1"))
        if rng.random() < 0.3:
            lines.append(rng.choice(HEADERS))
        if body and rng.random() < 0.1:
            body = self._packed(body)
            lines.append(b"Content-Encoding: " + rng.choice((b"gzip", b"gzip", b"br", b"gzip, gzip", b"")))
        lines.append(b"Content-Length: %d" % len(body))
        return b"\r\n".join(lines) + b"\r\n\r\n" + body

    def _segment(self, found: re.Match[str]) -> str:
        known = {"model": MODEL, "version": "1", "week": "2026-W47"}
        if found[1] in known and self.rng.random() < 0.5:
            return known[found[1]]
        return self.rng.choice(VALUES)

    def _key(self) -> bytes:
        if self.rng.random() < 0.9:
            return self.key.encode()
        return self.rng.choice((b"", b"dk__", b"dk_1_2_3", b"\xff", b"x" * 5_000, self.key[:-1].encode()))

    def _body(self) -> bytes:
        rng = self.rng
        if rng.random() < 0.35:
            return rng.choice(BODIES)
        chosen = [rng.choice(FIELDS) for _ in range(rng.randint(0, 5))]
        made = "{" + ", ".join(f'"{name}": {rng.choice(JSON_VALUES)}' for name in chosen) + "}"
        if rng.random() < 0.2:
            made = f"[{made}, {made}]"
        if rng.random() < 0.2:
            made = "\n".join([made] * rng.randint(2, 20))
        return made.encode("utf-8", "surrogatepass")

    def _packed(self, body: bytes) -> bytes:
        kind = self.rng.random()
        if kind < 0.2:
            return gzip.compress(b"\x00" * 30_000_000, 9)  # 30 kB that want to be 30 MB
        packed = gzip.compress(body, 1)
        return packed if kind < 0.6 else packed[: len(packed) // 2] if kind < 0.8 else body


def run(form: Form) -> Iterator[Row]:
    requests = form.pick(2_000, 100_000)
    with serving(form.folder) as (process, port, key):
        url = f"http://127.0.0.1:{port}"
        description = httpx.get(url + "/openapi.json", timeout=30, trust_env=False).json()
        corpus = Corpus(description, key, form.seed)
        asyncio.run(pound(port, corpus, form.pick(500, 2_000), Seen()))  # what is loaded once is not growth
        before = process.memory_info().rss / 1e6
        seen, began = Seen(), time.monotonic()
        slow = Slow(port, key)
        asyncio.run(pound(port, corpus, requests, seen, slow))
        seconds = time.monotonic() - began
        grown = process.memory_info().rss / 1e6 - before
        answered = sum(seen.statuses.values())
        bad = sum(count for status, count in seen.statuses.items() if status >= 500)
        told = ", ".join(f"{count} × {status}" for status, count in sorted(seen.statuses.items()))
        form.say(told)
        for one in [*(repr(one[:200]) for one in seen.silent[:3]), *seen.wrong[:5]]:
            form.say(one)
        floor = f"{asyncio.run(bare(500)):,.0f} requests/s"
        rate = f"{answered:,} answers, {answered / seconds:,.0f}/s"
        yield Row("hostile requests answered 5xx", f"{bad} of {rate}", "0", bad == 0, floor)
        yield Row("hostile requests without an answer", str(len(seen.silent)), "0", not seen.silent)
        yield Row("errors that are no problem or repeat the input", str(len(seen.wrong)), "0", not seen.wrong)
        yield Row("memory grown", f"{grown:+.1f} MB", f"± {GROWTH_MB:.0f} MB", abs(grown) <= GROWTH_MB)
        well = httpx.get(url + "/readyz", timeout=10, trust_env=False).status_code
        yield Row("served while slow callers held on", f"{slow.held} held, ready: {well}", "200", well == 200)
        if not form.short:
            yield conformance(form, url, key)


def conformance(form: Form, url: str, key: str) -> Row:
    """schemathesis over the whole description, as a process of its own."""
    # A body that is too large is refused by its length, as 413; schemathesis knows nothing of that.
    refusals = [400, 401, 403, 404, 405, 406, 409, 413, 415, 422, 428, 429]
    settings = f"[checks.negative_data_rejection]\nexpected-statuses = {refusals}\n"
    (form.folder / "schemathesis.toml").write_text(settings, "utf-8")
    command = [str(Path(sys.executable).with_name("st")), "run", url + "/openapi.json", "--no-color"]
    command += ["-H", f"Authorization: Bearer {key}", "-n", "20", "--seed", str(form.seed)]
    command += ["--phases", "coverage,fuzzing", "--exclude-checks", "positive_data_acceptance,ignored_auth"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=form.folder, timeout=200)
    found = re.search(r"(\d+) generated(?:, (\d+) found)?", done.stdout)
    if done.returncode != 0 or found is None:
        form.say(done.stdout[max(done.stdout.find(" FAILURES "), 0) :][:3_000])
    figure = "it did not end" if found is None else f"{found[2] or 0} failures in {found[1]} cases"
    return Row("schemathesis on the whole description", figure, "0", done.returncode == 0)


@contextmanager
def serving(folder: Path) -> Iterator[tuple[psutil.Process, int, str]]:
    """A real `serve` with one model and one admin's key; it is ended in the end."""
    environment = {**os.environ, "DRIFTGLASS_DATABASE_URL": f"sqlite:///{folder / 'hostile.db'}"}
    cli = [sys.executable, "-m", "monitor.cli"]
    made = subprocess.run(
        [*cli, "keys", "create", "root", "-s", "admin"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    contract = folder / "contract.yaml"
    contract.write_text(CONTRACT, encoding="utf-8")
    port = free_port()
    with (folder / "serve.log").open("wb") as log:
        child = subprocess.Popen(
            [*cli, "serve", "--contract", str(contract), "--port", str(port)],
            env=environment,
            stdout=log,
            stderr=log,
        )
        try:
            wait_until("the server is ready", lambda: _ready(port), 60)
            yield psutil.Process(child.pid), port, made.stdout.strip()
        finally:
            child.send_signal(signal.SIGTERM)
            try:
                child.wait(timeout=15)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def _ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=5, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


class Slow:
    """Callers that send a byte now and then, or nothing more: they must not keep the others waiting."""

    def __init__(self, port: int, key: str) -> None:
        self.port = port
        self.head = f"POST /v1/models HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n".encode()
        self.held = 0

    async def hold(self) -> None:
        head = self.head + b"Content-Type: application/json\r\nContent-Length: 200000\r\n\r\n"
        writers = []
        try:
            for _ in range(50):
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                writer.write(head)
                writers.append(writer)
                self.held += 1
            while True:
                for writer in writers:
                    if not writer.is_closing():  # the server may have had enough of it
                        writer.write(b" ")
                await asyncio.sleep(0.5)
        finally:
            for writer in writers:
                writer.close()


async def pound(port: int, corpus: Corpus, requests: int, seen: Seen, slow: Slow | None = None) -> None:
    """Send so many requests over a few connections, a twentieth of them no HTTP, and note what comes back."""
    left = iter(range(requests))
    holding = asyncio.create_task(slow.hold()) if slow else None

    async def lane() -> None:
        connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        for number in left:
            if number % 20 == 0:
                await nonsense(port, corpus.rng.choice(WIRE), seen)
                continue
            sent = corpus.request()
            for _ in range(2):  # a server may close a connection that idles: that is no missing answer
                fresh = connection is None
                connection = connection or await asyncio.open_connection("127.0.0.1", port)
                status, closed = await answer(*connection, sent, seen)
                if closed:
                    connection[1].close()
                    connection = None
                if status is not None or fresh:
                    break
            if status is None:
                seen.silent.append(sent)
        if connection is not None:
            connection[1].close()

    await asyncio.gather(*(lane() for _ in range(LANES)))
    if holding is not None:
        holding.cancel()
        await asyncio.gather(holding, return_exceptions=True)


async def nonsense(port: int, sent: bytes, seen: Seen) -> None:
    """Something that need not be answered, but must not be answered with a 5xx."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(sent)
        writer.write_eof()
        came = await asyncio.wait_for(reader.read(4_096), ANSWER_SECONDS)
        if found := re.match(rb"HTTP/1\.[01] (\d{3})", came):
            seen.statuses[int(found[1])] += 1
    except (OSError, TimeoutError):
        pass
    finally:
        writer.close()


async def answer(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, sent: bytes, seen: Seen
) -> tuple[int | None, bool]:
    """Send a request; (status, whether the connection is over), status None for no answer."""
    try:
        writer.write(sent)
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), ANSWER_SECONDS)
        while head.startswith(b"HTTP/1.1 100"):
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), ANSWER_SECONDS)
        status, headers = _parsed(head)
        body = b""
        if not sent.startswith(b"HEAD") and status not in (204, 304):
            body = await asyncio.wait_for(_content(reader, headers), ANSWER_SECONDS)
    except (OSError, EOFError, TimeoutError, asyncio.LimitOverrunError):
        return None, True
    seen.statuses[status] += 1
    if status >= 400:
        _look(sent, status, headers, body, seen)
    return status, headers.get("connection", "").lower() == "close"


def _parsed(head: bytes) -> tuple[int, dict[str, str]]:
    first, *rest = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in rest if line)
    return int(first.split()[1]), {name.lower(): value.strip() for name, _, value in pairs}


async def _content(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    if headers.get("transfer-encoding", "").lower() == "chunked":
        whole = b""
        while size := int((await reader.readuntil(b"\r\n")).strip(), 16):
            whole += await reader.readexactly(size)
            await reader.readexactly(2)
        await reader.readexactly(2)
        return whole
    return await reader.readexactly(int(headers.get("content-length", "0")))


def _look(sent: bytes, status: int, headers: dict[str, str], body: bytes, seen: Seen) -> None:
    kind = headers.get("content-type", "")
    first = sent.split(b"\r\n", 1)[0][:120]
    # What is no HTTP is answered by the server before the application, in its own words; the login is a page.
    page = status == 401 and kind.startswith("text/html")
    if (
        kind != "application/problem+json"
        and not page
        and not (status == 400 and kind.startswith("text/plain"))
    ):
        seen.wrong.append(f"{status} as {kind!r} to {first!r}")
    elif CANARY.encode() in body and not page:
        seen.wrong.append(f"{status} repeats what {first!r} sent")


async def bare(requests: int) -> float:
    """Requests a second of the same client to an application that does nothing."""
    import uvicorn

    async def nothing(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"{}"})

    port = free_port()
    server = uvicorn.Server(uvicorn.Config(nothing, port=port, lifespan="off", log_config=None))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        await asyncio.sleep(0.01)
    request = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    began, left = time.monotonic(), iter(range(requests))

    async def lane() -> None:
        connection = await asyncio.open_connection("127.0.0.1", port)
        for _ in left:
            await answer(*connection, request, Seen())
        connection[1].close()

    await asyncio.gather(*(lane() for _ in range(LANES)))
    rate = requests / (time.monotonic() - began)
    server.should_exit = True
    await asyncio.to_thread(thread.join)
    return rate
