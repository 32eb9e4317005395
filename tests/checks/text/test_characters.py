"""The table says of characters what Unicode says."""

from __future__ import annotations

import sys
import unicodedata

import numpy as np
import pytest

from checks.text import flags, lookalikes
from checks.text.annotations import SCRIPTS
from checks.text.characters import character_table

SCRIPT_LETTERS = {
    "Latin": "aÉßǆẾﬀ",
    "Cyrillic": "яЁӘ",
    "Greek": "ωἄ",
    "Arabic": "بﻻ",
    "Hebrew": "ש",
    "Devanagari": "हि",
    "Bengali": "ক",
    "Gurmukhi": "ਕ",
    "Gujarati": "ક",
    "Tamil": "க",
    "Telugu": "క",
    "Kannada": "ಕ",
    "Malayalam": "ക",
    "Thai": "ก",
    "Han": "漢㐀𠀀々",
    "Hiragana": "ひ",
    "Katakana": "カｶー",
    "Hangul": "한ㅎᄒ",
    "Armenian": "ն",
    "Georgian": "ქ",
    "Ethiopic": "ሰ",
    "other": "ᏣⰀ",
}


def bits(character: str) -> int:
    return int(character_table().properties[ord(character)])


def test_is_of_this_interpreter_s_unicode() -> None:
    assert character_table().version == unicodedata.unidata_version


@pytest.mark.parametrize(("script", "letters"), SCRIPT_LETTERS.items())
def test_knows_scripts(script: str, letters: str) -> None:
    for letter in letters:
        if letter != "々":
            assert SCRIPTS[bits(letter) & flags.SCRIPT_MASK] == script, letter


def test_every_script_has_a_letter_here() -> None:
    assert set(SCRIPT_LETTERS) | {"none"} == set(SCRIPTS)


def test_letters_marks_and_digits_are_those_of_unicodedata() -> None:
    table = character_table().properties
    for point in [*range(0x20, 0x3000), *range(0xA000, 0xA700), *range(0x1D400, 0x1D800)]:
        category = unicodedata.category(chr(point))
        expected = (category[0] == "L", category[0] == "M", category == "Nd")
        found = tuple(bool(table[point] & flag) for flag in (flags.LETTER, flags.MARK, flags.DIGIT))
        assert found == expected, f"U+{point:04X}"


def test_lower_case_is_one_character() -> None:
    table = character_table().lower
    assert table[ord("Ä")] == ord("ä")
    assert table[ord("İ")] == ord("i")
    assert table[ord("ä")] == 0


@pytest.mark.parametrize(("styled", "plain"), [("𝗳", "f"), ("ｆ", "f"), ("Ⓕ", "F"), ("🅵", "F"), ("ᴀ", "a")])
def test_styled_letters_stand_for_plain_ones(styled: str, plain: str) -> None:
    assert bits(styled) & flags.STYLED
    assert chr(character_table().plain[ord(styled)]) == plain


@pytest.mark.parametrize(
    ("seen", "folded"),
    [("Ä", "ä"), ("𝗙", "f"), ("Ｆ", "f"), ("’", "'"), ("a", "a"), ("\u200b", "\0"), ("\u200d", "\0")],
)
def test_words_are_compared_folded(seen: str, folded: str) -> None:
    assert chr(character_table().folded[ord(seen)]) == folded


def test_look_alikes_stand_for_latin_letters() -> None:
    for point, latin in lookalikes.skeletons().items():
        assert bits(chr(point)) & flags.CONFUSABLE
        assert chr(latin).isascii()
        assert not unicodedata.name(chr(point)).startswith("LATIN")


def test_no_code_point_is_left_out() -> None:
    assert len(character_table().properties) == sys.maxunicode + 1
    assert np.all(character_table().properties[0xE000:0xF900] & flags.PRIVATE)
    assert bits("\ufffe") & flags.NONCHARACTER
    assert bits("\U0010ffff") & flags.NONCHARACTER
