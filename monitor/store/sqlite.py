"""SQLite's side of `engine`: how a connection is opened, and how a transaction begins.

A transaction begins on the driver's connection itself. A listener for SQLAlchemy's event `begin` could do the same; but
once an engine has one, it looks for listeners at every statement, and the beginning is one statement more. A model's
window, some sixty statements in a dozen transactions, takes a tenth less time without.
"""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import suppress
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL

BUSY_TIMEOUT_SECONDS = 10.0
_LOOK_SECONDS = 0.001  # between two looks whether another writer is done
_SOON_SECONDS = 0.0001  # the same for what is to come before the others
_LONG_SECONDS = 0.2  # after so long there are fewer looks
_IN_TURN = "BEGIN IMMEDIATE"

# auto_vacuum can only be chosen while the file is empty, and WAL writes its first page: the order matters.
WRITER_PRAGMAS = (
    "PRAGMA auto_vacuum = INCREMENTAL",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA journal_size_limit = 67108864",
    "PRAGMA secure_delete = ON",  # what is dropped or erased is overwritten: it held what people wrote
)
READER_PRAGMAS = ("PRAGMA query_only = ON",)


def engine(url: URL, pragmas: tuple[str, ...], pool_size: int) -> Engine:
    """Connections to one file, with these settings; a transaction has not begun before `begin` or `begin_in_turn`."""
    made = create_engine(
        url, pool_size=pool_size, max_overflow=0, connect_args={"timeout": BUSY_TIMEOUT_SECONDS}
    )

    @event.listens_for(made, "do_connect")
    def make(*_: object) -> None:
        _make_private(str(url.database))

    @event.listens_for(made, "connect")
    def prepare(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # or Python begins by itself, late and deferred
        for pragma in pragmas:
            connection.execute(pragma)

    return made


def begin(conn: Connection) -> None:
    """Begin a transaction that sees one state of the store from its first question on."""
    driver: Any = conn.connection.driver_connection
    try:
        driver.execute("BEGIN")
    except sqlite3.Error:
        conn.exec_driver_sql("BEGIN")  # or says what is wrong, as every statement does


def begin_in_turn(conn: Connection, *, soon: bool) -> None:
    """Begin a transaction that may write, when no other writer is at it. `soon`: it looks ten times as often."""
    if not _has_begun(conn.connection.driver_connection, _SOON_SECONDS if soon else _LOOK_SECONDS):
        conn.exec_driver_sql(_IN_TURN)


def _has_begun(driver: Any, look_seconds: float) -> bool:
    """Whether this connection became the writer within the time that is waited for others.

    Most are done after a millisecond. SQLite itself would look again after 1, 2, 5, 10 … 100 ms, and a database that
    several processes write to would stand idle for most of that.
    """
    driver.execute("PRAGMA busy_timeout = 0")
    try:
        began = time.monotonic()
        while (waited := time.monotonic() - began) < BUSY_TIMEOUT_SECONDS:
            try:
                driver.execute(_IN_TURN)
                return True
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    break
            time.sleep(look_seconds if waited < _LONG_SECONDS else 10 * _LOOK_SECONDS)
        return False
    finally:
        driver.execute(f"PRAGMA busy_timeout = {round(BUSY_TIMEOUT_SECONDS * 1000)}")


def _make_private(file: str) -> None:
    """Make a store that is not there readable by its owner alone: it will hold what people wrote, and sessions.

    The log beside it takes its mode from it. What cannot be made is SQLite's to tell.
    """
    if not file.startswith("file:"):
        with suppress(OSError):
            os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
