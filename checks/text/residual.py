"""The residual language: what texts in Latin letters are written in that no profile fits.

Romanised Hindi is not Somali, though of 37 languages Somali may come nearest. Whether the words that were read as a
language are of it shows in a test on themselves: a profile is learnt from three quarters of the different words and
reads the last quarter. Where that is far better than the language's own profile reads them, they are of another
language. Such words, and those that fitted none, become a profile of their own, which is `und-Latn` from then on.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from checks.text.kernels import frozen
from checks.text.profiles import FLOOR, ORDER_WEIGHTS, ORDERS, STEPS, Profiles, hashed

PARTS = 4  # of the different words; each is read by a profile of the others
# Nats per letter by which words must read one another better than their language's profile does, less LOSS over the
# number of different words: a profile learnt from few words reads badly.
STRANGE, LOSS = 0.4, 80.0
LEAST_WORDS = 200  # that no profile fits, before a residual language is learnt
LEAST_SHARE = 0.05  # of the words in Latin letters
LEAST_TESTED = 100  # different words read as a language, before it is asked whether they are of it
TESTED = 5_000  # different words per language that the test looks at
MOST_GRAMS = 8_000


@dataclass(frozen=True, eq=False)
class Residual:
    """How the residual language looks. Equal ones have the same `sha256`.

    grams   counts of n-grams of one to three characters, the 8,000 commonest
    totals  per order: how many were counted, kept or not
    kinds   per order: how many different ones were counted, kept or not
    """

    grams: Mapping[str, int]
    totals: tuple[int, int, int]
    kinds: tuple[int, int, int]

    @cached_property
    def sha256(self) -> str:
        """Hex digest of the canonical JSON."""
        body = json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(body.encode("ascii")).hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Residual) and self.sha256 == other.sha256

    def __hash__(self) -> int:
        return hash(self.sha256)

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe and canonical."""
        return {
            "grams": dict(sorted(self.grams.items())),
            "totals": list(self.totals),
            "kinds": list(self.kinds),
        }

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> Residual:
        """The residual that `to_dict` wrote. Raises KeyError, ValueError for a body that is not one."""
        one, two, three = (int(value) for value in body["totals"])
        first, second, third = (int(value) for value in body["kinds"])
        grams = {str(gram): int(count) for gram, count in body["grams"].items()}
        return cls(grams, (one, two, three), (first, second, third))


@dataclass(frozen=True)
class Spoken:
    """The different words of some texts, sorted by hash.

    words   folded as langdetect folds them
    hashes  int64[n]
    counts  int64[n, 64]: how often each was read as each column of the score table
    scores  int16[n, 64]: by the profiles that it was read with
    """

    words: Sequence[str]
    hashes: npt.NDArray[np.int64]
    counts: npt.NDArray[np.int64]
    scores: npt.NDArray[np.int16]


def with_residual(table: Profiles, residual: Residual | None) -> Profiles:
    """The table with the residual language in place of generic Latin.

    A share is (count + kinds · background) / (total + kinds), the background being generic Latin (Witten and Bell
    1991, method C).
    """
    if residual is None:
        return table
    known = set(table.grams)
    grams = (*table.grams, *sorted(set(residual.grams) - known))
    background = _background(table)
    scores = np.zeros((len(grams), table.scores.shape[1]), np.uint8)
    scores[: len(table.grams)] = table.scores
    scores[:, table.generic_latin] = [round(min(_score(residual, gram, background), 255)) for gram in grams]
    keys, rows = hashed(grams)
    return replace(table, keys=frozen(keys), rows=frozen(rows), grams=grams, scores=frozen(scores))


def strangers(spoken: Spoken, columns: Sequence[int], table: Profiles, unlisted: int = 0) -> list[int]:
    """Those of `columns` whose words are of another language than theirs.

    unlisted: what a word scores, beside its n-grams, that no list of common words holds.
    """
    background = _background(table)
    different = (spoken.counts > 0).sum(axis=0)
    return [
        column
        for column in columns
        if different[column] >= LEAST_TESTED
        and better_by(spoken, column, background, unlisted) > STRANGE - LOSS / different[column]
    ]


def better_by(spoken: Spoken, column: int, background: Mapping[str, float], unlisted: int) -> float:
    """Nats per letter by which the words read as a column read one another better than its profile does."""
    chosen = np.flatnonzero(spoken.counts[:, column])[:TESTED]
    part = spoken.hashes[chosen] % PARTS
    won = 0.0
    for last in range(PARTS):
        learnt = _counted(
            {spoken.words[k]: int(spoken.counts[k, column]) for k in chosen[part != last].tolist()}
        )
        seen: dict[str, float] = {}
        for k in chosen[part == last].tolist():
            for gram in grams_of(spoken.words[k]):
                if gram not in seen:
                    seen[gram] = _score(learnt, gram, background)
                won += seen[gram]
            won += unlisted - float(spoken.scores[k, column])
    return won / STEPS / max(sum(len(spoken.words[k]) for k in chosen.tolist()), 1)


def learnt_from(spoken: Spoken, columns: Sequence[int]) -> Residual:
    """The language of the words that are mostly read as one of `columns`."""
    theirs = spoken.counts[:, list(columns)].sum(axis=1)
    mostly = np.flatnonzero(2 * theirs > spoken.counts.sum(axis=1))
    return _counted({spoken.words[k]: int(theirs[k]) for k in mostly.tolist()})


def grams_of(word: str) -> list[str]:
    """The n-grams that the kernel of `language` looks up for a folded word of Latin letters."""
    padded = f" {word} "
    found = [c for c in padded if c != " "]
    for order in range(2, ORDERS + 1):
        grams = (padded[k : k + order] for k in range(len(padded) - order + 1))
        found += [gram for gram in grams if " " not in gram[1:-1]]
    return found


def _counted(words: Mapping[str, int]) -> Residual:
    counts: Counter[str] = Counter()
    for word, count in words.items():
        for gram in grams_of(word):
            counts[gram] += count
    totals, kinds = [0] * ORDERS, [0] * ORDERS
    for gram, count in counts.items():
        totals[len(gram) - 1] += count
        kinds[len(gram) - 1] += 1
    kept = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:MOST_GRAMS]
    return Residual(dict(kept), (totals[0], totals[1], totals[2]), (kinds[0], kinds[1], kinds[2]))


def _score(residual: Residual, gram: str, background: Mapping[str, float]) -> float:
    """As `Profiles.scores`, not rounded."""
    order = len(gram) - 1
    kinds, total = residual.kinds[order], residual.totals[order]
    share = (residual.grams.get(gram, 0) + kinds * background.get(gram, 0.0)) / max(total + kinds, 1)
    return ORDER_WEIGHTS[order] * STEPS * math.log((share + FLOOR) / FLOOR)


def _background(table: Profiles) -> dict[str, float]:
    """The share of each n-gram in generic Latin."""
    column = table.scores[:, table.generic_latin].astype(np.float64)
    return {
        gram: FLOOR * math.expm1(score / STEPS / ORDER_WEIGHTS[len(gram) - 1])
        for gram, score in zip(table.grams, column, strict=True)
        if score
    }
