"""Words in disguise: look-alikes of other scripts, leetspeak, letters spaced out or drawn out.

A word counts as disguised when the reading meant is a word of the plan's vocabulary; that keeps product codes, laughter
and acronyms out. A plan that has learnt nothing confirms nothing. Three classes need no vocabulary: Latin and
look-alikes in one word (`mixed_script`, found by `tokens`), styled letters among plain ones, and elongation: a letter
four times or more in a row in a word with at least two others. Elongation is common in chat ("sooooo"), and some
alphabets write it: it is for the reference's rate to say how much of it is news.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from checks.text.annotations import EVASION_CLASSES, SCRIPTS
from checks.text.characters import character_table
from checks.text.decoding import Points
from checks.text.flags import (
    DIGIT,
    JOINER,
    LETTER,
    MARK,
    ODD,
    SCRIPT_MASK,
    STYLED,
    TOKEN_FOREIGN,
    TOKEN_MIXED,
    TOKEN_SPACELESS,
    VARIATION,
    ZERO_WIDTH,
)
from checks.text.hashing import WORD_SEED, contains, finish, mix
from checks.text.kernels import frozen, helper, kernel
from checks.text.tokens import PLAIN, Tokens

_MIXED = EVASION_CLASSES.index("mixed_script")
_WHOLE_WORD = EVASION_CLASSES.index("whole_word_homoglyph")
_STYLED = EVASION_CLASSES.index("styled_letters")
_LEET = EVASION_CLASSES.index("leetspeak")
_SPACED = EVASION_CLASSES.index("spaced_letters")
_ELONGATION = EVASION_CLASSES.index("elongation")
_LATIN, _CYRILLIC = SCRIPTS.index("Latin"), SCRIPTS.index("Cyrillic")

# Digits and signs that stand for letters; "1", "!" and "|" are tried as i, then as l.
_LEET_LETTERS = np.zeros(128, np.uint32)
for _sign, _letter in zip("012345789@$!|+", "oizeastbgasiit", strict=True):
    _LEET_LETTERS[ord(_sign)] = ord(_letter)
_LEET_LETTERS = frozen(_LEET_LETTERS)

# Latin letters that stand for Cyrillic ones: a word of a Russian message spelt in them.
_AS_CYRILLIC = np.zeros(128, np.uint32)
for _sign, _letter in zip("acekopxyijsABCEHKMOPTXYIJS", "асекорхуіјѕавсенкмортхуіјѕ", strict=True):
    _AS_CYRILLIC[ord(_sign)] = ord(_letter)
_AS_CYRILLIC = frozen(_AS_CYRILLIC)


def count(
    points: Points,
    tokens: Tokens,
    vocabulary: npt.NDArray[np.int64],
    counts: npt.NDArray[np.int32],
    shown: npt.NDArray[np.uint8],
) -> None:
    """Add the disguised words of each message to int32[n, len(EVASION_CLASSES)], and mark their characters with
    1 + the class in uint8[C]. `vocabulary` is the open-addressing table of `vocabulary.hash_table`."""
    table = character_table()
    _words(
        points.points,
        points.properties,
        points.offsets,
        points.ascii,
        tokens.zone,
        tokens.offsets,
        tokens.start,
        tokens.end,
        tokens.hash,
        tokens.script,
        tokens.kind,
        frozen(tokens.message_script),
        table.lower,
        table.plain,
        vocabulary,
        counts,
        shown,
    )


@helper
def _elongated(points, properties, first, last, lower):  # type: ignore[no-untyped-def]
    """Whether a letter stands four times in a row among at least two others ("sooooo good", not "hmmmm",
    "kkkk")."""
    # A run of four covers one of every four places, and a neighbour of it: most words are done with here.
    possible = False
    for k in range(first + 3, last, 4):
        possible = possible or points[k] == points[k - 1] or (k + 1 < last and points[k] == points[k + 1])
    if not possible:
        return False
    run, longest, letter = 0, 0, np.uint32(0)
    drawn = np.uint32(0)
    for k in range(first, last):
        c = lower[points[k]] if lower[points[k]] else points[k]
        run = run + 1 if c == letter else 1
        letter = c
        if run > longest:
            longest, drawn = run, c
    if longest < 4:
        return False
    others = 0
    for k in range(first, last):
        c = lower[points[k]] if lower[points[k]] else points[k]
        if c != drawn and properties[k] & LETTER:
            others += 1
    return others >= 2


@helper
def _skeleton(points, properties, first, last, lower, plain):  # type: ignore[no-untyped-def]
    """The hash of the word with every look-alike read as the Latin letter."""
    state = WORD_SEED
    for k in range(first, last):
        if properties[k] & (ZERO_WIDTH | JOINER | VARIATION):
            continue
        c = plain[points[k]] if plain[points[k]] else points[k]
        state = mix(state, lower[c] if lower[c] else c)
    return finish(state)


@helper
def _rare(properties, first, last):  # type: ignore[no-untyped-def]
    """The bits that any character of a word has."""
    bits = np.uint32(0)
    for k in range(first, last):
        bits |= properties[k]
    return bits


@helper
def _odd(properties, first, last):  # type: ignore[no-untyped-def]
    """How many letters that no alphabet has a word of four characters or more holds."""
    found = 0
    for k in range(first, last):
        found += 1 if properties[k] & ODD else 0
    return found if last - first >= 4 else 0


@helper
def _half_styled(points, properties, first, last):  # type: ignore[no-untyped-def]
    """Whether a word of four letters or more has some of them styled, full-width and phonetic ones aside."""
    styled, plain = 0, 0
    for k in range(first, last):
        if not properties[k] & STYLED:
            plain += 1 if points[k] < 128 and properties[k] & LETTER else 0
        elif (points[k] >= 0x2100 and points[k] < 0xFF00) or points[k] > 0xFFFF:
            styled += 1
    return styled > 0 and plain > 0 and styled + plain >= 4


@helper
def _in_latin(points, first, last):  # type: ignore[no-untyped-def]
    """The hash of the Cyrillic word that Latin letters look like; 0 if they do not."""
    state = WORD_SEED
    for k in range(first, last):
        if points[k] >= 128 or _AS_CYRILLIC[points[k]] == 0:
            return np.int64(0)
        state = mix(state, _AS_CYRILLIC[points[k]])
    return finish(state)


@helper
def _inflected(properties, scripts, kinds, t, stop, first, last):  # type: ignore[no-untyped-def]
    """Whether the word in [first, last) is a Latin name of three letters or more with a shorter native ending
    ("iPhoneом", "Googleа"), and one of the words t … stop - 1 beside it is honestly native."""
    latin, ending, script = 0, 0, np.uint32(0)
    for k in range(first, last):
        if not properties[k] & LETTER:
            continue
        if properties[k] & SCRIPT_MASK == _LATIN:
            if ending:
                return False
            latin += 1
        else:
            script = properties[k] & SCRIPT_MASK
            ending += 1
    native = False
    for k in range(t, stop):
        native = native or (scripts[k] == script and not kinds[k] & (TOKEN_MIXED | TOKEN_FOREIGN))
    return native and latin >= 3 and ending < latin and ending <= 3


@helper
def _all_disguised(points, properties, starts, ends, hashes, kinds, t, stop, lower, plain, vocabulary):  # type: ignore[no-untyped-def]
    """Whether every word of three letters or more of a message that is in no Latin letters reads as a known one."""
    letters = 0
    for k in range(t, stop):
        length = ends[k] - starts[k]
        if length < 3:
            continue
        if not kinds[k] & TOKEN_FOREIGN or contains(vocabulary, hashes[k]):
            return False
        if not contains(vocabulary, _skeleton(points, properties, starts[k], ends[k], lower, plain)):
            return False
        letters += length
    return letters >= 5


@helper
def _spaced(points, properties, starts, ends, t, stop, lower, plain, vocabulary):  # type: ignore[no-untyped-def]
    """How many single letters with one and the same separator begin at token `t`, if they spell a word; else
    0. The separator is up to three characters that are no letters or digits: " ", "-", " * "."""
    gap = starts[t + 1] - ends[t]
    if gap < 1 or gap > 3:
        return 0
    state = WORD_SEED
    k = t
    while k < min(stop, t + 40) and ends[k] - starts[k] == 1:
        if k > t:
            same = starts[k] - ends[k - 1] == gap
            for j in range(gap if same else 0):
                place = ends[k - 1] + j
                same = (
                    same and points[place] == points[ends[t] + j] and not properties[place] & (LETTER | DIGIT)
                )
            if not same:
                break
        c = points[starts[k]]
        if properties[starts[k]] & STYLED:
            c = plain[c]
        state = mix(state, lower[c] if lower[c] else c)
        k += 1
    return k - t if k - t >= 4 and contains(vocabulary, finish(state)) else 0


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
def _leet_words(points, properties, zone, i, stop, lower, vocabulary, row, shown):  # type: ignore[no-untyped-def]
    """Count and mark the leetspeak of one message. A word is looked at when its first sign is met."""
    any_sign = np.uint32(0)
    for k in range(i, stop):
        any_sign |= _LEET_LETTERS[min(points[k], np.uint32(127))]
    if any_sign == 0:
        return
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
                row[_LEET] += 1
                shown[begin : begin + length] = _LEET + 1
                i, inside, begin = begin + length, False, np.int64(-1)
                continue
            begin = np.int64(-1)
        inside = sign or bits & (LETTER | DIGIT | MARK) > 0 or (inside and c == 39)
        if not inside:
            begin = np.int64(-1)
        i += 1


@kernel
def _words(  # type: ignore[no-untyped-def]
    points,
    properties,
    offsets,
    ascii_only,
    zone,
    token_offsets,
    starts,
    ends,
    hashes,
    scripts,
    kinds,
    message_script,
    lower,
    plain,
    vocabulary,
    counts,
    shown,
):
    for message in range(len(offsets) - 1):
        row = counts[message]
        last = token_offsets[message + 1]
        spelt = token_offsets[message]
        script = message_script[message]
        disguised = script == _LATIN or (
            spelt < last
            and script != 0
            and kinds[spelt] & (TOKEN_FOREIGN | TOKEN_SPACELESS) == TOKEN_FOREIGN
            and _all_disguised(
                points, properties, starts, ends, hashes, kinds, spelt, last, lower, plain, vocabulary
            )
        )
        for t in range(spelt, last):
            first, end = starts[t], ends[t]
            name, upto = -1, end
            if kinds[t] & TOKEN_MIXED:
                if not _inflected(properties, scripts, kinds, token_offsets[message], last, first, end):
                    name = _MIXED
            elif (
                kinds[t] & TOKEN_FOREIGN
                and disguised
                and not contains(vocabulary, hashes[t])
                and contains(vocabulary, _skeleton(points, properties, first, end, lower, plain))
            ):
                name = _WHOLE_WORD
            elif not ascii_only[message] and scripts[t] == _LATIN:
                rare = _rare(properties, first, end)
                odd = _odd(properties, first, end) if rare & ODD else 0
                if odd or (script == _CYRILLIC and end - first >= 3):
                    meant = (
                        _skeleton(points, properties, first, end, lower, plain)
                        if odd
                        else _in_latin(points, first, end)
                    )
                    known = meant != 0 and contains(vocabulary, meant)
                    if (odd >= 3 or known) and not contains(vocabulary, hashes[t]):
                        name = _WHOLE_WORD
                if name < 0 and rare & STYLED and _half_styled(points, properties, first, end):
                    name = _STYLED
            if name < 0 and end - first >= 6 and _elongated(points, properties, first, end, lower):
                name = _ELONGATION
            elif name < 0 and end - first == 1 and t >= spelt and t + 3 < last:
                length = _spaced(points, properties, starts, ends, t, last, lower, plain, vocabulary)
                if length:
                    name, upto, spelt = _SPACED, ends[t + length - 1], t + length
            if name >= 0:
                row[name] += 1
                shown[first:upto] = name + 1
        _leet_words(
            points, properties, zone, offsets[message], offsets[message + 1], lower, vocabulary, row, shown
        )
