"""Similarity: sets that have much in common meet, whatever else there is."""

from __future__ import annotations

import numpy as np
import pytest

from checks.text.similarity import links


def pairs(sets: list[set[int]], weights: list[float] | None = None) -> dict[tuple[int, int], float]:
    size = 1 + max((word for one in sets for word in one), default=0)
    offsets = np.cumsum([0, *(len(one) for one in sets)])
    ids = np.array([word for one in sets for word in sorted(one)], np.int64)
    hashes = np.random.default_rng(1).integers(1, 1 << 62, size)
    one, two, similar = links(offsets, ids, hashes, np.array(weights or [1.0] * size))
    return {
        (min(a, b), max(a, b)): s
        for a, b, s in zip(one.tolist(), two.tolist(), similar.tolist(), strict=True)
    }


def test_the_similarity_is_the_weighted_jaccard_index() -> None:
    assert pairs([{0, 1, 2, 3}, {0, 1, 2, 4}]) == {(0, 1): pytest.approx(3 / 5)}
    assert pairs([{0, 1, 2, 3}, {0, 1, 2, 4}], [5, 5, 5, 1, 2]) == {(0, 1): pytest.approx(15 / 18)}
    assert pairs([{0, 1}, {0, 1}]) == {(0, 1): 1.0}


def test_sets_without_a_common_word_and_empty_ones_do_not_meet() -> None:
    assert pairs([{0, 1}, {2, 3}, set(), set()]) == {}
    assert pairs([]) == {}


def test_similar_sets_meet_among_many_others() -> None:
    random = np.random.default_rng(2)
    others = [set(random.choice(np.arange(20, 5000), 12, replace=False).tolist()) for _ in range(2000)]
    copies = [{*range(8), *random.choice(np.arange(20, 5000), 4, replace=False).tolist()} for _ in range(20)]
    met = {place for pair, similar in pairs([*others, *copies]).items() if similar > 0.4 for place in pair}
    assert met == set(range(2000, 2020))


def test_a_bucket_of_everything_is_linear() -> None:
    same = [set(range(10))] * 3000
    assert len(pairs(same)) < 2 * 3000
