"""Wording: the words of a message as a copy of it shares them, whatever was done to hide that it is one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from checks.text.characters import character_table
from checks.text.decoding import Points
from checks.text.flags import (
    BIDI,
    CONFUSABLE,
    DIGIT,
    JOINER,
    LETTER,
    MARK,
    SPACE,
    SPACELESS,
    STACKING,
    STYLED,
    TAG,
    VARIATION,
    ZERO_WIDTH,
)
from checks.text.hashing import CONTENT_SEED, WORD_SEED, finish, mix
from checks.text.kernels import frozen, kernel

MOST_WORDS = 256  # of a message: what comes behind them is not looked at
LINK, NUMBER = np.int64(2), np.int64(3)  # the hashes of every link and of every number

_NOTHING_TO_SEE = ZERO_WIDTH | JOINER | VARIATION | BIDI | TAG | STACKING
_NONE = np.uint32(0)


def _disguises() -> npt.NDArray[np.uint32]:
    """uint32[128]: the letter that a sign stands for inside a word; l, i, 1, | and ! are one."""
    table = np.zeros(128, np.uint32)
    for signs, letter in (
        ("0", "o"),
        ("1l|!i", "i"),
        ("3", "e"),
        ("4@", "a"),
        ("5$", "s"),
        ("7", "t"),
        ("8", "b"),
        ("9", "g"),
    ):
        for sign in signs:
            table[ord(sign)] = ord(letter)
    return frozen(table)


_DISGUISES = _disguises()


@dataclass(frozen=True)
class Wording:
    """The words of some messages, at most MOST_WORDS each; scripts without spaces give pairs of characters.

    offsets  int64[n + 1] into the words
    hash     int64[W]; LINK and NUMBER stand for any
    start    int64[W], end int64[W]: places in the code points
    content  int64[n]: of the whole sequence of words
    """

    offsets: npt.NDArray[np.int64]
    hash: npt.NDArray[np.int64]
    start: npt.NDArray[np.int64]
    end: npt.NDArray[np.int64]
    content: npt.NDArray[np.int64]


def wording(points: Points) -> Wording:
    """The words of each message, without case, accents, invisible characters, digits for letters, look-alikes and
    repeated letters; mentions of people are left out."""
    count = len(points)
    room = int(np.minimum(np.diff(points.offsets), MOST_WORDS).sum())
    table = character_table()
    offsets, content = np.zeros(count + 1, np.int64), np.zeros(count, np.int64)
    hashes, start, end = (np.empty(room, np.int64) for _ in range(3))
    _wording(
        *(points.points, points.properties, points.offsets, table.lower, table.plain, _DISGUISES),
        *(offsets, hashes, start, end, content),
    )
    used = int(offsets[-1])
    return Wording(offsets, hashes[:used], start[:used], end[:used], content)


@kernel
def _inside(point, bits):  # type: ignore[no-untyped-def]
    """Whether a character may stand inside a word: 1 as what it is, 2 only between letters, 0 not at all."""
    if bits & (LETTER | DIGIT | MARK | ZERO_WIDTH | JOINER | VARIATION | BIDI | TAG):
        return 1
    # ' ’ @ $ ! | _
    between = point == 39 or point == 0x2019 or point == 64 or point == 36 or point == 33 or point == 124
    return 2 if between or point == 95 else 0


@kernel
def _is_link(points, i, stop):  # type: ignore[no-untyped-def]
    """Whether "http://", "https://" or "www." begins here."""
    if stop - i < 5:
        return False
    if (points[i] | 32) == 119:
        return (points[i + 1] | 32) == 119 and (points[i + 2] | 32) == 119 and points[i + 3] == 46
    if (points[i] | 32) != 104 or (points[i + 1] | 32) != 116 or (points[i + 2] | 32) != 116:
        return False
    k = i + 4
    if (points[k] | 32) == 115:
        k += 1
    return k + 2 < stop and points[k] == 58 and points[k + 1] == 47 and points[k + 2] == 47


@kernel
def _word_end(points, properties, i, stop):  # type: ignore[no-untyped-def]
    k = i
    while k < stop and not properties[k] & SPACELESS:
        inside = _inside(points[k], properties[k])
        if inside == 0:
            break
        if inside == 2 and not (k > i and k + 1 < stop and properties[k + 1] & (LETTER | DIGIT)):
            break
        k += 1
    return k


@kernel
def _word(points, properties, first, last, lower, plain, disguises):  # type: ignore[no-untyped-def]
    """The hash of the word there, NUMBER for one without letters, 0 for nothing to see."""
    state, previous = WORD_SEED, _NONE
    letters = digits = 0
    for k in range(first, last):
        bits, c = properties[k], points[k]
        if bits & _NOTHING_TO_SEE:
            continue
        if bits & (STYLED | CONFUSABLE) and plain[c]:
            c = plain[c]
        low = lower[c]
        c = low if low else c
        if bits & LETTER:
            letters += 1
        elif bits & DIGIT:
            digits += 1
        if c < 128 and disguises[c]:
            c = disguises[c]
        elif not bits & (LETTER | DIGIT | MARK):
            continue
        if c != previous:
            state = mix(state, c)
            previous = c
    if letters:
        return finish(state)
    return NUMBER if digits else np.int64(0)


@kernel
def _wording(  # type: ignore[no-untyped-def]
    points, properties, offsets, lower, plain, disguises, word_offsets, hashes, starts, ends, content
):
    made = 0
    for message in range(len(offsets) - 1):
        i, stop = offsets[message], offsets[message + 1]
        most = made + MOST_WORDS
        state = CONTENT_SEED
        while i < stop and made < most:
            first, bits, c = i, properties[i], points[i]
            value = np.int64(0)
            last = i + 1
            if bits & SPACELESS:
                pair = mix(WORD_SEED, c)
                if i + 1 < stop and properties[i + 1] & SPACELESS:
                    pair = mix(pair, points[i + 1])
                    last = i + 2
                    i += 1
                    if not (i + 1 < stop and properties[i + 1] & SPACELESS):
                        i += 1  # the last character of the run is in this pair already
                else:
                    i += 1
                value = finish(pair)
            elif _is_link(points, i, stop):
                while i < stop and not properties[i] & (SPACE | SPACELESS):
                    i += 1
                value, last = LINK, i
            elif (c == 64 or c == 0xFF20) and i + 1 < stop and properties[i + 1] & (LETTER | DIGIT):
                i += 1
                while i < stop and _inside(points[i], properties[i]) and points[i] != 33:
                    i += 1  # with what inflects it: "@somebody's"
            elif bits & (LETTER | DIGIT) or (
                (c == 36 or c == 64) and i + 1 < stop and properties[i + 1] & (LETTER | DIGIT)
            ):
                i = last = max(i + 1, _word_end(points, properties, i + 1, stop))
                value = _word(points, properties, first, i, lower, plain, disguises)
            else:
                i += 1
            if value:
                hashes[made], starts[made], ends[made] = value, first, last
                state = mix(state, np.uint64(value))
                made += 1
        content[message] = finish(state)
        word_offsets[message + 1] = made
