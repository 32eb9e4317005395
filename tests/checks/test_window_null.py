"""The null that reference windows give: whose misses say how far a series strays, and how heavy its tail is."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from checks.expected import Kinds
from checks.seasons import DAY_US, Blocks
from checks.series import Kind, Observations, Series
from checks.window_null import Null, learn_null

Floats = npt.NDArray[np.float64]

DAYS = 84


def learnt(score: Floats, kind: Kind = "mean", metrics: tuple[str, ...] = ()) -> Null:
    """The null of series float64[W, S] that scored so, a thousand records a day in blocks of a week."""
    windows, size = score.shape
    names = metrics or ("metric",) * size
    series = tuple(Series(name, "column", "*", str(i), kind, "inputs") for i, name in enumerate(names))
    day = np.arange(windows)
    n = np.full(score.shape, 1_000.0)
    obs = Observations(series, day * DAY_US, n, n, n, {})
    null, _ = learn_null(obs, Kinds.of(series), score, Blocks("week", windows // 7, day // 7))
    return null


def chance_of_twenty_groups(size: int) -> Floats:
    """ln(JSD / E₀) of days without a change: about that of a χ² of 19 degrees of freedom over its mean."""
    return np.asarray(np.log(np.random.default_rng(4).chisquare(19, size=(DAYS, size)) / 19))


def test_a_day_that_is_closer_than_usual_makes_no_heavy_tail_of_large_distances() -> None:
    score = chance_of_twenty_groups(1)
    score[[10, 50], 0] -= 1.5
    assert learnt(score, "distribution").freedom[0] > 30
    assert learnt(-score, "distribution").freedom[0] <= 10


def test_a_distance_strays_upwards_as_far_as_its_upper_misses() -> None:
    score = chance_of_twenty_groups(200)
    null = learnt(score, "distribution")
    miss = score - score.mean(axis=0)
    above = np.sqrt(2 * np.square(np.maximum(miss, 0)).mean(axis=0))
    assert np.median(null.up[0]) == pytest.approx(np.median(above), rel=0.03)
    assert np.median(null.up[0]) < np.median(learnt(score).up[0])


def test_the_likeliest_of_the_heavy_tails_is_taken_not_the_heaviest() -> None:
    score = np.random.default_rng(5).standard_t(6, size=(1_050, 20))
    freedom = learnt(score).freedom
    assert np.isin(freedom, (4.0, 6.0, 10.0)).all()
    assert np.median(freedom) == 6.0


def test_what_others_of_its_metric_look_like_decides_with_the_windows_of_a_series() -> None:
    draw = np.random.default_rng(6)
    normal, heavy = draw.normal(size=(DAYS, 400)), draw.standard_t(3, size=(DAYS, 400))
    alone = tuple(f"metric {i}" for i in range(400))
    assert (learnt(normal, metrics=alone).freedom <= 6).mean() >= 0.02
    assert (learnt(normal).freedom <= 6).mean() <= 0.005
    assert (learnt(heavy, metrics=alone).freedom <= 6).mean() <= 0.96
    assert (learnt(heavy).freedom <= 6).mean() >= 0.98


def test_one_stormy_series_among_calm_ones_is_known() -> None:
    score = np.random.default_rng(7).normal(size=(DAYS, 40))
    score[[5, 26, 47, 68], 0] *= 8
    freedom = learnt(score).freedom
    assert freedom[0] <= 4
    assert (freedom[1:] > 30).all()


def test_series_that_never_moved_say_nothing_of_the_tails_of_others() -> None:
    draw = np.random.default_rng(8)
    heavy = draw.standard_t(3, size=(DAYS, 30))
    beside = np.hstack([heavy, np.zeros((DAYS, 300))])
    assert (learnt(beside).freedom[:30] == learnt(heavy).freedom).all()
    assert (learnt(beside).freedom[30:] > 30).all()
