"""UTF-8 that was read with a codec of East Asia: gbk, big5, Shift-JIS, EUC.

Written back as bytes, such text is valid UTF-8 almost throughout ("caf茅" is "café" read as gbk), while real
Chinese, Japanese and Korean is not: one in six of its characters makes a sequence, and the rest breaks it. So
each codec keeps a score along the message: + 4 for a byte of a sequence that means a character some language
uses (+ 1 if its script is another than the last one's: chance mixes scripts), - 3 for a byte that fits none,
never below 0. The stretch of the highest score is the finding. What the reader could not decode, and dropped or
replaced, costs only the bytes that it left out of step.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from checks.text.characters import character_table
from checks.text.codepages import PLANE, code_pages
from checks.text.decoding import REPLACEMENT, Points
from checks.text.flags import SCRIPT_MASK, SPACELESS
from checks.text.kernels import helper, kernel

_HIT, _CHANCE, _MISS = 4, 1, 3
# Ten bytes in a row, five characters of an accented language: no clean line of 43,000 comes near.
_ENOUGH = 40
# A sequence inside a word of Latin letters, which meant one of them, is enough alone if no wide character speaks
# against it: "caf茅", "f眉r".
_ENOUGH_INSIDE = 8
_WIDE, _LAST_WIDE = 0x2E80, 0xFFEF
# In place of a byte: the reader dropped one here; the codec lacks this character.
_LOST, _FOREIGN = 1, 2


def find(
    points: Points, meant: npt.NDArray[np.bool_], broken: npt.NDArray[np.uint8]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int8]]:
    """Sequences int32[n] (0: none), codec int8[n] (index into codepages.WIDE, -1 none).

    `meant`: bool[0x110000], the characters that a sequence may have meant; `broken`: uint8[C], set to 1 for every
    character of the stretch.
    """
    sequences = np.zeros(len(points), np.int32)
    codecs = np.full(len(points), -1, np.int8)
    _find(
        *(points.points, points.offsets, points.ascii, points.high, points.high_offsets),
        *(code_pages().pair_of, meant, character_table().properties, sequences, codecs, broken),
    )
    return sequences, codecs


@helper
def _write(points, start, stop, pairs, written, place):  # type: ignore[no-untyped-def]
    """Write a message back as bytes of a codec, with the character that each is of; how many bytes."""
    count = 0
    for i in range(start, stop):
        c = points[i]
        code = np.int64(c)
        if c >= 0x80:
            code = np.int64(pairs[c]) if c < PLANE else np.int64(0)
            if code == 0:
                code = np.int64(_LOST if c == REPLACEMENT or c < 0xA0 else _FOREIGN)
        if code > 0xFF:
            written[count], place[count] = code >> 8, i
            count += 1
        written[count], place[count] = code & 0xFF, i
        count += 1
    return count


@helper
def _sequence(written, k, count, meant):  # type: ignore[no-untyped-def]
    """(bytes, character) of the sequence at `k`; the bytes are negative if it is broken or means nothing."""
    lead = np.int64(written[k])
    need = 3 if lead >= 0xF0 else (2 if lead >= 0xE0 else 1)
    value = lead & (0x3F >> need)
    for step in range(1, need + 1):
        if k + step >= count or written[k + step] & 0xC0 != 0x80:
            return -step, 0
        value = value << 6 | (np.int64(written[k + step]) & 0x3F)
    least = 0x10000 if need == 3 else (0x800 if need == 2 else 0x80)
    if value < least or value > 0x10FFFF or not meant[value]:
        return -need - 1, 0
    return need + 1, value


@helper
def _small(byte):  # type: ignore[no-untyped-def]
    return 97 <= byte <= 122


@helper
def _inside(written, k, length, count, value, chained):  # type: ignore[no-untyped-def]
    """Whether the sequence at `k` meant a Latin letter or an apostrophe and stands in a word of small letters.

    `chained`: right behind another such sequence."""
    if not (0xC0 <= value < 0x250 or 0x1E00 <= value < 0x1F00 or value == 0x2019):
        return False
    if not chained and (k == 0 or not _small(written[k - 1])):
        return False
    following = written[k + length] if k + length < count else np.uint8(32)
    if _small(following) or following >= 0xC2:
        return True
    return chained or (k >= 2 and _small(written[k - 2]) and not 65 <= following <= 90)


@helper
def _stretch(start, written, place, count, meant, table):  # type: ignore[no-untyped-def]
    """(score, sequences, first, end, sure) of the stretch that reads best as UTF-8; all 0 if none does."""
    best, best_sequences, best_first, best_end = 0, 0, start, start
    score, sequences, first = 0, 0, start
    inside, misses, orphans = 0, 0, 0
    script, chain = np.uint32(0), -1
    k = 0
    while k < count:
        byte = written[k]
        if byte < 0x80:
            orphans = 3 if byte == _LOST else 0
            if byte == _FOREIGN:
                misses += 2
                score = max(0, score - 2 * _MISS)
            k += 1
            continue
        length, value = -1, 0
        if 0xC2 <= byte <= 0xF4:
            length, value = _sequence(written, k, count, meant)
            if length < 0 and k - length < count and written[k - length] == _LOST:
                k -= length  # the reader cut it short
                continue
        elif byte <= 0xBF and orphans:
            orphans -= 1
            k += 1
            continue
        orphans = 0
        if length < 0:
            misses -= length
            score = max(0, score + _MISS * length)
            k -= length
            continue
        if score == 0:
            first, sequences, script = place[k], 0, np.uint32(0)
        bits = table[value] & (SCRIPT_MASK | SPACELESS)
        bits = np.uint32(SPACELESS) if bits & SPACELESS else bits
        same = bits == script or bits == 0 or script == 0
        script = bits if bits else script
        last = place[k + length - 1]
        score += (_HIT if same else _CHANCE) * length
        sequences += 1
        if _inside(written, k, length, count, value, chain == k):
            inside += 1
            chain = k + length
        if score > best:
            best, best_sequences, best_first, best_end = score, sequences, first, last + 1
        k += length
    return best, best_sequences, best_first, best_end, inside > misses


@helper
def _any_wide(points, high, first, last):  # type: ignore[no-untyped-def]
    found = False
    for n in range(first, last):
        found |= _WIDE <= points[high[n]] <= _LAST_WIDE
    return found


@kernel
def _find(points, offsets, ascii_only, high, high_offsets, pairs, meant, table, found, codecs, broken):  # type: ignore[no-untyped-def]
    longest = 0
    for message in range(len(offsets) - 1):
        if not ascii_only[message]:
            longest = max(longest, offsets[message + 1] - offsets[message])
    written = np.empty(2 * longest, np.uint8)
    place = np.empty(2 * longest, np.int64)
    for message in range(len(offsets) - 1):
        if ascii_only[message]:
            continue
        start, stop = offsets[message], offsets[message + 1]
        if not _any_wide(points, high, high_offsets[message], high_offsets[message + 1]):
            continue
        most = 0
        for codec in range(len(pairs)):
            count = _write(points, start, stop, pairs[codec], written, place)
            score, sequences, first, end, sure = _stretch(start, written, place, count, meant, table)
            if score > most and score >= (_ENOUGH_INSIDE if sure else _ENOUGH):
                most = score
                found[message], codecs[message] = sequences, codec
                best_first, best_end = first, end
        if most:
            for i in range(best_first, best_end):
                broken[i] |= points[i] >= 0x80
