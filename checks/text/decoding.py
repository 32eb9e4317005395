"""Decoding: Arrow buffers of UTF-8 to code points, whole batches at a time. Invalid bytes are counted, never
an error."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from checks.text.characters import character_table
from checks.text.kernels import frozen, helper, kernel

Messages: TypeAlias = Iterable[str | bytes | None] | pa.Array | pa.ChunkedArray

REPLACEMENT = 0xFFFD
_NEXT = np.uint64(1)


@dataclass(frozen=True)
class Points:
    """The code points of some messages, one after another.

    points      uint32[C]; one U+FFFD for every maximal invalid stretch of bytes, as
                `bytes.decode(errors="replace")`
    properties  uint32[C]
    offsets     int64[n + 1] into both
    invalid     int32[n]: invalid stretches
    surrogates  int32[n]: UTF-16 surrogates that were encoded as if they were characters (CESU-8); invalid as
                well
    ascii       bool[n]
    high        int32[H]: where the characters beyond ASCII are; most text has few
    high_offsets int64[n + 1] into `high`
    seen        uint32[n]: the properties that any character of the message has; most detectors pass over most
                messages by it
    """

    points: npt.NDArray[np.uint32]
    properties: npt.NDArray[np.uint32]
    offsets: npt.NDArray[np.int64]
    invalid: npt.NDArray[np.int32]
    surrogates: npt.NDArray[np.int32]
    ascii: npt.NDArray[np.bool_]
    high: npt.NDArray[np.int32]
    high_offsets: npt.NDArray[np.int64]
    seen: npt.NDArray[np.uint32]

    def __len__(self) -> int:
        return len(self.invalid)


@dataclass(frozen=True)
class Buffers:
    """An Arrow binary array as numpy sees it: bytes, int64[n] start and end of each message; a null is
    empty."""

    data: npt.NDArray[np.uint8]
    start: npt.NDArray[np.int64]
    end: npt.NDArray[np.int64]


def as_binary(texts: Messages) -> pa.LargeBinaryArray:
    """Texts in any form as one large_binary array.

    Any iterable of str, bytes and None (pandas' missing values too), and Arrow arrays of strings and binaries of every
    width, views, fixed-size binaries, dictionaries of them and the null type. Chunks are cast before they are joined:
    together they may hold more than 32-bit offsets reach. TypeError for what is no text, and for a single text; other
    Arrow types raise pyarrow.ArrowNotImplementedError.
    """
    if isinstance(texts, str | bytes) or texts is None:
        raise TypeError(
            "expected many messages, found " + ("none" if texts is None else "one; put it in a list")
        )
    if not isinstance(texts, pa.Array | pa.ChunkedArray):
        return pa.array([_cell(value, place) for place, value in enumerate(texts)], pa.large_binary())
    if not pa.types.is_large_binary(texts.type):
        texts = texts.cast(pa.large_binary())
    return texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts


def _cell(value: Any, place: int) -> bytes | None:
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    if value is None or isinstance(value, bytes):
        return value
    # pandas writes a missing text as NaN, or as its own NA, which cannot be compared.
    if type(value).__name__ == "NAType" or (isinstance(value, float) and value != value):
        return None
    raise TypeError(f"message {place} is of type {type(value).__name__}; expected str, bytes or None")


def buffers(texts: pa.LargeBinaryArray) -> Buffers:
    """Where the bytes of each message are, without a copy; slices and nulls are minded."""
    count = len(texts)
    _, offset_buffer, data_buffer = texts.buffers()
    if offset_buffer is None or count == 0:
        return Buffers(
            frozen(np.zeros(0, np.uint8)), frozen(np.zeros(0, np.int64)), frozen(np.zeros(0, np.int64))
        )
    offsets = np.frombuffer(offset_buffer, np.int64)[texts.offset : texts.offset + count + 1]
    data = np.zeros(0, np.uint8) if data_buffer is None else np.frombuffer(data_buffer, np.uint8)
    start, end = offsets[:-1], offsets[1:]
    if texts.null_count:
        end = np.where(texts.is_valid().to_numpy(zero_copy_only=False), end, start)
    return Buffers(frozen(data), frozen(start), frozen(end))


def decode(source: Buffers, first: int, last: int) -> Points:
    """The code points of messages first … last - 1. Invalid UTF-8 is counted, never an error."""
    count = last - first
    start, end = source.start[first:last], source.end[first:last]
    room = int((end - start).sum())
    points = np.empty(room, np.uint32)
    properties = np.empty(room, np.uint32)
    offsets = np.zeros(count + 1, np.int64)
    invalid = np.zeros(count, np.int32)
    surrogates = np.zeros(count, np.int32)
    ascii_only = np.zeros(count, np.bool_)
    seen = np.zeros(count, np.uint32)
    high, high_offsets = np.empty(room, np.int32), np.zeros(count + 1, np.int64)
    _decode(
        source.data,
        frozen(start),
        frozen(end),
        character_table().properties,
        points,
        properties,
        offsets,
        invalid,
        surrogates,
        ascii_only,
        high,
        high_offsets,
        seen,
    )
    used = int(offsets[-1])
    return Points(
        frozen(points[:used]),
        frozen(properties[:used]),
        frozen(offsets),
        invalid,
        surrogates,
        frozen(ascii_only),
        frozen(high[: high_offsets[-1]]),
        frozen(high_offsets),
        frozen(seen),
    )


@kernel
def _decode(  # type: ignore[no-untyped-def]
    data,
    start,
    end,
    table,
    points,
    properties,
    offsets,
    invalid,
    surrogates,
    ascii_only,
    high,
    high_offsets,
    seen,
):
    out, beyond = 0, 0
    for message in range(len(start)):
        i, stop = start[message], end[message]
        any_byte, bits = np.uint8(0), np.uint32(0)
        for k in range(
            np.uint64(i), np.uint64(stop)
        ):  # without a sign a place cannot be counted from the end
            any_byte |= data[k]
        if any_byte < 0x80:
            ascii_only[message] = True
            place = np.uint64(out)
            for k in range(np.uint64(i), np.uint64(stop)):
                points[place] = data[k]
                properties[place] = table[data[k]]
                bits |= table[data[k]]
                place += _NEXT
            out += stop - i
            i = stop
        while i < stop:
            point, taken = np.uint32(data[i]), 1
            if point >= 0x80:
                point, taken = _character(data, i, stop)
                high[beyond] = out
                beyond += 1
            if taken < 0:
                taken = -taken
                surrogates[message] += _is_surrogate(data, i, stop)
                invalid[message] += 1
                point = np.uint32(REPLACEMENT)
            points[out] = point
            properties[out] = table[point]
            bits |= table[point]
            out += 1
            i += taken
        offsets[message + 1] = out
        high_offsets[message + 1] = beyond
        seen[message] = bits


@helper
def _character(data, i, stop):  # type: ignore[no-untyped-def]
    """The character beyond ASCII at `i` and its length in bytes; negative if it is broken off there."""
    lead = np.uint32(data[i])
    # The second byte's range shuts out overlong forms, surrogates and what lies beyond U+10FFFF.
    low, high = np.uint32(0x80), np.uint32(0xBF)
    if 0xC2 <= lead <= 0xDF:
        point, need = lead & np.uint32(0x1F), 1
    elif 0xE0 <= lead <= 0xEF:
        point, need = lead & np.uint32(0x0F), 2
        if lead == 0xE0:
            low = np.uint32(0xA0)
        elif lead == 0xED:
            high = np.uint32(0x9F)
    elif 0xF0 <= lead <= 0xF4:
        point, need = lead & np.uint32(0x07), 3
        if lead == 0xF0:
            low = np.uint32(0x90)
        elif lead == 0xF4:
            high = np.uint32(0x8F)
    else:
        return np.uint32(REPLACEMENT), -1
    for taken in range(1, need + 1):
        byte = np.uint32(data[i + taken]) if i + taken < stop else np.uint32(0)
        if byte < low or byte > high:
            return np.uint32(REPLACEMENT), -taken
        point = (point << np.uint32(6)) | (byte & np.uint32(0x3F))
        low, high = np.uint32(0x80), np.uint32(0xBF)
    return point, need + 1


@helper
def _is_surrogate(data, i, stop):  # type: ignore[no-untyped-def]
    """Whether a UTF-16 surrogate stands at `i` as if it were a character."""
    return data[i] == 0xED and i + 2 < stop and 0xA0 <= data[i + 1] <= 0xBF and 0x80 <= data[i + 2] <= 0xBF
