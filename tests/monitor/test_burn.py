"""Objectives: the break is there while the budget burns fast, and says how fast."""

from __future__ import annotations

import numpy as np
import pytest

from checks.batch import Column
from checks.series import ALL, Observations, Series
from monitor.burn import breaks
from monitor.recent import Recent

HOUR = 3_600_000_000
COLUMN = Column("latency_ms", "latency", "number", slo_ms=200.0, slo_objective=0.99)
SERIES = (
    Series("volume", "", ALL, "", "volume", "volume"),
    Series("slo_miss_rate", "latency_ms", ALL, "", "rate", "service"),
)


def observed(hours: range, missed: int, asked: int = 1_000) -> Observations:
    n = np.tile([float(asked), float(asked)], (len(hours), 1))
    x = np.tile([float(asked), float(missed)], (len(hours), 1))
    return Observations(SERIES, np.array(hours, np.int64) * HOUR, n, x, x * 0, {})


def judged(before: list[Observations], now: Observations) -> tuple[str, ...]:
    recent = Recent(before[0])
    for one in before[1:]:
        recent.add(one)
    return tuple(one.message for one in breaks((COLUMN,), recent, now, HOUR))


def test_a_calm_service_breaks_nothing() -> None:
    assert judged([observed(range(100), 9)], observed(range(100, 101), 9)) == ()


def test_an_hour_that_burns_fast_is_a_break() -> None:
    (message,) = judged([observed(range(100), 9)], observed(range(100, 101), 200))
    assert "burns 20 times as fast as the objective of 0.99" in message
    assert "20 % of this window's requests took 200 ms or longer" in message


def test_six_hours_that_burn_are_a_break_where_one_would_not_be() -> None:
    assert judged([observed(range(100), 9)], observed(range(100, 101), 80)) == ()
    slow = observed(range(95, 100), 80)
    (message,) = judged([observed(range(95), 9), slow], observed(range(100, 101), 80))
    assert "over 6 h" in message


def test_it_ends_with_the_burning() -> None:
    assert judged([observed(range(95), 9), observed(range(95, 100), 200)], observed(range(100, 101), 9)) == ()


@pytest.mark.parametrize("asked", [0, 3])
def test_too_few_requests_are_no_break(asked: int) -> None:
    assert judged([observed(range(100), 0, asked)], observed(range(100, 101), asked, asked)) == ()


def test_a_column_without_an_objective_is_not_asked() -> None:
    plain = Column("latency_ms", "latency", "number")
    recent = Recent(observed(range(100), 500))
    assert breaks((plain,), recent, observed(range(100, 101), 500), HOUR) == ()
