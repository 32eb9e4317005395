"""Inserting on both databases: `ON CONFLICT`, and many rows at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError, OperationalError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_SQLITE_BATCH = 10_000


def insert_on(database: Connection | str, table: Table) -> postgresql.Insert | sqlite.Insert:
    """The database's own INSERT, with `.on_conflict_do_nothing()` and `.on_conflict_do_update()`; the database by a
    connection or by the name of its dialect.
    """
    if (database if isinstance(database, str) else database.dialect.name) == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)


def bulk_insert(
    conn: Connection, table: Table, columns: Sequence[str], rows: Iterable[tuple[Any, ...]]
) -> None:
    """Insert rows of plain Python values by the fastest way there is: COPY, or executemany in batches.

    `rows` are tuples in the order of `columns`, of int, float, str, bytes and None: no numpy scalars, no NaN
    (use None), and strings that went through `types.storable`, because the column types are bypassed here.
    A row that exists already is an IntegrityError: delete first where rows are to be replaced.
    """
    # The names come from tables.py, never from input; "column" is a reserved word, hence the quotes.
    names = ", ".join(f'"{table.c[name].name}"' for name in columns)
    if conn.dialect.name == "postgresql":
        _copy(conn, f'COPY "{table.name}" ({names}) FROM STDIN', rows)
        return
    marks = ", ".join("?" * len(columns))
    source = iter(rows)
    while batch := list(islice(source, _SQLITE_BATCH)):
        conn.exec_driver_sql(f'INSERT INTO "{table.name}" ({names}) VALUES ({marks})', batch)


def bulk_replace(
    conn: Connection,
    table: Table,
    columns: Sequence[str],
    key: Sequence[str],
    rows: Sequence[tuple[Any, ...]],
) -> None:
    """As `bulk_insert`, but a row with the same key takes the place of the one there is.

    `key` are the columns of the primary key, and the first of `columns`.
    """
    if not rows:
        return
    names = ", ".join(f'"{table.c[name].name}"' for name in columns)
    if conn.dialect.name == "postgresql":
        wide = list(zip(*(row[: len(key)] for row in rows), strict=True))
        same = " AND ".join(f't."{name}" = k.{name}' for name in key)
        given = ", ".join(["%s::bigint[]"] * len(key))
        conn.exec_driver_sql(
            f'DELETE FROM "{table.name}" t USING unnest({given}) AS k({", ".join(key)}) WHERE {same}',
            tuple(list(values) for values in wide),
        )
        _copy(conn, f'COPY "{table.name}" ({names}) FROM STDIN', rows)
        return
    marks = ", ".join("?" * len(columns))
    statement = f'INSERT OR REPLACE INTO "{table.name}" ({names}) VALUES ({marks})'
    for first in range(0, len(rows), _SQLITE_BATCH):
        conn.exec_driver_sql(statement, list(rows[first : first + _SQLITE_BATCH]))


def nullable(values: npt.NDArray[np.float64]) -> list[float | None]:
    """The array, flat, with None for NaN and 0.0 for -0.0, whose sign SQLite loses and PostgreSQL keeps."""
    import numpy as np

    flat = np.ravel(np.asarray(values, dtype=np.float64)) + 0.0
    cells: list[float | None] = flat.tolist()
    for index in np.flatnonzero(np.isnan(flat)).tolist():
        cells[index] = None
    return cells


def _copy(conn: Connection, statement: str, rows: Iterable[tuple[Any, ...]]) -> None:
    import psycopg

    driver: Any = conn.connection.driver_connection
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
    # COPY goes around SQLAlchemy: its errors are dressed as SQLAlchemy's, so that callers see one kind.
    except psycopg.IntegrityError as error:
        raise IntegrityError(statement, None, error) from error
    except psycopg.OperationalError as error:
        raise OperationalError(statement, None, error) from error
