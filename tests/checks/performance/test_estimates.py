"""Rates and means of weighted records, with intervals that cover what they should."""

import numpy as np
import pytest

from checks.performance.estimates import mean, rate, wilson


def test_a_rate_weighs_each_record_and_stays_within_its_interval() -> None:
    found = rate(np.array([1.0, 0.0]), np.ones(2), np.array([3.0, 1.0]))
    assert found is not None
    assert found.value == pytest.approx(0.75)
    assert 0 <= found.low < found.value < found.high <= 1


def test_a_rate_of_nothing_is_none() -> None:
    assert rate(np.zeros(2), np.zeros(2), np.ones(2)) is None
    assert mean(np.zeros(0), np.zeros(0)) is None


def test_no_failure_among_a_hundred_is_not_certainty() -> None:
    found = rate(np.ones(100), np.ones(100), np.ones(100))
    assert found is not None
    assert found.value == found.high == 1
    assert found.low == pytest.approx(0.963, abs=0.001)  # Wilson's bound of 100 of 100


def test_equal_weights_give_wilsons_interval() -> None:
    found = rate(np.array([1.0] * 30 + [0.0] * 70), np.ones(100), np.full(100, 7.0))
    plain = wilson(0.3, 100)
    assert found is not None
    assert (found.low, found.high) == pytest.approx((plain.low, plain.high), abs=0.002)


def test_the_interval_of_an_unequal_sample_covers_the_truth() -> None:
    rng = np.random.default_rng(3)
    wrong = rng.random(20_000) < 0.1
    chance = np.where(wrong, 0.2, 0.02)
    covered = 0
    for _ in range(400):
        kept = rng.random(20_000) < chance
        found = rate(wrong[kept].astype(float), np.ones(kept.sum()), 1 / chance[kept])
        assert found is not None
        covered += found.low <= wrong.mean() <= found.high
    assert covered / 400 > 0.92


def test_the_interval_of_a_mean_covers_the_truth() -> None:
    rng = np.random.default_rng(4)
    covered = 0
    for _ in range(400):
        found = mean(rng.exponential(2.0, 200), np.ones(200))
        assert found is not None
        covered += found.low <= 2.0 <= found.high
    assert covered / 400 > 0.91
