"""Halves of inferences that wait for the other: a request for its response, or the other way round.

Call these while holding the model's inbox (`inbox.next_number`): two halves that come at once would miss each other.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, delete, select, tuple_

from monitor.store import inbox
from monitor.store.inserts import insert_on
from monitor.store.tables import inference_halves as halves

_SLICE = 500


@dataclass(frozen=True, slots=True)
class Half:
    """`half` is "request" or "response"."""

    event_id: str
    half: str
    event_us: int
    body: bytes


def add(conn: Connection, model_id: int, half: Half, now_us: int) -> bool:
    """Keep a half until the other comes; False if it waits already."""
    row = {
        "model_id": model_id,
        "event_id": half.event_id,
        "half": half.half,
        "received_us": now_us,
        "event_us": half.event_us,
        "body": half.body,
    }
    statement = insert_on(conn, halves).values(row).on_conflict_do_nothing()
    added = conn.execute(statement.returning(halves.c.model_id)).one_or_none() is not None
    if added:
        inbox.count(conn, model_id, 1, len(half.body))
    return added


def take(conn: Connection, model_id: int, event_id: str, half: str) -> Half | None:
    """The half of an inference that waits, which it does no longer; None if it has not come."""
    where = and_(halves.c.model_id == model_id, halves.c.event_id == event_id, halves.c.half == half)
    return next(iter(_remove(conn, model_id, where)), None)


def expired(conn: Connection, model_id: int, before_us: int) -> list[Half]:
    """A slice of the halves that came before a time, which wait no longer."""
    old = (
        select(halves.c.event_id, halves.c.half)
        .where(halves.c.model_id == model_id, halves.c.received_us < before_us)
        .limit(_SLICE)
    )
    where = and_(halves.c.model_id == model_id, tuple_(halves.c.event_id, halves.c.half).in_(old))
    return _remove(conn, model_id, where)


def _remove(conn: Connection, model_id: int, where: ColumnElement[bool]) -> list[Half]:
    statement = delete(halves).where(where)
    columns = (halves.c.event_id, halves.c.half, halves.c.event_us, halves.c.body)
    found = [
        Half(row.event_id, row.half, row.event_us, bytes(row.body))
        for row in conn.execute(statement.returning(*columns))
    ]
    if found:
        inbox.count(conn, model_id, -len(found), -sum(len(half.body) for half in found))
    return found
