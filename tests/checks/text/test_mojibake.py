"""UTF-8 read with a legacy codec is found; good text that looks a little like it is left alone."""

from __future__ import annotations

import pytest

from checks.text.codepages import SINGLE
from checks.text.decoding import buffers, decode
from checks.text.mojibake import CODECS, Mojibake, find
from tests.checks.text.samples import SENTENCES, damage, large


def misread(text: str, codec: str) -> str:
    """The text's UTF-8 bytes read with a codec; bytes it lacks come through as C1 controls."""
    return "".join(bytes([byte]).decode(codec, "ignore") or chr(byte) for byte in text.encode())


def screened(message: str) -> Mojibake:
    return find(decode(buffers(large(message)), 0, 1))


SPOKEN_WITH_ACCENTS = (
    *("cs", "de", "el", "es", "fr", "he", "hi", "hu"),
    *("ja", "pl", "pt", "ru", "sv", "tr", "vi"),
)


# Here the sequences for é, ó and ö look like letters at the end of a word, with a sign behind them at most.
HARD = [
    *[
        (codec, language)
        for codec in ("iso8859-3", "iso8859-10", "iso8859-14", "hp_roman8")
        for language in ("es", "pt")
    ],
    ("hp_roman8", "de"),
]


@pytest.mark.parametrize(
    ("codec", "language"),
    [
        (codec, language)
        for codec in SINGLE
        for language in SPOKEN_WITH_ACCENTS
        if (codec, language) not in HARD
    ],
)
def test_finds_sentences_read_with_the_wrong_codec(codec: str, language: str) -> None:
    assert "mojibake" in damage(misread(SENTENCES[language], codec))


@pytest.mark.parametrize(
    ("message", "codec"),
    [
        ("cafÃ©", "cp1252"),
        ("itâ€™s", "cp1252"),
        ("voilÃ\xa0 le travail", "cp1252"),
        ("voilÃ  le travail", "cp1252"),  # its second half became a space
        ("Ã–sterreich", "cp1252"),
        ("Ä°stanbul", "cp1252"),
        ("fĂĽr", "cp1250"),
        ("fГјr", "cp1251"),
        ("f√ºr", "mac_roman"),
        ("f├╝r", "cp437"),
        ("РџСЂРёРІРµС‚", "cp1251"),
        ("п÷я─п╦п╡п╣я┌", "koi8-r"),
        ("╨┐╤Ç╨╕╨▓╨╡╤é", "cp437"),
        ("×©×œ×•×", "cp1252"),
        ("ðŸ˜€", "cp1252"),
    ],
)
def test_names_the_codec(message: str, codec: str) -> None:
    found = screened(message)
    assert found.sequences[0] > 0
    assert CODECS[found.codec[0]] == codec


@pytest.mark.parametrize(
    "message",
    [
        *SENTENCES.values(),
        "CAFÉ…",
        "UN CAFÉ”",
        "MAÇÃ – IRMÃ",
        "¡¡Qué día!!",
        "«Été» à «Noël»",
        "GÜNEŞ’İN",
        "лінії Росії, мрії",
        "НАТО», «ЮНЕСКО»…",
        "рэлігіі ўсіх краін",
        "ШӘХСИЈЈӘТ шәхсијјәтинин",
        "Ђурђевдан — Ћуприја",
        "ΆΈΉΊΌ «ΆΛΛΟ»…",
        "těžší než",
        "— Á vista — à la carte",
        "√2 ≈ 1.414, 5 × “3”",
        "┌──┐\n│ok│\n└──┘",
        "HYVÄ… ÄITI!",
        "Ångström, 20°C, Å, Ä",
        "naïve façade, œuvre d’art™",
        "1ª edição, nº 5",
        "AQUÍ® GANASTE",
    ],
)
def test_leaves_good_text_alone(message: str) -> None:
    assert damage(message).get("mojibake", 0) == 0


def test_reread_replacement_characters_count_as_replacements() -> None:
    for message in ("educaï¿½ia", "educaďż˝ia"):
        assert damage(message) == {"replacement": 1}


def test_marks_the_broken_characters() -> None:
    found = screened("ein schÃ¶ner Tag")
    assert [k for k in range(16) if found.broken[k]] == [7, 8]


def test_counts_sequences() -> None:
    assert damage("mÃ¼de, schÃ¶n und groÃŸ")["mojibake"] == 3
