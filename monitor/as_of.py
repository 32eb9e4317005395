"""As of when a pass judges: which windows have closed by then."""

from __future__ import annotations

from dataclasses import dataclass

from monitor import closing
from monitor.store import models, windows
from monitor.store.engine import Store
from monitor.watched import Watched

_DAY_US = 86_400_000_000


@dataclass(frozen=True, slots=True)
class AsOf:
    """What was asked for. `until_us`: what had closed then. `at_newest`: what had closed at the newest record; None is
    so only for records that are history, and now for others.
    """

    until_us: int | None = None
    at_newest: bool | None = None

    def moment(self, store: Store, watched: Watched, now_us: int) -> tuple[int, str | None]:
        """The moment in microseconds UTC, and what there is to say of it where nobody asked for it."""
        if self.until_us is not None:
            return self.until_us, None
        ended_us = newest_us(store, watched.id)
        if ended_us is None or self.at_newest is False:
            return now_us, None
        if self.at_newest:
            return ended_us + watched.contract.window.lateness_us, None
        with store.read() as conn:
            as_of_us = closing.until(conn, watched, models.by_id(conn, watched.id), now_us)
        if as_of_us == now_us:
            return now_us, None
        days = (now_us - ended_us) // _DAY_US
        return (
            as_of_us,
            f"the newest record is {days:,} days old: judged as of its window's end (--as-of now for today)",
        )


def newest_us(store: Store, model_id: int) -> int | None:
    """The end of the newest window with records, None if there is none."""
    with store.read() as conn:
        newest = windows.newest_with_records(conn, model_id)
    return None if newest is None else newest.end_us
