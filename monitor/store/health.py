"""Whether the store can be written: every process writes a sign of life now and then, and remembers how it went."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from importlib.metadata import version

from monitor.clock import Clock
from monitor.errors import DriftglassError
from monitor.store import processes
from monitor.store.engine import Store
from monitor.store.processes import Process, Role

FORGET_US = 86_400_000_000  # rows of processes that were killed


class StoreHealth:
    """The sign of life of this process: a real write, so that a full disk or a read-only file shows."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        role: Role,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        patience_seconds: float = 60.0,
    ) -> None:
        self._store = store
        self._clock = clock
        self._role = role
        self._monotonic = monotonic
        self._patience = patience_seconds
        self._started_us = clock.now_us()
        self.name = f"{socket.gethostname()}:{os.getpid()}:{self._started_us}"
        self._written = monotonic()
        self._error: str | None = None

    def tick(self) -> None:
        """Write the sign of life. DependencyUnavailable if the store does not take it, which `problems` then tells."""
        now_us = self._clock.now_us()
        process = Process(self.name, self._role, version("driftglass"), self._started_us, now_us)
        try:
            with self._store.write() as conn:
                processes.seen(conn, process, now_us - FORGET_US)
        except DriftglassError as error:
            self._error = str(error)
            raise
        self._written, self._error = self._monotonic(), None

    def left(self) -> None:
        """This process ends in good order; a store that is away does not keep it from that."""
        try:
            with self._store.write() as conn:
                processes.left(conn, self.name)
        except DriftglassError as error:
            self._error = str(error)

    def problems(self) -> list[str]:
        """Why the store cannot be written, a line each; empty while it can (for /readyz)."""
        if self._error is not None:
            return [f"the store cannot be written: {self._error}"]
        age = self._monotonic() - self._written
        if age > self._patience:
            return [f"nothing was written to the store for {age:.0f} s"]
        return []
