"""Vocabulary: which words are known, and which terms a window uses more than the reference did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from checks.text import mojibake
from checks.text.decoding import as_binary, buffers, decode
from checks.text.flags import TOKEN_BROKEN, TOKEN_MIXED
from checks.text.hashing import contains, finish, mix
from checks.text.kernels import frozen, kernel
from checks.text.tokens import tokenise

if TYPE_CHECKING:
    from checks.text.plan import TextPlan

KEEP_WORDS = 200_000

# Of hundreds of words in a window half are a little more frequent than before; by this much hardly one is.
SURE_Z = 3.0


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


def document_frequencies(
    offsets: npt.NDArray[np.int64],
    hashes: npt.NDArray[np.int64],
    kinds: npt.NDArray[np.uint16],
    content: npt.NDArray[np.int64],
) -> Frequencies:
    """The distinct sound words of some documents; `content` holds the hash of each document."""
    documents = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    sound = (kinds & (TOKEN_BROKEN | TOKEN_MIXED)) == 0
    documents, hashes = documents[sound], hashes[sound]
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
    words, begin, place = np.unique(
        np.concatenate([part.words for part in parts]), return_index=True, return_inverse=True
    )
    counts = np.bincount(
        place, weights=np.concatenate([part.documents for part in parts]), minlength=len(words)
    )
    content = np.concatenate([part.content for part in parts])[begin]
    kept = np.sort(np.lexsort((words, -counts))[:keep])
    return Frequencies(frozen(words[kept]), frozen(counts[kept].astype(np.int64)), frozen(content[kept]))


@dataclass(frozen=True, slots=True)
class Term:
    """A word that a window uses more than the reference did.

    z is the signed root of Dunning's log-likelihood ratio, in standard deviations; `documents` of the window hold
    the term, `expected_documents` would have.
    """

    term: str
    z: float
    documents: int
    expected_documents: float


def novel_terms(
    window: Sequence[bytes],
    plan: TextPlan,
    *,
    weights: Sequence[float] | None = None,
    minimum_documents: int = 10,
    limit: int = 20,
) -> list[Term]:
    """The terms that tell the window from the reference, the surest first.

    z is the signed root of the log-likelihood ratio of document frequencies (Dunning 1993). It is sure of ten
    messages of a word that a large reference lacks, where log-odds over their standard deviation are not, having
    next to nothing to estimate the reference's odds from. `weights` are 1 / inclusion probability; they are
    scaled to sum to the number of messages. A known word that became much more frequent is a term as a new one
    is. Empty for a plan that has learnt nothing, or without a term in `minimum_documents` that is `SURE_Z` above
    the reference.
    """
    if not window or plan.total == 0:
        return []
    points = decode(buffers(as_binary(pa.array(window, pa.large_binary()))), 0, len(window))
    tokens = tokenise(points, mojibake.find(points).broken)
    documents = np.repeat(np.arange(len(window)), np.diff(tokens.offsets))
    sound = np.flatnonzero((tokens.kind & (TOKEN_BROKEN | TOKEN_MIXED)) == 0)
    sound = sound[np.lexsort((documents[sound], tokens.hash[sound]))]
    hashes, documents = tokens.hash[sound], documents[sound]
    first = np.ones(len(sound), np.bool_)
    first[1:] = (hashes[1:] != hashes[:-1]) | (documents[1:] != documents[:-1])
    words, begin, place = np.unique(hashes[first], return_index=True, return_inverse=True)
    seen = np.bincount(place, minlength=len(words))
    scale = np.ones(len(window)) if weights is None else np.asarray(weights, np.float64)
    scale = scale * (len(window) / scale.sum())
    weighted = np.bincount(place, weights=scale[documents[first]], minlength=len(words))
    at = np.searchsorted(plan.vocabulary, words)
    known = at < len(plan.vocabulary)
    known[known] = plan.vocabulary[at[known]] == words[known]
    before = np.zeros(len(words))
    before[known] = plan.documents[at[known]]
    z = _deviance_z(weighted.astype(np.float64), float(len(window)), before, float(plan.total))
    sure = (seen >= minimum_documents) & (z >= SURE_Z)
    rank = [int(k) for k in np.lexsort((words, -z)) if sure[k]][:limit]
    example = sound[first][begin]
    return [
        Term(
            _spelling(points.points[tokens.start[example[k]] : tokens.end[example[k]]]),
            float(z[k]),
            int(seen[k]),
            float(before[k] * len(window) / plan.total),
        )
        for k in rank
    ]


def _deviance_z(
    now: npt.NDArray[np.float64], now_total: float, before: npt.NDArray[np.float64], before_total: float
) -> npt.NDArray[np.float64]:
    pooled = (now + before) / (now_total + before_total)
    log_ratio = np.zeros(len(now))
    for count, total in ((now, now_total), (before, before_total)):
        for part, expected in ((count, total * pooled), (total - count, total * (1 - pooled))):
            # Nothing of what is hardly expected adds nothing; rounding may leave a rest just below zero.
            held = part > 0
            log_ratio[held] += part[held] * np.log(part[held] / expected[held])
    side = np.sign(now / now_total - before / before_total)
    return np.asarray(side * np.sqrt(2 * np.maximum(log_ratio, 0)), np.float64)


def _spelling(points: npt.NDArray[np.uint32]) -> str:
    return "".join(map(chr, points)).lower()
