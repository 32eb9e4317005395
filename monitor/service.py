"""`driftglass serve`: the API and the pages, and the clock that wakes the jobs.

The ticks decide nothing: what is due stands in the store, and any number of processes may ask for it. The heavy work
is done in a child process, so that this one stays small and answers while it is done.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from monitor.app import App
from monitor.errors import UsageError
from monitor.settings import load_settings

log = logging.getLogger(__name__)

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def serve(contracts: Sequence[Path], database: str | None, host: str | None, port: int | None) -> None:
    """Run until interrupted. Raises UsageError for an address that others could reach: there are no keys yet."""
    import uvicorn

    from monitor.api import create_app
    from monitor.contract import load
    from monitor.jobs import Scheduler
    from monitor.telemetry import configure_logging
    from monitor.worker import Worker

    settings = load_settings()
    if database is not None:
        settings = settings.model_copy(update={"database_url": database})
    address = host or settings.host
    if address not in LOOPBACK:
        raise UsageError(
            f"{address} can be reached by others, and the API asks nobody who they are: bind 127.0.0.1 and put a "
            "proxy that does in front of it"
        )
    configure_logging(settings.log_level, json=settings.log_format == "json")
    app = App.open(settings)
    for loaded in [load(path) for path in contracts]:
        app.register(loaded, author="serve")
    worker = Worker(settings.database_url)
    scheduler = Scheduler(
        {
            "work": (settings.tick_seconds, worker.work),
            "deliver": (min(settings.tick_seconds, 5.0), app.deliver),
        }
    )
    scheduler.start()
    try:
        server = uvicorn.Config(
            create_app(app.store, app.clock, ticking=scheduler.stuck),
            host=address,
            port=port or settings.port,
            log_config=None,
            server_header=False,
        )
        uvicorn.Server(server).run()
    finally:
        worker.stop()
        scheduler.stop()
        app.store.close()
