"""What ftfy confirms of suspected mojibake, how sure that makes the rate, and what it would repair."""

from __future__ import annotations

import random

import pytest

from checks.text import annotate
from checks.text.confirmation import Message, confirm, confirmable, mended, repair, sequences
from checks.text.mojibake import CODECS
from tests.checks.text.samples import SENTENCES, large, plan


def misread(text: str, codec: str) -> str:
    return text.encode().decode(codec, "replace")


BROKEN = misread("Der Kaffee war schön heiß und die Brötchen köstlich", "cp1252")


def messages(text: str, count: int, *, suspected: bool, codec: str | None = None) -> list[Message]:
    return [
        Message(f"{text} {place}", (place + 0.5) / count, 1.0, suspected, codec) for place in range(count)
    ]


def test_two_rates_of_one_window() -> None:
    wrong = messages(SENTENCES["fr"], 3, suspected=True, codec="cp1252")  # the screen was wrong about these
    found = confirm(
        [
            *messages(BROKEN, 97, suspected=True, codec="cp1252"),
            *wrong,
            *messages(SENTENCES["es"], 400, suspected=False),
        ],
        suspected=0.2,
    )
    assert (found.looked_at, found.confirmed, found.outside) == (100, 97, 0)
    assert (found.others_looked_at, found.missed) == (400, 0)
    assert found.suspected == 0.2
    assert found.rate == pytest.approx(0.194)
    assert found.low < 0.194 < found.high < 0.21


def test_what_ftfy_cannot_confirm_is_not_refuted() -> None:
    cyrillic = misread(SENTENCES["ru"], "koi8-r")
    found = confirm(messages(cyrillic, 10, suspected=True, codec="koi8-r"), suspected=1.0)
    assert (found.confirmed, found.outside) == (0, 10)


def test_what_the_screen_missed_counts_for_the_confirmed_rate() -> None:
    found = confirm(
        [*messages(BROKEN, 1, suspected=False), *messages(SENTENCES["es"], 99, suspected=False)], 0.0
    )
    assert (found.looked_at, found.missed) == (0, 1)
    assert found.rate == pytest.approx(0.01)
    assert found.low > 0.0


def test_a_rare_stratum_weighs_what_it_stands_for() -> None:
    often = [Message(BROKEN, 0.001 * i, 0.1, True, "cp1252") for i in range(10)]
    rarely = [Message(SENTENCES["fr"], 0.01 * i, 1.0, True, "cp1252") for i in range(10)]
    assert confirm([*often, *rarely], 1.0).rate == pytest.approx(100 / 110)


def test_looks_at_no_more_than_asked_the_smallest_ranks_first() -> None:
    kept = [Message(BROKEN, 0.1, 1.0, True, "cp1252"), Message(BROKEN, 0.2, 1.0, True, "cp1252")]
    late = [Message(SENTENCES["fr"], 0.3 + 0.01 * i, 1.0, True, "cp1252") for i in range(5)]
    found = confirm([*late, *kept], 0.5, most_suspected=2)
    assert (found.looked_at, found.confirmed) == (2, 2)


def test_the_order_of_the_messages_does_not_matter() -> None:
    given = [
        *messages(BROKEN, 30, suspected=True, codec="cp1252"),
        *messages(SENTENCES["fr"], 30, suspected=True, codec="cp1250"),
        *messages(SENTENCES["es"], 60, suspected=False),
    ]
    shuffled = random.Random(7).sample(given, len(given))
    assert confirm(given, 0.3, 20, 20) == confirm(shuffled, 0.3, 20, 20)


def test_nothing_looked_at_is_nothing_known() -> None:
    found = confirm([], 0.25)
    assert (found.rate, found.low, found.high) == (0.0, 0.0, 1.0)


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    source = random.Random(3)
    truth, held = 0.05 * 0.9 + 0.95 * 0.01, 0
    for _ in range(200):
        drawn = [
            *(
                Message(BROKEN if source.random() < 0.9 else "fine", source.random(), 1.0, True)
                for _ in range(60)
            ),
            *(
                Message(BROKEN if source.random() < 0.01 else "fine", source.random(), 1.0, False)
                for _ in range(300)
            ),
        ]
        found = confirm(drawn, 0.05)
        held += found.low <= truth <= found.high
    assert held >= 180


def test_the_commonest_sequences_are_named_by_code_point() -> None:
    given = [
        Message("cafÃ©", 0.1, 1.0, True, "cp1252"),
        Message("cafÃ© dÃ©jÃ\xa0", 0.2, 1.0, True, "cp1252"),
    ]
    assert confirm(given, 1.0).sequences == (("U+00C3 U+00A9", 2), ("U+00C3 U+00A0", 1))


def test_sequences_of_any_length_and_none_of_codecs_with_wide_characters() -> None:
    assert list(sequences("â‚¬ 5, Ã¼ber ðŸ˜€", "cp1252")) == ["â‚¬", "Ã¼", "ðŸ˜€"]
    assert list(sequences("Ã", "cp1252")) == []
    assert list(sequences("铆", "gbk")) == []
    assert list(sequences("Ã©", "no such codec")) == []


@pytest.mark.parametrize("codec", ["latin-1", "cp1252", "cp1250", "cp1251", "mac_roman", "cp437"])
def test_ftfy_tries_these(codec: str) -> None:
    assert confirmable(codec)


@pytest.mark.parametrize("codec", ["koi8-r", "cp866", "gbk", "big5", "euc-kr", "cp1251 read as cp1252", None])
def test_ftfy_does_not_try_these(codec: str | None) -> None:
    assert not confirmable(codec)


def test_curly_quotes_and_wide_letters_are_no_damage() -> None:
    assert mended("‘quoted’ ｗｉｄｅ cafe\u0301 ﬁn") is None
    assert mended("a\x85b") is None


def test_a_very_long_message_is_looked_at_in_part() -> None:
    assert mended("a " * 20_000 + BROKEN) is None
    assert mended(BROKEN + " a" * 20_000) is not None


@pytest.mark.parametrize(
    ("label", "text", "mended"),
    [
        ("mojibake", "cafÃ© au lait", "café au lait"),
        ("replacement", "un cafï¿½ noir", "un caf\ufffd noir"),
        ("control", "ring\x07 twice", "ring twice"),
        ("inner_bom", "one\ufefftwo", "onetwo"),
        ("escape_leftover", "fish &amp; chips", "fish & chips"),
        ("mojibake", "café au lait", None),
        ("question_loss", "caf?s", None),
        ("tr", "cafÃ©", None),
    ],
)
def test_the_repair_that_ftfy_proposes(label: str, text: str, mended: str | None) -> None:
    assert repair(text, label) == mended


def test_annotations_name_the_codec_of_suspected_messages_only() -> None:
    found = annotate(large(BROKEN, SENTENCES["fr"], misread(SENTENCES["de"], "mac_roman"), None), plan())
    assert [CODECS[code] if code >= 0 else None for code in found.codec] == [
        "cp1252",
        None,
        "mac_roman",
        None,
    ]
