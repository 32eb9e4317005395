"""`driftglass serve`: the API and the pages, and the clock that wakes the jobs.

    role      API and pages   queue what is due   work   deliver
    all             ✓                 ✓             ✓       ✓
    api             ✓
    worker                            ✓             ✓       ✓

The ticks decide nothing: what is due stands in the store, and any number of processes may ask for it. The heavy work
is done in child processes, so that this one stays small and answers while it is done.
"""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from monitor import allocator
from monitor.app import App
from monitor.errors import DependencyUnavailable, UsageError
from monitor.settings import load_settings
from monitor.store import keys
from monitor.store.health import StoreHealth
from monitor.store.processes import ROLES, Role
from monitor.store.runs import Share

if TYPE_CHECKING:
    from monitor.closing import Closing
    from monitor.tasks import Tasks

log = logging.getLogger(__name__)

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


# Nobody can ask a process of the role `worker` whether it ticks: after so long it ends, to be started anew.
_STUCK_SECONDS = 60.0


def serve(
    contracts: Sequence[Path], database: str | None, host: str | None, port: int | None, role: str = "all"
) -> None:
    """Run until interrupted (SIGINT or SIGTERM).

    Raises UsageError for an address that others could reach as long as there are no keys. DependencyUnavailable if
    the port cannot be had.
    """
    from monitor.contract import load
    from monitor.telemetry import configure_logging

    if role not in ROLES:
        raise UsageError(f"--role {role}: write all, api or worker")
    allocator.keep_little()
    settings = load_settings()
    given = {"database_url": database, "host": host, "port": port}
    settings = settings.model_copy(update={name: value for name, value in given.items() if value is not None})
    configure_logging(settings.log_level, json=settings.log_format == "json")
    checked = [load(path) for path in contracts]
    app = App.open(settings)
    if role != "worker":
        _refuse_open_to_others(app, settings.host)
    for loaded in checked:
        app.register(loaded, author="serve")
    ticking = Ticking(app, ROLES[role])
    # uvicorn raises the signal that stopped it once more when it is done; the default of SIGTERM would end this
    # process there, before its children.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    ticking.start()
    try:
        if role == "worker":
            ticking.wait()
        else:
            _answer(app, ticking)
    except KeyboardInterrupt:
        log.info("stopping")
    finally:
        ticking.stop()
        app.store.close()


class Ticking:
    """Everything of a process that repeats, by its role."""

    def __init__(self, app: App, role: Role) -> None:
        from monitor.closing import Closing
        from monitor.housekeeping import Housekeeping
        from monitor.scheduler import Scheduler
        from monitor.supervisor import Supervisor
        from monitor.tasks import Tasks

        settings = app.settings
        self._app = app
        self.store_health = StoreHealth(app.store, app.clock, role)
        ticks: dict[str, tuple[float, Callable[[], object]]] = {"live": (5.0, self.store_health.tick)}
        self._supervisors = []
        self._tasks: Tasks | None = None
        if role != "api":
            closing = Closing(app.store, app.clock, app.watched, settings.read_seconds)
            self._supervisors = [
                Supervisor(
                    settings,
                    app.store,
                    app.clock,
                    judged=self._deliver_now,
                    share=Share(number, settings.workers) if settings.workers > 1 else None,
                )
                for number in range(settings.workers)
            ]
            ticks["close"] = (settings.tick_seconds, lambda: self._close(closing))
            ticks["deliver"] = (min(settings.tick_seconds, 5.0), app.keep_delivering)
            ticks["stale"] = (60.0, app.look_for_stale)
            ticks["house"] = (60.0, Housekeeping(app.store, app.clock, app.watched, settings).tick)
            if settings.has_canary:
                ticks["canary"] = (60.0, app.sing)
            if (heartbeat := app.heartbeat()) is not None:
                ticks["heartbeat"] = (60.0, heartbeat.tick)
            self._tasks = Tasks(settings, app.store, app.clock)
            ticks["tasks"] = (settings.tick_seconds, self._tasks.work)
            ticks |= {
                f"work {number}": (settings.tick_seconds, supervisor.work)
                for number, supervisor in enumerate(self._supervisors, 1)
            }
        self._scheduler = Scheduler(ticks, longest_tick_seconds=settings.run_seconds + 300.0)

    def start(self) -> None:
        """Begin to tick."""
        self._scheduler.start()

    def stop(self) -> None:
        """Give back what is being worked on, and end in good order."""
        for supervisor in self._supervisors:
            supervisor.stop()
        if self._tasks is not None:
            self._tasks.stop()
        self._scheduler.stop()
        self._app.stop_delivering()
        self.store_health.left()

    def stuck(self) -> list[str]:
        """What does not tick, a line each."""
        return self._scheduler.stuck()

    def wait(self) -> None:
        """Until a signal comes. DependencyUnavailable if the ticks have stood still for long."""
        since: float | None = None
        while True:
            time.sleep(1.0)
            stuck = self.stuck()
            since = (since or time.monotonic()) if stuck else None
            if since is not None and time.monotonic() - since > _STUCK_SECONDS:
                raise DependencyUnavailable("; ".join(stuck))

    def _close(self, closing: Closing) -> None:
        if closing.tick():
            for number in range(1, len(self._supervisors) + 1):
                self._scheduler.wake(f"work {number}")
        if closing.next_us is not None:
            # Who waits for a window is not to wait for the next tick too; a moment later, for it must have ended.
            self._scheduler.call_in("close", (closing.next_us - self._app.clock.now_us()) / 1e6 + 0.005)

    def _deliver_now(self) -> None:
        self._scheduler.wake("deliver")


def _answer(app: App, ticking: Ticking) -> None:
    """The API and the pages, until a signal comes."""
    import uvicorn

    from monitor.api import create_app

    settings = app.settings
    server = uvicorn.Config(
        create_app(
            app.store,
            app.clock,
            ticking=ticking.stuck,
            open_metrics=settings.open_metrics,
            public_url=settings.base_url,
            inbox=settings.inbox_limits,
            storing=ticking.store_health.problems,
        ),
        host=settings.host,
        port=settings.port,
        log_config=None,
        server_header=False,
    )
    try:
        uvicorn.Server(server).run()
    except SystemExit as error:  # uvicorn's word for an address that it cannot bind
        raise DependencyUnavailable(
            f"cannot listen on {settings.host}:{settings.port}; another process may have that port: try --port"
        ) from error


def _refuse_open_to_others(app: App, host: str) -> None:
    """UsageError for an address that others could reach, as long as nobody could be asked for a key."""
    if host in LOOPBACK:
        return
    with app.store.read() as conn:
        known = keys.any_exist(conn)
    if known:
        return
    app.store.close()
    raise UsageError(
        f"{host} can be reached by others, and there are no keys to ask them for: run "
        "`driftglass keys create NAME --scope admin` first, or bind 127.0.0.1"
    )
