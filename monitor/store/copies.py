"""Copies of an SQLite store, made while it is used, and putting one in its place. PostgreSQL has tools of its own.

backup    SQLite's backup API, in one read → FILE.part → checked → FILE, whole or not at all
restore   FILE checked → a copy beside the store, made ready → the old file gets another name → the copy takes its place

What is written here may be read by its owner alone (0600), whatever the file it came from allows.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
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
        _private(part)
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


Ready = Callable[[sqlite3.Connection | None, Path], None]


def restore(store: Store, copy: Path, ready: Ready) -> tuple[Path | None, Exception | None]:
    """Put a copy in the place of the store; returns where the old file is now, None if there was none.

    `ready` is given the old file (None: none) and the copy, and may still change the copy. The second value says why
    an old file was replaced without being read: it is damaged, and `ready` was given None.
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
    kept, damage = None, _damage(target) if target.exists() else None
    with _left_behind(part):
        _private(part)
        shutil.copyfile(copy, part)
        if target.exists() and damage is None:
            with _alone(target) as old:
                ready(old, part)
                kept = _exchange(part, target)
        else:
            ready(None, part)
            if damage is not None:
                # Its log belongs to it, and must not be taken for one of the copy.
                kept = _exchange(part, target)
            else:
                _write_through(part)
                _without_log(target)
                os.replace(part, target)
        _write_through(target.parent)
    return kept, damage


def _exchange(part: Path, target: Path) -> Path:
    """Give the old file another name, and the copy its name; returns the other name."""
    with closing(sqlite3.connect(part)) as conn:
        conn.execute("PRAGMA journal_mode = DELETE")
    _write_through(part)
    kept = _beside(target)
    os.link(target, kept)
    _without_log(target, kept)
    os.replace(part, target)
    kept.chmod(0o600)
    return kept


def _without_log(target: Path, kept: Path | None = None) -> None:
    """Take away what SQLite left beside a file, or leave it beside the file's other name."""
    for rest in ("-wal", "-shm"):
        log = target.with_name(target.name + rest)
        if kept is not None and log.exists():
            log.rename(kept.with_name(kept.name + rest))
        log.unlink(missing_ok=True)


def _damage(path: Path) -> Exception | None:
    """Why an old file cannot be read at all; None if it can, or if somebody keeps us from it."""
    try:
        with closing(_opened(path)) as conn:
            conn.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError:
        return None
    except sqlite3.DatabaseError as error:
        return error
    return None


def _private(part: Path) -> None:
    """An empty file that only its owner may read; what a killed process left goes."""
    for rest in ("", "-wal", "-shm", "-journal"):
        part.with_name(part.name + rest).unlink(missing_ok=True)
    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


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
def _alone(path: Path) -> Iterator[sqlite3.Connection]:
    """Hold the file so that nobody else does. Conflict if somebody has it open, or served on it a moment ago."""
    try:
        with closing(sqlite3.connect(path, timeout=1, isolation_level=None)) as conn:
            # Every connection holds the file as long as its log is in use: leaving that mode needs it alone.
            if conn.execute("PRAGMA journal_mode = DELETE").fetchone()[0] != "delete":
                raise Conflict(_IN_USE.format(path=path))
            conn.execute("BEGIN EXCLUSIVE")
            with suppress(sqlite3.DatabaseError):  # tables of an earlier release, or damaged ones
                since_us = round((time.time() - _USED_SECONDS) * 1e6)
                serving = conn.execute(
                    "SELECT name FROM processes WHERE seen_us >= ?", (since_us,)
                ).fetchall()
                if serving:
                    raise Conflict(_IN_USE.format(path=path) + f" ({', '.join(row[0] for row in serving)})")
            yield conn
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
