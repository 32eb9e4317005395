"""The client is never in the way: it does not raise, does not wait, and says what it dropped. Real servers."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from monitor.client import Client
from monitor.client.encoding import line_of
from monitor.client.sending import retry_after, wait_seconds

ROOT = Path(__file__).parents[3]


class Service(ThreadingHTTPServer):
    """A loopback server that answers from a script, then 200 for good, and keeps what it took."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.script: list[tuple[int, dict[str, str]]] = []
        self.asked: list[tuple[str, dict[str, str], list[bytes]]] = []
        self.held = threading.Event()
        self.held.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def lines(self) -> list[bytes]:
        return [line for _, _, lines in self.asked for line in lines]


class Handler(BaseHTTPRequestHandler):
    server: Service

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        self.server.held.wait(10)
        status, headers = self.server.script.pop(0) if self.server.script else (200, {})
        lines = body.split(b"\n")
        if status == 200:
            self.server.asked.append((self.path, dict(self.headers), lines))
        answer = json.dumps(
            {"accepted": len(lines), "duplicates": 0, "quarantined": [], "quarantined_count": 0}
        )
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer.encode())

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the test looks at what was asked."""


@contextmanager
def serving() -> Iterator[Service]:
    service = Service()
    thread = threading.Thread(target=service.serve_forever, daemon=True)
    thread.start()
    try:
        yield service
    finally:
        service.held.set()
        service.shutdown()
        service.server_close()


@pytest.fixture
def service() -> Iterator[Service]:
    with serving() as found:
        yield found


def test_records_and_labels_arrive_in_batches(service: Service) -> None:
    with Client(service.url, "toxicity", key="dk_1_x", batch_records=40, batch_seconds=0.05) as client:
        for number in range(100):
            assert client.log({"id": number, "text": "x" * 50})
        assert client.log_label(7, "toxic", at=datetime(2026, 11, 18, tzinfo=UTC))
        assert client.flush()
        assert client.counts["logged"] == client.counts["sent"] == 101
    assert [json.loads(line)["id"] for line in service.lines[:100]] == list(range(100))
    assert [len(lines) for path, _, lines in service.asked if path.endswith("records")][:2] == [40, 40]
    path, headers, (label,) = service.asked[-1]
    assert path == "/v1/models/toxicity/labels"
    assert json.loads(label) == {"event_id": 7, "label": "toxic", "labelled_at": "2026-11-18T00:00:00+00:00"}
    assert headers["Authorization"] == "Bearer dk_1_x"
    assert service.asked[0][1]["Content-Encoding"] == "gzip"


def test_a_record_is_sent_as_it_was_when_it_was_logged(service: Service) -> None:
    record = {"id": 1, "text": "before"}
    with Client(service.url, "m") as client:
        client.log(record)
        record["text"] = "after"
    assert json.loads(service.lines[0])["text"] == "before"


class Hostile(dict[str, Any]):
    def items(self) -> Any:
        raise SystemError("no")


def circle() -> dict[str, Any]:
    found: dict[str, Any] = {"id": 1}
    found["self"] = found
    return found


def nested() -> dict[str, Any]:
    found: Any = 1
    for _ in range(5_000):
        found = [found]
    return {"id": 1, "x": found}


@pytest.mark.parametrize(
    "record",
    [circle(), nested(), {"x": object()}, {(1, 2): 3}, Hostile(x=1)],
    ids=["circle", "deep", "object", "key", "hostile"],
)
def test_what_is_no_json_is_dropped_and_counted(record: Any) -> None:
    client = Client("http://127.0.0.1:9", "m")
    assert not client.log(record)
    assert client.counts == {"dropped_not_json": 1}
    client.close()


def test_bytes_and_odd_values_are_written_as_they_are() -> None:
    assert line_of({"t": b"caf\xe9"}) == b'{"t":"caf\xe9"}'
    assert line_of({"t": "half \ud83d, \udce9 escaped"}) == b'{"t":"half \\ud83d, \xe9 escaped"}'
    assert line_of({"t": "a\x00b"}) == b'{"t":"a\\u0000b"}'
    assert line_of({"x": float("nan")}) == b'{"x":NaN}'
    odd = {"n": np.float32(0.5), "a": np.arange(2), "d": Decimal("1.50"), "u": UUID(int=1), "s": {"b", "a"}}
    assert json.loads(line_of(odd)) == {
        "n": 0.5,
        "a": [0, 1],
        "d": "1.50",
        "u": "00000000-0000-0000-0000-000000000001",
        "s": ["a", "b"],
    }


def test_a_service_that_is_away_costs_the_caller_nothing_and_the_queue_is_bounded() -> None:
    client = Client("http://127.0.0.1:9", "m", queue_records=100, batch_records=10, give_up_seconds=60)
    assert sum(client.log({"id": number}) for number in range(1_000)) <= 110
    assert client.counts["dropped_full"] >= 890
    assert client.counts["logged"] + client.counts["dropped_full"] == 1_000
    assert not client.flush(0.1)
    client.close(0.1)
    assert not client.log({"id": 1})
    deadline = time.monotonic() + 10
    while (
        threading.active_count() > 1
        and client.counts["dropped_given_up"] == 0
        and time.monotonic() < deadline
    ):
        time.sleep(0.01)
    dropped = sum(client.counts[name] for name in ("dropped_full", "dropped_closed", "dropped_given_up"))
    assert dropped == 1_001


def test_a_queue_is_bounded_in_bytes_too(service: Service) -> None:
    service.held.clear()
    client = Client(service.url, "m", queue_bytes=10_000)
    assert sum(client.log({"text": "x" * 4_000}) for _ in range(10)) in (2, 3, 4)
    service.held.set()
    client.close()


def test_what_is_refused_for_now_is_sent_again_and_nothing_twice(service: Service) -> None:
    service.script = [(503, {"Retry-After": "0"}), (429, {"Retry-After": "0"}), (500, {}), (401, {})]
    with Client(service.url, "m") as client:
        client.log({"id": 1})
        assert client.flush(30)
        assert (client.counts["sent"], client.counts["retries"]) == (1, 4)
    assert service.lines == [b'{"id":1}']


def test_what_is_refused_for_good_is_dropped_and_the_next_batch_goes_on(service: Service) -> None:
    service.script = [(422, {})]
    with Client(service.url, "m") as client:
        client.log({"id": 1})
        client.flush()
        client.log({"id": 2})
        client.flush()
        assert (client.counts["dropped_refused"], client.counts["sent"]) == (1, 1)


def test_a_batch_that_is_too_large_is_cut_in_two(service: Service) -> None:
    service.script = [(413, {}), (200, {}), (413, {})]
    with Client(service.url, "m", batch_records=4, batch_seconds=5) as client:
        for number in range(4):
            client.log({"id": number})
        assert client.flush(30)
        assert client.counts["sent"] == 4
    assert [len(lines) for _, _, lines in service.asked] == [2, 1, 1]


def test_one_record_that_is_too_large_is_dropped(service: Service) -> None:
    service.script = [(413, {})]
    with Client(service.url, "m") as client:
        client.log({"id": 1})
        assert client.flush()
        assert client.counts["dropped_refused"] == 1


def test_a_batch_is_given_up_after_a_while() -> None:
    client = Client("http://127.0.0.1:9", "m", give_up_seconds=0.2)
    client.log({"id": 1})
    assert client.flush(20)
    assert client.counts["dropped_given_up"] == 1
    client.close()


@pytest.mark.parametrize("held", [False, True], ids=["waits to try again", "within an attempt"])
def test_after_close_every_record_is_counted_once(service: Service, held: bool) -> None:
    service.script = [(401, {"Retry-After": "60"})]
    if held:
        service.held.clear()
    client = Client(service.url, "m", batch_records=2, batch_seconds=0.01)
    for number in range(5):
        client.log({"id": number})
    client.close(0.3)

    def settled() -> int:
        return sum(number for name, number in client.counts.items() if name not in ("logged", "retries"))

    assert settled() == client.counts["logged"] == 5
    service.held.set()
    deadline = time.monotonic() + 10
    while client._thread is not None and client._thread.is_alive() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert settled() == 5


@pytest.mark.parametrize("status", [401, 403, 404, 409])
def test_a_key_or_model_that_does_not_fit_is_told_once_and_without_the_key(
    service: Service, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    service.script = [(status, {"Retry-After": "0"})] * 2
    with Client(service.url, "m", key="dk_1_secret") as client:
        client.log({"id": 1})
        assert client.flush(30)
    (told,) = [one.getMessage() for one in caplog.records if one.name == "driftglass.client"]
    assert str(status) in told
    assert "secret" not in told


def test_threads_may_share_a_client(service: Service) -> None:
    with Client(service.url, "m", batch_seconds=0.01) as client:
        threads = [
            threading.Thread(target=lambda n=n: [client.log({"id": f"{n}-{i}"}) for i in range(200)])
            for n in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert client.flush()
    assert len(service.lines) == len(set(service.lines)) == 800


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_sends_its_own_records_and_not_its_parents(service: Service) -> None:
    service.held.clear()
    client = Client(service.url, "m", batch_seconds=0.01)
    client.log({"id": "parent"})
    child = os.fork()
    if child == 0:
        client.log({"id": "child"})
        client.flush(20)
        os._exit(client.counts["logged"])
    service.held.set()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1
    client.close()
    assert sorted(service.lines) == [b'{"id":"child"}', b'{"id":"parent"}']


def test_a_program_that_ends_takes_its_last_records_along(service: Service) -> None:
    code = (
        f"from monitor.client import Client\nClient({service.url!r}, 'm', batch_seconds=60).log({{'id': 1}})"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, timeout=60)
    assert service.lines == [b'{"id":1}']


def test_the_client_imports_nothing_else_of_the_service() -> None:
    code = "import sys, monitor.client; print(sorted(n for n in sys.modules if n.startswith(('monitor', 'checks'))))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT)
    own = ["monitor", *(f"monitor.client{rest}" for rest in ("", ".client", ".encoding", ".sending"))]
    assert done.stdout.strip() == str(own)


def test_an_address_that_is_none_is_refused_at_once() -> None:
    for url in ("", "127.0.0.1:8327", "ftp://x"):
        with pytest.raises(ValueError, match="give the address"):
            Client(url, "m")


def test_retry_after_is_a_number_or_a_date() -> None:
    assert retry_after("17") == 17
    assert retry_after("Wed, 18 Nov 2026 10:00:30 GMT", now=lambda: 1_794_996_000) == 30
    assert retry_after("Wed, 18 Nov 1990 10:00:30 GMT") == 0
    assert retry_after("soon") is None
    assert retry_after(None) is None


def test_waits_double_spread_and_keep_to_what_was_asked() -> None:
    import random

    chance = random.Random(3)
    for attempt in range(1, 40):
        assert 0 <= wait_seconds(attempt, None, chance) <= min(60.0, 0.5 * 2.0 ** (attempt - 1))
        assert 20 <= wait_seconds(attempt, 20.0, chance) <= 35
