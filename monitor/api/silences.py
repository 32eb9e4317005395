"""Silences: nobody is told of what matches, until a time."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Response
from pydantic import Field
from sqlalchemy import Connection

from monitor.alerts import acts
from monitor.api import schemas
from monitor.api.acts import Actor, Silence, shown, told_as_problem
from monitor.api.auth import Principal, Reader
from monitor.api.conditions import IfMatch, require
from monitor.api.context import Served
from monitor.api.idempotency import Made, Once
from monitor.api.inputs import PAGE, Cursor, Instant, Limit, Number, cursor_of, json_only, keyed
from monitor.api.problems import Problem
from monitor.errors import NotFound
from monitor.store import silences as store

router = APIRouter(prefix="/v1/silences", tags=["silences"])
Name = Annotated[schemas.Plain, Field(min_length=1, max_length=200)]


class NewSilence(schemas.Given):
    """At least one matcher; what is left out matches everything."""

    model: Name | None = Field(default=None, description='a name; "tox*" is every name that begins so')
    family: Name | None = None
    segment: Annotated[schemas.Plain, Field(min_length=1, max_length=400)] | None = Field(
        default=None, description="such as country=IN: the one that carries most of an alert"
    )
    severity: Literal["page", "ticket"] | None = None
    comment: Annotated[schemas.Plain, Field(min_length=1, max_length=acts.MOST_CHARS)]
    starts: Instant | None = Field(default=None, description="default: now")
    expires: Instant = Field(description="at most 30 days after its start")


class ChangedSilence(schemas.Given):
    comment: Annotated[schemas.Plain, Field(min_length=1, max_length=acts.MOST_CHARS)] | None = None
    expires: Instant | None = None


@router.get("", operation_id="list_silences")
def list_silences(
    caller: Reader,
    served: Served,
    state: Literal["current", "all"] = "current",
    cursor: Cursor = None,
    limit: Limit = PAGE,
) -> schemas.Page[Silence]:
    """Silences, newest first; `current` are those that count now or later."""
    now_us = served.clock.now_us()
    key = keyed(cursor, int)
    found: list[store.Silence] = []
    after = None if key is None else int(key[0])
    with served.store.read() as conn:
        while len(found) <= limit:
            rows = store.listed(conn, ended_too=state == "all", now_us=now_us, after=after, limit=limit + 1)
            found += [row for row in rows if _sees(caller, row)]
            if len(rows) <= limit:
                break
            after = rows[-1].id
    more = len(found) > limit
    return schemas.Page(
        items=[shown(row, now_us) for row in found[:limit]],
        next=cursor_of((found[limit - 1].id,)) if more else None,
    )


@router.post(
    "",
    operation_id="create_silence",
    status_code=201,
    response_model=Silence,
    dependencies=[Depends(json_only)],
)
def create_silence(order: NewSilence, caller: Actor, once: Once, served: Served) -> Response:
    """Tell nobody of what matches. What it held is told at its end, if it is still so; an escalation always is."""
    if caller.models and (order.model is None or not caller.sees(order.model)):
        raise Problem(403, "this key is bound to models: name one of them")

    def work(conn: Connection, now_us: int) -> Made:
        with told_as_problem():
            made = acts.silence(
                conn,
                model=order.model,
                family=order.family,
                segment=order.segment,
                severity=order.severity,
                comment=order.comment,
                starts_us=now_us if order.starts is None else order.starts,
                expires_us=order.expires,
                author=caller.name,
                now_us=now_us,
            )
        headers = {"Location": f"/v1/silences/{made.id}", "ETag": _etag(made)}
        return Made(201, shown(made, now_us), headers)

    return once.make(served, caller, work)


@router.get("/{silence}", operation_id="get_silence")
def get_silence(silence: Number, caller: Reader, served: Served, response: Response) -> Silence:
    """One silence; its ETag goes into If-Match."""
    with served.store.read() as conn:
        row = _own(conn, silence, caller)
    response.headers["ETag"] = _etag(row)
    return shown(row, served.clock.now_us())


@router.patch("/{silence}", operation_id="change_silence", dependencies=[Depends(json_only)])
def change_silence(
    silence: Number,
    order: ChangedSilence,
    caller: Actor,
    served: Served,
    response: Response,
    if_match: IfMatch = None,
) -> Silence:
    """Another comment or another end. One that has expired stays as it is."""
    now_us = served.clock.now_us()
    with served.store.write() as conn, told_as_problem():
        before = _own(conn, silence, caller)
        require(if_match, _etag(before))
        row = acts.change_silence(
            conn,
            silence,
            comment=order.comment,
            expires_us=order.expires,
            revision=before.revision,
            author=caller.name,
            now_us=now_us,
        )
    response.headers["ETag"] = _etag(row)
    return shown(row, now_us)


@router.delete("/{silence}", operation_id="expire_silence", status_code=204)
def expire_silence(silence: Number, caller: Actor, served: Served) -> None:
    """End a silence now. One that is over stays as it is."""
    with served.store.write() as conn:
        _own(conn, silence, caller)
        acts.expire_silence(conn, silence, author=caller.name, now_us=served.clock.now_us())


def _own(conn: Connection, silence: int, caller: Principal) -> store.Silence:
    row = store.get(conn, silence)
    if not _sees(caller, row):
        raise NotFound("there is no such silence")
    return row


def _sees(caller: Principal, row: store.Silence) -> bool:
    """Keys that are bound to models see the silences of these, and not those about everybody."""
    return not caller.models or (row.model is not None and caller.sees(row.model))


def _etag(row: store.Silence) -> str:
    return f'"r{row.revision}"'
