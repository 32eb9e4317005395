"""A window's kept records with what they predicted and, where it is known, what was true."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from checks.performance import estimated, realised
from checks.performance.estimated import Calibration
from checks.performance.estimates import Estimate, Floats, mean, rate
from checks.performance.risk import upper_bound

ALL = "*"
LEAST_OF_A_SEGMENT = 30  # labelled records of a window's segment value that are told apart
LEAST_TO_CALIBRATE = 500  # labelled records of the reference that a segment value gets a curve of its own for
MOST_SEGMENTS = 20
# A score that puts the yeses so clearly above the noes is the chance of a yes, not confidence in what was said.
CLEARLY_ABOVE = 0.9

Bools = npt.NDArray[np.bool_]
Meaning = Literal["chance of a yes", "confidence"]


@dataclass(frozen=True)
class Cohort:
    """n records of a sample.

    predicted   words; `label` the same, None where nothing is known yet
    positive    of a yes/no model the word that is a yes, None for several classes
    score       float64[n], NaN without one
    weight      float64[n] > 0, one over the inclusion probability
    even        bool[n]: kept with the smallest probability that any record was: a plain random sample
    segment     "dimension=value" of each record
    """

    predicted: Sequence[str]
    label: Sequence[str | None]
    positive: str | None
    score: Floats
    weight: Floats
    even: Bools
    segment: Sequence[tuple[str, ...]]

    def __len__(self) -> int:
        return len(self.predicted)

    @property
    def known(self) -> Bools:
        """Which records have a label."""
        return np.array([label is not None for label in self.label], np.bool_)

    @property
    def wrong(self) -> Bools:
        """Which predictions were wrong; False where nothing is known."""
        yes = self.positive
        return np.array(
            [
                label is not None and (label != said if yes is None else (label == yes) != (said == yes))
                for label, said in zip(self.label, self.predicted, strict=True)
            ],
            np.bool_,
        )

    def where(self, keep: Bools) -> Cohort:
        """The records where `keep` is true."""
        rows = np.flatnonzero(keep).tolist()
        return Cohort(
            [self.predicted[row] for row in rows],
            [self.label[row] for row in rows],
            self.positive,
            self.score[keep],
            self.weight[keep],
            self.even[keep],
            [self.segment[row] for row in rows],
        )

    def coverage(self) -> Estimate | None:
        """The share of records whose label is known; None without records."""
        return rate(self.known.astype(np.float64), np.ones(len(self)), self.weight)

    def segments(self, least: int) -> list[str]:
        """Segment values with at least so many labelled records, commonest first."""
        counts: dict[str, int] = {}
        for known, values in zip(self.known, self.segment, strict=True):
            for value in values if known else ():
                counts[value] = counts.get(value, 0) + 1
        ordered = sorted(counts, key=lambda value: (-counts[value], value))
        return [value for value in ordered if counts[value] >= least][:MOST_SEGMENTS]

    def of(self, value: str) -> Cohort:
        """The records of a segment value, all of them for `*`."""
        return (
            self if value == ALL else self.where(np.array([value in one for one in self.segment], np.bool_))
        )


@dataclass(frozen=True)
class Release:
    """How well the model did on the labelled records of the reference; frozen with it.

    records, wrong   labelled records, and wrong predictions among them
    risk             upper 95 % bound of the error rate
    meaning          what the score says, None where there is none
    calibrations     by segment value, "*" for all: from score to the chance of a yes, or of being right
    estimated_risk   error rate that the calibrated scores of the reference expect, None without scores
    """

    records: int
    wrong: int
    risk: float
    meaning: Meaning | None
    calibrations: Mapping[str, Calibration]
    estimated_risk: float | None

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe and canonical."""
        return {
            "records": self.records,
            "wrong": self.wrong,
            "risk": self.risk,
            "meaning": self.meaning,
            "calibrations": {name: one.to_dict() for name, one in sorted(self.calibrations.items())},
            "estimated_risk": self.estimated_risk,
        }

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> Release:
        """What `to_dict` wrote. KeyError, ValueError for anything else."""
        curves = {name: Calibration.from_dict(one) for name, one in body["calibrations"].items()}
        return cls(
            int(body["records"]),
            int(body["wrong"]),
            float(body["risk"]),
            body["meaning"],
            curves,
            None if body["estimated_risk"] is None else float(body["estimated_risk"]),
        )


def release(reference: Cohort) -> Release:
    """What the reference says of the model. ValueError below 100 labelled records."""
    known = reference.where(reference.known & reference.even)
    if len(known) < estimated.LEAST_RECORDS:
        raise ValueError(
            f"{len(known)} labelled records in the reference; {estimated.LEAST_RECORDS} say how well the model does"
        )
    wrong = known.wrong
    bare = Release(len(known), int(wrong.sum()), upper_bound(wrong.astype(np.float64)), None, {}, None)
    scored = known.where(np.isfinite(known.score) & (known.score >= 0) & (known.score <= 1))
    meaning = _meaning(scored)
    try:
        curves = {ALL: estimated.calibrate(_target(scored, meaning), scored.score)}
    except ValueError:
        return bare  # too few scores, or none that was ever wrong: nothing can be estimated
    for value in scored.segments(LEAST_TO_CALIBRATE):
        part = scored.of(value)
        try:
            curves[value] = estimated.calibrate(_target(part, meaning), part.score)
        except ValueError:
            continue  # one class only: the curve of all is the better guess
    made = Release(bare.records, bare.wrong, bare.risk, meaning, curves, None)
    expected = expected_losses(reference.where(reference.even), made)
    return Release(bare.records, bare.wrong, bare.risk, meaning, curves, float(expected.mean()))


def realised_metrics(cohort: Cohort) -> dict[str, Estimate]:
    """What the labels say: error_rate, and the metrics of `realised`; empty without labels."""
    known = cohort.where(cohort.known)
    if not len(known):
        return {}
    found: dict[str, Estimate] = {}
    error = rate(known.wrong.astype(np.float64), np.ones(len(known)), known.weight)
    if error is not None:
        found["error_rate"] = error
    if known.positive is None:
        found |= realised.classes([str(one) for one in known.label], known.predicted, known.weight)
    else:
        truth = np.array([label == known.positive for label in known.label], np.bool_)
        said = np.array([word == known.positive for word in known.predicted], np.bool_)
        score = known.score if _meaning(known) == "chance of a yes" else None
        found |= realised.binary(truth, said, score, known.weight)
    return found


def estimated_metrics(cohort: Cohort, made: Release) -> dict[str, Estimate]:
    """What calibrated scores expect, blind to concept shift: estimated_accuracy and its like; empty without scores."""
    if ALL not in made.calibrations:
        return {}
    scored = cohort.where(np.isfinite(cohort.score))
    if not len(scored):
        return {}
    chance = _chances(scored, made)
    if made.meaning == "chance of a yes":
        said = np.array([word == scored.positive for word in scored.predicted], np.bool_)
        identity = Calibration((0.0, 1.0), (0.0, 1.0), 0)
        found = estimated.estimate(said, chance, identity, scored.weight)
    else:
        right = mean(chance, scored.weight)
        found = {} if right is None else {"accuracy": right}
    if "accuracy" in found:
        right = found["accuracy"]
        found["error_rate"] = Estimate(1 - right.value, 1 - right.high, 1 - right.low)
    return {f"estimated_{name}": value for name, value in found.items()}


def expected_losses(cohort: Cohort, made: Release) -> Floats:
    """float64[m] in 0..1: how likely each scored record is wrong, by its calibrated score."""
    scored = cohort.where(np.isfinite(cohort.score))
    chance = _chances(scored, made)
    if made.meaning == "chance of a yes":
        said = np.array([word == scored.positive for word in scored.predicted], np.bool_)
        return np.where(said, 1 - chance, chance)
    return 1 - chance


def _chances(scored: Cohort, made: Release) -> Floats:
    """The calibrated score of each record, by the curve of its segment where that has one."""
    chance = made.calibrations[ALL](scored.score)
    for value, curve in sorted(made.calibrations.items()):
        if value != ALL:
            own = np.array([value in one for one in scored.segment], np.bool_)
            chance = np.where(own, curve(scored.score), chance)
    return chance


def _meaning(scored: Cohort) -> Meaning:
    """Whether the score of a yes/no model is the chance of a yes, or how sure it was of what it said."""
    if scored.positive is None:
        return "confidence"
    said = np.array([word == scored.positive for word in scored.predicted], np.float64)
    finite = np.isfinite(scored.score)
    area = realised.roc_auc(said[finite], scored.score[finite], np.ones(int(finite.sum())))
    return "chance of a yes" if area is not None and area.value >= CLEARLY_ABOVE else "confidence"


def _target(scored: Cohort, meaning: Meaning) -> Bools:
    if meaning == "confidence":
        return np.asarray(~scored.wrong)
    return np.array([label == scored.positive for label in scored.label], np.bool_)
