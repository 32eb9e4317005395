"""Estimated performance without labels: what calibrated scores say about how often predictions are right.

Confidence-based performance estimation (NannyML's CBPE; the idea is that of Guillory et al. 2021 and Garg et al. 2022):
a score c that is calibrated on the reference is the chance that the record is true, so a predicted yes is right with
chance c and a predicted no with 1 − c. It sees shifts of the inputs towards harder records. **It is blind to concept
shift**: where the meaning of the same inputs changes, the scores go on saying what they said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from checks.performance.estimates import Estimate, Floats, rate
from checks.performance.realised import Bools, roc_auc

LEAST_RECORDS = 100  # labelled records that a calibration is learnt from, and of these
LEAST_OF_A_CLASS = 10
FOLDS = 10
BLIND = "blind to concept shift"


@dataclass(frozen=True, slots=True)
class Calibration:
    """A rising curve from a score to the chance that the record is true, straight between its knots and flat outside.

    scores, chances: ascending, of equal length ≥ 1; learnt_from: labelled records.
    """

    scores: tuple[float, ...]
    chances: tuple[float, ...]
    learnt_from: int

    def __call__(self, score: Floats) -> Floats:
        """float64[n] in 0..1 of float64[n] scores."""
        return np.interp(score, self.scores, self.chances)

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe and canonical."""
        return {"scores": list(self.scores), "chances": list(self.chances), "learnt_from": self.learnt_from}

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> Calibration:
        """What `to_dict` wrote. KeyError, ValueError for anything else."""
        scores, chances = (tuple(float(value) for value in body[name]) for name in ("scores", "chances"))
        if not scores or len(scores) != len(chances):
            raise ValueError("a calibration needs as many chances as scores, at least one")
        return cls(scores, chances, int(body["learnt_from"]))


def calibrate(truth: Bools, score: Floats, weight: Floats | None = None) -> Calibration:
    """Learn what a score means from labelled records (bool[n], float64[n] in 0..1, float64[n] > 0).

    Isotonic regression (Zadrozny and Elkan 2002), kept only if it lowers the Brier score of records left out in ten
    folds; otherwise scores are taken as they are. The order of the records does not matter. Raises ValueError below
    100 records or 10 of either class: a curve learnt from less says nothing.
    """
    kept = np.isfinite(score)
    order = np.lexsort((truth[kept], score[kept]))
    truth, score = truth[kept][order], score[kept][order]
    weight = np.ones(len(truth)) if weight is None else weight[kept][order]
    rarer = int(min(truth.sum(), len(truth) - truth.sum()))
    if len(truth) < LEAST_RECORDS or rarer < LEAST_OF_A_CLASS:
        raise ValueError(
            f"{len(truth)} labelled records, {rarer} of the rarer class; calibrating scores needs {LEAST_RECORDS} "
            f"and {LEAST_OF_A_CLASS} of each class"
        )
    before = after = 0.0
    fold = np.arange(len(truth)) % FOLDS
    for one in range(FOLDS):
        out, rest = fold == one, fold != one
        curve = _isotonic(truth[rest], score[rest], weight[rest])
        before += float(weight[out] @ np.square(score[out] - truth[out]))
        after += float(weight[out] @ np.square(curve(score[out]) - truth[out]))
    if after < before:
        return _isotonic(truth, score, weight)
    return Calibration((0.0, 1.0), (0.0, 1.0), len(truth))


def estimate(
    predicted: Bools, score: Floats, calibration: Calibration, weight: Floats | None = None
) -> dict[str, Estimate]:
    """Expected accuracy, precision, recall, f1 and roc_auc (0..1) of records without labels; those that are defined.

    predicted bool[n], score float64[n] (records without a finite score are left out), weight float64[n] > 0. Intervals
    carry the sampling of records, not the calibration's own error, and never what CBPE is blind to.
    """
    kept = np.isfinite(score)
    predicted, score = predicted[kept], score[kept]
    weight = np.ones(len(score)) if weight is None else weight[kept]
    chance, said = calibration(score), predicted.astype(np.float64)
    hit = chance * said
    found = {
        "accuracy": rate(np.where(predicted, chance, 1 - chance), np.ones(len(said)), weight),
        "precision": rate(hit, said, weight),
        "recall": rate(hit, chance, weight),
        "f1": rate(2 * hit, said + chance, weight),
        "roc_auc": roc_auc(chance, score, weight),
    }
    return {name: value for name, value in found.items() if value is not None}


def _isotonic(truth: Bools, score: Floats, weight: Floats) -> Calibration:
    """Of records in ascending order of score. Records of one score count as one; inner knots of a flat are dropped."""
    from scipy.optimize import isotonic_regression

    levels, member = np.unique(score, return_inverse=True)
    mass = np.bincount(member, weight)
    share = np.bincount(member, weight * truth) / mass
    chance = isotonic_regression(share, weights=mass).x
    same = np.diff(chance) == 0
    inner = np.concatenate([[False], same[:-1] & same[1:], [False]]) if len(chance) > 1 else np.array([False])
    return Calibration(tuple(levels[~inner].tolist()), tuple(chance[~inner].tolist()), len(truth))
