"""Text of one legacy codec read with another is found where the new reading is far more plausible."""

from __future__ import annotations

import pytest

from checks.text.decoding import buffers, decode
from checks.text.mojibake import CODECS, find
from tests.checks.text.samples import SENTENCES, damage, large

MEETINGS = [
    ("ru", "cp1251", "koi8-r"),
    ("ru", "koi8-r", "cp1251"),
    ("ru", "cp866", "cp1251"),
    ("ru", "cp1251", "cp1252"),
    ("uk", "cp1251", "cp1252"),
    ("el", "iso8859-7", "cp1252"),
    ("el", "cp1253", "cp1251"),
    ("he", "cp1255", "cp1252"),
    ("ar", "cp1256", "cp1252"),
    ("th", "cp874", "cp1252"),
    ("tr", "cp1254", "cp1252"),
    ("cs", "cp1250", "cp1252"),
    ("pl", "iso8859-2", "cp1252"),
]
MORE = {
    "cs": "Děkuji, příště to bude lepší, řekl jsem to už dvakrát a přesto to nikdo neřeší",
    "pl": "Proszę o zwrot pieniędzy, bo przesyłka była już całkiem zniszczona, gdy ją odebrałem",
    "tr": "Siparişim hâlâ gelmedi, lütfen bana kargonun nerede olduğunu söyler misiniz, çok kızgınım",
}


def misread(text: str, written: str, read: str) -> str:
    encoded = text.encode(written, "ignore")
    return "".join(bytes([byte]).decode(read, "ignore") or chr(byte) for byte in encoded)


@pytest.mark.parametrize(("language", "written", "read"), MEETINGS)
def test_finds_sentences_read_with_the_wrong_codec(language: str, written: str, read: str) -> None:
    text = MORE.get(language, SENTENCES[language])
    message = misread(text, written, read)
    found = find(decode(buffers(large(message)), 0, 1))
    assert found.sequences[0] > 0
    assert found.codec[0] >= 0
    assert all(ord(message[k]) >= 0x80 for k in found.broken.nonzero()[0])


def test_names_what_it_was_read_with() -> None:
    message = misread(SENTENCES["ru"], "cp1251", "koi8-r")
    found = find(decode(buffers(large(message)), 0, 1))
    assert CODECS[found.codec[0]] == "koi8-r"


@pytest.mark.parametrize(
    "message",
    [
        *SENTENCES.values(),
        *MORE.values(),
        "Ég vil fá endurgreitt, því að varan kom brotin og enginn svaraði í símann",
        "Það er ekki hægt að þýða þetta",
        "Føroyingar eiga eisini at fáa rætt",
        "Mövlud günü sizə şərəf gətirəcək",
        "Zəhmət olmasa, mənə kömək edin",
        "E ʻae ʻo e ʻāina i ka pono",
        "Tôi không hiểu tại sao đơn hàng bị hủy",
        "Сәләм, хәлләрегез ничек? Һәммәбез дә үткән көннәрне сагына",
        "МОСКВА, САНКТ-ПЕТЕРБУРГ, НИЖНИЙ НОВГОРОД",
        "ELŐFIZETÉSI DÍJ ÁTUTALÁSA",
        "PŘÍLIŠ ŽLUŤOUČKÝ KŮŇ ÚPĚL ĎÁBELSKÉ ÓDY",
        "l’été à l’hôtel d’Évreux, où l’œuvre fut achevée",
        "ˈfoʊni ɪˈmeɪl θɹɛd ŋɡɔː",
        "┌────────┐\n│ İÇİNDE │\n└────────┘",
        "★彡 ♥ вы ♥ 彡★",
        "Ñandutí, ñe'ẽ, mba'éichapa, ha'e",
        "Mi ŝatas manĝi freŝajn fruktojn ĉiutage",
    ],
)
def test_leaves_good_text_alone(message: str) -> None:
    assert damage(message).get("mojibake", 0) == 0


def test_nothing_of_nothing() -> None:
    assert len(find(decode(buffers(large()), 0, 0)).sequences) == 0
