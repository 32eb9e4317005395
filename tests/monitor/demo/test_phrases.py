from __future__ import annotations

import re
import unicodedata

import numpy as np
import pytest

from monitor.demo import messages
from monitor.demo.incidents import SLANG
from monitor.demo.phrases import LANGUAGES, SECTIONS, phrasebook

SCRIPTS = {"ru": ["CYRILLIC"], "hi": ["DEVANAGARI"], "ar": ["ARABIC"], "ja": ["HIRAGANA", "KATAKANA", "CJK"]}


@pytest.mark.parametrize("language", LANGUAGES)
class TestEveryLanguage:
    def test_phrases_are_whole_and_said_once(self, language: str) -> None:
        book = phrasebook(language)
        for section in SECTIONS:
            phrases = getattr(book, section)
            assert len(set(phrases)) == len(phrases), section
            assert all(phrase == phrase.strip() and "  " not in phrase for phrase in phrases), section
            assert all(unicodedata.is_normalized("NFC", phrase) for phrase in phrases), section

    def test_only_known_slots_are_used(self, language: str) -> None:
        book = phrasebook(language)
        found = {
            slot
            for section in SECTIONS
            for phrase in getattr(book, section)
            for slot in re.findall(r"\{.*?\}", phrase)
        }
        assert found <= {"{item}", "{city}", "{name}", "{day}", "{n}"}

    def test_letters_are_of_its_script(self, language: str) -> None:
        book = phrasebook(language)
        expected = SCRIPTS.get(language, ["LATIN"])
        for section in SECTIONS:
            for phrase in getattr(book, section):
                letters = [letter for letter in re.sub(r"\{.*?\}", "", phrase) if letter.isalpha()]
                strange = [
                    letter
                    for letter in letters
                    if unicodedata.name(letter).split()[0].split("-")[0] not in expected
                ]
                assert strange == [], phrase

    def test_it_is_recognised(self, language: str, monkeypatch: pytest.MonkeyPatch) -> None:
        from langdetect import DetectorFactory, detect

        monkeypatch.setattr(DetectorFactory, "seed", 0)
        sample = list(
            messages._plain(phrasebook(language), np.zeros(30, dtype=bool), np.random.default_rng(3))
        )
        assert sum(detect(text) == language for text in sample) >= 26


def test_the_vocabulary_is_of_a_realistic_size_and_has_no_slang_yet() -> None:
    words = {
        word
        for language in LANGUAGES
        for section in SECTIONS
        for phrase in getattr(phrasebook(language), section)
        for word in re.findall(r"\w+", phrase.lower())
    }
    assert len(words) > 4000
    assert not words & set(SLANG)


def test_a_mistake_in_a_file_is_named(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    from monitor.demo import phrases

    (tmp_path / "xx.txt").write_text("[greetings]\nHi\n[sentence]\nWhere?\n", "utf-8")
    (tmp_path / "yy.txt").write_text("[greetings]\nHi\n", "utf-8")
    monkeypatch.setattr(phrases, "__file__", str(tmp_path / "__init__.py"))
    with pytest.raises(ValueError, match=r"xx\.txt: unknown or repeated section \[sentence\]"):
        phrasebook("xx")
    with pytest.raises(ValueError, match=r"yy\.txt: nothing in sentences, comments"):
        phrasebook("yy")
