"""Mojibake: UTF-8 that was read with a legacy codec.

The evidence is structural. Write the characters back as bytes of the codec: a sequence that is then valid UTF-8,
and gives a character that some language uses, is no accident, unless the characters are natural neighbours as they
stand ("É…" at the end of a shouted word, "ії" in Ukrainian). What is natural among letters is asked of langdetect's
profiles. The codecs of East Asia, whose characters are pairs of bytes, are looked at in `checks.text.wide`; text of
one legacy codec that was read with another, which has no such structure, in `checks.text.legacy`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from checks.text import legacy, wide
from checks.text.annotations import SCRIPTS
from checks.text.characters import CODE_POINTS, character_table
from checks.text.codepages import REACH, SINGLE, WIDE, code_pages
from checks.text.decoding import REPLACEMENT, Points
from checks.text.flags import EMOJI, JOINER, LETTER, MARK, SCRIPT_MASK, SPACELESS, UPPER
from checks.text.kernels import frozen, helper, kernel
from checks.text.profiles import profiles

VERSION = "3"
CODECS: tuple[str, ...] = SINGLE + WIDE
_OE = 0x153
# What is added up of a message for each codec: how much speaks for it, in how many sequences; how many U+FFFD were
# re-read; where the last sequence ended.
_EVIDENCE, _HITS, _LOST, _END = 0, 1, 2, 3
# The place of the lowest bit: it times this number has that place's own six bits on top.
_DE_BRUIJN = np.uint64(0x03F79D71B4CB0A89)
_LOWEST = np.zeros(64, np.int64)
for _bit in range(64):
    _LOWEST[(int(_DE_BRUIJN) << _bit & (1 << 64) - 1) >> 58] = _bit
_LOWEST = frozen(_LOWEST)
_WORD = LETTER | MARK | JOINER
_LATIN = SCRIPTS.index("Latin")
# Codecs whose letters and punctuation are plausible lead and continuation bytes of each other in ordinary text:
# one short sequence proves nothing there.
_WEAK = np.array([codec not in ("cp1252", "cp1254") for codec in SINGLE])
# Few texts went through the other codecs: for them a run of letters in ordinary case proves nothing, and one with
# a capital inside ("ΕφΑΔ") not enough.
_COMMON = np.array(
    [
        codec in ("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "iso8859-2", "cp437", "cp850", "koi8-r")
        for codec in SINGLE
    ]
)
# What ordinary text puts right behind the last letter of a word.
_CLOSING = frozenset("،؛؟…’‘”“„‚»›«‹–—\xa0\x85\x91\x92\x93\x94\x96\x97")
_CLOSING_SIGNS = frozenset("™®©°ºª·•¹²³")
# Beside letters, what a wrongly read sequence plausibly meant.
_MEANT = frozenset(
    "\xa0¡¢£¤¥¦§¨©ª«¬®¯°±²³´µ¶·¸¹º»¼½¾¿×÷–—‘’‚“”„†‡•…‰′″‹›€™−√∞≈≠≤≥→←↑↓✓✔✗★☆♥♦♣♠■□▪●○◆\u200b\u200c\u200d\u200e\u200f\ufeff\ufe0f"
)


@dataclass(frozen=True)
class _Tables:
    """byte_of uint8[codecs, REACH] (0 none); lead, continuation uint64[REACH]: bit per codec; meant bool;
    closing uint8: 2 what may close a word, 1 what may stand behind its last letter."""

    byte_of: npt.NDArray[np.uint8]
    lead: npt.NDArray[np.uint64]
    continuation: npt.NDArray[np.uint64]
    meant: npt.NDArray[np.bool_]
    closing: npt.NDArray[np.uint8]


@cache
def _tables() -> _Tables:
    byte_of = code_pages().byte_of
    bits = (np.uint64(1) << np.arange(len(SINGLE), dtype=np.uint64))[:, None]
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
    closing = np.zeros(REACH, np.uint8)
    closing[[ord(character) for character in _CLOSING]] = 2
    closing[[ord(character) for character in _CLOSING_SIGNS]] = 1
    return _Tables(
        byte_of,
        frozen(lead.sum(0, dtype=np.uint64)),
        frozen(continuation.sum(0, dtype=np.uint64)),
        frozen(meant),
        frozen(closing),
    )


@dataclass(frozen=True)
class Mojibake:
    """sequences int32[n]: wrongly read sequences, or characters where each stands alone (0: none);
    reread int32[n]: U+FFFD that was read as a legacy codec;
    codec int8[n]: index into CODECS of what the message was read with, -1 none;
    broken uint8[C]: 1 for every character of such a sequence."""

    sequences: npt.NDArray[np.int32]
    reread: npt.NDArray[np.int32]
    codec: npt.NDArray[np.int8]
    broken: npt.NDArray[np.uint8]
    utf8: npt.NDArray[np.bool_]  # whether it was UTF-8 that was read with the codec


def find(points: Points) -> Mojibake:
    """Screen every message for structural mojibake."""
    count = len(points)
    found = Mojibake(
        np.zeros(count, np.int32),
        np.zeros(count, np.int32),
        np.full(count, -1, np.int8),
        np.zeros(len(points.points), np.uint8),
        np.zeros(count, np.bool_),
    )
    tables, grams = _tables(), profiles()
    _find(
        points.points,
        points.properties,
        points.offsets,
        points.high,
        points.high_offsets,
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
    sequences, codec = wide.find(points, tables.meant, found.broken)
    better = sequences > found.sequences
    found.sequences[better] = sequences[better]
    found.codec[better] = codec[better] + len(SINGLE)
    found.utf8[:] = found.codec >= 0
    # Structure proves more than plausibility, and is asked first.
    other = legacy.find(points, found.sequences + found.reread > 0, found.broken)
    found.sequences[:] += other.changes
    np.maximum(found.codec, other.codec, out=found.codec)
    return found


@helper
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


@helper
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
        byte = np.int64(byte_of[codec, points[k]]) if points[k] < REACH else 0
        if byte < 0x80 or byte > 0xBF:
            return 0, 0
        value = value << 6 | (byte & 0x3F)
    if value < least or value > 0x10FFFF:
        return 0, 0
    return need + 1, value


@helper
def _pair_is_natural(points, properties, k, meant, fold, keys):  # type: ignore[no-untyped-def]
    """Whether two letters, or a letter and its mark, may stand side by side in a word of some language."""
    one, two = properties[k], properties[k + 1]
    if (one | two) & (MARK | JOINER):
        return True
    if (one & SCRIPT_MASK) != (two & SCRIPT_MASK) or (two & UPPER and not one & UPPER):
        return False
    if not one & UPPER:
        # The profiles know 55 languages, and there are more; but none writes "âœ".
        if (one & SCRIPT_MASK) != _LATIN:
            return True
        if meant[points[k]] and meant[points[k + 1]] and points[k + 1] != _OE:
            return True
    return _known_pair(points[k], points[k + 1], fold, keys)


@helper
def _letter_by_itself(points, properties, k, stop):  # type: ignore[no-untyped-def]
    """Whether what stands at `k` speaks of a letter: "its two Õ’s", "Ä–Ü"."""
    if k + 1 >= stop or (k + 2 < stop and properties[k + 2] & _WORD):
        return False
    if points[k] == 0x2019:
        return points[k + 1] | 32 == 115
    return points[k] == 0x2013 and properties[k + 1] & UPPER > 0


@helper
def _differ(one, two):  # type: ignore[no-untyped-def]
    """Whether the scripts differ; marks have none of their own."""
    return (one ^ two) & SCRIPT_MASK > 0 and not (one | two) & (MARK | JOINER)


@helper
def _letters(properties, start, i, length):  # type: ignore[no-untyped-def]
    """2 for letters of one script, all capitals or none, or a capital that begins a word; 1 for letters with a
    capital inside; 0 for others, and for Latin ones with a capital inside, which are rare."""
    inner = 0 if (properties[i] & SCRIPT_MASK) == _LATIN else 1
    ordinary = 2
    before = properties[i - 1] if i > start else np.uint32(0)
    if properties[i] & UPPER and before & _WORD and not before & UPPER:
        ordinary = inner
    for k in range(i, i + length):
        if not properties[k] & _WORD:
            return 0
        if k > i and (
            properties[k] & UPPER != properties[i + 1] & UPPER or _differ(properties[k], properties[i])
        ):
            ordinary = inner
    return inner if properties[i + 1] & UPPER and not properties[i] & UPPER else ordinary


@helper
def _embedded(properties, start, stop, i, length, value):  # type: ignore[no-untyped-def]
    """Letters of another script that meant a Latin one in a Latin word: 2 inside or at its end, 1 where it begins."""
    if (properties[i] & SCRIPT_MASK) == _LATIN or not 0xC0 <= value < 0x250:
        return 0
    before = properties[i - 1] if i > start else np.uint32(0)
    after = properties[i + length] if i + length < stop else np.uint32(0)
    if after & _WORD and (after & (SCRIPT_MASK | UPPER)) != _LATIN:
        return 0
    if (before & (LETTER | UPPER | SCRIPT_MASK)) == (LETTER | _LATIN):
        return 2
    return 1 if after & _WORD and not before & _WORD else 0


@helper
def _is_natural(points, properties, start, stop, i, length, meant, closing, fold, keys):  # type: ignore[no-untyped-def]
    """Whether the characters of a sequence may stand as they are in good text."""
    before = properties[i - 1] if i > start else np.uint32(0)
    for k in range(i, i + length - 1):
        this, following = properties[k] & _WORD > 0, properties[k + 1] & _WORD > 0
        if this and following:
            if not _pair_is_natural(points, properties, k, meant, fold, keys):
                return False
        elif this:
            if closing[points[k + 1]] == 0:
                return False
            if properties[k] & SPACELESS or _letter_by_itself(points, properties, k + 1, stop):
                continue
            if properties[k] & MARK and not properties[k] & SCRIPT_MASK:
                continue
            # "CAFÉ…": the end of a shouted word. A capital behind a small letter, or alone, is no shouting.
            if k + 2 < stop and properties[k + 2] & _WORD:
                return False
            if k == i and properties[k] & UPPER and not (before & _WORD and before & UPPER):
                return False
        elif k > i and following:
            if closing[points[k]] < 2 or not properties[k + 1] & SPACELESS:
                return False
        elif k > i and (closing[points[k]] < 2 or closing[points[k + 1]] < 2):
            return False
    if properties[i] & _WORD or closing[points[i]] == 2:
        return True
    # A sign (√ ├ ╨ ×) as the lead is out of place among letters.
    among = before & _WORD > 0 or (i + length < stop and properties[i + length] & _WORD > 0)
    for k in range(i + 1, i + length):
        among = among or properties[k] & _WORD > 0
    return not among


@helper
def _weight(points, properties, start, stop, i, length, adjacent, meant, closing, fold, keys):  # type: ignore[no-untyped-def]
    """How much a sequence proves; 0 for one that may be chance. `adjacent`: another one ends right before it."""
    letters = True
    for k in range(i, i + length):
        letters = letters and properties[k] & _WORD > 0
    chained = adjacent and not letters
    if not chained and _is_natural(points, properties, start, stop, i, length, meant, closing, fold, keys):
        return 0
    lead = properties[i]
    before = properties[i - 1] if i > start else np.uint32(0)
    inside = before & _WORD > 0 and (
        not lead & _WORD
        or (before & SCRIPT_MASK) != (lead & SCRIPT_MASK)
        or (lead & UPPER and not before & UPPER)
    )
    return length - 1 + (1 if inside else 0)


@helper
def _lost_space(points, properties, start, stop, i):  # type: ignore[no-untyped-def]
    """Whether this is the "Ã " of "voilÃ ": the second half of "à", a no-break space, became a space."""
    if points[i] != 0xC3 or i == start or (i + 1 < stop and points[i + 1] != 32):
        return False
    return (properties[i - 1] & (LETTER | UPPER)) == LETTER


@helper
def _gather(  # type: ignore[no-untyped-def]
    points,
    properties,
    start,
    stop,
    places,
    byte_of,
    leads,
    continuations,
    meant,
    closing,
    fold,
    keys,
    broken,
    tally,
):
    """Add up in `tally` what the characters at `places` say for each codec; False if nothing, and it is not touched."""
    touched = False
    for i in places:
        if points[i] >= REACH:
            continue
        spaced = _lost_space(points, properties, start, stop, i)
        possible = np.uint64(0)
        if i + 1 < stop and points[i + 1] < REACH:
            possible = leads[points[i]] & continuations[points[i + 1]]
        if possible == 0 and not spaced:
            continue
        if not touched:
            touched = True
            for codec in range(len(byte_of)):
                tally[_EVIDENCE, codec] = tally[_HITS, codec] = tally[_LOST, codec] = 0
                tally[_END, codec] = -1
        if spaced:
            tally[_EVIDENCE, 0] += 1
            tally[_HITS, 0] += 1
            broken[i] = 1
        while possible:
            codec = _LOWEST[((possible & (~possible + np.uint64(1))) * _DE_BRUIJN) >> np.uint64(58)]
            possible &= possible - np.uint64(1)
            length, value = _sequence(points, i, stop, byte_of, codec)
            if length == 0 or not meant[value]:
                continue
            if value == REPLACEMENT:
                tally[_LOST, codec] += 1
                tally[_EVIDENCE, codec] += 2
                continue
            adjacent = tally[_END, codec] == i
            letters = 0 if _COMMON[codec] else _letters(properties, start, i, length)
            weight = _embedded(properties, start, stop, i, length, value) if letters else 0
            if letters == 1:
                weight = max(1, weight)
            elif letters == 0:
                weight = _weight(
                    points, properties, start, stop, i, length, adjacent, meant, closing, fold, keys
                )
            tally[_END, codec] = i + length
            if weight:
                tally[_EVIDENCE, codec] += weight
                tally[_HITS, codec] += 1
    return touched


@helper
def _best(tally):  # type: ignore[no-untyped-def]
    """The codec that most speaks for, the first of equals; -1 if too little speaks for any."""
    best = -1
    for codec in range(len(_WEAK)):
        evidence = tally[_EVIDENCE, codec]
        if evidence >= (2 if _WEAK[codec] else 1) and (best < 0 or evidence > tally[_EVIDENCE, best]):
            best = codec
    return best


@kernel
def _find(  # type: ignore[no-untyped-def]
    points,
    properties,
    offsets,
    high,
    high_offsets,
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
    tally = np.zeros((4, len(byte_of)), np.int64)
    for message in range(len(offsets) - 1):
        start, stop = offsets[message], offsets[message + 1]
        places = high[high_offsets[message] : high_offsets[message + 1]]
        if len(places) == 0 or not _gather(
            points,
            properties,
            start,
            stop,
            places,
            byte_of,
            leads,
            continuations,
            meant,
            closing,
            fold,
            keys,
            broken,
            tally,
        ):
            continue
        best = _best(tally)
        if best < 0:
            continue
        reread[message] = tally[_LOST, best]
        sequences[message] = tally[_HITS, best]
        codecs[message] = best
        i = start
        while i < stop:
            length = 0
            if points[i] < REACH and leads[points[i]] >> np.uint64(best) & np.uint64(1):
                length, _ = _sequence(points, i, stop, byte_of, best)
                for k in range(i, i + length):
                    broken[k] = 1
            i += max(1, length)
