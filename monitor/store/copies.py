"""Copies of an SQLite store, made while it is used, and putting one in its place. PostgreSQL has tools of its own.

backup    SQLite's backup API, in one read → FILE.part → checked → FILE, whole or not at all
restore   FILE checked → a copy beside the store → the old file gets another name → the copy takes its place
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from monitor.errors import Conflict, StoreUnavailable, UsageError
from monitor.store.engine import Store

_USED_SECONDS = 60  # a process that served so lately may be about to write


def backup(store: Store, target: Path) -> int:
    """Copy the store into a file that is not there yet; returns its size in bytes.

    UsageError for PostgreSQL, for a target that exists, and for a store that is not there. StoreUnavailable if it
    cannot be read or the disk is full; then nothing is left behind.
    """
    source = _file_of(store, "run `pg_dump --format=custom` for a copy, which `pg_restore` puts back")
    if target.exists():
        raise UsageError(f"{target} is there already: name another file, or move it away")
    if not source.exists():
        raise UsageError(f"there is no {source}: nothing to copy")
    part = target.with_name(target.name + ".part")
    with _left_behind(part):
        with closing(_opened(source)) as before, closing(sqlite3.connect(part)) as after:
            # All at once: step by step it would begin anew at each write of somebody else.
            before.backup(after, pages=-1)
            after.execute("PRAGMA journal_mode = DELETE")  # one file, without a log beside it
        _check(part)
        _write_through(part)
        try:
            os.link(part, target)  # fails where a file is, as renaming does not
        except FileExistsError as error:
            raise UsageError(f"{target} is there already: name another file, or move it away") from error
        part.unlink()
        _write_through(target.parent)
    return target.stat().st_size


def restore(store: Store, copy: Path) -> Path | None:
    """Put a copy in the place of the store; returns where the old file is now, None if there was none.

    UsageError for PostgreSQL, and for a file that is not whole, no driftglass store, or of a newer release. Conflict
    while anything uses the store: nothing is changed then.
    """
    target = _file_of(store, "`pg_restore --clean` puts a dump back")
    if not copy.exists():
        raise UsageError(f"there is no {copy}")
    _check(copy)
    _of_this_release(store, copy)
    store.close()
    part = target.with_name(target.name + ".part")
    with _left_behind(part):
        shutil.copyfile(copy, part)
        _write_through(part)
        kept = None
        if target.exists():
            kept = _beside(target)
            with _alone(target):
                os.link(target, kept)
                os.replace(part, target)
        else:
            for rest in ("-wal", "-shm"):
                target.with_name(target.name + rest).unlink(missing_ok=True)
            os.replace(part, target)
        _write_through(target.parent)
    return kept


def _file_of(store: Store, otherwise: str) -> Path:
    if store.file is None:
        raise UsageError(f"{store.shown} is PostgreSQL, which has tools of its own: {otherwise}")
    return Path(store.file)


def _opened(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=10, isolation_level=None)


def _check(path: Path) -> None:
    """UsageError if the file is damaged or no SQLite file."""
    try:
        with closing(_opened(path)) as conn:
            said = conn.execute("PRAGMA integrity_check(1)").fetchone()[0]
    except sqlite3.DatabaseError as error:
        raise UsageError(f"{path} cannot be read as an SQLite file: {error}") from error
    if said != "ok":
        raise UsageError(f"{path} is damaged: {said}")


def _of_this_release(store: Store, path: Path) -> None:
    try:
        with closing(_opened(path)) as conn:
            row = conn.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.DatabaseError as error:
        raise UsageError(f"{path} holds no tables of driftglass ({error})") from error
    revision = row[0] if row else None
    if not store.knows(revision):
        raise UsageError(
            f"{path} is of revision {revision}, which this release does not know: use a newer one"
        )


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold the file so that nobody else does. Conflict if somebody has it open, or served on it a moment ago."""
    try:
        with closing(sqlite3.connect(path, timeout=1, isolation_level=None)) as conn:
            # Every connection holds the file as long as its log is in use: leaving that mode needs it alone.
            if conn.execute("PRAGMA journal_mode = DELETE").fetchone()[0] != "delete":
                raise Conflict(_IN_USE.format(path=path))
            conn.execute("BEGIN EXCLUSIVE")
            with suppress(sqlite3.OperationalError):  # tables of an earlier release
                since_us = round((time.time() - _USED_SECONDS) * 1e6)
                serving = conn.execute(
                    "SELECT name FROM processes WHERE seen_us >= ?", (since_us,)
                ).fetchall()
                if serving:
                    raise Conflict(_IN_USE.format(path=path) + f" ({', '.join(row[0] for row in serving)})")
            yield
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise Conflict(_IN_USE.format(path=path)) from error
        raise StoreUnavailable(f"{path}: {error}") from error


_IN_USE = "{path} is in use: stop every driftglass process first, then try again"


def _beside(path: Path) -> Path:
    """A name for the old file that no file has."""
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    for number in range(100):
        found = path.with_name(f"{path.name}.before-{moment}" + (f"-{number}" if number else ""))
        if not found.exists():
            return found
    raise UsageError(f"there are too many old stores beside {path}: move them away")


@contextmanager
def _left_behind(part: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise StoreUnavailable(f"{part}: {error}; nothing was changed") from error
    finally:
        for rest in ("", "-wal", "-shm", "-journal"):
            part.with_name(part.name + rest).unlink(missing_ok=True)


def _write_through(path: Path) -> None:
    """Wait until the disk has it."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
