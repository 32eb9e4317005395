"""Functions that are called again and again, each in its turn, whatever becomes of the machine's clock.

A tick decides nothing and carries nothing: what there is to do stands in the store, so that a call may come late, or
once for several, and any number of processes may tick.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor import telemetry
from monitor.errors import DependencyUnavailable

if TYPE_CHECKING:
    from apscheduler.schedulers.background import BackgroundScheduler

log = logging.getLogger(__name__)

WAKE_SECONDS = 0.2
_SOONEST_SECONDS = 0.05  # a call that plans the next one is not to meet it
LATE_SECONDS = 2.0  # after its time a call is late

TICK_FAILURES = telemetry.counter("tick_failures", "Ticks that ended in an error", ["tick"])


@dataclass
class _Tick:
    """One repeated call, and when it was last seen, by the monotonic clock."""

    seconds: float
    call: Callable[[], object]
    last: float
    running: bool = False
    again: bool = False
    away_since: float | None = None


class Scheduler:
    """Calls functions again and again: `Scheduler({"work": (5.0, work)})`, seconds first.

    Each runs in a thread, never beside itself; a late call is not dropped, and several late ones are one. An
    error is logged and counted and never ends the ticking; that something is away is logged once, and when it is back.
    Setting the machine's clock holds up nothing.
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
        self._lock = threading.Lock()
        self._idle = threading.Condition(self._lock)
        self._stopped = threading.Event()

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
        threading.Thread(target=self._watch, name="late", daemon=True).start()

    def stop(self) -> None:
        """Stop ticking; waits for the calls that are under way."""
        with self._lock:
            self._stopped.set()
        scheduler, self._scheduler = self._scheduler, None
        if scheduler is not None:
            # Were it to wait itself, it would hold its locks, which a call under way needs to plan another one.
            scheduler.shutdown(wait=False)
            with self._idle:
                self._idle.wait_for(lambda: not any(tick.running for tick in self._ticks.values()))

    def wake(self, name: str) -> None:
        """Call a function soon, after the call under way and not at its next tick; at most five times a second."""
        tick = self._ticks[name]
        with self._lock:
            if tick.running:  # the scheduler would pass over it
                tick.again = True
                return
            wait = max(0.0, WAKE_SECONDS - (self._monotonic() - tick.last))
        self._plan(name, wait)

    def call_in(self, name: str, seconds: float) -> None:
        """Call a function in so many seconds, if its next tick is later than that; the ticks go on from there."""
        if _SOONEST_SECONDS <= seconds < self._ticks[name].seconds:
            self._plan(name, seconds)

    def _plan(self, name: str, wait: float) -> None:
        from datetime import UTC, datetime, timedelta

        from apscheduler.jobstores.base import JobLookupError

        scheduler = self._scheduler
        if scheduler is not None:
            with suppress(JobLookupError):  # stopping
                scheduler.modify_job(name, next_run_time=datetime.now(UTC) + timedelta(seconds=wait))

    def _watch(self) -> None:
        """Call whatever is late by the monotonic clock.

        The scheduler plans by the machine's clock: once that is set back by an hour, it would call nothing for an
        hour, also if somebody sets it right again at once.
        """
        while not self._stopped.wait(1.0):
            for name, tick in self._ticks.items():
                if not tick.running and self._monotonic() - tick.last > tick.seconds + LATE_SECONDS:
                    self._plan(name, 0.0)

    def tick(self, name: str) -> None:
        """One call of one function, as the clock makes it."""
        tick = self._ticks[name]
        with self._lock:
            if self._stopped.is_set():
                return
            tick.last, tick.running, tick.again = self._monotonic(), True, False
        try:
            tick.call()
            if tick.away_since is not None:
                log.info("the tick %s goes on after %.0f s", name, self._monotonic() - tick.away_since)
                tick.away_since = None
        except DependencyUnavailable as error:
            TICK_FAILURES.labels(name).inc()
            if tick.away_since is None:
                tick.away_since = self._monotonic()
                log.error("the tick %s waits: %s", name, error)
        except Exception:  # the edge of a job
            TICK_FAILURES.labels(name).inc()
            log.exception("the tick %s failed; it goes on", name)
        finally:
            with self._lock:
                tick.last, tick.running = self._monotonic(), False
                self._idle.notify_all()
            if tick.again:
                self.wake(name)

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
