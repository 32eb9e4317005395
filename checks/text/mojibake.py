"""Mojibake: UTF-8 that was read with a legacy codec.

The evidence is structural. Write the characters back as bytes of the codec: a sequence that is then valid
UTF-8, and
gives a character that some language uses, is no accident, unless the characters are natural neighbours as
they stand
("É…" at the end of a shouted word, "ії" in Ukrainian). What is natural among letters is asked of langdetect's
profiles.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from checks.text.characters import CODE_POINTS, LEGACY_CODECS, character_table
from checks.text.decoding import REPLACEMENT, Points
from checks.text.flags import EMOJI, LEGACY, LETTER, SCRIPT_MASK, SPACELESS, UPPER
from checks.text.kernels import frozen, kernel
from checks.text.profiles import profiles

VERSION = "1"
# Order is attribution: of codecs that explain a sequence equally well the first is named.
# cp1252 has every character of Latin-1 that such text shows.
CODECS: tuple[str, ...] = tuple(codec for codec in LEGACY_CODECS if codec != "latin-1")
_OE = 0x153
_REACH = 0x2600  # every character of these codecs but a few of MacRoman lies below
# Codecs whose letters and punctuation are plausible lead and continuation bytes of each other in ordinary
# text: one
# short sequence proves nothing there.
_WEAK = np.array([codec not in ("cp1252", "cp1254") for codec in CODECS])
# What ordinary text puts right behind the last letter of a word.
_CLOSING = frozenset("…’‘”“„‚»›«‹–—\xa0\x85\x91\x92\x93\x94\x96\x97")
_CLOSING_SIGNS = frozenset("™®©°ºª·•¹²³")
# Beside letters, what a wrongly read sequence plausibly meant.
_MEANT = frozenset(
    "\xa0¡¢£¤¥¦§¨©ª«¬®¯°±²³´µ¶·¸¹º»¼½¾¿×÷–—‘’‚“”„†‡•…‰′″‹›€™−√∞≈≠≤≥→←↑↓✓✔✗★☆♥♦♣♠■□▪●○◆\u200b\u200c\u200d\u200e\u200f\ufeff\ufe0f"
)


@dataclass(frozen=True)
class _Tables:
    """byte_of uint8[codecs, REACH] (0 none); lead, continuation uint16[REACH]: bit per codec; meant, closing
    bool."""

    byte_of: npt.NDArray[np.uint8]
    lead: npt.NDArray[np.uint16]
    continuation: npt.NDArray[np.uint16]
    meant: npt.NDArray[np.bool_]
    closing: npt.NDArray[np.uint8]


@cache
def _tables() -> _Tables:
    byte_of = np.zeros((len(CODECS), _REACH), np.uint8)
    for index, codec in enumerate(CODECS):
        for byte in range(128, 256):
            # Where the codec has no character, readers let the byte through as a C1 control.
            character = bytes([byte]).decode(codec, "ignore") or chr(byte)
            if ord(character) < _REACH:
                byte_of[index, ord(character)] = byte
        if codec == "cp1252":  # latin-1 differs by its C1 controls alone
            byte_of[index, 0x80:0xA0] = np.arange(0x80, 0xA0)
    bits = (1 << np.arange(len(CODECS), dtype=np.uint16))[:, None]
    lead = ((byte_of >= 0xC2) & (byte_of <= 0xF4)) * bits
    continuation = ((byte_of >= 0x80) & (byte_of <= 0xBF)) * bits
    meant = np.zeros(CODE_POINTS, np.bool_)
    table = profiles()
    letters = table.keys[(table.keys > 0) & (table.keys < 1 << 21)]
    properties = character_table().properties
    meant[letters] = True
    meant[[ord(chr(letter).upper()[0]) for letter in letters]] = True
    meant[(properties & (SPACELESS | EMOJI)) > 0] = True
    meant[0xAC00:0xD7A4] = True
    meant[0x1EA0:0x1EFA] = True
    meant[0x2190:0x2200] = True
    meant[[0x130, 0x218, 0x219, 0x21A, 0x21B, REPLACEMENT]] = True
    meant[0x300:0x370] = True
    meant[0xFB00:0xFB07] = True  # ligatures: fi, fl
    meant[0xD800:0xE000] = True  # emoji that went through CESU-8
    meant[:0xA0] = False
    for character in _MEANT:
        meant[ord(character)] = True
    closing = np.zeros(_REACH, np.uint8)
    closing[[ord(character) for character in _CLOSING]] = 2
    closing[[ord(character) for character in _CLOSING_SIGNS]] = 1
    return _Tables(
        frozen(byte_of),
        frozen(lead.sum(0).astype(np.uint16)),
        frozen(continuation.sum(0).astype(np.uint16)),
        frozen(meant),
        frozen(closing),
    )


@dataclass(frozen=True)
class Mojibake:
    """sequences int32[n]: wrongly read sequences (0: none); reread int32[n]: U+FFFD that was read as a legacy
    codec;
    codec int8[n]: index into CODECS, -1 none; broken uint8[C]: 1 for every character of such a sequence."""

    sequences: npt.NDArray[np.int32]
    reread: npt.NDArray[np.int32]
    codec: npt.NDArray[np.int8]
    broken: npt.NDArray[np.uint8]


def find(points: Points) -> Mojibake:
    """Screen every message for structural mojibake."""
    count = len(points)
    found = Mojibake(
        np.zeros(count, np.int32),
        np.zeros(count, np.int32),
        np.full(count, -1, np.int8),
        np.zeros(len(points.points), np.uint8),
    )
    tables, grams = _tables(), profiles()
    _find(
        points.points,
        points.properties,
        points.offsets,
        points.ascii,
        tables.byte_of,
        tables.lead,
        tables.continuation,
        tables.meant,
        tables.closing,
        grams.fold,
        grams.keys,
        found.sequences,
        found.reread,
        found.codec,
        found.broken,
    )
    return found


@kernel
def _known_pair(first, second, fold, keys):  # type: ignore[no-untyped-def]
    """Whether some language puts these two letters side by side."""
    a, b = np.int64(fold[first]), np.int64(fold[second])
    key = a << 21 | b
    slot = np.int64((np.uint64(key) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(40)) & (len(keys) - 1)
    while keys[slot] != 0:
        if keys[slot] == key:
            return True
        slot = (slot + 1) & (len(keys) - 1)
    return False


@kernel
def _sequence(points, i, stop, byte_of, codec):  # type: ignore[no-untyped-def]
    """Length and meaning of the UTF-8 sequence that the characters at `i` are in a codec; (0, 0) if they are
    none."""
    lead = np.int64(byte_of[codec, points[i]])
    if lead >= 0xF0:
        need, value, least = 3, lead & 0x07, 0x10000
    elif lead >= 0xE0:
        need, value, least = 2, lead & 0x0F, 0x800
    else:
        need, value, least = 1, lead & 0x1F, 0x80
    if i + need >= stop:
        return 0, 0
    for k in range(i + 1, i + 1 + need):
        byte = np.int64(byte_of[codec, points[k]]) if points[k] < _REACH else 0
        if byte < 0x80 or byte > 0xBF:
            return 0, 0
        value = value << 6 | (byte & 0x3F)
    if value < least or value > 0x10FFFF:
        return 0, 0
    return need + 1, value


@kernel
def _pair_is_natural(points, properties, k, meant, fold, keys):  # type: ignore[no-untyped-def]
    """Whether two letters may stand side by side in a word of some language."""
    one, two = properties[k], properties[k + 1]
    if (one & SCRIPT_MASK) != (two & SCRIPT_MASK) or (two & UPPER and not one & UPPER):
        return False
    if not one & UPPER and meant[points[k]] and meant[points[k + 1]] and points[k + 1] != _OE:
        return True  # the profiles know 55 languages, and there are more; but none writes "âœ"
    return _known_pair(points[k], points[k + 1], fold, keys)


@kernel
def _is_natural(points, properties, start, stop, i, length, meant, closing, fold, keys):  # type: ignore[no-untyped-def]
    """Whether the characters of a sequence may stand as they are in good text."""
    before = properties[i - 1] if i > start else np.uint32(0)
    for k in range(i, i + length - 1):
        this, following = properties[k] & LETTER > 0, properties[k + 1] & LETTER > 0
        if this and following:
            if not _pair_is_natural(points, properties, k, meant, fold, keys):
                return False
        elif this:
            # "CAFÉ…": the end of a shouted word. A capital behind a small letter, or alone, is no shouting.
            if closing[points[k + 1]] == 0 or (k + 2 < stop and properties[k + 2] & LETTER):
                return False
            if k == i and properties[k] & UPPER and not (before & LETTER and before & UPPER):
                return False
        elif k > i and (following or closing[points[k]] < 2 or closing[points[k + 1]] < 2):
            return False
    if properties[i] & LETTER or closing[points[i]] == 2:
        return True
    # A sign (√ ├ ╨ ×) as the lead is out of place among letters.
    among = before & LETTER > 0 or (i + length < stop and properties[i + length] & LETTER > 0)
    for k in range(i + 1, i + length):
        among = among or properties[k] & LETTER > 0
    return not among


@kernel
def _weight(points, properties, start, stop, i, length, adjacent, meant, closing, fold, keys):  # type: ignore[no-untyped-def]
    """How much a sequence proves; 0 for one that may be chance. `adjacent`: another one ends right before
    it."""
    letters = True
    for k in range(i, i + length):
        letters = letters and properties[k] & LETTER > 0
    chained = adjacent and not letters
    if not chained and _is_natural(points, properties, start, stop, i, length, meant, closing, fold, keys):
        return 0
    lead = properties[i]
    before = properties[i - 1] if i > start else np.uint32(0)
    inside = before & LETTER > 0 and (
        not lead & LETTER
        or (before & SCRIPT_MASK) != (lead & SCRIPT_MASK)
        or (lead & UPPER and not before & UPPER)
    )
    return length - 1 + (1 if inside else 0)


@kernel
def _lost_space(points, properties, start, stop, i):  # type: ignore[no-untyped-def]
    """Whether this is the "Ã " of "voilÃ ": the second half of "à", a no-break space, became a space."""
    if points[i] != 0xC3 or i == start or (i + 1 < stop and points[i + 1] != 32):
        return False
    return (properties[i - 1] & (LETTER | UPPER)) == LETTER


@kernel
def _find(  # type: ignore[no-untyped-def]
    points,
    properties,
    offsets,
    ascii_only,
    byte_of,
    leads,
    continuations,
    meant,
    closing,
    fold,
    keys,
    sequences,
    reread,
    codecs,
    broken,
):
    kinds = len(byte_of)
    evidence, hits = np.zeros(kinds, np.int64), np.zeros(kinds, np.int64)
    lost, ends = np.zeros(kinds, np.int64), np.zeros(kinds, np.int64)
    for message in range(len(offsets) - 1):
        if ascii_only[message]:
            continue
        start, stop = offsets[message], offsets[message + 1]
        touched = False
        for i in range(start, stop):
            if not properties[i] & LEGACY or points[i] >= _REACH:
                continue
            spaced = _lost_space(points, properties, start, stop, i)
            possible = np.uint16(0)
            if i + 1 < stop and points[i + 1] < _REACH:
                possible = leads[points[i]] & continuations[points[i + 1]]
            if possible == 0 and not spaced:
                continue
            if not touched:
                touched = True
                evidence[:] = 0
                hits[:] = 0
                lost[:] = 0
                ends[:] = -1
            if spaced:
                evidence[0] += 1
                hits[0] += 1
                broken[i] = 1
            for codec in range(kinds):
                if not possible >> codec & 1:
                    continue
                length, value = _sequence(points, i, stop, byte_of, codec)
                if length == 0 or not meant[value]:
                    continue
                if value == REPLACEMENT:
                    lost[codec] += 1
                    evidence[codec] += 2
                    continue
                adjacent = ends[codec] == i
                weight = _weight(
                    points, properties, start, stop, i, length, adjacent, meant, closing, fold, keys
                )
                ends[codec] = i + length
                if weight:
                    evidence[codec] += weight
                    hits[codec] += 1
        if not touched:
            continue
        best = -1
        for codec in range(kinds):
            if evidence[codec] >= (2 if _WEAK[codec] else 1) and (
                best < 0 or evidence[codec] > evidence[best]
            ):
                best = codec
        if best < 0:
            continue
        reread[message] = lost[best]
        sequences[message] = hits[best]
        codecs[message] = best
        i = start
        while i < stop:
            length = 0
            if properties[i] & LEGACY and points[i] < _REACH and leads[points[i]] >> best & 1:
                length, value = _sequence(points, i, stop, byte_of, best)
                for k in range(i, i + length):
                    broken[k] = 1
            i += max(1, length)
