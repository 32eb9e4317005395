"""Evasion: writing that a person reads one way and a model another.

Words count as confirmed when the reading meant is a word of the plan's vocabulary; that keeps product codes,
laughter
and acronyms out. A plan that has learnt nothing confirms nothing.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from checks.text.annotations import EVASION_CLASSES, SCRIPTS
from checks.text.characters import character_table
from checks.text.decoding import Points
from checks.text.flags import (
    BIDI,
    DIGIT,
    EMOJI,
    JOINER,
    LETTER,
    MARK,
    NEEDS_JOINER,
    SCRIPT_MASK,
    SKIN_TONE,
    SPACELESS,
    STACKING,
    STYLED,
    TAG,
    TOKEN_FOREIGN,
    TOKEN_MIXED,
    VARIATION,
    ZERO_WIDTH,
)
from checks.text.hashing import WORD_SEED, contains, finish, mix
from checks.text.kernels import frozen, helper, kernel
from checks.text.tokens import PLAIN, Tokens

VERSION = "1"
_MIXED = EVASION_CLASSES.index("mixed_script")
_WHOLE_WORD = EVASION_CLASSES.index("whole_word_homoglyph")
_ZERO_WIDTH = EVASION_CLASSES.index("zero_width")
_BIDI = EVASION_CLASSES.index("bidi_control")
_TAGS = EVASION_CLASSES.index("tag_characters")
_SELECTORS = EVASION_CLASSES.index("variation_selectors")
_STACKED = EVASION_CLASSES.index("stacked_marks")
_STYLED = EVASION_CLASSES.index("styled_letters")
_LEET = EVASION_CLASSES.index("leetspeak")
_SPACED = EVASION_CLASSES.index("spaced_letters")
_ELONGATION = EVASION_CLASSES.index("elongation")
_LATIN, _HAN = SCRIPTS.index("Latin"), SCRIPTS.index("Han")
_EAST = frozen(np.isin(np.arange(32), [SCRIPTS.index(s) for s in ("Han", "Hiragana", "Katakana", "Hangul")]))
# Scripts whose letters carry at most two marks in good spelling (Vietnamese in NFD).
_FEW_MARKS = frozen(np.isin(np.arange(32), [0, *(SCRIPTS.index(s) for s in ("Latin", "Cyrillic", "Greek"))]))

# Digits and signs that stand for letters; "1" and "!" are tried as i, then as l.
_LEET_LETTERS = np.zeros(128, np.uint32)
for _sign, _letter in zip("013457@$!+", "oieastasit", strict=True):
    _LEET_LETTERS[ord(_sign)] = ord(_letter)
_LEET_LETTERS = frozen(_LEET_LETTERS)


def count(
    points: Points, tokens: Tokens, broken: npt.NDArray[np.uint8], vocabulary: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.uint8]]:
    """int32[n, len(EVASION_CLASSES)] occurrences per message, and uint8[C]: 1 + the class that a character
    shows, or 0.

    `broken` is uint8[C], characters of mojibake, which hide nothing; `vocabulary` is the open-addressing
    table of
    `vocabulary.hash_table`.
    """
    table = character_table()
    counts = np.zeros((len(points), len(EVASION_CLASSES)), np.int32)
    shown = np.zeros(len(points.points), np.uint8)
    _characters(
        points.points,
        points.properties,
        points.offsets,
        points.ascii,
        frozen(broken),
        counts,
        shown,
    )
    _words(
        points.points,
        points.properties,
        points.offsets,
        tokens.zone,
        tokens.offsets,
        tokens.start,
        tokens.end,
        tokens.hash,
        tokens.kind,
        frozen(tokens.message_script),
        table.lower,
        table.plain,
        vocabulary,
        counts,
        shown,
    )
    return counts, shown


@helper
def _joiner_belongs(points, properties, i, start, stop):  # type: ignore[no-untyped-def]
    """Whether a joiner stands beside a letter whose script needs it, or inside an emoji."""
    k = i - 1
    while (
        k > max(start, i - 8)
        and properties[k] & (STACKING | VARIATION | JOINER)
        and not properties[k] & NEEDS_JOINER
    ):
        k -= 1
    wanted = NEEDS_JOINER | EMOJI | SKIN_TONE | TAG
    if k >= start and (properties[k] & wanted or 0x2190 <= points[k] <= 0x2BFF):
        return True
    return i + 1 < stop and (properties[i + 1] & wanted > 0 or 0x2190 <= points[i + 1] <= 0x2BFF)


@helper
def _hides(points, properties, i, start, stop):  # type: ignore[no-untyped-def]
    """Whether an invisible character is out of place."""
    c, bits = points[i], properties[i]
    if bits & JOINER:
        return not _joiner_belongs(points, properties, i, start, stop)
    if c == 0xFEFF:
        return False  # the encoding detectors count it
    before = properties[i - 1] if i > start else np.uint32(0)
    after = properties[i + 1] if i + 1 < stop else np.uint32(0)
    if c == 0xAD:
        return before & LETTER > 0 and after & LETTER > 0
    # Zero-width space ends words in Thai, Khmer, Burmese; the other ones have uses in a few scripts of their
    # own.
    return not (before | after) & (SPACELESS | NEEDS_JOINER)


@helper
def _selector_misplaced(points, properties, i, start):  # type: ignore[no-untyped-def]
    if i == start:
        return False
    before = properties[i - 1]
    script = before & SCRIPT_MASK
    if before & VARIATION:
        return True
    if points[i] >= 0xE0100:
        return not (before & LETTER and script == _HAN)
    return before & (LETTER | MARK) > 0 and _FEW_MARKS[script] and not before & EMOJI


@helper
def _bidi(points, properties, start, stop, shown):  # type: ignore[no-untyped-def]
    """Overrides, and embeddings or isolates that are opened or closed alone."""
    found, embedded, isolated = 0, 0, 0
    for i in range(start, stop):
        if not properties[i] & BIDI:
            continue
        c = points[i]
        wrong = c == 0x202D or c == 0x202E
        if c == 0x2069:
            wrong = isolated == 0
            isolated = max(0, isolated - 1)
        elif c >= 0x2066:
            isolated += 1
        elif c == 0x202C:
            wrong = embedded == 0
            embedded = max(0, embedded - 1)
        else:
            embedded += 1
        if wrong:
            found += 1
            shown[i] = _BIDI + 1
    return found + embedded + isolated


@kernel
def _characters(points, properties, offsets, ascii_only, broken, counts, shown):  # type: ignore[no-untyped-def]
    rare = ZERO_WIDTH | JOINER | TAG | VARIATION | STYLED | BIDI | STACKING
    for message in range(len(offsets) - 1):
        start, stop = offsets[message], offsets[message + 1]
        if ascii_only[message]:
            continue
        row = counts[message]
        east, wide = False, 0  # full-width letters belong to East Asian text
        flag, any_bidi = False, False
        marks, base = 0, np.uint32(0)
        for i in range(start, stop):
            bits, c = properties[i], points[i]
            if not bits & STACKING:
                marks = 0
                base = bits & SCRIPT_MASK
            if not bits & TAG:
                flag = c == 0x1F3F4
            east = east or _EAST[bits & SCRIPT_MASK]
            if not bits & rare or broken[i]:
                continue
            name = -1
            if bits & STACKING:
                marks += 1
                if marks == (3 if _FEW_MARKS[base] and _FEW_MARKS[bits & SCRIPT_MASK] else 6):
                    name = _STACKED
            elif bits & (ZERO_WIDTH | JOINER):
                if _hides(points, properties, i, start, stop):
                    name = _ZERO_WIDTH
            elif bits & TAG:
                if not flag:
                    name = _TAGS
            elif bits & BIDI:
                any_bidi = True
            elif bits & STYLED:
                name = _STYLED
                wide += 1 if c >= 0xFF21 and c <= 0xFF5A else 0
            # Some variation selectors are marks by category.
            if bits & VARIATION and _selector_misplaced(points, properties, i, start):
                name = _SELECTORS
            if name >= 0:
                row[name] += 1
                shown[i] = name + 1
        if east:
            row[_STYLED] -= wide
        if row[_STYLED] < 3:  # a circled M, a mathematical x
            row[_STYLED] = 0
        if any_bidi:
            row[_BIDI] = _bidi(points, properties, start, stop, shown)


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
def _spaced(points, properties, starts, ends, t, stop, lower, vocabulary):  # type: ignore[no-untyped-def]
    """How many single letters with one and the same separator begin at token `t`, if they spell a word; else
    0."""
    separator = points[ends[t]]
    state = WORD_SEED
    k = t
    while k < min(stop, t + 40) and ends[k] - starts[k] == 1:
        if k > t and not (starts[k] == ends[k - 1] + 1 and points[ends[k - 1]] == separator):
            break
        c = points[starts[k]]
        state = mix(state, lower[c] if lower[c] else c)
        k += 1
    return k - t if k - t >= 4 and contains(vocabulary, finish(state)) else 0


@helper
def _leet(points, properties, i, stop, lower, vocabulary):  # type: ignore[no-untyped-def]
    """Length of a word in leetspeak at `i`, 0 if there is none: signs for letters, and the word meant is
    known."""
    k, letters, signs, inner, tail = i, 0, 0, False, 0  # tail: digits at the end, while they are all the same
    while k < stop and points[k] < 128:
        c = points[k]
        if properties[k] & LETTER:
            inner = inner or tail != 0
            letters += 1
            tail = 0
        elif _LEET_LETTERS[c]:
            signs += 1
            if c >= 48 and c <= 57:
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
    if not inner and (tail == 1 or tail < 0):  # "top5", "route66" and "area51", but not "fr33"
        return 0
    for one in (105, 108):
        state = WORD_SEED
        for j in range(i, k):
            c = points[j]
            if not properties[j] & LETTER:
                c = np.uint32(one) if c == 49 or c == 33 else _LEET_LETTERS[c]
            state = mix(state, lower[c] if lower[c] else c)
        if contains(vocabulary, finish(state)):
            return k - i
    return 0


@kernel
def _words(  # type: ignore[no-untyped-def]
    points,
    properties,
    offsets,
    zone,
    token_offsets,
    starts,
    ends,
    hashes,
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
        for t in range(spelt, last):
            first, end = starts[t], ends[t]
            name, upto = -1, end
            if kinds[t] & TOKEN_MIXED:
                name = _MIXED
            elif (
                kinds[t] & TOKEN_FOREIGN
                and message_script[message] == _LATIN
                and not contains(vocabulary, hashes[t])
                and contains(vocabulary, _skeleton(points, properties, first, end, lower, plain))
            ):
                name = _WHOLE_WORD
            elif end - first >= 6 and _elongated(points, properties, first, end, lower):
                name = _ELONGATION
            elif end - first == 1 and t >= spelt and t + 3 < last:
                length = _spaced(points, properties, starts, ends, t, last, lower, vocabulary)
                if length:
                    name, upto, spelt = _SPACED, ends[t + length - 1], t + length
            if name >= 0:
                row[name] += 1
                shown[first:upto] = name + 1
        i, stop = offsets[message], offsets[message + 1]
        inside, any_sign = False, False
        for k in range(i, stop):
            any_sign = any_sign or (points[k] < 128 and _LEET_LETTERS[points[k]] > 0)
        while any_sign and i < stop:
            bits = properties[i]
            sign = points[i] < 128 and (bits & LETTER or _LEET_LETTERS[points[i]])
            if sign and not inside and zone[i] == PLAIN:
                length = _leet(points, properties, i, stop, lower, vocabulary)
                if length:
                    row[_LEET] += 1
                    shown[i : i + length] = _LEET + 1
                    i += length
                    continue
            inside = sign or bits & (LETTER | DIGIT | MARK) > 0 or (inside and points[i] == 39)
            i += 1
