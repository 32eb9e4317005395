"""Single event times as people write them. Whole columns are read by `times`, which says the same of each."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from zoneinfo import ZoneInfo

# Times outside are mistakes of a clock or of a unit, not records.
EARLIEST_US = 631_152_000_000_000  # 1990-01-01
DAY_US = 86_400_000_000

ISO = (
    r"^\s*(?P<year>\d{4})[-/](?P<month>\d{2})[-/](?P<day>\d{2})"
    r"(?:[T ](?P<hour>\d{2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?"
    r"\s?(?P<zone>Z|z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)?)?\s*$"
)
NUMBER = r"^\s*-?\d{9,19}(\.\d+)?\s*$"
_C_FORMAT = "%a %b %d %H:%M:%S %z %Y"  # "Tue Feb 24 19:35:52 +0000 2015"
_COMPACT = "%Y%m%dT%H%M%S%z"  # "20150224T193552Z"

# Limits between units: 1e11 seconds are the year 5138, 1e11 milliseconds 1973.
UNITS = ((1e17, 0.001), (1e14, 1.0), (1e11, 1_000.0), (0.0, 1_000_000.0))

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_iso = re.compile(ISO, re.ASCII)
_number = re.compile(NUMBER, re.ASCII)


def unit_us(value: float) -> float:
    """Microseconds in one unit of an epoch number of this size: 1e6 for seconds … 0.001 for nanoseconds."""
    return next(unit for limit, unit in UNITS if abs(value) >= limit)


def read(word: str) -> datetime | None:
    """A time in any of the writings that have no place in ISO 8601's relatives, or None."""
    ways: tuple[Callable[[str], datetime], ...] = (
        datetime.fromisoformat,
        parsedate_to_datetime,
        lambda text: datetime.strptime(text, _C_FORMAT),
        lambda text: datetime.strptime(text, _COMPACT),
    )
    if len(word) > 64:
        return None
    for way in ways:
        try:
            return way(word)
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
    return None


def us_of(moment: datetime, zone: ZoneInfo) -> int:
    """Microseconds UTC; a moment without a zone is in `zone`."""
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)
    return (aware - _EPOCH) // _MICROSECOND


def parse(word: str, zone: ZoneInfo) -> int | None:
    """Microseconds UTC of one time in words, None if nobody can read it."""
    if not ("-" in word[1:] or ":" in word) and _number.match(word):
        value = float(word)
        return round(max(-9e18, min(value * unit_us(value), 9e18)))
    try:
        # Nearly every time that a program writes.
        return us_of(datetime.fromisoformat(word), zone)
    except ValueError:
        pass
    found = _iso.match(word)
    try:
        moment = _of_parts(found) if found else read(word.strip())
        return None if moment is None else us_of(moment, zone)
    except (ValueError, OverflowError):
        return None


def _of_parts(found: re.Match[str]) -> datetime:
    year, month, day, hour, minute, second = (
        int(found[part] or 0) for part in ("year", "month", "day", "hour", "minute", "second")
    )
    leap = second == 60
    moment = datetime(year, month, day, hour, minute, 59 if leap else second)
    moment += timedelta(seconds=int(leap), microseconds=int((found["fraction"] or "").ljust(6, "0")[:6]))
    zone = found["zone"] or ""
    if zone[:1] in ("+", "-"):
        digits = zone[1:].replace(":", "").ljust(4, "0")
        east = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
        moment += east if zone[0] == "-" else -east
    return moment.replace(tzinfo=UTC) if zone else moment
