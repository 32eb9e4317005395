"""Annotations: the shapes promised, the same for a message whatever stands beside it, and no input that breaks them."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.text import Annotations, annotate, learn
from checks.text.annotations import ENCODING_CLASSES, EVASION_CLASSES
from tests.checks.text.samples import SENTENCES, large, plan, read

DTYPES = {
    "chars": np.int32,
    "script": np.uint8,
    "language": np.int16,
    "second": np.int16,
    "margin": np.float32,
    "mixed": np.bool_,
    "language_tokens": np.int32,
    "dominant_tokens": np.int32,
    "switches": np.int32,
    "encoding": np.uint32,
    "encoding_counts": np.int32,
    "codec": np.int8,
    "evasion": np.uint32,
    "evasion_counts": np.int32,
    "words": np.int32,
    "unknown_words": np.int32,
    "content_hash": np.int64,
    "token_offsets": np.int64,
    "token_hash": np.int64,
    "token_language": np.int16,
}
HOSTILE = [
    "",
    None,
    "a" * 5000,
    "a " * 3000,
    "\u0301" * 2000,
    "\u200d" * 500,
    "&" * 500,
    "%" * 500,
    "?" * 500,
    "Ã" * 500,
    "\U000e0041" * 200,
    "@" * 300,
    "http://" * 200,
    "漢" * 3000,
    "\ud800",
    b"\xff" * 400,
    b"\xed\xa0\x80" * 100,
    bytes(range(256)) * 4,
]


def rows(found: Annotations, message: int) -> list[object]:
    """All that is said of one message."""
    said: list[object] = []
    first, last = found.token_offsets[message], found.token_offsets[message + 1]
    for field in fields(found):
        values = getattr(found, field.name)
        if field.name == "token_offsets":
            said.append(int(last - first))
        elif field.name.startswith("token_"):
            said.append(values[first:last].tolist())
        else:
            said.append(values[message].tolist())
    return said


def test_shapes_and_types() -> None:
    for found in (read(*SENTENCES.values()), read(), read(None)):
        count = len(found)
        assert {field.name: getattr(found, field.name).dtype.type for field in fields(found)} == DTYPES
        assert found.encoding_counts.shape == (count, len(ENCODING_CLASSES))
        assert found.evasion_counts.shape == (count, len(EVASION_CLASSES))
        assert found.token_offsets[-1] == len(found.token_hash) == len(found.token_language)
        assert np.array_equal(np.diff(found.token_offsets), found.words)


def test_bits_say_which_counts_are_positive() -> None:
    found = read("cafÃ© \x00", "the pаrcel sooooo late", "fine")
    for bits, counts in ((found.encoding, found.encoding_counts), (found.evasion, found.evasion_counts)):
        for message in range(3):
            assert [bits[message] >> k & 1 for k in range(counts.shape[1])] == (counts[message] > 0).tolist()


def test_a_message_is_read_the_same_wherever_it_stands() -> None:
    messages = [
        *SENTENCES.values(),
        *HOSTILE,
        *(f"{a} {b}" for a, b in zip(SENTENCES.values(), SENTENCES, strict=True)),
    ]
    whole = annotate(large(*messages), plan())
    order = np.random.default_rng(3).permutation(len(messages))
    shuffled = annotate(large(*[messages[k] for k in order]), plan())
    for place, message in enumerate(order):
        assert rows(shuffled, place) == rows(whole, int(message))
    for message in (0, 5, 31, 40):
        assert rows(annotate(large(messages[message]), plan()), 0) == rows(whole, message)


def test_many_batches_are_as_one() -> None:
    messages = [f"{sentence} {k}" for k in range(150) for sentence in SENTENCES.values()]
    whole = annotate(large(*messages), plan())
    assert rows(whole, len(messages) - 1)[1:] == rows(annotate(large(messages[-1]), plan()), 0)[1:]
    halves = [annotate(large(*messages[:1000]), plan()), annotate(large(*messages[1000:]), plan())]
    assert np.array_equal(whole.token_hash, np.concatenate([half.token_hash for half in halves]))
    assert np.array_equal(whole.content_hash, np.concatenate([half.content_hash for half in halves]))


def test_every_kind_of_arrow_array_is_read_the_same() -> None:
    for kind in (pa.string(), pa.large_string(), pa.binary(), pa.string_view()):
        found = annotate(pa.array(["skip", *SENTENCES.values()], kind).slice(1), plan())
        assert np.array_equal(found.token_hash, read(*SENTENCES.values()).token_hash)


@pytest.mark.parametrize("message", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_messages_are_read(message: str | bytes | None) -> None:
    assert len(read(message)) == 1


@pytest.mark.parametrize(
    "pattern", ["?? ", "a ", "\u200d", "\U0001f1e9", "a1b ", "&", "\u0301", "Ã", "a@", "http://"]
)
def test_long_messages_take_time_in_proportion(pattern: str) -> None:
    # 400,000 characters: a step that looks back over all of them would not end within the time limit of a test.
    assert read(pattern * (400_000 // len(pattern))).chars[0] >= 399_990


@given(st.lists(st.binary(max_size=60), max_size=8))
@settings(max_examples=150, deadline=None)
def test_any_bytes_are_read(messages: list[bytes]) -> None:
    found = read(*messages)
    assert found.chars.tolist() == [len(message.decode("utf-8", "replace")) for message in messages]
    assert np.all(found.unknown_words <= found.words)
    assert np.all(found.dominant_tokens <= found.language_tokens)


def test_unknown_words() -> None:
    known = learn(
        large("the parcel came late", "nobody answered the phone", "the phone and the parcel", "late")
    )
    found = annotate(
        large("the glimzo parcel", "The PHONE", "the pаrcel", "cafÃ© late", "12 x2 @glimzo", "nobody glimzo"),
        known,
    )
    assert found.unknown_words.tolist() == [1, 0, 0, 1, 0, 1]
    assert found.words.tolist() == [3, 2, 2, 2, 0, 2]


def test_a_message_is_no_witness_for_its_own_words() -> None:
    messages = ("the parcel came late", "the parcel was broken", "a parcel of the parcel")
    found = annotate(large(*messages), learn(large(*messages)))
    assert found.unknown_words.tolist() == [2, 2, 2]


def test_one_foreign_word_said_again_is_no_mixture() -> None:
    plan = learn(large("هل يمكن تغيير عنوان التسليم إلى مكتبي", "where is my parcel today"), ("ar", "en"))
    one, two = annotate(
        large("هل يمكن تغيير عنوان التسليم glimzo glimzo", "هل يمكن تغيير عنوان التسليم where is my parcel"),
        plan,
    ).mixed.tolist()
    assert (one, two) == (False, True)
