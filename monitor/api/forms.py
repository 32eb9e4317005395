"""The forms of the alert page. Each does one act and goes back to the page; what changes needs the form's token."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool

from monitor import feedback
from monitor.alerts import acts
from monitor.api.acts import told_as_problem
from monitor.api.auth import FORM, Principal, form_of, needs
from monitor.api.context import Served
from monitor.api.inputs import Number, plain
from monitor.api.problems import Problem
from monitor.errors import Conflict, NotFound, UsageError
from monitor.store import alerts

router = APIRouter(include_in_schema=False)
Actor = Annotated[Principal, needs("act", page=True)]
_HOURS = {"1", "4", "8", "24", "72", "168", "720"}


@router.post("/alerts/{alert}/act")
async def act(alert: Number, request: Request, caller: Actor, served: Served) -> Response:
    """Acknowledge, snooze, silence, note or judge an alert, as the button says."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise Problem(415, f"this address takes {FORM}", {"Accept": FORM})
    fields = form_of(await request.body())
    now_us = served.clock.now_us()

    def done() -> None:
        with served.store.write() as conn, told_as_problem():
            _act(conn, alert, fields, caller, now_us)

    await run_in_threadpool(done)
    return RedirectResponse(f"/alerts/{alert}#act", status_code=303)


def _act(conn: Connection, alert: int, fields: dict[str, str], caller: Principal, now_us: int) -> None:
    episode = alerts.get(conn, alert)
    caller.require(episode.model)
    who, note = caller.name, _words(fields.get("note", ""))
    match fields.get("act"):
        case "acknowledge":
            until_us = _until(fields, now_us)
            acts.acknowledge(conn, alert, note=note, until_us=until_us, author=who, now_us=now_us)
        case "unacknowledge":
            acts.unacknowledge(conn, alert, author=who, now_us=now_us)
        case "snooze":
            until_us = _until(fields, now_us)
            acts.snooze(conn, alert, note=note, until_us=until_us, factor=2.0, author=who, now_us=now_us)
        case "wake":
            acts.wake(conn, alert, author=who, now_us=now_us)
        case "silence":
            acts.silence(
                conn,
                model=episode.model,
                family=episode.family,
                segment=None,
                severity=None,
                comment=note,
                starts_us=now_us,
                expires_us=_until(fields, now_us),
                author=who,
                now_us=now_us,
            )
        case "note":
            acts.annotate(conn, alert, note=note, author=who, now_us=now_us)
        case "expected":
            feedback.give(conn, alert, "expected", note, who, now_us)
        case "false-alarm":
            feedback.give(conn, alert, "false-alarm", note, who, now_us)
        case "undo":
            try:
                feedback.undo(conn, alert, who, now_us)
            except NotFound:
                raise
            except UsageError as error:
                raise Conflict("nothing that counts was said of this alert") from error
        case _:
            raise Problem(422, "this form has no such button")


def _until(fields: dict[str, str], now_us: int) -> int:
    hours = fields.get("hours", "8")
    if hours not in _HOURS:
        raise Problem(422, "this form has no such time")
    return now_us + int(hours) * acts.HOUR_US


def _words(text: str) -> str:
    try:
        return plain(text)
    except ValueError as error:
        raise Problem(422, "a note holds a character that cannot be kept") from error
