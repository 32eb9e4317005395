"""Languages: right for sentences in 29 of them, one by one and mixed, and never a guess where there is no ground."""

from __future__ import annotations

import numpy as np
import pytest

from checks.text import annotate, learn
from checks.text.plan import TextPlan
from checks.text.profiles import FLOOR, ORDER_WEIGHTS, STEPS, gram_key, profiles, slot_of
from tests.checks.text.samples import SENTENCES, large, plan


def spoken(message: str | bytes, among: TextPlan) -> str:
    """The language, or "first+second" of a mixed message; "" for no text."""
    found = annotate(large(message), among)
    if found.language[0] < 0:
        return ""
    first = among.languages[found.language[0]]
    return f"{first}+{among.languages[found.second[0]]}" if found.mixed[0] else first


@pytest.mark.parametrize(("language", "sentence"), SENTENCES.items())
def test_knows_the_language_of_a_sentence(language: str, sentence: str) -> None:
    assert spoken(sentence, plan()) == language


@pytest.mark.parametrize("message", ["", None])
def test_no_text_has_no_language(message: str | None) -> None:
    found = annotate(large(message), plan())
    assert found.language[0] == -1
    assert not found.mixed[0]


@pytest.mark.parametrize("message", ["123 456", "😀😀", "https://example.org/abc", "@you #tag", "...", "   "])
def test_no_words_are_und(message: str) -> None:
    assert spoken(message, plan()) == "und"


def test_a_script_of_no_profile_is_und() -> None:
    assert spoken("Բարև ձեզ, ինչպե՞ս եք այսօր", plan()) == "und"
    assert spoken("გამარჯობა როგორ ხარ", plan()) == "und"


def test_declared_languages_restrict() -> None:
    declared = learn(large(), ("en", "es"))
    assert declared.languages == ("en", "es", "und", "und-Latn")
    assert spoken(SENTENCES["pt"], declared) in ("es", "und-Latn")
    assert spoken(SENTENCES["ru"], declared) == "und"
    assert spoken(SENTENCES["ko"], declared) == "und"


def test_chinese_is_both_of_its_profiles() -> None:
    assert learn(large(), ("zh", "en")).languages == ("en", "zh-cn", "zh-tw", "und", "und-Latn")


def test_an_unknown_language_is_an_error() -> None:
    with pytest.raises(ValueError, match="no profile for language tlh; known are af, ar"):
        learn(large(), ("en", "tlh"))


@pytest.mark.parametrize(
    ("message", "pair"),
    [
        (
            "Das Paket kam sehr spät und niemand ging ans Telefon, çok geç geldi ve kimse cevap vermedi",
            {"de", "tr"},
        ),
        (
            "El paquete llegó muy tarde y nadie contestó, je suis très déçue et je veux mon argent",
            {"es", "fr"},
        ),
        ("Посылка пришла очень поздно but nobody answered the phone", {"ru", "en"}),
        ("荷物がとても遅れて届き but nobody answered", {"ja", "en"}),
        ("मुझे बताओ क्या हुआ because nobody answered the phone", {"hi", "en"}),
    ],
)
def test_finds_two_languages(message: str, pair: set[str]) -> None:
    assert set(spoken(message, plan()).split("+")) == pair


@pytest.mark.parametrize(
    "message",
    [
        "Das Meeting mit Microsoft in New York war sehr lang",
        "昨日iPhoneを買いました、とても良いです",
        "Мы смотрели Netflix и YouTube весь вечер",
        "Ich habe heute mit Herrn Müller aus Paris telefoniert",
        "Wow, das Paket kam sehr spät",
        "我今天在Google上搜索了很久",
    ],
)
def test_names_do_not_make_a_mixture(message: str) -> None:
    assert "+" not in spoken(message, plan())


def test_counts_words_of_each_language_and_switches() -> None:
    found = annotate(large("Посылка пришла очень but nobody answered поздно"), plan())
    assert found.language_tokens[0] == 7
    assert found.dominant_tokens[0] == 4
    assert found.switches[0] == 2
    languages = [plan().languages[tag] for tag in found.token_language]
    assert languages == ["ru", "ru", "ru", "en", "en", "en", "ru"]


def test_disguised_and_broken_words_have_no_language() -> None:
    found = annotate(large("the pаrcel is heavy", "das schÃ¶ne Paket"), plan())
    assert found.token_language[1] == -1
    assert found.token_language[5] == -1
    assert not found.mixed.any()


def test_a_language_that_is_common_wins_short_messages() -> None:
    spanish = learn(large(*[f"{SENTENCES['es']} {k}" for k in range(50)]))
    assert spoken("nadie", spanish) == "es"
    assert dict(zip(spanish.languages, spanish.log_prior, strict=True))["es"] > -1.0


def test_a_new_language_is_still_seen() -> None:
    spanish = learn(large(*[f"{SENTENCES['es']} {k}" for k in range(50)]))
    for language in ("de", "fr", "tr", "ru", "ja"):
        assert spoken(SENTENCES[language], spanish) == language


def test_pairs_that_are_often_mixed_need_less_evidence() -> None:
    mixed = [f"{SENTENCES['es']} but nobody answered {k}" for k in range(60)]
    used = learn(large(*mixed, *[SENTENCES["en"]] * 60))
    assert used.evidence["en+es"] < 8
    assert plan().evidence == {}


def test_scores_are_those_of_the_formula() -> None:
    table = profiles()
    key = gram_key("th")
    slot = slot_of(key, len(table.keys))
    while table.keys[slot] != key:
        slot = (slot + 1) % len(table.keys)
    row = table.scores[table.rows[slot]].astype(float)
    share = FLOOR * (np.exp(row / STEPS / ORDER_WEIGHTS[1]) - 1)
    english = share[table.languages.index("en")]
    assert english == share.max()
    assert 0.01 < english < 0.04  # one English pair of letters in forty is "th"


def test_profiles_are_langdetect_s_55() -> None:
    assert len(profiles().languages) == 55
    assert profiles().version
