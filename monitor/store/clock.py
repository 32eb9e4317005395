"""The time that all processes on one store go by: the database's, or this machine's where the database is a file."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from sqlalchemy import Connection

from monitor.clock import Clock, SystemClock
from monitor.errors import DriftglassError
from monitor.store.engine import Store

log = logging.getLogger(__name__)

_EVERY_SECONDS = 10.0
_QUESTIONS = 3  # the quickest answer counts: it is the least uncertain


def clock_of(store: Store) -> Clock:
    """`DatabaseClock` on PostgreSQL, where replicas on several machines must agree; the machine's clock on SQLite."""
    return DatabaseClock(store) if store.dialect == "postgresql" else SystemClock()


class DatabaseClock:
    """PostgreSQL's clock, asked every ten seconds and carried on by the monotonic clock in between.

    A wrong clock on one of the machines that serve then moves no lease and closes no window. While the database is
    away the time goes on; before it was ever reached it is this machine's.
    """

    def __init__(self, store: Store, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._known: tuple[int, float] | None = None
        self._ask_at = float("-inf")

    def now_us(self) -> int:
        """Microseconds since 1970-01-01T00:00 UTC."""
        # Whoever comes while another thread asks goes by the last answer.
        if self._monotonic() >= self._ask_at and self._lock.acquire(blocking=self._known is None):
            try:
                self._ask()
            finally:
                self._lock.release()
        known = self._known
        if known is None:
            return SystemClock().now_us()
        return known[0] + round((self._monotonic() - known[1]) * 1e6)

    def _ask(self) -> None:
        if self._monotonic() < self._ask_at:
            return
        try:
            with self._store.read() as conn:  # connecting takes its time, and is no part of the question
                answers = [self._answer(conn) for _ in range(_QUESTIONS)]
            now_us, middle, _ = min(answers, key=lambda answer: answer[2])
        except DriftglassError as error:
            log.debug("the database's clock was not asked: %s", error)
        else:
            self._known = (now_us, middle)
        self._ask_at = self._monotonic() + _EVERY_SECONDS

    def _answer(self, conn: Connection) -> tuple[int, float, float]:
        """The time in µs, the middle of the question by the monotonic clock, and how long it took."""
        before = self._monotonic()
        found = conn.exec_driver_sql("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")
        now_us: int = found.scalar_one()
        after = self._monotonic()
        return now_us, (before + after) / 2, after - before
