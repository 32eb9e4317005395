"""Series: a small integer for each named line of measurements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Connection, select

from monitor.store.inserts import insert_on
from monitor.store.tables import series
from monitor.store.types import storable

if TYPE_CHECKING:
    from checks.series import Series


@dataclass(frozen=True, slots=True)
class Stored:
    """A row of `series`: `checks.series.Series` with its key (and without numpy, for the API)."""

    id: int
    metric: str
    column: str
    segment: str
    term: str
    kind: str
    family: str

    @property
    def name(self) -> tuple[str, str, str, str]:
        """What is unique within a model, and the canonical order."""
        return (self.metric, self.column, self.segment, self.term)


def ids(conn: Connection, model_id: int, wanted: Sequence[Series]) -> list[int]:
    """The key of each series, in the order given; new ones get a key, and kind and family follow `wanted`."""
    known = {found.name: found for found in everyone(conn, model_id)}
    changed = []
    for one in wanted:
        old = known.get(_name(one))
        if old is None or (old.kind, old.family) != (one.kind, one.family):
            changed.append(one)
    if changed:
        rows = [
            {
                "model_id": model_id,
                "metric": one.metric,
                "column": one.column,
                "segment": one.segment,
                "term": one.term,
                "kind": one.kind,
                "family": one.family,
            }
            for one in changed
        ]
        statement = insert_on(conn, series)
        conn.execute(
            statement.on_conflict_do_update(
                index_elements=["model_id", "metric", "column", "segment", "term"],
                set_={"kind": statement.excluded.kind, "family": statement.excluded.family},
            ),
            rows,
        )
        known = {found.name: found for found in everyone(conn, model_id)}
    return [known[_name(one)].id for one in wanted]


def everyone(conn: Connection, model_id: int) -> list[Stored]:
    """Every series of a model in canonical order: by metric, column, segment, term, as code points."""
    columns = [series.c[name] for name in Stored.__slots__]
    rows = conn.execute(select(*columns).where(series.c.model_id == model_id))
    # Sorted here: a PostgreSQL with a language's collation would order otherwise than SQLite.
    return sorted((Stored(**row._mapping) for row in rows), key=lambda found: found.name)


def _name(one: Series) -> tuple[str, str, str, str]:
    return (storable(one.metric), storable(one.column), storable(one.segment), storable(one.term))
