"""Alerts: episodes of every model, and everything known of one."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter

from monitor.api import schemas
from monitor.api.auth import Reader
from monitor.api.context import Served, model_of, paged
from monitor.api.inputs import PAGE, Cursor, From, Limit, ModelName, Number, To, Word, keyed
from monitor.reports.episodes import everything
from monitor.store import listing

router = APIRouter(prefix="/v1/alerts", tags=["alerts"])


@router.get("", operation_id="list_alerts")
def list_alerts(
    served: Served,
    caller: Reader,
    model: ModelName = None,
    family: Word = None,
    severity: Literal["page", "ticket"] | None = None,
    state: Literal["open", "resolved"] | None = None,
    inhibited: bool | None = None,
    from_: From = None,
    to: To = None,
    cursor: Cursor = None,
    limit: Limit = PAGE,
) -> schemas.Page[schemas.Alert]:
    """Episodes that overlap [from, to), the latest opened first."""
    with served.store.read() as conn:
        page = listing.episodes(
            conn,
            model_id=None if model is None else model_of(conn, model, caller)["id"],
            only=caller.models,
            family=family,
            severity=severity,
            resolved=None if state is None else state == "resolved",
            inhibited=inhibited,
            from_us=from_,
            to_us=to,
            after=keyed(cursor, int, int),
            limit=limit,
        )
    return paged(schemas.Alert, page)


@router.get("/{alert}", operation_id="get_alert")
def get_alert(alert: Number, served: Served, caller: Reader) -> schemas.AlertDetail:
    """One episode: the series that carry it, examples, its history, who was told, and what was triggered."""
    with served.store.read() as conn:
        found = everything(conn, alert)
    caller.require(found["model"])
    return schemas.AlertDetail.model_validate(found)
