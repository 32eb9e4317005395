"""Processes that come to work in a fifth of a second: forked from one that has done the imports and a first pass.

    main(pipe)        ("work", {"NAME": "value", …}) → the new process's id

`work` queues what is due, claims and does it as `serve` does with its child (`monitor.closing`, `monitor.worker`), in
one process; `deliver` is the tick of the parent. A random kill then meets work, where it would mostly meet the imports
of a process that was started anew. The names are environment variables of that one process; what it says goes to the
file CHAOS_LOG.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import logging
import os
import signal
import tempfile
import time
from collections.abc import Iterator
from functools import cache
from multiprocessing.connection import Connection
from pathlib import Path

from tests.chaos.stage import Stage

PAUSE_SECONDS = 0.15
# A minute in a replica: our receiver answers at once, and nobody wants to wait for that.
DELIVERY_LEASE_US = 3_000_000
_PR_SET_PDEATHSIG = 1


class _Ticks:
    """A wish for a pass now and then, until somebody says SIGTERM."""

    def __init__(self) -> None:
        self._ended = False

    def end(self, *_: object) -> None:
        self._ended = True

    def __iter__(self) -> Iterator[str]:
        while not self._ended:
            yield "pass\n"
            time.sleep(PAUSE_SECONDS)


def work() -> None:
    import socket

    from monitor import jobs, worker
    from monitor.app import App
    from monitor.closing import Closing
    from monitor.errors import DriftglassError
    from monitor.settings import load_settings
    from monitor.store.clock import clock_of
    from monitor.store.engine import Store
    from monitor.telemetry import configure_logging

    os.nice(worker.NICENESS)  # as the child is that does the work
    ticks = _Ticks()
    signal.signal(signal.SIGTERM, ticks.end)
    settings = load_settings()
    configure_logging(settings.log_level)
    store = Store(settings.database_url)
    app = App(store, clock_of(store), settings)
    closing = Closing(store, app.clock, app.watched, settings.read_seconds)
    owner = f"{socket.gethostname()}:{os.getpid()}"
    for _ in ticks:
        try:
            closing.tick()
            while (run := jobs.claim(store, app.clock, owner, settings.lease_seconds)) is not None:
                answer, _ = worker.do(app, run)
                if answer["ok"] or answer["why"] == "lost":
                    continue
                settle = jobs.give_back if answer["why"] == "away" else jobs.fail
                with store.write() as conn:
                    settle(conn, run, answer["error"], app.clock.now_us())
        except DriftglassError:  # the edge, as the scheduler's is
            logging.getLogger(__name__).exception("a pass failed; the next one comes")


def deliver() -> None:
    from monitor.app import App
    from monitor.delivery import dispatch
    from monitor.settings import load_settings
    from monitor.telemetry import configure_logging

    settings = load_settings()
    configure_logging(settings.log_level)
    app = App.open(settings)
    dispatcher = dispatch.Dispatcher(app.store, app.clock, lease_us=DELIVERY_LEASE_US)
    while True:
        try:
            app.settle()
            dispatcher.tick(app.all_channels())
        except Exception:  # the edge, as the scheduler's is
            logging.getLogger(__name__).exception("the tick deliver failed; it goes on")
        time.sleep(PAUSE_SECONDS)


@cache
def warm() -> None:
    """A pass over a small model in a store that is thrown away: everything is imported and compiled after it.

    For a process that is to be forked; once is enough.
    """
    from monitor.app import App
    from monitor.contract import load
    from monitor.settings import Settings

    with tempfile.TemporaryDirectory() as name:
        stage = Stage(Path(name) / "stage", 1, telling=False)
        stage.reference()
        stage.advance(2)
        app = App.open(Settings(database_url=f"sqlite:///{name}/store.db"))
        app.one_pass(app.register(load(stage.contracts[0]), author="chaos"), at_newest=None)
        app.store.close()
    for name in ("monitor.worker", "psycopg", "httpcore", "standardwebhooks.webhooks", "encodings.idna"):
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # what is here already is shared as long as nobody's collector writes on it


def main(pipe: Connection) -> None:
    """Make processes as long as somebody asks for them."""
    warm()
    from monitor import failpoints

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how they ended
    while True:
        what, environment = pipe.recv()
        pid = os.fork()
        if pid:
            pipe.send(pid)
            continue
        pipe.close()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        os.environ.update(environment)
        os.dup2(os.open(os.environ["CHAOS_LOG"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644), 2)
        failpoints.arm(os.environ.get(failpoints.VARIABLE, ""))
        try:
            {"work": work, "deliver": deliver}[what]()
        finally:
            os._exit(1)
