"""One door to the store: short transactions on SQLite or PostgreSQL that behave alike.

                 SQLite                                          PostgreSQL
    write()      BEGIN IMMEDIATE: waits for its turn up to 10 s  READ COMMITTED
    read()       BEGIN on a connection that cannot write         REPEATABLE READ, READ ONLY
    durability   WAL, synchronous=FULL                           as the server is set

A deferred SQLite transaction that reads first and writes later fails when another writer came between,
however long it is willing to wait: hence the two engines. One transaction reads one state of the store.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import Connection, Engine, create_engine, event, inspect
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from monitor.errors import StoreUnavailable, UsageError
from monitor.store import sqlite

if TYPE_CHECKING:
    from alembic.config import Config

POOL_SIZE = 5
# PostgreSQL ends the transaction of a process that stands still, so that what it locked waits no longer than this.
# None of ours thinks nearly so long between two statements: a fit reads first, and computes after its transaction.
IDLE_SECONDS = 300

# Primary result codes of SQLite that blame the file (away, busy, full, broken) and not the statement.
_SQLITE_AWAY = {
    3: "no permission",
    5: "another process kept writing",
    6: "another connection kept a lock",
    8: "the file is read-only",
    10: "input/output error",
    11: "the file is damaged",
    13: "the disk is full",
    14: "the file cannot be opened: does its folder exist, and may this user write there?",
    26: "the file is not an SQLite database",
}
# One number for all replicas: whoever migrates holds this PostgreSQL advisory lock.
_MIGRATION_LOCK = 0x6472696674


class Store:
    """The store behind one database URL; creating it connects to nothing.

    A file that is not there is made at the first connection, for its owner alone (0600).

    `url` is `sqlite:///file.db` (relative to the working folder), `sqlite:////absolute/file.db` or
    `postgresql://user:password@host/name`. `.shown` is the URL without its password.
    Raises UsageError for other databases, and for SQLite in memory, which only one connection could see.
    """

    def __init__(self, url: str) -> None:
        parsed = _parse(url)
        self._joined = _Joined()
        self.shown = parsed.set(drivername=parsed.get_backend_name()).render_as_string(hide_password=True)
        self._url = parsed
        self.dialect: Literal["sqlite", "postgresql"]
        if parsed.get_backend_name() == "sqlite":
            self.dialect = "sqlite"
            self._writer = sqlite.engine(parsed, sqlite.WRITER_PRAGMAS, POOL_SIZE)
            self._reader = sqlite.engine(parsed, sqlite.READER_PRAGMAS, POOL_SIZE)
        else:
            self.dialect = "postgresql"
            self._writer = _postgresql_engine(parsed)
            # A view on the same pool: two pools would double the connections of every replica.
            self._reader = self._writer.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )

    @property
    def address(self) -> str:
        """The URL with its password: for a child process, never for a log."""
        backend = self._url.set(drivername=self._url.get_backend_name())
        return backend.render_as_string(hide_password=False)

    @contextmanager
    def write(self, *, soon: bool = False) -> Iterator[Connection]:
        """A transaction that may write; commits at the end of the block, rolls back on any exception.

        `soon`: most often before the others who wait for SQLite's one writer; for what is short, and what a kill in
        the meantime would have done again.
        Raises StoreUnavailable when the database is away, busy for too long or full; UsageError when its
        tables are missing or older than this code.
        """
        self._joined.end()
        with self._translated(), self._writer.begin() as conn:
            if self.dialect == "sqlite":
                sqlite.begin_in_turn(conn, soon=soon)
            yield conn

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one state of the store and cannot write; errors as in `write`."""
        if self._joined.stack is None:
            with self._translated(), self._reading() as conn:
                yield conn
            return
        try:
            with self._translated():
                yield self._joined.connection(self._reading)
        except BaseException:
            self._joined.end()  # PostgreSQL would refuse every later question in it
            raise

    @contextmanager
    def one_state(self) -> Iterator[None]:
        """Let every `read` of this thread in the block see one state of the store, in one transaction.

        A `write` in it ends that transaction, and what is read afterwards sees what was written. For work that asks
        much and waits for nobody: as long as a reader stays, SQLite cannot fold its log.
        """
        if self._joined.stack is not None:
            yield
            return
        with ExitStack() as stack:
            self._joined.stack = stack
            try:
                yield
            finally:
                self._joined.stack = self._joined.conn = None

    def close(self) -> None:
        """Give all connections back."""
        self._writer.dispose()
        self._reader.dispose()

    def upgrade(self, revision: str = "head") -> None:
        """Bring the tables to a revision, in one transaction; processes that start together take turns.

        Raises UsageError for a revision that this code does not have, named or found in the tables.
        """
        from alembic import command

        with self._migrating() as config:
            command.upgrade(config, revision)

    def downgrade(self, revision: str) -> None:
        """Take the tables back to a revision ("base": none are left), in one transaction."""
        from alembic import command

        with self._migrating() as config:
            command.downgrade(config, revision)

    def current(self) -> str | None:
        """The revision of the tables, None for an empty database."""
        # Alembic's own question is a new statement each time, and every probe asks: SQLAlchemy would keep hundreds.
        with self.read() as conn:
            if not inspect(conn).has_table("alembic_version"):
                return None
            found = conn.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one_or_none()
        return None if found is None else str(found)

    def head(self) -> str:
        """The revision this code was written for."""
        return _head()

    def knows(self, revision: str | None) -> bool:
        """Whether this code can bring tables of this revision up to date."""
        from alembic.script import ScriptDirectory
        from alembic.util import CommandError

        try:
            return (
                revision is not None
                and ScriptDirectory.from_config(_config()).get_revision(revision) is not None
            )
        except CommandError:
            return False

    def reclaim(self, pages: int = 1000) -> None:
        """Give up to `pages` free pages of an SQLite file back to the disk; PostgreSQL does so by itself."""
        if self.dialect == "sqlite":
            with self.write() as conn:
                driver: Any = conn.connection.driver_connection
                # Each step frees one page; of all calls only executescript takes more than one step.
                driver.executescript(f"PRAGMA incremental_vacuum({int(pages)})")

    def free_pages(self) -> int:
        """How many pages of an SQLite file hold nothing; 0 on PostgreSQL."""
        if self.dialect != "sqlite":
            return 0
        with self.read() as conn:
            return int(conn.exec_driver_sql("PRAGMA freelist_count").scalar_one())

    def fold_log(self) -> bool:
        """Fold SQLite's write-ahead log into its file and empty it; False while a reader keeps it from that.

        Old pages stand in the log until then. PostgreSQL does so by itself.
        """
        if self.dialect != "sqlite":
            return True
        with self.write() as conn:
            driver: Any = conn.connection.driver_connection
            driver.commit()  # a checkpoint is not possible inside a transaction
            busy: int = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            return not busy

    @property
    def file(self) -> str | None:
        """The path of an SQLite file, None for PostgreSQL."""
        return self._url.database if self.dialect == "sqlite" else None

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with self._reader.begin() as conn:
            if self.dialect == "sqlite":
                sqlite.begin(conn)
            yield conn

    @contextmanager
    def _migrating(self) -> Iterator[Config]:
        from alembic.util import CommandError

        with self.write() as conn:
            if self.dialect == "postgresql":
                conn.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})")
            config = _config()
            config.attributes["connection"] = conn
            try:
                yield config
            except CommandError as error:
                # A misspelt revision, or tables that a newer version of this code has made.
                raise UsageError(
                    f"{self.shown}: {error}; this code knows revisions up to {self.head()}"
                ) from error

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except PoolTimeout as error:
            raise StoreUnavailable(
                f"{self.shown}: all {POOL_SIZE} connections stayed in use; try again, or do less at once"
            ) from error
        except DBAPIError as error:
            reason = _tables_missing(error)
            if reason is not None:
                raise UsageError(f"{self.shown}: {reason}: run `driftglass db upgrade` first") from error
            reason = _away(error)
            if reason is not None:
                raise StoreUnavailable(f"{self.shown}: {reason}") from error
            raise


class _Joined(threading.local):
    """The transaction that the `read`s of this thread share in `one_state`."""

    stack: ExitStack | None = None
    conn: Connection | None = None

    def connection(self, reading: Callable[[], AbstractContextManager[Connection]]) -> Connection:
        if self.conn is None:
            assert self.stack is not None
            self.conn = self.stack.enter_context(reading())
        return self.conn

    def end(self) -> None:
        if self.conn is not None:
            assert self.stack is not None
            self.conn = None
            self.stack.close()


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        # The text may hold a password: it is not repeated.
        raise UsageError(
            "the database URL cannot be read: use sqlite:///driftglass.db or postgresql://user:password@host/name"
        ) from error
    backend = parsed.get_backend_name()
    if backend == "sqlite":
        if parsed.database in (None, "", ":memory:"):
            raise UsageError(
                "SQLite in memory is private to one connection: give a file, as in sqlite:///driftglass.db"
            )
        return parsed.set(drivername="sqlite+pysqlite")
    if backend in ("postgresql", "postgres"):
        return parsed.set(drivername="postgresql+psycopg")
    raise UsageError(f"a database of kind {backend!r} is not supported: use sqlite or postgresql")


def _postgresql_engine(url: URL) -> Engine:
    engine = create_engine(
        url,
        pool_size=POOL_SIZE,
        max_overflow=0,
        pool_pre_ping=True,  # after a restart of the server the pool holds dead connections
        connect_args={"connect_timeout": 5, "application_name": "driftglass"},
    )

    # Not by the `options` of a connection: a pooler between us and the server refuses those.
    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        connection.execute(f"SET idle_in_transaction_session_timeout = '{IDLE_SECONDS}s'")
        connection.commit()

    return engine


@cache  # the migrations of a running process do not change, and probes ask often
def _head() -> str:
    from alembic.script import ScriptDirectory

    revision = ScriptDirectory.from_config(_config()).get_current_head()
    assert revision is not None
    return revision


def _config() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "migrations:")
    config.set_main_option("path_separator", "os")
    return config


def _tables_missing(error: DBAPIError) -> str | None:
    state = getattr(error.orig, "sqlstate", None)
    text = str(error.orig)
    if state in ("42P01", "42703") or text.startswith(("no such table", "no such column", "table ")):
        return text.splitlines()[0]
    return None


def _away(error: DBAPIError) -> str | None:
    """Why the database could not serve, or None if the statement itself was wrong."""
    code = getattr(error.orig, "sqlite_errorcode", None)
    if code is not None:
        reason = _SQLITE_AWAY.get(code & 0xFF)  # extended codes keep the primary one in the low byte
        return None if reason is None else f"{reason} ({error.orig}); try again once that is cured"
    state = getattr(error.orig, "sqlstate", None)
    if state == "25P03":
        return (
            f"this process stood still for over {IDLE_SECONDS} s in a transaction, which was ended; try again"
        )
    if state == "25006":  # a standby, or a server that was told so
        return f"the database is read-only ({error.orig}); try again once that is cured"
    if not isinstance(error, OperationalError | InterfaceError):
        return None
    first = str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else type(error.orig).__name__
    return f"no answer ({first}); check that PostgreSQL runs and that the URL is right, then try again"
