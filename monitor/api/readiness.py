"""Whether requests can be served, asked by whoever routes them: every look ends within seconds."""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as Late
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from monitor.clock import Clock
from monitor.errors import DependencyUnavailable, UsageError
from monitor.store import chores, outbox
from monitor.store.engine import Store

log = logging.getLogger(__name__)

PROBE_SECONDS = 2.0
LEAST_FREE = 64 << 20  # bytes: less is gone before anybody has looked
OLD_US = 900_000_000  # a message that waits so long has a receiver that is away


class Readiness:
    """One per application. `storing` tells why the store was not written lately, a line each."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        storing: Callable[[], Sequence[str]] | None,
        *,
        free: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
        probe_seconds: float = PROBE_SECONDS,
    ) -> None:
        self._store = store
        self._clock = clock
        self._storing = storing
        self._free = free
        self._probe_seconds = probe_seconds
        self._threads = ThreadPoolExecutor(1, "readiness")
        self._lock = threading.Lock()
        self._looking: Future[list[str]] | None = None

    def problem(self) -> str | None:
        """Why nothing can be served now, without a name or an address; None while it can."""
        if self._storing is not None and list(self._storing()):
            return "the store takes no writes"
        if self._store.file is not None:
            folder = Path(self._store.file).absolute().parent
            try:
                if self._free(folder) < LEAST_FREE:
                    return f"the disk of the store has less than {LEAST_FREE >> 20} MB left"
            except OSError:
                return "the store takes no writes"
        # One look at a time: where one hangs, whoever comes next waits for the same.
        with self._lock:
            if self._looking is None or self._looking.done():
                self._looking = self._threads.submit(self._look)
            looking = self._looking
        try:
            found = looking.result(self._probe_seconds)
        except Late:
            return f"the store takes no writes within {self._probe_seconds:g} s"
        return found[0] if found else None

    def notes(self) -> list[str]:
        """What is late, and no reason to send requests elsewhere."""
        with self._store.read() as conn:
            oldest_us = outbox.oldest_pending_us(conn)
        age_us = 0 if oldest_us is None else self._clock.now_us() - oldest_us
        return [f"a notification has waited for {age_us // 60_000_000} minutes"] if age_us > OLD_US else []

    def _look(self) -> list[str]:
        try:
            # A real write: a full disk lets one pass that changes nothing.
            with self._store.write() as conn:
                chores.note(conn, "probe", {}, self._clock.now_us())
            if self._store.current() != self._store.head():
                return ["the tables are of another version: run `driftglass db upgrade`"]
        except UsageError as error:
            log.warning("not ready: %s", error)
            return ["the tables are of another version: run `driftglass db upgrade`"]
        except (DependencyUnavailable, DBAPIError) as error:
            log.warning("not ready: %s", error)
            return ["the store takes no writes"]
        return []
