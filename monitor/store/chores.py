"""What is done now and then for the whole installation: by whichever process comes first, and not again too soon."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select, update

from monitor.store.canonical import json_text
from monitor.store.inserts import insert_on
from monitor.store.tables import chores


@dataclass(frozen=True, slots=True)
class Chore:
    """A row of `chores`: when it was last begun, and what came of it."""

    name: str
    done_us: int
    body: Mapping[str, Any]


def last(conn: Connection, name: str) -> Chore | None:
    """How it went last, None before the first time."""
    row = conn.execute(select(chores).where(chores.c.name == name)).one_or_none()
    return None if row is None else Chore(row.name, row.done_us, json.loads(row.body))


def take(conn: Connection, name: str, now_us: int, every_us: int) -> bool:
    """Whether it is due, and falls to this process: whoever asks next is told that it was begun now.

    A time that lies ahead (the clock went back) counts as due.
    """
    first = insert_on(conn, chores).values(name=name, done_us=now_us, body="{}").on_conflict_do_nothing()
    if conn.execute(first.returning(chores.c.name)).one_or_none() is not None:
        return True
    begun = (
        update(chores)
        .where(
            chores.c.name == name,
            (chores.c.done_us <= now_us - every_us) | (chores.c.done_us > now_us),
        )
        .values(done_us=now_us)
    )
    return conn.execute(begun).rowcount == 1


def note(conn: Connection, name: str, body: Mapping[str, object], done_us: int | None = None) -> None:
    """Write down what came of it; with `done_us` also when it counts as begun."""
    values: dict[str, object] = {"body": json_text(body)}
    if done_us is not None:
        values["done_us"] = done_us
    row = {"name": name, "done_us": done_us or 0, "body": values["body"]}
    conn.execute(
        insert_on(conn, chores).values(row).on_conflict_do_update(index_elements=["name"], set_=values)
    )
