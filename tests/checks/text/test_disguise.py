"""Words are looked at one by one in few messages, and no message with a drawn-out word is passed over."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.text import disguise
from checks.text.annotations import EVASION_CLASSES
from checks.text.characters import character_table
from checks.text.decoding import buffers
from checks.text.reading import Read, read
from tests.checks.text.samples import evasion, large, plan

ELONGATION = EVASION_CLASSES.index("elongation")


def batch_of(message: str) -> Read:
    return read(buffers(large(message)), 0, 1)


def letters(alphabet: str) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(alphabet), min_size=4, max_size=16).map("".join)


@given(letters("oOsS' -\u200b") | letters("oOéÉŠš -") | letters("ЖжИи' -"))
@settings(max_examples=500, deadline=None)
def test_no_message_with_a_drawn_out_word_is_passed_over(message: str) -> None:
    batch = batch_of(message)
    tokens, lower = batch.tokens, character_table().lower
    drawn = [
        disguise._elongated(batch.points.points, batch.points.properties, first, last, lower)
        for first, last in zip(tokens.start.astype(np.int64), tokens.end.astype(np.int64), strict=True)
        if last - first >= 6
    ]
    counts = np.zeros((1, len(EVASION_CLASSES)), np.int32)
    shown = np.zeros(len(batch.points.points), np.uint8)
    disguise.count(batch.points, tokens, plan().known_words, counts, shown)
    assert counts[0, ELONGATION] == sum(drawn)


@pytest.mark.parametrize("message", ["goooOOd", "ooooh, goooood", "très laaaate", "ДавнООоо"])
def test_finds_drawn_out_words(message: str) -> None:
    assert evasion(message).get("elongation", 0) >= 1
