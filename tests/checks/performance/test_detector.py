"""The e-detector: no more false alarms than were agreed, and soon there where losses rise."""

import numpy as np
import pytest

from checks.performance.detector import Detector, step

HOUR_US = 3_600_000_000


def windows_until(rng: np.random.Generator, risk: float, bar: float, limit: int) -> int:
    detector = Detector()
    for window in range(limit):
        detector = step(detector, (rng.random(50) < risk).astype(float), 0.1, window * HOUR_US)
        if detector.evidence >= bar:
            return window + 1
    return limit


def test_false_alarms_are_rarer_than_one_in_the_bar() -> None:
    rng = np.random.default_rng(0)
    waits = [windows_until(rng, 0.1, 50.0, 1_000) for _ in range(40)]
    assert np.mean(waits) >= 50


def test_a_rise_is_found_within_a_few_windows_however_long_all_was_well() -> None:
    rng = np.random.default_rng(1)
    detector = Detector()
    for window in range(500):
        detector = step(detector, (rng.random(50) < 0.05).astype(float), 0.1, window * HOUR_US)
    for window in range(500, 520):
        detector = step(detector, (rng.random(50) < 0.2).astype(float), 0.1, window * HOUR_US)
        if detector.evidence >= 2_160:
            break
    assert window < 512
    assert detector.since_us is not None
    assert 495 * HOUR_US <= detector.since_us <= window * HOUR_US


def test_it_calms_down_once_losses_are_back_to_normal() -> None:
    rng = np.random.default_rng(2)
    detector = Detector()
    for window in range(20):
        detector = step(detector, (rng.random(50) < 0.3).astype(float), 0.1, window)
    assert detector.evidence > 1e4
    calm = 0
    while detector.evidence > 10 and calm < 200:
        detector = step(detector, (rng.random(50) < 0.05).astype(float), 0.1, 20 + calm)
        calm += 1
    assert calm < 200


def test_a_window_without_labels_changes_nothing() -> None:
    detector = step(Detector(), np.ones(5), 0.1, 0)
    assert step(detector, np.zeros(0), 0.1, 1) == detector


def test_a_tolerated_loss_of_zero_is_no_division_by_zero() -> None:
    assert step(Detector(), np.array([0.0, 1.0]), 0.0, 0).evidence > 1


def test_losses_outside_their_range_are_refused() -> None:
    with pytest.raises(ValueError, match="within 0 and 1"):
        step(Detector(), np.array([-0.1]), 0.1, 0)
