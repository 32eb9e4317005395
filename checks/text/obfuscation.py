"""Evasion: writing that a person reads one way and a model another.

What single characters show is found here, what words show in `disguise` and `leetspeak`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from checks.text import disguise, leetspeak
from checks.text.annotations import EVASION_CLASSES, SCRIPTS
from checks.text.decoding import Points
from checks.text.flags import (
    BIDI,
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
    VARIATION,
    ZERO_WIDTH,
)
from checks.text.kernels import frozen, helper, kernel
from checks.text.tokens import Tokens

VERSION = "2"
_ZERO_WIDTH = EVASION_CLASSES.index("zero_width")
_BIDI = EVASION_CLASSES.index("bidi_control")
_TAGS = EVASION_CLASSES.index("tag_characters")
_SELECTORS = EVASION_CLASSES.index("variation_selectors")
_STACKED = EVASION_CLASSES.index("stacked_marks")
_STYLED = EVASION_CLASSES.index("styled_letters")
_HAN = SCRIPTS.index("Han")
_EAST = frozen(np.isin(np.arange(32), [SCRIPTS.index(s) for s in ("Han", "Hiragana", "Katakana", "Hangul")]))
# Scripts whose letters carry at most two marks in good spelling (Vietnamese in NFD).
_FEW_MARKS = frozen(np.isin(np.arange(32), [0, *(SCRIPTS.index(s) for s in ("Latin", "Cyrillic", "Greek"))]))


def count(
    points: Points, tokens: Tokens, broken: npt.NDArray[np.uint8], vocabulary: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.uint8]]:
    """int32[n, len(EVASION_CLASSES)] occurrences per message, and uint8[C]: 1 + the class that a character
    shows, or 0.

    `broken` is uint8[C], characters of mojibake, which hide nothing; `vocabulary` is the open-addressing
    table of
    `vocabulary.hash_table`.
    """
    counts = np.zeros((len(points), len(EVASION_CLASSES)), np.int32)
    shown = np.zeros(len(points.points), np.uint8)
    _characters(
        points.points,
        points.properties,
        points.offsets,
        points.seen,
        frozen(broken),
        counts,
        shown,
    )
    disguise.count(points, tokens, vocabulary, counts, shown)
    leetspeak.count(points, tokens, vocabulary, counts, shown)
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
def _characters(points, properties, offsets, seen, broken, counts, shown):  # type: ignore[no-untyped-def]
    rare = ZERO_WIDTH | JOINER | TAG | VARIATION | STYLED | BIDI | STACKING
    for message in range(len(offsets) - 1):
        start, stop = offsets[message], offsets[message + 1]
        if not seen[message] & rare:
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
                # A letter-like or mathematical sign alone (ℝ, 𝑥) is mathematics.
                beside = (i > start and properties[i - 1] & LETTER > 0) or (
                    i + 1 < stop and properties[i + 1] & LETTER > 0
                )
                name = _STYLED if beside or not (0x2100 <= c < 0x2150 or 0x1D400 <= c < 0x1D800) else -1
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
