"""Encoding damage: what each message shows of bytes lost, misread or left over on the way."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from checks.text.annotations import ENCODING_CLASSES
from checks.text.characters import character_table
from checks.text.decoding import REPLACEMENT, Points
from checks.text.flags import (
    CONTROL,
    EMOJI,
    JOINER,
    LETTER,
    MARK,
    NFC_MAYBE,
    NONCHARACTER,
    NOT_NFC,
    PRIVATE,
    REGIONAL,
    SKIN_TONE,
    SPACE,
    SUSPECT,
    UPPER,
    VARIATION,
)
from checks.text.kernels import frozen, helper, kernel
from checks.text.mojibake import Mojibake
from checks.text.tokens import ADDRESS, Tokens

VERSION = "1"
_INVALID = ENCODING_CLASSES.index("invalid_bytes")
_REPLACEMENT = ENCODING_CLASSES.index("replacement")
_MOJIBAKE = ENCODING_CLASSES.index("mojibake")
_QUESTION = ENCODING_CLASSES.index("question_loss")
_CONTROL = ENCODING_CLASSES.index("control")
_SURROGATE = ENCODING_CLASSES.index("surrogate")
_NONCHARACTER = ENCODING_CLASSES.index("noncharacter")
_PRIVATE = ENCODING_CLASSES.index("private_use")
_ESCAPE = ENCODING_CLASSES.index("escape_leftover")
_INNER_BOM = ENCODING_CLASSES.index("inner_bom")
_EMOJI = ENCODING_CLASSES.index("broken_emoji")
_NOT_NFC = ENCODING_CLASSES.index("not_nfc")

# Names of HTML entities that leak into text; anything between & and ; would catch "R&D;".
_ENTITIES = (
    *(
        "amp",
        "lt",
        "gt",
        "quot",
        "apos",
        "nbsp",
        "hellip",
        "mdash",
        "ndash",
        "lsquo",
        "rsquo",
        "ldquo",
        "rdquo",
    ),
    *("laquo", "raquo", "copy", "reg", "trade", "euro", "bull", "middot", "shy"),
)


def _name_hash(name: str) -> int:
    value = 0
    for character in name:
        value = (value * 31 + ord(character)) & 0xFFFFFFFF
    return value


_FORM = NOT_NFC | NFC_MAYBE
# What may be damage, but for the form.
_OF_INTEREST = SUSPECT | CONTROL | NONCHARACTER | PRIVATE | SKIN_TONE | REGIONAL | JOINER
_ENTITY_HASHES = frozen(np.array(sorted(_name_hash(name) for name in _ENTITIES), np.int64))


def count(
    points: Points, tokens: Tokens, misread: Mojibake
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.uint8]]:
    """int32[n, len(ENCODING_CLASSES)] occurrences per message, and uint8[C]: 1 + the class that a character
    shows, or 0."""
    table = character_table()
    counts = np.zeros((len(points), len(ENCODING_CLASSES)), np.int32)
    shown = np.zeros(len(points.points), np.uint8)
    _count(
        points.points,
        points.properties,
        points.offsets,
        points.seen,
        tokens.zone,
        table.combining,
        table.composing,
        _ENTITY_HASHES,
        counts,
        shown,
    )
    counts[:, _INVALID] = points.invalid
    counts[:, _SURROGATE] = points.surrogates
    # The decoder put a U+FFFD for every invalid stretch: those are not the source's.
    counts[:, _REPLACEMENT] += misread.reread - points.invalid
    counts[:, _MOJIBAKE] = misread.sequences
    for message in np.flatnonzero(misread.codec >= 0):  # few; a mask over every character takes longer
        here = slice(points.offsets[message], points.offsets[message + 1])
        shown[here][misread.broken[here] > 0] = _MOJIBAKE + 1
    return counts, shown


@helper
def _hex(c):  # type: ignore[no-untyped-def]
    if 48 <= c <= 57:
        return np.int64(c) - 48
    c = c | 32
    if 97 <= c <= 102:
        return np.int64(c) - 87
    return np.int64(-1)


@helper
def _byte_at(points, i, stop):  # type: ignore[no-untyped-def]
    """The value of the two hexadecimal digits at `i`, -1 if they are none."""
    if i + 1 >= stop:
        return np.int64(-1)
    high, low = _hex(points[i]), _hex(points[i + 1])
    return high * 16 + low if high >= 0 and low >= 0 else np.int64(-1)


@helper
def _escape_length(points, properties, i, start, stop, entities):  # type: ignore[no-untyped-def]
    """Length of an entity, percent or backslash escape that begins at `i`, 0 if none does."""
    c = points[i]
    if c == 38:  # &name; &#233; &#xe9;
        k = i + 1
        if k < stop and points[k] == 35:
            k += 1
            if k < stop and points[k] | 32 == 120:
                k += 1
            first = k
            while k < stop and k - first < 7 and _hex(points[k]) >= 0:
                k += 1
            return k + 1 - i if k > first and k < stop and points[k] == 59 else 0
        value = np.int64(0)
        while k < stop and k - i < 8 and 97 <= points[k] <= 122:
            value = (value * 31 + np.int64(points[k])) & 0xFFFFFFFF
            k += 1
        if k >= stop or points[k] != 59:
            return 0
        for entity in entities:
            if entity == value:
                return k + 1 - i
        return 0
    if c == 37:  # %20 behind a letter or another escape; "%20 off" is good Turkish
        value = _byte_at(points, i + 1, stop)
        if value < 0:
            return 0
        behind = i > start and (properties[i - 1] & LETTER > 0 or (i >= start + 3 and points[i - 3] == 37))
        if 0x20 <= value < 0x7F and behind and points[i + 1] < 58:
            return 3
        if (
            0xC2 <= value <= 0xF4
            and i + 3 < stop
            and points[i + 3] == 37
            and 0x80 <= _byte_at(points, i + 4, stop) <= 0xBF
        ):
            return 6
        return 0
    if c == 92 and i + 3 < stop:  # \u00e9 \xe9
        if points[i + 1] == 120 and _byte_at(points, i + 2, stop) >= 0:
            return 4
        if points[i + 1] == 117 and _byte_at(points, i + 2, stop) >= 0 and _byte_at(points, i + 4, stop) >= 0:
            return 6
    return 0


@helper
def _questions(points, properties, i, start, stop):  # type: ignore[no-untyped-def]
    """Length of a stretch that reads like letters replaced by question marks, 0 if the one at `i` is a
    question."""
    k = i
    while k < stop and points[k] == 63:
        k += 1
    run = k - i
    inside = i > start and k < stop and properties[i - 1] & LETTER > 0 and properties[k] & LETTER > 0
    if inside and run == 1:
        # "what?Now" forgot a space; "caf?s" lost a letter.
        return run if not properties[k] & UPPER else 0
    if run < 2 or (i > start and not properties[i - 1] & SPACE):
        return 0
    groups, long = 1, run
    end = k
    limit = min(
        stop, i + 200
    )  # far enough to tell, and no further: "?? ?? ?? …" must not take quadratic time
    while k + 1 < limit and points[k] == 32 and points[k + 1] == 63:
        k += 1
        first = k
        while k < stop and points[k] == 63:
            k += 1
        groups += 1
        long = max(long, k - first)
        end = k
    return end - i if groups >= 2 and long >= 3 else 0


@helper
def _composes(first, second, composing):  # type: ignore[no-untyped-def]
    if 0x1100 <= first < 0x1113 and 0x1161 <= second < 0x1176:
        return True
    if 0xAC00 <= first < 0xD7A4 and (np.int64(first) - 0xAC00) % 28 == 0 and 0x11A8 <= second < 0x11C3:
        return True
    key = np.int64(first) << 21 | np.int64(second)
    first_at, end = 0, len(composing)
    while first_at < end:
        middle = (first_at + end) >> 1
        if composing[middle] < key:
            first_at = middle + 1
        else:
            end = middle
    return first_at < len(composing) and composing[first_at] == key


@helper
def _denormal(points, properties, start, stop, combining, composing, shown):  # type: ignore[no-untyped-def]
    """Places where the text is not in Unicode normal form C."""
    found = 0
    starter, behind = -1, 0  # place of the last starter; combining class of the mark before, 0 if none since
    for k in range(start, stop):
        bits = properties[k]
        own = 0
        if bits & (NOT_NFC | NFC_MAYBE):
            own = int(combining[points[k]])
            wrong = bits & NOT_NFC > 0
            if own and behind > own:
                wrong = True
            if starter >= 0 and ((own and behind < own) or k == starter + 1):
                wrong = wrong or _composes(points[starter], points[k], composing)
            if wrong:
                found += 1
                shown[k] = _NOT_NFC + 1
        if own == 0:
            starter, behind = k, 0
        else:
            behind = own
    return found


@helper
def _broken_emoji(points, properties, i, start, stop):  # type: ignore[no-untyped-def]
    """Whether the emoji part at `i` lacks what it belongs to: half a flag, a joiner to nothing, a tone on
    nothing."""
    bits = properties[i]
    if points[i] == 0x200D:
        if i == start or not properties[i - 1] & (EMOJI | VARIATION | SKIN_TONE):
            return False
        return i + 1 >= stop or (
            properties[i + 1] & (LETTER | MARK) == 0 and not _follows_joiner(points[i + 1], properties[i + 1])
        )
    if bits & SKIN_TONE:
        return i == start or not properties[i - 1] & (EMOJI | VARIATION)
    if bits & REGIONAL:
        if i + 1 < stop and properties[i + 1] & REGIONAL:
            return False  # only the last of an odd run is without its half
        k = i
        while k > start and properties[k - 1] & REGIONAL:
            k -= 1
        return (i - k) % 2 == 0
    return False


@helper
def _follows_joiner(c, bits):  # type: ignore[no-untyped-def]
    """Emoji, and the older signs (♂ ♀ ⚕ → ⬛ …) that emoji sequences use."""
    return bits & EMOJI > 0 or 0x2190 <= c <= 0x2BFF


@kernel
def _count(points, properties, offsets, seen, zone, combining, composing, entities, counts, shown):  # type: ignore[no-untyped-def]
    for message in range(len(offsets) - 1):
        start, stop = offsets[message], offsets[message + 1]
        if seen[message] & _FORM:
            counts[message, _NOT_NFC] = _denormal(
                points, properties, start, stop, combining, composing, shown
            )
        if not seen[message] & _OF_INTEREST:
            continue
        until = start  # what stands before was part of a finding
        for i in range(start, stop):
            bits = properties[i]
            if not bits & _OF_INTEREST:
                continue
            c, name = points[i], -1
            if bits & (CONTROL | NONCHARACTER | PRIVATE):
                name = _CONTROL if bits & CONTROL else (_NONCHARACTER if bits & NONCHARACTER else _PRIVATE)
            elif c == REPLACEMENT:
                name = _REPLACEMENT
            elif c == 0xFEFF:
                name = _INNER_BOM if i > start else -1
            elif bits & SUSPECT:
                if i >= until and zone[i] != ADDRESS:
                    name, until = _sign(points, properties, i, start, stop, entities)
                    for k in range(i, until if name >= 0 else i):
                        shown[k] = name + 1
            elif _broken_emoji(points, properties, i, start, stop):
                name = _EMOJI
            if name >= 0:
                counts[message, name] += 1
                shown[i] = name + 1


@helper
def _sign(points, properties, i, start, stop, entities):  # type: ignore[no-untyped-def]
    """(class, one past it) of the damage that a sign of ASCII at `i` tells of; (-1, where to look on) if it tells
    of none."""
    question = points[i] == 63
    if question:
        length = _questions(points, properties, i, start, stop)
    else:
        length = _escape_length(points, properties, i, start, stop, entities)
    if length:
        return _QUESTION if question else _ESCAPE, i + length
    k = i + 1
    while question and k < stop and points[k] == 63:
        k += 1
    return -1, k
