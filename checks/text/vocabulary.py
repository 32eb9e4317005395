"""Vocabulary: which words and phrases the reference knows, and how many words of a message it does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from checks.text.flags import TOKEN_BROKEN, TOKEN_MIXED
from checks.text.hashing import contains, finish, mix
from checks.text.kernels import frozen, kernel
from checks.text.spots import Spots, documents_of
from checks.text.tokens import Tokens

# A plan must stay small however many distinct words a reference holds: about 5 MB as JSON with all of these. Of
# words that one text holds those of the smallest hashes stay; a word left out is unknown to later messages and
# was so to the reference, so that the rate of unknown words keeps its meaning.
KEEP_WORDS = 200_000
KEEP_PHRASES = 100_000
_RANGES = (
    16  # of hashes, summed one after another: millions of different words at once would take as much again
)


def hash_table(words: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """int64[2^k] with linear probing, at most half full, 0 free: what `hashing.contains` reads."""
    size = 1 << max(4, (2 * len(words)).bit_length())
    table = np.zeros(size, np.int64)
    _fill(frozen(words), table)
    return frozen(table)


@kernel
def _fill(words, table):  # type: ignore[no-untyped-def]
    mask = len(table) - 1
    for word in words:
        slot = word & mask
        while table[slot] != 0 and table[slot] != word:
            slot = (slot + 1) & mask
        table[slot] = word


@kernel
def count_unknown(offsets, hashes, kinds, content, common, rare, witnesses, words, unknown):  # type: ignore[no-untyped-def]
    """Per message: word tokens, and those that no other reference message holds.

    A word of a single reference message is no witness for that message itself: left out, it would be unknown. So
    the reference foretells what later messages will show. Broken words are unknown to everybody; disguised ones
    (mixed scripts) are evasion and no slang.
    """
    for message in range(len(offsets) - 1):
        for t in range(offsets[message], offsets[message + 1]):
            words[message] += 1
            if kinds[t] & TOKEN_BROKEN:
                unknown[message] += 1
            elif kinds[t] & TOKEN_MIXED or contains(common, hashes[t]):
                continue
            elif not contains(rare, hashes[t]) or contains(witnesses, testimony(hashes[t], content[message])):
                unknown[message] += 1


@kernel
def testimony(word, content):  # type: ignore[no-untyped-def]
    """One hash of a word and the message that holds it."""
    return finish(mix(np.uint64(word), np.uint64(content)))


@kernel
def _testify(words, content, out):  # type: ignore[no-untyped-def]
    for k in range(len(words)):
        out[k] = testimony(words[k], content[k])


@dataclass(frozen=True)
class Frequencies:
    """Distinct words (int64[V], sorted hashes), how many documents hold each (int64[V]), and for the words of one
    document its content hash (int64[V]; of the others any)."""

    words: npt.NDArray[np.int64]
    documents: npt.NDArray[np.int64]
    content: npt.NDArray[np.int64]

    def witnesses(self) -> npt.NDArray[np.int64]:
        """Sorted hashes of (word, document) for the words that a single document holds."""
        single = self.documents == 1
        out = np.zeros(int(single.sum()), np.int64)
        _testify(frozen(self.words[single]), frozen(self.content[single]), out)
        return frozen(np.sort(out))


def document_frequencies(tokens: Tokens) -> Frequencies:
    """The distinct sound words of some documents."""
    sound = (tokens.kind & (TOKEN_BROKEN | TOKEN_MIXED)) == 0
    return _frequencies(tokens.hash[sound], documents_of(tokens)[sound], tokens.content_hash)


def spot_frequencies(found: Spots, content: npt.NDArray[np.int64]) -> Frequencies:
    """The distinct terms of some documents; `content` int64[n] holds the hash of each document."""
    return _frequencies(found.hash, found.document, content)


def _frequencies(
    hashes: npt.NDArray[np.int64], documents: npt.NDArray[np.int64], content: npt.NDArray[np.int64]
) -> Frequencies:
    order = np.lexsort((documents, hashes))
    documents, hashes = documents[order], hashes[order]
    first = np.ones(len(hashes), np.bool_)
    first[1:] = (hashes[1:] != hashes[:-1]) | (documents[1:] != documents[:-1])
    words, begin, counts = np.unique(hashes[first], return_index=True, return_counts=True)
    return Frequencies(words, counts.astype(np.int64), content[documents[first][begin]])


def merge_frequencies(parts: Sequence[Frequencies], keep: int = KEEP_WORDS) -> Frequencies:
    """Sum document frequencies and keep the `keep` commonest words (ties by hash), sorted by hash."""
    if not parts:
        nothing = frozen(np.zeros(0, np.int64))
        return Frequencies(nothing, nothing, nothing)
    edges = np.linspace(-(2**63), 2**63 - 1, _RANGES + 1)[1:-1].astype(np.int64)
    cuts = [np.array([0, *np.searchsorted(part.words, edges), len(part.words)]) for part in parts]
    kept = Frequencies(*(np.zeros(0, np.int64) for _ in range(3)))
    for k in range(_RANGES):
        # A word is in one range only: what is summed here is final, and only the commonest need be remembered.
        slices = [slice(cut[k], cut[k + 1]) for cut in cuts]
        summed = _summed([_part(part, chosen) for part, chosen in zip(parts, slices, strict=True)])
        both = [np.concatenate(pair) for pair in zip(_arrays(kept), _arrays(summed), strict=True)]
        kept = _part(Frequencies(*both), np.lexsort((both[0], -both[1]))[:keep])
    order = np.argsort(kept.words)
    return Frequencies(*(frozen(array[order]) for array in _arrays(kept)))


def _summed(parts: Sequence[Frequencies]) -> Frequencies:
    words, begin, place = np.unique(
        np.concatenate([part.words for part in parts]), return_index=True, return_inverse=True
    )
    weights = np.concatenate([part.documents for part in parts])
    counts = np.bincount(place, weights=weights, minlength=len(words)).astype(np.int64)
    return Frequencies(words, counts, np.concatenate([part.content for part in parts])[begin])


def _arrays(found: Frequencies) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    return found.words, found.documents, found.content


def _part(found: Frequencies, chosen: slice | npt.NDArray[np.int64]) -> Frequencies:
    return Frequencies(*(array[chosen] for array in _arrays(found)))


def least_phrase_documents(total: int) -> int:
    """How many of `total` documents must hold a phrase, hashtag or emoji for the plan to keep it.

    One in 5,000, so that documents of L words keep at most 5,000·L phrases however many they are. What is left out
    counts as one document less than this, which no phrase that is worth naming hides behind.
    """
    return max(2, -(-total // 5000))


def merge_phrases(parts: Sequence[Frequencies], total: int) -> Frequencies:
    """As `merge_frequencies`, of the phrases that enough of `total` documents hold, at most KEEP_PHRASES."""
    merged = merge_frequencies(parts, KEEP_PHRASES)
    kept = merged.documents >= least_phrase_documents(total)
    return Frequencies(*(frozen(part[kept]) for part in (merged.words, merged.documents, merged.content)))
