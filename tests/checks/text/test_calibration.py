"""Taking a detector's own errors out of the share of mixed messages."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest

from checks import text
from checks.text.calibration import (
    Calibration,
    CalibrationError,
    calibrate,
    calibrate_by,
    counts_of,
    mixed_level,
)
from checks.text.learning import calibrated


def labelled(mixed_said: int, mixed: int, pure_said: int, pure: int) -> Calibration:
    truth = np.repeat([True, False], [mixed, pure])
    said = np.concatenate([np.arange(mixed) < mixed_said, np.arange(pure) < pure_said])
    return calibrate(truth, said)


def test_sensitivity_and_specificity_are_those_of_the_sample() -> None:
    found = labelled(80, 100, 10, 200)
    assert (found.mixed, found.pure) == ((20, 80), (190, 10))
    assert found.sensitivity == pytest.approx(0.80)
    assert found.specificity == pytest.approx(0.95)


def test_the_estimate_is_rogan_and_gladens() -> None:
    # (0.305 + 0.95 - 1) / (0.80 + 0.95 - 1), but for the message that smooths the sample
    found = labelled(8_000, 10_000, 500, 10_000).correct_share(0.305, 100_000)
    assert found.value == pytest.approx((0.305 - 0.05) / 0.75, abs=1e-3)
    assert found.low < 0.34 < found.high


def test_a_perfect_detector_is_believed() -> None:
    found = labelled(10_000, 10_000, 0, 10_000).correct_share(0.25, 1_000)
    assert found.value == pytest.approx(0.25, abs=1e-3)
    # Agresti and Coull's interval of 250 in 1000 is 0.224 … 0.278
    assert (found.low, found.high) == (pytest.approx(0.224, abs=2e-3), pytest.approx(0.278, abs=2e-3))


def test_shares_that_no_truth_explains_end_at_the_edges() -> None:
    calibration = labelled(80, 100, 10, 100)
    low, high = calibration.correct_share(0.02, 500), calibration.correct_share(0.95, 500)
    assert (low.value, low.low) == (0.0, 0.0)
    assert (high.value, high.high) == (1.0, 1.0)
    assert low.high > 0.0


def test_a_small_sample_widens_the_interval_however_many_messages_there_are() -> None:
    small, large = labelled(16, 20, 2, 40), labelled(1_600, 2_000, 200, 4_000)
    wide, narrow = small.correct_share(0.4, 1_000_000), large.correct_share(0.4, 1_000_000)
    assert wide.high - wide.low > 5 * (narrow.high - narrow.low) > 0


def test_no_messages_leave_everything_possible() -> None:
    found = labelled(80, 100, 10, 100).correct_share(0.0, 0)
    assert (found.low, found.high) == (0.0, 1.0)


def test_a_detector_no_better_than_chance_corrects_nothing() -> None:
    with pytest.raises(CalibrationError, match="no better than chance"):
        labelled(30, 100, 40, 100)


def test_too_few_labels_say_how_many_are_needed() -> None:
    with pytest.raises(CalibrationError, match="19 messages are labelled mixed; label at least 20"):
        labelled(10, 19, 1, 100)
    with pytest.raises(CalibrationError, match="labelled not mixed"):
        labelled(80, 100, 0, 3)
    with pytest.raises(ValueError, match="3 labels for 2 messages"):
        calibrate(np.ones(3, np.bool_), np.ones(2, np.bool_))


@pytest.mark.parametrize("share", [0.0, 0.05, 0.3, 0.9])
@pytest.mark.parametrize("levels", [[0.75, 0.10, 0.15], [0.25, 0.30, 0.45]], ids=["weak", "strong"])
def test_the_interval_holds_the_truth_nineteen_times_in_twenty(share: float, levels: list[float]) -> None:
    """Everything is drawn anew each time: the sample of mixed, the sample of pure, the window."""
    pure, mixed = np.array([0.95, 0.04, 0.01]), np.array(levels)
    rng = np.random.default_rng(5)
    held, errors = 0, []
    for _ in range(400):
        calibration = Calibration(
            tuple(rng.multinomial(200, mixed).tolist()), tuple(rng.multinomial(300, pure).tolist())
        )
        window = rng.multinomial(1_000, share * mixed + (1 - share) * pure)
        found = calibration.correct(window)
        held += found.low <= share <= found.high
        errors.append(found.value - share)
    assert held / 400 >= 0.925
    assert abs(np.mean(errors)) < (0.02 if share else 0.05)


def test_levels_tell_more_than_yes_and_no() -> None:
    rng = np.random.default_rng(6)
    mixed, pure = np.array([0.3, 0.2, 0.5]), np.array([0.9, 0.095, 0.005])
    calibration = Calibration(
        tuple((mixed * 1_000).astype(int).tolist()), tuple((pure * 1_000).astype(int).tolist())
    )
    windows = rng.multinomial(500, 0.1 * mixed + 0.9 * pure, size=300)
    by_levels = [calibration.correct(window).value for window in windows]
    by_yes = [calibration.correct_share(1 - window[0] / 500, 500).value for window in windows]
    assert np.std(by_levels) < 0.8 * np.std(by_yes)


def test_the_level_is_the_number_of_words_in_the_lesser_language() -> None:
    messages = [
        "The parcel came very late and nobody answered the phone",
        "The parcel llegó muy tarde y nadie contestó el teléfono but I would like my money back",
        "",
    ]
    plan = text.learn(pa.array(messages), ("en", "es"))
    levels = mixed_level(text.annotate(pa.array(messages), plan))
    assert levels.tolist() == [0, 3, 0]
    assert counts_of(levels).tolist() == [2, 0, 0, 1]


ENGLISH = "The parcel came very late and nobody answered the phone"
MIXED = "The parcel llegó muy tarde y nadie contestó el teléfono but I would like my money back"


def test_messages_too_short_to_mix_count_on_neither_side() -> None:
    plan = text.learn(pa.array([ENGLISH, MIXED]), ("en", "es"))
    sample = [MIXED] * 25 + [ENGLISH] * 25
    truth = np.repeat([True, False], 25)
    short = ["ok", "...", "", "hola"] * 10
    plain = calibrate_by(text.annotate(pa.array(sample), plan), truth)
    longer = text.annotate(pa.array(sample + short), plan)
    assert calibrate_by(longer, np.append(truth, np.zeros(len(short), np.bool_))) == plain
    calibrated_plan = calibrated(plan, pa.array(sample), truth)
    assert calibrated_plan.calibration == plain
    windows = [sample, sample + short]
    shares = [text.inspect(window, plan=calibrated_plan).summary.mixed_corrected for window in windows]
    assert shares[0] == shares[1]
    assert shares[0] is not None
    assert abs(shares[0].share - 0.5) < 0.02


def test_labels_of_messages_that_cannot_mix_are_said_to_be_missing() -> None:
    plan = text.learn(pa.array([ENGLISH, MIXED]), ("en", "es"))
    notes = text.annotate(pa.array([MIXED] * 30 + ["ok"] * 30), plan)
    with pytest.raises(CalibrationError, match=r"0 messages are labelled not mixed.*\(30 without two words"):
        calibrate_by(notes, np.repeat([True, False], 30))


def test_a_plan_keeps_its_calibration() -> None:
    plan = text.learn(pa.array([ENGLISH, MIXED]), ("en", "es"))
    kept = calibrated(plan, pa.array([MIXED, ENGLISH] * 30), np.tile([True, False], 30))
    body = json.loads(json.dumps(kept.to_dict()))
    assert text.TextPlan.from_dict(body).calibration == kept.calibration
    assert body != plan.to_dict()
    assert text.TextPlan.from_dict(plan.to_dict()).calibration is None
