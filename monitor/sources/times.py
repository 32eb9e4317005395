"""Event times of any writing into microseconds UTC, whole columns at a time.

Read are: Arrow timestamps and dates, numbers as seconds, milliseconds, microseconds or nanoseconds since 1970
(by their size), and words: ISO 8601 with its common relatives ("2015-02-24 11:35:52 -0800", "2015/02/24
11:35"), and, one distinct word at a time, the formats of e-mail and of C. Times without a zone are in the
contract's zone: of an hour that exists twice the first is meant, one that does not exist is moved on by the
change of the clock.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from checks.batch import SENTINELS
from monitor.sources import moments

Us = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_NAIVE_EPOCH = datetime(1970, 1, 1)
_QUARTER_US = 900_000_000  # clocks have changed at quarters of an hour only


def parse(array: pa.Array, zone: ZoneInfo) -> tuple[Us, Mask, Mask]:
    """(int64[n] microseconds UTC, bool[n] missing, bool[n] unreadable) of a column; 0 where it is either."""
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    missing = array.is_null().to_numpy(zero_copy_only=False)
    kind = array.type
    if pa.types.is_timestamp(kind):
        us, unreadable = _of_timestamps(array, zone)
    elif pa.types.is_date(kind):
        us, unreadable = _of_timestamps(array.cast(pa.timestamp("ms")), zone)
    elif pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        us, unreadable = _of_numbers(array)
    elif _is_words(kind):
        return _of_words(array, zone)
    else:
        us, unreadable = np.zeros(len(array), np.int64), ~missing
    unreadable &= ~missing
    us[missing | unreadable] = 0
    return us, missing, unreadable


def to_utc(local_us: Us, zone: ZoneInfo) -> Us:
    """Microseconds UTC of wall-clock microseconds of a zone.

    One look-up per quarter of an hour that occurs.
    """
    if zone.key in ("UTC", "Etc/UTC"):
        return local_us
    quarters, place = np.unique(local_us // _QUARTER_US, return_inverse=True)
    offsets = [_offset_us(int(quarter) * _QUARTER_US, zone) for quarter in quarters]
    return local_us - np.array(offsets, np.int64)[place]


def _offset_us(local_us: int, zone: ZoneInfo) -> int:
    try:
        moment = (_NAIVE_EPOCH + timedelta(microseconds=local_us)).replace(tzinfo=zone)
        offset = moment.utcoffset()
    except (OverflowError, ValueError):  # years that a calendar does not have are refused later, as absurd
        return 0
    return int((offset or timedelta()).total_seconds()) * 1_000_000


def _is_words(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_string_view(kind)
        or pa.types.is_binary_view(kind)
    )


def _of_timestamps(array: Any, zone: ZoneInfo) -> tuple[Us, Mask]:
    aware = array.type.tz is not None
    # Nanoseconds are cut off; a moment beyond the range of microseconds cannot be one.
    plain = array.cast(pa.timestamp("us", array.type.tz), safe=False).cast(pa.int64())
    us = pc.fill_null(plain, 0).to_numpy(zero_copy_only=False).astype(np.int64)
    return (us if aware else to_utc(us, zone)), np.zeros(len(us), np.bool_)


def _of_numbers(array: Any) -> tuple[Us, Mask]:
    if pa.types.is_integer(array.type):
        whole = pc.fill_null(array.cast(pa.int64(), safe=False), 0).to_numpy(zero_copy_only=False)
        size = np.abs(whole.astype(np.float64))
        us = np.select(
            [size >= 1e17, size >= 1e14, size >= 1e11],
            [whole // 1_000, whole, whole * 1_000],
            whole * 1_000_000,
        )
        return us.astype(np.int64), np.zeros(len(us), np.bool_)
    values = pc.fill_null(array.cast(pa.float64(), safe=False), 0.0).to_numpy(zero_copy_only=False)
    finite = np.isfinite(values)
    values = np.where(finite, values, 0.0)
    size = np.abs(values)
    unit = np.select([size >= limit for limit, _ in moments.UNITS], [factor for _, factor in moments.UNITS])
    scaled = np.clip(values * unit, -9e18, 9e18)
    return np.round(scaled).astype(np.int64), ~finite


def _of_words(array: Any, zone: ZoneInfo) -> tuple[Us, Mask, Mask]:
    # RE2 takes characters: the rare cell that is none is no time either.
    words = _characters(array.cast(pa.large_binary()))
    known = pa.array(sorted(SENTINELS), pa.large_string())
    nothing = pc.is_in(pc.utf8_trim_whitespace(words), value_set=known)
    missing = pc.or_(words.is_null(), nothing).to_numpy(zero_copy_only=False)
    us, done = _of_iso(words, zone)
    is_number = pc.fill_null(pc.match_substring_regex(words, moments.NUMBER), False)
    numeric = ~done & is_number.to_numpy(zero_copy_only=False)
    if numeric.any():
        numbers = pc.utf8_trim_whitespace(words.filter(pa.array(numeric))).cast(pa.float64())
        us[numeric], _ = _of_numbers(numbers)
        done |= numeric
    rest = np.flatnonzero(~done & ~missing)
    if len(rest):
        found, readable = _one_by_one(words.take(pa.array(rest)), zone)
        us[rest], done[rest] = found, readable
    unreadable = ~done & ~missing
    us[~done] = 0
    return us, missing, unreadable


def _characters(raw: Any) -> Any:
    try:
        return raw.cast(pa.large_string())
    except pa.ArrowInvalid:
        made = [None if value is None else value.decode("utf-8", "replace") for value in raw.to_pylist()]
        return pa.array(made, pa.large_string())


def _of_iso(words: Any, zone: ZoneInfo) -> tuple[Us, Mask]:
    parts = pc.extract_regex(words, moments.ISO)
    done = parts.is_valid().to_numpy(zero_copy_only=False).copy()

    def digits(name: str) -> Us:
        field = pc.struct_field(parts, name)
        filled = pc.if_else(pc.equal(pc.fill_null(field, ""), ""), "0", field)
        whole: Us = pc.fill_null(filled, "0").cast(pa.int64()).to_numpy(zero_copy_only=False)
        return whole

    year, month, day = digits("year"), digits("month"), digits("day")
    hour, minute, second = digits("hour"), digits("minute"), digits("second")
    padded = pc.utf8_rpad(pc.fill_null(pc.struct_field(parts, "fraction"), ""), 6, "0")
    fraction = pc.utf8_slice_codeunits(padded, 0, 6).cast(pa.int64()).to_numpy(zero_copy_only=False)
    done &= (month >= 1) & (month <= 12) & (day >= 1) & (hour <= 23) & (minute <= 59) & (second <= 60)
    months = np.where(done, (year - 1970) * 12 + month - 1, 0).astype("M8[M]")
    days = months.astype("M8[D]") + (day - 1)
    done &= days.astype("M8[M]") == months  # 31 June is no day
    local = days.astype(np.int64) * 86_400_000_000
    local += ((hour * 60 + minute) * 60 + second) * 1_000_000 + fraction
    offset, given = _offsets(pc.fill_null(pc.struct_field(parts, "zone"), ""))
    us = np.where(given, local - offset, 0)
    bare = ~given & done
    if bare.any():
        us[bare] = to_utc(local[bare], zone)
    return us, done


def _offsets(zones: Any) -> tuple[Us, Mask]:
    """Microseconds east of Greenwich, and where any zone is written. There are few distinct ones."""
    encoded = zones.dictionary_encode()
    offsets, given = [], []
    for zone in encoded.dictionary.to_pylist():
        given.append(bool(zone))
        if zone[:1] in ("+", "-"):
            digits = zone[1:].replace(":", "").ljust(4, "0")
            minutes = int(digits[:2]) * 60 + int(digits[2:])
            offsets.append((-minutes if zone[0] == "-" else minutes) * 60_000_000)
        else:
            offsets.append(0)
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    return np.array(offsets, np.int64)[codes], np.array(given, np.bool_)[codes]


def _one_by_one(words: Any, zone: ZoneInfo) -> tuple[Us, Mask]:
    """The slow way, for writings that have no place in the fast one; once per distinct word."""
    encoded = words.dictionary_encode()
    us, readable = [], []
    for word in encoded.dictionary.to_pylist():
        moment = moments.read(word.strip())
        readable.append(moment is not None)
        us.append(0 if moment is None else moments.us_of(moment, zone))
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    return np.array(us, np.int64)[codes], np.array(readable, np.bool_)[codes]
