"""Language: how well every language explains every word, by letters, pairs and triples of letters.

A word is scored once: scores of words seen before are kept in a bounded table (a function of the word alone,
so what
is kept never changes a result).
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from checks.text.characters import character_table
from checks.text.decoding import Points
from checks.text.flags import TOKEN_BROKEN, TOKEN_MIXED, TOKEN_SPACELESS
from checks.text.kernels import kernel
from checks.text.known_words import KnownWords, known_words
from checks.text.own_profiles import OwnProfile
from checks.text.profiles import WIDTH, WORD_LETTERS, Profiles, profiles, with_own
from checks.text.residual import Residual, with_residual
from checks.text.tokens import Tokens

MESSAGE_WORDS = 16_384  # words of a message that are looked at; later ones carry no language
CAPACITY = 1 << 17  # words kept, 128 bytes each
BATCH_CHARACTERS = (
    CAPACITY  # characters per call (the last message may overrun): no call can fill the table twice
)
TABLES = 4  # tables of word scores that a process keeps, 20 MB each when full


@dataclass(frozen=True)
class Sources:
    """What words are scored by, beside langdetect's profiles.

    own      the user's own profiles, in the order of their names
    lexicon  the languages, sorted, whose common words count; none where no lexicon is asked for
    residual  the language of what fits no profile, if one is known
    """

    own: tuple[OwnProfile, ...] = ()
    lexicon: tuple[str, ...] = ()
    residual: Residual | None = None


def sources(
    own: Sequence[OwnProfile] = (), lexicon: Sequence[str] = (), residual: Residual | None = None
) -> Sources:
    """The sources in canonical order. `lexicon`: any languages of a plan; those that no list can be of are left out."""
    listed = set(lexicon) & set(profiles().languages)
    return Sources(tuple(sorted(own, key=lambda profile: profile.name)), tuple(sorted(listed)), residual)


@lru_cache(TABLES)
def word_scores(among: Sources) -> WordScores:
    """The table of some sources, shared by all who read by the same. Raises LexiconMissing where it is asked for."""
    table = with_residual(with_own(among.own), among.residual)
    return WordScores(table, known_words(table, among.own, among.lexicon))


class WordScores:
    """A bounded table of word scores; hold `lock` while rows of it are in use.

    rows  int16[CAPACITY, 64]: summed n-gram scores per column of `Profiles.scores`
    """

    def __init__(self, table: Profiles, known: KnownWords) -> None:
        self.table = table
        self.known = known
        self.lock = threading.Lock()
        self.rows: npt.NDArray[np.int16] = np.zeros((CAPACITY, WIDTH), np.int16)
        self._keys = np.zeros(2 * CAPACITY, np.int64)
        self._slots = np.zeros(2 * CAPACITY, np.int32)
        self._used = 0

    def of(self, points: Points, tokens: Tokens) -> npt.NDArray[np.int32]:
        """int32[T]: the row of each token, -1 for one that says nothing of language. Rows stay until the next
        call."""
        table, known = self.table, self.known
        needed = int(np.minimum(np.diff(tokens.offsets), MESSAGE_WORDS).sum())
        if self._used + needed > CAPACITY:
            self._keys[:] = 0
            self._used = 0
        ids = np.full(len(tokens.hash), -1, np.int32)
        self._used = int(
            _score_words(
                points.points,
                tokens.offsets,
                tokens.start,
                tokens.end,
                tokens.hash,
                tokens.kind,
                character_table().folded,
                table.fold,
                table.keys,
                table.rows,
                table.scores,
                known.unlisted,
                known.keys,
                known.first,
                known.columns,
                known.scores,
                self._keys,
                self._slots,
                self.rows,
                self._used,
                ids,
            )
        )
        return ids


@kernel
def _add_gram(key, keys, rows, scores, sums):  # type: ignore[no-untyped-def]
    """Add the row of one n-gram, if it has one, to `sums`."""
    slot = np.int64((np.uint64(key) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(40)) & (len(keys) - 1)
    while keys[slot] != 0:
        if keys[slot] == key:
            row = scores[rows[slot]]
            for column in range(WIDTH):
                sums[column] += np.int16(row[column])
            return
        slot = (slot + 1) & (len(keys) - 1)


@kernel
def _score_word(points, start, end, spaceless, seen, fold, keys, rows, scores, sums):  # type: ignore[no-untyped-def]
    """The scores of what the word's hash is of: all spellings of one hash share a row, whichever came first."""
    sums[:] = 0
    space = np.int64(32)
    before, last = np.int64(0), np.int64(0) if spaceless else space
    taken = 0
    for k in range(start, end + (0 if spaceless else 1)):
        c = np.int64(0)
        if k < end and taken < WORD_LETTERS:
            if seen[points[k]] == 0:
                continue
            taken += 1
            c = np.int64(fold[seen[points[k]]])
        elif k < end:
            continue
        if c == 0:
            c = space
            if last == space:
                continue
        if c != space:
            _add_gram(c, keys, rows, scores, sums)
        if last != 0:
            _add_gram(last << 21 | c, keys, rows, scores, sums)
            if before != 0:
                _add_gram(before << 42 | last << 21 | c, keys, rows, scores, sums)
        before = np.int64(0) if c == space else last
        last = c


@kernel
def _add_word(word, unlisted, keys, first, columns, scores, sums):  # type: ignore[no-untyped-def]
    """Add what the word lists say of the whole word."""
    for column in range(WIDTH):
        sums[column] += unlisted[column]
    mask = len(keys) - 1
    slot = word & mask
    while keys[slot] != 0:
        if keys[slot] == word:
            for k in range(first[slot], first[slot + 1]):
                sums[columns[k]] += scores[k]
            return
        slot = (slot + 1) & mask


@kernel
def _score_words(  # type: ignore[no-untyped-def]
    points,
    offsets,
    starts,
    ends,
    hashes,
    kinds,
    seen,
    fold,
    keys,
    rows,
    scores,
    unlisted,
    word_keys,
    word_first,
    word_columns,
    listed,
    known,
    slots,
    table,
    used,
    ids,
):
    mask = len(known) - 1
    for message in range(len(offsets) - 1):
        first = offsets[message]
        for t in range(first, min(offsets[message + 1], first + MESSAGE_WORDS)):
            if kinds[t] & (TOKEN_BROKEN | TOKEN_MIXED):
                continue
            word = hashes[t]
            slot = word & mask
            while known[slot] != 0 and known[slot] != word:
                slot = (slot + 1) & mask
            if known[slot] == 0:
                known[slot], slots[slot] = word, used
                _score_word(
                    points,
                    starts[t],
                    ends[t],
                    kinds[t] & TOKEN_SPACELESS,
                    seen,
                    fold,
                    keys,
                    rows,
                    scores,
                    table[used],
                )
                _add_word(word, unlisted, word_keys, word_first, word_columns, listed, table[used])
                used += 1
            ids[t] = slots[slot]
    return used
