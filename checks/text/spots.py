"""Spots: where the terms of a message stand: its words, phrases of two words, hashtags and emoji."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from checks.text.characters import character_table
from checks.text.decoding import Points
from checks.text.flags import (
    DIGIT,
    EMOJI,
    JOINER,
    LETTER,
    MARK,
    REGIONAL,
    SKIN_TONE,
    SPACE,
    STYLED,
    TOKEN_BROKEN,
    TOKEN_MIXED,
    TOKEN_SPACELESS,
    VARIATION,
    ZERO_WIDTH,
)
from checks.text.hashing import WORD_SEED, finish, mix
from checks.text.kernels import frozen, kernel
from checks.text.tokens import TAGGED, Tokens

PHRASE_SEED = np.uint64(0xA0761D6478BD642F)
MARK_SEED = np.uint64(0xE7037ED1A0B428DB)

WORD, PHRASE, MARKER = 0, 1, 2  # a word, two words with a space between, a hashtag or an emoji


@dataclass(frozen=True)
class Spots:
    """Places of terms, by kind, each kind in the order of the text.

    hash      int64[S]: of the folded term; no word, phrase or marker shares one with another kind
    document  int64[S]: the message
    start     int64[S], end int64[S]: places in the code points
    token     int64[S]: the word, or the first of a phrase; -1 for a marker
    kind      uint8[S]: WORD, PHRASE or MARKER
    """

    hash: npt.NDArray[np.int64]
    document: npt.NDArray[np.int64]
    start: npt.NDArray[np.int64]
    end: npt.NDArray[np.int64]
    token: npt.NDArray[np.int64]
    kind: npt.NDArray[np.uint8]


def words(tokens: Tokens) -> Spots:
    """The sound words: neither broken nor disguised."""
    sound = np.flatnonzero((tokens.kind & (TOKEN_BROKEN | TOKEN_MIXED)) == 0)
    return Spots(
        tokens.hash[sound],
        documents_of(tokens)[sound],
        tokens.start[sound].astype(np.int64),
        tokens.end[sound].astype(np.int64),
        sound,
        np.full(len(sound), WORD, np.uint8),
    )


def phrases(points: Points, tokens: Tokens) -> Spots:
    """Two sound words with one space between; scripts without spaces have none, their words overlap already."""
    first = np.flatnonzero(joined(points, tokens) & ((tokens.kind & TOKEN_SPACELESS) == 0))
    return Spots(
        pair_hashes(tokens)[first],
        documents_of(tokens)[first],
        tokens.start[first].astype(np.int64),
        tokens.end[first + 1].astype(np.int64),
        first,
        np.full(len(first), PHRASE, np.uint8),
    )


def markers(points: Points, tokens: Tokens, broken: npt.NDArray[np.uint8]) -> Spots:
    """Hashtags with a letter, and emoji whatever their skin tone; `broken` is uint8[C], 1 for encoding damage."""
    room = int(((points.properties & EMOJI) > 0).sum() + np.isin(points.points, (0x23, 0xFF03)).sum())
    table = character_table()
    hashes, document = np.empty(room, np.int64), np.empty(room, np.int64)
    start, end = np.empty(room, np.int64), np.empty(room, np.int64)
    made = _markers(
        *(points.points, points.properties, points.offsets, tokens.zone, frozen(broken)),
        *(table.lower, table.plain, hashes, document, start, end),
    )
    return Spots(
        *(hashes[:made], document[:made], start[:made], end[:made]),
        np.full(made, -1, np.int64),
        np.full(made, MARKER, np.uint8),
    )


def together(parts: list[Spots]) -> Spots:
    """The spots of some kinds, one after another."""
    names = ("hash", "document", "start", "end", "token", "kind")
    return Spots(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def documents_of(tokens: Tokens) -> npt.NDArray[np.int64]:
    """int64[T]: the message of each token."""
    return np.repeat(np.arange(len(tokens.offsets) - 1), np.diff(tokens.offsets))


def joined(points: Points, tokens: Tokens) -> npt.NDArray[np.bool_]:
    """bool[T]: whether the next token continues this one: behind one space, or overlapping it."""
    follows = np.zeros(len(tokens.hash), np.bool_)
    if len(follows) < 2:
        return follows
    document = documents_of(tokens)
    sound = (tokens.kind & (TOKEN_BROKEN | TOKEN_MIXED)) == 0
    spaceless = (tokens.kind & TOKEN_SPACELESS) > 0
    near = (document[1:] == document[:-1]) & sound[1:] & sound[:-1]
    gap = tokens.start[1:] - tokens.end[:-1]
    between = np.minimum(tokens.end[:-1], len(points.properties) - 1)
    spaced = ~spaceless[1:] & ~spaceless[:-1] & (gap == 1) & ((points.properties[between] & SPACE) > 0)
    overlapping = spaceless[1:] & spaceless[:-1] & (tokens.start[1:] == tokens.start[:-1] + 1)
    follows[:-1] = near & (spaced | overlapping)
    return follows


def pair_hashes(tokens: Tokens) -> npt.NDArray[np.int64]:
    """int64[T]: the hash of each word with the next one as a phrase; of the last any."""
    out = np.zeros(len(tokens.hash), np.int64)
    _pair_hashes(tokens.hash, out)
    return out


def word_hash(word: str) -> int:
    """The hash that a word has, spelled in lower case."""
    state = WORD_SEED
    for character in word:
        state = np.uint64(mix(state, np.uint32(ord(character))))
    return int(finish(state))


@kernel
def _pair_hashes(hashes, out):  # type: ignore[no-untyped-def]
    for t in range(len(hashes) - 1):
        out[t] = finish(mix(mix(PHRASE_SEED, np.uint64(hashes[t])), np.uint64(hashes[t + 1])))


@kernel
def _markers(  # type: ignore[no-untyped-def]
    points, properties, offsets, zone, broken, lower, plain, hashes, document, starts, ends
):
    made = 0
    for message in range(len(offsets) - 1):
        i, stop = offsets[message], offsets[message + 1]
        while i < stop:
            first, c = i, points[i]
            state = MARK_SEED
            sound = False
            if (c == 0x23 or c == 0xFF03) and zone[i] == TAGGED:
                i += 1
                damaged = False
                while i < stop and (points[i] == 95 or properties[i] & (LETTER | DIGIT | MARK)):
                    bits = properties[i]
                    damaged = damaged or broken[i] > 0
                    sound = sound or bits & LETTER > 0
                    if not bits & (ZERO_WIDTH | JOINER | VARIATION):
                        folded = plain[points[i]] if bits & STYLED else points[i]
                        low = lower[folded]
                        state = mix(state, low if low else folded)
                    i += 1
                sound = sound and not damaged
            elif properties[i] & EMOJI and not broken[i]:
                sound = True
                state = mix(state, c)
                i += 1
                if properties[first] & REGIONAL:
                    if i < stop and properties[i] & REGIONAL:
                        state = mix(state, points[i])
                        i += 1
                else:
                    # 👩🏽‍🚒: what a joiner ties on belongs to it; skin tones and variation selectors change no meaning.
                    while i < stop:
                        if properties[i] & (VARIATION | SKIN_TONE):
                            i += 1
                        elif points[i] == 0x200D and i + 1 < stop and properties[i + 1] & EMOJI:
                            state = mix(state, points[i + 1])
                            i += 2
                        else:
                            break
            else:
                i += 1
            if sound:
                hashes[made], document[made] = finish(state), message
                starts[made], ends[made] = first, i
                made += 1
    return made
