"""Spots: where words, phrases, hashtags and emoji stand in a message."""

from __future__ import annotations

import numpy as np
import pytest

from checks.text import mojibake, spots
from checks.text.decoding import as_binary, buffers, decode
from checks.text.spots import MARKER, PHRASE, WORD, Spots
from checks.text.tokens import tokenise
from tests.checks.text.samples import large


def found(*messages: str) -> list[tuple[int, int, str]]:
    """(kind, message, text) of every spot."""
    points = decode(buffers(as_binary(large(*messages))), 0, len(messages))
    broken = mojibake.find(points).broken
    tokens = tokenise(points, broken)
    parts: list[Spots] = [
        spots.words(tokens),
        spots.phrases(points, tokens),
        spots.markers(points, tokens, broken),
    ]
    every = spots.together(parts)
    return [
        (int(kind), int(document), "".join(map(chr, points.points[start:end])))
        for kind, document, start, end in zip(every.kind, every.document, every.start, every.end, strict=True)
    ]


def of_kind(kind: int, *messages: str) -> list[str]:
    return [text for k, _, text in found(*messages) if k == kind]


def test_words_and_phrases_know_their_message() -> None:
    assert found("One two", "three") == [
        (WORD, 0, "One"),
        (WORD, 0, "two"),
        (WORD, 1, "three"),
        (PHRASE, 0, "One two"),
    ]


@pytest.mark.parametrize(
    "text", ["one, two", "one. Two", "one  two", "one @you two", "one 2 two", "one\u2014two"]
)
def test_a_phrase_is_of_words_with_one_space_between(text: str) -> None:
    assert of_kind(PHRASE, text) == []


def test_scripts_without_spaces_have_no_phrases() -> None:
    assert of_kind(PHRASE, "我想退货") == []
    assert of_kind(WORD, "我想退货") == ["我想", "想退", "退货"]


@pytest.mark.parametrize(
    ("text", "markers"),
    [
        ("so #GoodDay!", ["#GoodDay"]),
        ("#one#two", ["#one", "#two"]),
        ("order #4711", []),
        ("c# and # alone", []),
        ("ok 💀💀 no", ["💀", "💀"]),
        ("👩🏽‍🚒 ❤️", ["👩🏽‍🚒", "❤️"]),
        ("🇺🇦🇩🇪", ["🇺🇦", "🇩🇪"]),
        ("see https://shop.example/#top", []),
        ("", []),
    ],
)
def test_markers_are_hashtags_and_emoji(text: str, markers: list[str]) -> None:
    assert of_kind(MARKER, text) == markers


def test_a_word_has_the_hash_of_its_spelling() -> None:
    points = decode(buffers(as_binary(large("Straße"))), 0, 1)
    tokens = tokenise(points, np.zeros(len(points.points), np.uint8))
    assert tokens.hash.tolist() == [spots.word_hash("straße")]
