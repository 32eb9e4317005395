"""Triggers, the guards that looked at them, and the callbacks of the pipelines they started."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy import Connection

from monitor.api import schemas
from monitor.api.auth import Principal, Reader, needs
from monitor.api.context import Served, model_of, paged
from monitor.api.idempotency import Made, Once
from monitor.api.inputs import PAGE, Cursor, Limit, ModelName, TriggerId, json_only, keyed
from monitor.api.problems import Problem
from monitor.errors import NotFound
from monitor.retraining.callbacks import BadToken, Callback, apply_callback
from monitor.retraining.lifecycle import State
from monitor.retraining.proposals import Asking, approve, reject
from monitor.store import audit, listing
from monitor.store import triggers as store

router = APIRouter(prefix="/v1/triggers", tags=["triggers"])

Approver = Annotated[Principal, needs("approve")]
UNAUTHORISED = Problem(
    401, "this needs the token that was sent with the trigger", {"WWW-Authenticate": "Bearer"}
)
bearer = HTTPBearer(
    auto_error=False, scheme_name="callback", description="the one-time token that was sent with the trigger"
)
Token = Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]


@router.get("", operation_id="list_triggers")
def list_triggers(
    served: Served,
    caller: Reader,
    model: ModelName = None,
    state: State | None = None,
    cursor: Cursor = None,
    limit: Limit = PAGE,
) -> schemas.Page[schemas.Trigger]:
    """Requests to retrain, also the vetoed ones, newest first."""
    with served.store.read() as conn:
        page = listing.triggers(
            conn,
            model_id=None if model is None else model_of(conn, model, caller)["id"],
            only=caller.models,
            state=state,
            after=keyed(cursor, int, str),
            limit=limit,
        )
    return paged(schemas.Trigger, page)


@router.get("/{trigger}", operation_id="get_trigger")
def get_trigger(trigger: TriggerId, served: Served, caller: Reader) -> schemas.TriggerDetail:
    """One trigger: what it asked for, the verdict of every guard, and its history."""
    with served.store.read() as conn:
        row = store.get(conn, trigger)
        caller.require(row.model)
        events = store.events(conn, trigger)
    return schemas.TriggerDetail.model_validate({**asdict(row), "events": events})


@router.post(
    "/{trigger}/approval",
    operation_id="approve_trigger",
    response_model=schemas.Accepted,
    dependencies=[Depends(json_only)],
)
def approve_trigger(
    trigger: TriggerId, decision: schemas.Decision, caller: Approver, once: Once, served: Served
) -> Response:
    """Let the request go out to the pipeline. 409 if it does not wait for approval, or another one is in flight."""

    def work(conn: Connection, now_us: int) -> Made:
        caller.require(store.get(conn, trigger).model)
        row = approve(conn, trigger, caller.name, Asking(served.public_url), now_us)
        payload = {"note": decision.note}
        audit.append(conn, caller.name, "trigger.approved", f"trigger/{trigger}", payload, now_us)
        return Made(200, schemas.Accepted(id=row.id, state=row.state))

    return once.make(served, caller, work)


@router.post(
    "/{trigger}/rejection",
    operation_id="reject_trigger",
    response_model=schemas.Accepted,
    dependencies=[Depends(json_only)],
)
def reject_trigger(
    trigger: TriggerId, decision: schemas.Decision, caller: Approver, once: Once, served: Served
) -> Response:
    """Refuse it, with the reason. 409 if it does not wait for approval."""

    def work(conn: Connection, now_us: int) -> Made:
        caller.require(store.get(conn, trigger).model)
        row = reject(conn, trigger, caller.name, decision.note, now_us)
        payload = {"note": decision.note}
        audit.append(conn, caller.name, "trigger.rejected", f"trigger/{trigger}", payload, now_us)
        return Made(200, schemas.Accepted(id=row.id, state=row.state))

    return once.make(served, caller, work)


@router.post(
    "/{trigger}/callbacks", operation_id="report_callback", dependencies=[Depends(json_only)], status_code=200
)
def report_callback(
    trigger: TriggerId, report: schemas.Report, token: Token, served: Served
) -> schemas.Accepted:
    """What the pipeline says about its run. The same report twice changes nothing; a late one is only noted.

    A wrong token and an unknown trigger get the same answer: who has no token learns nothing here.
    """
    if token is None:
        raise UNAUTHORISED
    try:
        with served.store.write() as conn:
            event = Callback(report.state, report.run_id, report.detail)
            row = apply_callback(conn, trigger, token.credentials, event, served.clock.now_us())
    except (BadToken, NotFound) as error:
        raise UNAUTHORISED from error
    return schemas.Accepted(id=row.id, state=row.state)
