"""Which records were erased: only the hash of their ids, so that they are not kept again."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, bindparam, exists, select

from monitor.store.inserts import insert_on
from monitor.store.tables import erasures


def hash_of(model_id: int, event_id: str) -> str:
    """What stays of an id."""
    return hashlib.sha256(f"{model_id}/{event_id}".encode("utf-8", "surrogatepass")).hexdigest()


def add(conn: Connection, model_id: int, event_ids: Collection[str], now_us: int) -> int:
    """Write down that records were erased; returns how many were not before."""
    new = 0
    for event_id in sorted(event_ids):
        row = {"model_id": model_id, "id_sha256": hash_of(model_id, event_id), "erased_us": now_us}
        statement = insert_on(conn, erasures).values(row).on_conflict_do_nothing()
        new += conn.execute(statement.returning(erasures.c.model_id)).one_or_none() is not None
    return new


def among(conn: Connection, model_id: int, event_ids: Collection[str]) -> set[str]:
    """Those of these records that were erased. Costs one small read while none of the model was."""
    if not event_ids or not conn.execute(_any(), {"model": model_id}).scalar_one():
        return set()
    names = {hash_of(model_id, event_id): event_id for event_id in event_ids}
    hashes = list(names)
    found: set[str] = set()
    for first in range(0, len(hashes), 500):
        query = select(erasures.c.id_sha256).where(
            erasures.c.model_id == model_id, erasures.c.id_sha256.in_(hashes[first : first + 500])
        )
        found |= {names[one] for one in conn.execute(query).scalars()}
    return found


@cache
def _any() -> Select[Any]:
    return select(exists().where(erasures.c.model_id == bindparam("model")))
