from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from scipy import stats

from checks.baseline import Baseline, Budget, Calendar, fit, fit_with_null, score
from checks.budget import LEAST_THRESHOLD, STREAMS, evidence, lanes_of, peaks, provisional_threshold
from checks.scores import MAX_STEP, NOTABLE
from checks.seasons import HOUR_US
from tests.checks.made_up import DAILY, HOURLY, MONDAY_US, Made, ordinary

WEEK = 168
VOLUME = 0


@pytest.fixture(scope="module")
def baseline() -> Baseline:
    return fit(ordinary(8 * WEEK), HOURLY)


# ----- bytes ------------------------------------------------------------------------------------------------


def test_a_baseline_replays_from_its_bytes(baseline: Baseline) -> None:
    again = Baseline.decode(baseline.encode())
    assert again.encode() == baseline.encode()
    assert again.sha256 == baseline.sha256
    later = ordinary(24, seed=2)
    first, second = score(baseline, later), score(again, later)
    for name in ("z", "steps", "expected", "effect"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


def test_the_same_reference_gives_the_same_bytes(baseline: Baseline) -> None:
    assert fit(ordinary(8 * WEEK), HOURLY).encode() == baseline.encode()
    assert fit(ordinary(8 * WEEK), HOURLY, seed=1).encode() != baseline.encode()


def test_holidays_and_distributions_survive_the_bytes() -> None:
    festive = Calendar(HOUR_US, "Europe/Berlin", (date(2026, 12, 25),))
    fitted = fit(ordinary(8 * WEEK), festive, budget=Budget(2, 30))
    again = Baseline.decode(fitted.encode())
    assert (again.calendar, again.budget, again.facts) == (festive, Budget(2, 30), fitted.facts)
    assert again.class_counts.keys() == fitted.class_counts.keys()


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda b: b"nope" + b, "does not begin"),
        (lambda b: b + b"x", "bytes long"),
        (lambda b: b[:4] + b"\x63" + b[5:], "version"),
    ],
)
def test_bytes_that_are_no_baseline_are_refused(baseline: Baseline, damage, said: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=said):
        Baseline.decode(damage(baseline.encode()))


# ----- what a reference may be ------------------------------------------------------------------------------


def test_windows_out_of_order_or_none_are_refused() -> None:
    obs = ordinary(48)
    for wrong in (obs.rows(np.arange(48)[::-1]), obs.rows(slice(0, 0)), obs.rows(np.array([0, 1, 1]))):
        with pytest.raises(ValueError, match="ascending order"):
            fit(wrong, HOURLY)


def test_other_series_than_the_baselines_are_refused(baseline: Baseline) -> None:
    made = Made(2)
    made.volume(5.0)
    with pytest.raises(ValueError, match="not of the series"):
        score(baseline, made.done())


def test_facts_say_what_the_reference_is(baseline: Baseline) -> None:
    facts = baseline.facts
    assert (facts.windows, facts.blocks, facts.block, facts.missing) == (8 * WEEK, 8, "week", ())
    assert (facts.from_us, facts.to_us) == (MONDAY_US, MONDAY_US + 8 * WEEK * HOUR_US)
    assert not facts.provisional
    assert facts.extrapolated  # eight weeks cannot show what comes once in 90 days


def test_a_span_wider_than_the_data_teaches_no_silence() -> None:
    made = Made(8 * WEEK + 30)
    mean = np.full(made.windows, 50.0)
    mean[:20] = mean[-10:] = 0
    made.volume(mean)
    obs = made.done()
    fitted = fit_with_null(obs, HOURLY)
    assert fitted.baseline.facts.windows == 8 * WEEK
    assert fitted.scores is not None
    assert len(fitted.scores) == len(obs.start_us)
    assert abs(score(fitted.baseline, obs.rows(slice(5, 6))).expected[0, 0] - 50) < 3


def test_an_empty_window_inside_the_reference_counts_as_one() -> None:
    made = Made(8 * WEEK)
    mean = np.full(made.windows, 50.0)
    mean[made.hour == 3] = 0
    made.volume(mean)
    fitted = fit(made.done(), HOURLY)
    three = score(fitted, made.done().rows(slice(3, 4))).expected[0, 0]
    assert three < 0.1


def test_fewer_than_three_days_are_provisional() -> None:
    fitted = fit(ordinary(40), HOURLY)
    assert fitted.provisional
    assert fitted.facts.blocks == 0
    later = score(fitted, ordinary(40, seed=1))
    assert (later.z[:, 1:] < 4).all()
    assert later.status.max() <= 3


def test_an_empty_reference_learns_nothing_and_fails_nothing() -> None:
    made = Made(10)
    made.volume(0.0)
    made.rate("null_rate", np.zeros(10), 0.0)
    fitted = fit(made.done(), HOURLY)
    assert np.isnan(score(fitted, made.done()).z[:, 1]).all()


# ----- the recent level -------------------------------------------------------------------------------------


def test_growth_is_told_and_does_not_alarm(baseline: Baseline) -> None:
    grown = ordinary(5 * WEEK, seed=6, records=168)
    recent, now = grown.rows(slice(0, 4 * WEEK)), grown.rows(slice(4 * WEEK, None))
    by_reference, by_level = score(baseline, now), score(baseline, now, recent)
    assert np.mean(by_reference.z[:, VOLUME]) > 2
    assert abs(np.mean(by_level.z[:, VOLUME])) < 0.2
    np.testing.assert_array_equal(by_level.frozen_z, by_reference.z)
    assert (by_level.status[:, VOLUME] == NOTABLE).any()
    # Everything that is not a volume or a mean is judged as before.
    np.testing.assert_array_equal(by_reference.z[:, [1, 2, 4]], by_level.z[:, [1, 2, 4]])


def test_less_than_a_week_is_no_level(baseline: Baseline) -> None:
    grown = ordinary(2 * WEEK, seed=6, records=168)
    recent, now = grown.rows(slice(0, WEEK - 1)), grown.rows(slice(WEEK, None))
    np.testing.assert_array_equal(score(baseline, now, recent).z, score(baseline, now).z)


def test_four_weeks_are_less_sure_of_a_level_than_the_reference(baseline: Baseline) -> None:
    quiet = ordinary(4 * WEEK, seed=7)
    much = ordinary(24, seed=8, records=150)
    frozen, recent = score(baseline, much).z[:, VOLUME], score(baseline, much, quiet).z[:, VOLUME]
    assert np.mean(frozen) > 1
    assert 0.8 * np.mean(frozen) < np.mean(recent) < np.mean(frozen)


# ----- the budget -------------------------------------------------------------------------------------------


def test_a_larger_budget_lowers_the_threshold() -> None:
    obs = ordinary(8 * WEEK)
    thresholds = [fit(obs, HOURLY, budget=Budget(1, days)).threshold for days in (2, 14, 90, 900)]
    assert thresholds == sorted(thresholds)
    assert thresholds[0] < thresholds[-1]


def test_the_streams_of_a_threshold_are_told_one_by_one() -> None:
    heard: list[tuple[str, int, int | None]] = []
    fit(ordinary(84, every_us=24 * HOUR_US), DAILY, progress=lambda *told: heard.append(told))
    assert heard[:2] == [("baseline: seasons", 0, 1), ("baseline: seasons", 1, 1)]
    assert heard[2:] == [("baseline: threshold", i + 1, STREAMS) for i in range(STREAMS)]


def test_it_takes_two_windows_to_fire(baseline: Baseline) -> None:
    assert baseline.threshold > MAX_STEP
    assert LEAST_THRESHOLD > MAX_STEP


def test_a_budget_that_the_blocks_show_is_not_extrapolated() -> None:
    assert not fit(ordinary(8 * WEEK), HOURLY, budget=Budget(1, 7)).facts.extrapolated


def test_without_blocks_the_threshold_is_lordens() -> None:
    found = provisional_threshold(10, HOUR_US, Budget(1, 90))
    assert found.nats == pytest.approx(np.log(10 * 90 * 24 / 0.9))
    assert found.extrapolated


def test_peaks_close_together_are_one_episode() -> None:
    row = np.array([[0, 9, 0, 8, 0, 0, 0, 0, 7, 0.0]])
    assert sorted(peaks(row, 5.0).tolist()) == [7, 9]
    assert peaks(np.zeros((2, 5)), 5.0).tolist() == []


def test_evidence_needs_an_effect_above_the_floor() -> None:
    steps = np.zeros((4, 1, 4))
    steps[:, 0, 0] = 5.0
    ones = np.ones((4, 1))
    # 3 of 100 where 1 is normal: two points.
    for floor, expected in ((0.019, [5, 10, 15, 20]), (0.021, [0, 0, 0, 0])):
        lanes = lanes_of(steps, 3 * ones, ones, 100 * ones, np.zeros(1, np.intp), np.array([[floor, 0, 0]]))
        out = np.zeros((1, 4))
        evidence(
            lanes.steps, lanes.seen, lanes.normal, lanes.unit, lanes.series, lanes.down, lanes.family, lanes.floors,
            np.arange(4), np.arange(4), out,
        )  # fmt: skip
        assert out[0].tolist() == expected


def test_false_episodes_stay_near_the_budget() -> None:
    """Daily windows, 12 weeks of reference, 20 independent histories of 200 days each, one in 30 days allowed."""
    from tests.bench.replay import replay

    opened = days = 0
    for seed in range(20):
        obs = ordinary(84 + 200, every_us=DAILY.every_us, seed=seed, records=500)
        fitted = fit(obs.rows(slice(0, 84)), DAILY, budget=Budget(1, 30))
        opened += len(replay(fitted, obs.rows(slice(84, None))).episodes)
        days += 200
    # Poisson: the chance of more than this many at exactly the budget is 1 in 1,000.
    assert opened <= stats.poisson.isf(0.001, days / 30)


def test_seeds_do_not_change_what_is_normal(baseline: Baseline) -> None:
    other = fit(ordinary(8 * WEEK), HOURLY, seed=5)
    alike = replace(other, seed=0, threshold=baseline.threshold, highest=baseline.highest)
    assert alike.encode() == baseline.encode()
