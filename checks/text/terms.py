"""Novel terms: the words, phrases, hashtags and emoji that a window uses more than the reference did."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from checks.text import mojibake, spots
from checks.text.decoding import Points, as_binary, buffers, decode
from checks.text.flags import TOKEN_SPACELESS, ZERO_WIDTH
from checks.text.spots import MARKER, PHRASE, WORD, Spots
from checks.text.tokens import Tokens, tokenise
from checks.text.vocabulary import KEEP_PHRASES, KEEP_WORDS, least_phrase_documents

if TYPE_CHECKING:
    from checks.text.plan import TextPlan

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

FALSE_ALARMS = 0.05  # of windows like the reference name a term
LEAST_RATIO = 1.5  # times its expected messages: a smaller rise is sure in a large sample, and says nothing
MINIMUM_UNITS = 5
RECENT_WINDOWS = 3  # a term must be seen in two of so many

# Surer candidates than these are not looked at: a window in another language has thousands.
_CANDIDATES = 300
# A term is grown by its neighbour where so many of its occurrences have the same one.
_TOGETHER = 0.8
_LONGEST = {True: 12, False: 4}  # tokens of a grown term: overlapping pairs of characters, or words
_HALF = 0.4549  # the median of chi-square of one degree of freedom
_VARIATIONS = np.append(0.0, np.geomspace(1e-4, 1.0, 81))
_SPELLINGS = 2000  # occurrences that tell how a term is mostly spelled


@dataclass(frozen=True, slots=True)
class Term:
    """A term that a window uses more than the reference did, as the window mostly spells it.

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
    units: Sequence[str | None] | None = None,
    windows: Sequence[int] | None = None,
    minimum_documents: int = 10,
    limit: int = 20,
) -> list[Term]:
    """The terms that tell the window from the reference, the surest first: words, phrases of known words,
    hashtags and emoji, and in scripts without spaces the longest string that a new pair of characters is part of.

    z is the signed root of the log-likelihood ratio of document frequencies (Dunning 1993). A term is named if it
    is LEAST_RATIO times as frequent as expected, and if its conditional binomial tail leaves at most FALSE_ALARMS
    of windows like the reference with a term, after a correction for as many terms as could have been named
    (Bonferroni) and for how much the known words waver anyway (from the median of their z², as in the genomic
    control of Devlin and Roeder 1999). A known term that became more frequent is named as a new one is. What only
    stands in messages because a named term does is not named again.

    weights            1 / inclusion probability of each message; counts are of the effective sample (Kish)
    units              who sent each message: a term needs MINIMUM_UNITS senders; each None counts as its own
    windows            ascending number of each message's window: where there are several, a term must be more
                       frequent than expected in two of the last RECENT_WINDOWS that hold messages
    minimum_documents  messages of the window that hold the term

    Empty for no messages, for a plan that has learnt nothing, and where nothing is sure. ValueError where weights,
    units or windows are not as many as the messages.
    """
    for name, given in (("weights", weights), ("units", units), ("windows", windows)):
        if given is not None and len(given) != len(window):
            raise ValueError(f"{len(given)} {name} for {len(window)} messages")
    if not window or plan.total == 0:
        return []
    read = _Window(window)
    scale = _scale(len(window), weights)
    counted = _Counted(read.spots, scale, plan)
    chosen = counted.seen >= minimum_documents
    if not chosen.any():
        return []
    test = _Test(counted, plan, minimum_documents)
    chosen &= test.sure(counted.now, counted.before)
    for k in np.flatnonzero(chosen).tolist():
        documents = counted.documents(k)
        chosen[k] = _enough_units(documents, units) and _lasting(
            documents, windows, scale, counted.before[k] / plan.total
        )
    return _named(read, counted, test, np.flatnonzero(chosen), minimum_documents, limit)


class _Window:
    """The messages of a window, read once."""

    def __init__(self, window: Sequence[bytes]) -> None:
        self.points: Points = decode(buffers(as_binary(pa.array(window, pa.large_binary()))), 0, len(window))
        broken = mojibake.find(self.points).broken
        self.tokens: Tokens = tokenise(self.points, broken)
        self.joined = spots.joined(self.points, self.tokens)
        self.pairs = spots.pair_hashes(self.tokens)
        found = spots.together(
            [
                spots.words(self.tokens),
                spots.phrases(self.points, self.tokens),
                spots.markers(self.points, self.tokens, broken),
            ]
        )
        order = np.lexsort((found.start, found.hash))
        self.spots = Spots(
            *(found.hash[order], found.document[order], found.start[order], found.end[order]),
            *(found.token[order], found.kind[order]),
        )

    def spelling(self, start: int, end: int) -> str:
        """What stands there, without characters that nobody sees."""
        seen = (self.points.properties[start:end] & ZERO_WIDTH) == 0
        return "".join(map(chr, self.points.points[start:end][seen]))


class _Counted:
    """The distinct terms of a window, how many messages hold each, and how many of the reference did.

    hash int64[V], kind uint8[V]; seen int64[V] messages; now float64[V], of `size` in the effective sample;
    before float64[V], at most so many messages of the reference; known bool[V], whether that is exact
    """

    def __init__(self, found: Spots, scale: Floats, plan: TextPlan) -> None:
        self._plan, self.scale, self.size = plan, scale, float(scale.sum())
        first = np.ones(len(found.hash), np.bool_)
        first[1:] = (found.hash[1:] != found.hash[:-1]) | (found.document[1:] != found.document[:-1])
        self._documents = found.document[first]
        self.hash, begin, place = np.unique(found.hash[first], return_index=True, return_inverse=True)
        self.kind = found.kind[first][begin]
        self._edges = np.append(begin, len(self._documents))
        self._spots = np.searchsorted(found.hash, np.append(self.hash, np.iinfo(np.int64).max))
        self.seen = np.bincount(place, minlength=len(self.hash))
        self.now = np.bincount(place, scale[self._documents], len(self.hash)).astype(np.float64)
        # What did not fit into the plan had at most as many documents as the rarest that did.
        word = self.kind == WORD
        most_words = float(plan.documents.min()) if len(plan.vocabulary) >= KEEP_WORDS else 0.0
        most_phrases = least_phrase_documents(plan.total) - 1.0
        if len(plan.phrases) >= KEEP_PHRASES:
            most_phrases = max(most_phrases, float(plan.phrase_documents.min()))
        self.before = np.where(
            word,
            _looked_up(self.hash, plan.vocabulary, plan.documents, most_words),
            _looked_up(self.hash, plan.phrases, plan.phrase_documents, most_phrases),
        )
        held = _looked_up(self.hash, plan.phrases, plan.phrase_documents, 0.0)
        self.expected = np.where(word, self.before, held) * (len(scale) / plan.total)

    def before_of_word(self, word: int) -> float:
        """Messages of the reference with the word of that hash."""
        return float(_looked_up(np.array([word]), self._plan.vocabulary, self._plan.documents, 0.0)[0])

    def documents(self, k: int) -> Integers:
        """The messages that hold term `k`, ascending."""
        return self._documents[self._edges[k] : self._edges[k + 1]]

    def occurrences(self, k: int) -> Integers:
        """Places of term `k` in the spots."""
        return np.arange(self._spots[k], self._spots[k + 1])


class _Test:
    """Which counts are sure to be more than the reference's, with the multiplicity and the wavering of a window."""

    def __init__(self, counted: _Counted, plan: TextPlan, minimum_documents: int) -> None:
        from scipy.special import ndtri

        self._size, self._total = counted.size, float(plan.total)
        # Given how often a term occurs in window and reference together, its share of the window is free under
        # the null; one that occurs less often than the minimum in both can never be named.
        reach = counted.now + counted.before >= minimum_documents
        elsewhere = sum(
            int((documents[~np.isin(hashes, counted.hash)] >= minimum_documents).sum())
            for hashes, documents in (
                (plan.vocabulary, plan.documents),
                (plan.phrases, plan.phrase_documents),
            )
        )
        self._least_z = -float(ndtri(FALSE_ALARMS / max(1, int(reach.sum()) + elsewhere)))
        self._wavering = self._variation(counted, plan)

    def _variation(self, counted: _Counted, plan: TextPlan) -> float:
        """The squared coefficient of variation of known words' shares from window to window, beyond the binomial:
        a count of mean m has the variance m + c·m². The least c of a grid for which half the words are nearer to
        what is expected than half of all normal deviates are."""
        often = plan.documents * (self._size / self._total) >= 5
        if often.sum() < 30:
            return 0.0
        before = plan.documents[often].astype(np.float64)
        now = _looked_up(plan.vocabulary[often], counted.hash, counted.now, 0.0)
        squared, mean = np.square(self.z(now, before)), self._mean(now, before)
        for variation in _VARIATIONS.tolist():
            if np.median(squared / (1 + variation * mean)) <= _HALF:
                break
        return float(variation)

    def _mean(self, now: Floats, before: Floats) -> Floats:
        """What would be expected of the window if it were as the reference."""
        return (now + before) * (self._size / (self._size + self._total))

    def z(self, now: Floats, before: Floats) -> Floats:
        """Signed root of the log-likelihood ratio."""
        return _deviance_z(now, self._size, before, self._total)

    def sure(self, now: Floats, before: Floats) -> npt.NDArray[np.bool_]:
        from scipy.special import betainc, ndtri

        share = self._size / (self._size + self._total)
        tail = betainc(np.maximum(now, 1e-9), before + 1.0, share)
        rarer = before * self._size * LEAST_RATIO <= now * self._total
        inflation = np.sqrt(1 + self._wavering * self._mean(now, before))
        return np.asarray(rarer & (-ndtri(tail) >= self._least_z * inflation), np.bool_)


def _named(
    read: _Window, counted: _Counted, test: _Test, chosen: Integers, minimum_documents: int, limit: int
) -> list[Term]:
    z = test.z(counted.now, counted.before)
    # Of equally sure ones the word comes before the phrases that it makes new.
    ranked = chosen[np.lexsort((counted.hash[chosen], counted.kind[chosen], -z[chosen]))][:_CANDIDATES]
    sure = np.sort(counted.hash[ranked])
    covered = np.zeros(len(read.points.points), np.bool_)
    terms: list[Term] = []
    forms: set[str] = set()
    for k in ranked.tolist():
        if len(terms) == limit:
            break
        places = counted.occurrences(k)
        start, end = read.spots.start[places], read.spots.end[places]
        free = ~(covered[start] | covered[end - 1])
        if not free.all() and not _sure_alone(
            counted, test, k, read.spots.document[places[free]], minimum_documents
        ):
            continue
        start, end = _grown(
            read, read.spots.token[places[free]], counted.kind[k], start[free], end[free], sure
        )
        spelled = Counter(
            read.spelling(a, b)
            for a, b in zip(start[:_SPELLINGS].tolist(), end[:_SPELLINGS].tolist(), strict=True)
        )
        form = min(spelled, key=lambda one: (-spelled[one], one))
        covering = np.zeros(len(covered) + 1, np.int64)
        for a, b in ((read.spots.start[places], read.spots.end[places]), (start, end)):
            np.add.at(covering, a, 1)
            np.add.at(covering, b, -1)
        covered |= np.cumsum(covering[:-1]) > 0
        plain = _plain(form)
        if plain in forms or _otherwise_known(form, counted, test, k):
            continue
        forms.add(plain)
        terms.append(Term(form, float(z[k]), int(counted.seen[k]), float(counted.expected[k])))
    return terms


def _sure_alone(counted: _Counted, test: _Test, k: int, documents: Integers, minimum_documents: int) -> bool:
    """Whether a term is sure without the messages where it only stands beside or within a named one."""
    alone = np.unique(documents)
    if len(alone) < minimum_documents:
        return False
    now = np.array([counted.scale[alone].sum()])
    return bool(test.sure(now, counted.before[k : k + 1])[0])


def _grown(
    read: _Window, token: Integers, kind: int, start: Integers, end: Integers, sure: Integers
) -> tuple[Integers, Integers]:
    """Start and end of a term's occurrences, grown by the neighbours that they share: "spirit" to "spirit
    halloween", two characters to the word they are part of. Its ends are sure terms themselves."""
    if kind == MARKER:
        return start, end
    tokens, last_token = read.tokens, len(read.tokens.hash) - 1
    spaceless = bool(tokens.kind[token[0]] & TOKEN_SPACELESS)
    width = 1 if kind == WORD else 2
    few, least = token, _TOGETHER * len(token)
    ahead = back = sure_ahead = sure_back = 0
    growing = [True, True]
    while any(growing) and width + ahead + back < _LONGEST[spaceless]:
        for side in (0, 1):
            if not growing[side]:
                continue
            if side:
                here = np.minimum(few + width + ahead - 1, last_token)
                there, link = np.minimum(here + 1, last_token), here
            else:
                here = np.maximum(few - back, 0)
                there = link = np.maximum(here - 1, 0)
            fits = read.joined[link] & (there != here)
            values, counts = np.unique(tokens.hash[there[fits]], return_counts=True)
            growing[side] = len(values) > 0 and counts.max() >= least
            if not growing[side]:
                continue
            most = values[counts.argmax()]
            pair = read.pairs[link[fits][tokens.hash[there[fits]] == most][0]]
            # Every phrase of a new word is new; only with another sure word it is part of the term.
            is_sure = _holds(sure, int(most)) or (kind == PHRASE and _holds(sure, int(pair)))
            few = few[fits][tokens.hash[there[fits]] == most]
            if side:
                ahead += 1
                sure_ahead = ahead if is_sure else sure_ahead
            else:
                back += 1
                sure_back = back if is_sure else sure_back
    if not sure_ahead and not sure_back:
        return start, end
    first, last = few - sure_back, few + width + sure_ahead - 1
    return tokens.start[first].astype(np.int64), tokens.end[last].astype(np.int64)


def _enough_units(documents: Integers, units: Sequence[str | None] | None) -> bool:
    if units is None:
        return True
    senders = [units[document] for document in documents.tolist()]
    return len(set(senders) - {None}) + senders.count(None) >= MINIMUM_UNITS


def _lasting(documents: Integers, windows: Sequence[int] | None, scale: Floats, usual: float) -> bool:
    """Whether a term is more frequent than `usual` in two of the last windows, if there is more than one."""
    if windows is None:
        return True
    number = np.asarray(windows, np.int64)
    recent = np.unique(number)[-RECENT_WINDOWS:]
    if len(recent) < 2:
        return True
    risen = 0
    for one in recent.tolist():
        held = scale[documents[number[documents] == one]].sum()
        risen += bool(held > usual * scale[number == one].sum())
    return risen >= 2


def _otherwise_known(form: str, counted: _Counted, test: _Test, k: int) -> bool:
    """Whether a word is only new in how its accents are encoded: "é" as one character or as two."""
    if counted.kind[k] != WORD or form.isascii():
        return False
    others = {unicodedata.normalize(name, form.lower()) for name in ("NFC", "NFD")} - {form.lower()}
    before = counted.before[k] + sum(counted.before_of_word(spots.word_hash(other)) for other in others)
    return not test.sure(counted.now[k : k + 1], np.array([before]))[0]


def _plain(form: str) -> str:
    """The term without case and accents: its variants are named once."""
    return "".join(c for c in unicodedata.normalize("NFKD", form.casefold()) if not unicodedata.combining(c))


def _scale(count: int, weights: Sequence[float] | None) -> Floats:
    """What each message counts in the effective sample: (Σw)² / Σw² messages in all (Kish 1965)."""
    if weights is None:
        return np.ones(count)
    weight = np.asarray(weights, np.float64)
    return np.asarray(weight * (weight.sum() / np.square(weight).sum()), np.float64)


def _looked_up(
    wanted: Integers, hashes: Integers, values: npt.NDArray[np.int32] | Floats, otherwise: float
) -> Floats:
    """float64[n]: the value of each wanted hash among sorted ones."""
    out = np.full(len(wanted), otherwise)
    at = np.searchsorted(hashes, wanted)
    there = at < len(hashes)
    there[there] = hashes[at[there]] == wanted[there]
    out[there] = values[at[there]]
    return out


def _holds(hashes: Integers, value: int) -> bool:
    at = int(np.searchsorted(hashes, value))
    return at < len(hashes) and int(hashes[at]) == value


def _deviance_z(now: Floats, now_total: float, before: Floats, before_total: float) -> Floats:
    pooled = (now + before) / (now_total + before_total)
    log_ratio = np.zeros(len(now))
    for count, total in ((now, now_total), (before, before_total)):
        for part, expected in ((count, total * pooled), (total - count, total * (1 - pooled))):
            # Nothing of what is hardly expected adds nothing; rounding may leave a rest just below zero.
            held = part > 0
            log_ratio[held] += part[held] * np.log(part[held] / expected[held])
    side = np.sign(now / now_total - before / before_total)
    return np.asarray(side * np.sqrt(2 * np.maximum(log_ratio, 0)), np.float64)
