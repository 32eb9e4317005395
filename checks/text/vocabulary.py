"""Vocabulary: which words are known, and which terms a window uses that the reference did not."""

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
from checks.text.hashing import contains
from checks.text.kernels import frozen, kernel
from checks.text.tokens import tokenise

if TYPE_CHECKING:
    from checks.text.plan import TextPlan

KEEP_WORDS = 200_000


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
def count_unknown(offsets, hashes, kinds, table, words, unknown):  # type: ignore[no-untyped-def]
    """Per message: word tokens, and those that are not in the table. Broken and disguised words are neither
    slang nor new."""
    for message in range(len(offsets) - 1):
        for t in range(offsets[message], offsets[message + 1]):
            words[message] += 1
            if not kinds[t] & (TOKEN_BROKEN | TOKEN_MIXED) and not contains(table, hashes[t]):
                unknown[message] += 1


def document_frequencies(
    offsets: npt.NDArray[np.int64], hashes: npt.NDArray[np.int64], kinds: npt.NDArray[np.uint16]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The distinct sound words (sorted hashes) and in how many documents each stands."""
    documents = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    sound = (kinds & (TOKEN_BROKEN | TOKEN_MIXED)) == 0
    documents, hashes = documents[sound], hashes[sound]
    order = np.lexsort((documents, hashes))
    documents, hashes = documents[order], hashes[order]
    first = np.ones(len(hashes), np.bool_)
    first[1:] = (hashes[1:] != hashes[:-1]) | (documents[1:] != documents[:-1])
    words, counts = np.unique(hashes[first], return_counts=True)
    return words, counts.astype(np.int64)


def merge_frequencies(
    parts: Sequence[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]], keep: int = KEEP_WORDS
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
    """Sum document frequencies and keep the `keep` commonest words (ties by hash), sorted by hash."""
    if not parts:
        return frozen(np.zeros(0, np.int64)), frozen(np.zeros(0, np.int32))
    words, place = np.unique(np.concatenate([words for words, _ in parts]), return_inverse=True)
    counts = np.bincount(place, weights=np.concatenate([counts for _, counts in parts]), minlength=len(words))
    kept = np.sort(np.lexsort((words, -counts))[:keep])
    return frozen(words[kept]), frozen(counts[kept].astype(np.int32))


@dataclass(frozen=True, slots=True)
class Term:
    """A word that a window uses more than the reference did.

    z is Monroe's log-odds in standard deviations; `documents` of the window hold it, `expected_documents`
    would have.
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

    Log-odds with an informative Dirichlet prior on document frequencies (Monroe, Colaresi and Quinn 2008, eq.
    16 and 22);
    the prior is the pooled frequency, weighted as much as the window itself. `weights` are 1 / inclusion
    probability;
    they are scaled to sum to the number of messages. Empty for a plan that
    has learnt nothing, or without a term in `minimum_documents`.
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
    z = _log_odds(weighted.astype(np.float64), float(len(window)), before, float(plan.total))
    rank = [int(k) for k in np.lexsort((words, -z)) if seen[k] >= minimum_documents and z[k] > 0][:limit]
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


def _log_odds(
    now: npt.NDArray[np.float64], now_total: float, before: npt.NDArray[np.float64], before_total: float
) -> npt.NDArray[np.float64]:
    prior = now_total * (now + before) / (now_total + before_total)
    # A term in every message has infinite odds; half a document short of that keeps them finite.
    rest_now = np.maximum(now_total + now_total - now - prior, 0.5)
    rest_before = np.maximum(before_total + now_total - before - prior, 0.5)
    delta = np.log((now + prior) / rest_now) - np.log((before + prior) / rest_before)
    return np.asarray(delta / np.sqrt(1.0 / (now + prior) + 1.0 / (before + prior)), np.float64)


def _spelling(points: npt.NDArray[np.uint32]) -> str:
    return "".join(map(chr, points)).lower()
