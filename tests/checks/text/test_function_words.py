"""Function words decide where letters say little."""

from __future__ import annotations

import pytest

from checks.text import annotate, learn
from checks.text.function_words import function_words
from checks.text.profiles import profiles
from tests.checks.text.samples import large


def test_every_list_is_of_a_profile_and_long_enough() -> None:
    assert set(function_words()) <= set(profiles().languages)
    for words in function_words().values():
        assert 30 < len(words) < 130
        assert all(word == word.lower() and " " not in word for word in words)


def test_every_language_that_shares_a_script_has_one() -> None:
    table = profiles()
    alone = {"bn", "el", "gu", "he", "ja", "kn", "ko", "ml", "pa", "ta", "te", "th", "zh-cn", "zh-tw"}
    assert set(function_words()) == set(table.languages) - alone


def test_words_are_known_as_they_are_typed_without_accents() -> None:
    assert {"está", "esta"} <= set(function_words()["es"])
    assert {"że", "ze"} <= set(function_words()["pl"])
    assert "й" in function_words()["uk"]


@pytest.mark.parametrize(
    ("message", "language"),
    [
        ("this is for you", "en"),
        ("esto es para ti", "es"),
        ("isto é para você", "pt"),
        ("das ist für dich", "de"),
        ("dit is voor jullie", "nl"),
        ("det er til dig", "da"),
        ("det er til deg", "no"),
        ("c'est pour toi", "fr"),
        ("questo è per te", "it"),
        ("bu senin için", "tr"),
        ("ini untuk kamu", "id"),
        ("это для тебя", "ru"),
        ("це для тебе", "uk"),
    ],
)
def test_tells_the_language_of_short_messages(message: str, language: str) -> None:
    flat = learn(large())
    assert flat.languages[annotate(large(message), flat).language[0]] == language
