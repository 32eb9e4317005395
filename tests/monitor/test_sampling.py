"""Bottom-k samples: merging is the sample of the union, and weights undo the selection."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor import sampling
from monitor.store.samples import Sample

ALLOTTED = {"a": 3, "b": 1, "*": 2}


def row(number: int, stratum: str, rank: float, probability: float = 1.0) -> Sample:
    return Sample(stratum, f"event {number}", number, rank, probability, None, None, None, None, {}, {}, {})


def drawn(population: Sequence[Sample]) -> list[Sample]:
    """The sample of a population, straight from the definition."""
    kept = []
    for stratum in sorted({one.stratum for one in population}):
        members = sorted((one for one in population if one.stratum == stratum), key=lambda one: one.rank)
        k = ALLOTTED[stratum]
        probability = members[k].rank if len(members) > k else 1.0
        kept += [replace(one, inclusion_probability=probability) for one in members[:k]]
    return kept


@st.composite
def populations(draw: st.DrawFn) -> list[Sample]:
    ranks = draw(st.lists(st.floats(0, 1, exclude_max=True), unique=True, max_size=25))
    strata = draw(st.lists(st.sampled_from(sorted(ALLOTTED)), min_size=len(ranks), max_size=len(ranks)))
    return [
        row(number, stratum, rank) for number, (rank, stratum) in enumerate(zip(ranks, strata, strict=True))
    ]


@given(populations(), st.data())
def test_merging_samples_gives_the_sample_of_the_union(population: list[Sample], data: st.DataObject) -> None:
    part = data.draw(st.lists(st.integers(0, 3), min_size=len(population), max_size=len(population)))
    samples = [drawn([one for one, of in zip(population, part, strict=True) if of == p]) for p in range(4)]
    merged: list[Sample] = []
    for sample in data.draw(st.permutations(samples)):
        merged = sampling.keep([*merged, *sample], ALLOTTED)
    assert merged == drawn(population)
    assert sampling.keep(merged, ALLOTTED) == merged  # and once more changes nothing
    assert sampling.keep([*merged, *merged], ALLOTTED) == merged  # nor does a record that comes twice


def test_bottom_k_of_every_group() -> None:
    rank = np.array([0.9, 0.1, 0.5, 0.3, 0.2, 0.7])
    group = np.array([0, 0, 0, 0, 2, 2])
    rows, probability = sampling.bottom_k(rank, group, np.array([2, 2, 2]))
    assert rows.tolist() == [1, 3, 4, 5]
    assert probability.tolist() == [0.5, 0.5, 1.0, 1.0]
    assert [len(found) for found in sampling.bottom_k(rank[:0], group[:0], np.array([2]))] == [0, 0]


@given(populations())
def test_bottom_k_is_the_sample_of_the_definition(population: list[Sample]) -> None:
    names = sorted(ALLOTTED)
    rows, probability = sampling.bottom_k(
        np.array([one.rank for one in population]),
        np.array([names.index(one.stratum) for one in population], np.int64),
        np.array([ALLOTTED[name] for name in names]),
    )
    assert [
        replace(population[row], inclusion_probability=kept)
        for row, kept in zip(rows, probability, strict=True)
    ] == drawn(population)


def test_ranks_are_uniform_repeatable_and_salted() -> None:
    hashes = np.arange(20_000, dtype=np.int64)
    first = sampling.ranks(hashes, "model", b"salt")
    assert first.tolist() == sampling.ranks(hashes, "model", b"salt").tolist()
    assert 0 <= first.min() < first.max() < 1
    counts = np.histogram(first, bins=20, range=(0, 1))[0]
    assert ((counts - 1000) ** 2 / 1000).sum() < 50  # χ² with 19 degrees of freedom: p < 1e-4
    for other in (sampling.ranks(hashes, "other", b"salt"), sampling.ranks(hashes, "model", b"")):
        assert abs(np.corrcoef(first, other)[0, 1]) < 0.03


def test_allocation_goes_by_the_square_root_of_the_reference() -> None:
    assert sampling.allocation(100, {"a": 900, "b": 100}) == {"a": 75, "b": 25}
    assert sampling.allocation(100, {}) == {"*": 100}
    assert sampling.allocation(2, {"a": 5, "b": 5, "c": 5}) == {"a": 1, "b": 1, "c": 1}  # at least one each


@given(
    st.integers(1, 3000), st.dictionaries(st.text(max_size=3), st.integers(0, 10**6), min_size=1, max_size=12)
)
def test_allocation_uses_what_there_is(rows: int, records: dict[str, int]) -> None:
    shares = sampling.allocation(rows, records)
    assert shares.keys() == records.keys()
    assert min(shares.values()) >= 1
    assert rows <= sum(shares.values()) <= rows + len(records)
    ordered = sorted(records, key=lambda stratum: records[stratum])
    assert all(shares[low] <= shares[high] + 1 for low, high in pairwise(ordered))


def test_hajek_undoes_unequal_probabilities() -> None:
    # 900 records of which none has the property, 100 of which all have it; 50 of each are kept.
    estimate = sampling.hajek([0.0] * 50 + [1.0] * 50, [50 / 900] * 50 + [50 / 100] * 50)
    assert estimate.value == pytest.approx(0.1)
    assert estimate.effective_n == pytest.approx((50 * 18 + 50 * 2) ** 2 / (50 * 18**2 + 50 * 2**2))
    plain = sampling.hajek([0.0, 1.0] * 50, [1.0] * 100)
    assert (plain.value, plain.effective_n) == (0.5, 100.0)
    assert plain.error == pytest.approx(0.05)
    nothing = sampling.hajek([], [])
    assert math.isnan(nothing.value)
    assert nothing.effective_n == 0.0


def test_estimates_from_samples_find_the_population() -> None:
    generator = np.random.default_rng(7)
    misses = 0
    for trial in range(40):
        common, rare = generator.random(3000) < 0.05, generator.random(150) < 0.60
        truth = (common.sum() + rare.sum()) / 3150
        rank = sampling.ranks(np.arange(3150, dtype=np.int64) + 10_000 * trial, "m", b"")
        rows, probabilities = sampling.bottom_k(rank, np.repeat([0, 1], [3000, 150]), np.array([100, 100]))
        values = np.concatenate([common, rare])[rows].astype(np.float64)
        estimate = sampling.hajek(values.tolist(), probabilities.tolist())
        misses += abs(estimate.value - truth) > 2.5 * estimate.error
        assert abs(np.mean(values) - truth) > 0.1  # the sample as it is says something else
    assert misses <= 3
