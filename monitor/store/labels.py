"""Labels: what turned out to be true of records, and how far the source of labels has been read."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Connection, case, func, select

from monitor.store.canonical import json_text
from monitor.store.inserts import insert_on
from monitor.store.tables import label_cursors, labels, samples

T = TypeVar("T")

# Bound parameters of one statement: both databases take more, but a plan over more is slow to make.
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Label:
    """`label` is what was said of a record, `labelled_us` when: 0 where nobody says."""

    event_id: str
    label: str
    labelled_us: int


def add(conn: Connection, model_id: int, rows: Sequence[Label], now_us: int) -> None:
    """Keep labels; one of the same record and time is there already, and is replaced."""
    for some in _batches(rows):
        # One statement cannot replace a row twice: the last of equal keys counts.
        distinct = {(row.event_id, row.labelled_us): row for row in some}
        statement = insert_on(conn, labels).values(
            [
                {
                    "model_id": model_id,
                    "event_id": row.event_id,
                    "labelled_us": row.labelled_us,
                    "label": row.label,
                    "seen_us": now_us,
                }
                for row in distinct.values()
            ]
        )
        conn.execute(
            statement.on_conflict_do_update(
                index_elements=["model_id", "event_id", "labelled_us"],
                set_={"label": statement.excluded.label},
            )
        )


def known(conn: Connection, model_id: int, rows: Sequence[Label]) -> dict[tuple[str, int], str]:
    """What is kept already for the records and times of `rows`: (event id, time) → label."""
    found: dict[tuple[str, int], str] = {}
    for some in _batches({row.event_id for row in rows}):
        query = select(labels.c.event_id, labels.c.labelled_us, labels.c.label).where(
            labels.c.model_id == model_id, labels.c.event_id.in_(some)
        )
        found.update({(row.event_id, row.labelled_us): row.label for row in conn.execute(query)})
    return found


def of_events(conn: Connection, model_id: int, event_ids: Collection[str], until_us: int) -> dict[str, Label]:
    """The newest label, of those until `until_us`, of each of these records that has one."""
    found: dict[str, Label] = {}
    for some in _batches(event_ids):
        query = (
            select(labels.c.event_id, labels.c.label, labels.c.labelled_us)
            .where(
                labels.c.model_id == model_id,
                labels.c.event_id.in_(some),
                labels.c.labelled_us <= until_us,
            )
            .order_by(labels.c.labelled_us)
        )
        found.update({row.event_id: Label(*row) for row in conn.execute(query)})
    return found


def count(conn: Connection, model_id: int) -> int:
    """How many labels of a model are kept."""
    return conn.execute(
        select(func.count()).select_from(labels).where(labels.c.model_id == model_id)
    ).scalar_one()


def kept_and_labelled(conn: Connection, model_id: int, from_us: int, to_us: int) -> tuple[int, int]:
    """How many records of the windows in [from_us, to_us) are kept, and how many of them have any label."""
    labelled = (
        select(labels.c.event_id)
        .where(labels.c.model_id == model_id, labels.c.event_id == samples.c.event_id)
        .exists()
    )
    query = select(func.count(), func.count(case((labelled, 1)))).where(
        samples.c.model_id == model_id,
        samples.c.window_start_us >= from_us,
        samples.c.window_start_us < to_us,
    )
    kept, known = conn.execute(query).one()
    return int(kept), int(known)


def position(conn: Connection, model_id: int) -> dict[str, Any]:
    """How far the source of labels has been read; empty before the first time."""
    query = select(label_cursors.c.position).where(label_cursors.c.model_id == model_id)
    body = conn.execute(query).scalar_one_or_none()
    return {} if body is None else dict(json.loads(body))


def set_position(conn: Connection, model_id: int, body: Mapping[str, Any], now_us: int) -> None:
    """Write down how far it has been read; belongs into the transaction that keeps what was read."""
    row = {"model_id": model_id, "position": json_text(body), "updated_us": now_us}
    statement = insert_on(conn, label_cursors).values(row)
    conn.execute(
        statement.on_conflict_do_update(
            index_elements=["model_id"],
            set_={"position": statement.excluded.position, "updated_us": statement.excluded.updated_us},
        )
    )


def _batches(rows: Iterable[T]) -> Iterator[list[T]]:
    source = iter(rows)
    while some := list(islice(source, _AT_ONCE)):
        yield some
