"""Burn rates: both spans must burn, the fastest rule speaks."""

import pytest

from checks.performance.burn import HOUR_US, burning

FIVE_MINUTES = HOUR_US // 12


def test_a_budget_that_lasts_its_period_is_no_alarm() -> None:
    found = burning([2] * 1_000, [1_000] * 1_000, FIVE_MINUTES, 0.999)
    assert found is not None
    assert found.rule.severity == "ticket"
    assert burning([1] * 1_000, [1_100] * 1_000, FIVE_MINUTES, 0.999) is None


def test_a_fast_burn_pages() -> None:
    found = burning([0] * 100 + [20] * 12, [1_000] * 112, FIVE_MINUTES, 0.999)
    assert found is not None
    assert found.rule.severity == "page"
    assert found.rule.rate == 14.4
    assert found.long == pytest.approx(20)


def test_a_burn_that_is_over_is_no_alarm() -> None:
    fast = [0] * 100 + [200] * 6 + [0] * 6
    found = burning(fast, [1_000] * 112, FIVE_MINUTES, 0.999)
    assert found is None or found.rule.rate < 14.4


def test_a_few_slow_requests_of_a_few_are_no_incident() -> None:
    assert burning([1, 1], [2, 2], HOUR_US, 0.99) is None


def test_windows_longer_than_a_span_are_read_whole() -> None:
    found = burning([0, 200], [1_000, 1_000], 24 * HOUR_US, 0.99)
    assert found is not None
    assert found.short == pytest.approx(20)


def test_no_traffic_burns_nothing() -> None:
    assert burning([], [], HOUR_US, 0.99) is None
    assert burning([0], [0], HOUR_US, 0.99) is None


@pytest.mark.parametrize("objective", [0.0, 1.0, 99.0])
def test_an_objective_is_a_share(objective: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        burning([1], [1], HOUR_US, objective)
