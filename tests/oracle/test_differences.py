"""Where our default mode differs from Evidently on purpose: Evidently's answer, ours, and why ours."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from checks import distances
from monitor.evidently import EvidentlyProcess, Kind, Request

LIN = np.arange(1000) / 1000
SHIFTED = LIN + 0.1


def score(
    evidently: EvidentlyProcess, method: str, reference: Any, current: Any, kind: Kind = "number"
) -> float:
    (answer,) = evidently.measure([Request("x", kind, method, reference, current)])
    assert answer.score is not None, answer.error
    return answer.score


def in_reference_bins(reference: np.ndarray, *sides: np.ndarray, bins: int = 20) -> list[np.ndarray]:
    """Counts in equi-depth bins of the reference, one below and one above: what a frozen plan does."""
    edges = np.quantile(reference, np.linspace(0, 1, bins + 1))
    return [np.bincount(np.searchsorted(edges, side, side="right"), minlength=bins + 2) for side in sides]


def test_one_outlier_does_not_hide_a_shift(evidently: EvidentlyProcess) -> None:
    """Evidently's bins span the combined range, so one value in a thousand empties the rest into one bin."""
    with_outlier = np.append(SHIFTED[:-1], 1000.0)
    assert score(evidently, "psi", LIN, SHIFTED) > 1.2
    assert score(evidently, "psi", LIN, with_outlier) < 0.01

    reference, clean, dirty = in_reference_bins(LIN, LIN, SHIFTED, with_outlier)
    assert distances.psi(reference, clean) > 0.5
    assert distances.psi(reference, dirty) == pytest.approx(float(distances.psi(reference, clean)), rel=0.05)


def test_the_reference_is_a_sample_too(evidently: EvidentlyProcess) -> None:
    """Evidently's chi-square takes the reference for the truth: at 5 % it is wrong three times in ten."""
    generator = np.random.default_rng(11)
    words = np.array(["a", "b", "c", "d"], dtype=object)
    pairs = [[generator.choice(words, 400, p=[0.4, 0.3, 0.2, 0.1]) for _ in range(2)] for _ in range(300)]
    answers = evidently.measure([Request("x", "category", "chisquare", r, c) for r, c in pairs])
    theirs = np.mean([answer.score < 0.05 for answer in answers if answer.score is not None])

    counted = [[[int((side == word).sum()) for word in words] for side in pair] for pair in pairs]
    table = np.array(counted)
    ours = np.mean(distances.g_p_value(table[:, 0], table[:, 1]) < 0.05)
    assert theirs > 0.15
    assert 0.02 <= ours <= 0.08


def test_missing_values_count(evidently: EvidentlyProcess) -> None:
    """Evidently drops them: a column that lost half its values has not drifted at all."""
    half = LIN.copy()
    half[::2] = np.nan
    assert score(evidently, "psi", LIN, half) < 0.1

    # Ours is a rate of its own, judged beside the distribution of what is left.
    cells = np.array([[1000, 0], [500, 500]])
    assert distances.g_p_value(cells[0], cells[1]) < 1e-100


def test_a_small_window_is_not_drift(evidently: EvidentlyProcess) -> None:
    """Evidently's 0.1 is for every size: draws of 60 from the same distribution all 'drift'."""
    generator = np.random.default_rng(5)
    reference = generator.normal(size=5000)
    windows = [generator.normal(size=60) for _ in range(40)]
    answers = evidently.measure([Request("x", "number", "psi", reference, window) for window in windows])
    assert sum(bool(answer.drifted) for answer in answers) >= 36

    counted = in_reference_bins(reference, reference, *windows)
    measured = distances.jsd(counted[0], np.array(counted[1:]))
    chance = distances.expected_jsd(counted[0], 5000, 60)
    assert measured.mean() == pytest.approx(float(chance), rel=0.1)


def test_sides_may_have_different_sizes(evidently: EvidentlyProcess) -> None:
    """Evidently's G test wants as many current as reference records, which production never has."""
    sides = (["a"] * 60 + ["b"] * 40, ["a"] * 30 + ["b"] * 10)
    (answer,) = evidently.measure([Request("x", "category", "g_test", *sides)])
    assert answer.error is not None

    from scipy.stats import chi2_contingency

    expected = chi2_contingency([[60, 40], [30, 10]], correction=False, lambda_="log-likelihood").pvalue
    assert distances.g_p_value([60, 40], [30, 10]) == pytest.approx(expected)


def test_a_constant_column_is_no_drift(evidently: EvidentlyProcess) -> None:
    """Evidently's chi-square of one category is not a number."""
    (answer,) = evidently.measure([Request("x", "category", "chisquare", ["a"] * 50, ["a"] * 30)])
    assert answer.score is None
    assert answer.error == "the test gave nan"
    assert distances.g_p_value([50], [30]) == 1
    assert distances.jsd([50], [30]) == 0


def test_a_number_written_as_a_word_is_the_same_value() -> None:
    """To Evidently 1 and "1" have nothing in common: PSI 17. We read categories as words."""
    from checks import evidently_mode

    as_numbers = np.array([1, 2] * 50, dtype=object)
    as_words = np.array(["1", "2"] * 50, dtype=object)
    assert evidently_mode.psi(as_numbers, as_words, "category") > 15

    sides = [
        [int(np.sum(side.astype(str) == word)) for word in ("1", "2")] for side in (as_numbers, as_words)
    ]
    assert distances.psi(sides[0], sides[1]) == 0


def test_an_infinite_value_is_counted_and_does_not_spoil_the_rest(evidently: EvidentlyProcess) -> None:
    """Evidently cannot bin a column with one inf; our adapter leaves it out, our own bins keep it."""
    from checks import evidently_mode

    with_inf = np.append(LIN[:-1], np.inf)
    with pytest.raises(ValueError, match="not finite"):
        evidently_mode.psi(LIN, with_inf, "number")
    assert score(evidently, "psi", LIN, with_inf) < 0.01

    reference, current = in_reference_bins(LIN, LIN, with_inf)
    assert current.sum() == 1000
    assert distances.jsd(reference, current) < 0.001
