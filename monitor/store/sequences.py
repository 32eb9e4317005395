"""Sequences: the sequential state of a model after each judged window, where the next one goes on."""

from __future__ import annotations

from sqlalchemy import Connection, select

from monitor.store.inserts import insert_on
from monitor.store.tables import sequences


def put(conn: Connection, model_id: int, window_start_us: int, body: bytes) -> None:
    """Keep the encoded state after a window; judging the window again replaces it."""
    statement = insert_on(conn, sequences).values(
        {"model_id": model_id, "window_start_us": window_start_us, "body": body}
    )
    conn.execute(
        statement.on_conflict_do_update(
            index_elements=["model_id", "window_start_us"], set_={"body": statement.excluded.body}
        )
    )


def latest_before(conn: Connection, model_id: int, window_start_us: int) -> tuple[int, bytes] | None:
    """(window start, state) of the last judged window before this one; None if this one is the first."""
    query = (
        select(sequences.c.window_start_us, sequences.c.body)
        .where(sequences.c.model_id == model_id, sequences.c.window_start_us < window_start_us)
        .order_by(sequences.c.window_start_us.desc())
        .limit(1)
    )
    row = conn.execute(query).one_or_none()
    return None if row is None else (row.window_start_us, bytes(row.body))
