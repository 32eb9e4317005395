"""Bytes become code points as Python decodes them, from any Arrow array, and broken bytes are counted."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.text import Annotations, annotate
from checks.text.annotations import ENCODING_CLASSES
from checks.text.decoding import as_binary, buffers, decode
from tests.checks.text.samples import plan

# Bytes at the borders of every rule of UTF-8, so that short strings of them hit overlong forms and surrogates.
BORDERS = bytes.fromhex("41 7f 80 8f 90 9f a0 bf c0 c1 c2 df e0 e1 ec ed ee ef f0 f1 f3 f4 f5 ff")


def points_of(raw: bytes) -> tuple[str, int, int]:
    """Text, invalid stretches and surrogates of one message."""
    points = decode(buffers(pa.array([raw], pa.large_binary())), 0, 1)
    return "".join(map(chr, points.points)), int(points.invalid[0]), int(points.surrogates[0])


@given(st.lists(st.sampled_from(BORDERS), max_size=9).map(bytes))
@settings(max_examples=400, deadline=None)
def test_decodes_like_python_with_replacement(raw: bytes) -> None:
    text, invalid, _ = points_of(raw)
    assert text == raw.decode("utf-8", "replace")
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        assert invalid > 0
    else:
        assert invalid == 0


@given(st.text(max_size=30))
@settings(max_examples=200, deadline=None)
def test_valid_text_comes_back(text: str) -> None:
    assert points_of(text.encode()) == (text, 0, 0)


@given(st.lists(st.text(alphabet="ab?9 é\u0301Ж中😀\u200b", max_size=9), min_size=1, max_size=4))
@settings(max_examples=200, deadline=None)
def test_says_of_each_message_what_it_holds_and_where_it_leaves_ascii(messages: list[str]) -> None:
    array = pa.array([message.encode() for message in messages], pa.large_binary())
    points = decode(buffers(array), 0, len(messages))
    for n, message in enumerate(messages):
        here = slice(points.offsets[n], points.offsets[n + 1])
        assert points.seen[n] == np.bitwise_or.reduce(points.properties[here], initial=0)
        beyond = points.high[points.high_offsets[n] : points.high_offsets[n + 1]]
        assert "".join(chr(points.points[k]) for k in beyond) == "".join(c for c in message if c > "\x7f")


@pytest.mark.parametrize(
    ("raw", "invalid", "surrogates"),
    [
        (b"caf\xe9", 1, 0),  # latin-1
        ("€".encode()[:2], 1, 0),  # cut in the middle
        (b"\xc0\xaf", 2, 0),  # overlong slash
        (b"\xed\xa0\xbd\xed\xb8\x8a", 6, 2),  # an emoji through CESU-8
        (b"\xf4\x90\x80\x80", 4, 0),  # beyond U+10FFFF
    ],
)
def test_counts_broken_bytes(raw: bytes, invalid: int, surrogates: int) -> None:
    assert points_of(raw)[1:] == (invalid, surrogates)


TEXTS = ["häß", None, "", "日本", "plain"]
BYTES = [None if text is None else text.encode() for text in TEXTS]


def kinds_of_array() -> dict[str, pa.Array | pa.ChunkedArray]:
    """The same messages in every type that Arrow has for them."""
    plain = pa.array(TEXTS)
    types = (
        pa.string(),
        pa.large_string(),
        pa.string_view(),
        pa.binary(),
        pa.large_binary(),
        pa.binary_view(),
    )
    sliced = pa.array(["before", None, *TEXTS, "behind"])
    words = pa.array(["häß", "", "日本", "plain", None])
    return {
        **{str(kind): pa.array(BYTES, kind) for kind in types[3:]},
        **{str(kind): pa.array(TEXTS, kind) for kind in types[:3]},
        "dictionary": plain.dictionary_encode(),
        "dictionary with a null among its words": pa.DictionaryArray.from_arrays(
            pa.array([0, 4, 1, 2, 3], pa.int8()), words
        ),
        "dictionary of large strings": plain.cast(pa.large_string()).dictionary_encode(),
        "slice": sliced.slice(2, 5),
        "slice of a slice": sliced.slice(1).slice(1, 5),
        "slice of a view": pa.array([None, *TEXTS], pa.string_view()).slice(1),
        "slice of a dictionary": sliced.dictionary_encode().slice(2, 5),
        "slice of large binaries": sliced.cast(pa.large_binary()).slice(2, 5),
        "chunks, some empty": pa.chunked_array([plain[:0], plain[:2], plain[:0], plain[2:], plain[:0]]),
        "chunks of slices": pa.chunked_array([sliced.slice(2, 3), sliced.slice(5, 2)]),
        "chunks of views": pa.chunked_array(
            [plain[:2].cast(pa.string_view()), plain[2:].cast(pa.string_view())]
        ),
        "chunks of dictionaries": pa.chunked_array(
            [plain[:3].dictionary_encode(), plain[3:].dictionary_encode()]
        ),
    }


@pytest.mark.parametrize("kind", kinds_of_array())
def test_every_arrow_array_of_text_is_read_the_same(kind: str) -> None:
    array = kinds_of_array()[kind]
    assert as_binary(array).to_pylist() == BYTES
    found, expected = annotate(array, plan()), annotate(pa.array(BYTES, pa.large_binary()), plan())
    for field in fields(Annotations):
        assert getattr(found, field.name).tobytes() == getattr(expected, field.name).tobytes(), field.name


@pytest.mark.parametrize(
    ("array", "count"),
    [
        (pa.nulls(3), 3),
        (pa.array([], pa.string()), 0),
        (pa.chunked_array([], pa.string()), 0),
        (pa.chunked_array([pa.array([], pa.large_binary())]), 0),
        (pa.array([None, None], pa.string()), 2),
        (pa.array(["", ""]), 2),
    ],
    ids=str,
)
def test_arrays_without_text_say_nothing(array: pa.Array, count: int) -> None:
    found = annotate(array, plan())
    assert found.language.tolist() == [-1] * count
    assert (found.chars.sum(), found.encoding.sum(), found.evasion.sum(), len(found.token_hash)) == (
        0,
        0,
        0,
        0,
    )


def test_fixed_size_binaries_are_text_too() -> None:
    array = pa.array([b"ab", None, b"\xffc"], pa.binary(2))
    assert annotate(array, plan()).encoding_counts[:, 0].tolist() == [0, 0, 1]


def test_numbers_are_no_text() -> None:
    with pytest.raises(pa.ArrowNotImplementedError):
        as_binary(pa.array([1, 2]))


# What is no UTF-8, and how many maximal invalid stretches it has (Unicode 15, section 3.9, table 3-8 and above it).
NO_UTF8 = {
    "truncated two": (b"a\xc3", 1),
    "truncated three": (b"a\xe2\x82", 1),
    "truncated three, then text": (b"\xe2\x82a", 1),
    "truncated four": (b"\xf0\x9f\x98", 1),
    "truncated at every length": (b"\xf0 \xf0\x9f \xf0\x9f\x98 ", 3),
    "overlong two": (b"\xc0\x80", 2),
    "overlong three": (b"\xe0\x80\xaf", 3),
    "overlong four": (b"\xf0\x80\x80\xaf", 4),
    "CESU-8": (b"\xed\xa0\xbd\xed\xb8\x8a", 6),
    "lone high surrogate": (b"x\xed\xa0\x80x", 3),
    "lone low surrogate": (b"\xed\xbf\xbf", 3),
    "five bytes": (b"\xf8\x88\x80\x80\x80", 5),
    "six bytes": (b"\xfc\x84\x80\x80\x80\x80", 6),
    "lone continuations": (b"\x80\xbf", 2),
    "beyond U+10FFFF": (b"\xf4\x90\x80\x80", 4),
    "bytes that never occur": (b"\xfe\xff\xc1\xf5", 4),
    "the Unicode standard's": (b"a\xf1\x80\x80\xe1\x80\xc2b\x80c\x80\xbfd", 6),
}


@pytest.mark.parametrize("name", NO_UTF8)
def test_invalid_bytes_are_counted_in_every_binary_array(name: str) -> None:
    raw, count = NO_UTF8[name]
    with pytest.raises(UnicodeDecodeError):
        raw.decode()
    assert raw.decode("utf-8", "replace").count("\ufffd") == count
    for kind in (pa.binary(), pa.large_binary(), pa.binary_view()):
        found = annotate(pa.array([b"good", raw, None, raw + b" good"], kind), plan())
        assert found.encoding_counts[:, ENCODING_CLASSES.index("invalid_bytes")].tolist() == [
            0,
            count,
            0,
            count,
        ]
        assert found.encoding_counts[:, ENCODING_CLASSES.index("replacement")].tolist() == [0, 0, 0, 0]
        assert found.chars.tolist()[1] == len(raw.decode("utf-8", "replace"))


def test_nul_and_noncharacters_are_valid_bytes() -> None:
    for raw in (b"\x00", "\uffff\U0010ffff".encode(), b"\xef\xbf\xbd", b"\xf4\x8f\xbf\xbf"):
        assert points_of(raw) == (raw.decode(), 0, 0)


def test_a_null_is_empty_even_if_bytes_lie_under_it() -> None:
    data, offsets = pa.py_buffer(b"hidden"), pa.py_buffer(np.array([0, 6], np.int64).tobytes())
    array = pa.Array.from_buffers(pa.large_binary(), 1, [pa.py_buffer(b"\x00"), offsets, data], null_count=1)
    assert len(decode(buffers(array), 0, 1).points) == 0


def test_an_empty_array_has_no_messages() -> None:
    assert len(decode(buffers(pa.array([], pa.large_binary())), 0, 0)) == 0


def test_lists_are_read_like_arrays() -> None:
    wanted = [b"caf\xc3\xa9", None, b"\xff"]
    assert as_binary(["café", None, b"\xff"]).to_pylist() == wanted
    assert as_binary([]).to_pylist() == []
    assert as_binary(iter(["a"])).to_pylist() == [b"a"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("one text", "put it in a list"),
        (b"one", "put it in a list"),
        (None, "found none"),
        ([1], "message 0 is of type int"),
    ],
)
def test_what_is_no_list_of_texts_is_refused_with_the_cure(given: object, said: str) -> None:
    with pytest.raises(TypeError, match=said):
        as_binary(given)  # type: ignore[arg-type]
