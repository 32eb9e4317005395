"""Spans and windows become runs; runs are claimed, worked on under a lease, and finished in one transaction.

The clock that ticks decides nothing: any number of processes may tick, and any of them may be killed at any
instruction. What is due stands in the store (`store.runs` draws the states), and only whoever still holds the
fence may keep a result.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from monitor import failpoints, telemetry
from monitor.clock import Clock
from monitor.errors import LeaseLost
from monitor.store import models, runs, windows
from monitor.store.engine import Store
from monitor.store.runs import KINDS, Kind, Run

if TYPE_CHECKING:
    from apscheduler.schedulers.background import BackgroundScheduler

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 5
FIRST_RETRY_SECONDS = 5.0
LONGEST_RETRY_SECONDS = 600.0

LEASES_LOST = telemetry.counter("leases_lost", "Runs whose worker died or stood still")
STALE_COMMITS = telemetry.counter("stale_commits_refused", "Results refused because the lease had been lost")
TICK_FAILURES = telemetry.counter("tick_failures", "Ticks that ended in an error", ["tick"])


def materialise(
    conn: Connection, model_id: int, due: Sequence[tuple[int, int]], now_us: int, *, read: bool = True
) -> int:
    """Queue the work for closed windows [start_us, end_us): one read for all, measure and judge for each.

    Moves `materialised_until_us` to the last end. Windows that have their runs keep them. Returns how many
    are new. `read=False` where the records were read already (a simulated stream, a back-fill).
    """
    if not due:
        return 0
    model = models.lock(conn, model_id)  # replicas take turns
    windows.upsert(conn, model_id, [windows.Counts(start, end) for start, end in due])
    wanted: list[tuple[int, Kind, int, int]] = []
    if read:
        wanted.append((model_id, "read", max(start for start, _ in due), 0))
    for start, _ in due:
        wanted += [(model_id, "measure", start, 0), (model_id, "judge", start, 0)]
    until_us = max(end for _, end in due)
    if model.materialised_until_us is None or until_us > model.materialised_until_us:
        models.update_state(conn, model_id, materialised_until_us=until_us)
    new = runs.insert_new(conn, wanted, now_us)
    failpoints.reach("materialise.written")
    return new


def revise(conn: Connection, model_id: int, starts: Collection[int], now_us: int) -> list[int]:
    """Late records came for these windows: queue new revisions; returns the windows that are measured again.

    A window that was measured (or is being measured) is measured and judged again; every later window that
    was judged is judged again: the sequential state goes through it. What has not begun needs nothing.
    """
    if not starts:
        return []
    late = set(starts)
    current = runs.current_from(conn, model_id, min(late))
    begun = {"running", "succeeded", "dead"}
    again = [
        run.window_start_us
        for run in current
        if run.kind == "measure" and run.window_start_us in late and run.state in begun
    ]
    if not again:
        return []
    measured_again = set(again)
    replaced = [
        run
        for run in current
        if run.window_start_us in measured_again
        or (run.kind == "judge" and run.window_start_us > again[0] and run.state in begun)
    ]
    runs.supersede(conn, [run.id for run in replaced])
    revisions = windows.raise_revision(conn, model_id, sorted({run.window_start_us for run in replaced}))
    windows.mark(conn, model_id, again, "open", now_us)
    rows: list[tuple[int, Kind, int, int]] = [
        (model_id, run.kind, run.window_start_us, revisions[run.window_start_us]) for run in replaced
    ]
    runs.insert_new(conn, rows, now_us)
    failpoints.reach("revise.written")
    return again


class _Raced(Exception):
    """Between choosing and taking a run, a revision put an earlier one before it."""


def claim(
    store: Store,
    clock: Clock,
    owner: str,
    lease_seconds: float = 60.0,
    kinds: Collection[Kind] = KINDS,
    model_id: int | None = None,
) -> Run | None:
    """Take the run that has been due the longest, for `lease_seconds`; None if nothing can be done now.

    First frees the runs whose lease ran out. Judges of a model come strictly in window order, one at a time.
    """
    now_us = clock.now_us()
    lease_until_us = now_us + round(lease_seconds * 1e6)
    try:
        with store.write() as conn:
            lost = runs.release_lost(conn, now_us, MAX_ATTEMPTS)
            run = runs.claim_next(conn, now_us, lease_until_us, owner, kinds, model_id)
            # On PostgreSQL a revision may have committed after the statement above took its snapshot.
            if run is not None and run.kind == "judge" and runs.is_blocked(conn, run.id):
                raise _Raced
            if run is not None:
                failpoints.reach("claim.written")
    except _Raced:
        return None
    if lost:
        LEASES_LOST.inc(lost)
        log.warning("%d runs lost their lease and are queued again", lost)
    if run is not None:
        failpoints.reach("claim.committed")
    return run


def heartbeat(store: Store, clock: Clock, run: Run, lease_seconds: float = 60.0) -> None:
    """Keep a run for `lease_seconds` from now. LeaseLost if it went to another: stop working on it."""
    with store.write() as conn:
        runs.extend(conn, run, clock.now_us() + round(lease_seconds * 1e6))
    failpoints.reach("heartbeat.committed")


def finish(conn: Connection, run: Run, now_us: int) -> None:
    """Mark a run as done, in the transaction that writes its results.

    Raises LeaseLost, which must leave the `with store.write()` block so that the results are rolled back.
    """
    try:
        runs.settle(conn, run, "finish", now_us)
    except LeaseLost:
        STALE_COMMITS.inc()
        raise


def fail(conn: Connection, run: Run, error: str, now_us: int) -> None:
    """Give a run back after an error: tried again later, dead after MAX_ATTEMPTS. LeaseLost as above."""
    if run.attempt >= MAX_ATTEMPTS:
        runs.settle(conn, run, "give_up", now_us, error=error)
        return
    wait_us = round(retry_seconds(run) * 1e6)
    runs.settle(conn, run, "fail", now_us, error=error, available_us=now_us + wait_us)


def retry_seconds(run: Run) -> float:
    """The wait after a failed attempt: 5 s, 20 s, 80 s …, at most ten minutes, up to a quarter shorter.

    The quarter comes from the run and its attempt: runs that failed together do not come back together.
    """
    longest = min(FIRST_RETRY_SECONDS * 4.0 ** (run.attempt - 1), LONGEST_RETRY_SECONDS)
    digest = hashlib.blake2b(f"{run.id}/{run.attempt}".encode(), digest_size=4).digest()
    spread = int.from_bytes(digest, "big") / 2**32
    return longest * (1.0 - spread / 4.0)


@dataclass
class _Tick:
    """One repeated call, and when it was last seen, by the monotonic clock."""

    seconds: float
    call: Callable[[], object]
    last: float
    running: bool = False


class Scheduler:
    """Calls functions again and again: `Scheduler({"work": (5.0, work)})`, seconds first.

    Each runs in a thread, never beside itself; a late call is not dropped, and several late ones are one. An
    error is logged and counted and never ends the ticking.
    """

    def __init__(
        self,
        ticks: Mapping[str, tuple[float, Callable[[], object]]],
        *,
        patience_seconds: float = 60.0,
        longest_tick_seconds: float = 3600.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._monotonic = monotonic
        self._patience = patience_seconds
        self._longest = longest_tick_seconds
        self._ticks = {name: _Tick(seconds, call, monotonic()) for name, (seconds, call) in ticks.items()}
        self._scheduler: BackgroundScheduler | None = None

    def start(self) -> None:
        """Begin to tick, each function at once for the first time."""
        from datetime import UTC, datetime

        from apscheduler.executors.pool import ThreadPoolExecutor
        from apscheduler.schedulers.background import BackgroundScheduler

        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            executors={"default": ThreadPoolExecutor(max(1, len(self._ticks)))},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )
        for name, tick in self._ticks.items():
            tick.last = self._monotonic()
            self._scheduler.add_job(
                self.tick,
                "interval",
                seconds=tick.seconds,
                args=[name],
                id=name,
                next_run_time=datetime.now(UTC),
            )
        self._scheduler.start()

    def stop(self) -> None:
        """Stop ticking; waits for the calls that are under way."""
        if self._scheduler is not None:
            self._scheduler.shutdown(wait=True)
            self._scheduler = None

    def tick(self, name: str) -> None:
        """One call of one function, as the clock makes it."""
        tick = self._ticks[name]
        tick.last, tick.running = self._monotonic(), True
        try:
            tick.call()
        except Exception:  # the edge of a job
            TICK_FAILURES.labels(name).inc()
            log.exception("the tick %s failed; it goes on", name)
        finally:
            tick.last, tick.running = self._monotonic(), False

    def stuck(self) -> list[str]:
        """What does not tick as it should, a line each; empty while all is well (for /livez).

        By the monotonic clock; the scheduler itself says that it runs even when its thread is dead.
        """
        problems = []
        for name, tick in self._ticks.items():
            age = self._monotonic() - tick.last
            if tick.running and age > self._longest:
                problems.append(f"{name} has been busy for {age:.0f} s")
            elif not tick.running and age > self._patience + 3 * tick.seconds:
                problems.append(f"{name} has not ticked for {age:.0f} s")
        return problems
