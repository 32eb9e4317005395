"""A window's kept records with what they predicted and, where it is known, what was true."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from checks.performance import estimated, realised
from checks.performance.estimated import Calibration
from checks.performance.estimates import Estimate, Floats, quantile, rate
from checks.performance.risk import upper_bound
from checks.performance.weekdays import Weekdays, expected_by_day, told_apart

ALL = "*"
LEAST_OF_A_SEGMENT = 30  # labelled records of a window's segment value that are told apart
LEAST_TO_CALIBRATE = 500  # labelled records of the reference that a segment value gets a curve of its own for
MOST_SEGMENTS = 20
# A score that puts the yeses so clearly above the noes is the chance of a yes, not confidence in what was said.
CLEARLY_ABOVE = 0.9

# A number is wrong when it misses by more than this share of the reference's predictions did.
USUAL_ERRORS = 0.9

Bools = npt.NDArray[np.bool_]
Days = npt.NDArray[np.intp]
Meaning = Literal["chance of a yes", "confidence"]


@dataclass(frozen=True)
class Cohort:
    """n records of a sample.

    predicted   words; `label` the same, None where nothing is known yet
    numeric     whether these words are numbers: a label that is none is not known then
    positive    of a yes/no model the word that is a yes, None for several classes and for numbers
    score       float64[n], NaN without one
    weight      float64[n] > 0, one over the inclusion probability
    even        bool[n]: kept with the smallest probability that any record was: a plain random sample
    segment     "dimension=value" of each record
    delay_days  float64[n]: from the record to its label, NaN where nobody says
    """

    predicted: Sequence[str]
    label: Sequence[str | None]
    positive: str | None
    score: Floats
    weight: Floats
    even: Bools
    segment: Sequence[tuple[str, ...]]
    delay_days: Floats
    numeric: bool = False

    def __len__(self) -> int:
        return len(self.predicted)

    @cached_property
    def known(self) -> Bools:
        """Which records have a label."""
        if self.numeric:
            return np.isfinite(self.errors)
        return np.array([label is not None for label in self.label], np.bool_)

    @cached_property
    def errors(self) -> Floats:
        """float64[n], predicted − true of a model that predicts numbers; NaN where nothing is known."""
        return np.array([_number(said) for said in self.predicted], np.float64) - np.array(
            [_number(label) for label in self.label], np.float64
        )

    def wrong(self, limit: float | None) -> Bools:
        """bool[n]: which predictions were wrong, a number by more than `limit`; False where nothing is known."""
        if self.numeric:
            return np.abs(self.errors) > (0.0 if limit is None else limit)
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
        return replace(
            self,
            predicted=[self.predicted[row] for row in rows],
            label=[self.label[row] for row in rows],
            score=self.score[keep],
            weight=self.weight[keep],
            even=self.even[keep],
            segment=[self.segment[row] for row in rows],
            delay_days=self.delay_days[keep],
        )

    def coverage(self) -> Estimate | None:
        """The share of records whose label is known; None without records."""
        return rate(self.known.astype(np.float64), np.ones(len(self)), self.weight)

    def delays(self) -> dict[str, Estimate]:
        """label_delay_days[median] and [p90] of the records whose label says when it was given; empty without any."""
        told = np.isfinite(self.delay_days)
        found = {
            f"label_delay_days[{name}]": quantile(self.delay_days[told], self.weight[told], share)
            for name, share in (("median", 0.5), ("p90", 0.9))
        }
        return {name: value for name, value in found.items() if value is not None}

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
    limit            of numbers: what nine in ten absolute errors did not exceed, None for words
    meaning          what the score says, None where there is none
    calibrations     by segment value, "*" for all: from score to the chance of a yes, or of being right
    estimated_risk   error rate that the calibrated scores of the reference expect, None without scores
    weekdays         the same of each weekday, None where the days do not differ
    """

    records: int
    wrong: int
    risk: float
    limit: float | None = None
    meaning: Meaning | None = None
    calibrations: Mapping[str, Calibration] = field(default_factory=dict)
    estimated_risk: float | None = None
    weekdays: Weekdays | None = None

    def rate_on(self, weekday: int | None) -> float:
        """The error rate at release, of a weekday (0 = Monday) if one is asked for."""
        if self.weekdays is None or weekday is None:
            return self.wrong / self.records
        return self.weekdays.rate[weekday]

    def risk_on(self, weekday: int | None) -> float:
        """Its upper bound."""
        return self.risk if self.weekdays is None or weekday is None else self.weekdays.risk[weekday]

    def estimated_on(self, weekday: int | None) -> float:
        """The error rate that scores expect; 0 without scores."""
        if self.weekdays is None or self.weekdays.expected is None or weekday is None:
            return self.estimated_risk or 0.0
        return self.weekdays.expected[weekday]

    @property
    def error_rate(self) -> str:
        """What the share of wrong predictions is called."""
        return "error_rate" if self.limit is None else "large_error_rate"

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe and canonical."""
        return {
            "records": self.records,
            "wrong": self.wrong,
            "risk": self.risk,
            "limit": self.limit,
            "meaning": self.meaning,
            "calibrations": {name: one.to_dict() for name, one in sorted(self.calibrations.items())},
            "estimated_risk": self.estimated_risk,
            "weekdays": None if self.weekdays is None else self.weekdays.to_dict(),
        }

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> Release:
        """What `to_dict` wrote. KeyError, ValueError for anything else."""
        limit, expected, days = body.get("limit"), body["estimated_risk"], body.get("weekdays")
        return cls(
            records=int(body["records"]),
            wrong=int(body["wrong"]),
            risk=float(body["risk"]),
            limit=None if limit is None else float(limit),
            meaning=body["meaning"],
            calibrations={name: Calibration.from_dict(one) for name, one in body["calibrations"].items()},
            estimated_risk=None if expected is None else float(expected),
            weekdays=None if days is None else Weekdays.from_dict(days),
        )


def release(reference: Cohort, day: tuple[Days, Days] | None = None) -> Release:
    """What the reference says of the model. ValueError below 100 labelled records.

    day: weekday (0 = Monday) and date of every record, int[n] each; None where windows are longer than a day.
    """
    kept = reference.known & reference.even
    known = reference.where(kept)
    if len(known) < estimated.LEAST_RECORDS:
        raise ValueError(
            f"{len(known)} labelled records in the reference; {estimated.LEAST_RECORDS} say how well the model does"
        )
    limit = None
    if reference.numeric:
        # An order statistic: the bound below holds for it as for a limit that was fixed before.
        limit = float(np.quantile(np.abs(known.errors), USUAL_ERRORS, method="inverted_cdf"))
    wrong = known.wrong(limit)
    made = Release(len(known), int(wrong.sum()), upper_bound(wrong.astype(np.float64)), limit)
    if day is not None:
        made = replace(made, weekdays=told_apart(wrong, day[0][kept], day[1][kept], made.risk))
    if reference.numeric:
        return made
    meaning = _meaning(_scored(known))
    try:
        curves = calibrations(known, meaning, np.ones(len(known)))
    except ValueError:
        return made  # too few scores, or none that was ever wrong: nothing can be estimated
    made = replace(made, meaning=meaning, calibrations=curves)
    expected = expected_losses(reference.where(reference.even), made)
    weekdays = made.weekdays
    if day is not None and weekdays is not None:
        scored = reference.even & _usable(reference)
        weekdays = replace(weekdays, expected=expected_by_day(expected, day[0][scored]))
    return replace(made, estimated_risk=float(expected.mean()), weekdays=weekdays)


def calibrations(known: Cohort, meaning: Meaning, weight: Floats) -> dict[str, Calibration]:
    """What scores mean on labelled records (weight: float64[n] > 0): of all, and of segment values with enough of them.

    ValueError where the scores of all say nothing, as `estimated.calibrate`.
    """
    usable = _usable(known)
    scored, weight = known.where(usable), weight[usable]
    curves = {ALL: estimated.calibrate(_target(scored, meaning), scored.score, weight)}
    for value in scored.segments(LEAST_TO_CALIBRATE):
        own = np.array([value in one for one in scored.segment], np.bool_)
        part = scored.where(own)
        try:
            curves[value] = estimated.calibrate(_target(part, meaning), part.score, weight[own])
        except ValueError:
            continue  # one class only: the curve of all is the better guess
    return curves


def recalibrated(reference: Cohort, weight: Floats, made: Release) -> Release:
    """The release as if the reference had held other inputs: its scores calibrated again on weighted records.

    weight: float64[n] > 0, of all records of the reference (see `reweighting`). ValueError where nothing can be
    estimated: the model has no scores, or the labelled records say too little.
    """
    if made.meaning is None:
        raise ValueError(
            "nothing is estimated for this model: its reference has no scores that could be calibrated"
        )
    kept = reference.known & reference.even
    return replace(made, calibrations=calibrations(reference.where(kept), made.meaning, weight[kept]))


def realised_metrics(cohort: Cohort, made: Release) -> dict[str, Estimate]:
    """What the labels say: error_rate (of numbers large_error_rate), and the metrics of `realised`; empty without."""
    known = cohort.where(cohort.known)
    if not len(known):
        return {}
    found: dict[str, Estimate] = {}
    error = rate(known.wrong(made.limit).astype(np.float64), np.ones(len(known)), known.weight)
    if error is not None:
        found[made.error_rate] = error
    if known.numeric:
        return found | realised.numbers(np.zeros(len(known)), known.errors, known.weight)
    if known.positive is None:
        return found | realised.classes([str(one) for one in known.label], known.predicted, known.weight)
    truth = np.array([label == known.positive for label in known.label], np.bool_)
    said = np.array([word == known.positive for word in known.predicted], np.bool_)
    # Scores outside 0..1 are broken data: quality says so, and no area or Brier score should.
    score = np.where(_usable(known), known.score, np.nan) if made.meaning == "chance of a yes" else None
    return found | realised.binary(truth, said, score, known.weight)


def estimated_metrics(cohort: Cohort, made: Release) -> dict[str, Estimate]:
    """What calibrated scores expect, blind to concept shift: estimated_accuracy and its like; empty without scores."""
    if ALL not in made.calibrations:
        return {}
    scored = _scored(cohort)
    if not len(scored):
        return {}
    chance = _chances(scored, made)
    if made.meaning == "chance of a yes":
        said = np.array([word == scored.positive for word in scored.predicted], np.bool_)
        identity = Calibration((0.0, 1.0), (0.0, 1.0), 0)
        found = estimated.estimate(said, chance, identity, scored.weight)
    else:
        right = rate(chance, np.ones(len(chance)), scored.weight)
        found = {} if right is None else {"accuracy": right}
    if "accuracy" in found:
        right = found["accuracy"]
        found["error_rate"] = Estimate(1 - right.value, 1 - right.high, 1 - right.low)
    return {f"estimated_{name}": value for name, value in found.items()}


def expected_losses(cohort: Cohort, made: Release) -> Floats:
    """float64[m] in 0..1: how likely each scored record is wrong, by its calibrated score."""
    scored = _scored(cohort)
    chance = _chances(scored, made)
    if made.meaning == "chance of a yes":
        said = np.array([word == scored.positive for word in scored.predicted], np.bool_)
        return np.where(said, 1 - chance, chance)
    return 1 - chance


def _usable(cohort: Cohort) -> Bools:
    with np.errstate(invalid="ignore"):
        return np.asarray((cohort.score >= 0) & (cohort.score <= 1))


def _scored(cohort: Cohort) -> Cohort:
    """The records with a score in 0..1."""
    return cohort.where(_usable(cohort))


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
    area = realised.roc_auc(said, scored.score, np.ones(len(scored)))
    return "chance of a yes" if area is not None and area.value >= CLEARLY_ABOVE else "confidence"


def _target(scored: Cohort, meaning: Meaning) -> Bools:
    if meaning == "confidence":
        return ~scored.wrong(None)
    return np.array([label == scored.positive for label in scored.label], np.bool_)


def _number(word: str | None) -> float:
    try:
        value = float(word) if word is not None else math.nan
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan
