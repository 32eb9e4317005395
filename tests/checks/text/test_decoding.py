"""Bytes become code points as Python decodes them, from any Arrow array, and broken bytes are counted."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.text.decoding import as_binary, buffers, decode

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


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.binary(), pa.large_binary(), pa.string_view()], ids=str
)
def test_takes_every_arrow_array_of_text(kind: pa.DataType) -> None:
    array = as_binary(pa.array(["häß", None, "", "日本"], kind))
    points = decode(buffers(array), 0, 4)
    assert np.diff(points.offsets).tolist() == [3, 0, 0, 2]


def test_takes_slices_and_chunks() -> None:
    array = pa.array(["one", "two", None, "four"])
    sliced = decode(buffers(as_binary(array.slice(1, 3))), 0, 3)
    assert "".join(map(chr, sliced.points)) == "twofour"
    chunked = decode(buffers(as_binary(pa.chunked_array([array.slice(0, 1), array.slice(3)]))), 0, 2)
    assert "".join(map(chr, chunked.points)) == "onefour"


def test_a_null_is_empty_even_if_bytes_lie_under_it() -> None:
    data, offsets = pa.py_buffer(b"hidden"), pa.py_buffer(np.array([0, 6], np.int64).tobytes())
    array = pa.Array.from_buffers(pa.large_binary(), 1, [pa.py_buffer(b"\x00"), offsets, data], null_count=1)
    assert len(decode(buffers(array), 0, 1).points) == 0


def test_an_empty_array_has_no_messages() -> None:
    assert len(decode(buffers(pa.array([], pa.large_binary())), 0, 0)) == 0
