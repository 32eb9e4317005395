"""Event times of any writing."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.sources import times

BERLIN = ZoneInfo("Europe/Berlin")
UTC_ZONE = ZoneInfo("UTC")


def parsed(value: object, zone: ZoneInfo = UTC_ZONE) -> str | None:
    """The moment in UTC, None for missing, "?" for unreadable."""
    array = pa.array([value])
    us, missing, unreadable = times.parse(array, zone)
    if missing[0] or unreadable[0]:
        return None if missing[0] else "?"
    return (datetime(1970, 1, 1) + timedelta(microseconds=int(us[0]))).isoformat()


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-02-24T11:35:52Z", "2026-02-24T11:35:52"),
        ("2026-02-24 11:35:52 -0800", "2026-02-24T19:35:52"),
        ("2026-02-24T11:35:52.123456789+05:30", "2026-02-24T06:05:52.123456"),
        ("2026-02-24T11:35:52,5+05", "2026-02-24T06:35:52.500000"),
        ("2026-02-24 11:35", "2026-02-24T11:35:00"),
        ("  2026/02/24 11:35:00 UTC ", "2026-02-24T11:35:00"),
        ("2026-02-24", "2026-02-24T00:00:00"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00"),
        ("Tue, 24 Feb 2026 11:35:52 -0800", "2026-02-24T19:35:52"),
        ("Tue Feb 24 19:35:52 +0000 2026", "2026-02-24T19:35:52"),
        ("20260224T193552Z", "2026-02-24T19:35:52"),
        ("1771961752", "2026-02-24T19:35:52"),
        ("1771961752.5", "2026-02-24T19:35:52.500000"),
        ("1771961752123", "2026-02-24T19:35:52.123000"),
        (1771961752, "2026-02-24T19:35:52"),
        (1771961752123, "2026-02-24T19:35:52.123000"),
        (1771961752123456, "2026-02-24T19:35:52.123456"),
        (1771961752123456789, "2026-02-24T19:35:52.123456"),
        (1771961752.25, "2026-02-24T19:35:52.250000"),
        (Decimal("1771961752.25"), "2026-02-24T19:35:52.250000"),
        (date(2026, 2, 24), "2026-02-24T00:00:00"),
        (datetime(2026, 2, 24, 11, 35, tzinfo=UTC), "2026-02-24T11:35:00"),
        (b"2026-02-24T11:35:52Z", "2026-02-24T11:35:52"),
    ],
)
def test_what_people_and_programs_write(written: object, meant: str) -> None:
    assert parsed(written) == meant


@pytest.mark.parametrize("written", [None, "", "  ", "null", "NaN", "n/a"])
def test_missing(written: object) -> None:
    assert parsed(written) is None


@pytest.mark.parametrize(
    "written",
    [
        "yesterday",
        "2026-06-31",
        "2026-13-01",
        "2026-02-24 25:00:00",
        "2026-02-24 10:61",
        b"\xff2026",
        "9" * 80,
        True,
        float("nan"),
    ],
)
def test_unreadable(written: object) -> None:
    assert parsed(written) == "?"


def test_times_without_a_zone_are_in_the_contracts() -> None:
    assert parsed("2026-07-01 12:00:00", BERLIN) == "2026-07-01T10:00:00"
    assert parsed(datetime(2026, 1, 1, 12), BERLIN) == "2026-01-01T11:00:00"
    assert parsed("2026-07-01T12:00:00+00:00", BERLIN) == "2026-07-01T12:00:00"


def test_when_the_clock_changes() -> None:
    assert parsed("2026-10-25 02:30", BERLIN) == "2026-10-25T00:30:00"  # twice: the first is meant
    assert parsed("2026-03-29 02:30", BERLIN) == "2026-03-29T01:30:00"  # never: an hour on, 03:30


@given(
    st.lists(st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1)), min_size=1, max_size=20),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]),
)
def test_whole_columns_agree_with_the_standard_library(moments: list[datetime], name: str) -> None:
    zone = ZoneInfo(name)
    expected = [
        (moment.replace(tzinfo=zone) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
        for moment in moments
    ]
    for array in (
        pa.array([moment.isoformat(" ") for moment in moments]),
        pa.array(moments, pa.timestamp("us")),
    ):
        us, missing, unreadable = times.parse(array, zone)
        assert us.tolist() == expected
        assert not missing.any()
        assert not unreadable.any()


def test_a_dictionary_and_a_nested_column() -> None:
    us, missing, _ = times.parse(pa.array(["2026-02-24", None, "2026-02-24"]).dictionary_encode(), UTC_ZONE)
    assert us[0] == us[2]
    assert missing.tolist() == [False, True, False]
    _, missing, unreadable = times.parse(pa.array([[1], None]), UTC_ZONE)
    assert (missing.tolist(), unreadable.tolist()) == ([False, True], [True, False])


def test_an_empty_column() -> None:
    us, missing, unreadable = times.parse(pa.array([], pa.string()), UTC_ZONE)
    assert len(us) == len(missing) == len(unreadable) == 0
    assert us.dtype == np.int64
