"""What whole words say of their language: how common each is, as n-grams of a fourth order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from checks.text.decoding import as_binary, buffers, decode
from checks.text.function_words import function_words
from checks.text.kernels import frozen
from checks.text.profiles import STEPS, WIDTH, Profiles
from checks.text.tokens import tokenise
from checks.text.vocabulary import hash_table

if TYPE_CHECKING:
    from checks.text.own_profiles import OwnProfile

WORD_FLOOR = 1e-7  # added to every share: a word that is not on a list is no proof against the language
WORD_WEIGHT = 1.5  # against 1.0 of each of the word's triples
VOCABULARY = 300_000  # words that what a list leaves out is spread over: as many as the largest lists hold
FUNCTION_WORD = 4.5  # nats for a word on a list of function words: a hundred times as common as elsewhere
COMMON, OFTEN = 1 / 200, 5  # share of an own profile's words, and times, from which on a word counts as one


@dataclass(frozen=True)
class KnownWords:
    """Scores of whole words: open addressing by the hash of the word, then a run of (column, score).

    unlisted  int16[64]: the score of a word that is not on a column's list
    keys      int64[K], a power of two; 0 is free
    first     int32[K + 1]: where the run of a slot begins; the next begins where it ends
    columns   uint8[N]: columns of `Profiles.scores`
    scores    int16[N]: weight · log((share + floor) / floor) · STEPS, less `unlisted`
    """

    unlisted: npt.NDArray[np.int16]
    keys: npt.NDArray[np.int64]
    first: npt.NDArray[np.int32]
    columns: npt.NDArray[np.uint8]
    scores: npt.NDArray[np.int16]


@dataclass(frozen=True)
class WordList:
    """How common the words of a language are: hashes int64[n] without repeats, shares float64[n] of all its words.

    left is the share of the words that it leaves out: 0 for a list that is taken to be whole.
    """

    hashes: npt.NDArray[np.int64]
    shares: npt.NDArray[np.float64]
    left: float = 0.0


NOTHING = WordList(np.zeros(0, np.int64), np.zeros(0), 1.0)


def known_words(table: Profiles, own: Sequence[OwnProfile], lexicon: Sequence[str]) -> KnownWords:
    """The common words of the languages of `lexicon`, and those of own profiles beside them.

    Without `lexicon` the function words only: more would be known of some languages than of others. What a list leaves
    out is spread evenly, so that a short list is no hindrance: all is left out of a language that there is no list
    for, and of Latin script of no language in particular. Raises LexiconMissing where `lexicon` names any language and
    wordfreq is not installed.
    """
    lists: dict[int, WordList] = {}
    if lexicon:
        from checks.text.lexicon import word_list

        for language in lexicon:
            lists[table.languages.index(language)] = word_list(language) or NOTHING
        lists[table.generic_latin] = NOTHING
        for profile in own:
            lists[table.languages.index(profile.name)] = own_list(profile)
    else:
        return _function_words(table, own)
    unlisted = np.zeros(WIDTH, np.int16)
    columns, hashes, scores = [np.zeros(0, np.uint8)], [np.zeros(0, np.int64)], [np.zeros(0, np.int16)]
    for column, found in lists.items():
        even = found.left / VOCABULARY
        unlisted[column] = _score(np.array(even))
        columns.append(np.full(len(found.hashes), column, np.uint8))
        hashes.append(found.hashes)
        scores.append(_score(found.shares + even) - unlisted[column])
    return _packed(unlisted, np.concatenate(columns), np.concatenate(hashes), np.concatenate(scores))


def _function_words(table: Profiles, own: Sequence[OwnProfile]) -> KnownWords:
    """Function words of the languages that share a script; of an own profile the words that are as common."""
    lists = {table.languages.index(language): list(words) for language, words in function_words().items()}
    for profile in own:
        least = max(COMMON * profile.totals[3], OFTEN)
        lists[table.languages.index(profile.name)] = [w for w, n in profile.words.items() if n >= least]
    words = sorted({word for listed in lists.values() for word in listed})
    hashes, at = hashes_of(words)
    hash_of = {words[k]: value for k, value in zip(at.tolist(), hashes.tolist(), strict=True)}
    pairs = sorted({(c, hash_of[word]) for c, listed in lists.items() for word in listed if word in hash_of})
    columns, known = np.array(pairs, np.int64).T
    scores = np.full(len(pairs), round(FUNCTION_WORD * STEPS), np.int16)
    return _packed(np.zeros(WIDTH, np.int16), columns, known, scores)


def own_list(profile: OwnProfile) -> WordList:
    """The words of a profile, their counts discounted as those of its n-grams are."""
    counts = np.array(list(profile.words.values()), np.float64)
    hashes, at = hashes_of(list(profile.words))
    shares = np.maximum(counts[at] - profile.discounts()[3], 0) / profile.totals[3]
    return WordList(hashes, shares, max(0.0, 1.0 - float(shares.sum())))


def _score(shares: npt.NDArray[np.float64]) -> npt.NDArray[np.int16]:
    return np.rint(WORD_WEIGHT * STEPS * np.log((shares + WORD_FLOOR) / WORD_FLOOR)).astype(np.int16)


def _packed(
    unlisted: npt.NDArray[np.int16],
    columns: npt.NDArray[np.int64],
    hashes: npt.NDArray[np.int64],
    scores: npt.NDArray[np.int16],
) -> KnownWords:
    words = np.unique(hashes)
    keys = hash_table(words)
    taken = np.flatnonzero(keys)
    slots = taken[np.argsort(keys[taken])]
    slot = slots[np.searchsorted(words, hashes)]
    order = np.lexsort((columns, slot))
    first = np.zeros(len(keys) + 1, np.int64)
    np.cumsum(np.bincount(slot, minlength=len(keys)), out=first[1:])
    return KnownWords(
        frozen(unlisted),
        frozen(keys),
        frozen(first.astype(np.int32)),
        frozen(columns[order].astype(np.uint8)),
        frozen(scores[order]),
    )


def hashes_of(words: Sequence[str]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The hashes of those words that are one token, without repeats, and the index of each into `words`.

    Of words with the same hash the first is taken.
    """
    source = buffers(as_binary(pa.array(words, pa.large_string())))
    points = decode(source, 0, len(words))
    tokens = tokenise(points, np.zeros(len(points.points), np.uint8))
    single = np.flatnonzero(np.diff(tokens.offsets) == 1)
    hashes, first = np.unique(tokens.hash[tokens.offsets[single]], return_index=True)
    return hashes, single[first]
