from __future__ import annotations

import numpy as np
import pytest

from checks.unusual import carriers, distance, usual

DRAW = np.random.default_rng(3)
WEEKS, SERIES = 12, 40
BLOCK = np.repeat(np.arange(WEEKS), 7)
Z = DRAW.standard_normal((len(BLOCK), SERIES))


def test_ordinary_windows_are_as_far_as_those_of_the_reference_are_from_other_weeks() -> None:
    normal = usual(Z, BLOCK)
    assert normal is not None
    _, p = distance(normal, DRAW.standard_normal((2_000, SERIES)))
    # Of 84 windows the farthest twentieth is known to about a fortieth.
    assert np.mean(p <= 0.05) == pytest.approx(0.05, abs=0.05)


def test_a_little_of_everything_is_unusual_though_no_series_is() -> None:
    normal = usual(Z, BLOCK)
    assert normal is not None
    moved = DRAW.standard_normal((200, SERIES)) * 0.9 + 1.2
    _, p = distance(normal, moved)
    assert np.mean(p <= 0.02) > 0.9
    assert np.mean(np.abs(moved) > 4) < 0.01


def test_a_window_of_the_own_week_is_no_neighbour() -> None:
    same = np.concatenate([Z, Z])  # every window twice, in the same week
    normal = usual(same, np.concatenate([BLOCK, BLOCK]))
    assert normal is not None
    assert normal.distances[0] > 0


def test_the_series_that_keep_it_apart_are_named() -> None:
    normal = usual(Z, BLOCK)
    assert normal is not None
    odd = np.zeros(SERIES)
    odd[[7, 21]] = 8.0, -6.0
    assert carriers(normal, odd)[:2] == (7, 21)


def test_what_is_not_known_counts_as_expected() -> None:
    normal = usual(np.where(np.arange(SERIES) == 0, np.nan, Z), BLOCK)
    assert normal is not None
    row = Z[:1].copy()
    row[0, 0] = np.nan
    assert np.isfinite(distance(normal, row)[0]).all()


def test_too_few_blocks_and_other_series_are_told() -> None:
    assert usual(Z[:14], BLOCK[:14]) is None
    assert usual(np.zeros((84, 0)), BLOCK) is None
    normal = usual(Z, BLOCK)
    assert normal is not None
    with pytest.raises(ValueError, match="39 series in the window and 40"):
        distance(normal, Z[:, 1:])
