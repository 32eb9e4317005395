"""Putting a copy of an SQLite store in its place, without bringing back what was erased since it was made.

An erasure is kept as the hash of an id. The copy's own ids are hashed to find those that the replaced file says are
erased; these are erased again, before the copy takes its place.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select, update

from monitor.clock import Clock
from monitor.erasing import GONE, erase
from monitor.store import audit, copies, erasures
from monitor.store import tables as t
from monitor.store.engine import Store
from monitor.store.inserts import insert_on

_WORD = re.compile(r"[^\s,;\"'\t]+")


@dataclass(frozen=True, slots=True)
class Restored:
    """`kept`: where the old file is, None if there was none. `erased`: rows of the copy that were erased again.

    `carried`: erasures that were carried over. `problem`: why some could not be, "" for nothing.
    """

    kept: Path | None
    erased: int
    carried: int
    problem: str


@dataclass(frozen=True, slots=True)
class _Old:
    """What the replaced file says was erased."""

    hashes: list[tuple[int, str, str, int]]  # model, its name, hash, when
    set_aside: list[
        tuple[int, int, str, int]
    ]  # rows of the quarantine without words: id, model, reason, when


def restore(store: Store, copy: Path, clock: Clock, author: str) -> Restored:
    """Put a copy in the place of the store; what was erased in the store is erased in the copy. Errors: `copies`."""
    erased, carried, problem = (
        0,
        0,
        "there was no store here: records erased since the copy have to be erased again",
    )

    def ready(old: sqlite3.Connection | None, part: Path) -> None:
        nonlocal erased, carried, problem
        try:
            found = _read(old) if old is not None else None
        except sqlite3.DatabaseError as error:
            found, problem = None, _unread(error)
        else:
            problem = "" if old is not None else problem
        if found is not None and found.hashes:
            with closing(Store(f"sqlite:///{part}")) as fresh:
                fresh.upgrade()
                erased, carried = _apply(fresh, found, clock, author)
            if carried < len(found.hashes):
                problem = (
                    f"{len(found.hashes) - carried:,} erasures are of models that the copy does not hold: "
                    "records of theirs that come again are kept again"
                )

    kept, damage = copies.restore(store, copy, ready)
    return Restored(kept, erased, carried, _unread(damage) if damage is not None else problem)


def _unread(error: Exception) -> str:
    return (
        f"which records were erased could not be read from the file that was replaced ({error}): "
        "erase those again that were erased since the copy"
    )


def _read(old: sqlite3.Connection) -> _Old:
    tables = {row[0] for row in old.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if "erasures" not in tables:  # a store of an earlier release, or an empty one
        return _Old([], [])
    hashes = old.execute(
        "SELECT e.model_id, m.name, e.id_sha256, e.erased_us FROM erasures e JOIN models m ON m.id = e.model_id "
        "ORDER BY 1, 3"
    ).fetchall()
    set_aside = old.execute(
        "SELECT id, model_id, reason, created_us FROM quarantine WHERE detail = ? ORDER BY id", (GONE,)
    ).fetchall()
    return _Old(hashes, set_aside)


def _apply(store: Store, old: _Old, clock: Clock, author: str) -> tuple[int, int]:
    """Erase in a store what was erased in another; returns (rows that held it, erasures that are there now)."""
    erased = carried = 0
    with store.read() as conn:
        names = {(row.id, row.name) for row in conn.execute(select(t.models.c.id, t.models.c.name))}
    for model_id, name in sorted({(row[0], row[1]) for row in old.hashes} & names):
        gone = {row[2]: row[3] for row in old.hashes if row[0] == model_id}
        with store.write() as conn:
            known = {one for one in _ids(conn, model_id) if erasures.hash_of(model_id, one) in gone}
            rows = [
                {"model_id": model_id, "id_sha256": one, "erased_us": at_us} for one, at_us in gone.items()
            ]
            statement = insert_on(conn, t.erasures).values(rows[0]).on_conflict_do_nothing()
            for row in rows:
                conn.execute(statement, row)
            told = {"ids_sha256": sorted(gone)}
            audit.append(conn, author, "erasures.carried", f"model/{name}", told, clock.now_us())
        if known:
            erased += sum(erase(store, clock, name, known, author).values())
        carried += len(gone)
    with store.write() as conn:
        erased += _set_aside(conn, old)
    store.fold_log()
    return erased, carried


def _ids(conn: Connection, model_id: int) -> Iterator[str]:
    """Whatever may be an id of a record of this model."""
    of_model = select(t.episodes.c.id).where(t.episodes.c.model_id == model_id)
    shown = select(t.evidence.c.event_id).where(t.evidence.c.episode_id.in_(of_model))
    kept = [
        select(table.c.event_id).where(table.c.model_id == model_id)
        for table in (t.samples, t.labels, t.inference_halves)
    ]
    for query in (*kept, shown):
        yield from conn.execute(query.distinct()).scalars()
    for body in conn.execute(select(t.inbox.c.body).where(t.inbox.c.model_id == model_id)).scalars():
        for line in bytes(body).split(b"\n"):
            yield from _words(line)
    q = t.quarantine
    for row in conn.execute(select(q.c.place, q.c.detail, q.c.raw).where(q.c.model_id == model_id)):
        yield row.place.removeprefix("event ")
        yield from _WORD.findall(row.detail)
        yield from (word.rstrip(":") for word in _WORD.findall(row.detail))
        if row.raw is not None:
            yield from _words(bytes(row.raw))


def _words(raw: bytes) -> Iterator[str]:
    """Every value of a JSON document as it would be written; of other text its words."""
    text = raw.decode("utf-8", "surrogateescape")
    try:
        yield from _values(json.loads(text, parse_int=str, parse_float=str))
    except (ValueError, RecursionError):
        yield from _WORD.findall(text)


def _values(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from _values(one)
    elif isinstance(value, str):
        yield value
        yield f"{value}/0"  # see `sources.inferences.first_id`


def _set_aside(conn: Connection, old: _Old) -> int:
    """Rows that had lost their words: found by what they still had in common with the same row of the copy."""
    q, done = t.quarantine, 0
    for row_id, model_id, reason, at_us in old.set_aside:
        same = (q.c.id == row_id, q.c.model_id == model_id, q.c.reason == reason, q.c.created_us == at_us)
        gone = {"place": f"{GONE} {row_id}", "detail": GONE, "raw": None}
        done += conn.execute(update(q).where(*same, q.c.detail != GONE).values(gone)).rowcount
    return done
