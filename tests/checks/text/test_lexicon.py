"""The lexicon: how common words are in each language sharpens what n-grams say; without wordfreq the cure is named."""

from __future__ import annotations

import json
from importlib import metadata, util

import numpy as np
import pytest

from checks.text import TextPlan, annotate, learn, learn_profile, lexicon
from checks.text.known_words import KnownWords, hashes_of, known_words
from checks.text.profiles import profiles, with_own
from tests.checks.text.samples import SENTENCES, large
from tests.checks.text.test_own_profiles import HINDI, UNSEEN

needs_wordfreq = pytest.mark.skipif(util.find_spec("wordfreq") is None, reason="wordfreq is not installed")


def words_of(found: KnownWords, word: str) -> dict[str, int]:
    """What a table says of one word, by language."""
    (hashed,), _ = hashes_of([word])
    slot = np.flatnonzero(found.keys == hashed)
    if not len(slot):
        return {}
    run = slice(found.first[slot[0]], found.first[slot[0] + 1])
    languages = [*profiles().languages, "und-Latn"]
    return {
        languages[column]: int(score)
        for column, score in zip(found.columns[run], found.scores[run], strict=True)
    }


def tags(message: str, plan: TextPlan) -> list[str]:
    return [plan.languages[tag] for tag in annotate(large(message), plan).token_language]


def test_without_a_lexicon_no_list_is_read() -> None:
    own = (learn_profile("hi-Latn", HINDI),)
    found = known_words(with_own(own), own, ())
    assert words_of(found, "parcel") == {}
    assert not found.unlisted.any()


@needs_wordfreq
def test_common_words_score_where_they_are_common() -> None:
    found = known_words(profiles(), (), ("de", "en", "es"))
    assert set(words_of(found, "nobody")) >= {"en"}
    de, en = words_of(found, "die")["de"], words_of(found, "die")["en"]
    assert de > en > 0
    assert words_of(found, "qzxw") == {}


@needs_wordfreq
def test_a_language_without_a_list_is_not_left_behind() -> None:
    # wordfreq has no list of Afrikaans; every word may be of it.
    assert lexicon.word_list("af") is None
    found = known_words(profiles(), (), ("af", "en"))
    known = profiles().languages
    assert found.unlisted[known.index("af")] > found.unlisted[known.index("en")] == 0


@needs_wordfreq
def test_scripts_without_spaces_have_no_list() -> None:
    # Their words are cut in pairs of letters, and wordfreq's Chinese is only the simplified one.
    assert [lexicon.word_list(code) for code in ("zh-cn", "zh-tw", "ja", "ko", "th")] == [None] * 5


@needs_wordfreq
def test_sentences_stay_what_they_are() -> None:
    plan = learn(large(), lexicon=True)
    for language, sentence in SENTENCES.items():
        assert plan.languages[annotate(large(sentence), plan).language[0]] == language


@needs_wordfreq
def test_short_words_are_told_apart() -> None:
    weighed = learn(large(), ("en", "es"), lexicon=True)
    assert tags("nobody me quiere", weighed)[1:] == ["es", "es"]
    assert [tags(word, weighed)[0] for word in ("the", "que", "was", "pero")] == ["en", "es", "en", "es"]


@needs_wordfreq
def test_a_profile_of_one_s_own_is_weighed_beside_the_lists() -> None:
    plan = learn(large(), ("en",), own_profiles=[learn_profile("hi-Latn", HINDI)], lexicon=True)
    assert set(tags(UNSEEN, plan)) == {"hi-Latn"}
    assert set(tags(SENTENCES["en"], plan)) == {"en"}


@needs_wordfreq
def test_the_plan_says_that_it_weighs_words_and_by_which_lists() -> None:
    plan = learn(large("one parcel"), ("en",), lexicon=True)
    assert plan.versions["wordfreq"] == metadata.version("wordfreq")
    again = TextPlan.from_dict(json.loads(json.dumps(plan.to_dict())))
    assert again.lexicon
    assert again.sources == plan.sources
    assert "wordfreq" not in learn(large("one parcel"), ("en",)).versions


def test_without_wordfreq_the_cure_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(util, "find_spec", lambda name: None)
    with pytest.raises(lexicon.LexiconMissing, match=r"pip install 'driftglass\[lexicon\]'"):
        lexicon.word_list("en")
    assert not lexicon.is_installed()


def test_words_of_several_tokens_are_left_out() -> None:
    hashes, at = hashes_of(["one", "two words", "1st", "ONE", "three"])
    assert sorted(at.tolist()) == [0, 4]
    assert len(set(hashes.tolist())) == 2
