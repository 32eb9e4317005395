"""Which series a finding names: more of those that moved than one threshold for all, at the same error."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from checks import decision
from checks.baseline import Baseline, fit, score
from checks.decision import Finding, State
from checks.naming import ERROR, LEAST_NATS, Highest, carriers
from checks.series import Observations
from tests.checks.made_up import DAILY, Made

SERIES, MOVED = 20, 14
EVERYTHING = np.ones(SERIES, dtype=np.bool_)


def quiet_days(days: int, seed: int) -> npt.NDArray[np.float64]:
    """The evidence of days without a change, float64[SERIES, days]: a tail of one nat, half of it shared."""
    draw = np.random.default_rng(seed)
    return np.maximum(draw.exponential(size=(SERIES, days)), draw.exponential(size=days))


def test_the_level_is_passed_on_one_day_of_twenty() -> None:
    days = quiet_days(2_000, 1)
    level = Highest.of(days).level(EVERYTHING)
    assert np.mean(days.max(axis=0) > level) == pytest.approx(ERROR, abs=0.001)
    assert Highest.of(days).level(EVERYTHING) == np.sort(days.max(axis=0))[-101]


def test_fewer_series_need_less_evidence() -> None:
    highest = Highest.of(quiet_days(2_000, 1))
    levels = [highest.level(np.arange(SERIES) < among) for among in (20, 10, 5, 1)]
    assert levels == sorted(levels, reverse=True)
    assert levels[0] - levels[-1] > 1.5
    assert levels[-1] >= LEAST_NATS


def test_it_names_more_of_what_moved_than_one_threshold_for_all_at_the_same_error() -> None:
    highest = Highest.of(quiet_days(2_000, 1))
    for_all = highest.level(EVERYTHING)
    draw = np.random.default_rng(2)
    named = {"one threshold": [0, 0], "step-down": [0, 0]}
    days = 1_500
    untouched = quiet_days(days, 3)
    for day in range(days):
        evidence = untouched[:, day].copy()
        evidence[:MOVED] += np.maximum(draw.normal(6.0, 2.0, MOVED), 0)
        for rule, found in (
            ("one threshold", np.flatnonzero(evidence > for_all)),
            ("step-down", carriers(highest, evidence, EVERYTHING)),
        ):
            named[rule][0] += int((found < MOVED).sum())
            named[rule][1] += bool((found >= MOVED).any())
    most = ERROR + 3 * np.sqrt(ERROR * (1 - ERROR) / days)
    assert named["one threshold"][1] / days <= most
    assert named["step-down"][1] / days <= most
    assert named["step-down"][0] > 1.05 * named["one threshold"][0]


def test_a_day_on_which_nothing_moved_names_something_one_time_in_twenty() -> None:
    highest, fresh = Highest.of(quiet_days(4_000, 1)), quiet_days(4_000, 9)
    wrong = [len(carriers(highest, fresh[:, day], EVERYTHING)) > 0 for day in range(4_000)]
    assert np.mean(wrong) == pytest.approx(ERROR, abs=0.012)


def test_without_days_nothing_is_named() -> None:
    assert len(carriers(Highest.unknown(), np.full(SERIES, 100.0), EVERYTHING)) == 0


def test_only_series_that_were_asked_for_are_named() -> None:
    evidence = np.full(SERIES, 50.0)
    among = np.arange(SERIES) >= 15
    assert carriers(Highest.of(quiet_days(400, 1)), evidence, among).tolist() == [15, 16, 17, 18, 19]


# ----- in a judgement ---------------------------------------------------------------------------------------

LEVELS = 12


def languages(days: int, seed: int, moved: tuple[int, ...] = (), since: int = 0) -> Observations:
    made = Made(days, DAILY.every_us, seed=seed)
    n = made.volume(1_500.0)
    for one in range(LEVELS):
        share = np.full(days, 0.08)
        if one in moved:
            share[since:] += 0.03
        made.rate("language_share", n, share, family="language", term=f"l{one}")
    return made.done()


@pytest.fixture(scope="module")
def baseline() -> Baseline:
    return fit(languages(84, 5), DAILY)


def first_firing(baseline: Baseline, obs: Observations) -> Finding | None:
    state, scores = State.empty(baseline), score(baseline, obs)
    for day in range(len(obs.start_us)):
        row = slice(day, day + 1)
        state, judged = decision.step(baseline, state, scores.rows(row), obs.rows(row), ())
        firing = [one for one in judged.findings if one.firing and one.family == "language"]
        if firing:
            return firing[0]
    return None


def test_the_first_window_of_an_episode_names_what_moved_and_seldom_anything_else(baseline: Baseline) -> None:
    moved = (0, 3, 4, 7, 9)
    true = wrong = fired_alone = 0
    for seed in range(100, 140):
        found = first_firing(baseline, languages(14, seed, moved))
        assert found is not None
        terms = [int(baseline.series[one.series].term[1:]) for one in found.named]
        true += sum(term in moved for term in terms)
        wrong += any(term not in moved for term in terms)
        fired_alone += sum(one.weight >= baseline.threshold for one in found.named)
    assert true >= 0.9 * 40 * len(moved)
    assert true > fired_alone
    assert wrong <= 40 * ERROR + 3 * np.sqrt(40 * ERROR * (1 - ERROR))


def test_what_is_named_survives_the_bytes_of_the_baseline(baseline: Baseline) -> None:
    obs = languages(14, 101, (0, 3, 4, 7, 9))
    assert first_firing(Baseline.decode(baseline.encode()), obs) == first_firing(baseline, obs)
    assert baseline.highest.days >= 840
