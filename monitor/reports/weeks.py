"""ISO weeks, Monday to Sunday in UTC."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from monitor.errors import UsageError
from monitor.web.charts import DAY_US

WEEK_US = 7 * DAY_US
_WEEK = re.compile(r"([0-9]{4})-W([0-9]{2})")
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Week:
    """One week as a half-open span."""

    name: str
    from_us: int
    to_us: int

    @property
    def previous(self) -> str:
        return week_of(self.from_us - 1).name

    @property
    def following(self) -> str:
        return week_of(self.to_us).name

    @property
    def days(self) -> str:
        """`16–22 November 2026`."""
        first, last = (datetime.fromtimestamp(us // 1_000_000, UTC) for us in (self.from_us, self.to_us - 1))
        start = f"{first.day}" if first.month == last.month else f"{first.day} {first:%B}"
        start += "" if first.year == last.year else f" {first.year}"
        return f"{start}–{last.day} {last:%B %Y}"


def week_named(name: str) -> Week:
    """The week of a name such as `2026-W47`. UsageError for anything else, also for a week 54."""
    found = _WEEK.fullmatch(name)
    if found is None:
        raise UsageError("a week is written like 2026-W47")
    try:
        monday = date.fromisocalendar(int(found[1]), int(found[2]), 1)
        monday + timedelta(days=14)  # the page links to the week after
    except (ValueError, OverflowError) as wrong:
        raise UsageError("there is no such week") from wrong
    if monday <= _EPOCH:
        raise UsageError("there is no such week")
    start = (monday - _EPOCH).days * DAY_US
    return Week(name, start, start + WEEK_US)


def week_of(us: int) -> Week:
    """The week in which a time lies."""
    year, week, _ = (_EPOCH + timedelta(days=us // DAY_US)).isocalendar()
    return week_named(f"{year:04d}-W{week:02d}")
