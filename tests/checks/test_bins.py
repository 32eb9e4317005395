from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.bins import CELLS, LOG_BINS, Bins, learn, log_bin_upper_ms, log_bins

finite = st.floats(allow_nan=False, allow_infinity=False)


def learnt(values: list[float] | np.ndarray) -> Bins:
    array = np.asarray(values, np.float64)
    return learn(array, float(array.min()), float(array.max()))


def bin_of(bins: Bins, value: float) -> int:
    return bins.bin_of[int(np.searchsorted(bins.cuts, value, "right"))]


def test_distinct_values_give_260_bins_of_equal_mass_in_20_groups_of_13() -> None:
    bins = learnt(np.random.default_rng(1).normal(size=26_000))
    assert bins.count == 262
    assert set(bins.mass[1:-1]) == {100}
    assert bins.mass[0] == bins.mass[-1] == 0
    assert np.bincount(bins.group).tolist() == [1] + [13] * 20 + [1]


def test_a_repeated_value_of_real_mass_is_a_bin_of_its_own() -> None:
    values = np.concatenate([np.zeros(500), np.random.default_rng(1).normal(size=1000)])
    bins = learnt(values)
    zero = bin_of(bins, 0.0)
    assert bins.atoms == (0.0,)
    assert bins.mass[zero] == 500
    assert bin_of(bins, np.nextafter(0.0, 1)) != zero
    assert bin_of(bins, -np.nextafter(0.0, 1)) != zero
    assert bins.group_labels()[bins.group[zero]] == "= 0"


def test_the_bin_around_an_atom_is_one_bin_on_both_sides_of_it() -> None:
    bins = learnt(np.concatenate([np.full(900, 0.5), np.linspace(0, 1, 4), np.linspace(0, 1, 4)]))
    assert bin_of(bins, 0.5) != bin_of(bins, 0.4)
    assert bin_of(bins, np.nextafter(0.5, 0)) == bin_of(bins, np.nextafter(0.5, 1))


def test_whole_numbers_each_have_a_bin_and_what_lies_between_has_one() -> None:
    bins = learnt(np.repeat(np.arange(4.0), [5, 60, 30, 5]))
    assert bins.atoms == (0.0, 1.0, 2.0, 3.0)
    assert len({bin_of(bins, value) for value in (0.0, 1.0, 2.0, 3.0, 1.5)}) == 5
    assert bin_of(bins, 0.5) == bin_of(bins, 2.5)
    assert bins.group_labels() == ("< 0", "= 0", "between", "= 1", "= 2", "= 3", "> 3")


def test_under_and_over_begin_at_the_extremes_of_the_whole_reference() -> None:
    bins = learn(np.array([1.0, 2.0, 3.0]), low=0.0, high=9.0)
    assert bin_of(bins, np.nextafter(0.0, -1)) == 0
    assert bin_of(bins, 0.0) != 0
    assert bin_of(bins, 9.0) != bins.count - 1
    assert bin_of(bins, np.nextafter(9.0, 10)) == bins.count - 1


def test_no_values_give_one_bin_for_everything() -> None:
    bins = learn(np.empty(0), np.inf, -np.inf)
    assert (bin_of(bins, -1e300), bin_of(bins, 1e300)) == (1, 1)
    assert len(bins.group_labels()) == bins.groups == 3


def test_bins_survive_the_way_through_a_dictionary() -> None:
    bins = learnt([0.1, 0.2, 0.2, 3.0])
    assert Bins.from_dict(bins.to_dict()) == bins


@settings(max_examples=60, deadline=None)
@given(st.lists(finite, min_size=1, max_size=40))
def test_every_reference_value_is_counted_once_and_groups_are_contiguous(values: list[float]) -> None:
    bins = learnt(values)
    assert sum(bins.mass) == len(values)
    assert bins.mass[0] == bins.mass[-1] == 0
    assert sorted(set(bins.group)) == list(range(bins.groups))
    assert bins.group[0] == 0
    assert bins.group[-1] == bins.groups - 1
    assert list(bins.cuts) == sorted(set(bins.cuts))


@settings(max_examples=60, deadline=None)
@given(st.lists(finite, min_size=1, max_size=30))
def test_the_grid_never_puts_a_cut_in_a_later_cell_than_a_larger_one(values: list[float]) -> None:
    finder = learnt(values).finder
    assert len(finder.before) == CELLS
    assert (np.diff(finder.before.astype(int)) >= 0).all()
    cuts = len(finder.cuts) - 2 * finder.step
    assert int(finder.before[-1]) <= cuts
    assert np.isinf(finder.cuts[cuts:]).all()


@pytest.mark.parametrize("value", [0.001, 0.9, 1.0, 1.1, 17.0, 250.0, 1e6])
def test_a_latency_lies_in_a_log_bin_at_most_an_eighth_of_an_octave_wide(value: float) -> None:
    place = int(log_bins(np.array([value]))[0])
    upper = log_bin_upper_ms()
    assert upper[place - 1] <= value < upper[place]
    assert upper[place] / upper[place - 1] <= 1.125


def test_log_bins_take_every_finite_number() -> None:
    assert log_bins(np.array([-5.0, 0.0, 1e-9, 1e300])).tolist() == [0, 0, 0, LOG_BINS - 1]
