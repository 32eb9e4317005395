"""Every class of encoding damage is found where it is, and clean text of many languages has none."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.text.annotations import ENCODING_CLASSES
from tests.checks.text.samples import SENTENCES, damage


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (b"caf\xe9 cr\xe8me", {"invalid_bytes": 2}),
        (b"\xed\xa0\xbd\xed\xb8\x8a", {"invalid_bytes": 6, "surrogate": 2}),
        ("caf\ufffd cr\ufffdme", {"replacement": 2}),
        (b"caf\xe9 cr\xef\xbf\xbdme", {"invalid_bytes": 1, "replacement": 1}),
        ("cafÃ©", {"mojibake": 1}),
        ("un caf?s m?s", {"question_loss": 2}),
        ("???? ?? ????? ok", {"question_loss": 1}),
        ("a\x00b\x07 c\x85", {"control": 3}),
        ("l\x92heure", {"control": 1}),
        ("x\ufdd0y\uffff", {"noncharacter": 2}),
        ("x\ue000", {"private_use": 1}),
        ("fish &amp; chips &#39;n&#x2019; peas", {"escape_leftover": 3}),
        ("hello%20world%21", {"escape_leftover": 2}),
        ("%C3%A9t", {"escape_leftover": 1}),
        ("caf\\u00e9 \\xe9", {"escape_leftover": 2}),
        ("head\ufefftail", {"inner_bom": 1}),
        ("\ufeffhead", {}),
        ("flag \U0001f1e9 half", {"broken_emoji": 1}),
        ("👩\u200d", {"broken_emoji": 1}),
        ("a 🏽", {"broken_emoji": 1}),
        ("cafe\u0301", {"not_nfc": 1}),
    ],
)
def test_finds(message: str | bytes, expected: dict[str, int]) -> None:
    assert damage(message) == expected


@pytest.mark.parametrize(
    "message",
    [
        *SENTENCES.values(),
        "really?? no... what?!",
        "Is it? Yes. What?Now",
        "https://a.example/?q=a%20b&amp;c=d caf.example/?x=1",
        "50 %de indirim, %20 indirim, 100%",
        "AT&T, R&D; Q&A",
        "tabs\tand\r\nlines",
        "👩‍💻 👍🏽 🇩🇪🇫🇷 ❤️ 1️⃣ 🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f 🤷‍♀️",
        "C:\\users\\xenia",
    ],
)
def test_leaves_good_text_alone(message: str) -> None:
    assert damage(message) == {}


MARKS = "aeou\u00e9\u1eb9\u0301\u0323\u0308\u0316\u093c\u0928\u1100\u1161\uac00\u11a8\u0338="


@given(st.text(MARKS, max_size=3))
@settings(max_examples=500, deadline=None)
def test_normal_form_agrees_with_unicodedata(text: str) -> None:
    assert ("not_nfc" in damage(text)) == (not unicodedata.is_normalized("NFC", text))


def test_order_of_classes_is_frozen() -> None:
    assert ENCODING_CLASSES[:3] == ("invalid_bytes", "replacement", "mojibake")
