"""The vocabulary of a plan, and the terms that a window uses more than the reference did."""

from __future__ import annotations

from dataclasses import replace
from math import log, sqrt

import numpy as np
import pytest

from checks.text import learn, novel_terms
from checks.text.vocabulary import Frequencies, hash_table, merge_frequencies
from tests.checks.text.samples import large

WORDS = (
    *("the", "parcel", "came", "late", "and", "nobody", "answered", "when"),
    *("we", "called", "about", "our", "money", "back", "today"),
)


def chatter(count: int, seed: int, extra: str = "", share: float = 0.0) -> list[bytes]:
    """Messages of seven common words; a share of them with one word more."""
    random = np.random.default_rng(seed)
    messages = []
    for _ in range(count):
        words = list(random.choice(WORDS, 7))
        if extra and random.random() < share:
            words.insert(int(random.integers(0, 7)), extra)
        messages.append(" ".join(words).encode())
    return messages


PLAN = learn(large(*chatter(2000, 1)))


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


def test_names_a_new_term_first() -> None:
    found = novel_terms(chatter(500, 2, "glimzo", 0.08), PLAN)
    assert found[0].term == "glimzo"
    assert found[0].z > 5
    assert found[0].expected_documents == 0
    assert 25 <= found[0].documents <= 60


def test_a_window_like_the_reference_has_no_sure_term() -> None:
    for seed in range(3, 8):
        assert all(term.z < 4 for term in novel_terms(chatter(500, seed), PLAN))


def test_common_words_are_no_terms_beside_a_new_one() -> None:
    for seed in range(2, 6):
        found = novel_terms(chatter(500, seed, "glimzo", 0.08), PLAN)
        assert [term.term for term in found] == ["glimzo"]


def test_a_known_word_that_became_much_more_frequent_is_a_term() -> None:
    plan = learn(large(*chatter(2000, 1, "cancelled", 0.02)))
    found = novel_terms(chatter(500, 2, "cancelled", 0.3), plan)
    assert [term.term for term in found] == ["cancelled"]
    assert found[0].documents > 3 * found[0].expected_documents > 0


@pytest.mark.parametrize("reference", [100, 2000, 100_000])
def test_a_new_word_is_sure_however_large_the_reference(reference: int) -> None:
    plan = replace(learn(large(*["the parcel came"] * 50, *["parcel came"] * 50)), total=reference)
    plan = replace(plan, documents=plan.documents * (reference // 100))
    window = [b"the parcel came"] * 52 + [b"parcel came"] * 38 + [b"parcel came glimzo"] * 10
    found = novel_terms(window, plan)
    assert [term.term for term in found] == ["glimzo"]


def test_a_term_is_as_sure_as_its_likelihood_ratio() -> None:
    plan = learn(large(*["parcel"] * 30, *["parcel late"] * 10))
    (term,) = novel_terms([b"parcel"] * 5 + [b"parcel late"] * 15, plan)
    # 15 of 20 and 10 of 40, where 25 of 60 were expected of both.
    ratio = 15 * log(1.8) + 5 * log(3 / 7) + 10 * log(0.6) + 30 * log(9 / 7)
    assert term.z == pytest.approx(sqrt(2 * ratio))


def test_a_rare_term_is_not_named() -> None:
    window = [*chatter(500, 2), *[b"glimzo"] * 8, b"glimzo glimzo"]
    assert "glimzo" not in [term.term for term in novel_terms(window, PLAN)]
    assert "glimzo" in [term.term for term in novel_terms(window, PLAN, minimum_documents=9)]


def test_weights_count() -> None:
    window = [b"parcel glimzo"] * 20 + [b"parcel frobly"] * 20
    z = {term.term: term.z for term in novel_terms(window, PLAN, weights=[3.0] * 20 + [1.0] * 20)}
    assert z["glimzo"] > z["frobly"]


def test_terms_of_scripts_without_spaces() -> None:
    plan = learn(large(*["我想退货", "包裹很晚"] * 50))
    found = novel_terms(["我想退货神器".encode()] * 12 + ["包裹很晚".encode()] * 12, plan)
    assert "神器" in [term.term for term in found]


def test_disguised_and_broken_words_are_no_terms() -> None:
    window = ["the pаrcel is schÃ¶n".encode()] * 30
    assert not {term.term for term in novel_terms(window, PLAN)} & {"pаrcel", "schã¶n"}


@pytest.mark.parametrize("window", [[], [b""], [None]])
def test_nothing_gives_nothing(window: list[bytes]) -> None:
    assert novel_terms(window, PLAN) == []
    assert novel_terms([b"word"] * 50, learn(large())) == []


def test_limit() -> None:
    assert len(novel_terms(chatter(300, 2, "glimzo", 0.2), PLAN, minimum_documents=1, limit=1)) == 1
