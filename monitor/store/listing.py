"""Pages of rows, newest first: what readers (API, command line, pages) leaf through.

Every listing is a keyset: it goes on *after* the key of the last row seen, so rows written while somebody
reads are neither shown twice nor skipped, and page one thousand costs what page one costs.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, and_, case, exists, func, select, tuple_

from monitor.store import tables as t
from monitor.store.models import CANARY

Key = tuple[int | str, ...]
Row = RowMapping


@dataclass(frozen=True)
class Page:
    """At most `limit` rows, and the key to go on after; `after` is None on the last page."""

    rows: tuple[RowMapping, ...]
    after: Key | None


def keyset(
    conn: Connection, query: Select[Any], keys: Sequence[ColumnElement[Any]], after: Key | None, limit: int
) -> Page:
    """The next `limit` rows of `query`, descending by `keys`: columns of it that are unique together."""
    if after is not None:
        query = query.where(tuple_(*keys) < tuple_(*after))
    rows = conn.execute(query.order_by(*(key.desc() for key in keys)).limit(limit + 1)).mappings().all()
    if len(rows) <= limit:
        return Page(tuple(rows), None)
    last = rows[limit - 1]
    return Page(tuple(rows[:limit]), tuple(last[key] for key in keys))


def _span(column: ColumnElement[int], from_us: int | None, to_us: int | None) -> list[ColumnElement[bool]]:
    """Half-open, like every span here: from <= column < to."""
    return [
        *([column >= from_us] if from_us is not None else []),
        *([column < to_us] if to_us is not None else []),
    ]


def _equal(*wanted: tuple[ColumnElement[Any], str | int | None]) -> list[ColumnElement[bool]]:
    return [column == value for column, value in wanted if value is not None]


def _only(models: Collection[str], named: object = None) -> list[ColumnElement[bool]]:
    """Of these models; our own canary is left out unless it is `named`."""
    ours = [] if named is not None else [t.models.c.name != CANARY]
    return [*ours, *([t.models.c.name.in_(sorted(models))] if models else [])]


def windows(
    conn: Connection,
    model_id: int,
    *,
    from_us: int | None = None,
    to_us: int | None = None,
    state: str | None = None,
    after: Key | None = None,
    limit: int = 100,
) -> Page:
    """Windows whose start lies in [from, to)."""
    table = t.windows
    query = select(table).where(
        table.c.model_id == model_id,
        *_span(table.c.start_us, from_us, to_us),
        *_equal((table.c.state, state)),
    )
    return keyset(conn, query, [table.c.start_us], after, limit)


def latest_revision(table: Any) -> ColumnElement[bool]:
    """True for the rows of `measurements` or `verdicts` that no later revision replaces."""
    newer = table.alias()
    return ~exists().where(
        newer.c.model_id == table.c.model_id,
        newer.c.window_start_us == table.c.window_start_us,
        newer.c.series_id == table.c.series_id,
        newer.c.revision > table.c.revision,
    )


def measured() -> Select[Any]:
    """Measurements of the latest revision, each with its series and, once judged, its verdict."""
    m, s, v = t.measurements, t.series, t.verdicts
    verdict_of = and_(
        v.c.model_id == m.c.model_id,
        v.c.window_start_us == m.c.window_start_us,
        v.c.series_id == m.c.series_id,
        v.c.revision == m.c.revision,
    )
    verdict = (v.c[name] for name in ("status", "z", "p", "effect", "cusum", "threshold", "provisional"))
    return (
        select(m, s.c.metric, s.c.column, s.c.segment, s.c.term, s.c.kind, s.c.family, *verdict)
        .join_from(m, s, s.c.id == m.c.series_id)
        .outerjoin(v, verdict_of)
        .where(latest_revision(m))
    )


def metrics(conn: Connection) -> list[str]:
    """The metrics of all series, by name."""
    return sorted(conn.execute(select(t.series.c.metric).distinct()).scalars())


def measurements(
    conn: Connection,
    model_id: int,
    *,
    series_id: int | None = None,
    metric: str | None = None,
    column: str | None = None,
    segment: str | None = None,
    term: str | None = None,
    family: str | None = None,
    from_us: int | None = None,
    to_us: int | None = None,
    status: str | None = None,
    after: Key | None = None,
    limit: int = 100,
) -> Page:
    """Measurements with their verdicts, latest revisions only, of windows whose start lies in [from, to)."""
    m, s = t.measurements, t.series
    # The names are resolved first: with the numbers at hand both databases walk the index of one series.
    wanted = _equal(
        (s.c.id, series_id),
        (s.c.metric, metric),
        (s.c.column, column),
        (s.c.segment, segment),
        (s.c.term, term),
        (s.c.family, family),
    )
    query = measured().where(m.c.model_id == model_id, *_span(m.c.window_start_us, from_us, to_us))
    if wanted:
        ids = conn.execute(select(s.c.id).where(s.c.model_id == model_id, *wanted)).scalars().all()
        if not ids:
            return Page((), None)
        query = query.where(m.c.series_id.in_(ids))
    if status is not None:
        query = query.where(t.verdicts.c.status == status)
    return keyset(conn, query, [m.c.window_start_us, m.c.series_id], after, limit)


def episodes(
    conn: Connection,
    *,
    model_id: int | None = None,
    only: Collection[str] = (),
    family: str | None = None,
    severity: str | None = None,
    resolved: bool | None = None,
    inhibited: bool | None = None,
    from_us: int | None = None,
    to_us: int | None = None,
    after: Key | None = None,
    limit: int = 100,
) -> Page:
    """Episodes that overlap [from, to), the latest opened first, each with the name of its model (`model`).

    `state` is that of the alert while the episode is open, `resolved` after. `only`: of models of these names.
    """
    e, a = t.episodes, t.alerts
    query = (
        select(
            e,
            t.models.c.name.label("model"),
            case((e.c.closed_us.is_not(None), "resolved"), else_=func.coalesce(a.c.state, "firing")).label(
                "state"
            ),
        )
        .join_from(e, t.models, t.models.c.id == e.c.model_id)
        .outerjoin(a, a.c.episode_id == e.c.id)
        .where(
            *_equal((e.c.model_id, model_id), (e.c.family, family), (e.c.severity, severity)),
            *_only(only, model_id),
        )
    )
    for column, wanted in ((e.c.closed_us, resolved), (e.c.inhibited_by, inhibited)):
        if wanted is not None:
            query = query.where(column.is_not(None) if wanted else column.is_(None))
    if from_us is not None:
        query = query.where(e.c.closed_us.is_(None) | (e.c.closed_us > from_us))
    if to_us is not None:
        query = query.where(e.c.since_us < to_us)
    return keyset(conn, query, [e.c.opened_us, e.c.id], after, limit)


def triggers(
    conn: Connection,
    *,
    model_id: int | None = None,
    only: Collection[str] = (),
    state: str | None = None,
    after: Key | None = None,
    limit: int = 100,
) -> Page:
    """Triggers, newest first, each with the name of its model (`model`); `only`: of models of these names."""
    table = t.triggers
    query = (
        select(table, t.models.c.name.label("model"))
        .join_from(table, t.models, t.models.c.id == table.c.model_id)
        .where(*_equal((table.c.model_id, model_id), (table.c.state, state)), *_only(only))
    )
    return keyset(conn, query, [table.c.created_us, table.c.id], after, limit)


def samples(
    conn: Connection,
    model_id: int,
    *,
    from_us: int | None = None,
    to_us: int | None = None,
    stratum: str | None = None,
    after: Key | None = None,
    limit: int = 100,
) -> Page:
    """Sampled records of windows whose start lies in [from, to)."""
    table = t.samples
    query = select(table).where(
        table.c.model_id == model_id,
        *_span(table.c.window_start_us, from_us, to_us),
        *_equal((table.c.stratum, stratum)),
    )
    return keyset(conn, query, [table.c.window_start_us, table.c.id], after, limit)


def quarantine(
    conn: Connection,
    model_id: int,
    *,
    reason: str | None = None,
    column: str | None = None,
    after: Key | None = None,
    limit: int = 100,
) -> Page:
    """What was set aside, the latest first. Not by window: a record without a readable time has none."""
    table = t.quarantine
    wanted = _equal((table.c.reason, reason), (table.c.column, column))
    query = select(table).where(table.c.model_id == model_id, *wanted)
    return keyset(conn, query, [table.c.id], after, limit)


def models(conn: Connection, name: str | None = None, *, only: Collection[str] = ()) -> list[RowMapping]:
    """Every model by name (or the one named, or those of `only`), with the version of its contract, the end of its
    last judged window (`judged_until_us`, null before the first) and the number of its open episodes.
    """
    m, w, e = t.models, t.windows, t.episodes
    judged = select(func.max(w.c.end_us)).where(w.c.model_id == m.c.id, w.c.state == "judged")
    firing = select(func.count()).where(e.c.model_id == m.c.id, e.c.closed_us.is_(None))
    version = select(t.contracts.c.version).where(t.contracts.c.id == m.c.contract_id)
    query = select(
        m,
        version.scalar_subquery().label("contract_version"),
        judged.scalar_subquery().label("judged_until_us"),
        firing.scalar_subquery().label("open_episodes"),
    ).where(*_equal((m.c.name, name)), *_only(only, name))
    # Sorted here: a PostgreSQL with a language's collation would order otherwise than SQLite.
    return sorted(conn.execute(query).mappings(), key=lambda row: str(row["name"]))
