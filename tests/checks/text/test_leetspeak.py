"""Leetspeak is looked for in few messages, and no message that holds some is passed over."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.text import leetspeak
from checks.text.annotations import EVASION_CLASSES
from checks.text.characters import character_table
from checks.text.decoding import buffers
from checks.text.reading import Read, read
from tests.checks.text.samples import large, plan

LEET = EVASION_CLASSES.index("leetspeak")
PIECES = ("p4rcel", "parcel", "ph0ne", "phone", "the", "late", *"aé06345@$!+|'#&. ", "www.", "m@x.org", "@an")


def batch_of(message: str) -> Read:
    return read(buffers(large(message)), 0, 1)


def found_by_looking_at_every_character(batch: Read) -> int:
    return int(
        leetspeak._leet_words(
            *(batch.points.points, batch.points.properties, batch.tokens.zone, np.int64(0)),
            *(batch.points.offsets[1], character_table().lower, plan().known_words),
            np.zeros(len(batch.points.points), np.uint8),
        )
    )


def found(batch: Read) -> int:
    counts = np.zeros((1, len(EVASION_CLASSES)), np.int32)
    shown = np.zeros(len(batch.points.points), np.uint8)
    leetspeak.count(batch.points, batch.tokens, plan().known_words, counts, shown)
    return int(counts[0, LEET])


@given(st.lists(st.sampled_from(PIECES), max_size=7).map("".join))
@settings(max_examples=500, deadline=None)
def test_no_message_with_leetspeak_is_passed_over(message: str) -> None:
    batch = batch_of(message)
    assert found(batch) == found_by_looking_at_every_character(batch)


def test_counts_every_word() -> None:
    assert found(batch_of("n0b0dy answ3red the ph0ne, p4rcel!!")) == 4
    assert found(batch_of("nobody answered in 2024!!")) == 0
