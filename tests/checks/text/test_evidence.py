"""Excerpts: short, around the hit, with what is hidden made visible."""

from __future__ import annotations

import pytest

from checks.text import annotate, excerpt
from checks.text.annotations import ENCODING_CLASSES, EVASION_CLASSES
from checks.text.evidence import around, best
from tests.checks.text.samples import SENTENCES, large, plan

PADDING = "the parcel came late " * 20

HITS = {
    "invalid_bytes": (b"caf\xe9", "\ufffd"),
    "replacement": ("caf\ufffd".encode(), "\ufffd"),
    "mojibake": ("schÃ¶n".encode(), "schÃ¶n"),
    "question_loss": (b"un caf?s", "caf?s"),
    "control": (b"a\x07b", "⟦U+0007⟧"),
    "surrogate": (b"\xed\xa0\xbd", "\ufffd"),
    "noncharacter": ("\ufffe".encode(), "⟦U+FFFE⟧"),
    "private_use": ("\ue000".encode(), "⟦U+E000⟧"),
    "escape_leftover": (b"fish &amp; chips", "&amp;"),
    "inner_bom": ("a\ufeffb".encode(), "⟦U+FEFF⟧"),
    "broken_emoji": ("👩\u200d".encode(), "👩⟦U+200D⟧"),
    "not_nfc": ("cafe\u0301".encode(), "cafe\u0301"),
    "mixed_script": ("pаrcel".encode(), "p⟦а U+0430⟧rcel"),
    "whole_word_homoglyph": ("саmе".replace("m", "м").encode(), ""),
    "zero_width": ("par\u200bcel".encode(), "⟦U+200B⟧"),
    "bidi_control": ("a\u202eb".encode(), "⟦U+202E⟧"),
    "tag_characters": ("a\U000e0068".encode(), "⟦U+E0068⟧"),
    "variation_selectors": ("a\ufe01b".encode(), "a⟦U+FE01⟧b"),
    "stacked_marks": ("h\u0300\u0301\u0302".encode(), "h\u0300\u0301\u0302"),
    "styled_letters": ("𝗽𝗮𝗿𝗰𝗲𝗹".encode(), "𝗽𝗮𝗿𝗰𝗲𝗹"),
    "leetspeak": (b"p4rcel", "p4rcel"),
    "spaced_letters": (b"p a r c e l", "p a r c e l"),
    "elongation": (b"laaaate", "laaaate"),
}
del HITS["whole_word_homoglyph"]  # has a test of its own


def test_every_class_has_an_example() -> None:
    assert {*HITS, "whole_word_homoglyph"} == {*ENCODING_CLASSES, *EVASION_CLASSES}


@pytest.mark.parametrize(("label", "hit"), HITS.items())
@pytest.mark.parametrize("before", ["", PADDING])
def test_shows_the_hit(label: str, hit: tuple[bytes, str], before: str) -> None:
    raw, visible = hit
    found = excerpt(before.encode() + raw + b" " + PADDING.encode(), plan(), label)
    assert found is not None
    assert visible in found
    assert len(found) <= 120


@pytest.mark.parametrize("label", [*ENCODING_CLASSES, *EVASION_CLASSES, "de+tr", "tr", "glimzo"])
def test_no_hit_is_none(label: str) -> None:
    assert excerpt(PADDING.encode(), plan(), label) is None
    assert excerpt(b"", plan(), label) is None


def test_whole_word_homoglyphs_show_their_code_points() -> None:
    from checks.text import learn

    known = learn(large("a copy of the paper"))
    found = excerpt("a сору of it".encode(), known, "whole_word_homoglyph")
    assert found == "a ⟦с U+0441⟧⟦о U+043E⟧⟦р U+0440⟧⟦у U+0443⟧ of it"


def test_a_pair_is_shown_around_the_switch() -> None:
    message = f"{SENTENCES['de']}. {SENTENCES['de']} {SENTENCES['tr']} {SENTENCES['tr']}"
    found = excerpt(message.encode(), plan(), "de+tr")
    assert found is not None
    assert "Telefon Paket çok" in found
    assert found == excerpt(message.encode(), plan(), "tr+de")
    assert excerpt(message.encode(), plan(), "de+fr") is None


def test_a_language_is_shown_at_its_first_word() -> None:
    found = excerpt(f"{PADDING} {SENTENCES['ru']}".encode(), plan(), "ru", width=40)
    assert found is not None
    assert "Посылка" in found


def test_a_term_is_found_as_a_word_in_any_case() -> None:
    assert excerpt(b"glimzos and GLIMZO!", plan(), "glimzo", width=8) == "…GLIMZO…"[:8]
    assert excerpt("我想退货神器".encode(), plan(), "神器") == "我想退货神器"
    assert excerpt(b"glimzos", plan(), "glimzo") is None


def test_a_term_may_be_a_phrase_a_hashtag_or_an_emoji() -> None:
    assert (
        excerpt(b"a wallet, a Glimzo  WALLET now", plan(), "glimzo wallet", width=18) == "… Glimzo  WALLET …"
    )
    assert excerpt(b"a wallet, no glimzo", plan(), "glimzo wallet") is None
    assert excerpt("İ want #Glimzo now".encode(), plan(), "#glimzo") == "İ want #Glimzo now"
    assert excerpt("so good 🦆🦆".encode(), plan(), "🦆") == "so good 🦆🦆"
    assert excerpt(b"glimzo", plan(), "#glimzo") is None
    texts = [
        b"#glimzo",
        "#Glimzo #glimzo 🦆".encode(),
        b"the glimzo wallet and Glimzo Wallet",
        b"glimzo",
        b"wallet",
    ]
    assert best(texts, plan(), "#glimzo", 5) == [1, 0]
    assert best(texts, plan(), "🦆", 5) == [1]
    assert best(texts, plan(), "glimzo wallet", 5) == [2]


@pytest.mark.parametrize("width", [20, 40, 120])
def test_width_holds_however_much_is_revealed(width: int) -> None:
    raw = ("x\u200b" * 100).encode()
    found = excerpt(raw, plan(), "zero_width", width=width)
    assert found is not None
    assert len(found) <= width


def test_letters_keep_their_marks() -> None:
    message = "e\u0301" * 100 + " &amp; " + "e\u0301" * 100
    found = excerpt(message.encode(), plan(), "escape_leftover", width=31)
    assert found is not None
    body = found.strip("…")
    assert not body.startswith("\u0301")
    assert body.endswith("\u0301")


def test_one_line() -> None:
    assert excerpt(b"one\ntwo\tca\x07", plan(), "control") == "one two ca⟦U+0007⟧"


def test_agrees_with_the_annotations() -> None:
    for message in ("cafÃ©", "pаrcel", "par\u200bcel", "fine"):
        found = annotate(large(message), plan())
        for k, name in enumerate(ENCODING_CLASSES):
            assert (excerpt(message.encode(), plan(), name) is not None) == bool(found.encoding[0] >> k & 1)
        for k, name in enumerate(EVASION_CLASSES):
            assert (excerpt(message.encode(), plan(), name) is not None) == bool(found.evasion[0] >> k & 1)


@pytest.mark.parametrize(("label", "hit"), HITS.items())
def test_the_best_example_of_a_class_has_the_most_hits(label: str, hit: tuple[bytes, str]) -> None:
    raw, _ = hit
    none, one, many = PADDING.encode(), raw + b" the parcel", b" and ".join([raw] * 4) + b" came late"
    assert best([none, one, many, one], plan(), label, 5) == [2, 1]
    assert best([none, one, many], plan(), label, 1) == [2]
    assert best([none], plan(), label, 5) == best([], plan(), label, 5) == []


def test_the_best_example_of_a_language_a_pair_or_a_term() -> None:
    german, turkish = SENTENCES["de"], SENTENCES["tr"]
    little, even = f"{german} {german} {turkish}", f"{german} {german} {turkish} {turkish}"
    texts = [german.encode(), little.encode(), even.encode()]
    assert best(texts, plan(), "tr", 5) == [2, 1]
    assert best(texts, plan(), "de+tr", 5) == best(texts, plan(), "tr+de", 5) == [2, 1]
    assert best([b"glimzo", b"a GLIMZO, a glimzo", b"glimzos"], plan(), "glimzo", 5) == [1, 0]


def test_text_around_a_place_is_cut_and_made_visible() -> None:
    text = "x" * 300 + "\u200bé" + "y" * 300
    assert around(text, 301, width=21) == "…xxxxx⟦U+200B⟧éyyyyy…"
    assert around("short\nand plain", 3) == "short and plain"
    assert around("short", 99) == "short"
    assert around("", 0) == ""
