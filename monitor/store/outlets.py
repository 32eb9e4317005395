"""What is known of a channel's receiver: whether it answers, and whether anything is sent to it now.

    well ──failure──▶ failing ──DOWN_AFTER in a row──▶ down: one message at a time asks whether it is back
     ▲                  │                               │
     └─────answer───────┴───────────────────────────────┘        disabled: nothing is sent until somebody enables it

A channel without a row has never failed. Every function runs in the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Select, bindparam, exists, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from monitor.store.tables import outlets

DOWN_AFTER = 5  # so many failures in a row are no bad luck of single messages any more


@dataclass(frozen=True, slots=True)
class Outlet:
    """`failures` are in a row; nothing is sent before `resume_us`, and nothing at all since `disabled_us`."""

    channel: str
    failures: int = 0
    failing_since_us: int | None = None
    resume_us: int = 0
    disabled_us: int | None = None
    last_error: str | None = None

    @property
    def state(self) -> Literal["well", "failing", "down", "disabled"]:
        if self.disabled_us is not None:
            return "disabled"
        if self.failures >= DOWN_AFTER:
            return "down"
        return "failing" if self.failures else "well"


def get(conn: Connection, channel: str) -> Outlet:
    """What is known of a channel."""
    return known(conn, [channel]).get(channel, Outlet(channel))


def known(conn: Connection, channels: Collection[str]) -> dict[str, Outlet]:
    """The channels that have failed at some time, by name."""
    rows = conn.execute(_known(), {"channels": list(channels)})
    return {
        row.channel: Outlet(
            row.channel, row.failures, row.failing_since_us, row.resume_us, row.disabled_us, row.last_error
        )
        for row in rows
    }


def held(channel: ColumnElement[str], now_us: ColumnElement[int]) -> ColumnElement[bool]:
    """The condition that nothing may be sent on a channel now."""
    closed = or_(outlets.c.disabled_us.is_not(None), outlets.c.resume_us > now_us)
    return exists().where(outlets.c.channel == channel, closed)


def failed(conn: Connection, channel: str, error: str, now_us: int) -> int:
    """One more failure in a row; returns how many there are now."""
    insert = postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert
    first = insert(outlets).values(
        channel=channel, failures=1, failing_since_us=now_us, last_error=error, updated_us=now_us
    )
    again = {
        "failures": outlets.c.failures + 1,
        "failing_since_us": func.coalesce(outlets.c.failing_since_us, now_us),
        "last_error": error,
        "updated_us": now_us,
    }
    counted = conn.execute(
        first.on_conflict_do_update(index_elements=["channel"], set_=again).returning(outlets.c.failures)
    )
    return int(counted.scalar_one())


def hold(conn: Connection, channel: str, until_us: int, error: str, now_us: int) -> None:
    """Send nothing before `until_us`: its receiver asked for that, or somebody is asking it whether it is back."""
    _write(conn, channel, {"resume_us": until_us, "last_error": error, "updated_us": now_us})


def answered(conn: Connection, channel: str, now_us: int) -> bool:
    """The receiver took a message. True if it had been down until now."""
    before = get(conn, channel)
    if not before.failures:
        return False
    was_down = before.failures >= DOWN_AFTER
    values: dict[str, Any] = {"failures": 0, "failing_since_us": None, "updated_us": now_us}
    # What the receiver asked for by Retry-After holds, also if a message that was on its way has been taken.
    values |= {"resume_us": 0} if was_down else {}
    conn.execute(outlets.update().where(outlets.c.channel == channel).values(**values))
    return was_down


def disable(conn: Connection, channel: str, reason: str, now_us: int) -> None:
    """Send nothing more until `enable`: the receiver said that it is gone for good."""
    _write(conn, channel, {"disabled_us": now_us, "last_error": reason, "updated_us": now_us})


def enable(conn: Connection, channel: str, now_us: int) -> None:
    """Send again, at once, whatever was known against it."""
    forgotten = {"failures": 0, "failing_since_us": None, "resume_us": 0, "disabled_us": None}
    conn.execute(outlets.update().where(outlets.c.channel == channel).values(**forgotten, updated_us=now_us))


@cache
def _known() -> Select[Any]:
    return select(outlets).where(outlets.c.channel.in_(bindparam("channels", expanding=True)))


def _write(conn: Connection, channel: str, values: dict[str, Any]) -> None:
    insert = postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert
    row = insert(outlets).values(channel=channel, **values)
    conn.execute(row.on_conflict_do_update(index_elements=["channel"], set_=values))
