"""The place of a window in the week, which of it matters to a series, and the blocks that are left out in
turn.

A *cell* is (weekday, slot of the day) in the contract's time zone, the finest season there is; a coarser
season groups cells. Holidays count as Sundays.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import IntEnum
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
WEEK_US = 7 * DAY_US

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
SUNDAY = 6
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_KNOWN = 50_000

WEEKS_FOR_WEEK_BLOCKS = 8
DAYS_FOR_DAY_BLOCKS = 3

BlockKind = Literal["week", "day", "none"]


class Season(IntEnum):
    """How cells are grouped, from coarse to fine."""

    NONE = 0
    HOUR = 1
    WEEKDAY = 2
    WEEKEND_HOUR = 3
    WEEKDAY_HOUR = 4


@dataclass(frozen=True, slots=True)
class Calendar:
    """The length of a window and what decides its season: `timezone` is an IANA name, `holidays` local
    dates."""

    every_us: int
    timezone: str
    holidays: tuple[date, ...] = ()

    @property
    def slots(self) -> int:
        """Slots of a day: hours, or whole windows where these are longer; 1 for windows of a day and more."""
        return max(1, DAY_US // max(self.every_us, HOUR_US))

    @property
    def cells(self) -> int:
        return 7 * self.slots

    def candidates(self) -> tuple[Season, ...]:
        """The seasons that windows of this length can have."""
        if self.every_us > DAY_US:
            return (Season.NONE,)
        if self.slots == 1:
            return (Season.NONE, Season.WEEKDAY)
        return tuple(Season)


@dataclass(frozen=True)
class Places:
    """Per window, int[W]: its cell, its weekday (0 = Monday, holidays 6) and its local date as an ordinal."""

    cell: npt.NDArray[np.intp]
    weekday: npt.NDArray[np.intp]
    day: npt.NDArray[np.intp]


def places(start_us: npt.NDArray[np.int64], calendar: Calendar) -> Places:
    """Where windows that start at int64[W] lie in the week. Judged by the middle of the window.

    The middle, because a six-hour window from 22:00 on Friday is mostly Saturday, and because the start of a
    day may not exist where clocks change at midnight.
    """
    known, found = _known(calendar), []
    if len(known) > _MOST_KNOWN:
        known.clear()
    for start in start_us.tolist():
        if start not in known:
            known[start] = _place(start, calendar)
        found.append(known[start])
    weekday, minute, day = np.array(found, dtype=np.intp).reshape(-1, 3).T
    slot = minute * calendar.slots // (24 * 60)
    return Places(cell=weekday * calendar.slots + slot, weekday=weekday, day=day)


@lru_cache(maxsize=16)
def _known(calendar: Calendar) -> dict[int, tuple[int, int, int]]:
    """The places that were looked up before: the last weeks are asked for with each window."""
    return {}


def _place(start_us: int, calendar: Calendar) -> tuple[int, int, int]:
    """(weekday, minute of the day, ordinal of the date) of the middle of a window."""
    middle = _EPOCH + timedelta(microseconds=start_us + calendar.every_us // 2)
    local = middle.astimezone(ZoneInfo(calendar.timezone))
    weekday = SUNDAY if local.date() in calendar.holidays else local.weekday()
    return weekday, local.hour * 60 + local.minute, local.toordinal()


def classes(season: Season, slots: int) -> npt.NDArray[np.intp]:
    """int[7 * slots]: the class of every cell under a season, numbered from 0."""
    cell = np.arange(7 * slots, dtype=np.intp)
    weekday, slot = cell // slots, cell % slots
    weekend = (weekday >= 5).astype(np.intp)
    by_season: dict[Season, npt.NDArray[np.intp]] = {
        Season.NONE: np.zeros_like(cell),
        Season.HOUR: slot,
        Season.WEEKDAY: weekday,
        Season.WEEKEND_HOUR: weekend * slots + slot,
        Season.WEEKDAY_HOUR: cell,
    }
    return by_season[season]


@dataclass(frozen=True)
class Blocks:
    """Stretches of the reference that are left out in turn: `of[w]` in 0..count-1, in order of time."""

    kind: BlockKind
    count: int
    of: npt.NDArray[np.intp]


def blocks(start_us: npt.NDArray[np.int64], calendar: Calendar) -> Blocks:
    """Weeks if the windows int64[W] (ascending) span at least 8, else days if at least 3, else no block.

    Weeks count from the first window. A rest of less than half a week, and a day with less than half the
    windows of the fullest, join the block before: alone they would count as much as the others on much less.
    """
    if len(start_us) == 0:
        return Blocks("none", 0, np.zeros(0, dtype=np.intp))
    since = start_us - start_us[0]
    span = int(since[-1]) + calendar.every_us
    if span >= WEEKS_FOR_WEEK_BLOCKS * WEEK_US:
        count = max(WEEKS_FOR_WEEK_BLOCKS, round(span / WEEK_US))
        return _numbered("week", np.minimum(since // WEEK_US, count - 1))
    if calendar.every_us <= DAY_US:
        days = _numbered("day", _full_days(places(start_us, calendar).day))
        if days.count >= DAYS_FOR_DAY_BLOCKS:
            return days
    return Blocks("none", 1, np.zeros(len(start_us), dtype=np.intp))


def _full_days(day: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """int[W]: days, where a scrap of a day counts as the full day before it (the first: after it)."""
    days, of, windows = np.unique(day, return_inverse=True, return_counts=True)
    full = np.flatnonzero(2 * windows >= windows.max())
    before = np.maximum(np.searchsorted(full, np.arange(len(days)), side="right") - 1, 0)
    return np.asarray(days[full[before]][of.reshape(-1)], dtype=np.intp)


def _numbered(kind: BlockKind, label: npt.NDArray[np.int64] | npt.NDArray[np.intp]) -> Blocks:
    """Blocks numbered without gaps: a week without a window is no block."""
    kept, of = np.unique(label, return_inverse=True)
    return Blocks(kind, len(kept), of.astype(np.intp).reshape(-1))


def missing(start_us: npt.NDArray[np.int64], calendar: Calendar) -> tuple[str, ...]:
    """What a reader must know the reference does not hold, in plain words; () if it holds a whole week.

    A weekday is held if windows of half a day lie in it: one that only reaches past midnight is no weekend.
    """
    if calendar.every_us > DAY_US:
        return ()
    at = places(start_us, calendar)
    facts: list[str] = []
    covered = np.bincount(at.weekday, minlength=7) * calendar.every_us
    absent = [int(day) for day in np.flatnonzero(covered < DAY_US / 2)]
    if {5, 6} <= set(absent):
        facts.append("no weekend in the reference")
        absent = [day for day in absent if day < 5]
    facts += [f"no {WEEKDAYS[day]} in the reference" for day in absent]
    width = 24 // calendar.slots
    for slot in sorted(set(range(calendar.slots)) - {int(cell) % calendar.slots for cell in at.cell}):
        facts.append(f"no window at {slot * width:02d}-{(slot + 1) * width:02d} h in the reference")
    return tuple(facts)
