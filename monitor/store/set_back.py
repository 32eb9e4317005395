"""After a clock was set back: what was planned by the later time does not wait until it comes again."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, Connection, case, func, select, update

from monitor.store.run_states import UNFINISHED
from monitor.store.tables import outbox, outlets, processes, runs

_LAST_RUNS = 1000  # the newest of them: the table may be long, and has no index for this


def last_written_us(conn: Connection) -> int | None:
    """The latest time at which something happened by what is written here, None where nothing did."""
    newest = (
        select(runs.c.started_us, runs.c.finished_us).order_by(runs.c.id.desc()).limit(_LAST_RUNS).subquery()
    )
    times = conn.execute(select(func.max(newest.c.started_us), func.max(newest.c.finished_us))).one()
    seen_us = conn.execute(select(func.max(processes.c.seen_us))).scalar_one()
    return max((time_us for time_us in (*times, seen_us) if time_us is not None), default=None)


def plan_anew(conn: Connection, by_us: int, now_us: int) -> int:
    """Move runs, messages, leases and channels that rest back by `by_us`, as far as the clock was set back: all that
    lie more than half of it ahead, to now at the earliest. Returns how many.

    Several processes may notice and do the same: then something is tried sooner than it would have been, and a lease
    that ends too soon is taken over, as any other.
    """
    planned: tuple[tuple[Column[Any], Any], ...] = (
        (runs.c.available_us, runs.c.state.in_(UNFINISHED)),
        (runs.c.lease_until_us, runs.c.state == "running"),
        (outbox.c.next_us, outbox.c.state == "pending"),
        (outbox.c.lease_until_us, outbox.c.state == "sending"),
        (outlets.c.resume_us, outlets.c.disabled_us.is_(None)),
    )
    moved = 0
    for time_us, waits in planned:
        sooner = case((time_us - by_us > now_us, time_us - by_us), else_=now_us)
        statement = (
            update(time_us.table).where(waits, time_us > now_us + by_us // 2).values({time_us: sooner})
        )
        moved += conn.execute(statement).rowcount
    return moved
