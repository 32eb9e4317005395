"""Metrics of labelled predictions, beside values worked out by hand and brute force."""

import numpy as np
import pytest

from checks.performance import realised


def test_the_confusion_metrics_of_a_small_table() -> None:
    truth = np.array([1, 1, 1, 0, 0, 0, 0, 0], bool)
    said = np.array([1, 1, 0, 1, 0, 0, 0, 0], bool)
    found = realised.binary(truth, said, None)
    assert {name: round(one.value, 6) for name, one in found.items()} == {
        "accuracy": 0.75,
        "precision": 0.666667,
        "recall": 0.666667,
        "f1": 0.666667,
    }


def test_a_metric_that_is_not_defined_is_left_out() -> None:
    found = realised.binary(np.zeros(3, bool), np.zeros(3, bool), np.array([0.1, 0.2, 0.3]))
    assert "precision" not in found
    assert "recall" not in found
    assert "roc_auc" not in found
    assert found["accuracy"].value == 1
    assert realised.binary(np.zeros(0, bool), np.zeros(0, bool), np.zeros(0)) == {}


def test_roc_auc_is_the_share_of_ordered_pairs_with_ties_and_weights() -> None:
    rng = np.random.default_rng(0)
    truth = rng.random(80) < 0.4
    score = np.round(rng.random(80) * 0.5 + truth.astype(np.float64) * 0.3, 1)
    weight = rng.random(80) + 0.1
    pairs = total = 0.0
    for i in np.flatnonzero(truth):
        for j in np.flatnonzero(~truth):
            won = 1.0 if score[i] > score[j] else 0.5 if score[i] == score[j] else 0.0
            pairs += weight[i] * weight[j] * won
            total += weight[i] * weight[j]
    found = realised.roc_auc(truth.astype(float), score, weight)
    assert found is not None
    assert found.value == pytest.approx(pairs / total)


def test_the_interval_of_roc_auc_covers_its_value() -> None:
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(300):
        truth = rng.random(300) < 0.3
        score = rng.normal(truth * 1.0, 1.0)
        found = realised.roc_auc(truth.astype(float), score, np.ones(300))
        assert found is not None
        covered += found.low <= 0.76025 <= found.high  # Φ(1 / √2)
    assert covered / 300 > 0.92


def test_perfect_order_of_few_records_is_not_certain() -> None:
    found = realised.roc_auc(np.array([0.0, 0.0, 1.0]), np.array([0.1, 0.2, 0.9]), np.ones(3))
    assert found is not None
    assert found.value == 1
    assert found.low == 0


def test_calibration_error_is_small_for_honest_scores_and_large_for_boasting_ones() -> None:
    rng = np.random.default_rng(2)
    score = rng.random(20_000)
    truth = rng.random(20_000) < score
    honest = realised.calibration_error(truth, score, np.ones(20_000))
    boasting = realised.calibration_error(truth, np.where(score > 0.5, 0.99, 0.01), np.ones(20_000))
    assert honest is not None
    assert boasting is not None
    assert honest.value < 0.02
    assert boasting.value > 0.2


def test_metrics_do_not_depend_on_the_order_of_records() -> None:
    rng = np.random.default_rng(5)
    truth, score = rng.random(500) < 0.3, np.round(rng.random(500), 2)
    order = rng.permutation(500)
    one = realised.binary(truth, score > 0.5, score)
    other = realised.binary(truth[order], score[order] > 0.5, score[order])
    for name in one:
        assert one[name].value == pytest.approx(other[name].value, abs=1e-12)


def test_classes_are_told_apart() -> None:
    found = realised.classes(["a", "a", "b", "c"], ["a", "b", "b", "c"])
    assert found["accuracy"].value == 0.75
    assert found["recall[a]"].value == 0.5
    assert found["macro_f1"].value == pytest.approx((2 / 3 + 2 / 3 + 1) / 3)


def test_errors_of_numbers_have_the_unit_of_the_number() -> None:
    found = realised.numbers(np.array([1.0, 2.0, 3.0]), np.array([2.0, 2.0, 5.0]))
    assert found["mae"].value == 1
    assert found["bias"].value == 1
    assert found["rmse"].value == pytest.approx((5 / 3) ** 0.5)
