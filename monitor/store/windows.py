"""Windows: the spans of event time of a model, how many records each holds, and how far its judgement is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from sqlalchemy import BindParameter, Connection, Insert, Select, Update, bindparam, func, select, update

from monitor.errors import NotFound
from monitor.store.inserts import insert_on
from monitor.store.tables import windows

State = Literal["open", "measured", "judged", "reference", "error", "skipped"]


@dataclass(frozen=True, slots=True)
class Window:
    """A row of `windows`: [start_us, end_us), with the counts of all parts read so far, and why it was `skipped`."""

    model_id: int
    start_us: int
    end_us: int
    revision: int
    state: State
    records: int
    duplicates: int
    quarantined: int
    source_count: int | None
    measured_us: int | None
    judged_us: int | None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """What one reading adds to a window."""

    start_us: int
    end_us: int
    records: int = 0
    duplicates: int = 0
    quarantined: int = 0


def upsert(conn: Connection, model_id: int, counts: Sequence[Counts]) -> None:
    """Make the windows that are new (state `open`) and add the counts to all.

    Adds each time it is called: pass only what `parts.add` took, in the same transaction. Each window at most
    once per call. Zero counts make a window that had no records: an empty window is a measurement too.
    """
    if not counts:
        return
    rows = [
        {
            "model_id": model_id,
            "start_us": count.start_us,
            "end_us": count.end_us,
            "state": "open",
            "records": count.records,
            "duplicates": count.duplicates,
            "quarantined": count.quarantined,
        }
        for count in counts
    ]
    conn.execute(_adding(conn.dialect.name), rows)


def between(
    conn: Connection, model_id: int, from_us: int, to_us: int, state: State | None = None
) -> list[Window]:
    """Windows that start in [from_us, to_us), oldest first, of one state or of all."""
    query = select(windows).where(
        windows.c.model_id == model_id, windows.c.start_us >= from_us, windows.c.start_us < to_us
    )
    if state is not None:
        query = query.where(windows.c.state == state)
    return [Window(**row._mapping) for row in conn.execute(query.order_by(windows.c.start_us))]


def revisions(conn: Connection, model_id: int, from_us: int, to_us: int) -> dict[int, int]:
    """Start → revision of the windows that start in [from_us, to_us)."""
    given = {"model": model_id, "from": from_us, "to": to_us}
    return {row.start_us: row.revision for row in conn.execute(_revisions(), given)}


def edge(conn: Connection, model_id: int, *, first: bool = False) -> Window | None:
    """The last window (or the first one), None if there are none."""
    row = conn.execute(_edge(first), {"model": model_id}).first()
    return None if row is None else Window(**row._mapping)


def mark(conn: Connection, model_id: int, starts: Sequence[int], state: State, now_us: int) -> None:
    """Set the state of windows, and with `measured` or `judged` the time of it."""
    stamp = {
        "measured": {"measured_us": now_us},
        "judged": {"judged_us": now_us},
        "error": {"judged_us": now_us},
    }.get(state, {})
    for first in range(0, len(starts), 500):  # far below the number of parameters that both databases take
        some = list(starts[first : first + 500])
        conn.execute(_chosen(), {"model": model_id, "starts": some, "state": state, **stamp})


def skip(conn: Connection, model_id: int, spans: Sequence[tuple[int, int]], reason: str) -> int:
    """Write down windows that will not be judged, and why; those that are there in another state stay as they are."""
    upsert(conn, model_id, [Counts(start_us, end_us) for start_us, end_us in spans])
    skipped = 0
    for first in range(0, len(spans), 500):
        some = [start_us for start_us, _ in spans[first : first + 500]]
        chosen = update(windows).where(
            windows.c.model_id == model_id, windows.c.start_us.in_(some), windows.c.state == "open"
        )
        skipped += conn.execute(chosen.values(state="skipped", reason=reason)).rowcount
    return skipped


def set_source_count(conn: Connection, model_id: int, start_us: int, count: int) -> None:
    """Note how many records the source said the window has when it was probed."""
    chosen = update(windows).where(windows.c.model_id == model_id, windows.c.start_us == start_us)
    conn.execute(chosen.values(source_count=count))


def raise_revision(conn: Connection, model_id: int, starts: Sequence[int]) -> dict[int, int]:
    """Give windows their next revision; returns window start → revision."""
    raised: dict[int, int] = {}
    for first in range(0, len(starts), 500):
        some = list(starts[first : first + 500])
        chosen = update(windows).where(windows.c.model_id == model_id, windows.c.start_us.in_(some))
        following = chosen.values(revision=windows.c.revision + 1)
        rows = conn.execute(following.returning(windows.c.start_us, windows.c.revision))
        raised.update({row.start_us: row.revision for row in rows})
    return raised


def length_us(conn: Connection, model_id: int, start_us: int) -> int:
    """How long a window is; NotFound if there is none that starts there."""
    query = select(windows.c.end_us).where(windows.c.model_id == model_id, windows.c.start_us == start_us)
    end_us: int | None = conn.execute(query).scalar_one_or_none()
    if end_us is None:
        raise NotFound(f"model {model_id} has no window that starts at {start_us}")
    return end_us - start_us


def last_judged_us(conn: Connection, model_id: int) -> int | None:
    """The start of the newest window that was ever judged, None before the first."""
    newest: int | None = conn.execute(_last_judged(), {"model": model_id}).scalar_one()
    return newest


def judged_at(conn: Connection, model_id: int, start_us: int) -> int:
    """When a window was judged last, by the clock; 0 if it never was."""
    query = select(windows.c.judged_us).where(windows.c.model_id == model_id, windows.c.start_us == start_us)
    return conn.execute(query).scalar_one_or_none() or 0


def newest_with_records(conn: Connection, model_id: int) -> Window | None:
    """The newest window that any record was read of, None if there is none."""
    row = conn.execute(_newest_with_records(), {"model": model_id}).first()
    return None if row is None else Window(**row._mapping)


def first_records(conn: Connection, model_id: int, records: int) -> tuple[int, int] | None:
    """[start, end) of the windows that hold the first so many records; None while there are fewer."""
    query = select(windows.c.start_us, windows.c.end_us, windows.c.records).where(
        windows.c.model_id == model_id, windows.c.records > 0
    )
    first_us, total = None, 0
    for row in conn.execute(query.order_by(windows.c.start_us)):
        first_us = row.start_us if first_us is None else first_us
        total += row.records
        if total >= records:
            return first_us, row.end_us
    return None


def first_from(conn: Connection, model_id: int, from_us: int) -> int | None:
    """The start of the first window with records at or after `from_us`, None if there is none."""
    query = select(func.min(windows.c.start_us)).where(
        windows.c.model_id == model_id, windows.c.records > 0, windows.c.start_us >= from_us
    )
    found: int | None = conn.execute(query).scalar_one()
    return found


# Statements of every window are put together once: that takes longer than doing them.


@cache
def _adding(dialect: str) -> Insert:
    statement = insert_on(dialect, windows)
    added = {
        name: windows.c[name] + statement.excluded[name] for name in ("records", "duplicates", "quarantined")
    }
    return statement.on_conflict_do_update(index_elements=["model_id", "start_us"], set_=added)


@cache
def _revisions() -> Select[Any]:
    return select(windows.c.start_us, windows.c.revision).where(
        windows.c.model_id == bindparam("model"),
        windows.c.start_us >= bindparam("from"),
        windows.c.start_us < bindparam("to"),
    )


@cache
def _edge(first: bool) -> Select[Any]:
    order = windows.c.start_us.asc() if first else windows.c.start_us.desc()
    return select(windows).where(windows.c.model_id == bindparam("model")).order_by(order).limit(1)


@cache
def _chosen() -> Update:
    starts: BindParameter[Any] = bindparam("starts", expanding=True)
    return update(windows).where(windows.c.model_id == bindparam("model"), windows.c.start_us.in_(starts))


@cache
def _last_judged() -> Select[Any]:
    return select(func.max(windows.c.start_us)).where(
        windows.c.model_id == bindparam("model"), windows.c.judged_us.is_not(None)
    )


@cache
def _newest_with_records() -> Select[Any]:
    query = select(windows).where(windows.c.model_id == bindparam("model"), windows.c.records > 0)
    return query.order_by(windows.c.start_us.desc()).limit(1)
