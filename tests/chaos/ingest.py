"""10,000 records a second into SQLite, in batches of 1,000, until the server is killed: what was acknowledged is there.

The senders keep to a schedule and measure from when a batch was due, so that a server that stands still is not
measured less often. The floor is the same bytes inserted by plain SQLite, a transaction per batch, in the same run.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psutil

from tests.chaos.fleet import free_port, wait_until
from tests.chaos.table import Form, Row

BATCH = 1_000
PER_SECOND = 10_000
SENDERS = 4
MODEL = "chat"
CONTRACT = """\
model: chat
timezone: UTC
source: {type: push, id: id, time: at}
columns:
  text: {role: input, kind: text, languages: [en, es]}
  country: {role: segment}
  label: {role: prediction, kind: category}
  latency_ms: {role: latency}
window: {every: 1h, lateness: 10m, horizon: 2d, sample: 500, keep: 30d}
"""
WORDS = (
    "the parcel came late and the box was open",
    "thank you for the quick answer about my order",
    "la caja llegó abierta y falta un vaso",
    "muchas gracias por la respuesta tan rápida 🙏",
)


def batch_body(number: int, at: str) -> bytes:
    """The records of one batch; the same number gives the same records."""
    first = number * BATCH
    lines = (
        f'{{"id":"r{first + i:09d}","at":"{at}","text":"{WORDS[i % 4]} {i}","country":"{("IN", "ES", "US")[i % 3]}",'
        f'"label":"{"ok" if i % 7 else "toxic"}","latency_ms":{20 + i % 50}}}'
        for i in range(BATCH)
    )
    return "\n".join(lines).encode()


@dataclass
class Sent:
    """What the senders know: the seconds that each acknowledged batch took, and those that got no answer."""

    took: dict[int, float] = field(default_factory=dict)
    unanswered: set[int] = field(default_factory=set)
    refused: list[int] = field(default_factory=list)  # statuses other than 200

    def percentile(self, share: float) -> float:
        """Milliseconds that this share of the batches took at most."""
        ordered = sorted(self.took.values())
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class Load:
    """Senders on a schedule, until told to stop."""

    def __init__(self, url: str, bodies: Sequence[bytes]) -> None:
        self.sent = Sent()
        self._url = f"{url}/v1/models/{MODEL}/records"
        self._bodies = bodies
        self._next = 0
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._began = time.monotonic()
        self._threads = [threading.Thread(target=self._send, daemon=True) for _ in range(SENDERS)]

    def start(self) -> None:
        self._began = time.monotonic()
        for thread in self._threads:
            thread.start()

    def wait(self, seconds: float) -> None:
        """Let it go on until so many seconds after its start."""
        self._stopped.wait(max(0.0, self._began + seconds - time.monotonic()))

    def stop(self) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join(30)

    def _send(self) -> None:
        with httpx.Client(trust_env=False, timeout=20) as client:
            while not self._stopped.is_set():
                with self._lock:
                    number, self._next = self._next, self._next + 1
                if number >= len(self._bodies):
                    return
                due = self._began + number * BATCH / PER_SECOND
                time.sleep(max(0.0, due - time.monotonic()))
                try:
                    answer = client.post(
                        self._url,
                        content=self._bodies[number],
                        headers={"Content-Type": "application/x-ndjson"},
                    )
                except httpx.HTTPError:
                    self.sent.unanswered.add(number)
                    continue
                if answer.status_code != 200:
                    self.sent.refused.append(answer.status_code)
                elif answer.json()["accepted"] + answer.json()["duplicates"] == BATCH:
                    self.sent.took[number] = time.monotonic() - due


class Server:
    """`driftglass serve` with one model whose records are pushed."""

    def __init__(self, folder: Path, port: int, role: str) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._folder = folder
        self._command = [
            *(sys.executable, "-m", "monitor.cli", "serve", "-c", str(folder / "chat.yaml")),
            *("-d", f"sqlite:///{folder / 'store.db'}", "--port", str(port), "--role", role),
        ]

    def start(self) -> None:
        environment = {**os.environ, "DRIFTGLASS_READ_SECONDS": "5", "DRIFTGLASS_LEASE_SECONDS": "5"}
        with (self._folder / "serve.log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=self._folder,
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_until("the server answers", self._ready, 60)

    def kill(self) -> None:
        """SIGKILL for it and its children."""
        for process in self._tree():
            process.send_signal(signal.SIGKILL)
        self._process.wait(10)

    def resident(self) -> int:
        """Bytes that the process which answers holds."""
        return int(psutil.Process(self._process.pid).memory_info().rss)

    def worked(self) -> float:
        """Seconds of CPU that the process which answers has used."""
        used = psutil.Process(self._process.pid).cpu_times()
        return float(used.user + used.system)

    def _tree(self) -> list[psutil.Process]:
        here = psutil.Process(self._process.pid)
        return [here, *here.children(recursive=True)]

    def _ready(self) -> bool:
        if self._process.poll() is not None:
            raise RuntimeError((self._folder / "serve.log").read_text("utf-8", "replace")[-2000:])
        try:
            return httpx.get(f"{self.url}/readyz", trust_env=False, timeout=5).status_code == 200
        except httpx.HTTPError:
            return False


def run(form: Form) -> Iterator[Row]:
    """Load, kill, look; in the long form the same server then counts what it was sent."""
    seconds = form.pick(6, 60)
    at = datetime.now(UTC).replace(microsecond=0).isoformat()
    # More than is sent before the kill: some batches are under way when it comes.
    bodies = [batch_body(number, at) for number in range(seconds * PER_SECOND // BATCH + 2 * SENDERS)]
    (form.folder / "chat.yaml").write_text(CONTRACT, "utf-8")
    floor_ms, floor_rate = plain_inserts(form.folder / "floor.db", bodies)
    # The long form's server also reads and counts what it is sent, beside taking more.
    server = Server(form.folder, free_port(), "api" if form.short else "all")
    server.start()
    largest, worked = server.resident(), server.worked()
    load = Load(server.url, bodies)
    form.say(f"{seconds} s of load")
    load.start()
    for second in range(seconds * 2):
        load.wait(second / 2)
        largest = max(largest, server.resident())
    load.wait(seconds)
    worked = server.worked() - worked
    server.kill()
    load.stop()
    sent = load.sent
    acknowledged = len(sent.took)
    p99 = sent.percentile(0.99)
    wanted = seconds * PER_SECOND // BATCH
    yield Row(
        f"{PER_SECOND:,} records/s for {seconds} s, batches of {BATCH:,}",
        figure=f"{acknowledged * BATCH / seconds:,.0f}/s, p50 {sent.percentile(0.5):.0f} ms, p99 {p99:.0f} ms, "
        f"{len(sent.refused)} refused",
        bar="p99 < 500 ms",
        floor=f"SQLite alone: {floor_rate:,.0f}/s, p99 {floor_ms:.0f} ms",
        ok=p99 < 500 and not sent.refused and acknowledged >= wanted - SENDERS,
        timed=True,
    )
    yield Row(
        "memory of the server",
        figure=f"{largest / 1e6:.0f} MB, and {worked / seconds:.0%} of a core",
        bar="< 300 MB",
        ok=largest < 300_000_000,
    )
    kept = ids_kept(form.folder / "store.db")
    lost = sum(f"r{number * BATCH + i:09d}" not in kept for number in sent.took for i in range(BATCH))
    yield Row(
        "acknowledged records lost after kill -9",
        figure=f"{lost} of {acknowledged * BATCH:,}",
        bar="0",
        ok=lost == 0 and acknowledged > 0,
    )
    twice = sum(count - 1 for count in kept.values())
    yield Row("records kept twice", figure=f"{twice} of {len(kept):,}", bar="0", ok=twice == 0)
    if not form.short:
        yield from counted(form, server, bodies, sent)


def counted(form: Form, server: Server, bodies: Sequence[bytes], sent: Sent) -> Iterator[Row]:
    """The rest is sent again, as a client would; then every record is counted, and once."""
    server.start()
    again = sorted({*range(len(bodies))} - sent.took.keys()) + sorted(sent.took)[-3:]
    taken = 0
    with httpx.Client(base_url=server.url, trust_env=False, timeout=60) as client:
        for number in again:
            answer = client.post(
                f"/v1/models/{MODEL}/records",
                content=bodies[number],
                headers={"Content-Type": "application/x-ndjson"},
            )
            answer.raise_for_status()
            taken += answer.json()["accepted"] + answer.json()["duplicates"]
    total = len(bodies) * BATCH
    kept = ids_kept(form.folder / "store.db")
    yield Row(
        "records there once after what had no answer was sent again",
        figure=f"{len(kept):,} of {total:,}, {sum(kept.values()) - len(kept)} twice",
        bar="all, 0 twice",
        ok=len(kept) == total == sum(kept.values()) and taken == len(again) * BATCH,
    )
    began = time.monotonic()
    wait_until("everything is counted", lambda: counts(form.folder / "store.db")[0] >= total, 90)
    records, duplicates = counts(form.folder / "store.db")
    yield Row(
        "records counted in windows",
        figure=f"{records:,} of {total:,}, {duplicates} as duplicates, {time.monotonic() - began:.0f} s after",
        bar="all, each once",
        ok=(records, duplicates) == (total, 0),
    )
    server.kill()


def ids_kept(path: Path) -> dict[str, int]:
    """How often each id stands in the inbox, by plain SQL."""
    found: dict[str, int] = {}
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as connection:
        for (body,) in connection.execute("SELECT body FROM inbox ORDER BY number"):
            for line in bytes(body).splitlines():
                name = line[7:17].decode()
                found[name] = found.get(name, 0) + 1
    return found


def counts(path: Path) -> tuple[int, int]:
    """Records and duplicates of all windows."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as connection:
        query = "SELECT coalesce(sum(records), 0), coalesce(sum(duplicates), 0) FROM windows"
        records, duplicates = connection.execute(query).fetchone()
    return int(records), int(duplicates)


def plain_inserts(path: Path, bodies: Sequence[bytes]) -> tuple[float, float]:
    """(p99 in ms, records per second) of the same bytes, a transaction per batch."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("CREATE TABLE inbox (number INTEGER PRIMARY KEY, body BLOB)")
        took = []
        for body in bodies:
            began = time.monotonic()
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT INTO inbox (body) VALUES (?)", (body,))
            connection.execute("COMMIT")
            took.append(time.monotonic() - began)
    path.unlink()
    return 1000 * sorted(took)[int(0.99 * len(took))], len(bodies) * BATCH / sum(took)
