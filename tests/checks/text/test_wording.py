"""Wording: a copy has the words of what it is a copy of."""

from __future__ import annotations

import pytest

from checks.text.decoding import as_binary, buffers, decode
from checks.text.wording import LINK, MOST_WORDS, NUMBER, wording
from tests.checks.text.samples import large


def words(text: str | bytes) -> list[int]:
    return wording(decode(buffers(as_binary(large(text))), 0, 1)).hash.tolist()


@pytest.mark.parametrize(
    "disguised",
    [
        "FREE MONEY",
        "fr33 m0ney",
        "f\u200bree mo\u00adney",
        "frее mоney",
        "ｆｒｅｅ ｍｏｎｅｙ",
        "freeee!! moneeey",
        "$$ free @anna money",
    ],
)
def test_disguises_are_seen_through(disguised: str) -> None:
    assert words(disguised) == words("free money")


@pytest.mark.parametrize("other", ["free honey", "money free", "free", "freemoney"])
def test_other_words_are_others(other: str) -> None:
    assert words(other) != words("free money")


def test_links_and_numbers_are_all_the_same_word() -> None:
    assert words("http://a.example/?b=1 www.c.example 12 3,50 $99") == [LINK, LINK, *[NUMBER] * 4]


def test_who_is_addressed_is_no_word() -> None:
    assert words("@anna_b's parcel") == words("parcel")


def test_scripts_without_spaces_give_pairs() -> None:
    assert len(words("我想退货")) == 3
    assert words("退货") == words("我想退货")[2:]


def test_the_content_is_that_of_all_words_in_their_order() -> None:
    read = wording(decode(buffers(as_binary(large("Win 5 now", "win 77 NOW!", "now 5 win"))), 0, 3))
    assert read.content[0] == read.content[1] != read.content[2]


def test_long_messages_are_cut_and_damaged_ones_read() -> None:
    assert len(words("word " * 1000)) == MOST_WORDS
    assert words(b"\xff\xfe free \x80 money") == words("free money")
    assert words("") == []
