from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from checks import distances

SYMMETRIC = [
    distances.jsd,
    distances.js_distance,
    distances.psi,
    distances.hellinger,
    distances.total_variation,
    distances.ks,
    distances.g_statistic,
]
EVERY = [*SYMMETRIC, distances.kl]

counts = hnp.arrays(np.int64, 6, elements=st.integers(0, 1000)).filter(lambda array: array.sum() > 0)


class TestValues:
    """Small cases that can be worked out by hand."""

    def test_half_of_the_records_move_to_a_bin_of_their_own(self) -> None:
        reference, current = [10, 0], [5, 5]
        p, q = np.array([1.0, 0.0]), np.array([0.5, 0.5])
        middle = (p + q) / 2
        by_hand = 0.5 * np.log(1 / middle[0]) + 0.5 * (q * np.log(q / middle)).sum()
        assert distances.jsd(reference, current) == pytest.approx(by_hand)
        assert distances.js_distance(reference, current) == pytest.approx(np.sqrt(by_hand))
        assert distances.hellinger(reference, current) == pytest.approx(np.sqrt(1 - np.sqrt(0.5)))
        assert distances.total_variation(reference, current) == pytest.approx(0.5)
        assert distances.ks(reference, current) == pytest.approx(0.5)
        assert distances.wasserstein(reference, current, [0.0, 30.0]) == pytest.approx(15.0)

    def test_psi_without_smoothing_is_the_textbook_formula(self) -> None:
        reference, current = [60, 40], [50, 50]
        by_hand = 0.1 * np.log(0.6 / 0.5) - 0.1 * np.log(0.4 / 0.5)
        assert distances.psi(reference, current, pseudo_count=0) == pytest.approx(by_hand)

    def test_kl_without_smoothing_is_the_textbook_formula(self) -> None:
        by_hand = 0.6 * np.log(0.6 / 0.5) + 0.4 * np.log(0.4 / 0.5)
        assert distances.kl([60, 40], [50, 50], pseudo_count=0) == pytest.approx(by_hand)

    def test_a_bin_that_only_one_side_uses_is_infinite_without_smoothing_and_finite_with_it(self) -> None:
        assert distances.psi([10, 0], [9, 1], pseudo_count=0) == np.inf
        assert 0 < distances.psi([10, 0], [9, 1]) < 1
        assert distances.kl([9, 1], [10, 0], pseudo_count=0) == np.inf

    def test_nothing_in_common_is_the_upper_bound(self) -> None:
        assert distances.jsd([7, 0], [0, 3]) == pytest.approx(distances.LN2)
        assert distances.hellinger([7, 0], [0, 3]) == pytest.approx(1)
        assert distances.total_variation([7, 0], [0, 3]) == pytest.approx(1)

    def test_g_agrees_with_scipys_contingency_table(self) -> None:
        from scipy.stats import chi2_contingency

        reference, current = [60, 40, 5], [50, 50, 9]
        expected = chi2_contingency([reference, current], correction=False, lambda_="log-likelihood")
        assert distances.g_statistic(reference, current) == pytest.approx(expected.statistic)
        assert distances.degrees_of_freedom(reference, current) == expected.dof
        assert distances.g_p_value(reference, current) == pytest.approx(expected.pvalue)

    def test_wasserstein_refuses_positions_out_of_order(self) -> None:
        with pytest.raises(ValueError, match="2 finite numbers in ascending order"):
            distances.wasserstein([1, 2], [2, 1], [1.0, 0.0])
        with pytest.raises(ValueError, match="2 finite numbers in ascending order"):
            distances.wasserstein([1, 2], [2, 1], [0.0, 1.0, 2.0])


class TestConventions:
    @pytest.mark.parametrize("distance", [*EVERY, distances.g_p_value])
    def test_a_side_without_records_has_no_distance(self, distance) -> None:  # type: ignore[no-untyped-def]
        assert np.isnan(distance([0, 0], [1, 2]))
        assert np.isnan(distance([1, 2], [0, 0]))

    def test_leading_axes_broadcast(self) -> None:
        windows = np.array([[5, 5, 0], [1, 1, 8], [0, 0, 0]])
        result = distances.jsd(np.array([5, 4, 1]), windows)
        assert result.shape == (3,)
        assert result[1] == pytest.approx(distances.jsd([5, 4, 1], [1, 1, 8]))
        assert np.isnan(result[2])

    def test_one_used_bin_is_no_evidence_of_anything(self) -> None:
        assert distances.g_p_value([0, 50], [0, 3]) == 1


class TestAlgebra:
    @given(counts, counts)
    def test_distances_are_symmetric_and_not_negative(self, a, b) -> None:  # type: ignore[no-untyped-def]
        for distance in SYMMETRIC:
            forward, backward = distance(a, b), distance(b, a)
            assert forward >= 0
            assert forward == pytest.approx(backward, rel=1e-9, abs=1e-12)
        assert distances.kl(a, b) >= 0

    @given(counts, st.integers(1, 50))
    def test_the_same_shares_are_no_distance(self, a, factor) -> None:  # type: ignore[no-untyped-def]
        for distance in SYMMETRIC:
            if distance is not distances.psi:  # its pseudo-count knows that the sizes differ
                assert distance(a, a * factor) == pytest.approx(0, abs=1e-7)

    @given(counts, counts)
    def test_known_inequalities_hold(self, a, b) -> None:  # type: ignore[no-untyped-def]
        total = distances.total_variation(a, b)
        hellinger = distances.hellinger(a, b)
        assert hellinger**2 <= total + 1e-12
        assert total <= np.sqrt(2) * hellinger + 1e-12
        assert distances.ks(a, b) <= total + 1e-12
        assert distances.jsd(a, b) <= distances.LN2 * total + 1e-12

    @given(counts, counts)
    def test_the_terms_say_which_bins_moved(self, a, b) -> None:  # type: ignore[no-untyped-def]
        terms = distances.jsd_terms(a, b)
        assert terms.min() >= 0
        assert terms.sum() == pytest.approx(distances.jsd(a, b))

    @given(counts, counts)
    def test_wasserstein_agrees_with_scipy_on_the_expanded_samples(self, a, b) -> None:  # type: ignore[no-untyped-def]
        from scipy.stats import wasserstein_distance

        places = np.array([-3.0, 0.0, 0.5, 2.0, 10.0, 11.0])
        expected = wasserstein_distance(places, places, a, b)
        assert distances.wasserstein(a, b, places) == pytest.approx(expected, rel=1e-9, abs=1e-12)


def _zipf(bins: int) -> np.ndarray:
    weights = 1 / np.arange(1, bins + 1)
    return weights / weights.sum()


class TestWhatChanceAloneGives:
    @pytest.mark.parametrize(
        ("shape", "probabilities"),
        [
            ("even", np.full(20, 0.05)),
            ("Zipf", _zipf(300)),
            ("one rare value", np.array([0.99, 0.01])),
            ("a bin never used", np.array([0.5, 0.0, 0.3, 0.2])),
        ],
    )
    @pytest.mark.parametrize(("n1", "n2"), [(10, 10), (120, 40), (100_000, 119), (3000, 3000)])
    def test_expected_jsd_is_the_mean_of_simulated_draws(
        self, shape: str, probabilities: np.ndarray, n1: int, n2: int
    ) -> None:
        generator = np.random.default_rng(7)
        draws = [generator.multinomial(n, probabilities, size=2500) for n in (n1, n2)]
        simulated = distances.jsd(*draws)
        noise = 3 * simulated.std() / np.sqrt(len(simulated))
        expected = distances.expected_jsd(probabilities, n1, n2)
        assert expected == pytest.approx(simulated.mean(), rel=0.04, abs=noise)

    def test_with_many_records_it_is_the_textbook_formula(self) -> None:
        expected = distances.expected_jsd(np.full(20, 0.05), 50_000, 40_000)
        assert expected == pytest.approx(19 / 8 * (1 / 50_000 + 1 / 40_000), rel=1e-3)

    def test_with_few_records_the_textbook_formula_would_hide_all_drift(self) -> None:
        # 500 values and hours of 100 records: it asks for more divergence than there can be.
        formula = 499 / 8 * (1 / 100 + 1 / 100)
        assert formula > 3 * distances.expected_jsd(_zipf(500), 100, 100)
        assert formula > distances.LN2

    def test_sizes_broadcast_over_windows(self) -> None:
        sizes = np.array([10.0, 100.0, 0.0, 1000.0])
        expected = distances.expected_jsd(np.full(5, 0.2), 10_000.0, sizes)
        assert expected.shape == (4,)
        assert np.isnan(expected[2])
        assert expected[0] > expected[1] > expected[3] > 0

    def test_sides_are_interchangeable_and_may_be_known_exactly(self) -> None:
        q = _zipf(40)
        assert distances.expected_jsd(q, 50, 700) == pytest.approx(distances.expected_jsd(q, 700, 50))
        assert distances.expected_jsd(q, np.inf, 50) == pytest.approx(
            distances.expected_jsd(q, 1e9, 50), rel=1e-3
        )
        assert distances.expected_jsd(q, np.inf, np.inf) == 0

    def test_expected_psi_is_the_formula_where_every_bin_is_full_and_simulated_elsewhere(self) -> None:
        even = np.full(10, 0.1)
        assert distances.expected_psi(even, 1000, 500) == pytest.approx(9 * (1 / 1000 + 1 / 500))
        generator = np.random.default_rng(3)
        draws = [generator.multinomial(n, _zipf(70), size=3000) for n in (2000, 60)]
        assert distances.expected_psi(_zipf(70), 2000, 60) == pytest.approx(
            distances.psi(*draws).mean(), rel=0.03
        )

    def test_expected_psi_repeats_itself_and_has_no_value_without_records(self) -> None:
        assert distances.expected_psi(_zipf(70), 90, 60) == distances.expected_psi(_zipf(70), 90, 60)
        assert np.isnan(distances.expected_psi(_zipf(70), 0, 60))
