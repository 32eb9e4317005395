"""Keeps one working process busy: claims runs for it, keeps their leases, and answers for what becomes of it.

A child that dies, takes too long or holds too much is ended with its run, the first one that it did not answer for, and
that is counted against the run. The rest of the chain is given back as if it had not been claimed.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from typing import Any

from sqlalchemy import Connection

from monitor import jobs, telemetry
from monitor.child import Child, Ended
from monitor.clock import Clock
from monitor.errors import DependencyUnavailable, DriftglassError, LeaseLost, StoreUnavailable
from monitor.failpoints import VARIABLE
from monitor.settings import Settings
from monitor.store.engine import Store
from monitor.store.runs import Run, Share
from monitor.worker import COUNTED

log = logging.getLogger(__name__)

RECYCLE_AFTER_RUNS = 5_000
FOR_ALL = 8  # every so many claims are for the longest due of all models: another child may be busy for long
START_SECONDS = 120.0  # the first start after an installation compiles
SLICE_SECONDS = 20.0  # a tick works so long at most, and is seen to tick
MODEL_SECONDS = 2.0  # so long a child stays with a model whose plan and baseline it has at hand
_LOOK_SECONDS = 0.5

CRASHES = telemetry.counter("worker_crashes", "Working processes that died or had to be ended over a run")
RUN_SECONDS = telemetry.histogram(
    "run_duration_seconds",
    "From handing a run to a working process to its answer",
    ["kind"],
    buckets=(0.05, 0.2, 1, 5, 20, 60, 300, 1200, 3600),
)
RUNS_FINISHED = telemetry.counter(
    "runs_finished",
    "Runs by how they ended in this process: done, failed, lost, away, crashed",
    ["kind", "outcome"],
)
Settle = Callable[[Connection, int], None]


class Supervisor:
    """Claims runs for one child, which is started when first needed and replaced when it is old, big or broken.

    `share`: the models that it works on first, so that what its child holds of them is used again. `judged` is called
    after a run that may have something to tell people. Errors of the store leave `work` as DependencyUnavailable;
    what is to be written of a run then is written at the next call.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        clock: Clock,
        *,
        judged: Callable[[], object] = lambda: None,
        share: Share | None = None,
    ) -> None:
        self._share = share
        self._claims = 0
        self._settings = settings
        self._store = store
        self._clock = clock
        self._judged = judged
        self._child: Child | None = None
        self._armed = True  # the first child only ends where a test wants it to
        self._left: list[Settle] = []
        self._ahead: list[Run] = []  # what the child is to do next, claimed while it works
        self._follow: list[int] = []  # models whose next runs come before those of others
        self._lock = threading.Lock()
        self._stopped = False

    def work(self) -> int:
        """Do what is due, for at most 20 seconds and the runs that are then under way; returns how many runs."""
        with self._lock:
            done = 0
            self._write_what_is_left()
            deadline = time.monotonic() + SLICE_SECONDS
            self._follow = []
            stays, since = None, 0.0  # with a model, since when
            try:
                while not self._stopped and (self._ahead or time.monotonic() < deadline):
                    chain = self._next(asked=done > 0)
                    if not chain:
                        break
                    if chain[0].model_id != stays:
                        stays, since = chain[0].model_id, time.monotonic()
                    done += self._do(chain, deadline)
                    if time.monotonic() - since > MODEL_SECONDS:
                        stays = None
                    # A reading is followed by its windows, and a chain that was full by more of them.
                    elif chain[0].kind == "read" or len(chain) == jobs.CHAIN:
                        self._follow.append(chain[0].model_id)
            finally:
                self._leave_ahead()
            if done and self._child is not None:
                self._child.rest()
            return done

    def stop(self) -> None:
        """End the child, if there is one; its run is given back, and nothing is begun any more."""
        self._stopped = True
        # A call under way holds the lock; ending the child is how it is interrupted.
        while not self._lock.acquire(timeout=0.1):
            if (child := self._child) is not None:
                child.kill()
        try:
            self._discard()
        finally:
            self._lock.release()

    @property
    def child_pid(self) -> int | None:
        """The process id of the child that there is now."""
        return None if self._child is None else self._child.pid

    # ----- one chain ----------------------------------------------------------------------------------------

    def _next(self, *, asked: bool) -> list[Run]:
        """Runs for a child that is ready for them. `asked`: something was due a moment ago."""
        if self._ahead and self._is_ready():
            chain, self._ahead = self._ahead, []
            return chain
        self._leave_ahead()
        if not (asked and self._is_ready()):
            if not jobs.anything_due(self._store, self._clock):
                return []
            try:
                self._ready()
            except Ended as ended:
                self._discard()
                if self._stopped:
                    return []
                raise DependencyUnavailable(f"a working process does not start: {ended}") from ended
        return self._claim()

    def _claim(self) -> list[Run]:
        """Runs of the model to follow, or else of the share, or of any."""
        lease, owner = self._settings.lease_seconds, f"{socket.gethostname()}:{self.child_pid}"
        found: list[Run] = []
        while self._follow and not found:
            model_id = self._follow.pop(0)
            found = jobs.claim_chain(self._store, self._clock, owner, lease, model_id=model_id)
        if not found:
            self._claims += 1
            share = self._share if self._claims % FOR_ALL else None
            found = jobs.claim_chain(self._store, self._clock, owner, lease, share=share)
        return found

    def _claim_ahead(self, chain: list[Run], deadline: float) -> None:
        """Claim what comes after a chain while the child is at it, which else would wait for that.

        After a full chain there is more of its model, but only once the chain is done.
        """
        if self._stopped or len(chain) == jobs.CHAIN or time.monotonic() > deadline:
            return
        try:
            self._ahead = self._claim()
        except DriftglassError as error:  # the child works, and must be listened to
            log.debug("nothing was claimed ahead: %s", error)

    def _leave_ahead(self) -> None:
        """What was claimed ahead is there for whoever wants it."""
        ahead, self._ahead = self._ahead, []
        if ahead:
            self._write(*_left(ahead))

    def _do(self, chain: list[Run], deadline: float) -> int:
        """Let the child do runs that were claimed; returns how many came to an end, a bad one among them."""
        child = self._child
        assert child is not None
        done = 0
        try:
            child.send({"runs": [asdict(run) for run in chain]})
            self._claim_ahead(chain, deadline)
            for run in chain:
                began = time.monotonic()
                answer = self._watch(child, chain[done:])
                RUN_SECONDS.labels(run.kind).observe(time.monotonic() - began)
                RUNS_FINISHED.labels(run.kind, "done" if answer["ok"] else answer["why"]).inc()
                done += 1
                child.runs += 1
                for name, count in answer.get("counted", {}).items():
                    COUNTED[name].inc(count)
                if not answer["ok"]:
                    self._not_done(run, chain[done:], answer)
                    break
                if run.kind == "judge":
                    self._judged()
        except LeaseLost as lost:
            log.warning("%s", lost)
            self._discard()
            self._write(*_left(chain[done + 1 :]))
        except Ended as ended:
            self._discard()
            RUNS_FINISHED.labels(chain[done].kind, "crashed").inc()
            self._crashed(chain[done:], str(ended))
            return done + 1
        else:
            if child.runs >= RECYCLE_AFTER_RUNS or answer["rss_mb"] > self._settings.worker_memory_mb / 2:
                self._discard()
        return done

    def _not_done(self, run: Run, following: list[Run], answer: dict[str, Any]) -> None:
        """The child did not do a run, and begins none of those that follow it."""
        error = str(answer["error"])
        if answer["why"] == "away":
            self._write(
                *(
                    partial(_settled, jobs.give_back, one, error, wait_seconds=1.0)
                    for one in (run, *following)
                )
            )
            raise StoreUnavailable(error)
        settle = [partial(_settled, jobs.fail, run, error)] if answer["why"] == "failed" else []
        self._write(*settle, *_left(following))

    def _watch(self, child: Child, chain: list[Run]) -> dict[str, Any]:
        """The child's answer about the first of these runs; keeps the leases of all meanwhile. `Ended` if the child is
        gone or was ended for its run.
        """
        began = beaten = time.monotonic()
        look = min(_LOOK_SECONDS, self._settings.lease_seconds / 6)
        while (answer := child.answer(look)) is None:
            now = time.monotonic()
            # It takes its time: what was claimed ahead is not to wait for it.
            with suppress(DependencyUnavailable):
                self._leave_ahead()
            if now - began > self._settings.run_seconds:
                raise Ended(
                    f"it took longer than {self._settings.run_seconds:.0f} s (DRIFTGLASS_RUN_SECONDS)"
                )
            if child.resident_mb() > self._settings.worker_memory_mb:
                raise Ended(
                    f"it held more than {self._settings.worker_memory_mb} MB (DRIFTGLASS_WORKER_MEMORY_MB)"
                )
            # Whoever stands still gives no sign of life: another process may take the run.
            if now - beaten > self._settings.lease_seconds / 3 and not child.is_stopped():
                beaten = now
                try:
                    jobs.heartbeat(
                        self._store, self._clock, chain[0], self._settings.lease_seconds, following=chain[1:]
                    )
                except DependencyUnavailable as error:
                    log.debug("no heartbeat of run %d: %s", chain[0].id, error)
        return answer

    def _crashed(self, chain: list[Run], how: str) -> None:
        """The child is gone over the first of these runs."""
        if self._stopped:
            self._write(*_left(chain))
            return
        CRASHES.inc()
        run = chain[0]
        where = (run.kind, run.window_start_us, run.model_id)
        log.error("the %s of window %d of model %d ended its process: %s", *where, how)
        self._write(partial(_settled, jobs.crash, run, how), *_left(chain[1:]))

    def _write(self, *settle: Settle) -> None:
        self._left += settle
        self._write_what_is_left()

    def _write_what_is_left(self) -> None:
        """What became of runs that were not finished; kept until the store takes it."""
        if self._left:
            with self._store.write() as conn:
                for settle in self._left:
                    settle(conn, self._clock.now_us())
            self._left = []

    # ----- the child ----------------------------------------------------------------------------------------

    def _ready(self) -> None:
        """A child that has begun to listen. `Ended` if it does not come to that."""
        if self._is_ready():
            return
        self._discard()
        self._child = Child(self._environment())
        self._armed = False
        deadline = time.monotonic() + START_SECONDS
        while self._child.answer(_LOOK_SECONDS) is None:
            if time.monotonic() > deadline:
                raise Ended(f"it was not ready after {START_SECONDS:.0f} s")

    def _is_ready(self) -> bool:
        return self._child is not None and self._child.is_alive()

    def _environment(self) -> dict[str, str]:
        without = {"PYTHONDONTWRITEBYTECODE"} if self._armed else {"PYTHONDONTWRITEBYTECODE", VARIABLE}
        environment = {name: value for name, value in os.environ.items() if name not in without}
        # What the command line said wins over the environment, in the child as in the parent.
        environment["DRIFTGLASS_DATABASE_URL"] = self._settings.database_url
        environment["DRIFTGLASS_PUBLIC_URL"] = self._settings.base_url
        return environment

    def _discard(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.end()


def _settled(
    event: Callable[..., None], run: Run, error: str | None, conn: Connection, now_us: int, **more: float
) -> None:
    """Write what became of a run, if it is still ours; if not, nothing of it is written."""
    try:
        event(conn, run, error, now_us, **more)
    except LeaseLost as lost:
        log.warning("%s", lost)


def _left(chain: Sequence[Run]) -> list[Settle]:
    """Runs that were not begun are there for whoever wants them."""
    return [partial(_settled, jobs.give_back, run, None) for run in chain]
