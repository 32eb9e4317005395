"""A table or a query of a SQL database as a source, read forward by (ingested or event time, id).

Only keyset pages are asked for, in read-only transactions: memory is flat and no cursor stays open on the
server. Rows without an event time never pass a keyset on it; they are read by id beside it, so that they are
counted too.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pyarrow as pa
from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    FromClause,
    Select,
    and_,
    column,
    create_engine,
    event,
    false,
    func,
    literal,
    or_,
    select,
    table,
    text,
)
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.pool import NullPool

from monitor.contract import SqlSource, resolve_secret
from monitor.errors import DependencyUnavailable, SourceError
from monitor.sources import PAGE_ROWS, Known, Page, Reject, cells
from monitor.sources.moments import unit_us

# Rows per question: the rows of a page stand in memory as Python values, at some hundred bytes a cell.
ROWS = min(PAGE_ROWS, 16_384)
SHOWN = 100  # so many cells of another type are shown per column and page; all of them are counted
_Row = Mapping[str, Any]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class TooSlow(DependencyUnavailable):
    """A question that was given a limit of time took longer."""


class Sql:
    """The table or query of a source, with the columns `wanted` (see `wanted_columns`).

    `zone` is that of times without one; a relative path of an SQLite file starts at `base_path`.
    """

    def __init__(self, source: SqlSource, base_path: Path, zone: tzinfo, wanted: Mapping[str, str]) -> None:
        self.source = source
        self.zone = zone
        self.base_path = base_path
        self.wanted = wanted
        self.name = self.source.table or "query"
        self.key = self.source.ingested or self.source.time

    def read(self, position: dict[str, Any] | None, known: Collection[Known]) -> Iterator[Page]:
        """Pages after `position`; each says where it ends.

        A position is {"after": [key, id] or None, "timeless": the last id read of the rows without a key, or
        None}.
        """
        place = dict(position or {"after": None, "timeless": None})
        with self.connect() as connection:
            rows = _Rows(connection, self)
            yield from self._timeless(rows, place)
            while True:
                after = place["after"]
                found = rows.page(_beyond(rows, self.key, self.source.id, after), (self.key, self.source.id))
                if not found:
                    return
                last = found[-1]
                place = {**place, "after": [_plain(last[self.key]), _plain(last[self.source.id])]}
                # A page is named by where it starts: read again after a crash it has the same name.
                yield self._page(rows, found, f"after={after}", dict(place))
                if len(found) < ROWS:
                    return

    def reread(self, start_us: int, end_us: int) -> Iterator[Page]:
        """Pages of all rows with an event time in [start_us, end_us); they carry no position."""
        with self.connect() as connection:
            rows = _Rows(connection, self)
            span = rows.span(start_us, end_us)
            if span is None:
                return
            after: list[Any] | None = None
            while True:
                where = and_(span, _beyond(rows, self.source.time, self.source.id, after))
                found = rows.page(where, (self.source.time, self.source.id))
                if found:
                    # Named by its rows: a window that is read again for other rows is another piece.
                    rows_hash = blake2b(repr([row[self.source.id] for row in found]).encode(), digest_size=8)
                    yield self._page(rows, found, f"again={start_us}-{end_us},{rows_hash.hexdigest()}", None)
                if len(found) < ROWS:
                    return
                after = [_plain(found[-1][self.source.time]), _plain(found[-1][self.source.id])]

    def count(self, start_us: int, end_us: int) -> int | None:
        """Rows with an event time in [start_us, end_us); None if the time is text that does not sort so."""
        with self.connect() as connection:
            rows = _Rows(connection, self)
            span = rows.span(start_us, end_us)
            if span is None:
                return None
            return int(
                connection.execute(select(func.count()).select_from(rows.origin).where(span)).scalar_one()
            )

    def glance(self, limit: int, seconds: float) -> Glance:
        """All columns there are, and up to `limit` rows in the order in which they come; asks for `seconds` at most.

        Raises SourceError where there is no such table, DependencyUnavailable where the database does not answer.
        """
        with self.connect(seconds) as connection:
            rows = _Rows(connection, self, whole=False)
            found = rows.some(limit)
            return Glance(tuple(rows.names), self._page(rows, found, "glance", None), len(found) < limit)

    def holds(self, start_us: int, end_us: int, seconds: float) -> bool | None:
        """Whether any row has an event time in [start_us, end_us); None where that cannot be asked in `seconds`."""
        try:
            with self.connect(seconds) as connection:
                rows = _Rows(connection, self)
                span = rows.span(start_us, end_us)
                if span is None:
                    return None
                one = select(literal(1)).select_from(rows.origin).where(span).limit(1)
                return connection.execute(one).scalar_one_or_none() is not None
        except TooSlow:
            return None

    def _timeless(self, rows: _Rows, place: dict[str, Any]) -> Iterator[Page]:
        """Pages of the rows whose key is null; `place` moves along."""
        while True:
            after = place["timeless"]
            timeless = rows.column(self.key).is_(None)
            where = timeless if after is None else and_(timeless, rows.column(self.source.id) > _bound(after))
            found = rows.page(where, (self.source.id,))
            if not found:
                return
            place["timeless"] = _plain(found[-1][self.source.id])
            yield self._page(rows, found, f"timeless={after}", dict(place))
            if len(found) < ROWS:
                return

    def _page(
        self, rows: _Rows, found: Sequence[Mapping[str, Any]], where: str, position: dict[str, Any] | None
    ) -> Page:
        piece = f"{self.name}?{where}"
        columns, wrong, rejects = {}, {}, []
        for name in rows.names:
            kind = self.wanted.get(name)
            if kind is None:
                continue
            values = [row[name] for row in found]
            columns[name], indices = cells.column(values, kind)
            if len(indices):
                wrong[name] = indices
                rejects += [
                    _wrong_type(piece, name, kind, int(index), values[index]) for index in indices[:SHOWN]
                ]
        return Page(
            piece=piece,
            origin=self.name,
            table=pa.table(columns),
            rows=np.arange(1, len(found) + 1),
            rejects=tuple(rejects),
            wrong=wrong,
            position=position,
        )

    @contextmanager
    def connect(self, seconds: float | None = None) -> Iterator[Connection]:
        """A read-only connection; what goes wrong in it is a SourceError, or DependencyUnavailable.

        With `seconds` what has not been answered by then is given up, as TooSlow.
        """
        engine = self._engine(None if seconds is None else time.monotonic() + seconds)
        try:
            with engine.connect() as connection:
                if engine.dialect.name == "postgresql":
                    connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
                    if seconds is not None:
                        connection.execute(
                            text(f"SET LOCAL statement_timeout = {max(1, int(seconds * 1000))}")
                        )
                yield connection
        except DBAPIError as error:
            if type(error.orig).__name__ == "QueryCanceled" or str(error.orig) == "interrupted":
                raise TooSlow(
                    f"source {self.name}: did not answer within {seconds:g} s; an index on {self.key} may help"
                ) from error
            reason = (
                str(error.orig).strip().splitlines()[0]
                if str(error.orig).strip()
                else type(error.orig).__name__
            )
            if error.connection_invalidated or _is_away(error):
                raise DependencyUnavailable(f"source {self.name}: {reason}") from error
            raise SourceError(
                f"source {self.name}: {reason}; check the table or query of the contract"
            ) from error
        finally:
            engine.dispose()

    def _engine(self, until: float | None = None) -> Engine:
        url = self._url()
        # A server that is not there is not waited for without end, where there is a limit.
        patience = {"connect_timeout": 10} if until is not None and url.get_backend_name() != "sqlite" else {}
        try:
            engine = create_engine(url, poolclass=NullPool, connect_args=patience)
        except (ArgumentError, NoSuchModuleError, ImportError) as error:
            raise SourceError(
                f"source {self.name}: {type(error).__name__}; use a sqlite or postgresql URL"
            ) from error
        if engine.dialect.name == "sqlite":
            if url.database and url.database != ":memory:" and not Path(url.database).exists():
                raise DependencyUnavailable(f"source {self.name}: there is no database {url.database}")
            event.listen(engine, "connect", _tame_sqlite)
            if until is not None:
                event.listen(engine, "connect", partial(_end_sqlite, until))
        return engine

    def _url(self) -> URL:
        try:
            url = make_url(resolve_secret(self.source.url, self.base_path))
        except ArgumentError as error:
            raise SourceError(f"source {self.name}: {self.source.url} is not a database URL") from error
        if url.drivername == "postgresql":
            url = url.set(drivername="postgresql+psycopg")
        if url.get_backend_name() == "sqlite" and url.database and url.database != ":memory:":
            url = url.set(database=str(self.base_path / url.database))
        return url


class _Rows:
    """The rows of a source in one connection: their names, and pages of them.

    Raises SourceError where the id, the time or the key is not among the names, unless it need not be `whole`.
    """

    def __init__(self, connection: Connection, sql: Sql, *, whole: bool = True) -> None:
        self.connection = connection
        self.sql = sql
        self.origin = self._origin()
        probe = connection.execute(select(text("*")).select_from(self.origin).limit(0))
        self.names = list(probe.keys())
        for name in (sql.source.id, sql.source.time, sql.key):
            if whole and name not in self.names:
                raise SourceError(
                    f"source {sql.name}: there is no column {name}; there are {', '.join(self.names)}"
                )

    def _origin(self) -> FromClause:
        source = self.sql.source
        if source.query is not None:
            return text(source.query.rstrip().rstrip(";")).columns().subquery("records")
        schema, _, name = (source.table or "").rpartition(".")
        return table(name, schema=schema or None)

    def column(self, name: str) -> ColumnElement[Any]:
        return column(name)

    def some(self, limit: int) -> list[_Row]:
        """Up to `limit` rows, as the database has them at hand."""
        kept: list[ColumnElement[Any]] = []
        kept += [column(name) for name in self.names if name in self.sql.wanted]
        kept = kept or [literal(1)]
        query: Select[*tuple[Any, ...]] = select(*kept).select_from(self.origin).limit(limit)
        return [dict(row) for row in self.connection.execute(query).mappings()]

    def page(self, where: ColumnElement[bool], order: Sequence[str]) -> list[_Row]:
        kept = [name for name in self.names if name in self.sql.wanted or name == self.sql.key]
        query: Select[*tuple[Any, ...]] = (
            select(*(column(name) for name in kept))
            .select_from(self.origin)
            .where(where)
            .order_by(*(column(name).nulls_first() for name in order))
            .limit(ROWS)
        )
        return [dict(row) for row in self.connection.execute(query).mappings()]

    def span(self, start_us: int, end_us: int) -> ColumnElement[bool] | None:
        """The condition that the event time lies in a span, in the database's own way of writing times."""
        time: ColumnElement[Any] = column(self.sql.source.time)
        some = self.connection.execute(
            select(time).select_from(self.origin).where(time.is_not(None)).limit(1)
        ).scalar_one_or_none()
        if some is None:
            return false()
        low, high = self._written(start_us, some), self._written(end_us, some)
        return None if low is None or high is None else and_(time >= low, time < high)

    def _written(self, us: int, example: Any) -> Any:
        moment = _EPOCH + timedelta(microseconds=us)
        if isinstance(example, datetime):
            return (
                moment
                if example.tzinfo is not None
                else moment.astimezone(self.sql.zone).replace(tzinfo=None)
            )
        if isinstance(example, int | float | Decimal):
            return us / unit_us(float(example))
        if isinstance(example, str):
            return _sortable(moment, example, self.sql.zone)
        return None


@dataclass(frozen=True, slots=True)
class Glance:
    """The names of all columns, a page of some rows without a position, and whether these are all there are."""

    names: tuple[str, ...]
    page: Page
    whole: bool


def _beyond(rows: _Rows, key: str, identity: str, after: Sequence[Any] | None) -> ColumnElement[bool]:
    first, second = rows.column(key), rows.column(identity)
    if after is None:
        return first.is_not(None)
    at, last = _bound(after[0]), _bound(after[1])
    return or_(first > at, and_(first == at, second > last))


def _sortable(moment: datetime, example: str, zone: tzinfo) -> str | None:
    """A moment written like `example`, if such words sort as times do: 2026-08-01 06:00:00[.ffffff][Z]."""
    if len(example) < 19 or example[10] not in " T":
        return None
    tail = example[19:]
    digits = tail.rstrip("Z")
    if tail.endswith("Z"):
        moment = moment.astimezone(UTC)
    elif digits == tail:
        moment = moment.astimezone(zone)
    if digits and not (digits[0] == "." and digits[1:].isdigit()):
        return None
    # Whole seconds are enough: windows start on them, and a fraction sorts after the bare second.
    return moment.strftime(f"%Y-%m-%d{example[10]}%H:%M:%S")


def _plain(value: Any) -> Any:
    """A value of a position as JSON has it."""
    if isinstance(value, datetime | date):
        return {"time": value.isoformat()}
    if isinstance(value, Decimal):
        return {"decimal": str(value)}
    if isinstance(value, UUID):
        return {"uuid": str(value)}
    return value if isinstance(value, str | int | float | None) else str(value)


def _bound(value: Any) -> Any:
    if isinstance(value, dict) and "time" in value:
        return datetime.fromisoformat(value["time"])
    if isinstance(value, dict) and "decimal" in value:
        return Decimal(value["decimal"])
    if isinstance(value, dict) and "uuid" in value:
        return UUID(value["uuid"])
    return value


def _tame_sqlite(connection: Any, record: object) -> None:
    # Text that is no UTF-8 would end the reading: its bytes are kept as escapes and become bytes again in
    # `cells`.
    connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
    connection.execute("PRAGMA query_only = ON")


def _end_sqlite(until: float, connection: Any, record: object) -> None:
    """Let SQLite ask every ten thousand steps whether it is past the time."""
    connection.set_progress_handler(lambda: time.monotonic() > until, 10_000)


def _is_away(error: DBAPIError) -> bool:
    name = type(error.orig).__name__
    return name in ("ConnectionTimeout", "ConnectionFailure", "AdminShutdown") or (
        name == "OperationalError" and "no such" not in str(error.orig) and "syntax" not in str(error.orig)
    )


def _wrong_type(piece: str, name: str, kind: str, index: int, value: Any) -> Reject:
    detail = f"expected {kind}, found {type(value).__name__}"
    return Reject(
        piece,
        f"row {index + 1}",
        "wrong_type",
        name,
        detail,
        True,
        repr(value)[:2_048].encode("utf-8", "replace"),
    )
