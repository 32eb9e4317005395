"""Sequences: the sequential state of a model after each judged window, where the next one goes on."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, Insert, Select, bindparam, select

from monitor.store.inserts import insert_on
from monitor.store.tables import sequences


def put(
    conn: Connection, model_id: int, window_start_us: int, body: bytes, context: str | None = None
) -> None:
    """Keep the encoded state after a window, and what its judgement depended on (`judging.Context` as JSON).

    Judging the window again replaces both.
    """
    put_each(conn, model_id, [(window_start_us, body, context)])


def put_each(conn: Connection, model_id: int, rows: Sequence[tuple[int, bytes, str | None]]) -> None:
    """As `put` for several windows: (window start, state, context)."""
    conn.execute(
        _putting(conn.dialect.name),
        [
            {"model_id": model_id, "window_start_us": start_us, "body": body, "context": context}
            for start_us, body, context in rows
        ],
    )


def at(conn: Connection, model_id: int, window_start_us: int) -> tuple[bytes, str | None] | None:
    """(state, context) after exactly this window; None if it was not judged."""
    query = select(sequences.c.body, sequences.c.context).where(
        sequences.c.model_id == model_id, sequences.c.window_start_us == window_start_us
    )
    row = conn.execute(query).one_or_none()
    return None if row is None else (bytes(row.body), row.context)


def latest_before(conn: Connection, model_id: int, window_start_us: int) -> tuple[int, bytes] | None:
    """(window start, state) of the last judged window before this one; None if this one is the first."""
    row = conn.execute(_before(), {"model": model_id, "start": window_start_us}).one_or_none()
    return None if row is None else (row.window_start_us, bytes(row.body))


@cache
def _putting(dialect: str) -> Insert:
    statement = insert_on(dialect, sequences)
    return statement.on_conflict_do_update(
        index_elements=["model_id", "window_start_us"],
        set_={"body": statement.excluded.body, "context": statement.excluded.context},
    )


@cache
def _before() -> Select[Any]:
    return (
        select(sequences.c.window_start_us, sequences.c.body)
        .where(sequences.c.model_id == bindparam("model"), sequences.c.window_start_us < bindparam("start"))
        .order_by(sequences.c.window_start_us.desc())
        .limit(1)
    )
