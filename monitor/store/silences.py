"""Silences: what nobody is told of until a time. They end by the clock; no process has to end them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import BindParameter, Connection, Row, Select, bindparam, insert, select, update

from monitor.errors import Conflict, NotFound
from monitor.store.tables import silences


@dataclass(frozen=True, slots=True)
class Silence:
    """A row of `silences`. None matches everything; a model may end in "*". It counts in [starts_us, expires_us)."""

    id: int
    model: str | None
    family: str | None
    segment: str | None
    severity: str | None
    author: str
    comment: str
    starts_us: int
    expires_us: int
    created_us: int
    revision: int

    def state(self, now_us: int) -> str:
        """pending, active or expired."""
        if now_us >= self.expires_us:
            return "expired"
        return "active" if now_us >= self.starts_us else "pending"

    def matches(self, model: str, family: str, segment: str | None, severity: str) -> bool:
        """Whether it is about an episode; `segment` is the one that carries most of it."""
        return (
            (self.model is None or _named(self.model, model))
            and self.family in (None, family)
            and self.segment in (None, segment)
            and self.severity in (None, severity)
        )


def add(
    conn: Connection,
    *,
    model: str | None,
    family: str | None,
    segment: str | None,
    severity: str | None,
    author: str,
    comment: str,
    starts_us: int,
    expires_us: int,
    now_us: int,
) -> Silence:
    """Write a silence."""
    row = {
        "model": model,
        "family": family,
        "segment": segment,
        "severity": severity,
        "author": author,
        "comment": comment,
        "starts_us": starts_us,
        "expires_us": expires_us,
        "created_us": now_us,
        "revision": 1,
    }
    return _silence(conn.execute(insert(silences).values(row).returning(silences)).one())


def get(conn: Connection, silence_id: int) -> Silence:
    """One silence. NotFound if there is none."""
    row = conn.execute(select(silences).where(silences.c.id == silence_id)).one_or_none()
    if row is None:
        raise NotFound(f"there is no silence {silence_id}")
    return _silence(row)


def change(conn: Connection, silence: Silence, *, comment: str, expires_us: int) -> Silence:
    """Set comment and end. Conflict if it was changed since it was read."""
    query = update(silences).where(silences.c.id == silence.id, silences.c.revision == silence.revision)
    values = {"comment": comment, "expires_us": expires_us, "revision": silence.revision + 1}
    row = conn.execute(query.values(values).returning(silences)).one_or_none()
    if row is None:
        raise Conflict(f"silence {silence.id} was changed by somebody else: look at it again")
    return _silence(row)


def active(conn: Connection, now_us: int) -> list[Silence]:
    """The silences that count now, oldest first."""
    return [_silence(row) for row in conn.execute(_active(), {"now": now_us})]


def listed(
    conn: Connection, *, ended_too: bool, now_us: int, after: int | None = None, limit: int = 100
) -> list[Silence]:
    """Silences, newest first; `after` is the id of the last one of the page before."""
    query = select(silences)
    if not ended_too:
        query = query.where(silences.c.expires_us > now_us)
    if after is not None:
        query = query.where(silences.c.id < after)
    return [_silence(row) for row in conn.execute(query.order_by(silences.c.id.desc()).limit(limit))]


def _named(pattern: str, model: str) -> bool:
    return model.startswith(pattern[:-1]) if pattern.endswith("*") else model == pattern


@cache
def _active() -> Select[Any]:
    now: BindParameter[int] = bindparam("now")
    return (
        select(silences)
        .where(silences.c.starts_us <= now, silences.c.expires_us > now)
        .order_by(silences.c.id)
    )


def _silence(row: Row[Any]) -> Silence:
    return Silence(**row._mapping)
