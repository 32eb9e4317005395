"""Objectives: the break is there while the budget burns fast, and says how fast."""

from __future__ import annotations

import numpy as np
import pytest

from checks.batch import Column
from checks.breaks import Break
from checks.series import ALL, Observations, Series
from monitor.burn import breaks
from monitor.recent import Recent

HOUR = 3_600_000_000
COLUMN = Column("latency_ms", "latency", "number", slo_ms=200.0, slo_objective=0.99)
STATUS = Column("status", "status", "category", slo_objective=0.99, errors=("5xx", "timeout"))
SERIES = (
    Series("volume", "", ALL, "", "volume", "volume"),
    Series("slo_miss_rate", "latency_ms", ALL, "", "rate", "service"),
    Series("slo_error_rate", "status", ALL, "", "rate", "service"),
)


def observed(hours: range, missed: int, asked: int = 1_000) -> Observations:
    n = np.tile([float(asked)] * 3, (len(hours), 1))
    x = np.tile([float(asked), float(missed), float(missed)], (len(hours), 1))
    return Observations(SERIES, np.array(hours, np.int64) * HOUR, n, x, x * 0, {})


def broken(before: list[Observations], now: Observations, column: Column = COLUMN) -> tuple[Break, ...]:
    recent = Recent(before[0])
    for one in before[1:]:
        recent.add(one)
    return breaks((column,), recent, now, HOUR)


def judged(before: list[Observations], now: Observations) -> tuple[str, ...]:
    return tuple(one.message for one in broken(before, now))


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


def test_it_calls_nobody_once_the_burning_is_over_and_ends_with_the_six_hours() -> None:
    burnt = [observed(range(95), 9), observed(range(95, 100), 200)]
    (after,) = broken(burnt, observed(range(100, 101), 9))
    assert after.severity == "ticket", "the budget of three days is still overspent"
    calm = [*burnt, observed(range(100, 105), 9)]
    assert broken(calm, observed(range(105, 106), 9)) == ()


def test_errors_burn_a_budget_as_slow_requests_do() -> None:
    (found,) = broken([observed(range(100), 0)], observed(range(100, 101), 200), STATUS)
    assert (found.column, found.severity) == ("status", "page")
    assert found.message == (
        "status: the error budget burns 20 times as fast as the objective of 0.99 allows over 1 h (limit 14.4), and "
        "20 times over the last 1 h: 20 % of this window's requests were errors (5xx, timeout)"
    )


def test_a_slow_burn_is_a_ticket() -> None:
    (found,) = broken([observed(range(100), 15)], observed(range(100, 101), 15), STATUS)
    assert found.severity == "ticket"
    assert "burns 1.5 times as fast as the objective of 0.99 allows over 3 days (limit 1)" in found.message


def test_a_service_that_just_keeps_its_objective_raises_no_ticket() -> None:
    assert broken([observed(range(100), 10)], observed(range(100, 101), 10), STATUS) == ()


def test_a_slow_burn_needs_enough_requests_to_be_sure() -> None:
    """15 of 1,000 where 10 are allowed is what chance does one time in twelve."""
    assert broken([observed(range(99, 100), 7, 500)], observed(range(100, 101), 8, 500), STATUS) == ()


@pytest.mark.parametrize("asked", [0, 3])
def test_too_few_requests_are_no_break(asked: int) -> None:
    assert judged([observed(range(100), 0, asked)], observed(range(100, 101), asked, asked)) == ()


def test_a_column_without_an_objective_is_not_asked() -> None:
    plain = Column("latency_ms", "latency", "number")
    recent = Recent(observed(range(100), 500))
    assert breaks((plain,), recent, observed(range(100, 101), 500), HOUR) == ()
