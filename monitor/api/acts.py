"""What people do with an alert: acknowledge it, snooze it, write a note. Put again, the same changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from fastapi import APIRouter, Depends, Response
from pydantic import Field
from sqlalchemy import Connection

from monitor.alerts import acts
from monitor.api import schemas
from monitor.api.auth import Principal, Reader, needs
from monitor.api.conditions import IfMatch, require
from monitor.api.context import Context, Served
from monitor.api.idempotency import Made, Once
from monitor.api.inputs import Instant, Number, json_only
from monitor.api.problems import Problem
from monitor.errors import NotFound, UsageError
from monitor.store import alerts
from monitor.store.silences import Silence as SilenceRow

router = APIRouter(prefix="/v1/alerts", tags=["alerts"])
Actor = Annotated[Principal, needs("act")]
Words = Annotated[schemas.Plain, Field(max_length=acts.MOST_CHARS)]


class NewAcknowledgement(schemas.Given):
    until: Instant = Field(description="when it ends, at most 30 days away; then somebody is reminded")
    note: Words = ""


class NewSnooze(schemas.Given):
    until: Instant = Field(description="when it ends at the latest, at most 30 days away")
    factor: float = Field(
        default=2.0,
        ge=acts.FACTORS[0],
        le=acts.FACTORS[1],
        description="it also ends when so many times as large",
    )
    note: Words = ""


class NewNote(schemas.Given):
    note: Annotated[schemas.Plain, Field(min_length=1, max_length=acts.MOST_CHARS)]


class Note(schemas.Schema):
    note: str
    author: str


class Acknowledgement(schemas.Schema):
    by: str
    note: str
    severity: str = Field(description="of a worse one people are told all the same")
    until: schemas.Time = Field(validation_alias="until_us")


class Snooze(schemas.Schema):
    by: str
    note: str
    factor: float
    until: schemas.Time = Field(validation_alias="until_us")


class Silence(schemas.Schema):
    """What nobody is told of. A matcher that is null matches everything."""

    id: int
    state: str = Field(description="pending, active or expired")
    model: str | None = Field(description="may end in *")
    family: str | None
    segment: str | None = Field(description="the one that carries most of the alert")
    severity: str | None
    author: str
    comment: str
    starts: schemas.Time = Field(validation_alias="starts_us")
    expires: schemas.Time = Field(validation_alias="expires_us")
    created: schemas.Time = Field(validation_alias="created_us")


class Standing(schemas.Schema):
    """What receivers know of an alert, and what holds back the rest."""

    told: str | None = Field(description="the worst severity that was told; null: nobody was told")
    held: str = Field(description="what is not told now, and why; empty for nothing")
    acknowledged: Acknowledgement | None
    snoozed: Snooze | None
    silences: list[Silence]


@router.get("/{alert}/standing", operation_id="get_standing")
def get_standing(alert: Number, caller: Reader, served: Served, response: Response) -> Standing:
    """Who was told of an alert, who takes care of it, and what holds back messages. Its ETag goes into If-Match."""
    with served.store.read() as conn:
        caller.require(alerts.get(conn, alert).model)
        return _standing(conn, alert, served, response)


@router.put("/{alert}/acknowledgement", operation_id="acknowledge_alert", dependencies=[Depends(json_only)])
def acknowledge(
    alert: Number,
    order: NewAcknowledgement,
    caller: Actor,
    served: Served,
    response: Response,
    if_match: IfMatch = None,
) -> Standing:
    """Take care of an alert: of its severity nobody is called again until then."""
    with served.store.write() as conn, told_as_problem():
        _match(conn, alert, caller, served, if_match)
        acts.acknowledge(
            conn,
            alert,
            note=order.note,
            until_us=order.until,
            author=caller.name,
            now_us=served.clock.now_us(),
        )
        return _standing(conn, alert, served, response)


@router.delete("/{alert}/acknowledgement", operation_id="unacknowledge_alert", status_code=204)
def unacknowledge(alert: Number, caller: Actor, served: Served) -> None:
    """Take an acknowledgement back. Where there is none nothing happens."""
    with served.store.write() as conn:
        caller.require(alerts.get(conn, alert).model)
        acts.unacknowledge(conn, alert, author=caller.name, now_us=served.clock.now_us())


@router.put("/{alert}/snooze", operation_id="snooze_alert", dependencies=[Depends(json_only)])
def snooze(
    alert: Number,
    order: NewSnooze,
    caller: Actor,
    served: Served,
    response: Response,
    if_match: IfMatch = None,
) -> Standing:
    """Hear nothing of an alert until then, or until it is worse."""
    with served.store.write() as conn, told_as_problem():
        _match(conn, alert, caller, served, if_match)
        acts.snooze(
            conn,
            alert,
            note=order.note,
            until_us=order.until,
            factor=order.factor,
            author=caller.name,
            now_us=served.clock.now_us(),
        )
        return _standing(conn, alert, served, response)


@router.delete("/{alert}/snooze", operation_id="wake_alert", status_code=204)
def wake(alert: Number, caller: Actor, served: Served) -> None:
    """End a snooze. Where there is none nothing happens."""
    with served.store.write() as conn:
        caller.require(alerts.get(conn, alert).model)
        acts.wake(conn, alert, author=caller.name, now_us=served.clock.now_us())


@router.post(
    "/{alert}/notes",
    operation_id="annotate_alert",
    status_code=201,
    response_model=Note,
    dependencies=[Depends(json_only)],
)
def annotate(alert: Number, order: NewNote, caller: Actor, once: Once, served: Served) -> Response:
    """Write a note into the history of an alert."""

    def work(conn: Connection, now_us: int) -> Made:
        caller.require(alerts.get(conn, alert).model)
        with told_as_problem():
            acts.annotate(conn, alert, note=order.note, author=caller.name, now_us=now_us)
        said = Note(note=order.note, author=caller.name)
        return Made(201, said, {"Location": f"/v1/alerts/{alert}"})

    return once.make(served, caller, work)


@contextmanager
def told_as_problem() -> Iterator[None]:
    """What cannot be done as asked is the caller's to mend: a 422 in our own words."""
    try:
        yield
    except NotFound:
        raise
    except UsageError as error:
        raise Problem(422, str(error)) from error


def shown(row: SilenceRow, now_us: int) -> Silence:
    """A silence as the API shows it."""
    kept = {name: getattr(row, name) for name in row.__dataclass_fields__ if name != "revision"}
    return Silence.model_validate({**kept, "state": row.state(now_us)})


def _match(conn: Connection, alert: int, caller: Principal, served: Context, if_match: str | None) -> None:
    caller.require(alerts.get(conn, alert).model)
    if if_match is not None:
        _, revision, _ = acts.standing(conn, alert, served.clock.now_us())
        require(if_match, f'"r{revision}"')


def _standing(conn: Connection, alert: int, served: Context, response: Response) -> Standing:
    now_us = served.clock.now_us()
    told, revision, silences = acts.standing(conn, alert, now_us)
    response.headers["ETag"] = f'"r{revision}"'
    return Standing.model_validate(
        {
            "told": told.severity,
            "held": told.held,
            "acknowledged": told.acknowledged,
            "snoozed": told.snoozed,
            "silences": [shown(one, now_us) for one in silences],
        }
    )
