"""Calibration where inputs have moved: labelled records of the reference count as much as their like comes now.

A calibrated score is right on average over the inputs that it was calibrated on. Where records come that the model
judges worse than its scores say, that average is another one, although nothing changed its meaning. The remedy is to
weigh each labelled record by p_now(x) / p_reference(x) and to calibrate again (Shimodaira 2000; Sugiyama et al. 2007).
The ratio is the odds of a logistic regression that tells both apart (Bickel et al. 2009). It repairs what is caused by
the inputs that it is given, and remains blind to concept shift.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from checks.performance.estimated import LEAST_RECORDS
from checks.performance.estimates import Floats

BINS = 10  # of a number, at the quantiles of the reference
LEVELS = 30  # of a word, the commonest; all others are one
PENALTY = 1.0  # on squared coefficients: that of a record or so, so that what never came is no certainty
MOST = 50.0  # a record stands for at most so many


@dataclass(frozen=True)
class Inputs:
    """What is known of n records: numbers float64[n] (NaN where missing) and words (None where missing), by name."""

    numbers: Mapping[str, Floats]
    words: Mapping[str, Sequence[str | None]]
    records: int


@dataclass(frozen=True)
class Ratio:
    """weight: float64[n] > 0 of the reference's records, 1 on average; effective: records that an unweighted sample of
    the same precision would have."""

    weight: Floats
    effective: float


def density_ratio(reference: Inputs, now: Inputs) -> Ratio:
    """How much likelier each record of the reference is among the inputs of now.

    Both are plain random samples with the same names. The order of records matters up to rounding only. Raises
    ValueError without records, and where fewer than 100 effective records of the reference are like those of now.
    """
    if not reference.records or not now.records:
        raise ValueError("there are no records to compare the inputs of")
    features = np.concatenate(_features(reference, now))
    is_now = np.arange(len(features)) >= reference.records
    linear = features[: reference.records] @ _fitted(features, is_now)
    weight = np.exp(np.clip(linear, -30.0, 30.0)) * (reference.records / now.records)
    weight = np.minimum(weight, MOST)
    weight = weight / weight.mean()
    effective = float(weight.sum() ** 2 / (weight @ weight))
    if effective < LEAST_RECORDS:
        raise ValueError(
            f"the inputs have moved too far: the reference holds the worth of {effective:.0f} records like those of "
            f"now, {LEAST_RECORDS} are needed"
        )
    return Ratio(weight, effective)


def _features(reference: Inputs, now: Inputs) -> tuple[Floats, Floats]:
    """Indicators float64[n, k] and float64[m, k]: one, the bins of every number, the levels of every word."""
    ours, theirs = [np.ones((reference.records, 1))], [np.ones((now.records, 1))]
    for name in sorted(reference.numbers):
        one, other = reference.numbers[name], now.numbers[name]
        finite = one[np.isfinite(one)]
        edges = np.unique(np.quantile(finite, np.arange(1, BINS) / BINS)) if len(finite) else np.zeros(0)
        for values, columns in ((one, ours), (other, theirs)):
            place = np.where(
                np.isfinite(values), np.searchsorted(edges, values, side="right"), len(edges) + 1
            )
            columns.append(np.eye(len(edges) + 2)[place])
    for name in sorted(reference.words):
        counts = Counter(reference.words[name]) + Counter(now.words[name])
        ordered = sorted(counts, key=lambda word: (-counts[word], word is None, word or ""))[:LEVELS]
        level = {word: place for place, word in enumerate(ordered)}
        for words, columns in ((reference.words[name], ours), (now.words[name], theirs)):
            place = np.array([level.get(word, len(level)) for word in words], np.intp)
            columns.append(np.eye(len(level) + 1)[place])
    return np.concatenate(ours, axis=1), np.concatenate(theirs, axis=1)


def _fitted(features: Floats, is_now: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> Floats:
    """Coefficients float64[k] of a ridge logistic regression; that of the constant is not shrunk."""
    from scipy.optimize import minimize

    sign = np.where(is_now, 1.0, -1.0)
    shrunk = np.full(features.shape[1], PENALTY)
    shrunk[0] = 0.0

    def loss(beta: Floats) -> tuple[float, Floats]:
        margin = sign * (features @ beta)
        chance_wrong = np.exp(-np.logaddexp(0.0, margin))
        value = float(np.logaddexp(0.0, -margin).sum()) + float(shrunk @ beta**2) / 2
        return value, shrunk * beta - features.T @ (sign * chance_wrong)

    found = minimize(loss, np.zeros(features.shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": 500})
    return np.asarray(found.x)
