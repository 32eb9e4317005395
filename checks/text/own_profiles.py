"""Language profiles learnt from a user's own text: romanised Hindi, a dialect, the jargon of a trade.

A profile is what a few hundred words show: their letters, pairs and triples, and the words themselves. What a small
sample showed once is not as common as it seems, and what it never showed is not impossible: every count is discounted,
and what that frees goes to the mean of all languages of the same script. How much is discounted is read from the sample
itself, from what it showed once and twice (absolute discounting: Ney, Essen and Kneser 1994).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from checks.text import mojibake
from checks.text.annotations import SCRIPTS
from checks.text.decoding import as_binary, buffers, decode
from checks.text.flags import TOKEN_BROKEN, TOKEN_MIXED, TOKEN_SPACELESS
from checks.text.profiles import ORDERS, WORD_LETTERS, profiles
from checks.text.tokens import tokenise

VERSION = "1"
LEAST_WORDS = 100
MOST_GRAMS = 8_000  # a large language shows about as many; rarer ones say little and would fill the plan
MOST_WORDS = 4_000
_NAME = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{1,8})*")
_MESSAGES = 10_000  # read at a time
_RESERVED = ("und", "und-Latn")


@dataclass(frozen=True, eq=False)
class OwnProfile:
    """What a language looks like. Equal profiles have the same `sha256`.

    name    like a language code: "hi-Latn", "en-x-support"
    script  of `annotations.SCRIPTS`, in which all of it is written
    grams   counts of n-grams of one to three characters, folded as langdetect folds them, a space at either end of
            a word; at most 8,000
    words   counts of lower-cased words, at most 4,000
    totals  per order, and of words: how many were counted, kept or not
    kinds   per order, and of words: how many different ones were counted, kept or not
    once, twice  per order, and of words: how many were counted once, twice
    version of the way of counting
    """

    name: str
    script: str
    grams: Mapping[str, int]
    words: Mapping[str, int]
    totals: tuple[int, int, int, int]
    kinds: tuple[int, int, int, int]
    once: tuple[int, int, int, int]
    twice: tuple[int, int, int, int]
    version: str = VERSION

    def discounts(self) -> tuple[float, float, float, float]:
        """What to take from every count, per order and of words: n1 / (n1 + 2 n2), between 0 and 1."""
        one, two, three, words = (
            once / max(once + 2 * twice, 1) for once, twice in zip(self.once, self.twice, strict=True)
        )
        return one, two, three, words

    @cached_property
    def sha256(self) -> str:
        """Hex digest of the canonical JSON."""
        body = json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(body.encode("ascii")).hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OwnProfile) and self.sha256 == other.sha256

    def __hash__(self) -> int:
        return hash(self.sha256)

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe and canonical: equal profiles give equal dicts."""
        return {
            "name": self.name,
            "script": self.script,
            "grams": dict(sorted(self.grams.items())),
            "words": dict(sorted(self.words.items())),
            "totals": list(self.totals),
            "kinds": list(self.kinds),
            "once": list(self.once),
            "twice": list(self.twice),
            "version": self.version,
        }

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> OwnProfile:
        """The profile that `to_dict` wrote. Raises ValueError, saying what is wrong, for a body that is not one."""
        try:
            made = cls(
                name=checked_name(body["name"]),
                script=str(body["script"]),
                grams=_counts(body["grams"], "grams", MOST_GRAMS),
                words=_counts(body["words"], "words", MOST_WORDS),
                totals=_four(body["totals"], "totals"),
                kinds=_four(body["kinds"], "kinds"),
                once=_four(body["once"], "once"),
                twice=_four(body["twice"], "twice"),
                version=str(body["version"]),
            )
        except (KeyError, TypeError) as error:
            raise ValueError(
                f"this is no language profile ({error}); write one with driftglass learn-profile"
            ) from error
        if made.version != VERSION:
            raise ValueError(
                f"the profile {made.name} is of version {made.version}, this program reads {VERSION}; learn it again"
            )
        if made.script not in SCRIPTS[1:-1]:
            raise ValueError(
                f"the profile {made.name} is written in {made.script!r}, no script that is known"
            )
        if any(not 1 <= len(gram) <= ORDERS for gram in made.grams):
            raise ValueError(f"the profile {made.name} holds n-grams that are not of one to three characters")
        return made


def learn_profile(name: str, texts: Iterable[str | bytes | None] | pa.Array | pa.ChunkedArray) -> OwnProfile:
    """A profile of the language of `texts`: messages, or single words tagged as being of it.

    Two hundred words do for a start, a thousand are good. They are cut into words as messages are: addresses, numbers,
    mentions and hashtags do not count, nor do words of another script than that of most. The order does not matter.
    Raises ValueError for a name that is no language code or is taken, and for fewer than 100 words.
    """
    checked_name(name)
    array = texts if isinstance(texts, pa.Array | pa.ChunkedArray) else _as_array(texts)
    source = buffers(as_binary(array))
    per_script: dict[int, Counter[str]] = {}
    spaceless: set[int] = set()
    for first in range(0, len(source.start), _MESSAGES):
        points = decode(source, first, min(first + _MESSAGES, len(source.start)))
        tokens = tokenise(points, mojibake.find(points).broken)
        for t in np.flatnonzero((tokens.kind & (TOKEN_BROKEN | TOKEN_MIXED)) == 0):
            script = int(tokens.script[t])
            word = "".join(map(chr, points.points[tokens.start[t] : tokens.end[t]])).lower()
            per_script.setdefault(script, Counter())[word] += 1
            if tokens.kind[t] & TOKEN_SPACELESS:
                spaceless.add(script)
    named = {s: words for s, words in per_script.items() if SCRIPTS[s] not in ("none", "other")}
    script = max(named, key=lambda s: (named[s].total(), -s), default=0)
    words = named.get(script, Counter())
    if words.total() < LEAST_WORDS:
        raise ValueError(
            f"{name}: {words.total()} words{f' in {SCRIPTS[script]} script' if words else ''} are too few to "
            f"learn a language from; {LEAST_WORDS} are needed, 1,000 are good"
        )
    return _counted(name, SCRIPTS[script], words, script in spaceless)


def checked_name(name: object) -> str:
    """The name. Raises ValueError where it is not like a language code, or is taken."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(
            f"{name!r} is no name for a language profile; write one like hi-Latn or en-x-support"
        )
    if name in profiles().languages or name in _RESERVED:
        raise ValueError(
            f"{name} is a language that is known already; name the profile {name}-x-own, for example"
        )
    return name


def folded(word: str) -> str:
    """A word as the kernel of `language` reads it: folded, a space for each run of what is part of no word."""
    fold = profiles().fold
    letters = (int(fold[ord(c)]) for c in word[:WORD_LETTERS])
    return " ".join("".join(chr(c) if c else " " for c in letters).split())


def grams_of(word: str, *, spaceless: bool = False) -> list[str]:
    """The n-grams that the kernel of `language` looks up for a folded word; a letter counts once per place."""
    padded = word if spaceless else f" {word} "
    found = [c for c in padded if c != " "]
    for order in range(2, ORDERS + 1):
        grams = (padded[k : k + order] for k in range(len(padded) - order + 1))
        found += [gram for gram in grams if " " not in gram[1:-1]]
    return found


def _counted(name: str, script: str, words: Counter[str], spaceless: bool) -> OwnProfile:
    grams: Counter[str] = Counter()
    for word, count in words.items():
        for gram in grams_of(folded(word), spaceless=spaceless):
            grams[gram] += count
    by_order = [[count for gram, count in grams.items() if len(gram) == order] for order in (1, 2, 3)]
    by_order.append(list(words.values()))
    return OwnProfile(
        name,
        script,
        _commonest(grams, MOST_GRAMS),
        _commonest(words, MOST_WORDS),
        totals=_four([sum(counts) for counts in by_order], "totals"),
        kinds=_four([len(counts) for counts in by_order], "kinds"),
        once=_four([counts.count(1) for counts in by_order], "once"),
        twice=_four([counts.count(2) for counts in by_order], "twice"),
    )


def _commonest(counts: Counter[str], most: int) -> dict[str, int]:
    kept = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:most]
    return dict(sorted(kept))


def _as_array(texts: Iterable[str | bytes | None]) -> pa.LargeBinaryArray:
    if isinstance(texts, str | bytes):
        raise ValueError("texts must be a list of messages or words, not a single one")
    encoded = [text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text for text in texts]
    return pa.array(encoded, pa.large_binary())


def _counts(raw: Mapping[str, Any], what: str, most: int) -> dict[str, int]:
    made = {str(key): int(count) for key, count in raw.items()}
    if len(made) > most or any(count < 1 for count in made.values()):
        raise ValueError(f"{what} of a language profile must be at most {most} counts of 1 or more")
    return dict(sorted(made.items()))


def _four(raw: Any, what: str) -> tuple[int, int, int, int]:
    one, two, three, words = (int(value) for value in raw)
    if min(one, two, three, words) < 0:
        raise ValueError(f"{what} of a language profile must not be negative")
    return one, two, three, words
