"""After a clock was set back: what was planned by the later time does not wait until it comes again."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, Connection, case, update

from monitor.store.runs import UNFINISHED
from monitor.store.tables import outbox, runs


def plan_anew(conn: Connection, by_us: int, now_us: int) -> int:
    """Move runs, messages and leases that lie more than half of `by_us` ahead back by it, to now at the earliest;
    returns how many rows. `by_us`: how far the clock was set back.

    Several processes may notice and do the same: then something is tried sooner than it would have been, and a lease
    that ends too soon is taken over, as any other.
    """
    changed = 0
    for column, states in (
        (runs.c.available_us, UNFINISHED),
        (runs.c.lease_until_us, ("running",)),
        (outbox.c.next_us, ("pending",)),
        (outbox.c.lease_until_us, ("sending",)),
    ):
        changed += conn.execute(_moved(column, states, by_us, now_us)).rowcount
    return changed


def _moved(column: Column[Any], states: tuple[str, ...], by_us: int, now_us: int) -> Any:
    table = column.table
    return (
        update(table)
        .where(table.c.state.in_(states), column > now_us + by_us // 2)
        .values({column: case((column - by_us > now_us, column - by_us), else_=now_us)})
    )
