"""Realised performance: predictions beside the labels that arrived for them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from checks.performance.estimates import Z_95, Estimate, Floats, mean, rate

CALIBRATION_BINS = 10
MOST_CLASSES = 20  # whose recall is told one by one
Bools = npt.NDArray[np.bool_]


def binary(
    truth: Bools, predicted: Bools | None, score: Floats | None, weight: Floats | None = None
) -> dict[str, Estimate]:
    """Metrics of a yes/no model, those that are defined: accuracy, precision, recall, f1 (0..1) from `predicted`,
    roc_auc, brier and calibration_error (0..1) from `score` in 0..1.

    All arrays have length n; a record whose score is not finite has none. Empty for n = 0.
    """
    weight = np.ones(len(truth)) if weight is None else weight
    found: dict[str, Estimate | None] = {}
    if predicted is not None:
        yes, said = truth.astype(np.float64), predicted.astype(np.float64)
        hit = yes * said
        found["accuracy"] = rate((yes == said).astype(np.float64), np.ones(len(yes)), weight)
        found["precision"] = rate(hit, said, weight)
        found["recall"] = rate(hit, yes, weight)
        found["f1"] = rate(2 * hit, yes + said, weight)
    if score is not None:
        scored = np.isfinite(score)
        truth, score, weight = truth[scored], score[scored], weight[scored]
        found["roc_auc"] = roc_auc(truth.astype(np.float64), score, weight)
        found["brier"] = mean(np.square(score - truth), weight)
        found["calibration_error"] = calibration_error(truth, score, weight)
    return {name: estimate for name, estimate in found.items() if estimate is not None}


def classes(
    truth: Sequence[str], predicted: Sequence[str], weight: Floats | None = None
) -> dict[str, Estimate]:
    """Metrics of a model of several classes: accuracy, macro_f1 (mean over the classes that were true or said), and
    `recall[class]` of the 20 commonest true classes. Empty for n = 0."""
    weight = np.ones(len(truth)) if weight is None else weight
    yes, said = np.asarray(truth, object), np.asarray(predicted, object)
    found: dict[str, Estimate | None] = {
        "accuracy": rate((yes == said).astype(np.float64), np.ones(len(yes)), weight)
    }
    scores = []
    counts = Counter(truth)
    common = set(sorted(counts, key=lambda label: (-counts[label], label))[:MOST_CLASSES])
    for label in sorted({*truth, *predicted}):
        is_true, is_said = (yes == label).astype(np.float64), (said == label).astype(np.float64)
        if label in common:
            found[f"recall[{label}]"] = rate(is_true * is_said, is_true, weight)
        one = rate(2 * is_true * is_said, is_true + is_said, weight)
        if one is not None:
            scores.append(one)
    if scores:
        # Classes are read as if independent: their errors share records, but mostly one each.
        value = float(np.mean([one.value for one in scores]))
        half = math.sqrt(sum(((one.high - one.low) / 2) ** 2 for one in scores)) / len(scores)
        found["macro_f1"] = Estimate(value, max(0.0, value - half), min(1.0, value + half))
    return {name: estimate for name, estimate in found.items() if estimate is not None}


def numbers(truth: Floats, predicted: Floats, weight: Floats | None = None) -> dict[str, Estimate]:
    """Metrics of a model that predicts a number, in its unit: mae, rmse, bias (predicted − true). Empty for n = 0."""
    weight = np.ones(len(truth)) if weight is None else weight
    error = predicted - truth
    squares = mean(np.square(error), weight)
    found = {"mae": mean(np.abs(error), weight), "bias": mean(error, weight)}
    if squares is not None:
        found["rmse"] = Estimate(
            *(math.sqrt(max(0.0, part)) for part in (squares.value, squares.low, squares.high))
        )
    return {name: estimate for name, estimate in found.items() if estimate is not None}


def roc_auc(truth: Floats, score: Floats, weight: Floats) -> Estimate | None:
    """Area under the ROC curve: how likely a true record outranks a false one, ties counting half.

    truth: float64[n] in 0..1, how likely each record is true (0 and 1 where labels are known). Variance by DeLong,
    DeLong and Clarke-Pearson (1988) with weighted placements, interval on the logit scale. None unless both classes
    occur.
    """
    positive, negative = weight * truth, weight * (1 - truth)
    if not (positive.sum() > 0 and negative.sum() > 0):
        return None
    positive, negative = positive / positive.sum(), negative / negative.sum()
    order = np.argsort(score, kind="stable")
    low = np.searchsorted(score[order], score, "left")
    high = np.searchsorted(score[order], score, "right")
    falses = np.concatenate([[0.0], np.cumsum(negative[order])])
    trues = np.concatenate([[0.0], np.cumsum(positive[order])])
    above = (falses[low] + falses[high]) / 2  # share of false records below each one
    below = 1 - (trues[low] + trues[high]) / 2  # share of true records above it
    value = float(positive @ above)
    if not 0 < value < 1:
        # All pairs agree: the rule of three for the smaller class.
        slack = min(1.0, 3.0 * max(float(positive @ positive), float(negative @ negative)))
        return Estimate(value, max(0.0, value - slack), min(1.0, value + slack))
    influence = positive * (above - value) + negative * (below - value)
    half = Z_95 * math.sqrt(float(influence @ influence)) / (value * (1 - value))
    logit = math.log(value / (1 - value))
    return Estimate(value, _expit(logit - half), _expit(logit + half))


def calibration_error(truth: Bools, score: Floats, weight: Floats) -> Estimate | None:
    """Expected calibration error over ten bins of equal mass (Nixon et al. 2019): mean |share true − mean score|.

    It is never below 0, so noise alone raises it; the interval is one of its bins' sampling errors. None for n = 0.
    """
    if len(score) == 0:
        return None
    order = np.argsort(score, kind="stable")
    # Equal scores share a bin, whatever the order of the records.
    mass = np.cumsum(weight[order]) / weight.sum()
    _, first = np.unique(score[order], return_index=True)
    bins = np.minimum((mass[first] * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)
    member = np.repeat(bins, np.diff([*first, len(score)]))
    value = variance = 0.0
    total = float(weight.sum())
    for place in np.unique(member):
        rows = order[member == place]
        gap = mean(truth[rows] - score[rows], weight[rows])
        assert gap is not None
        part = float(weight[rows].sum()) / total
        value += part * abs(gap.value)
        variance += (part * (gap.high - gap.low) / 2) ** 2
    half = math.sqrt(variance)
    return Estimate(value, max(0.0, value - half), min(1.0, value + half))


def _expit(value: float) -> float:
    return 1 / (1 + math.exp(-value)) if value > -700 else 0.0
