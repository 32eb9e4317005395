"""The same messages give the same bytes: in any order, in any batches, whatever was read before, in any process."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from dataclasses import fields

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.text import Annotations, TextPlan, annotate, learn
from checks.text.language import word_scores
from tests.checks.text.samples import SENTENCES, large

DISGUISES = [
    "𝗧𝗵𝗲 𝗽𝗮𝗿𝗰𝗲𝗹 𝗰𝗮𝗺𝗲 𝘃𝗲𝗿𝘆 𝗹𝗮𝘁𝗲",
    "ＴＨＥ ＰＡＲＣＥＬ ｃａｍｅ ｌａｔｅ",
    "the par\u200bcel ca\u00adme very la\u2060te",
    "THE PARCEL CAME VERY LATE",
    "ȘI ȚARA și țara",
    "personne n'a répondu l'été",
    "personne n’a répondu l’été",
    "ᴛʜᴇ ᴘᴀʀᴄᴇʟ ᴄᴀᴍᴇ",
    "par\u200bcel" * 30,
    "parcel" * 30,
]
MESSAGES = [*SENTENCES.values(), *DISGUISES, "", None, b"\xffcaf\xe9 \xed\xa0\x80", "cafÃ© sooooo p4rcel"]


def digest(found: Annotations) -> str:
    """Of all arrays, name by name."""
    total = hashlib.sha256()
    for field in fields(found):
        values = getattr(found, field.name)
        total.update(f"{field.name} {values.dtype} {values.shape}".encode() + values.tobytes())
    return total.hexdigest()


def learnt(plan: TextPlan) -> str:
    return json.dumps(plan.to_dict(), sort_keys=True)


def forget() -> None:
    """As if nothing had been read yet: no word has a score."""
    word_scores.cache_clear()


def taken(found: Annotations, order: list[int]) -> Annotations:
    """The annotations of the messages of `order`, in that order."""
    spans = [np.arange(found.token_offsets[k], found.token_offsets[k + 1]) for k in order]
    tokens = np.concatenate([np.zeros(0, np.int64), *spans])
    chosen = {
        field.name: getattr(found, field.name)[
            tokens if field.name.startswith("token_") else np.array(order, np.int64)
        ]
        for field in fields(found)
        if field.name != "token_offsets"
    }
    return Annotations(**chosen, token_offsets=np.cumsum([0, *map(len, spans)], dtype=np.int64))


@given(st.permutations(range(len(MESSAGES))), st.booleans())
@settings(max_examples=20, deadline=None)
def test_any_order_says_the_same_of_each_message(order: list[int], cold: bool) -> None:
    plan = learn(large(*MESSAGES), ("de", "en", "fr", "ro"))
    expected = annotate(large(*MESSAGES), plan)
    if cold:
        forget()
    found = annotate(large(*[MESSAGES[k] for k in order]), plan)
    assert digest(found) == digest(taken(expected, order))


@given(st.permutations(range(len(MESSAGES))))
@settings(max_examples=6, deadline=None)
def test_a_plan_does_not_depend_on_the_order_of_its_texts(order: list[int]) -> None:
    expected = learnt(learn(large(*MESSAGES)))
    forget()
    assert learnt(learn(large(*[MESSAGES[k] for k in order]))) == expected


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_any_batches_give_the_same_bytes(size: int) -> None:
    messages = [f"{message} {k}" for k in range(60) for message in SENTENCES.values()] + MESSAGES
    whole = large(*messages)
    plan = learn(whole)
    expected = annotate(whole, plan)
    parts = [annotate(whole.slice(k, size), plan) for k in range(0, len(whole), size)]
    for field in fields(Annotations):
        if field.name != "token_offsets":
            joined = np.concatenate([getattr(part, field.name) for part in parts])
            assert joined.tobytes() == getattr(expected, field.name).tobytes(), field.name
    chunks = pa.chunked_array([whole.slice(k, size) for k in range(0, len(whole), size)])
    assert digest(annotate(chunks, plan)) == digest(expected)
    assert learnt(learn(chunks)) == learnt(plan)


@pytest.mark.parametrize(("first", "second"), [(DISGUISES, MESSAGES), (MESSAGES[::-1], MESSAGES)])
def test_what_was_read_before_changes_nothing(first: list[str], second: list[str]) -> None:
    plan = learn(large(*MESSAGES), ("de", "en", "fr", "ro"))
    forget()
    expected = digest(annotate(large(*second), plan))
    assert digest(annotate(large(*second), plan)) == expected
    forget()
    annotate(large(*first), plan)
    assert digest(annotate(large(*second), plan)) == expected


def test_another_process_says_the_same() -> None:
    program = (
        "from tests.checks.text.test_repeatable import *\n"
        "plan = learn(large(*MESSAGES))\n"
        "print(digest(annotate(large(*MESSAGES[::-1]), plan)), hashlib.sha256(learnt(plan).encode()).hexdigest())"
    )
    other = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout.split()
    plan = learn(large(*MESSAGES))
    here = [digest(annotate(large(*MESSAGES[::-1]), plan)), hashlib.sha256(learnt(plan).encode()).hexdigest()]
    assert other == here
