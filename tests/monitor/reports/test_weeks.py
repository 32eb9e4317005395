"""ISO weeks in UTC."""

from __future__ import annotations

import pytest

from monitor.errors import UsageError
from monitor.reports.weeks import week_named, week_of
from tests.monitor.seeded import us


def test_a_week_is_monday_to_monday() -> None:
    week = week_named("2026-W47")
    assert (week.from_us, week.to_us) == (us("2026-11-16T00:00"), us("2026-11-23T00:00"))
    assert (week.previous, week.following) == ("2026-W46", "2026-W48")
    assert week_of(week.from_us) == week
    assert week_of(week.to_us - 1) == week


def test_years_begin_and_end_in_the_middle_of_weeks() -> None:
    assert week_of(us("2027-01-01T00:00")).name == "2026-W53"
    assert week_named("2026-W53").following == "2027-W01"
    assert week_named("2026-W53").days == "28 December 2026–3 January 2027"
    assert week_named("2026-W49").days == "30 November–6 December 2026"
    assert week_named("2026-W47").days == "16–22 November 2026"


@pytest.mark.parametrize(
    "name",
    [
        "2026-W54",
        "2025-W53",
        "2026-W00",
        "2026-47",
        "2026-W4",
        "",
        "٢٠٢٦-W47",
        "0001-W01",
        "1969-W20",
        "9999-W52",
    ],
)
def test_names_that_are_no_week(name: str) -> None:
    with pytest.raises(UsageError):
        week_named(name)
