"""Answers to requests that created something, kept for a day: the same request again gets the same bytes.

The answer is written in the transaction of what it tells of. There is no state between: a request that is
repeated while the first is under way waits for it, and one whose first was killed simply happens.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select

from monitor.store.canonical import json_text
from monitor.store.tables.keys import idempotency

KEPT_US = 24 * 3_600_000_000
_LOCK = 0x6964656D  # "idem", the first half of an advisory lock


@dataclass(frozen=True, slots=True)
class Request:
    """What makes two requests the same: who asks, what of, by which key, and the hash of the body."""

    principal: str
    route: str
    key: str
    body_sha256: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A kept answer; `headers` are those that name what was made."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    body_sha256: str


def lock(conn: Connection, request: Request) -> None:
    """Wait until no other transaction works on the same request (on SQLite every writer is alone anyway)."""
    if conn.dialect.name == "postgresql":
        name = json_text([request.principal, request.route, request.key])
        conn.exec_driver_sql("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", (_LOCK, name))


def find(conn: Connection, request: Request, now_us: int) -> Answer | None:
    """The answer that was given before, within the last day."""
    query = select(idempotency).where(
        idempotency.c.principal == request.principal,
        idempotency.c.route == request.route,
        idempotency.c.key == request.key,
        idempotency.c.created_us > now_us - KEPT_US,
    )
    row = conn.execute(query).one_or_none()
    if row is None:
        return None
    return Answer(row.status, json.loads(row.headers), row.body, row.body_sha256)


def keep(conn: Connection, request: Request, answer: Answer, now_us: int) -> None:
    """Keep an answer; those of the day before are forgotten."""
    conn.execute(delete(idempotency).where(idempotency.c.created_us <= now_us - KEPT_US))
    row = {
        "principal": request.principal,
        "route": request.route,
        "key": request.key,
        "body_sha256": request.body_sha256,
        "status": answer.status,
        "headers": json_text(dict(answer.headers)),
        "body": answer.body,
        "created_us": now_us,
    }
    conn.execute(insert(idempotency).values(row))
