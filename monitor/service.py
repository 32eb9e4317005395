"""`driftglass serve`: the API and the pages, and the clock that wakes the jobs.

The ticks decide nothing: what is due stands in the store, and any number of processes may ask for it. The heavy work
is done in a child process, so that this one stays small and answers while it is done.
"""

from __future__ import annotations

import logging
import signal
from collections.abc import Sequence
from pathlib import Path

from monitor.app import App
from monitor.errors import DependencyUnavailable, UsageError
from monitor.settings import load_settings
from monitor.store import keys

log = logging.getLogger(__name__)

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def serve(contracts: Sequence[Path], database: str | None, host: str | None, port: int | None) -> None:
    """Run until interrupted (SIGINT or SIGTERM).

    Raises UsageError for an address that others could reach as long as there are no keys. DependencyUnavailable if
    the port cannot be had.
    """
    import uvicorn

    from monitor.api import create_app
    from monitor.contract import load
    from monitor.jobs import Scheduler
    from monitor.telemetry import configure_logging
    from monitor.worker import Worker

    settings = load_settings()
    given = {"database_url": database, "host": host, "port": port}
    settings = settings.model_copy(update={name: value for name, value in given.items() if value is not None})
    configure_logging(settings.log_level, json=settings.log_format == "json")
    checked = [load(path) for path in contracts]
    app = App.open(settings)
    _refuse_open_to_others(app, settings.host)
    for loaded in checked:
        app.register(loaded, author="serve")
    worker = Worker(settings)
    scheduler = Scheduler(
        {
            "work": (settings.tick_seconds, worker.work),
            "deliver": (min(settings.tick_seconds, 5.0), app.keep_delivering),
        }
    )
    server = uvicorn.Config(
        create_app(app.store, app.clock, ticking=scheduler.stuck, open_metrics=settings.open_metrics, public_url=settings.base_url),
        host=settings.host,
        port=settings.port,
        log_config=None,
        server_header=False,
    )
    # uvicorn raises the signal that stopped it once more when it is done; the default of SIGTERM would end this
    # process there, before its child.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    scheduler.start()
    try:
        uvicorn.Server(server).run()
    except KeyboardInterrupt:
        log.info("stopping")
    except SystemExit as error:  # uvicorn's word for an address that it cannot bind
        raise DependencyUnavailable(
            f"cannot listen on {settings.host}:{settings.port}; another process may have that port: try --port"
        ) from error
    finally:
        worker.stop()
        scheduler.stop()
        app.stop_delivering()
        app.store.close()


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
