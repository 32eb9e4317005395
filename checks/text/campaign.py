"""Campaigns: groups of messages that are one template with other names, numbers, links and disguises."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from checks.text.decoding import as_binary, buffers, decode
from checks.text.display import reveal
from checks.text.similarity import links
from checks.text.wording import LINK, NUMBER, wording

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

MINIMUM_MESSAGES = 10
MOST_CAMPAIGNS = 50
# A template is of words that so many of its messages hold; fewer words than these are a phrase, not a template.
_FIXED = 0.6
_LEAST_WORDS = 5
# A message follows a template if it holds so much of it, by weight, and so many of its own words are of it.
_HELD, _OWN = 0.5, 0.45
# Groups are looked for among ever less similar messages: one loose group must not swallow a tight one.
_SIMILARITIES = (0.75, 0.55, 0.35)
_EXAMPLES, _WIDTH = 3, 160


@dataclass(frozen=True, slots=True)
class Campaign:
    """Messages that follow one template.

    template         "win ⟨…⟩ now at ⟨link⟩", at most 160 characters, invisible ones made visible
    messages         how many of the given texts follow it; `members` are their places, ascending
    share            of all texts, weighted (Hájek 1971), 0 … 1
    units            distinct senders; None where they were not given
    reference_share  of the reference texts; None where none were given
    examples         up to three different messages, as the template
    """

    template: str
    messages: int
    share: float
    units: int | None
    reference_share: float | None
    members: tuple[int, ...]
    examples: tuple[str, ...]


def campaigns(
    texts: Sequence[str | bytes],
    *,
    weights: Sequence[float] | None = None,
    units: Sequence[str | None] | None = None,
    reference: Sequence[str | bytes] | None = None,
    reference_weights: Sequence[float] | None = None,
    minimum_messages: int = MINIMUM_MESSAGES,
) -> list[Campaign]:
    """The campaigns among some texts, the largest share first, at most MOST_CAMPAIGNS; none is one of two.

    Words are compared without case, invisible characters, look-alike letters, digits for letters and repeated
    letters; links, and numbers, are all the same word; the people addressed are none. Similar messages are found
    by MinHash over the words, weighted by their rarity (Broder 1997; Chum et al. 2008), in time and memory linear
    in the texts, of each the first 256 words. Messages of fewer than five different words are in no campaign.

    `weights` are 1 / inclusion probability, `units` who sent each. `reference` are texts of normal times: what
    they hold as well, an automatic reply or a retweet button, is no news. ValueError where weights or units are
    not as many as the texts.
    """
    for name, given, count in (
        ("weights", weights, len(texts)),
        ("units", units, len(texts)),
        ("reference_weights", reference_weights, len(reference or ())),
    ):
        if given is not None and len(given) != count:
            raise ValueError(f"{len(given)} {name} for {count} messages")
    if len(texts) < minimum_messages:
        return []
    encoded = [_encoded(text) for text in texts]
    read = _Messages(encoded)
    weight = _shares(len(texts), weights)
    normal = (
        None
        if reference is None
        else (_Messages([_encoded(text) for text in reference]), _shares(len(reference), reference_weights))
    )
    found = []
    for core, kinds in read.groups(minimum_messages):
        members = read.members(kinds)
        found.append(
            Campaign(
                template=read.template(core, kinds, encoded),
                messages=len(members),
                share=float(weight[members].sum()),
                units=None if units is None else _senders([units[k] for k in members.tolist()]),
                reference_share=None
                if normal is None
                else _usual(*normal, read.hash[core], read.weight[core]),
                members=tuple(members.tolist()),
                examples=_examples(encoded, members),
            )
        )
    return sorted(found, key=lambda one: (-one.share, one.template))[:MOST_CAMPAIGNS]


class _Messages:
    """Messages as sets of words, each different wording once.

    hash int64[V], weight float64[V]: of each different word, the weight by how rare it is
    document int64[D], word int64[D]: which wording holds which word, ascending
    count int64[R]: messages of each wording; kind int64[n]: the wording of each message
    """

    def __init__(self, texts: Sequence[bytes]) -> None:
        self._points = decode(buffers(as_binary(pa.array(texts, pa.large_binary()))), 0, len(texts))
        self._words = wording(self._points)
        _, first, self.kind, self.count = np.unique(
            self._words.content, return_index=True, return_inverse=True, return_counts=True
        )
        self._first = first
        lengths = np.diff(self._words.offsets)[first]
        document = np.repeat(np.arange(len(first)), lengths)
        place = np.arange(len(document)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        self.hash, word = np.unique(
            self._words.hash[np.repeat(self._words.offsets[first], lengths) + place], return_inverse=True
        )
        pairs = np.unique(document * len(self.hash) + word)
        self.document, self.word = np.divmod(pairs, max(1, len(self.hash)))
        self.size = np.bincount(self.document, minlength=len(first))
        self.held_by = np.bincount(self.word, self.count[self.document], len(self.hash))
        self.weight = np.log1p(len(texts) / np.maximum(self.held_by, 1.0))

    def members(self, kinds: npt.NDArray[np.bool_]) -> Integers:
        """The messages of some wordings, ascending."""
        return np.flatnonzero(kinds[self.kind])

    def groups(self, minimum: int) -> Iterator[tuple[Integers, npt.NDArray[np.bool_]]]:
        """Templates, as ascending words, and which wordings follow each; no wording follows two."""
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        # A word that fewer messages hold than a campaign has is in no template, but sets its messages apart.
        free = self.size >= _LEAST_WORDS
        often = (self.held_by >= minimum)[self.word] & free[self.document]
        offsets = np.searchsorted(self.document[often], np.arange(len(free) + 1))
        one, two, similar = links(offsets, self.word[often], self.hash, self.weight)
        for least in _SIMILARITIES:
            near = (similar >= least) & free[one] & free[two]
            graph = coo_array(
                (np.ones(int(near.sum()), np.int8), (one[near], two[near])), shape=(len(free), len(free))
            )
            _, component = connected_components(graph, directed=False)
            messages = np.bincount(component, self.count * free)
            large = np.flatnonzero(messages >= minimum)
            for group in large[np.lexsort((large, -messages[large]))][:MOST_CAMPAIGNS].tolist():
                found = self._template((component == group) & free, free, minimum)
                if found is not None:
                    free = free & ~found[1]
                    yield found

    def _template(
        self, members: npt.NDArray[np.bool_], free: npt.NDArray[np.bool_], minimum: int
    ) -> tuple[Integers, npt.NDArray[np.bool_]] | None:
        for _ in range(3):
            inside = members[self.document]
            count = self.count * members
            present = np.bincount(self.word[inside], count[self.document[inside]], len(self.hash))
            core = np.flatnonzero(present >= _FIXED * count.sum())
            if len(core) < _LEAST_WORDS:
                return None
            found = free & self.follow(self.hash[core], self.weight[core])
            if self.count[found].sum() < minimum:
                return None
            if np.array_equal(found, members):
                break
            members = found
        return core, found

    def follow(self, hashes: Integers, weights: Floats) -> npt.NDArray[np.bool_]:
        """bool[R]: which wordings follow the template of these words, ascending."""
        at = np.minimum(np.searchsorted(hashes, self.hash), len(hashes) - 1)
        held = np.where(hashes[at] == self.hash, weights[at], 0.0)[self.word]
        weight = np.bincount(self.document, held, len(self.size))
        own = np.bincount(self.document, held > 0, len(self.size))
        return np.asarray((weight >= _HELD * weights.sum()) & (own >= _OWN * self.size), np.bool_)

    def template(self, core: Integers, kinds: npt.NDArray[np.bool_], texts: Sequence[bytes]) -> str:
        """The message that shows the template best, with what is not of it as ⟨…⟩."""
        inside = kinds[self.document]
        known = np.isin(self.word, core)
        held = np.bincount(self.document[inside & known], minlength=len(self.size))
        best = np.flatnonzero(kinds)
        best = best[np.lexsort((best, -self.count[best], self.size[best], -held[best]))][0]
        message = min(np.flatnonzero(self.kind == best).tolist(), key=lambda k: texts[k])
        words = slice(*self._words.offsets[message : message + 2])
        hashes, start, end = self._words.hash[words], self._words.start[words], self._words.end[words]
        fixed = np.isin(hashes, self.hash[core])
        pieces: list[str] = []
        reached, gap = int(start[0]), False
        for k, (first, last) in enumerate(zip(start.tolist(), end.tolist(), strict=True)):
            between = self._text(reached, first)
            if not fixed[k] and last > reached:
                if not gap:
                    pieces.append(_apart(between) + "⟨…⟩")
                gap, reached = True, last
            if not fixed[k]:
                continue
            if not gap and any(map(str.isalnum, between)):  # somebody is addressed
                pieces.append(" ⟨…⟩")
                gap = True
            pieces.append(_apart(between) if gap else between)
            marker = {LINK: "⟨link⟩", NUMBER: "⟨number⟩"}.get(hashes[k])
            if marker is None or marker not in pieces[-2:]:
                pieces.append(marker or self._text(max(first, reached), last))
            reached, gap = last, False
        return _short("".join(pieces))

    def _text(self, first: int, last: int) -> str:
        return "".join(map(chr, self._points.points[first:last]))


def _apart(between: str) -> str:
    return " " if any(map(str.isspace, between)) else ""


def _usual(read: _Messages, shares: Floats, hashes: Integers, weights: Floats) -> float:
    return float(shares[read.members(read.follow(hashes, weights))].sum())


def _examples(texts: Sequence[bytes], members: Integers) -> tuple[str, ...]:
    different = sorted({texts[k] for k in members.tolist()})
    chosen = different[:: max(1, len(different) // _EXAMPLES)][:_EXAMPLES]
    return tuple(_short(text.decode("utf-8", "replace")) for text in chosen)


def _encoded(text: str | bytes) -> bytes:
    return text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text


def _short(text: str) -> str:
    """One line, at most 160 characters, with everything visible."""
    shown = reveal(" ".join(text[: 4 * _WIDTH].split()))
    return shown if len(shown) <= _WIDTH else shown[: _WIDTH - 1] + "…"


def _senders(units: Sequence[str | None]) -> int:
    return len(set(units) - {None}) + list(units).count(None)


def _shares(count: int, weights: Sequence[float] | None) -> Floats:
    """float64[n]: the part of the whole that each message stands for."""
    weight = np.ones(count) if weights is None else np.asarray(weights, np.float64)
    return np.asarray(weight / max(float(weight.sum()), 1e-300), np.float64)
