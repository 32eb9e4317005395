"""The grid: by the clock below a day, by the calendar of the contract's zone from a day on."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.windows import DAY_US, WEEK_US, Grid

HOUR_US = 3_600_000_000
YEARS = st.integers(0, 2_500_000_000_000_000)  # 1970 … 2049
GRIDS = st.builds(
    Grid,
    st.sampled_from([60_000_000, HOUR_US, 6 * HOUR_US, DAY_US, WEEK_US]),
    st.sampled_from(
        [
            "UTC",
            "Europe/Berlin",
            "America/New_York",
            "Australia/Lord_Howe",
            "Atlantic/Azores",
            "Asia/Kathmandu",
        ]
    ),
)


def us(text: str, zone: str = "UTC") -> int:
    moment = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))
    return round(moment.timestamp() * 1_000_000)


@given(GRIDS, YEARS)
def test_a_window_holds_its_moment_and_ends_where_the_next_begins(grid: Grid, moment: int) -> None:
    start = grid.window_start(moment)
    end = grid.window_end(start)
    assert start <= moment < end
    assert grid.window_start(start) == start
    assert grid.window_start(end) == end
    assert grid.window_start(end - 1) == start


@given(GRIDS, st.lists(YEARS, max_size=20))
def test_whole_columns_get_the_same_windows_as_single_moments(grid: Grid, moments: list[int]) -> None:
    column = np.array(moments, np.int64)
    assert grid.window_starts(column).tolist() == [grid.window_start(moment) for moment in moments]


@given(GRIDS, YEARS, st.integers(1, 20))
def test_starts_are_the_windows_that_begin_in_a_span(grid: Grid, moment: int, count: int) -> None:
    end = moment
    for _ in range(count):
        end = grid.window_end(grid.window_start(end))
    starts = list(grid.starts(moment, end))
    assert len(starts) in (count - 1, count)
    assert all(moment <= start < end for start in starts)


def test_the_origin_is_a_monday() -> None:
    assert (
        datetime.fromtimestamp(Grid(WEEK_US).window_start(us("2026-11-21T12:00")) / 1e6, UTC).isoweekday()
        == 1
    )
    assert Grid(6 * HOUR_US).window_start(us("2026-11-21T13:59")) == us("2026-11-21T12:00")


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-29T12:00", 23), ("2026-10-25T12:00", 25), ("2026-07-01T12:00", 24)]
)
def test_days_are_as_long_as_the_clock_makes_them(day: str, hours: int) -> None:
    grid = Grid(DAY_US, "Europe/Berlin")
    start = grid.window_start(us(day, "Europe/Berlin"))
    assert grid.window_end(start) - start == hours * HOUR_US
    assert start == us(day[:10] + "T00:00", "Europe/Berlin")


def test_a_week_starts_on_monday_in_the_zone() -> None:
    grid = Grid(WEEK_US, "America/New_York")
    start = grid.window_start(
        us("2026-11-01T12:00", "America/New_York")
    )  # the Sunday on which the clock goes back
    assert start == us("2026-10-26T00:00", "America/New_York")
    assert grid.window_end(start) - start == WEEK_US + HOUR_US


def test_a_midnight_that_does_not_exist_is_the_change_of_the_clock() -> None:
    grid = Grid(DAY_US, "America/Sao_Paulo")  # 2018-11-04 began at 01:00
    start = grid.window_start(us("2018-11-04T12:00", "America/Sao_Paulo"))
    assert grid.window_end(start) - start == 23 * HOUR_US


def test_no_moments_have_no_windows() -> None:
    assert len(Grid(DAY_US, "Europe/Berlin").window_starts(np.zeros(0, np.int64))) == 0
