"""The manifest: which files of a source were read, so that each is read once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from sqlalchemy import Connection, Insert, Select, bindparam, select

from monitor.store.inserts import insert_on
from monitor.store.tables import manifest

State = Literal["read", "failed"]


@dataclass(frozen=True, slots=True)
class File:
    """A row of `manifest`. A file is the same one while its path and etag are; `rows` were read from it."""

    path: str
    size: int
    etag: str
    state: State
    rows: int
    error: str | None
    read_us: int


def known(conn: Connection, model_id: int) -> list[File]:
    """Every version of every file that was looked at, by path."""
    return [File(**row._mapping) for row in conn.execute(_known(), {"model": model_id})]


def record(conn: Connection, model_id: int, file: File) -> None:
    """Note what became of a file; a later try (a failed one read again) replaces the note."""
    row = {"model_id": model_id, **{name: getattr(file, name) for name in File.__slots__}}
    conn.execute(_recording(conn.dialect.name), row)


@cache
def _known() -> Select[Any]:
    columns = [manifest.c[name] for name in File.__slots__]
    query = select(*columns).where(manifest.c.model_id == bindparam("model"))
    return query.order_by(manifest.c.path, manifest.c.id)


@cache
def _recording(dialect: str) -> Insert:
    statement = insert_on(dialect, manifest)
    replaced = {name: statement.excluded[name] for name in ("size", "state", "rows", "error", "read_us")}
    return statement.on_conflict_do_update(index_elements=["model_id", "path", "etag"], set_=replaced)
