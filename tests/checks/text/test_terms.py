"""Novel terms: what a window says more than the reference did, and how sure of it one can be."""

from __future__ import annotations

from dataclasses import replace
from math import log, sqrt

import numpy as np
import pytest

from checks.text import TextPlan, learn, novel_terms
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


def names(window: list[bytes], plan: TextPlan = PLAN, **options: object) -> list[str]:
    return [term.term for term in novel_terms(window, plan, **options)]  # type: ignore[arg-type]


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
    more = reference // 100
    plan = replace(plan, documents=plan.documents * more, phrase_documents=plan.phrase_documents * more)
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
    window = chatter(20, 2, "glimzo", 1) + chatter(20, 3, "frobly", 1)
    z = {term.term: term.z for term in novel_terms(window, PLAN, weights=[3.0] * 20 + [1.0] * 20)}
    assert z["glimzo"] > z["frobly"]


def test_disguised_and_broken_words_are_no_terms() -> None:
    window = ["the pаrcel is schÃ¶n".encode()] * 30
    assert not {term.term for term in novel_terms(window, PLAN)} & {"pаrcel", "schã¶n"}


@pytest.mark.parametrize("window", [[], [b""], [None]])
def test_nothing_gives_nothing(window: list[bytes]) -> None:
    assert novel_terms(window, PLAN) == []
    assert novel_terms([b"word"] * 50, learn(large())) == []


def test_limit() -> None:
    assert len(novel_terms(chatter(300, 2, "glimzo", 0.2), PLAN, minimum_documents=1, limit=1)) == 1


def mentions(words: list[str], extra: str, count: int, seed: int) -> list[bytes]:
    """Messages of four words without spaces, `extra` somewhere among them."""
    random = np.random.default_rng(seed)
    return [
        "".join(np.insert(random.choice(words, 4).astype(object), int(random.integers(0, 5)), extra)).encode()
        for _ in range(count)
    ]


WRITTEN_TOGETHER = {
    "zh": ["我想", "退货", "包裹", "很晚", "电话", "没有", "客服", "今天", "收到", "订单", "坏了", "帮忙"],
    "ja": [
        "荷物が",
        "とても",
        "遅れて",
        "電話",
        "返品",
        "お願い",
        "商品",
        "壊れた",
        "今日",
        "注文",
        "まだ",
        "です",
    ],
    "th": ["พัสดุ", "มาถึง", "ช้ามาก", "ไม่มี", "ใคร", "รับ", "โทรศัพท์", "วันนี้", "สินค้า", "เสีย", "คืนเงิน", "ครับ"],
}


@pytest.mark.parametrize(
    ("language", "term"),
    [
        ("zh", "神器"),
        ("zh", "绝绝子"),
        ("zh", "奥利给力"),
        ("ja", "ギガ沼"),
        ("ja", "ぽえみん"),
        ("th", "กลิมโซ"),
    ],
)
def test_a_term_of_a_script_without_spaces_is_named_as_a_whole(language: str, term: str) -> None:
    words = WRITTEN_TOGETHER[language]
    plan = learn(large(*mentions(words, "", 1000, 1)))
    window = mentions(words, "", 450, 2) + mentions(words, term, 50, 3)
    assert names(window, plan) == [term]


@pytest.mark.parametrize("term", ["#boycottAcme", "💀", "👩‍🚒", "🇺🇦", "＃退货", "❤️"])
def test_hashtags_and_emoji_are_terms(term: str) -> None:
    assert names(chatter(500, 2, term, 0.08)) == [term]


def test_a_hashtag_of_the_reference_is_no_news() -> None:
    plan = learn(large(*chatter(2000, 1, "#help", 0.08)))
    assert names(chatter(500, 2, "#help", 0.08), plan) == []
    assert names(chatter(500, 2, "#help", 0.3), plan) == ["#help"]


def test_numbers_behind_a_hash_and_people_are_no_terms() -> None:
    assert names(chatter(500, 2, "#4711", 0.2)) == []
    assert names(chatter(500, 2, "@acme", 0.2)) == []


def test_skin_tones_are_one_emoji() -> None:
    window = chatter(500, 2, "💪🏽", 0.03) + chatter(500, 3, "💪", 0.06) + chatter(500, 4, "💪🏿", 0.03)
    assert names(window) == ["💪"]


def test_a_new_phrase_of_known_words_is_named() -> None:
    plan = learn(large(*chatter(2000, 1, "spirit", 0.2), *chatter(2000, 2, "halloween", 0.2)))
    window = chatter(500, 3, "spirit", 0.08) + chatter(500, 4, "halloween", 0.08)
    assert names(window, plan) == []
    assert names(window + chatter(200, 5, "Spirit Halloween", 0.5), plan) == ["Spirit Halloween"]


def test_new_words_that_stand_together_are_one_term() -> None:
    assert names(chatter(500, 2, "glimzo frobly", 0.1)) == ["glimzo frobly"]
    assert names(chatter(500, 2, "glimzo frobly quank", 0.1)) == ["glimzo frobly quank"]


def test_phrases_of_a_new_word_are_not_named_beside_it() -> None:
    assert names(chatter(2000, 2, "glimzo", 0.3)) == ["glimzo"]


def test_a_word_is_shown_as_it_is_mostly_written() -> None:
    window = (
        chatter(500, 2, "GlimZo", 0.08) + chatter(500, 3, "glimzo", 0.03) + chatter(500, 4, "GLIMZO", 0.02)
    )
    assert names(window) == ["GlimZo"]


def test_accents_do_not_make_two_terms() -> None:
    window = chatter(500, 2, "glímzo", 0.12) + chatter(500, 3, "glimzo", 0.06)
    assert names(window) == ["glímzo"]


def test_a_known_word_with_accents_of_their_own_is_not_new() -> None:
    plan = learn(large(*chatter(2000, 1, "caf\u00e9", 0.2)))
    assert names(chatter(500, 2, "cafe\u0301", 0.2), plan) == []


def test_invisible_characters_make_no_other_term() -> None:
    assert names(chatter(500, 2, "gli\u200bmzo", 0.08)) == ["glimzo"]


def test_one_sender_makes_no_trend() -> None:
    window = chatter(200, 2, "glimzo", 0.2)
    crowd: list[str | None] = [f"sender {k}" for k in range(200)]
    alone = [sender if b"glimzo" not in text else "one" for text, sender in zip(window, crowd, strict=True)]
    assert names(window, units=crowd) == ["glimzo"]
    assert names(window, units=[None] * 200) == ["glimzo"]
    assert names(window, units=alone) == []


def test_a_term_is_seen_in_two_of_the_last_three_windows() -> None:
    calm, slang = chatter(200, 2), chatter(200, 3, "glimzo", 0.2)

    def told(*windows: list[bytes]) -> list[str]:
        numbers = [number for number, window in enumerate(windows) for _ in window]
        return names([text for window in windows for text in window], windows=numbers)

    assert told(slang) == ["glimzo"]  # with one window there is nothing to compare
    assert told(slang, calm) == []
    assert told(slang, slang, calm) == ["glimzo"]
    assert told(calm, slang, calm, slang) == ["glimzo"]
    assert told(slang, slang, calm, calm) == []


def test_what_wavers_like_everything_else_is_no_term() -> None:
    """Every word of these messages comes in bursts; so does this one."""
    random = np.random.default_rng(5)
    topics = [[f"{a}{b}ram" for b in "bdfgklmn"] for a in ("ba", "be", "bi", "bo", "bu", "ca", "ce", "ci")]

    def about(weights: np.ndarray, count: int) -> list[bytes]:
        picked = random.choice(len(topics), count, p=weights)
        return [" ".join(random.choice(topics[topic], 4)).encode() for topic in picked]

    even = np.full(len(topics), 1 / len(topics))
    plan = learn(large(*about(even, 4000)))
    shifted = even * np.array([1.8, 0.4, 1.6, 0.5, 1.5, 0.6, 1.1, 0.5])
    window = about(shifted / shifted.sum(), 1000)
    assert names(window, plan) == []
    assert names([*window, *[b"glimzo " + text for text in about(even, 100)]], plan) == ["glimzo"]


def test_as_many_weights_units_and_windows_as_messages() -> None:
    for name in ("weights", "units", "windows"):
        with pytest.raises(ValueError, match=f"1 {name} for 2 messages"):
            names([b"a", b"b"], **{name: [1]})


def test_the_order_of_messages_does_not_matter() -> None:
    window = chatter(500, 2, "glimzo", 0.08)
    assert novel_terms(window, PLAN) == novel_terms(window[::-1], PLAN)
