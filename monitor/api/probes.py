"""Is the process alive, is it ready to serve, and what does it count."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from monitor import telemetry
from monitor.api import schemas
from monitor.api.auth import LOCAL, Given, Needs, Principal
from monitor.api.context import Served
from monitor.api.problems import Problem
from monitor.api.readiness import Readiness
from monitor.errors import DependencyUnavailable

router = APIRouter(tags=["health"])


@router.get("/livez", operation_id="livez")
async def livez(served: Served) -> schemas.Status:
    """Whether this process does what it should. Asks no database: a restart would not cure one."""
    stuck = list(served.ticking()) if served.ticking is not None else []
    if stuck:
        raise Problem(503, "; ".join(stuck))
    return schemas.Status(status="ok")


@router.get("/readyz", operation_id="readyz")
def readyz(request: Request, served: Served) -> schemas.Ready:
    """Whether requests can be served: the store takes writes, has room, and its tables are of this version."""
    readiness: Readiness = request.app.state.readiness
    problem = readiness.problem()
    if problem is not None:
        raise Problem(503, problem, {"Retry-After": "5"})
    return schemas.Ready(status="ok", notes=readiness.notes())


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
