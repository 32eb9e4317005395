"""Performance without labels: right where only the inputs shift, and honest about what it cannot see."""

import numpy as np
import pytest

from checks.performance import estimated, realised


def drawn(rng: np.random.Generator, count: int, hard: float = 0.0):  # type: ignore[no-untyped-def]
    """Records whose scores boast: the chance of truth is less extreme than the score. `hard` ones lie in the middle."""
    logit = rng.normal(0, 2 * (1 - hard), count)
    truth = rng.random(count) < 1 / (1 + np.exp(-logit))
    return truth, 1 / (1 + np.exp(-2 * logit))


def test_it_follows_a_shift_towards_hard_records() -> None:
    rng = np.random.default_rng(0)
    truth, score = drawn(rng, 20_000)
    calibration = estimated.calibrate(truth, score)
    truth, score = drawn(rng, 20_000, hard=0.5)
    expected = estimated.estimate(score > 0.5, score, calibration)
    real = realised.binary(truth, score > 0.5, score)
    for name in ("accuracy", "precision", "recall", "f1", "roc_auc"):
        assert expected[name].value == pytest.approx(real[name].value, abs=0.015), name
    assert real["accuracy"].value < 0.7


def test_it_is_blind_to_a_change_of_meaning() -> None:
    rng = np.random.default_rng(0)
    truth, score = drawn(rng, 5_000)
    calibration = estimated.calibrate(truth, score)
    truth, score = drawn(rng, 5_000)
    expected = estimated.estimate(score > 0.5, score, calibration)["accuracy"].value
    assert realised.binary(~truth, score > 0.5, score)["accuracy"].value < expected - 0.3


def test_scores_that_are_calibrated_already_are_taken_as_they_are() -> None:
    rng = np.random.default_rng(2)
    score = rng.random(300)
    calibration = estimated.calibrate(rng.random(300) < score, score)
    assert calibration.scores == calibration.chances == (0.0, 1.0)


def test_the_order_of_the_records_does_not_matter() -> None:
    rng = np.random.default_rng(3)
    truth, score = drawn(rng, 1_000)
    order = rng.permutation(1_000)
    assert estimated.calibrate(truth, score) == estimated.calibrate(truth[order], score[order])


def test_it_is_the_isotonic_curve() -> None:
    curve = estimated._isotonic(
        np.array([0, 1, 0, 1, 1], bool), np.array([0.1, 0.2, 0.3, 0.4, 0.4]), np.ones(5)
    )
    assert curve.scores == (0.1, 0.2, 0.3, 0.4)
    assert curve.chances == pytest.approx((0, 0.5, 0.5, 1))
    assert curve(np.array([0.0, 0.35, 2.0])) == pytest.approx([0, 0.75, 1])


@pytest.mark.parametrize(("count", "yes"), [(0, 0), (99, 40), (500, 9), (500, 495)])
def test_too_few_labels_are_refused_with_what_is_needed(count: int, yes: int) -> None:
    truth = np.arange(count) < yes
    with pytest.raises(ValueError, match="needs 100 and 10 of each class"):
        estimated.calibrate(truth, np.linspace(0, 1, count))


def test_a_calibration_survives_its_dictionary() -> None:
    rng = np.random.default_rng(4)
    calibration = estimated.calibrate(*drawn(rng, 1_000))
    assert estimated.Calibration.from_dict(calibration.to_dict()) == calibration
    with pytest.raises(ValueError, match="as many chances"):
        estimated.Calibration.from_dict({"scores": [1.0], "chances": [], "learnt_from": 3})


def test_records_without_a_score_are_left_out() -> None:
    calibration = estimated.Calibration((0.0, 1.0), (0.0, 1.0), 100)
    found = estimated.estimate(np.array([True, True]), np.array([0.8, np.nan]), calibration)
    assert found["precision"].value == pytest.approx(0.8)
    assert estimated.estimate(np.zeros(0, bool), np.zeros(0), calibration) == {}
