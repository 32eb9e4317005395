"""Baselines: what a reference predicts. Immutable; `models.baseline_id` says which counts now."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from monitor.errors import NotFound
from monitor.store import models
from monitor.store.canonical import json_text
from monitor.store.inserts import insert_on
from monitor.store.tables import baselines


@dataclass(frozen=True, slots=True)
class Saved:
    """A row of `baselines`; `reference` holds from_us, to_us, windows, blocks, missing."""

    id: int
    model_id: int
    plan_id: str
    sha256: str
    reference: dict[str, Any]
    body: bytes
    created_us: int


def save(
    conn: Connection,
    model_id: int,
    plan_id: str,
    sha256: str,
    reference: Mapping[str, object],
    body: bytes,
    now_us: int,
) -> Saved:
    """Keep an encoded baseline and make it the model's current one; the same hash is the same baseline."""
    row = {
        "model_id": model_id,
        "plan_id": plan_id,
        "sha256": sha256,
        "reference": json_text(reference),
        "body": body,
        "created_us": now_us,
    }
    conn.execute(insert_on(conn, baselines).values(row).on_conflict_do_nothing())
    query = select(baselines.c.id).where(baselines.c.model_id == model_id, baselines.c.sha256 == sha256)
    baseline_id = conn.execute(query).scalar_one()
    models.update_state(conn, model_id, baseline_id=baseline_id)
    return load(conn, baseline_id)


def load(conn: Connection, baseline_id: int) -> Saved:
    """The baseline with this key; NotFound if there is none."""
    row = conn.execute(select(baselines).where(baselines.c.id == baseline_id)).one_or_none()
    if row is None:
        raise NotFound(f"no baseline with id {baseline_id}")
    return Saved(**{**row._mapping, "reference": json.loads(row.reference), "body": bytes(row.body)})


def reference_end(conn: Connection, baseline_id: int) -> tuple[str, int]:
    """The plan of a baseline and where its reference ends, without its body; NotFound if there is none."""
    query = select(baselines.c.plan_id, baselines.c.reference).where(baselines.c.id == baseline_id)
    row = conn.execute(query).one_or_none()
    if row is None:
        raise NotFound(f"no baseline with id {baseline_id}")
    return row.plan_id, int(json.loads(row.reference)["to_us"])


def current(conn: Connection, model_id: int) -> Saved | None:
    """The baseline that counts now, None while the model has none."""
    baseline_id = models.by_id(conn, model_id).baseline_id
    return None if baseline_id is None else load(conn, baseline_id)
