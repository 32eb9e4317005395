"""Cursors: how far a model's source has been read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, select

from monitor.store.canonical import json_text
from monitor.store.inserts import insert_on
from monitor.store.tables import cursors


def get(conn: Connection, model_id: int) -> dict[str, Any] | None:
    """The source's own position, None before the first read."""
    position = conn.execute(
        select(cursors.c.position).where(cursors.c.model_id == model_id)
    ).scalar_one_or_none()
    if position is None:
        return None
    decoded: dict[str, Any] = json.loads(position)
    return decoded


def put(conn: Connection, model_id: int, position: Mapping[str, object], now_us: int) -> None:
    """Move the cursor; belongs into the transaction that keeps what was read up to it."""
    row = {"model_id": model_id, "position": json_text(position), "updated_us": now_us}
    statement = insert_on(conn, cursors).values(row)
    conn.execute(
        statement.on_conflict_do_update(
            index_elements=["model_id"],
            set_={"position": statement.excluded.position, "updated_us": statement.excluded.updated_us},
        )
    )
