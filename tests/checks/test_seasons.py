from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import numpy.typing as npt
import pytest

from checks.seasons import DAY_US, HOUR_US, WEEK_US, Calendar, Season, blocks, classes, missing, places
from tests.checks.made_up import MONDAY_US


def starts(count: int, every_us: int = HOUR_US, first_us: int = MONDAY_US) -> npt.NDArray[np.int64]:
    return first_us + np.arange(count, dtype=np.int64) * every_us


def us(year: int, month: int, day: int, hour: int = 0) -> int:
    return int(datetime(year, month, day, hour, tzinfo=UTC).timestamp()) * 1_000_000


def test_cells_number_the_hours_of_a_week_from_monday() -> None:
    at = places(starts(168), Calendar(HOUR_US, "UTC"))
    assert at.cell.tolist() == list(range(168))


def test_the_season_is_that_of_the_contracts_time_zone() -> None:
    # 23:00 UTC on a Sunday is already Monday morning in Tokyo.
    at = places(np.array([us(2026, 3, 1, 23)]), Calendar(HOUR_US, "Asia/Tokyo"))
    assert (at.weekday[0], at.cell[0]) == (0, 8)


def test_the_hour_follows_the_clock_when_clocks_change() -> None:
    berlin = Calendar(HOUR_US, "Europe/Berlin")
    # 08:00 on the wall is 07:00 UTC in winter and 06:00 UTC in summer.
    winter, summer = us(2026, 3, 28, 7), us(2026, 3, 30, 6)
    at = places(np.array([winter, summer]), berlin)
    assert (at.cell % 24).tolist() == [8, 8]


def test_a_holiday_counts_as_a_sunday() -> None:
    friday = us(2026, 12, 25, 12)
    plain = places(np.array([friday]), Calendar(HOUR_US, "UTC"))
    festive = places(np.array([friday]), Calendar(HOUR_US, "UTC", (date(2026, 12, 25),)))
    assert (plain.weekday[0], festive.weekday[0]) == (4, 6)


def test_a_window_belongs_to_the_day_of_its_middle() -> None:
    six_hours = Calendar(6 * HOUR_US, "UTC")
    friday_evening = us(2026, 3, 6, 22)  # 22:00 to 04:00
    assert places(np.array([friday_evening]), six_hours).weekday[0] == 5


def test_coarse_seasons_group_cells() -> None:
    assert len(np.unique(classes(Season.NONE, 24))) == 1
    assert len(np.unique(classes(Season.HOUR, 24))) == 24
    assert len(np.unique(classes(Season.WEEKDAY, 24))) == 7
    assert len(np.unique(classes(Season.WEEKEND_HOUR, 24))) == 48
    assert len(np.unique(classes(Season.WEEKDAY_HOUR, 24))) == 168
    weekend = classes(Season.WEEKEND_HOUR, 24).reshape(7, 24)
    assert (weekend[5] == weekend[6]).all()
    assert (weekend[4] != weekend[5]).all()


def test_days_have_no_hours_and_weeks_no_days() -> None:
    assert Calendar(DAY_US, "UTC").candidates() == (Season.NONE, Season.WEEKDAY)
    assert Calendar(WEEK_US, "UTC").candidates() == (Season.NONE,)


@pytest.mark.parametrize(
    ("days", "kind", "count"), [(56, "week", 8), (55, "day", 55), (3, "day", 3), (2, "none", 1)]
)
def test_blocks_are_weeks_then_days_then_none(days: int, kind: str, count: int) -> None:
    found = blocks(starts(days * 24), Calendar(HOUR_US, "UTC"))
    assert (found.kind, found.count) == (kind, count)


def test_weeks_count_from_the_first_window_and_a_short_rest_joins_the_last() -> None:
    wednesday = MONDAY_US + 2 * DAY_US
    found = blocks(starts(9 * 7 + 2, DAY_US, wednesday), Calendar(DAY_US, "UTC"))
    assert np.bincount(found.of).tolist() == [7] * 8 + [9]


def test_a_scrap_of_a_day_joins_its_neighbour() -> None:
    six_hours = Calendar(6 * HOUR_US, "UTC")
    # One window of the evening before, three full days, one window of the day after.
    found = blocks(starts(1 + 12 + 1, 6 * HOUR_US, MONDAY_US - 6 * HOUR_US), six_hours)
    assert np.bincount(found.of).tolist() == [5, 4, 5]


def test_a_reference_of_four_working_days_says_that_it_holds_no_weekend() -> None:
    tuesday = MONDAY_US + DAY_US
    said = missing(starts(17, 6 * HOUR_US, tuesday), Calendar(6 * HOUR_US, "UTC"))
    # The seventeenth window reaches into Saturday: that does not make a weekend.
    assert said == ("no weekend in the reference", "no Monday in the reference")


def test_hours_without_a_window_are_said() -> None:
    day = starts(7 * 24)
    awake = day[(day // HOUR_US) % 24 != 3]
    assert missing(awake, Calendar(HOUR_US, "UTC")) == ("no window at 03-04 h in the reference",)


def test_a_whole_week_misses_nothing() -> None:
    assert missing(starts(168), Calendar(HOUR_US, "UTC")) == ()
    assert missing(starts(3, WEEK_US), Calendar(WEEK_US, "UTC")) == ()
