"""Hostile text on a page: it cannot act, cannot hide, and can still be read."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.web.text import foreign, plain, quoted, shown

ALLOWED = {("bdi", "dir"), ("bdi", "class"), ("span", "class"), ("mark", "title")}


class Reader(HTMLParser):
    """What a browser would make of it: elements with attributes, and text."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, str]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements += [(tag, name) for name, _ in attrs] or [(tag, "")]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "</bdi></main><iframe src=//evil>",
        "&lt;b&gt; and &amp;",
        "'; onclick='alert(1)",
    ],
)
def test_markup_stays_text(text: str) -> None:
    reader = Reader(quoted(text))
    assert reader.text == text
    assert set(reader.elements) <= ALLOWED


@given(st.text(alphabet=st.characters(codec=None), max_size=80))  # lone surrogates too
def test_no_text_becomes_an_element_or_hides(text: str) -> None:
    reader = Reader(quoted(text, limit=1_000))
    assert set(reader.elements) <= ALLOWED
    assert not re.search(
        "[\u202a-\u202e\u2066-\u2069\u200b\u200e\u200f\ufeff\u0000-\u001f\u007f-\u009f\ud800-\udfff]",
        reader.text,
    )


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("pay\u202egnp.exe", "payU+202Egnp.exe"),
        ("a\u200bb", "aU+200Bb"),
        ("a\x00b\nc", "aU+0000bU+000Ac"),
        ("x\ufeff", "xU+FEFF"),
        ("\U000e0041", "U+E0041"),
        ("a\ufe0fb", "aU+FE0Fb"),
        ("a\u3164b", "aU+3164b"),
        ("\ud83d", "U+D83D"),
        ("a ⟦U+202E⟧ b", "a U+202E b"),
    ],
)
def test_invisible_characters_are_shown(text: str, seen: str) -> None:
    assert Reader(shown(text)).text == seen


@pytest.mark.parametrize(
    "text", ["family 👩‍👩‍👧 ❤️", "می‌خواهم", "क्‍ष", "naïve Zoë", "日本語のテキスト", "한국어와 漢字"]
)
def test_what_spelling_and_emoji_need_is_left_alone(text: str) -> None:
    reader = Reader(shown(text))
    assert reader.text == text
    assert ("mark", "title") not in reader.elements
    assert ("span", "class") not in reader.elements


def test_letters_of_another_script_inside_a_word_are_marked_and_named() -> None:
    html = str(shown("frее money, и по-русски"))  # Cyrillic е twice, then a word wholly in Cyrillic
    assert html.count("<mark") == 2
    assert foreign("frее money, и по-русски") == ("U+0435 CYRILLIC SMALL LETTER IE",)
    assert foreign("𝖿ree") == ("U+1D5BF MATHEMATICAL SANS-SERIF SMALL F",)
    assert foreign("plain words") == ()


def test_towers_of_marks_are_cut_and_counted() -> None:
    html = str(shown("a" + "\u0301" * 10 + "b"))
    assert html.count("\u0301") == 3
    assert "+7 marks" in html


def test_cutting_leaves_letters_whole() -> None:
    assert Reader(shown("abcé\u0301\u0302x", limit=5)).text == "abc…"
    assert Reader(shown("a" * 500, limit=10)).text == "a" * 10 + "…"


def test_text_for_attributes_is_one_visible_line() -> None:
    assert plain("a\u202eb\nc") == "a⟦U+202E⟧b⟦U+000A⟧c"
    assert plain("abcdef", 3) == "abc…"
