"""A first look at a table of a SQL database, before there is a contract for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Any

import pyarrow as pa
from sqlalchemy import ColumnElement, column, func, inspect, select, table, text
from sqlalchemy.engine import URL

from monitor.contract import SqlSource
from monitor.errors import SourceError
from monitor.sources import cells
from monitor.sources.sql import ROWS, Sql


@dataclass(frozen=True, slots=True)
class Look:
    """A first look at a table: rows with all columns, their number, the primary key if it is one column."""

    table: pa.Table
    rows: int
    key: str | None


def look(url: URL, name: str, newest_by: str | None = None) -> Look:
    """The first rows of a table, or with `newest_by` the oldest and the newest by that column.

    Raises SourceError for a table that is not there, and names those that are.
    """
    # Not validated: a contract may hold no password, and what refuses one would show it.
    source = SqlSource.model_construct(
        url=url.render_as_string(hide_password=False), table=name or "-", id="-", time="-"
    )
    sql = Sql(source, Path.cwd(), UTC, {})
    with sql.connect() as connection:
        known = inspect(connection)
        schema, _, bare = name.rpartition(".")
        names = [*known.get_table_names(schema or None), *known.get_view_names(schema or None)]
        if bare not in names:
            raise SourceError(
                f"name a table: {url.set(query={}).render_as_string()}#TABLE; "
                f"there are {', '.join(names) or 'none'}"
            )
        origin = table(bare, schema=schema or None)
        every = select(text("*")).select_from(origin)
        if newest_by is None:
            found = connection.execute(every.limit(ROWS))
            rows = [dict(row) for row in found.mappings()]
        else:
            by: ColumnElement[Any] = column(newest_by)
            there = every.where(by.is_not(None))
            ends = (there.order_by(by).limit(1), there.order_by(by.desc()).limit(1))
            rows = [dict(row) for end in ends for row in connection.execute(end).mappings()]
        total = connection.execute(select(func.count()).select_from(origin)).scalar_one()
        key = known.get_pk_constraint(bare, schema or None)["constrained_columns"]
    columns = {
        column_name: cells.column([row[column_name] for row in rows], "key")[0]
        for column_name in (rows or [{}])[0]
    }
    return Look(pa.table(columns), int(total), key[0] if len(key) == 1 else None)
