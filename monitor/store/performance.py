"""What is known of a model's performance: how it did at release, and what its detectors hold after each window."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from monitor.store.canonical import json_text
from monitor.store.inserts import insert_on
from monitor.store.tables import performance, performance_references


@dataclass(frozen=True, slots=True)
class Release:
    """What was learnt from the labels of a baseline's reference."""

    baseline_id: int
    body: dict[str, Any]


def release(conn: Connection, model_id: int, baseline_id: int) -> dict[str, Any] | None:
    """What was learnt from the labels of a baseline's reference; None before that."""
    table = performance_references
    query = select(table.c.body).where(table.c.model_id == model_id, table.c.baseline_id == baseline_id)
    body = conn.execute(query).scalar_one_or_none()
    return None if body is None else dict(json.loads(body))


def save_release(
    conn: Connection, model_id: int, baseline_id: int, body: Mapping[str, Any], now_us: int
) -> dict[str, Any]:
    """Freeze it; if another process was first, its word counts. Returns what counts."""
    statement = insert_on(conn, performance_references).values(
        {"model_id": model_id, "baseline_id": baseline_id, "body": json_text(body), "created_us": now_us}
    )
    conn.execute(statement.on_conflict_do_nothing(index_elements=["model_id", "baseline_id"]))
    saved = release(conn, model_id, baseline_id)
    assert saved is not None
    return saved


def put(conn: Connection, model_id: int, window_start_us: int, body: Mapping[str, Any]) -> None:
    """Keep the state after a window; judging the window again replaces it."""
    statement = insert_on(conn, performance).values(
        {"model_id": model_id, "window_start_us": window_start_us, "body": json_text(body)}
    )
    conn.execute(
        statement.on_conflict_do_update(
            index_elements=["model_id", "window_start_us"], set_={"body": statement.excluded.body}
        )
    )


def latest_before(conn: Connection, model_id: int, window_start_us: int) -> dict[str, Any] | None:
    """The state after the last window before this one; None if there is none."""
    query = (
        select(performance.c.body)
        .where(performance.c.model_id == model_id, performance.c.window_start_us < window_start_us)
        .order_by(performance.c.window_start_us.desc())
        .limit(1)
    )
    body = conn.execute(query).scalar_one_or_none()
    return None if body is None else dict(json.loads(body))


def newest_release(conn: Connection, model_id: int) -> Release | None:
    """The release that windows are compared with; None while too few labels say how well it did."""
    table = performance_references
    query = (
        select(table.c.baseline_id, table.c.body)
        .where(table.c.model_id == model_id)
        .order_by(table.c.created_us.desc(), table.c.baseline_id.desc())
        .limit(1)
    )
    row = conn.execute(query).one_or_none()
    return None if row is None else Release(row.baseline_id, json.loads(row.body))
