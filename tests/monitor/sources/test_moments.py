"""A single time is read like a column of times, however it is written."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.sources import moments, times

ZONES = (ZoneInfo("UTC"), ZoneInfo("Europe/Berlin"))
WRITINGS = [
    "2026-11-18T10:20:00Z",
    "2026-11-18T10:20:00.123456+05:30",
    "2026-11-18 10:20",
    "2026/11/18 10:20:31",
    "2026-11-18",
    " 2026-11-18T10:20:00 UTC ",
    "2026-11-18 11:35:52 -0800",
    "2026-11-18T10:20:00,5+01",
    "2026-12-31T23:59:60Z",
    "2026-10-25T02:30:00",  # twice in Berlin
    "2026-03-29T02:30:00",  # never in Berlin
    "20261118T102000Z",
    "Tue Feb 24 19:35:52 +0000 2015",
    "Wed, 18 Nov 2026 10:20:00 GMT",
    "1795000000",
    "1795000000.25",
    "1795000000123",
    "1795000000123456",
    "1795000000123456789",
    "1711111101123",
    "-631152000",
    "2026-02-30",
    "2026-13-01T00:00:00Z",
    "2026-11-18T25:00:00Z",
    "yesterday",
    "12",
    "x" * 100,
    "٢٠٢٦-١١-١٨",
]


def column(word: str, zone: ZoneInfo) -> int | None:
    us, missing, unreadable = times.parse(pa.array([word]), zone)
    return None if missing[0] or unreadable[0] else int(us[0])


@pytest.mark.parametrize("word", WRITINGS)
def test_a_word_says_what_a_column_of_it_says(word: str) -> None:
    for zone in ZONES:
        assert moments.parse(word, zone) == column(word, zone)


@given(st.datetimes(timezones=st.just(ZoneInfo("UTC"))) | st.datetimes(), st.sampled_from(ZONES))
def test_any_moment_in_iso_8601(moment: object, zone: ZoneInfo) -> None:
    word = moment.isoformat()  # type: ignore[attr-defined]
    assert moments.parse(word, zone) == column(word, zone)


@given(st.integers(10**8, 10**18) | st.integers(-(10**18), -(10**8)))
def test_any_number(number: int) -> None:
    assert moments.parse(str(number), ZONES[0]) == column(str(number), ZONES[0])


@given(st.text(max_size=40))
def test_no_text_raises(word: str) -> None:
    found = moments.parse(word, ZONES[1])
    assert found is None or isinstance(found, int)
