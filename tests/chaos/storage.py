"""A full disk and a database that only lets read: nothing is lost, it is told, and work goes on by itself after it."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg

from tests.chaos.checker import check
from tests.chaos.fleet import database, wait_until
from tests.chaos.service import Service, learnt, serving
from tests.chaos.stage import Stage
from tests.chaos.table import Form, Row
from tests.postgres import Server

DISK_MB = 192  # /readyz asks for 64 to be left
TICKS_PER_OUTAGE = 4  # live, close, deliver, work: each says once that it waits


def run(form: Form) -> Iterator[Row]:
    hours = form.pick(3, 12)
    disk = form.folder / "disk"
    disk.mkdir()
    with _small_disk(disk):
        url = f"sqlite:///{disk / 'store.db'}"
        ballast = disk / "ballast"
        yield _trouble(form, "disk full (SQLite)", url, hours, lambda: _fill(disk), ballast.unlink)
    with closing(sqlite3.connect(form.folder / "kept.db")) as kept:
        sound = kept.execute("PRAGMA integrity_check").fetchone()[0]
    yield Row("SQLite's file after it", f"integrity_check: {sound}", "ok", ok=sound == "ok")
    with database("postgresql", form.folder) as (url, server):
        assert server is not None
        what = "read-only (PostgreSQL as a standby)"
        yield _trouble(
            form, what, url, hours, lambda: _standby(server, True), lambda: _standby(server, False)
        )


@contextmanager
def _small_disk(folder: Path) -> Iterator[None]:
    """A file system of `DISK_MB` at `folder`; needs root. The store is kept beside it before it goes."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(folder)], check=True)
    try:
        yield
        with (
            closing(sqlite3.connect(folder / "store.db")) as before,
            closing(sqlite3.connect(folder.parent / "kept.db")) as after,
        ):
            before.backup(after)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def _fill(disk: Path) -> None:
    """Leave no byte, nor room in the write-ahead log that SQLite has already."""
    with closing(sqlite3.connect(disk / "store.db", timeout=10)) as conn:
        conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with (disk / "ballast").open("wb", buffering=0) as file:
        size = 1 << 20
        while size:
            try:
                if file.write(b"\0" * size) < size:
                    size //= 2
            except OSError:
                size //= 2


def _standby(server: Server, on: bool) -> None:
    """Start the server anew as one that only lets read, or as it was."""
    server.stop()
    signal = server.data / "standby.signal"
    if on:
        signal.touch()
    else:
        signal.unlink()
    server.start()


def _trouble(
    form: Form, what: str, url: str, hours: int, begin: Callable[[], object], end: Callable[[], object]
) -> Row:
    """New records come while the store takes nothing; then it does again."""
    folder = form.folder / f"at {what.split()[0]}"
    folder.mkdir()
    stage = Stage(folder / "stage", 1, telling=False, seed=form.seed)
    stage.reference()
    learnt(stage, url)
    pace = {"DRIFTGLASS_TICK_SECONDS": "0.3", "DRIFTGLASS_LEASE_SECONDS": "5"}
    with serving(folder, url, **pace) as service:
        wait_until("it serves", lambda: service.ready() == 200, 60)
        begin()
        stage.advance(hours)
        wait_until("it says that it is not ready", lambda: service.ready() == 503, 30)
        time.sleep(form.pick(3, 20))
        lines = service.said(" waits: ")
        alive = service.process.poll() is None
        end()
        began = time.monotonic()
        wait_until("it is ready again", lambda: service.ready() == 200, 30)
        ready = time.monotonic() - began
        wait_until("everything is judged", lambda: _judged(url) >= hours, 60)
        recovered = time.monotonic() - began
        again = _settled(service, url)
    stage.write_facts(folder / "facts.json")
    faults = check(url, folder / "facts.json", None).lines()
    for fault in faults:
        form.say(f"{what}: {fault}")
    return Row(
        f"{what} for a while: 503 from /readyz, {lines} lines in the log, no process ended",
        f"ready after {ready:.1f} s, judged after {recovered:.1f} s, {len(faults)} violations",
        f"0 violations, at most {TICKS_PER_OUTAGE} lines",
        ok=alive and again and not faults and lines <= TICKS_PER_OUTAGE,
    )


def _judged(url: str) -> int:
    return _count(url, "SELECT count(*) FROM windows WHERE state = 'judged'")


def _settled(service: Service, url: str) -> bool:
    query = "SELECT count(*) FROM runs WHERE kind <> 'read' AND state IN ('queued', 'running', 'failed')"
    wait_until("nothing is left", lambda: _count(url, query) == 0, 30)
    return service.process.poll() is None


def _count(url: str, query: str) -> int:
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(os.fspath(url.removeprefix("sqlite:///")))) as conn:
            return int(conn.execute(query).fetchone()[0])
    with psycopg.connect(url) as conn:
        row = conn.execute(query.encode()).fetchone()
        assert row is not None
        return int(row[0])
