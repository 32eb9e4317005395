"""Tokens: where the words of each message are, which script they are in, and what is no word at all.

A word is letters, marks and inner apostrophes. Web addresses, e-mail addresses, mentions, hashtags, entities,
numbers and
everything with a digit in it are no words. Scripts written without spaces give overlapping pairs of
characters.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from checks.text.annotations import SCRIPTS
from checks.text.characters import character_table
from checks.text.decoding import Points
from checks.text.flags import (
    CONFUSABLE,
    DIGIT,
    JOINER,
    LETTER,
    MARK,
    SCRIPT_MASK,
    SPACE,
    SPACELESS,
    TOKEN_BROKEN,
    TOKEN_CAPITAL,
    TOKEN_FOREIGN,
    TOKEN_MIXED,
    TOKEN_SPACELESS,
    UPPER,
    VARIATION,
    ZERO_WIDTH,
)
from checks.text.hashing import CONTENT_SEED, WORD_SEED, finish, mix
from checks.text.kernels import frozen, helper, kernel

_LATIN = SCRIPTS.index("Latin")
_HAN = SCRIPTS.index("Han")
_HIRAGANA = SCRIPTS.index("Hiragana")
_KATAKANA = SCRIPTS.index("Katakana")
# Scripts whose letters may be smuggled into a word of another one; a change between any others ends the word.
_EUROPEAN = np.isin(
    np.arange(len(SCRIPTS)), [SCRIPTS.index(s) for s in ("Latin", "Cyrillic", "Greek", "Armenian")]
)

PLAIN, ADDRESS, TAGGED = 0, 1, 2  # zones: running text; a web or e-mail address; a mention, hashtag or entity


@dataclass(frozen=True)
class Tokens:
    """The words of some messages.

    offsets  int64[n + 1] into the token arrays
    start    int32[T], end int32[T]: places in the code points of the batch
    hash     int64[T]: of the lower-cased word; invisible characters do not count, styled letters count as
             plain ones
    script   uint8[T]: index into SCRIPTS
    kind     uint16[T]: TOKEN_* bits
    zone     uint8[C], per code point: PLAIN, ADDRESS or TAGGED
    message_script  uint8[n]: the script of most letters
    content_hash    int64[n]: of the lower-cased message with runs of spaces as one
    """

    offsets: npt.NDArray[np.int64]
    start: npt.NDArray[np.int32]
    end: npt.NDArray[np.int32]
    hash: npt.NDArray[np.int64]
    script: npt.NDArray[np.uint8]
    kind: npt.NDArray[np.uint16]
    zone: npt.NDArray[np.uint8]
    message_script: npt.NDArray[np.uint8]
    content_hash: npt.NDArray[np.int64]


def tokenise(points: Points, broken: npt.NDArray[np.uint8]) -> Tokens:
    """The words of each message. `broken` is uint8[C]: 1 where encoding damage was found (its words are
    marked)."""
    room, count = len(points.points), len(points)
    table = character_table()
    offsets = np.zeros(count + 1, np.int64)
    start, end = np.empty(room, np.int32), np.empty(room, np.int32)
    hashes, script, kind = np.empty(room, np.int64), np.empty(room, np.uint8), np.empty(room, np.uint16)
    zone = np.zeros(room, np.uint8)
    message_script, content_hash = np.zeros(count, np.uint8), np.zeros(count, np.int64)
    _tokenise(
        points.points,
        points.properties,
        points.offsets,
        frozen(broken),
        table.folded,
        offsets,
        start,
        end,
        hashes,
        script,
        kind,
        zone,
        message_script,
        content_hash,
    )
    used = int(offsets[-1])
    return Tokens(
        frozen(offsets),
        frozen(start[:used]),
        frozen(end[:used]),
        frozen(hashes[:used]),
        frozen(script[:used]),
        frozen(kind[:used]),
        frozen(zone),
        message_script,
        content_hash,
    )


@helper
def _is_address(points, i, stop):  # type: ignore[no-untyped-def]
    """Whether "http://", "https://" or "www." begins here."""
    if stop - i < 5:
        return False
    first = points[i] | np.uint32(32)
    if first == 119:  # w
        return (points[i + 1] | 32) == 119 and (points[i + 2] | 32) == 119 and points[i + 3] == 46
    if first != 104:  # h
        return False
    if (points[i + 1] | 32) != 116 or (points[i + 2] | 32) != 116 or (points[i + 3] | 32) != 112:
        return False
    k = i + 4
    if (points[k] | 32) == 115:
        k += 1
    return k + 2 < stop and points[k] == 58 and points[k + 1] == 47 and points[k + 2] == 47


@helper
def _is_domain(points, properties, i, stop):  # type: ignore[no-untyped-def]
    """Whether letters, digits and hyphens stand here with a dot among them."""
    while i + 1 < stop and (properties[i] & (LETTER | DIGIT) or points[i] == 45 or points[i] == 46):
        if points[i] == 46 and properties[i + 1] & LETTER:
            return True
        i += 1
    return False


@helper
def _entity_end(points, i, stop):  # type: ignore[no-untyped-def]
    """One past an HTML entity that begins with the ampersand at `i`, or `i`."""
    k = i + 1
    if k < stop and points[k] == 35:
        k += 1
    first = k
    while k < stop and k - first < 9:
        c = points[k]
        if not (48 <= c <= 57 or 65 <= c <= 90 or 97 <= c <= 122):
            break
        k += 1
    if k > first + 1 and k < stop and points[k] == 59:
        return k + 1
    return i


@helper
def _run_end(points, properties, broken, i, stop, european):  # type: ignore[no-untyped-def]
    """One past the run of word characters (letters, marks, digits, inner apostrophes, invisible ones) at
    `i`."""
    script, joins = 0, False
    last = np.uint32(0xFFFFFFFF)  # bits of the letter before: most are followed by one of their kind
    k = i
    while k < stop:
        bits = properties[k]
        if bits == last or broken[k]:
            k += 1
            continue
        if bits & SPACELESS:
            break
        if bits & LETTER:
            own = bits & SCRIPT_MASK
            may_join = european[own] or bits & CONFUSABLE > 0
            if own != 0 and own != script:
                if script != 0 and not (joins and may_join):
                    break
                script = own
            joins = may_join
            last = bits
        elif not bits & (MARK | DIGIT | ZERO_WIDTH | JOINER | VARIATION):
            c = points[k]
            apostrophe = c == 39 or c == 0x2019 or c == 0x2BC
            if not (
                apostrophe
                and k > i
                and k + 1 < stop
                and properties[k + 1] & LETTER
                and not properties[k + 1] & SPACELESS
            ):
                break
        k += 1
    return k


@helper
def _word(points, properties, broken, first, last, folded, counts):  # type: ignore[no-untyped-def]
    """Hash, kind, script of the word in [first, last), and whether it is a word at all."""
    state = WORD_SEED
    letters = latin = latin_like = foreign = foreign_like = capitals = latin_capitals = 0
    kind = 0
    script = 0
    has_digit = False
    for k in range(first, last):
        bits = properties[k]
        if broken[k]:
            kind |= TOKEN_BROKEN
        if bits & DIGIT:
            has_digit = True
        c = folded[points[k]]
        if c:
            state = mix(state, c)
        if not bits & LETTER:
            continue
        if letters == 0 and bits & UPPER:
            kind |= TOKEN_CAPITAL
        letters += 1
        own = bits & SCRIPT_MASK
        counts[own] += 1
        if bits & UPPER:
            capitals += 1
        if own == 0:
            continue
        if script == 0:
            script = own
        if own == _LATIN:
            latin += 1
            latin_like += 1 if bits & CONFUSABLE else 0
            latin_capitals += 1 if bits & UPPER else 0
        else:
            foreign += 1
            foreign_like += 1 if bits & CONFUSABLE else 0
            if latin:
                script = script if latin >= foreign else own
    if latin and foreign:
        # "SMSка", "TNFα", "NFκB": a disguise would keep to the case of the word.
        acronym = latin >= 2 and capitals == latin and latin_capitals == latin
        smuggled = foreign_like == foreign or (latin_like == latin and foreign >= latin)
        if smuggled and letters >= 3 and not acronym:
            kind |= TOKEN_MIXED
        else:
            kind |= TOKEN_BROKEN
    elif foreign and foreign == foreign_like and letters >= 3:
        kind |= TOKEN_FOREIGN
    return finish(state), kind, script, letters > 0 and not has_digit


@helper
def _content_hash(points, properties, first, stop, folded):  # type: ignore[no-untyped-def]
    state = CONTENT_SEED
    pending = False
    seen = False
    for k in range(first, stop):
        bits = properties[k]
        if bits & SPACE:
            pending = seen
            continue
        c = folded[points[k]]
        if c == 0:
            continue
        if pending:
            state = mix(state, np.uint32(32))
            pending = False
        state = mix(state, c)
        seen = True
    return finish(state)


@kernel
def _tokenise(  # type: ignore[no-untyped-def]
    points,
    properties,
    offsets,
    broken,
    folded,
    token_offsets,
    starts,
    ends,
    hashes,
    scripts,
    kinds,
    zone,
    message_script,
    content_hash,
):
    made = 0
    european = _EUROPEAN
    counts = np.zeros(32, np.int64)
    for message in range(len(offsets) - 1):
        i, stop = offsets[message], offsets[message + 1]
        content_hash[message] = _content_hash(points, properties, i, stop, folded)
        counts[:] = 0
        while i < stop:
            bits = properties[i]
            c = points[i]
            if bits & SPACELESS and not broken[i]:
                made, i = _pairs(
                    points, properties, broken, i, stop, made, starts, ends, hashes, scripts, kinds, counts
                )
            elif bits & (LETTER | DIGIT | MARK) or broken[i]:
                if _is_address(points, i, stop):
                    i = _zone_end(points, properties, i, stop, zone, ADDRESS)
                    continue
                k = _run_end(points, properties, broken, i, stop, european)
                if k < stop - 1 and points[k] == 64 and properties[k + 1] & (LETTER | DIGIT):
                    # "me@example.org" is an address; "p@ssword" is none, and no word either.
                    name = ADDRESS if _is_domain(points, properties, k + 1, stop) else PLAIN
                    i = _zone_end(points, properties, i, stop, zone, name)
                    continue
                value, kind, script, is_word = _word(points, properties, broken, i, k, folded, counts)
                if is_word:
                    starts[made], ends[made], hashes[made] = i, k, value
                    scripts[made], kinds[made] = script, kind
                    made += 1
                i = max(k, i + 1)
            elif (
                (c == 64 or c == 35 or c == 0xFF03) and i + 1 < stop and properties[i + 1] & (LETTER | DIGIT)
            ):
                i = _tag_end(points, properties, i, stop, zone)
            elif c == 38:
                k = _entity_end(points, i, stop)
                for j in range(i, k):
                    zone[j] = TAGGED
                i = max(k, i + 1)
            else:
                i += 1
        token_offsets[message + 1] = made
        best = 0
        for script in range(1, 32):
            if counts[script] > (counts[best] if best else 0):
                best = script
        message_script[message] = best


@helper
def _zone_end(points, properties, i, stop, zone, name):  # type: ignore[no-untyped-def]
    """Mark an address up to the next space, quote, bracket or character of a script without spaces."""
    while i < stop:
        c = points[i]
        if properties[i] & (SPACE | SPACELESS) or c == 60 or c == 62 or c == 34:
            break
        zone[i] = name
        i += 1
    return i


@helper
def _tag_end(points, properties, i, stop, zone):  # type: ignore[no-untyped-def]
    zone[i] = TAGGED
    i += 1
    while i < stop and (properties[i] & (LETTER | DIGIT | MARK) or points[i] == 95):
        zone[i] = TAGGED
        i += 1
    return i


@helper
def _pairs(points, properties, broken, i, stop, made, starts, ends, hashes, scripts, kinds, counts):  # type: ignore[no-untyped-def]
    """Overlapping pairs of a run without spaces; a run of one character gives that one."""
    first = i
    east = properties[i] & SCRIPT_MASK
    chinese = east in (_HAN, _HIRAGANA, _KATAKANA)
    while i < stop and properties[i] & SPACELESS and not broken[i]:
        own = properties[i] & SCRIPT_MASK
        if chinese != (own in (_HAN, _HIRAGANA, _KATAKANA)):
            break
        if properties[i] & LETTER:
            counts[own] += 1
        i += 1
    last = i - 1 if i - 1 > first else first + 1
    for k in range(first, last):
        width = 2 if k + 1 < i else 1
        state = mix(WORD_SEED, points[k])
        own = properties[k] & SCRIPT_MASK
        if width == 2:
            state = mix(state, points[k + 1])
            other = properties[k + 1] & SCRIPT_MASK
            if own == _HAN and other in (_HIRAGANA, _KATAKANA):
                own = other
        starts[made], ends[made], hashes[made] = k, k + width, finish(state)
        scripts[made], kinds[made] = own, TOKEN_SPACELESS
        made += 1
    return made, i
