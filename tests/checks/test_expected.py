from __future__ import annotations

import numpy as np

from checks.expected import (
    Kinds,
    base,
    choose_seasons,
    fold,
    left_out_base,
    left_out_level,
    level,
    tally,
)
from checks.novelty import as_if_new
from checks.seasons import Season, blocks, places
from tests.checks.made_up import HOURLY, MONDAY_US, Made, ordinary

WEEK = 168


def learnt(obs):  # type: ignore[no-untyped-def]
    kinds, block = Kinds.of(obs.series), blocks(obs.start_us, HOURLY)
    cell = places(obs.start_us, HOURLY).cell
    return kinds, block, cell, tally(obs, kinds, cell, block, HOURLY.cells)


def test_a_window_is_predicted_as_if_its_block_had_never_been() -> None:
    obs = ordinary(8 * WEEK)
    kinds, block, cell, sums = learnt(obs)
    season = np.full(len(obs.series), int(Season.HOUR), dtype=np.int8)
    left_out = left_out_level(sums, kinds, cell, block, season)

    others = obs.rows(np.flatnonzero(block.of != 3))
    mine = np.flatnonzero(block.of == 3)
    _, other_blocks, other_cell, _ = learnt(others)
    without = tally(others, kinds, other_cell, other_blocks, HOURLY.cells).total()
    direct = level(fold(without, season, 24), kinds, cell[mine], season)
    np.testing.assert_allclose(left_out.mean[mine], direct.mean)
    np.testing.assert_allclose(left_out.sampling[mine], direct.sampling)


def test_the_season_is_found_that_is_there() -> None:
    made = Made(8 * WEEK)
    wave = np.sin(2 * np.pi * made.hour / 24)
    weekend = (np.arange(8 * WEEK) // 24 % 7) >= 5
    n = made.volume(200 * (1 + 0.5 * wave) * np.where(weekend, 0.6, 1.0))
    made.rate("class_share", n, 0.2 + 0.1 * wave)
    made.rate("encoding_rate", n, 0.001)
    obs = made.done()
    kinds, block, cell, sums = learnt(obs)
    season = choose_seasons(obs, kinds, sums, cell, block, HOURLY)
    assert season.tolist() == [Season.WEEKEND_HOUR, Season.HOUR, Season.NONE]


def test_a_place_in_the_week_never_seen_is_answered_by_its_hour() -> None:
    made = Made(5 * 24)  # Monday to Friday
    made.volume(np.where(made.hour < 12, 10.0, 100.0))
    obs = made.done()
    kinds, _, _, sums = learnt(obs)
    season = np.array([int(Season.WEEKEND_HOUR)], dtype=np.int8)
    saturday = np.array([5 * 24 + 3, 5 * 24 + 20])
    expected = level(fold(sums.total(), season, 24), kinds, saturday, season).mean[:, 0]
    assert abs(expected[0] - 10) < 4
    assert abs(expected[1] - 100) < 12


def test_a_rate_never_seen_is_small_but_not_zero() -> None:
    made = Made(24)
    n = np.full(24, 100.0)
    made.rate("encoding_rate", n, 0.0)
    obs = made.done()
    kinds, _, cell, sums = learnt(obs)
    season = np.array([int(Season.NONE)], dtype=np.int8)
    predicted = level(fold(sums.total(), season, 24), kinds, cell, season)
    assert 0 < predicted.mean[0, 0] < 1 / 2_400


def test_expected_shares_are_mostly_of_the_same_season_and_sum_to_one() -> None:
    by_class = np.array([[90, 10], [10, 90]], dtype=np.int64)
    shares, records = base(by_class, np.array([0, 1]), int(Season.WEEKDAY))
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    np.testing.assert_allclose(shares[:, 0], [0.8 * 90.5 / 101 + 0.1, 0.8 * 10.5 / 101 + 0.1])
    assert (records > 100).all()


def test_a_class_without_records_falls_back_to_all() -> None:
    shares, _ = base(np.array([[8, 2], [0, 0]], dtype=np.int64), np.array([1]), int(Season.WEEKDAY))
    np.testing.assert_allclose(shares[0], [8.5 / 11, 2.5 / 11])


def test_left_out_shares_do_not_know_their_own_block() -> None:
    obs = ordinary(8 * WEEK)
    _, block, cell, _ = learnt(obs)
    bins = obs.bins[4].copy()
    bins[block.of == 2] = 0
    bins[block.of == 2, 0] = 1_000
    shares, _ = left_out_base(bins, cell, block, int(Season.NONE), 24)
    assert np.allclose(shares[block.of == 2], 0.1, atol=0.01)
    assert (shares[block.of == 0][:, 0] > 0.3).all()


def test_a_value_that_only_one_block_holds_was_new_when_it_came() -> None:
    made = Made(8 * WEEK)
    n = np.full(8 * WEEK, 50.0)
    made.rate("unseen_rate", n, 0.0, family="inputs", column="age")
    made.distribution("age", n, [0.6, 0.4, 0.0])
    made.rate("null_rate", n, 0.0, column="age")
    made.bins[1][200] = [48, 0, 2]
    obs = made.done()
    changed = as_if_new(obs, blocks(obs.start_us, HOURLY))
    assert changed.x[200].tolist() == [2, 0, 0]
    assert changed.x[:, 0].sum() == 2


def test_a_pair_of_languages_that_only_one_block_holds_was_new_too() -> None:
    made = Made(8 * WEEK, start_us=MONDAY_US)
    n = np.full(8 * WEEK, 50.0)
    rare = np.zeros(8 * WEEK)
    rare[500] = 1.0
    made.rate("pair_rate", n, 0.05, family="language", term="en+es")
    made.rate("pair_rate", n, rare, family="language", term="de+tr")
    made.rate("new_pair_rate", n, 0.0, family="language")
    obs = made.done()
    changed = as_if_new(obs, blocks(obs.start_us, HOURLY))
    assert np.flatnonzero(changed.x[:, 2]).tolist() == [500]
