"""Plans: how a model's records are counted. Immutable; `models.plan_id` says which counts now."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, and_, select

from monitor.errors import NotFound
from monitor.store import models
from monitor.store.canonical import json_text
from monitor.store.inserts import insert_on
from monitor.store.tables import models as watched
from monitor.store.tables import plans


def save(
    conn: Connection,
    model_id: int,
    plan_id: str,
    body: bytes,
    now_us: int,
    *,
    columns: Mapping[str, str] | None = None,
) -> None:
    """Keep an encoded plan and make it the model's current one; its id is its hash, so again is harmless.

    `columns`: the kind of each column that it counts.
    """
    row: dict[str, Any] = {"model_id": model_id, "plan_id": plan_id, "body": body, "created_us": now_us}
    row["columns"] = None if columns is None else json_text(columns)
    conn.execute(insert_on(conn, plans).values(row).on_conflict_do_nothing())
    models.update_state(conn, model_id, plan_id=plan_id)


def load(conn: Connection, model_id: int, plan_id: str) -> bytes:
    """The encoded plan; NotFound if the model has no such plan."""
    query = select(plans.c.body).where(plans.c.model_id == model_id, plans.c.plan_id == plan_id)
    body = conn.execute(query).scalar_one_or_none()
    if body is None:
        raise NotFound(f"model {model_id} has no plan {plan_id}")
    return bytes(body)


def current(conn: Connection, model_id: int) -> bytes | None:
    """The encoded plan that counts now, None while the model has none."""
    plan_id = models.by_id(conn, model_id).plan_id
    return None if plan_id is None else load(conn, model_id, plan_id)


def columns(conn: Connection, model_id: int) -> dict[str, str] | None:
    """The kind of each column that the plan which counts now counts, by name; None if that is not known."""
    counts = and_(plans.c.model_id == watched.c.id, plans.c.plan_id == watched.c.plan_id)
    query = select(plans.c.columns).join_from(watched, plans, counts).where(watched.c.id == model_id)
    text = conn.execute(query).scalar_one_or_none()
    return None if text is None else dict(json.loads(text))
