"""Words in disguise: look-alikes of other scripts, letters spaced out or drawn out; leetspeak is in `leetspeak`.

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
from checks.text.tokens import Tokens

_MIXED = EVASION_CLASSES.index("mixed_script")
_WHOLE_WORD = EVASION_CLASSES.index("whole_word_homoglyph")
_STYLED = EVASION_CLASSES.index("styled_letters")
_SPACED = EVASION_CLASSES.index("spaced_letters")
_ELONGATION = EVASION_CLASSES.index("elongation")
# For loops without a branch, which look at eight characters in the time of one: that takes numbers of the characters'
# own type, and places that cannot be negative.
_0, _1, _2, _3 = np.uint32(0), np.uint64(1), np.uint64(2), np.uint64(3)
_FIRST_LETTER, _CASE = np.uint32(64), np.uint32(32)
_SINGLE = np.int32(1)
_LATIN, _CYRILLIC = SCRIPTS.index("Latin"), SCRIPTS.index("Cyrillic")

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
        points.seen,
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
def _drawn(points, start, stop, ascii_only, lower):  # type: ignore[no-untyped-def]
    """Whether a character stands four times in a row in a message, whatever its case."""
    found = np.uint32(0)
    if ascii_only:
        for k in range(np.uint64(start), np.uint64(max(start, stop - 3))):
            a, b, c, d = points[k], points[k + _1], points[k + _2], points[k + _3]
            others = ((a ^ b) | (a ^ c) | (a ^ d)) & ~_CASE
            found |= np.uint32((others == _0) & (a >= _FIRST_LETTER))
        return found > 0
    for k in range(np.uint64(start), np.uint64(max(start, stop - 1))):
        found |= np.uint32((points[k] == points[k + _1]) & (points[k] >= _FIRST_LETTER))
    if found == 0:
        return False
    run, last = 0, np.uint32(0)
    for k in range(np.uint64(start), np.uint64(stop)):
        c = lower[points[k]] if lower[points[k]] else points[k]
        run = run + 1 if c == last else 1
        last = c
        if run == 4 and c >= _FIRST_LETTER:
            return True
    return False


@helper
def _may_hide(  # type: ignore[no-untyped-def]
    points, start, stop, seen, ascii_only, lower, script, starts, ends, scripts, kinds, first, last
):
    """Whether one of the words first … last - 1 of a message may be in disguise: most messages have none."""
    any_kind, singles = np.uint16(0), 0
    for t in range(np.uint64(first), np.uint64(last)):
        any_kind |= kinds[t]
        singles += starts[t] + _SINGLE == ends[t]
    if any_kind & (TOKEN_MIXED | TOKEN_FOREIGN) or singles >= 4:
        return True
    if not ascii_only and (seen & (ODD | STYLED) or script == _CYRILLIC):
        for t in range(first, last):
            if scripts[t] == _LATIN:
                return True
    return _drawn(points, start, stop, ascii_only, lower)


@helper
def _look_alike(  # type: ignore[no-untyped-def]
    points,
    properties,
    starts,
    ends,
    hashes,
    scripts,
    kinds,
    begin,
    last,
    t,
    ascii_only,
    script,
    disguised,
    lower,
    plain,
    vocabulary,
):
    """The class of word `t` of the words begin … last - 1 of a message by the letters it is written in; -1 if none.

    `script`: the message's; `disguised`: whether a word in look-alikes alone is no honest one."""
    first, end = starts[t], ends[t]
    if kinds[t] & TOKEN_MIXED:
        return -1 if _inflected(properties, scripts, kinds, begin, last, first, end) else _MIXED
    if (
        kinds[t] & TOKEN_FOREIGN
        and disguised
        and not contains(vocabulary, hashes[t])
        and contains(vocabulary, _skeleton(points, properties, first, end, lower, plain))
    ):
        return _WHOLE_WORD
    if ascii_only or scripts[t] != _LATIN:
        return -1
    rare = _rare(properties, first, end)
    odd = _odd(properties, first, end) if rare & ODD else 0
    if odd or (script == _CYRILLIC and end - first >= 3):
        meant = (
            _skeleton(points, properties, first, end, lower, plain) if odd else _in_latin(points, first, end)
        )
        known = meant != 0 and contains(vocabulary, meant)
        if (odd >= 3 or known) and not contains(vocabulary, hashes[t]):
            return _WHOLE_WORD
    return _STYLED if rare & STYLED and _half_styled(points, properties, first, end) else -1


@kernel
def _words(  # type: ignore[no-untyped-def]
    points,
    properties,
    offsets,
    ascii_only,
    seen,
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
        start, stop = offsets[message], offsets[message + 1]
        spelt, last = token_offsets[message], token_offsets[message + 1]
        script = message_script[message]
        if _may_hide(
            *(points, start, stop, seen[message], ascii_only[message], lower, script),
            *(starts, ends, scripts, kinds, spelt, last),
        ):
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
                upto = end
                name = _look_alike(
                    *(
                        points,
                        properties,
                        starts,
                        ends,
                        hashes,
                        scripts,
                        kinds,
                        token_offsets[message],
                        last,
                        t,
                    ),
                    *(ascii_only[message], script, disguised, lower, plain, vocabulary),
                )
                if name < 0 and end - first >= 6 and _elongated(points, properties, first, end, lower):
                    name = _ELONGATION
                elif name < 0 and end - first == 1 and t >= spelt and t + 3 < last:
                    length = _spaced(points, properties, starts, ends, t, last, lower, plain, vocabulary)
                    if length:
                        name, upto, spelt = _SPACED, ends[t + length - 1], t + length
                if name >= 0:
                    counts[message, name] += 1
                    for k in range(first, upto):
                        shown[k] = name + 1
