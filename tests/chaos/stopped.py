"""SIGSTOP past the lease, then SIGCONT: what another has done since must not be done again.

A process stops itself at a place between claim and commit; another takes its work over; then it goes on as if nothing
had happened, and its result must be refused. Inside the transaction it holds the lock, so nobody takes over, and what
it commits afterwards is the only result.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg

from monitor import failpoints
from tests.chaos.fleet import wait_until
from tests.chaos.scenes import KINDS, LEASE_SECONDS, Scenes, prepared
from tests.chaos.table import Form, Row

# The place, and whether its process holds no lock of its own there, so that another can take the work over.
PLACES = (("measure.worked", True), ("judge.worked", True), ("judge.written", False), ("deliver.sent", True))
# What a process says of a result that was refused.
REFUSED = ("went to another", "was taken over")
AT_ONCE = 4


@dataclass(frozen=True)
class Tried:
    """One place on one database: whether another did the work meanwhile, whether the late result was refused."""

    kind: str
    taken: bool
    refused: bool
    faults: list[str]


def run(form: Form) -> Iterator[Row]:
    with ThreadPoolExecutor(AT_ONCE) as pool, prepared(form, pool) as scenes:
        places = [(kind, *place) for place in PLACES for kind in KINDS]
        found = list(pool.map(lambda place: _try(form, scenes, *place), places))
    for kind in KINDS:
        some = [tried for tried in found if tried.kind == kind]
        taken, refused = sum(tried.taken for tried in some), sum(tried.refused for tried in some)
        faults = sum(len(tried.faults) for tried in some)
        yield Row(
            f"{kind}: SIGSTOP past the lease at {len(some)} places, SIGCONT",
            f"{taken} taken over, {refused} late commits refused, {faults} violations",
            "all refused, 0",
            ok=refused == taken >= 2 and not faults,
        )


def _try(form: Form, scenes: Scenes, kind: str, point: str, free: bool) -> Tried:
    name = f"{kind}-{point}-stop".replace(".", "-")
    what = "deliver" if point.startswith("deliver.") else "work"
    with scenes.scene(kind, name, "begun") as fleet:
        log = fleet.folder / "victim.log"
        victim = fleet.start_light(what, **{failpoints.VARIABLE: f"{point}:stop", "CHAOS_LOG": str(log)})
        process = psutil.Process(victim)
        wait_until(f"{point} is reached", lambda: process.status() == psutil.STATUS_STOPPED, 40)
        # Another thread of the process may have been stopped in its transaction: then everybody waits for it.
        free = free and not _writes(kind, fleet.url)
        fleet.start_light("work")
        fleet.start_light("deliver")
        taken = free and fleet.settle(60)
        if not taken:
            time.sleep(2 * LEASE_SECONDS)
        os.kill(victim, signal.SIGCONT)
        refused = taken and _comes_to_say(log)
        faults = scenes.faults(fleet, name)
        if free and not taken:
            faults.append("nobody took the work over")
    form.say(f"{kind}, {point}: {'refused' if refused else 'not taken over'}; {'; '.join(faults) or 'ok'}")
    return Tried(kind, taken, refused, faults)


def _writes(kind: str, url: str) -> bool:
    """Whether a stopped process is within a transaction that writes."""
    if kind == "postgresql":
        with psycopg.connect(url) as conn:
            locks = (
                "SELECT 1 FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database"
                " WHERE datname = current_database() AND mode IN ('RowShareLock', 'RowExclusiveLock') AND granted"
            )
            return conn.execute(locks).fetchone() is not None
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"), timeout=1, isolation_level=None)) as held:
        try:
            held.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
        held.execute("ROLLBACK")
    return False


def _comes_to_say(log: Path) -> bool:
    """Whether the process says within some seconds that its result was refused."""
    try:
        wait_until(
            "the result is refused", lambda: any(words in log.read_text("utf-8") for words in REFUSED), 20
        )
    except TimeoutError:
        return False
    return True
