"""The audit log: a chain in which each hash covers the entry before, so that no byte changes unseen.

    hash = sha256(canonical JSON of {action, actor, at_us, object, payload, prev_hash, seq})

A tail that was cut off leaves a shorter valid chain: compare the head hash with one that was kept elsewhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, String, cast, insert, literal, or_, select
from sqlalchemy.sql.dml import ReturningInsert

from monitor.store import models
from monitor.store.canonical import json_text
from monitor.store.tables import audit, episodes, silences, tasks, triggers
from monitor.store.types import storable

GENESIS = "0" * 64
_CHAIN_LOCK = 0x6175646974


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of `audit`; `payload` is canonical JSON and never holds text of a message."""

    seq: int
    at_us: int
    actor: str
    action: str
    object: str
    payload: str
    prev_hash: str
    hash: str


@dataclass(frozen=True, slots=True)
class Verification:
    """How many entries hold, the hash of the last one, and what is wrong with the next (None: nothing)."""

    entries: int
    head: str
    problem: str | None


def append(
    conn: Connection, actor: str, action: str, object: str, payload: Mapping[str, object], now_us: int
) -> Entry:
    """Add an entry at the end of the chain; it is there if and only if the transaction commits.

    On PostgreSQL other writers of the log wait from here until the end of the transaction: append last.
    """
    if conn.dialect.name == "postgresql":
        conn.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_CHAIN_LOCK})")
    last = conn.execute(_last()).first()
    fields = {
        "seq": 1 if last is None else last.seq + 1,
        "at_us": now_us,
        "actor": storable(actor),
        "action": storable(action),
        "object": storable(object),
        "payload": storable(json_text(payload)),
        "prev_hash": GENESIS if last is None else last.hash,
    }
    row = {**fields, "hash": _hash(fields)}
    return Entry(**conn.execute(_appending(), row).one()._mapping)


def newest(conn: Connection, limit: int, model: str | None = None) -> list[Entry]:
    """The newest entries first, of one model if it is named. NotFound for a model that is not there.

    To a model belong its contract, records and channels, its episodes, triggers and tasks, and silences of its name.
    """
    query = select(audit).order_by(audit.c.seq.desc()).limit(limit)
    if model is not None:
        model_id = models.get(conn, model).id
        found = [
            audit.c.object.in_(
                select(literal(f"{kind}/").concat(cast(table.c.id, String))).where(
                    table.c.model_id == model_id
                )
            )
            for kind, table in (("episode", episodes), ("trigger", triggers), ("task", tasks))
        ]
        silence = literal("silence/").concat(cast(silences.c.id, String))
        found.append(audit.c.object.in_(select(silence).where(silences.c.model == model)))
        query = query.where(or_(audit.c.object == f"model/{model}", *found))
    return [Entry(**row._mapping) for row in conn.execute(query)]


def verify(conn: Connection) -> Verification:
    """Walk the whole chain and stop at the first entry that does not follow from the one before."""
    head, entries = GENESIS, 0
    chain = select(audit).order_by(audit.c.seq).execution_options(yield_per=1000)
    with conn.execute(chain) as rows:  # closed also when a bad entry ends the walk
        for row in rows:
            fields = dict(row._mapping)
            written = fields.pop("hash")
            if row.seq != entries + 1:
                return Verification(entries, head, f"entry {entries + 1} is missing")
            if row.prev_hash != head:
                return Verification(entries, head, f"entry {row.seq} does not follow entry {entries}")
            if _hash(fields) != written:
                return Verification(entries, head, f"entry {row.seq} was changed after it was written")
            head, entries = written, row.seq
    return Verification(entries, head, None)


@cache
def _last() -> Select[Any]:
    return select(audit.c.seq, audit.c.hash).order_by(audit.c.seq.desc()).limit(1)


@cache
def _appending() -> ReturningInsert[Any]:
    return insert(audit).returning(audit)


def _hash(fields: Mapping[str, object]) -> str:
    return hashlib.sha256(json_text(fields).encode()).hexdigest()
