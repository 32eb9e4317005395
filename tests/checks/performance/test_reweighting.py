"""Calibration on weighted records: it repairs what the inputs explain, and refuses what the reference never saw."""

import numpy as np
import pytest

from checks.performance import estimated, realised
from checks.performance.reweighting import Inputs, density_ratio


def drawn(rng: np.random.Generator, count: int, newcomers: float):  # type: ignore[no-untyped-def]
    """Scores that are right for residents and boast for newcomers; only the share of newcomers changes."""
    score = rng.beta(0.6, 0.6, count)
    new = rng.random(count) < newcomers
    truth = rng.random(count) < np.where(new, 0.5 + 0.2 * (score - 0.5), score)
    return truth, score, new


def inputs(score, new) -> Inputs:  # type: ignore[no-untyped-def]
    return Inputs({"score": score}, {"group": np.where(new, "new", "old").tolist()}, len(score))


def accuracy(score, curve) -> float:  # type: ignore[no-untyped-def]
    return estimated.estimate(score > 0.5, score, curve)["accuracy"].value


def test_it_repairs_a_shift_of_the_inputs_under_which_the_plain_estimate_errs() -> None:
    rng = np.random.default_rng(0)
    truth, score, new = drawn(rng, 10_000, 0.1)
    truth_now, score_now, new_now = drawn(rng, 10_000, 0.6)
    plain = estimated.calibrate(truth, score)
    ratio = density_ratio(inputs(score, new), inputs(score_now, new_now))
    again = estimated.calibrate(truth, score, ratio.weight)
    real = realised.binary(truth_now, score_now > 0.5, None)["accuracy"].value
    assert accuracy(score_now, plain) - real > 0.08
    assert abs(accuracy(score_now, again) - real) < 0.02
    assert 1_000 < ratio.effective < 5_000


def test_the_weight_is_the_ratio_of_the_densities() -> None:
    rng = np.random.default_rng(1)
    _, score, new = drawn(rng, 20_000, 0.2)
    _, score_now, new_now = drawn(rng, 20_000, 0.5)
    weight = density_ratio(inputs(score, new), inputs(score_now, new_now)).weight
    assert weight[new].mean() == pytest.approx(0.5 / 0.2, rel=0.05)
    assert weight[~new].mean() == pytest.approx(0.5 / 0.8, rel=0.05)
    assert weight.mean() == pytest.approx(1)


def test_without_a_shift_every_record_counts_about_as_one() -> None:
    rng = np.random.default_rng(2)
    _, score, new = drawn(rng, 5_000, 0.3)
    _, score_now, new_now = drawn(rng, 5_000, 0.3)
    ratio = density_ratio(inputs(score, new), inputs(score_now, new_now))
    assert ratio.effective > 4_800


def test_numbers_may_shift_in_the_middle_and_values_may_be_missing() -> None:
    rng = np.random.default_rng(3)
    one, other = rng.normal(0, 2, 5_000), rng.normal(0, 0.5, 5_000)
    one[:500], other[:1_500] = np.nan, np.nan
    weight = density_ratio(Inputs({"x": one}, {}, 5_000), Inputs({"x": other}, {}, 5_000)).weight
    assert weight[:500].mean() == pytest.approx(3, rel=0.1)
    assert weight[500:][np.abs(one[500:]) < 0.3].mean() > 5 * weight[500:][np.abs(one[500:]) > 2].mean()


def test_inputs_that_the_reference_hardly_holds_are_refused() -> None:
    reference = Inputs({}, {"country": ["SE"] * 980 + ["NO"] * 20}, 1_000)
    with pytest.raises(ValueError, match="moved too far"):
        density_ratio(reference, Inputs({}, {"country": ["NO"] * 1_000}, 1_000))
    with pytest.raises(ValueError, match="no records"):
        density_ratio(Inputs({}, {"country": []}, 0), reference)


def test_the_order_of_the_records_does_not_matter() -> None:
    rng = np.random.default_rng(4)
    _, score, new = drawn(rng, 2_000, 0.2)
    _, score_now, new_now = drawn(rng, 2_000, 0.5)
    order = rng.permutation(2_000)
    one = density_ratio(inputs(score, new), inputs(score_now, new_now)).weight
    other = density_ratio(inputs(score[order], new[order]), inputs(score_now, new_now)).weight
    assert other == pytest.approx(one[order], rel=1e-3)
