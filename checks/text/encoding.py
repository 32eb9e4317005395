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
    UPPER,
    VARIATION,
)
from checks.text.kernels import frozen, kernel
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


# What may be damage, beside "?", "%", "&", a backslash, U+FFFD and a BOM.
_OF_INTEREST = CONTROL | NONCHARACTER | PRIVATE | NOT_NFC | NFC_MAYBE | SKIN_TONE | REGIONAL | JOINER
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
        points.ascii,
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


@kernel
def _hex(c):  # type: ignore[no-untyped-def]
    if 48 <= c <= 57:
        return np.int64(c) - 48
    c = c | 32
    if 97 <= c <= 102:
        return np.int64(c) - 87
    return np.int64(-1)


@kernel
def _byte_at(points, i, stop):  # type: ignore[no-untyped-def]
    """The value of the two hexadecimal digits at `i`, -1 if they are none."""
    if i + 1 >= stop:
        return np.int64(-1)
    high, low = _hex(points[i]), _hex(points[i + 1])
    return high * 16 + low if high >= 0 and low >= 0 else np.int64(-1)


@kernel
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


@kernel
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


@kernel
def _composes(first, second, composing):  # type: ignore[no-untyped-def]
    if 0x1100 <= first < 0x1113 and 0x1161 <= second < 0x1176:
        return True
    if 0xAC00 <= first < 0xD7A4 and (np.int64(first) - 0xAC00) % 28 == 0 and 0x11A8 <= second < 0x11C3:
        return True
    key = np.int64(first) << 21 | np.int64(second)
    at = np.searchsorted(composing, key)
    return at < len(composing) and composing[at] == key


@kernel
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


@kernel
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


@kernel
def _follows_joiner(c, bits):  # type: ignore[no-untyped-def]
    """Emoji, and the older signs (♂ ♀ ⚕ → ⬛ …) that emoji sequences use."""
    return bits & EMOJI > 0 or 0x2190 <= c <= 0x2BFF


@kernel
def _count(points, properties, offsets, ascii_only, zone, combining, composing, entities, counts, shown):  # type: ignore[no-untyped-def]
    for message in range(len(offsets) - 1):
        start, stop = offsets[message], offsets[message + 1]
        # Most messages hold nothing of interest, and this loop, without a branch, is an eighth of the next one.
        worth = np.uint32(0)
        for c in points[start:stop]:
            sign = (c == 63) | (c == 37) | (c == 38) | (c == 92) | (c == REPLACEMENT) | (c == 0xFEFF)
            worth |= np.uint32(sign)
        for bits in properties[start:stop]:
            worth |= bits & np.uint32(_OF_INTEREST)
        if worth == 0:
            continue
        row = counts[message]
        until = start  # what stands before was part of a finding
        normal = True
        for i in range(start, stop):
            c, bits = points[i], properties[i]
            if c > 92 and c < 0x7F:
                continue
            if bits & (CONTROL | NONCHARACTER | PRIVATE):
                name = _CONTROL if bits & CONTROL else (_NONCHARACTER if bits & NONCHARACTER else _PRIVATE)
                row[name] += 1
                shown[i] = name + 1
            if i >= until and (c == 63 or c == 37 or c == 38 or c == 92) and zone[i] != ADDRESS:
                length = _questions(points, properties, i, start, stop) if c == 63 else 0
                name = _QUESTION
                if c != 63:
                    length = _escape_length(points, properties, i, start, stop, entities)
                    name = _ESCAPE
                if length:
                    row[name] += 1
                    until = i + length
                    shown[i:until] = name + 1
                elif c == 63:
                    while (until < stop and points[until] == 63) or until <= i:
                        until += 1
            if ascii_only[message]:
                continue
            if bits & (NOT_NFC | NFC_MAYBE):
                normal = False
            if c == 0xFFFD:
                row[_REPLACEMENT] += 1
                shown[i] = _REPLACEMENT + 1
            elif c == 0xFEFF and i > start:
                row[_INNER_BOM] += 1
                shown[i] = _INNER_BOM + 1
            elif (c == 0x200D or bits & (SKIN_TONE | REGIONAL)) and _broken_emoji(
                points, properties, i, start, stop
            ):
                row[_EMOJI] += 1
                shown[i] = _EMOJI + 1
        if not normal:
            row[_NOT_NFC] = _denormal(points, properties, start, stop, combining, composing, shown)
