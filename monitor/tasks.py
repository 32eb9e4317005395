"""Doing what somebody asked for: back-fills, dry runs, replays, each in a child process that ends with it.

    Tasks(settings, store, clock).work()      the parent's tick: starts a child if something waits
    python -m monitor.tasks                   the child: claims one task, does it under a lease, and ends

The child may load numpy and read for minutes; the process that answers requests stays small. What it wrote stands
in the store, so it may be killed at any instruction: the task is claimed again.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from monitor.app import App
from monitor.clock import Clock
from monitor.contract import Loaded
from monitor.errors import ContractError, DriftglassError, LeaseLost, NotFound
from monitor.settings import Settings
from monitor.store import tasks
from monitor.store.engine import Store
from monitor.store.tasks import Task
from monitor.watched import Watched

log = logging.getLogger(__name__)

LONGEST_SECONDS = 6 * 3600.0


class Tasks:
    """The parent's side: one child at a time."""

    def __init__(self, settings: Settings, store: Store, clock: Clock) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock
        self._child: subprocess.Popen[bytes] | None = None
        self._since = 0.0
        self._stopped = False

    def work(self) -> None:
        """Start a child if a task waits; one that works on is left alone, up to `LONGEST_SECONDS`."""
        if self._child is not None and self._child.poll() is None:
            if time.monotonic() - self._since > LONGEST_SECONDS:
                log.error("a task took longer than %d s: its process is ended", LONGEST_SECONDS)
                self._child.kill()
            return
        if self._stopped:
            return
        with self._store.read() as conn:
            waits = tasks.claimable(conn, self._clock.now_us())
        if not waits:
            return
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        # What the command line said wins over the environment, in the child as in the parent.
        environment["DRIFTGLASS_DATABASE_URL"] = self._settings.database_url
        self._since = time.monotonic()
        self._child = subprocess.Popen(
            [sys.executable, "-m", "monitor.tasks"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env=environment,
        )

    def stop(self) -> None:
        """End the child, if there is one; its task is claimed again later."""
        self._stopped = True
        if self._child is None or self._child.poll() is not None:
            return
        self._child.terminate()
        try:
            self._child.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()


def work_one(app: App, owner: str) -> Task | None:
    """Claim a task and do it; None if none waits. What goes wrong is written into the task."""
    lease_us = round(app.settings.lease_seconds * 1e6)
    with app.store.write() as conn:
        task = tasks.claim(conn, owner, app.clock.now_us(), lease_us)
    if task is None:
        return None
    try:
        with _Told(app, task, lease_us) as told:
            result = _DO[task.kind](app, task, told)
        with app.store.write() as conn:
            if result is None:
                tasks.give_back(conn, task)
            else:
                tasks.finish(conn, task, result, app.clock.now_us())
    except LeaseLost as error:
        log.warning("%s", error)
    except Exception as error:  # the edge of a job: whoever asked is told
        known = isinstance(error, DriftglassError)
        log.log(logging.WARNING if known else logging.ERROR, "task %d failed", task.id, exc_info=not known)
        words = str(error) if known else "something failed here; it was logged"
        _fail(app, task, words)
    return task


def _fail(app: App, task: Task, words: str) -> None:
    try:
        with app.store.write() as conn:
            tasks.fail(conn, task, words, app.clock.now_us())
    except LeaseLost as error:
        log.warning("%s", error)


class _Told:
    """Progress as rows, every second at most, from a thread: the lease is kept also while nothing is told."""

    def __init__(self, app: App, task: Task, lease_us: int) -> None:
        self._app = app
        self._task = task
        self._lease_us = lease_us
        self._progress: dict[str, Any] = {"stage": "starting", "done": 0, "total": None}
        self._lost: LeaseLost | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True, name="lease of a task")

    def __enter__(self) -> _Told:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        if self._lost is not None:
            raise self._lost
        self._progress = {"stage": stage, "done": done, "total": total}

    def _beat(self) -> None:
        written, written_at = None, -self._lease_us / 1e6
        while not self._over.wait(1.0):
            progress = self._progress
            if progress == written and time.monotonic() - written_at < self._lease_us / 3e6:
                continue
            try:
                with self._app.store.write() as conn:
                    until_us = self._app.clock.now_us() + self._lease_us
                    tasks.tell(conn, self._task, progress, until_us)
            except LeaseLost as error:
                self._lost = error
                return
            except DriftglassError as error:
                log.warning("the lease of task %d was not kept this time: %s", self._task.id, error)
                continue
            written, written_at = progress, time.monotonic()


def _watched(app: App, task: Task) -> Watched:
    for one in app.watched():
        if one.id == task.model_id:
            return one
    raise NotFound("the contract of this model cannot be used by this version")


def _dry_run(app: App, task: Task, told: _Told) -> dict[str, Any]:
    from monitor.backtest import backtest
    from monitor.contract import parse

    watched = _watched(app, task)
    text = task.request["body"]
    try:
        contract = parse(text)
    except ContractError as error:
        raise NotFound("this version cannot read the contract any more") from error
    loaded = Loaded(contract, text, watched.base_path)
    return backtest(loaded, task.request["from_us"], task.request["to_us"], told).to_dict()


def _back_fill(app: App, task: Task, told: _Told) -> dict[str, Any] | None:
    report = app.pipeline(_watched(app, task)).read_again(
        task.request["from_us"], task.request["to_us"], told
    )
    if report is None:
        return None  # another process reads this model just now
    return {"records": report.records, "late_windows_us": sorted(report.late), "failed": list(report.failed)}


def _replay(app: App, task: Task, told: _Told) -> dict[str, Any]:
    from monitor.replay import replay

    request = task.request
    return replay(app.store, task.model, request["window_us"], request["series"]).to_dict()


_DO: dict[str, Callable[[App, Task, _Told], dict[str, Any] | None]] = {
    "dry_run": _dry_run,
    "back_fill": _back_fill,
    "replay": _replay,
}


def main() -> None:
    """The child: one task, then the end."""
    # Ctrl-C is for the parent, which ends this process in its own time.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    from monitor.settings import load_settings
    from monitor.telemetry import configure_logging

    settings = load_settings()
    configure_logging(settings.log_level, json=settings.log_format == "json")
    app = App.open(settings)
    try:
        work_one(app, f"{socket.gethostname()}/{os.getpid()}/tasks")
    finally:
        app.store.close()


if __name__ == "__main__":
    main()
