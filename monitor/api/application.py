"""One FastAPI application from the routers, the pages and the edge."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache, partial

import anyio.to_thread
from fastapi import Depends, FastAPI
from prometheus_client import CollectorRegistry

import monitor
from monitor.api import (
    acts,
    alerts,
    auth,
    channels,
    contracts,
    erasures,
    exports,
    feedback,
    forms,
    ingest,
    keys,
    login,
    models,
    openapi,
    pages,
    pauses,
    probes,
    problems,
    silences,
    tasks,
    triggers,
    windows,
)
from monitor.api.context import Context, Ticking
from monitor.api.edge import Edge
from monitor.api.metrics import State
from monitor.api.readiness import Readiness
from monitor.clock import Clock
from monitor.store.engine import POOL_SIZE, Store
from monitor.store.inbox import Limits

# Beside records and labels nothing that is sent here is longer than a callback.
BODY_BYTES = 256 * 1024
INGEST_BYTES = 8 << 20
INGEST_PATHS = re.compile(r"/v1/models/[^/]+/(records|labels)")
DESCRIPTION = "Models, windows, measurements, alerts and triggers. Times are RFC 3339 in UTC."


def create_app(
    store: Store,
    clock: Clock,
    *,
    ticking: Ticking | None = None,
    open_metrics: bool = False,
    public_url: str = "",
    inbox: Limits | None = None,
    storing: Ticking | None = None,
) -> FastAPI:
    """The application over one store.

    `ticking` names what does not tick as it should, a line each (None: this process ticks nothing).
    `storing` tells why the store was not written lately, a line each: a full disk lets an empty probe pass.
    `open_metrics`: /metrics needs no key. `public_url`: where pipelines call back to, without a slash at its end.
    `inbox`: how much of one model's pushed records may wait to be read.
    Handlers are synchronous and run in as many threads as the store has connections, so that none waits.
    """
    state = CollectorRegistry(auto_describe=False)
    state.register(State(store, clock))
    app = assemble()
    app.state.context = Context(store, clock, ticking, state, open_metrics, public_url, storing)
    app.state.readiness = Readiness(store, clock, storing)
    app.state.ingest = ingest.Door(app.state.context, inbox or Limits())
    return app


def assemble() -> FastAPI:
    """Routes, errors and edge, without a store: enough to write down the API."""
    app = FastAPI(
        title="driftglass",
        version=monitor.__version__,
        description=DESCRIPTION,
        lifespan=_lifespan,
        # The interactive documentation of FastAPI loads scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        dependencies=[Depends(problems.known_parameters)],
    )
    problems.install(app)
    auth.install(app)
    app.add_exception_handler(contracts.BadContract, contracts.on_bad_contract)
    for room in (
        models,
        pauses,
        ingest,
        erasures,
        contracts,
        windows,
        exports,
        tasks,
        alerts,
        acts,
        silences,
        feedback,
        triggers,
        channels,
        keys,
        probes,
        pages,
        forms,
        login,
    ):
        app.include_router(room.router)
    # FastAPI asks the instance for its document; this is how it is told to use another. Made once: it takes a while,
    # and whoever asks for it needs no key.
    app.openapi = cache(partial(openapi.describe, app))  # type: ignore[method-assign]
    app.add_middleware(Edge, body_bytes=BODY_BYTES, long=INGEST_PATHS, long_bytes=INGEST_BYTES)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    anyio.to_thread.current_default_thread_limiter().total_tokens = POOL_SIZE
    yield
