"""The vocabulary of a plan: which words and phrases it keeps, and how many."""

from __future__ import annotations

import numpy as np

from checks.text import TextPlan, learn
from checks.text.vocabulary import Frequencies, hash_table, merge_frequencies, merge_phrases
from tests.checks.text.samples import large


def test_document_frequencies() -> None:
    plan = learn(large("a b b", "B c", "c C c"))
    assert sorted(plan.documents.tolist()) == [1, 2, 2]
    assert plan.total == 3
    assert np.all(np.diff(plan.vocabulary) > 0)


def part(words: list[int], documents: list[int]) -> Frequencies:
    return Frequencies(np.array(words), np.array(documents), np.array(words) * 11)


def test_only_the_commonest_words_are_kept() -> None:
    merged = merge_frequencies([part([3, 5, 9], [1, 4, 2]), part([5, 7], [1, 2])], keep=3)
    assert merged.words.tolist() == [5, 7, 9]
    assert merged.documents.tolist() == [5, 2, 2]


def test_words_of_one_document_have_a_witness() -> None:
    one, two = part([3, 5], [1, 4]), part([5, 7], [1, 1])
    assert len(merge_frequencies([one, two]).witnesses()) == 2
    assert set(merge_frequencies([one, two]).witnesses()) == {*one.witnesses(), *part([7], [1]).witnesses()}


def test_hash_table_holds_what_was_put_in() -> None:
    words = np.random.default_rng(2).integers(1, 1 << 62, 1000)
    table = hash_table(words)
    assert set(table.tolist()) - {0} == set(words.tolist())
    assert len(table) >= 2 * len(words)


def test_phrases_of_few_documents_are_left_out() -> None:
    merged = merge_phrases([part([3, 5, 9], [1, 4, 2])], total=100)
    assert (merged.words.tolist(), merged.documents.tolist()) == ([5, 9], [4, 2])
    assert merge_phrases([part([3, 5, 9], [1, 4, 2])], total=15_000).words.tolist() == [5]


def test_a_plan_keeps_phrases_and_markers_beside_words() -> None:
    plan = learn(large("one two", "One Two", "three four", "#tag 💀", "#TAG 💀"))
    assert plan.phrase_documents.tolist() == [2, 2, 2]
    assert len(plan.vocabulary) == 4
    assert TextPlan.from_dict(plan.to_dict()).to_dict() == plan.to_dict()
