"""Evasion is found, and ordinary writing in many scripts is not taken for it."""

from __future__ import annotations

import pytest

from checks.text import annotate, learn
from checks.text.annotations import EVASION_CLASSES
from tests.checks.text.samples import SENTENCES, evasion, large


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("the pаrcel is lаte", {"mixed_script": 2}),
        ("a tо\u200bken", {"mixed_script": 1, "zero_width": 1}),
        ("the рһоnе is сору late", {"mixed_script": 1}),
        ("par\u200bcel", {"zero_width": 1}),
        ("par\u00adcel", {"zero_width": 1}),
        ("par\u2060cel", {"zero_width": 1}),
        ("a\u200db", {"zero_width": 1}),
        ("abc\u202edef", {"bidi_control": 2}),  # an override that is never ended
        ("a\u2066b", {"bidi_control": 1}),
        ("hi\U000e0068\U000e0069", {"tag_characters": 2}),
        ("a\ufe01b", {"variation_selectors": 1}),
        ("😀\U000e0101\U000e0102", {"variation_selectors": 2}),
        ("h\u0300\u0301\u0302\u0303e", {"stacked_marks": 1}),
        ("𝗽𝗮𝗿𝗰𝗲𝗹", {"styled_letters": 6}),
        ("ｐａｒｃｅｌ", {"styled_letters": 6}),
        ("the p4rcel", {"leetspeak": 1}),
        ("@nswered the ph0ne", {"leetspeak": 1}),
        ("n0b0dy", {"leetspeak": 1}),
        ("p a r c e l late", {"spaced_letters": 1}),
        ("P-H-O-N-E", {"spaced_letters": 1}),
        ("p*a*r*c*e*l", {"spaced_letters": 1}),
        ("p  h  o  n  e", {"spaced_letters": 1}),
        ("𝗽 𝗮 𝗿 𝗰 𝗲 𝗹", {"spaced_letters": 1}),
        ("p@rcel", {"leetspeak": 1}),
        ("parc3|", {"leetspeak": 1}),
        ("telefo0n opn4m", {"leetspeak": 1}),
        ("a ṗaṙcel", {"whole_word_homoglyph": 1}),
        ("ḃöẍẗėŕ", {"whole_word_homoglyph": 1}),
        ("the 𝗽arcel", {"styled_letters": 1}),
        ("the parℊel", {"styled_letters": 1}),
        ("sooooo laaaate", {"elongation": 1}),
    ],
)
def test_finds(message: str, expected: dict[str, int]) -> None:
    assert evasion(message) == expected


def test_whole_words_of_look_alikes_need_a_known_word_behind_them() -> None:
    plan = learn(large("a copy of the paper", "the hope is here"))
    found = annotate(large("a сору of the paper", "a сурок of the paper", "сору сурок рука"), plan)
    place = EVASION_CLASSES.index("whole_word_homoglyph")
    assert found.evasion_counts[:, place].tolist() == [1, 0, 0]


@pytest.mark.parametrize(
    "message",
    [
        *SENTENCES.values(),
        "می‌خواهم نمی‌دانم کتاب‌ها",
        "क्‍ष र्‍य ശ്രീ‌",
        "👩‍👩‍👧 ❤️ 1️⃣ 🤷‍♂️ ✌🏽 🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
        "ภาษา\u200bไทย น้ำ ที่นี่ กำลัง",
        "\u2067שלום\u2069 \u2068name\u2069",
        "葛\U000e0100飾区 ＯＫ ＡＢＣＤ",
        "e\u0302\u0301 trie\u0302\u0323u",
        "SMSка ITшник wifi’ный μg Δt",
        "mp3 3D 4K covid19 top5 iPhone15 R2D2 route66 PS5 TR41",
        "U.S.A. d.h. z. B. a b c",
        "hmmmm kkkk www.example.org aaa hahaha 5555 ㅋㅋㅋㅋ",
        "I am 5 m tall",
        "ﬁne, Ⓜ️ 🅰️ ℝ, ℂ and ℕ, 𝑥 + 𝑦",
        "Để tôi nói tiếng Việt".replace("ế", "e\u0302\u0301"),
        "שָׁלוֹם לְכֻלָּם וּבְרָכָה",
        "مـــرحـــبـــا السَّلَامُ عَلَيْكُمْ وَرَحْمَةُ",
        "ที่นี่ก็ได้ 5555555 ຂອບໃຈຫຼາຍ",
        "স্ক্রিপ্ট র‍্যাব ক্‌ষ ന്‍ ශ්‍රී",
        "🏳️‍🌈 🇩🇪🇫🇷 #️⃣ 👨🏽‍🚀 ☎️ 〰️",
        "iPhone'а COVID-овый новые iPhoneом и Googleа",
        "ćevapi и Београд, Njegoš и Његош",
        "10 µm, 5 kΩ, 3 Å, 20 °C, TNFα NFκB IFNγ μmol",
        "ＪＲ東日本 １２３ｋｍ Ｔシャツ",
        "第３６５集２０２４年",
        "« Bonjour ! » ça va ? l’œuvre",
        "z. B. u. a. J. R. R. A B C D",
        "sooo jaaa hahahahaha wwwwwwww zzzzzz aaaaaah 5555",
        "10an 80er 1980s 1st 2nd 4x4 B2B W3C H2O F16 A380",
        "Ĉu vi parolas? Ġdid ħobż. Ẹ kú àárọ̀. Ǔr nǐ hǎo. Kṛṣṇa. Ŵyneb",
        "ɖekɛ gbɔgblɔ ŋutɔ ƙasa ɗan",
        "me@parcel.example me@host p@rk user@late.example",
        "Лев сором рост сон",
        "ⵜⴰⵎⴰⵣⵉⵖⵜ ᏣᎳᎩ ᐃᓄᒃᑎᑐᑦ",
    ],
)
def test_leaves_good_text_alone(message: str) -> None:
    assert evasion(message) == {}


def test_a_plan_that_learnt_nothing_confirms_no_words() -> None:
    found = annotate(large("p4rcel p a r c e l"), learn(large()))
    assert found.evasion[0] == 0


def test_a_whole_message_of_look_alikes_is_found_where_every_word_reads_as_a_known_one() -> None:
    plan = learn(large("a copy of the paper", "the hope is here"))
    found = annotate(large("сору", "сору рарег", "сору привет", "сор", "СОРУ"), plan).evasion_counts
    assert found[:, EVASION_CLASSES.index("whole_word_homoglyph")].tolist() == [0, 2, 0, 0, 0]


def test_cyrillic_words_spelt_in_latin_letters_need_a_known_word_behind_them() -> None:
    plan = learn(large("новая схема оплаты", "сахар и рост", "the top of the map"))
    found = annotate(large("новый caxap здесь", "новый top здесь", "новый Mac здесь"), plan)
    place = EVASION_CLASSES.index("whole_word_homoglyph")
    assert found.evasion_counts[:, place].tolist() == [1, 0, 0]


def test_a_native_ending_of_a_foreign_name_is_honest_where_the_message_is_native() -> None:
    plan = learn(large("the parcel", "посылка пришла"))
    russian, english = annotate(
        large("купил новый iPhoneом вчера", "my new iPhoneом is here"), plan
    ).evasion_counts
    place = EVASION_CLASSES.index("mixed_script")
    assert (russian[place], english[place]) == (0, 1)
