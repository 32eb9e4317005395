"""Harder weekends: no alarm where every weekend is, and one where the model became worse."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from checks.performance.cohort import Cohort, Release, release
from checks.performance.detector import Detector, step
from checks.performance.weekdays import DAYS, PRIOR, told_apart

HARDER = np.array([0.08, 0.08, 0.08, 0.08, 0.08, 0.20, 0.20])
ALIKE = np.full(DAYS, 0.1)
TOLERANCE, WEEKS, A_DAY = 0.02, 12, 100
# What `monitor.performance` waits for with daily windows and the default budget.
BAR = 90 / 0.1 * 2


def labelled(
    rates: npt.NDArray[np.float64], days: int, seed: int
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Whether the model erred, the weekday and the day of every labelled record."""
    day = np.repeat(np.arange(days), A_DAY).astype(np.intp)
    wrong = np.random.default_rng(seed).random(len(day)) < rates[day % 7]
    return wrong, day % 7, day


def released(rates: npt.NDArray[np.float64], seed: int, weeks: int = WEEKS) -> Release:
    wrong, weekday, day = labelled(rates, 7 * weeks, seed)
    n = len(wrong)
    records = Cohort(
        predicted=["yes"] * n,
        label=np.where(wrong, "no", "yes").tolist(),
        positive=None,
        score=np.full(n, np.nan),
        weight=np.ones(n),
        even=np.ones(n, np.bool_),
        segment=[()] * n,
        delay_days=np.full(n, np.nan),
    )
    return release(records, (weekday, day))


def alarms(
    made: Release, rates: npt.NDArray[np.float64], weeks: int, seed: int, *, pooled: bool = False
) -> list[int]:
    """Days on which the evidence reaches the bar; it starts again after each."""
    draw, detector, found = np.random.default_rng([seed, 1]), Detector(), []
    for day in range(7 * weeks):
        losses = (draw.random(A_DAY) < rates[day % 7]).astype(np.float64)
        risk = made.risk if pooled else made.risk_on(day % 7)
        detector = step(detector, losses, risk + TOLERANCE, day)
        if detector.evidence >= BAR:
            found.append(day)
            detector = Detector()
    return found


def test_weekends_that_always_are_harder_raise_nothing_in_two_hundred_weeks() -> None:
    made = released(HARDER, 1)
    assert made.weekdays is not None
    assert alarms(made, HARDER, 200, 2) == []
    one_bound = alarms(made, HARDER, 200, 2, pooled=True)
    assert len(one_bound) > 2, "where less than one is agreed on"


def test_a_model_that_became_worse_is_found_on_its_harder_days_and_on_the_others() -> None:
    made = released(HARDER, 1)
    for seed in range(3, 13):
        assert alarms(made, HARDER + 0.08, 6, seed)
        assert alarms(made, HARDER + 0.16, 6, seed)[0] <= 7
    worse_weekends = HARDER + np.array([0, 0, 0, 0, 0, 0.2, 0.2])
    assert all(alarms(made, worse_weekends, 6, seed) for seed in range(3, 13))


def test_easier_days_are_held_to_their_own_rate() -> None:
    """Working days that became as wrong as all days together were at release."""
    made = released(np.array([0.02] * 5 + [0.3] * 2), 1)
    worse = np.array([0.1] * 5 + [0.3] * 2)
    assert all(alarms(made, worse, 6, seed) for seed in range(3, 13))
    assert made.risk > 0.1 > made.risk_on(0) + TOLERANCE


def test_days_that_do_not_differ_share_one_bound() -> None:
    apart = [released(ALIKE, seed).weekdays is not None for seed in range(60)]
    assert np.mean(apart) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 60)


def test_the_bounds_hold_together() -> None:
    made = [released(HARDER, seed) for seed in range(40)]
    above = [all(np.array(one.weekdays.risk) >= HARDER - 0.012) for one in made if one.weekdays is not None]
    assert len(above) == 40
    assert np.mean(above) >= 0.95


def test_a_day_that_the_reference_held_once_has_the_bound_of_all() -> None:
    wrong, weekday, day = labelled(HARDER, 13, 3)  # the second Sunday is missing
    found = told_apart(wrong, weekday, day, 0.2)
    assert found is not None
    assert found.risk[6] == 0.2
    assert found.rate[6] == pytest.approx(wrong.mean())
    saturday = weekday == 5
    smoothed = (wrong[saturday].sum() + PRIOR * wrong.mean()) / (saturday.sum() + PRIOR)
    assert found.rate[5] == pytest.approx(smoothed)


def test_working_days_and_weekends_share_a_bound_each_where_that_is_all_that_differs() -> None:
    made = [released(HARDER, seed).weekdays for seed in range(20)]
    kinds = [len(set(one.risk)) for one in made if one is not None]
    assert kinds.count(2) >= 14
    assert set(kinds) <= {2, 7}
    mondays = released(np.array([0.3, 0.05, 0.1, 0.1, 0.1, 0.1, 0.1]), 1).weekdays
    assert mondays is not None
    assert len(set(mondays.risk)) == 7


@pytest.mark.parametrize("rates", [np.zeros(DAYS), np.ones(DAYS)])
def test_models_that_never_or_always_err_have_no_days(rates: npt.NDArray[np.float64]) -> None:
    assert released(rates, 1).weekdays is None


def test_one_week_is_too_little() -> None:
    assert released(HARDER, 1, weeks=1).weekdays is None


def test_a_release_survives_its_dictionary_and_an_older_one_is_read() -> None:
    made = released(HARDER, 1)
    assert Release.from_dict(made.to_dict()) == made
    older = {name: value for name, value in made.to_dict().items() if name != "weekdays"}
    assert Release.from_dict(older).risk_on(5) == made.risk
    assert made.risk_on(None) == made.risk
