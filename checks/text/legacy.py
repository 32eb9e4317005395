"""One legacy codec's text read with another: "бНОПНЯ" for "вопрос", "Pøíliš" for "Příliš".

There is no structure to hold on to here, only plausibility. The message is read again, written as bytes of the codec
it may have been read with and decoded with the one it may have been written in, and both readings are scored: every
pair of neighbouring letters by the profiles of langdetect, summed for each language, the best language taken, as in
language identification; a capital behind a small letter, a sign inside a word or letters of two scripts side by side
cost as much as the commonest pair brings. Only the pairs that hold a character beyond ASCII can differ; the rest of
the message, which is the same in both, says which language to believe. What remains is a log-likelihood ratio, and it
has to be large, per pair and in all.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from checks.text.annotations import SCRIPTS
from checks.text.characters import character_table
from checks.text.codepages import REACH, SINGLE, code_pages
from checks.text.decoding import Points
from checks.text.flags import JOINER, LETTER, MARK, SCRIPT_MASK, SPACE, UPPER
from checks.text.kernels import frozen, helper, kernel
from checks.text.profiles import WIDTH, profiles

# What text is wrongly read with, and what it was written in. Windows pages and ISO ones meet in browsers and mail;
# those of DOS and of the Mac meet them, and their own kind, not one another.
_WINDOWS = ("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1257", "cp1255", "cp1256", "cp1258", "cp874")
_ISO = ("iso8859-2", "iso8859-5", "iso8859-6", "iso8859-7", "iso8859-8", "koi8-r", "koi8-u")
_DOS = ("cp437", "cp850", "cp852", "cp866", "cp737", "cp862", "cp720")
_MAC = ("mac_roman", "mac_cyrillic")
READERS: tuple[str, ...] = (
    *("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1257", "iso8859-2", "cp437", "cp850", "mac_roman"),
    *("koi8-r", "cp866", "cp1255", "cp1256", "iso8859-5", "iso8859-7", "cp852", "mac_cyrillic"),
)
WRITERS: tuple[str, ...] = _WINDOWS + _ISO + _DOS + _MAC
_WORD = LETTER | MARK | JOINER
_LATIN = SCRIPTS.index("Latin")
_MOST = 300  # characters of a message that are read again: enough to tell
_PENALTY = 60  # steps: what a common pair of letters brings
_FEWEST = 4  # pairs beyond ASCII
# Steps of the log-likelihood ratio, in all and for every pair that changes; 25 steps are a nat.
_IN_ALL, _PER_PAIR = 320, 30
# Steps for every pair of letters of the new reading. Text in a language that has a profile brings 60 and more. From
# one Latin alphabet to another the bar is higher: Icelandic, which has none, is not quite unlike broken Turkish.
_FLUENT, _FLUENT_LATIN = 50, 63
# As it is, text is not read again if its first pairs beyond ASCII bring as much as this.
_GLANCE, _GOOD = 16, 45
_USUAL = 30  # steps that a usual pair brings in some language


@dataclass(frozen=True)
class _Tables:
    """readers int64[R], index into SINGLE; characters uint32[W, 128]: what WRITERS have at bytes 128 … 255;
    meet bool[R, W]: whether one is read as the other; latin bool[W]; held bool[REACH]: what some reader has;
    usual uint8[2 ** 16]: a bit for (the hash of) every pair of letters that is usual in some language."""

    readers: npt.NDArray[np.int64]
    characters: npt.NDArray[np.uint32]
    meet: npt.NDArray[np.bool_]
    latin: npt.NDArray[np.bool_]
    held: npt.NDArray[np.bool_]
    usual: npt.NDArray[np.uint8]


@cache
def _tables() -> _Tables:
    characters = np.zeros((len(WRITERS), 128), np.uint32)
    for index, codec in enumerate(WRITERS):
        for byte in range(128, 256):
            characters[index, byte - 128] = ord(bytes([byte]).decode(codec, "ignore") or chr(byte))
    readers = np.array([SINGLE.index(codec) for codec in READERS])
    meet = np.array([[_meet(reader, writer) for writer in WRITERS] for reader in READERS])
    letters = character_table().properties[characters]
    latin = ((letters & LETTER > 0) & ((letters & SCRIPT_MASK) == _LATIN)).sum(axis=1) >= 32
    held = (code_pages().byte_of[readers] > 0).any(axis=0)
    return _Tables(frozen(readers), frozen(characters), frozen(meet), frozen(latin), frozen(held), _usual())


def _usual() -> npt.NDArray[np.uint8]:
    grams = profiles()
    pair = (grams.keys >= 1 << 21) & (grams.keys < 1 << 42)
    keys = grams.keys[pair][grams.scores[grams.rows[pair]].max(axis=1) >= _USUAL].astype(np.uint64)
    places = (keys * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(45)
    bits = np.zeros(1 << 16, np.uint8)
    np.bitwise_or.at(bits, places >> np.uint64(3), np.uint8(1) << (places & np.uint64(7)).astype(np.uint8))
    return frozen(bits)


def _meet(reader: str, writer: str) -> bool:
    common = _WINDOWS + _ISO
    kin = any(reader in family and writer in family for family in (common, _DOS, _MAC))
    return reader != writer and (kin or reader in common or writer in common)


@dataclass(frozen=True)
class Misread:
    """changes int32[n]: characters that another codec reads better (0: none); codec int8[n]: index into
    codepages.SINGLE, what the message was read with, -1 none."""

    changes: npt.NDArray[np.int32]
    codec: npt.NDArray[np.int8]


def find(points: Points, known: npt.NDArray[np.bool_], broken: npt.NDArray[np.uint8]) -> Misread:
    """Look at every message that has letters beyond ASCII, and reads badly; not at those already `known` bool[n].

    `broken`: uint8[C], set to 1 for every character that another codec reads better."""
    found = Misread(
        np.zeros(len(points), np.int32),
        np.full(len(points), -1, np.int8),
    )
    tables, grams = _tables(), profiles()
    _find(
        *(
            points.points,
            points.offsets,
            points.high,
            points.high_offsets,
            known,
            character_table().properties,
        ),
        *(
            code_pages().byte_of,
            tables.readers,
            tables.characters,
            tables.meet,
            tables.latin,
            tables.held,
            tables.usual,
        ),
        *(grams.fold, grams.keys, grams.rows, grams.scores, found.changes, found.codec, broken),
    )
    return found


@helper
def _row(first, second, fold, keys, rows):  # type: ignore[no-untyped-def]
    """Row of `scores` of a pair of letters, -1 if no language has it."""
    key = np.int64(fold[first]) << 21 | np.int64(fold[second])
    slot = np.int64((np.uint64(key) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(40)) & (len(keys) - 1)
    while keys[slot] != 0:
        if keys[slot] == key:
            return np.int64(rows[slot])
        slot = (slot + 1) & (len(keys) - 1)
    return np.int64(-1)


@helper
def _is_sign(c, bits):  # type: ignore[no-untyped-def]
    """Neither a space nor what words of many languages hold: apostrophes, dashes, a middle dot, a soft hyphen."""
    return (
        c >= 0x80 and not bits & SPACE and not 0x2010 <= c <= 0x201F and c != 0xB7 and c != 0xAD and c != 0xB4
    )


@helper
def _pair(a, b, table, totals, fold, keys, rows, scores):  # type: ignore[no-untyped-def]
    """Add what a pair of letters brings to each language; what it costs all of them."""
    one, two = table[a], table[b]
    if two & UPPER and one & LETTER and not one & UPPER:
        return _PENALTY
    if (one ^ two) & SCRIPT_MASK and one & LETTER and two & LETTER:
        return _PENALTY
    row = _row(a, b, fold, keys, rows)
    if row >= 0:
        for column in range(WIDTH):
            totals[column] += np.int32(scores[row, column])
    return 0


@helper
def _most(totals):  # type: ignore[no-untyped-def]
    most = totals[0]
    for column in range(1, WIDTH):
        most = max(most, totals[column])
    return most


@helper
def _score(text, count, places, table, base, totals, fold, keys, rows, scores):  # type: ignore[no-untyped-def]
    """(score, pairs) of the pairs beyond ASCII, in the language that fits best together with `base`."""
    for column in range(WIDTH):
        totals[column] = base[column]
    penalty, pairs = 0, 0
    for k in places:
        c = text[k]
        before = text[k - 1] if k else np.uint32(32)
        after = text[k + 1] if k + 1 < count else np.uint32(32)
        if k > 1 and c == before and c == text[k - 2]:
            penalty += _PENALTY  # a drawn line, not a word
        elif table[c] & _WORD:
            if table[before] & _WORD:
                pairs += 1
                penalty += _pair(before, c, table, totals, fold, keys, rows, scores)
            if after < 0x80 and table[after] & _WORD:
                pairs += 1
                penalty += _pair(c, after, table, totals, fold, keys, rows, scores)
        elif _is_sign(c, table[c]) and table[before] & _WORD and table[after] & _WORD:
            pairs += 2
            penalty += _PENALTY
    return _most(totals) - penalty, pairs


@helper
def _base(points, start, count, table, base, fold, keys, rows, scores):  # type: ignore[no-untyped-def]
    """Sum the scores of the pairs of ASCII letters for each language; how many there are."""
    base[:] = 0
    pairs = 0
    for k in range(start + 1, start + count):
        a, b = points[k - 1], points[k]
        if a < 0x80 and b < 0x80 and table[a] & table[b] & LETTER:
            pairs += 1
            row = _row(a, b, fold, keys, rows)
            if row >= 0:
                for column in range(WIDTH):
                    base[column] += np.int32(scores[row, column])
    return pairs


@helper
def _unusual(a, b, table, fold, usual):  # type: ignore[no-untyped-def]
    one, two = table[a], table[b]
    if two & UPPER and not one & UPPER and one & LETTER:
        return True
    key = np.uint64(fold[a]) << np.uint64(21) | np.uint64(fold[b])
    place = (key * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(45)
    return (usual[place >> np.uint64(3)] >> np.uint8(place & np.uint64(7))) & np.uint8(1) == 0


@helper
def _ascii_letter(c):  # type: ignore[no-untyped-def]
    return 97 <= c | 32 <= 122


@helper
def _is_ordinary(points, start, stop, high, held, table, fold, usual):  # type: ignore[no-untyped-def]
    """Whether every pair beyond ASCII is usual in some language or other: true of most messages, and cheap to see."""
    for k in high:
        c = points[k]
        if c >= REACH or not held[c]:
            continue
        before = points[k - 1] if k > start else np.uint32(32)
        after = points[k + 1] if k + 1 < stop else np.uint32(32)
        if not table[c] & _WORD:
            if c >= 0x2500 or (_is_sign(c, table[c]) and table[before] & table[after] & LETTER):
                return False
            continue
        if table[before] & _WORD and _unusual(before, c, table, fold, usual):
            return False
        if _ascii_letter(after) and _unusual(c, after, table, fold, usual):
            return False
    return True


@helper
def _reads_well(points, start, stop, high, held, table, totals, fold, keys, rows, scores):  # type: ignore[no-untyped-def]
    """Whether the first pairs beyond ASCII are those of some language: a glance that spares most messages the
    rest."""
    totals[:] = 0
    pairs, penalty, letters, odd = 0, 0, 0, 0
    for k in high:
        c = points[k]
        if c >= REACH or not held[c]:
            continue
        before = points[k - 1] if k > start else np.uint32(32)
        after = points[k + 1] if k + 1 < stop else np.uint32(32)
        if not table[c] & _WORD:
            # Lines and blocks (0x2500 …) are what DOS shows for letters.
            odd += (c >= 0x2500) or (_is_sign(c, table[c]) and table[before] & table[after] & LETTER > 0)
            continue
        letters += 1
        if table[before] & _WORD:
            pairs += 1
            penalty += _pair(before, c, table, totals, fold, keys, rows, scores)
        if after < 0x80 and table[after] & LETTER:
            pairs += 1
            penalty += _pair(c, after, table, totals, fold, keys, rows, scores)
        if pairs >= _GLANCE:
            break
    return letters + odd < 3 or (4 * odd <= pairs and _most(totals) - penalty >= _GOOD * pairs)


@helper
def _write(text, places, byte_of, raw):  # type: ignore[no-untyped-def]
    """Write the characters beyond ASCII as bytes of a codec (0: it has none); a hash of them, 0 if too few."""
    held, value = 0, np.uint64(1)
    for n in range(len(places)):
        c = text[places[n]]
        raw[n] = byte_of[c] if c < REACH else 0
        held += raw[n] > 0
        value = (value ^ np.uint64(raw[n])) * np.uint64(0x9E3779B97F4A7C15)
        value ^= value >> np.uint64(29)
    return value if 10 * held >= 9 * len(places) else np.uint64(0)


@helper
def _read(text, places, raw, characters, table, again):  # type: ignore[no-untyped-def]
    """Read the bytes with another codec: (characters, pairs) that change; (0, 0) if the fewer part are letters."""
    changed, pairs, letters = 0, 0, 0
    for n in range(len(places)):
        k = places[n]
        again[k] = characters[raw[n] - 128] if raw[n] else text[k]
        if again[k] != text[k]:
            changed += 1
            pairs += k > 0 and (text[k - 1] >= 0x80 or _ascii_letter(text[k - 1]))
            pairs += k + 1 < len(text) and _ascii_letter(text[k + 1])
        letters += table[again[k]] & _WORD > 0
    if 2 * letters < len(places):
        return 0, 0
    return changed, pairs


@helper
def _is_likely(text, count, places, table, fold, usual):  # type: ignore[no-untyped-def]
    """Whether most pairs are usual in some language or other: what fails here need not be scored."""
    patience = 1 + len(places) // 3
    for k in places:
        if not table[text[k]] & _WORD:
            patience -= k > 0 and k + 1 < count and table[text[k - 1]] & table[text[k + 1]] & LETTER > 0
        else:
            if k > 0 and table[text[k - 1]] & _WORD:
                patience -= _unusual(text[k - 1], text[k], table, fold, usual)
            if k + 1 < count and _ascii_letter(text[k + 1]):
                patience -= _unusual(text[k], text[k + 1], table, fold, usual)
        if patience < 0:
            return False
    return True


@kernel
def _find(  # type: ignore[no-untyped-def]
    points,
    offsets,
    high,
    high_offsets,
    known,
    table,
    byte_of,
    readers,
    characters,
    meet,
    latin,
    held,
    usual,
    fold,
    keys,
    rows,
    scores,
    found,
    codecs,
    broken,
):
    raw, places = np.empty(_MOST, np.uint8), np.empty(_MOST, np.int64)
    base, totals = np.zeros(WIDTH, np.int32), np.zeros(WIDTH, np.int32)
    tried = np.zeros(len(readers), np.uint64)
    for message in range(len(offsets) - 1):
        start, stop = offsets[message], offsets[message + 1]
        beyond = high[high_offsets[message] : high_offsets[message + 1]]
        if known[message] or _is_ordinary(points, start, stop, beyond, held, table, fold, usual):
            continue
        if _reads_well(points, start, stop, beyond, held, table, totals, fold, keys, rows, scores):
            continue
        text = points[start : min(stop, start + _MOST)]
        count, many, readable = len(text), 0, 0
        for k in beyond:
            if k < start + count:
                places[many] = k - start
                many += 1
                readable += points[k] < REACH and held[points[k]]
        if 10 * readable < 9 * many:  # `_write` would say so of every codec
            continue
        here, again = places[:many], text.copy()
        beside = 0
        for k in here:
            beside += (k > 0 and _ascii_letter(text[k - 1])) or (k + 1 < count and _ascii_letter(text[k + 1]))
        plain, score = -1, 0  # not known yet
        best, best_writer = 0, 0
        for reader in range(len(readers)):
            tried[reader] = _write(text, here, byte_of[readers[reader]], raw)
            if tried[reader] == 0 or (tried[:reader] == tried[reader]).any():
                continue
            for writer in range(len(characters)):
                # Beside ASCII letters stand Latin ones.
                if not meet[reader, writer] or (2 * beside > many and not latin[writer]):
                    continue
                changed, fresh = _read(text, here, raw, characters[writer], table, again)
                if changed < 2:
                    continue
                if not _is_likely(again, count, here, table, fold, usual):
                    continue
                if plain < 0:
                    plain = _base(points, start, count, table, base, fold, keys, rows, scores)
                    score, _ = _score(text, count, here, table, base, totals, fold, keys, rows, scores)
                other, pairs = _score(again, count, here, table, base, totals, fold, keys, rows, scores)
                gain = other - score
                fluent = _FLUENT_LATIN if 2 * beside > many else _FLUENT
                if gain <= best or pairs < _FEWEST or other < fluent * (plain + pairs):
                    continue
                if gain >= _IN_ALL and gain >= _PER_PAIR * fresh:
                    best, best_writer = gain, writer
                    found[message], codecs[message] = changed, readers[reader]
        if best:
            for k in range(start, stop):
                byte = byte_of[codecs[message], points[k]] if 0x80 <= points[k] < REACH else 0
                if byte and characters[best_writer, byte - 128] != points[k]:
                    broken[k] = 1
