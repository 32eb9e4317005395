from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from checks import tails


def arrays(*values: float) -> list[np.ndarray]:
    return [np.array([value], dtype=np.float64) for value in values]


@pytest.mark.parametrize(
    ("x", "n", "mean", "rho"),
    [
        (0, 120, 0.001, 1e-4),
        (3, 120, 0.001, 1e-4),
        (24, 120, 0.12, 1e-3),
        (2, 50, 0.4, 0.01),
        (40, 40, 0.9, 0.05),
    ],
)
def test_the_beta_binomial_score_is_that_of_scipy(x: int, n: int, mean: float, rho: float) -> None:
    strength = 1 / rho - 1
    oracle = stats.betabinom(n, mean * strength, (1 - mean) * strength)
    upper = oracle.sf(x) + oracle.pmf(x) / 2
    assert tails.beta_binomial_z(*arrays(x, n, mean, rho))[0] == pytest.approx(
        stats.norm.isf(upper), abs=1e-6
    )


def test_beyond_the_exact_sum_the_score_stays_close() -> None:
    x, n, mean, rho = 5_400, 10_000, 0.5, 1e-3
    strength = 1 / rho - 1
    oracle = stats.betabinom(n, mean * strength, (1 - mean) * strength)
    upper = oracle.sf(x) + oracle.pmf(x) / 2
    assert tails.beta_binomial_z(*arrays(x, n, mean, rho))[0] == pytest.approx(
        stats.norm.isf(upper), abs=0.02
    )


def test_no_messages_say_nothing() -> None:
    assert tails.beta_binomial_z(*arrays(0, 0, 0.3, 0.01))[0] == 0
    assert tails.beta_binomial_gain(*arrays(0, 0, 0.3, 0.5, 0.01))[0] == 0


@given(n=st.integers(1, 400), mean=st.floats(1e-6, 1 - 1e-6), rho=st.floats(1e-4, 0.4))
def test_more_messages_with_the_property_never_look_less_unusual(n: int, mean: float, rho: float) -> None:
    x = np.arange(n + 1, dtype=np.float64)
    z = tails.beta_binomial_z(x, np.full(n + 1, float(n)), np.full(n + 1, mean), np.full(n + 1, rho))
    assert (np.diff(z) >= -1e-6).all()
    assert (np.abs(z) <= tails.Z_LIMIT).all()


def test_the_gain_is_the_difference_of_log_likelihoods() -> None:
    x, n, low, high, rho = 4, 100, 0.01, 0.03, 1e-3
    strength = 1 / rho - 1
    oracle = [stats.betabinom(n, m * strength, (1 - m) * strength).logpmf(x) for m in (low, high)]
    assert tails.beta_binomial_gain(*arrays(x, n, low, high, rho))[0] == pytest.approx(oracle[1] - oracle[0])


@pytest.mark.parametrize(
    ("x", "mean", "dispersion"), [(0, 20, 0.01), (3, 0.1, 0.01), (130, 100, 0.01), (60, 100, 0.01)]
)
def test_the_negative_binomial_score_is_that_of_scipy(x: int, mean: float, dispersion: float) -> None:
    size = 1 / dispersion
    oracle = stats.nbinom(size, size / (size + mean))
    upper = oracle.sf(x) + oracle.pmf(x) / 2
    lower = oracle.cdf(x) - oracle.pmf(x) / 2
    expected = stats.norm.isf(upper) if upper < lower else stats.norm.ppf(lower)
    assert tails.negative_binomial_z(*arrays(x, mean, dispersion))[0] == pytest.approx(expected, abs=1e-6)


def test_a_student_tail_is_told_as_a_normal_one() -> None:
    assert tails.t_to_z(*arrays(3.0, 5.0))[0] == pytest.approx(stats.norm.isf(stats.t.sf(3.0, 5)))
    assert tails.t_to_z(*arrays(-3.0, 5.0))[0] == pytest.approx(-stats.norm.isf(stats.t.sf(3.0, 5)))


def test_scores_far_in_the_tail_are_clipped_and_finite() -> None:
    assert tails.beta_binomial_z(*arrays(500, 500, 1e-4, 1e-4))[0] == tails.Z_LIMIT
    assert tails.negative_binomial_z(*arrays(0, 1e5, 1e-4))[0] == -tails.Z_LIMIT
    assert tails.gamma_z(*arrays(1e6, 10.0))[0] == tails.Z_LIMIT


def test_wilsons_interval() -> None:
    low, high = tails.wilson(*arrays(10, 100))
    assert (low[0], high[0]) == (pytest.approx(0.0552, abs=1e-4), pytest.approx(0.1744, abs=1e-4))
    nothing = tails.wilson(*arrays(0, 0))
    assert np.isnan(nothing).all()
