from __future__ import annotations

import numpy as np
import pytest

from checks.baseline import Baseline, fit, fit_with_null, score
from checks.scores import ERROR, INSUFFICIENT, LEARNING, MAX_STEP, NOTABLE, OK, STATUS, tempering
from checks.seasons import DAY_US, Blocks
from checks.series import Observations
from tests.checks.made_up import DAILY, HOURLY, Made, ordinary

WEEK = 168
VOLUME, MOJIBAKE, TOXIC, AGE, AGE_SHAPE = range(5)


@pytest.fixture(scope="module")
def fitted():  # type: ignore[no-untyped-def]
    return fit_with_null(ordinary(8 * WEEK), HOURLY)


def test_reference_windows_score_as_a_normal_null_does(fitted) -> None:  # type: ignore[no-untyped-def]
    z = fitted.scores.z[:, [VOLUME, TOXIC, AGE, AGE_SHAPE]]
    assert (np.abs(z.mean(axis=0)) < 0.15).all()
    assert ((z.std(axis=0) > 0.8) & (z.std(axis=0) < 1.1)).all()
    assert ((z > 3).mean(axis=0) < 0.005).all()


def test_later_windows_score_as_the_reference_did(fitted) -> None:  # type: ignore[no-untyped-def]
    z = score(fitted.baseline, ordinary(4 * WEEK, seed=9)).z
    assert (np.abs(np.nanmean(z, axis=0)) < 0.2).all()
    assert (np.nanstd(z[:, [VOLUME, TOXIC, AGE, AGE_SHAPE]], axis=0) < 1.15).all()


def test_a_loss_of_volume_moves_no_distribution(fitted) -> None:  # type: ignore[no-untyped-def]
    less = score(fitted.baseline, ordinary(2 * WEEK, seed=4, records=48))
    assert np.nanmean(less.z[:, VOLUME]) < -3
    assert abs(np.nanmean(less.z[:, AGE_SHAPE])) < 0.3
    assert (less.z[:, AGE_SHAPE] > 3).mean() < 0.01


def test_a_timetable_more_regular_than_chance_loses_volume_without_drift() -> None:
    def regular(windows: int, per_bin: int) -> Observations:
        made = Made(windows)
        made.distribution("route", np.full(windows, 20.0 * per_bin), np.full(20, 0.05))
        made.bins[0][:] = per_bin + made.draw.integers(-1, 2, size=(windows, 20))
        made.stats[0] = (made.bins[0].sum(axis=1).astype(np.float64), np.zeros(windows), np.zeros(windows))
        return made.done()

    baseline = fit_with_null(regular(8 * WEEK, 25), HOURLY).baseline
    thinned = regular(48, 25)
    thinned.bins[0][:] = np.random.default_rng(1).binomial(thinned.bins[0], 0.4)
    lost = Observations(
        thinned.series,
        thinned.start_us,
        thinned.bins[0].sum(axis=1)[:, None] * 1.0,
        thinned.x,
        thinned.xx,
        thinned.bins,
    )
    assert (score(baseline, lost).z > 3).mean() <= 0.05


@pytest.mark.parametrize(("column", "least"), [(TOXIC, 2.0), (AGE, 2.0), (AGE_SHAPE, 2.0)])
def test_a_change_is_seen_in_its_own_series(fitted, column: int, least: float) -> None:  # type: ignore[no-untyped-def]
    made = Made(48, seed=5)
    n = made.volume(120 * (1 + 0.5 * np.sin(2 * np.pi * made.hour / 24)))
    made.rate("encoding_rate", n, 0.001, family="encoding", term="mojibake")
    made.rate("class_share", n, 0.24, family="predictions", term="toxic", column="decision")
    made.mean("age", n, 11.0)
    made.distribution("age", n, [0.25] + [0.75 / 9] * 9)
    assert np.nanmedian(score(fitted.baseline, made.done()).z[:, column]) > least


def test_a_window_with_too_little_is_insufficient_and_holds_the_sequence(fitted) -> None:  # type: ignore[no-untyped-def]
    obs = ordinary(3, records=120)
    obs.n[1] = obs.x[1] = obs.xx[1] = 0
    obs.bins[AGE_SHAPE][1] = 0
    scores = score(fitted.baseline, obs)
    assert scores.status[1, 1:].tolist() == [INSUFFICIENT] * 4
    assert scores.status[1, VOLUME] in (OK, NOTABLE)
    assert (scores.steps[1, 1:] == 0).all()
    assert np.isnan(scores.value[1, MOJIBAKE])


def test_one_infinity_is_an_error_of_its_own_series_alone(fitted) -> None:  # type: ignore[no-untyped-def]
    sound, broken = ordinary(3), ordinary(3)
    broken.x[1, AGE] = np.inf
    before, after = score(fitted.baseline, sound), score(fitted.baseline, broken)
    assert after.status[1, AGE] == ERROR
    others = [VOLUME, MOJIBAKE, TOXIC, AGE_SHAPE]
    np.testing.assert_array_equal(before.z[:, others], after.z[:, others])


def test_a_series_that_the_reference_never_held_is_learning() -> None:
    made = Made(8 * WEEK)
    n = np.full(8 * WEEK, 100.0)
    made.rate("class_share", n, 0.5, segment="country=IN")
    made.rate("class_share", np.zeros(8 * WEEK), 0.5, segment="country=FR")
    obs = made.done()
    baseline = fit_with_null(obs, HOURLY).baseline
    obs.n[:, 1] = 50.0
    scores = score(baseline, obs.rows(slice(0, 2)))
    assert scores.status[:, 1].tolist() == [LEARNING, LEARNING]
    assert np.isnan(scores.expected[:, 1]).all()


def test_the_normal_band_holds_most_windows(fitted) -> None:  # type: ignore[no-untyped-def]
    later = score(fitted.baseline, ordinary(4 * WEEK, seed=3))
    inside = (later.value >= later.expected_low - 1e-12) & (later.value <= later.expected_high + 1e-12)
    assert (inside[:, [VOLUME, TOXIC, AGE, AGE_SHAPE]].mean(axis=0) > 0.9).all()
    assert (later.low <= later.value).all()
    assert (later.value <= later.high).all()


def test_no_window_adds_more_than_the_largest_step(fitted) -> None:  # type: ignore[no-untyped-def]
    obs = ordinary(2)
    obs.x[:, MOJIBAKE] = obs.n[:, MOJIBAKE]
    steps = score(fitted.baseline, obs).steps
    assert steps[:, MOJIBAKE].max() == pytest.approx(MAX_STEP)


def test_a_rate_that_never_matters_when_it_falls_has_no_falling_lane(fitted) -> None:  # type: ignore[no-untyped-def]
    steps = fitted.scores.steps
    assert (steps[:, MOJIBAKE, [1, 3]] == 0).all()
    assert (steps[:, TOXIC, 1] != 0).any()


def test_evidence_counts_less_where_windows_resemble_the_last() -> None:
    draw = np.random.default_rng(0)
    fresh = draw.standard_normal((2_000, 1))
    repeated = np.repeat(draw.standard_normal((250, 1)), 8, axis=0)
    z = np.concatenate([fresh, repeated], axis=1)
    steps = np.repeat((2 * (z - 1))[:, :, None], 4, axis=2)
    block = Blocks("week", 4, np.arange(2_000) // 500)
    temper, left_out = tempering(steps, 23, block)
    assert temper[0] == pytest.approx(1.0, abs=0.15)
    assert (temper[1] < 0.3).all()
    assert left_out.shape == (4, 2, 4)


def test_wild_days_are_less_surprising_where_the_reference_had_wild_days() -> None:
    def far(wild: float) -> tuple[float, float]:
        """The z of a day six spreads away, and the degrees of freedom of the series."""
        made = Made(12 * 7 + 1, DAY_US, seed=3)
        level = 10 + made.draw.standard_t(wild, made.windows) / np.sqrt(
            wild / (wild - 2) if wild < 100 else 1
        )
        level[-1] = 10 + 4.5
        made.mean("age", np.full(made.windows, 10_000.0), level)
        obs = made.done()
        baseline = fit_with_null(obs.rows(slice(0, -1)), DAILY).baseline
        return float(score(baseline, obs.rows(slice(-1, None))).z[0, 0]), float(baseline.null.freedom[0])

    calm, calm_freedom = far(1_000.0)
    stormy, stormy_freedom = far(3.0)
    assert calm_freedom > 30
    assert stormy_freedom <= 10
    assert stormy < calm - 0.5


def test_series_are_scored_together_as_they_are_alone() -> None:
    made = Made(9 * WEEK, seed=6)
    n = np.full(made.windows, 300.0)
    made.distribution("few", n, np.full(4, 0.25))
    made.distribution("many", n, np.random.default_rng(0).dirichlet(np.ones(30)))
    obs = made.done()
    together = score(_fitted(obs), obs.rows(slice(8 * WEEK, None)))
    for s in range(2):
        alone = Observations(
            obs.series[s : s + 1],
            obs.start_us,
            obs.n[:, s : s + 1],
            obs.x[:, s : s + 1],
            obs.xx[:, s : s + 1],
            {0: obs.bins[s]},
        )
        z = score(_fitted(alone), alone.rows(slice(8 * WEEK, None))).z[:, 0]
        np.testing.assert_allclose(together.z[:, s], z, atol=1e-9)


def _fitted(obs: Observations) -> Baseline:
    return fit_with_null(obs.rows(slice(0, 8 * WEEK)), HOURLY).baseline


# ----- rates of a few messages a window -----------------------------------------------------------------------


def few_an_hour(windows: int, seed: int, share: float) -> Observations:
    made = Made(windows, seed=seed)
    made.volume(100.0)
    n = made.draw.poisson(2.0, windows).astype(np.float64)
    made.rate(
        "class_share", n, share, family="predictions", term="toxic", column="decision", segment="country=IS"
    )
    return made.done()


def test_windows_of_two_messages_add_up() -> None:
    learnt = fit(few_an_hour(8 * 168, 1, 0.1), HOURLY)
    same, more = (score(learnt, few_an_hour(5 * 24, 2, share)) for share in (0.1, 0.3))
    assert same.steps[:, 1, 2].sum() < 0 < more.steps[:, 1, 2].sum()
    assert more.steps[:, 1, 2].sum() > learnt.threshold


def test_a_window_of_two_messages_is_never_unusual_by_itself() -> None:
    learnt = fit(few_an_hour(8 * 168, 1, 0.001), HOURLY)
    obs = few_an_hour(1, 2, 0.0)
    obs.n[0, 1] = obs.x[0, 1] = 2
    alone = score(learnt, obs)
    assert alone.z[0, 1] > 3
    assert STATUS[alone.status[0, 1]] == "ok"
    assert (alone.steps[0, 1, :2] == 0).all()
    assert alone.steps[0, 1, 2] > 0
    obs.n[0, 1] = obs.x[0, 1] = 6
    assert STATUS[score(learnt, obs).status[0, 1]] == "notable"
