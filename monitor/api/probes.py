"""Is the process alive, is it ready to serve, and what does it count."""

from __future__ import annotations

import logging

from fastapi import APIRouter, Depends, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import false, update
from sqlalchemy.exc import DBAPIError

from monitor import telemetry
from monitor.api import schemas
from monitor.api.auth import LOCAL, Given, Needs, Principal
from monitor.api.context import Context, Served
from monitor.api.problems import Problem
from monitor.errors import DependencyUnavailable, UsageError
from monitor.store.tables import models

log = logging.getLogger(__name__)
router = APIRouter(tags=["health"])


@router.get("/livez", operation_id="livez")
async def livez(served: Served) -> schemas.Status:
    """Whether this process does what it should. Asks no database: a restart would not cure one."""
    stuck = list(served.ticking()) if served.ticking is not None else []
    if stuck:
        raise Problem(503, "; ".join(stuck))
    return schemas.Status(status="ok")


@router.get("/readyz", operation_id="readyz")
def readyz(served: Served) -> schemas.Status:
    """Whether requests can be served: the store takes writes, and its tables are of this version."""
    try:
        _probe(served)
    except (DependencyUnavailable, UsageError, DBAPIError) as error:
        log.warning("not ready: %s", error)
        raise Problem(503, "the store takes no writes", {"Retry-After": "5"}) from error
    told = list(served.storing()) if served.storing is not None else []
    if told:
        raise Problem(503, "the store takes no writes", {"Retry-After": "5"})
    if served.store.current() != served.store.head():
        raise Problem(503, "the tables are of another version: run `driftglass db upgrade`")
    return schemas.Status(status="ok")


def _probe(served: Context) -> None:
    # A write that changes nothing still takes the writer's lock, and a read-only replica refuses it.
    with served.store.write() as conn:
        conn.execute(update(models).where(false()).values(state=models.c.state))


class NeedsUnlessOpen(Needs):
    """Metrics name models: they need a key unless the operator opened them.

    While the store cannot be read nobody's key can be checked; what is told then is that, and nothing of it.
    """

    async def __call__(self, request: Request, served: Served, given: Given) -> Principal:
        if served.open_metrics:
            return LOCAL
        try:
            return await super().__call__(request, served, given)
        except DependencyUnavailable:
            return LOCAL


@router.get(
    "/metrics",
    operation_id="metrics",
    response_class=Response,
    dependencies=[Depends(NeedsUnlessOpen("read"))],
)
def metrics(served: Served) -> Response:
    """Prometheus metrics: what this process did, and the state of the installation."""
    body = generate_latest(telemetry.REGISTRY) + generate_latest(served.state)
    return Response(body, media_type=CONTENT_TYPE_LATEST)
