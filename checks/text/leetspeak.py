"""Leetspeak: "fr33 v1agra", digits and signs for letters, where the word meant is a word of the plan's vocabulary."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from checks.text.annotations import EVASION_CLASSES
from checks.text.characters import LEET_LETTERS, character_table
from checks.text.decoding import Points
from checks.text.flags import DIGIT, LEET, LETTER, MARK
from checks.text.hashing import WORD_SEED, contains, finish, mix
from checks.text.kernels import frozen, helper, kernel
from checks.text.tokens import PLAIN, Tokens

_LEET = EVASION_CLASSES.index("leetspeak")
# "1", "!" and "|" are tried as i, then as l.
_LEET_LETTERS = np.zeros(128, np.uint32)
for _sign, _letter in LEET_LETTERS.items():
    _LEET_LETTERS[ord(_sign)] = ord(_letter)
_LEET_LETTERS = frozen(_LEET_LETTERS)
# As in `disguise`, for the loop without a branch.
_0, _1, _BANG, _PLUS = np.uint32(0), np.uint64(1), np.uint32(33), np.uint32(43)
_IN_LEET, _ALIKE, _RUNNING = np.uint32(LETTER | LEET), np.uint32(LETTER | DIGIT), np.uint8(PLAIN)


def count(
    points: Points,
    tokens: Tokens,
    vocabulary: npt.NDArray[np.int64],
    counts: npt.NDArray[np.int32],
    shown: npt.NDArray[np.uint8],
) -> None:
    """Add the words of leetspeak of each message to int32[n, len(EVASION_CLASSES)], and mark their characters with
    1 + the class in uint8[C]. `vocabulary` is the open-addressing table of `vocabulary.hash_table`."""
    _count(
        *(points.points, points.properties, points.offsets, points.seen, tokens.zone),
        *(character_table().lower, vocabulary, counts, shown),
    )


@helper
def _letters(points, first, last, lower):  # type: ignore[no-untyped-def]
    state = WORD_SEED
    for k in range(first, last):
        c = points[k]
        state = mix(state, lower[c] if lower[c] else c)
    return finish(state)


@helper
def _leet(points, properties, i, stop, lower, vocabulary):  # type: ignore[no-untyped-def]
    """Length of a word in leetspeak at `i`, 0 if there is none: signs for letters, and the word meant is
    known."""
    k, letters, signs, inner, tail = i, 0, 0, False, 0  # tail: digits at the end, while they are all the same
    head, signed = 0, False  # digits at the beginning; whether a sign stands right before, inside the word
    while k < stop and points[k] < 128:
        c = points[k]
        if properties[k] & LETTER:
            inner = inner or signed
            signed = False
            letters += 1
            tail = 0
        elif _LEET_LETTERS[c]:
            signs += 1
            signed = k > i
            if c < 48 or c > 57:
                tail = 0
            else:
                head += 1 if head == k - i else 0
                tail = tail + 1 if tail >= 0 and (tail == 0 or points[k - 1] == c) else -1
        else:
            break
        k += 1
    while k > i and (points[k - 1] == 33 or points[k - 1] == 43):
        k -= 1
        signs -= 1
    whole = k >= stop or not properties[k] & (LETTER | DIGIT)
    if not whole or letters < 2 or not 1 <= signs <= letters or k - i < 4:
        return 0
    # "top5", "route66" and "area51", but "fr33", and "bann4" where "bann" is no word
    if not inner and (tail < 0 or (tail == 1 and (letters < 3 or signs > 1))):
        return 0
    if not inner and tail == 1 and contains(vocabulary, _letters(points, i, k - 1, lower)):
        return 0
    if head >= 2 and signs == head:  # "10an", "80er", "1980s": a number and its ending
        return 0
    for one in (105, 108):
        state = WORD_SEED
        for j in range(i, k):
            c = points[j]
            if not properties[j] & LETTER:
                c = np.uint32(one) if c == 49 or c == 33 or c == 124 else _LEET_LETTERS[c]
            state = mix(state, lower[c] if lower[c] else c)
        if contains(vocabulary, finish(state)):
            return k - i
    return 0


@helper
def _leet_words(points, properties, zone, i, stop, lower, vocabulary, shown):  # type: ignore[no-untyped-def]
    """How many words of a message are leetspeak; they are marked. A word is looked at when its first sign is met."""
    found = 0
    inside, begin = False, np.int64(-1)
    while i < stop:
        bits, c = properties[i], points[i]
        sign = c < 128 and _LEET_LETTERS[c] > 0
        letter = c < 128 and bits & LETTER > 0
        if not inside and (sign or letter) and zone[i] == PLAIN:
            begin = i
        if sign and begin >= 0:
            length = _leet(points, properties, begin, stop, lower, vocabulary)
            if length:
                found += 1
                for k in range(begin, begin + length):
                    shown[k] = _LEET + 1
                i, inside, begin = begin + length, False, np.int64(-1)
                continue
            begin = np.int64(-1)
        inside = sign or bits & (LETTER | DIGIT | MARK) > 0 or (inside and c == 39)
        if not inside:
            begin = np.int64(-1)
        i += 1
    return found


@helper
def _signs_in_words(points, properties, zone, start, stop):  # type: ignore[no-untyped-def]
    """Whether a message has a sign beside a letter of a word as leetspeak would have it.

    Not the "!" or "+" behind a word, nor one digit behind another: with them no such word begins, or ends."""
    found = np.uint32(0)
    for k in range(np.uint64(start), np.uint64(max(start, stop - 1))):
        a, b, sign = properties[k], properties[k + _1], points[k + _1]
        pair = ((a & _IN_LEET) != _0) & ((b & _IN_LEET) != _0) & (zone[k] == _RUNNING)
        found |= np.uint32(pair & ((a & b & _ALIKE) == _0) & (sign != _BANG) & (sign != _PLUS))
    return found > 0


@kernel
def _count(points, properties, offsets, seen, zone, lower, vocabulary, counts, shown):  # type: ignore[no-untyped-def]
    for message in range(len(offsets) - 1):
        start, stop = offsets[message], offsets[message + 1]
        if seen[message] & LEET and _signs_in_words(points, properties, zone, start, stop):
            counts[message, _LEET] += _leet_words(
                points, properties, zone, start, stop, lower, vocabulary, shown
            )
