"""Dropping what is old: every call drops one slice of rows in the caller's transaction and says how many.

In slices, because one long delete keeps every other writer of an SQLite file waiting.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, func, not_, or_, select, tuple_

from monitor.store import tables as t

SLICE = 5_000
# What is compared with the samples of a reference takes those of smallest rank: at most so many.
REFERENCE_ROWS = 20_000
_LOCK = 0x686F757365  # "house": replicas on PostgreSQL would wait for each other's rows

Span = tuple[int, int]


def turn(conn: Connection) -> bool:
    """Whether no other process drops anything at this moment (on SQLite every writer is alone anyway)."""
    if conn.dialect.name != "postgresql":
        return True
    return bool(conn.exec_driver_sql(f"SELECT pg_try_advisory_xact_lock({_LOCK})").scalar_one())


def drop(conn: Connection, table: Table, *where: ColumnElement[bool], limit: int = SLICE) -> int:
    """Drop up to `limit` rows of a table that meet all conditions."""
    keys = list(table.primary_key.columns)
    key = keys[0] if len(keys) == 1 else tuple_(*keys)
    return conn.execute(delete(table).where(key.in_(select(*keys).where(*where).limit(limit)))).rowcount


# ----- what must stay -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Needed:
    """What of a model must stay however old it is.

    references  the spans that its baseline, and the one it began with, were fitted to
    since_us    where the oldest change that is still open began, None while nothing is
    """

    references: tuple[Span, ...]
    since_us: int | None


def needed(conn: Connection, model_id: int) -> Needed:
    """What the baselines and the open episodes of a model rest on."""
    b, s, e = t.baselines, t.successions, t.episodes
    spans: set[Span] = set()
    counting = select(t.models.c.baseline_id).where(t.models.c.id == model_id)
    first = select(s.c.baseline_id).where(s.c.model_id == model_id).order_by(s.c.from_us).limit(1)
    used = or_(b.c.id.in_(counting), b.c.id.in_(first))
    for row in conn.execute(select(b.c.reference).where(b.c.model_id == model_id, used)):
        reference = json.loads(row.reference)
        spans.add((reference["from_us"], reference["to_us"]))
    # A baseline that was fitted anew names each of its spans: between them may lie what was left out.
    newest = select(s.c.fitted).where(s.c.model_id == model_id).order_by(s.c.from_us.desc()).limit(1)
    for row in conn.execute(newest):
        spans |= {(span[0], span[1]) for span in json.loads(row.fitted).get("spans", ())}
    since = select(func.min(e.c.since_us)).where(e.c.model_id == model_id, e.c.closed_us.is_(None))
    return Needed(tuple(sorted(spans)), conn.execute(since).scalar_one())


def _outside(column: ColumnElement[int], spans: Sequence[Span]) -> list[ColumnElement[bool]]:
    return [not_(and_(column >= first, column < last)) for first, last in spans]


# ----- what people wrote --------------------------------------------------------------------------------------


def references(
    conn: Connection, model_id: int, spans: Sequence[Span], rows: int = REFERENCE_ROWS
) -> list[tuple[Span, float | None]]:
    """Each span with the rank of its `rows`-th kept record, in the order in which references are read; None: fewer."""
    found: list[tuple[Span, float | None]] = []
    for first, last in spans:
        query = (
            select(t.samples.c.rank)
            .where(
                t.samples.c.model_id == model_id,
                t.samples.c.window_start_us >= first,
                t.samples.c.window_start_us < last,
            )
            .order_by(t.samples.c.rank)
            .offset(rows - 1)
            .limit(1)
        )
        found.append(((first, last), conn.execute(query).scalar_one_or_none()))
    return found


def samples(
    conn: Connection,
    model_id: int,
    before_us: int,
    read_before_us: int,
    references: Sequence[tuple[Span, float | None]] = (),
    limit: int = SLICE,
) -> int:
    """Kept records of windows that start before `before_us` and were measured before `read_before_us`.

    Of a reference those up to a rank stay (None: all of them): it is compared with by its records of smallest rank.
    """
    s = t.samples
    kept = []
    for (first, last), rank in references:
        inside = and_(s.c.window_start_us >= first, s.c.window_start_us < last)
        kept.append(not_(inside if rank is None else and_(inside, s.c.rank <= rank)))
    old = _old(
        s, model_id, before_us, read_before_us, min((first for (first, _), _ in references), default=0)
    )
    return drop(conn, s, *old, *kept, limit=limit)


def _old(
    table: Table, model_id: int, before_us: int, done_before_us: int, first_us: int = 0
) -> list[ColumnElement[bool]]:
    """Of windows that start before a time, and that were worked on before another: history is not old for being
    history. What still waits to be measured is not old, unless it comes before everything that is judged.
    """
    w = t.windows
    done = and_(
        or_(w.c.state != "open", w.c.start_us < first_us),
        func.coalesce(w.c.judged_us, w.c.measured_us, w.c.end_us) < done_before_us,
    )
    old = select(w.c.start_us).where(w.c.model_id == model_id, w.c.start_us < before_us, done)
    start = table.c.window_start_us
    return [table.c.model_id == model_id, start < before_us, start.in_(old)]


def quarantine(conn: Connection, model_id: int, before_us: int, limit: int = SLICE) -> int:
    """What was set aside before a time; how much it was stays with the windows."""
    q = t.quarantine
    return drop(conn, q, q.c.model_id == model_id, q.c.created_us < before_us, limit=limit)


def evidence(conn: Connection, model_id: int, before_us: int, limit: int = SLICE) -> int:
    """Examples of episodes that closed before a time."""
    e = t.episodes
    over = select(e.c.id).where(e.c.model_id == model_id, e.c.closed_us < before_us)
    return drop(conn, t.evidence, t.evidence.c.episode_id.in_(over), limit=limit)


def labels(conn: Connection, model_id: int, before_us: int, limit: int = SLICE) -> int:
    """Labels that were read before a time, unless their record is still kept."""
    lab, s = t.labels, t.samples
    kept = select(s.c.id).where(s.c.model_id == lab.c.model_id, s.c.event_id == lab.c.event_id).exists()
    return drop(conn, lab, lab.c.model_id == model_id, lab.c.seen_us < before_us, ~kept, limit=limit)


# ----- what was counted and judged ----------------------------------------------------------------------------


def parts(
    conn: Connection, model_id: int, before_us: int, references: Sequence[Span], limit: int = 500
) -> int:
    """Counts of windows before a time; those that a baseline was fitted to stay. Bodies are long: fewer at once."""
    p = t.parts
    spans = _outside(p.c.window_start_us, references)
    return drop(conn, p, *_old(p, model_id, before_us, before_us), *spans, limit=limit)


def of_windows(conn: Connection, table: Table, model_id: int, before_us: int, limit: int = SLICE) -> int:
    """Measurements or verdicts of windows before a time."""
    return drop(conn, table, *_old(table, model_id, before_us, before_us), limit=limit)


def states(conn: Connection, table: Table, model_id: int, before_us: int, limit: int = 500) -> int:
    """What was held after each window (`sequences`, `performance`), never after the last: the next goes on from it."""
    newest = select(func.max(table.c.window_start_us)).where(table.c.model_id == model_id).scalar_subquery()
    old = _old(table, model_id, before_us, before_us)
    return drop(conn, table, *old, table.c.window_start_us < newest, limit=limit)


def runs(conn: Connection, model_id: int, before_us: int, limit: int = SLICE) -> int:
    """Runs of windows before a time that are over, and ended before it."""
    r = t.runs
    over = r.c.state.in_(["succeeded", "superseded", "dead"])
    ended = func.coalesce(r.c.finished_us, r.c.available_us) < before_us
    return drop(conn, r, r.c.model_id == model_id, r.c.window_start_us < before_us, over, ended, limit=limit)


# ----- of the whole installation ------------------------------------------------------------------------------


def messages(conn: Connection, sent_before_us: int, dead_before_us: int, limit: int = SLICE) -> int:
    """Messages that were sent or given up before a time, with their attempts, unless their episode is still open."""
    o, e = t.outbox, t.episodes
    still_open = select(e.c.id).where(e.c.id == o.c.episode_id, e.c.closed_us.is_(None)).exists()
    over = or_(
        and_(o.c.state == "sent", o.c.sent_us < sent_before_us),
        and_(o.c.state == "dead", o.c.created_us < dead_before_us),
    )
    gone = list(conn.execute(select(o.c.id).where(over, ~still_open).limit(min(limit, 500))).scalars())
    if gone:
        conn.execute(delete(t.attempts).where(t.attempts.c.outbox_id.in_(gone)))
        conn.execute(delete(o).where(o.c.id.in_(gone)))
    return len(gone)


def tasks(conn: Connection, before_us: int, limit: int = SLICE) -> int:
    """What was asked for and ended before a time."""
    return drop(
        conn,
        t.tasks,
        t.tasks.c.state.in_(["succeeded", "failed", "cancelled"]),
        t.tasks.c.finished_us < before_us,
        limit=limit,
    )


def answers(conn: Connection, before_us: int, limit: int = SLICE) -> int:
    """Answers that were kept for repeated requests."""
    return drop(conn, t.idempotency, t.idempotency.c.created_us < before_us, limit=limit)


def sessions(conn: Connection, now_us: int, limit: int = SLICE) -> int:
    """Sessions of browsers that ran out."""
    return drop(conn, t.sessions, t.sessions.c.expires_us < now_us, limit=limit)
