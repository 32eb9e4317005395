"""A working process of `serve`: it holds the heavy imports, does one run at a time, and is replaced now and then.

The parent claims a chain of runs, writes it as one JSON line on the child's standard input, and keeps its leases while
the child works; the child answers with one JSON line per run on its standard output, and begins nothing after one that
it could not do:

    (start)                          →  {"ready": true}
    {"runs": [{"id": 7, …}, …]}      →  {"ok": true, "rss_mb": 312.4}  or  {"ok": false, "why": "failed", "error": "…"}
    {"rest": true}                   →  nothing: what is only held for the next run is given back

A child that dies, takes too long or holds too much is ended with its run, the first one that it did not answer for, and
the parent counts that against the run. The rest of the chain is given back as if it had not been claimed.
At the end of standard input (the parent is gone) the child stops. Whatever it was doing then is a run with a lease:
another process takes it up.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from monitor import jobs, telemetry
from monitor.clock import Clock
from monitor.errors import DependencyUnavailable, LeaseLost, StoreUnavailable
from monitor.failpoints import VARIABLE
from monitor.settings import Settings
from monitor.store.engine import Store
from monitor.store.runs import Run

if TYPE_CHECKING:
    from monitor.app import App
    from monitor.pipeline import Pipeline

log = logging.getLogger(__name__)

RECYCLE_AFTER_RUNS = 5_000
START_SECONDS = 120.0  # the first start after an installation compiles
SLICE_SECONDS = 20.0  # a tick works so long at most, and is seen to tick
MODEL_SECONDS = 2.0  # so long a child stays with a model whose plan and baseline it has at hand
NICENESS = 5
_LOOK_SECONDS = 0.5

# Counted in the child, where nobody scrapes: each answer tells what its run added, and the parent exports it.
_COUNTERS = {"stale_commits_refused": jobs.STALE_COMMITS}
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


class _Ended(Exception):
    """The child is gone; the message says how."""


class Worker:
    """The parent's side: claims runs for one child, which is started when first needed and replaced when it is old,
    big or broken.

    `judged` is called after a run that may have something to tell people. Errors of the store leave `work` as
    DependencyUnavailable; what is to be written of a run then is written at the next call.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        clock: Clock,
        *,
        judged: Callable[[], object] = lambda: None,
    ) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock
        self._judged = judged
        self._child: _Child | None = None
        self._armed = True  # the first child only ends where a test wants it to
        self._left: list[Settle] = []
        self._lock = threading.Lock()
        self._stopped = False

    def work(self) -> int:
        """Do what is due, for at most 20 seconds and the runs that are then under way; returns how many runs."""
        with self._lock:
            done = 0
            self._write_what_is_left()
            deadline = time.monotonic() + SLICE_SECONDS
            model_id, since = None, 0.0
            while not self._stopped and time.monotonic() < deadline:
                if time.monotonic() - since > MODEL_SECONDS:
                    model_id = None
                chain = self._claim(model_id, asked=done > 0)
                if not chain:
                    break
                if chain[0].model_id != model_id:
                    since = time.monotonic()
                done += self._do(chain)
                # A reading is followed by its windows, and a chain that was full by more of them.
                follows = chain[0].kind == "read" or len(chain) == jobs.CHAIN
                model_id = chain[0].model_id if follows else None
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

    def _claim(self, model_id: int | None, *, asked: bool) -> list[Run]:
        """Runs of this model, or else of any; a child that is ready for them is there first.

        `asked`: something was due a moment ago.
        """
        if not (asked and self._is_ready()):
            if not jobs.anything_due(self._store, self._clock):
                return []
            try:
                self._ready()
            except _Ended as ended:
                self._discard()
                if self._stopped:
                    return []
                raise DependencyUnavailable(f"a working process does not start: {ended}") from ended
        lease, owner = self._settings.lease_seconds, f"{socket.gethostname()}:{self.child_pid}"
        found: list[Run] = []
        if model_id is not None:
            found = jobs.claim_chain(self._store, self._clock, owner, lease, model_id=model_id)
        return found or jobs.claim_chain(self._store, self._clock, owner, lease)

    def _do(self, chain: list[Run]) -> int:
        """Let the child do runs that were claimed; returns how many came to an end, a bad one among them."""
        child = self._child
        assert child is not None
        done = 0
        try:
            child.send({"runs": [asdict(run) for run in chain]})
            for run in chain:
                began = time.monotonic()
                answer = self._watch(child, chain[done:])
                RUN_SECONDS.labels(run.kind).observe(time.monotonic() - began)
                RUNS_FINISHED.labels(run.kind, "done" if answer["ok"] else answer["why"]).inc()
                done += 1
                child.runs += 1
                for name, count in answer.get("counted", {}).items():
                    _COUNTERS[name].inc(count)
                if not answer["ok"]:
                    self._not_done(run, chain[done:], answer)
                    break
                if run.kind == "judge":
                    self._judged()
        except LeaseLost as lost:
            log.warning("%s", lost)
            self._discard()
            self._write(*_left(chain[done + 1 :]))
        except _Ended as ended:
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

    def _watch(self, child: _Child, chain: list[Run]) -> dict[str, Any]:
        """The child's answer about the first of these runs; keeps the leases of all meanwhile. `_Ended` if the child is
        gone or was ended for its run.
        """
        began = beaten = time.monotonic()
        look = min(_LOOK_SECONDS, self._settings.lease_seconds / 6)
        while (answer := child.answer(look)) is None:
            now = time.monotonic()
            if now - began > self._settings.run_seconds:
                raise _Ended(
                    f"it took longer than {self._settings.run_seconds:.0f} s (DRIFTGLASS_RUN_SECONDS)"
                )
            if child.resident_mb() > self._settings.worker_memory_mb:
                raise _Ended(
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
        """A child that has begun to listen. `_Ended` if it does not come to that."""
        if self._is_ready():
            return
        self._discard()
        self._child = _Child(self._environment())
        self._armed = False
        deadline = time.monotonic() + START_SECONDS
        while self._child.answer(_LOOK_SECONDS) is None:
            if time.monotonic() > deadline:
                raise _Ended(f"it was not ready after {START_SECONDS:.0f} s")

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


class _Child:
    """The process and its two pipes."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "monitor.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._input, self._output = self._process.stdin, self._process.stdout
        self._read = b""
        self.pid = self._process.pid
        self.runs = 0

    def send(self, message: dict[str, Any]) -> None:
        """`_Ended` if nobody reads it any more."""
        try:
            # Unbuffered: what a dead child did not read must not be written again when its pipe is closed.
            os.write(self._input.fileno(), json.dumps(message).encode() + b"\n")
        except OSError as error:
            raise _Ended(self._how()) from error

    def rest(self) -> None:
        """Nothing follows for now."""
        try:
            self.send({"rest": True})
        except _Ended as ended:
            log.debug("a resting child has %s", ended)  # the next run gets a new one

    def answer(self, seconds: float) -> dict[str, Any] | None:
        """The next line, None if there is none within so many seconds. `_Ended` if there will be none."""
        if b"\n" not in self._read:
            if not select.select([self._output], [], [], seconds)[0]:
                return None
            some = os.read(self._output.fileno(), 1 << 16)
            if not some:
                raise _Ended(self._how())
            self._read += some
        line, newline, rest = self._read.partition(b"\n")
        if not newline:
            return None
        self._read = rest
        found: dict[str, Any] = json.loads(line)
        return found

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def is_stopped(self) -> bool:
        """Whether a signal has made it stand still; never where /proc does not tell."""
        try:
            return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] in "Tt"
        except OSError:
            return False

    def resident_mb(self) -> float:
        """What it holds now; 0 where /proc does not tell."""
        return _resident_mb(self.pid) or 0.0

    def kill(self) -> None:
        """End it at once. It may be called from another thread than the one that waits for it."""
        self._process.kill()

    def end(self) -> None:
        """End it if it still runs; nothing that it does needs an orderly end."""
        self._process.kill()
        self._process.wait()
        self._input.close()
        self._output.close()

    def _how(self) -> str:
        return f"the working process ended with {self._process.wait()}"


def main() -> None:
    """The child's side."""
    # What a library prints must not reach the pipe that carries the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    os.nice(NICENESS)  # who asks and who sends records goes first
    # Ctrl-C is for the parent, which ends this process in its own time.
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    import monitor.pipeline  # noqa: F401 - the heavy imports, before any lease runs
    from monitor.app import App
    from monitor.settings import load_settings
    from monitor.store.clock import clock_of
    from monitor.telemetry import configure_logging

    settings = load_settings()
    configure_logging(settings.log_level, json=settings.log_format == "json")
    store = Store(settings.database_url)  # not asked yet: a database that is away is the run's affair
    app = App(store, clock_of(store), settings)

    def tell(answer: dict[str, Any]) -> None:
        answers.write(json.dumps(answer) + "\n")
        answers.flush()

    tell({"ready": True})
    held: Pipeline | None = None
    for line in sys.stdin:
        message = json.loads(line)
        if "runs" not in message:
            if held is not None:
                held.rest()
            continue
        for fields in message["runs"]:
            before = _counted()
            answer, found = do(app, Run(**fields), held)
            held = found or held
            answer["counted"] = {name: count - before[name] for name, count in _counted().items()}
            answer["rss_mb"] = (
                _resident_mb(os.getpid()) or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            )
            tell(answer)
            if not answer["ok"]:
                break


def do(app: App, run: Run, held: Pipeline | None = None) -> tuple[dict[str, Any], Pipeline | None]:
    """Do a run that was claimed; returns the answer, and the pipeline of its model.

    `held` is the pipeline that worked before: if it is another one, it gives back what it holds for its next run.
    """
    pipeline: Pipeline | None = None
    try:
        watched = next((one for one in app.watched() if one.id == run.model_id), None)
        if watched is None:
            return _not("failed", "its model has no contract that this version can use"), None
        pipeline = app.pipeline(watched)
        if held is not None and held is not pipeline:
            held.rest()
        with telemetry.logged(run=run.id, model=watched.name):
            pipeline.work(run)
    except LeaseLost as lost:
        log.warning("%s", lost)
        return _not("lost", str(lost)), pipeline
    except StoreUnavailable as error:
        return _not("away", str(error)), pipeline
    except Exception as error:  # the edge of a job: recorded with the run, tried again, dead at last
        log.exception("%s of window %d of model %d failed", run.kind, run.window_start_us, run.model_id)
        return _not("failed", f"{type(error).__name__}: {error}"), pipeline
    return {"ok": True}, pipeline


def _not(why: str, error: str) -> dict[str, Any]:
    return {"ok": False, "why": why, "error": error}


def _resident_mb(pid: int) -> float | None:
    """What a process holds now. The peak that `getrusage` knows is no measure: a child begins with its parent's."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):  # no Linux, or no such process
        return None
    return pages * resource.getpagesize() / 2**20


def _counted() -> dict[str, float]:
    return {
        name: telemetry.REGISTRY.get_sample_value(f"driftglass_{name}_total") or 0.0 for name in _COUNTERS
    }


if __name__ == "__main__":
    main()
