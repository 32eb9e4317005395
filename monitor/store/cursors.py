"""Cursors: how far a model's source has been read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from sqlalchemy import Connection, Insert, Select, Update, bindparam, select, update

from monitor.errors import LeaseLost
from monitor.store.canonical import json_text
from monitor.store.inserts import insert_on
from monitor.store.tables import cursors


def get(conn: Connection, model_id: int) -> dict[str, Any] | None:
    """The source's own position, None before the first read."""
    position = conn.execute(_position(), {"model": model_id}).scalar_one_or_none()
    if position is None:
        return None
    decoded: dict[str, Any] = json.loads(position)
    return decoded


def move(
    conn: Connection,
    model_id: int,
    before: Mapping[str, object] | None,
    after: Mapping[str, object],
    now_us: int,
) -> None:
    """Move the cursor on from where this reading found it; in the transaction that keeps what was read between.

    Raises LeaseLost if another process has moved it: what was read here was read there too.
    """
    step: Insert | Update
    if before is None:
        row = {"model_id": model_id, "position": json_text(after), "updated_us": now_us}
        step = insert_on(conn, cursors).values(row).on_conflict_do_nothing()
    else:
        here = (cursors.c.model_id == model_id) & (cursors.c.position == json_text(before))
        step = update(cursors).where(here).values(position=json_text(after), updated_us=now_us)
    if conn.execute(step.returning(cursors.c.model_id)).one_or_none() is None:
        raise LeaseLost("another process has read on from here")


@cache
def _position() -> Select[Any]:
    return select(cursors.c.position).where(cursors.c.model_id == bindparam("model"))
