"""The grid of windows: half-open spans of event time, by the clock in UTC or by the calendar of a zone.

Windows shorter than a day divide the time since Monday 1970-01-05T00:00 UTC. Daily and weekly windows are
days and ISO weeks of the contract's time zone: a day is 23 or 25 hours long when the clock changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from monitor.contract import Contract

DAY_US = 86_400_000_000
WEEK_US = 7 * DAY_US
ORIGIN_US = 4 * DAY_US  # Monday 1970-01-05T00:00 UTC

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MONDAY = date(1970, 1, 5)


@dataclass(frozen=True)
class Grid:
    """Windows of one length.

    `every_us` divides a day, or is a day or a week; `timezone` counts for the latter.
    """

    every_us: int
    timezone: str = "UTC"

    @property
    def by_calendar(self) -> bool:
        return self.every_us >= DAY_US

    def window_start(self, us: int) -> int:
        """The start of the window that holds a moment (microseconds UTC, both)."""
        if not self.by_calendar:
            return (us - ORIGIN_US) // self.every_us * self.every_us + ORIGIN_US
        first = self._first_day(self._day(us))
        start = self._midnight_us(first)
        # Where the clock was set back over midnight, the second 23:30 belongs to the day that has begun
        # already.
        following = self._midnight_us(first + self._length)
        return following if us >= following else start

    def window_end(self, start_us: int) -> int:
        """The end of the window that starts at `start_us`, which is the start of the next."""
        if not self.by_calendar:
            return start_us + self.every_us
        return self._midnight_us(self._first_day(self._day(start_us)) + self._length)

    def starts(self, from_us: int, to_us: int) -> Iterator[int]:
        """The starts of all windows that begin in [from_us, to_us), in order."""
        start = self.window_start(from_us)
        if start < from_us:
            start = self.window_end(start)
        while start < to_us:
            yield start
            start = self.window_end(start)

    def window_starts(self, us: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """`window_start` of every element of int64[n]."""
        import numpy as np

        if not self.by_calendar:
            return (us - ORIGIN_US) // self.every_us * self.every_us + ORIGIN_US
        if not len(us):
            return us.copy()
        # Only the days that occur are looked up: a page of records holds few, even if they lie years apart. A
        # day of the zone that touches a day of UTC holds its start or its end, or follows the one that holds
        # its start.
        days = np.unique(us // DAY_US)
        near = np.unique(np.concatenate([days, days + 1])) * DAY_US
        starts = {self.window_start(int(moment)) for moment in near}
        edges = np.array(sorted(starts | {self.window_end(start) for start in starts}), np.int64)
        return edges[np.searchsorted(edges, us, side="right") - 1]

    @property
    def _length(self) -> timedelta:
        return timedelta(days=self.every_us // DAY_US)

    @property
    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    def _day(self, us: int) -> date:
        return (_EPOCH + timedelta(microseconds=us)).astimezone(self._zone).date()

    def _first_day(self, day: date) -> date:
        return day - timedelta(days=(day - _MONDAY).days % self._length.days)

    def _midnight_us(self, day: date) -> int:
        # A midnight that does not exist is the moment of the change, one that exists twice is the first.
        moment = datetime.combine(day, time(), self._zone)
        return (moment - _EPOCH) // timedelta(microseconds=1)


def grid(contract: Contract) -> Grid:
    """The grid of a contract."""
    return Grid(contract.window.every_us, contract.timezone)
