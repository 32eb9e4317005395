"""How often a model errs on each day of the week, where the days differ: what is tolerated on a Saturday is told from
Saturdays.

A detector whose proof needs the error rate to stay within what is tolerated *in every window* alarms on harder weekends
though nothing changed, unless each day has a bound of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from checks.performance.estimates import Floats
from checks.performance.risk import bound

DAYS = 7
LEAST_HELD = 2  # dates of a weekday in the reference, before it is told apart from all others
DIFFER = 0.05  # chance that days which do not differ are told apart
_WEEKEND = np.arange(DAYS) >= 5
PRIOR = 100.0  # records of the pooled rate that every day starts from


@dataclass(frozen=True)
class Weekdays:
    """Of each weekday (Monday first): error rate and its upper bound, and the rate that calibrated scores expect (None
    without scores), 0..1. A day that the reference hardly holds has those of all days."""

    rate: tuple[float, ...]
    risk: tuple[float, ...]
    expected: tuple[float, ...] | None = None

    def to_dict(self) -> dict[str, Any]:
        expected = None if self.expected is None else list(self.expected)
        return {"rate": list(self.rate), "risk": list(self.risk), "expected": expected}

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> Weekdays:
        expected = body["expected"]
        return cls(
            tuple(map(float, body["rate"])),
            tuple(map(float, body["risk"])),
            None if expected is None else tuple(map(float, expected)),
        )


def told_apart(
    wrong: npt.NDArray[np.bool_],
    weekday: npt.NDArray[np.intp],
    date: npt.NDArray[np.intp],
    risk: float,
    delta: float = 0.05,
) -> Weekdays | None:
    """The days of labelled records, None where their error rates do not differ by more than chance.

    wrong bool[n], weekday int[n] in 0..6 and date int[n] (any number of the day) of the same records; risk: the bound
    for all of them. Counts are smoothed by PRIOR records of the pooled rate; all bounds hold together with
    1 − delta. Days differ by a G-test (Sokal and Rohlf 1981); where only working days and weekends do, there are two
    bounds.
    """
    count = np.bincount(weekday, minlength=DAYS).astype(np.float64)
    bad = np.bincount(weekday, weights=wrong, minlength=DAYS).astype(np.float64)
    held = np.array([len(np.unique(date[weekday == day])) >= LEAST_HELD for day in range(DAYS)])
    if not _differ(count[held], bad[held]):
        return None
    kind = np.arange(DAYS)
    if not any(_differ(count[held & part], bad[held & part]) for part in (_WEEKEND, ~_WEEKEND)):
        kind = _WEEKEND.astype(np.intp)  # more records behind each bound, and so less slack
    pooled = float(wrong.mean())
    rate, bounds = np.full(DAYS, pooled), np.full(DAYS, risk)
    kinds = np.unique(kind[held])
    for one in kinds:
        days = held & (kind == one)
        records = count[days].sum() + PRIOR
        rate[days] = (bad[days].sum() + PRIOR * pooled) / records
        bounds[days] = bound(float(rate[days][0]), int(records), delta / len(kinds))
    return Weekdays(tuple(rate.tolist()), tuple(bounds.tolist()))


def _differ(count: Floats, bad: Floats) -> bool:
    """Whether days of so many records, so many of them wrong, differ by more than chance."""
    from scipy.special import chdtrc, xlogy

    if len(count) < 2 or not 0 < bad.sum() < count.sum():
        return False
    share = bad.sum() / count.sum()
    good = count - bad
    unlike = 2 * (xlogy(bad, bad / (count * share)) + xlogy(good, good / (count * (1 - share)))).sum()
    return bool(chdtrc(len(count) - 1, unlike) < DIFFER)


def expected_by_day(losses: Floats, weekday: npt.NDArray[np.intp]) -> tuple[float, ...]:
    """The mean of losses (float64[n] in 0..1, n > 0) of each weekday, smoothed as the rates are."""
    mean = float(losses.mean())
    count = np.bincount(weekday, minlength=DAYS)
    total = np.bincount(weekday, weights=losses, minlength=DAYS)
    return tuple(((total + PRIOR * mean) / (count + PRIOR)).tolist())
