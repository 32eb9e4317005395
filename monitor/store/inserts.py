"""Inserting on both databases: `ON CONFLICT`, and many rows at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

_SQLITE_BATCH = 10_000


def insert_on(conn: Connection, table: Table) -> postgresql.Insert | sqlite.Insert:
    """The database's own INSERT, which has `.on_conflict_do_nothing(...)`, `.on_conflict_do_update(...)`, `.excluded`."""
    if conn.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)


def bulk_insert(
    conn: Connection, table: Table, columns: Sequence[str], rows: Iterable[tuple[Any, ...]]
) -> None:
    """Insert rows of plain Python values by the fastest way there is: COPY, or executemany in batches.

    `rows` are tuples in the order of `columns`, of int, float, str, bytes and None: no numpy scalars, no NaN (use
    None), and strings that went through `types.storable`, because the column types are bypassed here.
    A row that exists already is an error: delete first where rows are to be replaced.
    """
    # The names come from tables.py, never from input; "column" is a reserved word, hence the quotes.
    names = ", ".join(f'"{table.c[name].name}"' for name in columns)
    if conn.dialect.name == "postgresql":
        driver: Any = conn.connection.driver_connection
        with driver.cursor() as cursor, cursor.copy(f'COPY "{table.name}" ({names}) FROM STDIN') as copy:
            for row in rows:
                copy.write_row(row)
        return
    marks = ", ".join("?" * len(columns))
    source = iter(rows)
    while batch := list(islice(source, _SQLITE_BATCH)):
        conn.exec_driver_sql(f'INSERT INTO "{table.name}" ({names}) VALUES ({marks})', batch)
