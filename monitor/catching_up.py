"""Catching up: many closed windows wait, and one process works on several in one transaction.

It begins with one window and takes twice as many each time for as long as that is quick. What was tried before is
tried alone: a run that fails or ends its process must not take others with it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from sqlalchemy import Connection

from monitor import jobs
from monitor.clock import Clock
from monitor.store import following
from monitor.store.engine import Store
from monitor.store.runs import Run
from monitor.windows import Grid

MOST_WINDOWS = 32
# Work on several windows lasts about so long at most: far less than a lease, and nobody waits long for the writer.
SECONDS = 2.0

Result = TypeVar("Result")


class Pace:
    """How many windows are taken at once."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.windows = 1
        self._monotonic = monotonic

    def work(self, call: Callable[[], Result]) -> Result:
        """Do a piece of work on `windows` windows, and learn from the time it takes."""
        began = self._monotonic()
        result = call()
        quick = self._monotonic() - began < SECONDS / 2
        self.windows = min(2 * self.windows, MOST_WINDOWS) if quick else max(self.windows // 2, 1)
        return result


def measures_with(
    store: Store, clock: Clock, run: Run, grid: Grid, count: int, lease_seconds: float
) -> list[Run]:
    """The claimed measure `run`, and those of the windows right after it, claimed too: `count` in all at most."""
    if run.attempt > 1 or count == 1:
        return [run]
    now_us = clock.now_us()
    until_us = _after(run, grid, count)[-1] + 1
    with store.write() as conn:
        more = following.claim_measures(conn, run, until_us, now_us, now_us + round(lease_seconds * 1e6))
    return [run, *more]


def judges_after(store: Store, clock: Clock, run: Run, grid: Grid, count: int) -> list[Run]:
    """The judges of the windows right after that of the claimed judge `run`, `count` less one at most, for as long as
    each could be claimed if `run` were done.
    """
    if run.attempt > 1 or count == 1:
        return []
    with store.read() as conn:
        return following.judges_after(conn, run, _after(run, grid, count), clock.now_us())


def finish(conn: Connection, judge: Run, held: Run, now_us: int) -> bool:
    """Mark one of `judges_after` as done, in the transaction that does so for `held` and that writes the results of
    both; False if it is not to be had any more: then nothing of it must be written.
    """
    taken = following.take(conn, judge, held, now_us)
    if taken is None:
        return False
    jobs.finish(conn, taken, now_us)
    return True


def _after(run: Run, grid: Grid, count: int) -> Sequence[int]:
    """The starts of the `count` - 1 windows after that of a run."""
    starts: list[int] = []
    at = run.window_start_us
    for _ in range(count - 1):
        at = grid.window_end(at)
        starts.append(at)
    return starts
