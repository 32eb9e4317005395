"""What many messages are like, taken together: counts gathered batch by batch, in bounded memory."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from heapq import nlargest
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from checks.tails import wilson
from checks.text import mixing
from checks.text.annotations import ENCODING_CLASSES, EVASION_CLASSES, SCRIPTS, Annotations
from checks.text.calibration import LEVELS, could_mix, counts_of, mixed_level
from checks.text.display import reveal
from checks.text.evidence import excerpt
from checks.text.mojibake import CODECS
from checks.text.plan import UND, TextPlan

EXAMPLES = 2
REPEATED = 5  # repeated texts that are named
# Different texts whose copies are counted; beyond it, those of a share of all texts, drawn by hash.
COUNTED_TEXTS = 1 << 19
# A language counts for the M-index from this share of the words on, where none were declared.
LEAST_LANGUAGE = 0.01


@dataclass(frozen=True, slots=True)
class Share:
    """So many messages, their share 0..1 with its 95 % interval (Wilson 1927), and a few of them.

    `examples`: at most 120 characters each around the hit, what is invisible made visible.
    """

    name: str
    messages: int
    share: float
    low: float
    high: float
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Summary:
    """A window of messages. Shares are of the messages with text, unless said otherwise; None is undefined.

    messages        all; `nulls` and `empty` of them have no text
    languages       most frequent first; "und" and "und-Latn" are among them
    pairs           of the mixed messages, "de+tr"
    mixed           of the messages with two words or more that have a language
    mixed_corrected the same share without the detector's own errors, if the plan is calibrated (`calibration`)
    c_u             mean of C_u over the mixed messages, 0..100
    c_corpus        C_c of the window, 0..100;  i_index, m_index 0..1;  entropy bits (see `mixing`)
    m_index_of      the languages that the M-index is taken over
    codecs          messages with mojibake by what they were read as
    unknown         messages with a word that the plan does not know
    duplicates      messages that say what another said before them
    repeated        the texts said most often
    counted_all     False: copies were counted in a random share of the texts, too many for all
    learnt_here     the plan was learnt on these very messages: its prior and its vocabulary are theirs
    versions        of detectors and data
    """

    messages: int
    nulls: int
    empty: int
    characters: int
    words: int
    languages: tuple[Share, ...]
    scripts: tuple[Share, ...]
    mixed: Share
    mixed_corrected: Share | None
    pairs: tuple[Share, ...]
    c_u: float | None
    c_corpus: float | None
    i_index: float | None
    m_index: float | None
    m_index_of: tuple[str, ...]
    entropy: float | None
    encoding: tuple[Share, ...]
    codecs: tuple[tuple[str, int], ...]
    evasion: tuple[Share, ...]
    unknown: Share
    unknown_words: int
    duplicates: Share
    repeated: tuple[Share, ...]
    counted_all: bool
    learnt_here: bool
    versions: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe."""
        return {**asdict(self), "versions": dict(sorted(self.versions.items()))}


class Gatherer:
    """Counts over batches; the order of the batches makes no difference. Memory does not grow with messages.

    `declared`: the languages that were asked for; without them the M-index is taken over the frequent ones.
    `redact`: what a message goes through before any of it is shown, called for few messages.
    """

    def __init__(
        self,
        plan: TextPlan,
        declared: Sequence[str] | None = None,
        *,
        learnt_here: bool = False,
        redact: Callable[[bytes], bytes] | None = None,
    ) -> None:
        self._plan = plan
        self._declared = declared
        self._learnt_here = learnt_here
        self._sums: Counter[str] = Counter()
        self._levels = np.zeros(LEVELS, np.int64)
        self._languages = np.zeros(len(plan.languages), np.int64)
        self._tokens = np.zeros(len(plan.languages), np.int64)
        self._pairs: Counter[tuple[int, int]] = Counter()
        self._scripts = np.zeros(len(SCRIPTS), np.int64)
        self._encoding = np.zeros(len(ENCODING_CLASSES), np.int64)
        self._evasion = np.zeros(len(EVASION_CLASSES), np.int64)
        self._codecs = np.zeros(len(CODECS), np.int64)
        self._c_u: list[float] = []
        self._c_corpus: list[float] = []
        self._copies = _Copies(redact or _as_it_is)
        self._examples = _Examples(plan, redact or _as_it_is)

    @property
    def messages(self) -> int:
        return self._sums["messages"]

    def add(self, texts: pa.LargeBinaryArray, notes: Annotations) -> None:
        """Count a batch; `notes` are the annotations of `texts`."""
        present = notes.chars > 0
        able = could_mix(notes)
        mixed = notes.mixed & able
        self._sums.update(
            messages=len(notes),
            nulls=texts.null_count,
            with_text=int(present.sum()),
            characters=int(notes.chars.sum(dtype=np.int64)),
            words=int(notes.words.sum(dtype=np.int64)),
            unknown_words=int(notes.unknown_words.sum(dtype=np.int64)),
            unknown=int((notes.unknown_words > 0).sum()),
            could_mix=int(able.sum()),
            mixed=int(mixed.sum()),
            switches=int(notes.switches.sum(dtype=np.int64)),
            chances=int(np.maximum(notes.language_tokens - 1, 0).sum(dtype=np.int64)),
        )
        self._levels += counts_of(mixed_level(notes)[able])
        self._languages += np.bincount(
            notes.language[notes.language >= 0], minlength=len(self._languages)
        ).astype(np.int64)
        spoken = notes.token_language[notes.token_language >= 0]
        self._tokens += np.bincount(spoken, minlength=len(self._tokens)).astype(np.int64)
        self._scripts += np.bincount(notes.script[present], minlength=len(SCRIPTS)).astype(np.int64)
        self._encoding += (notes.encoding_counts > 0).sum(axis=0)
        self._evasion += (notes.evasion_counts > 0).sum(axis=0)
        self._codecs += np.bincount(notes.codec[notes.codec >= 0], minlength=len(CODECS)).astype(np.int64)
        self._mixing(notes, mixed)
        self._copies.add(texts, notes, present)
        self._label(texts, notes, mixed)

    def _mixing(self, notes: Annotations, mixed: npt.NDArray[np.bool_]) -> None:
        one, two = notes.language[mixed], notes.second[mixed]
        found, counts = np.unique(
            np.stack([np.minimum(one, two), np.maximum(one, two)]), axis=1, return_counts=True
        )
        for (first, second), count in zip(found.T.tolist(), counts.tolist(), strict=True):
            self._pairs[first, second] += count
        n, t, p = notes.language_tokens, notes.dominant_tokens, notes.switches
        self._c_u.append(math.fsum(mixing.c_u(n[mixed], t[mixed], p[mixed])))
        whole = mixing.c_corpus(n, t, p)
        self._c_corpus += [] if whole is None else [whole * len(n)]

    def _label(self, texts: pa.LargeBinaryArray, notes: Annotations, mixed: npt.NDArray[np.bool_]) -> None:
        """Look for better examples of whatever the batch shows."""
        hashes = notes.content_hash
        for index in np.flatnonzero(np.bincount(notes.language[notes.language >= 0])).tolist():
            self._examples.see(
                self._plan.languages[index], texts, np.flatnonzero(notes.language == index), hashes
            )
        lesser = np.minimum(notes.language_tokens - notes.dominant_tokens, 4)
        pair = np.minimum(notes.language, notes.second).astype(np.int64) * len(self._languages)
        pair += np.maximum(notes.language, notes.second)
        for code in np.unique(pair[mixed]).tolist():
            rows = np.flatnonzero(mixed & (pair == code))
            name = self._pair(*divmod(code, len(self._languages)))
            self._examples.see(name, texts, rows, hashes, lesser)
        for names, counts in (
            (ENCODING_CLASSES, notes.encoding_counts),
            (EVASION_CLASSES, notes.evasion_counts),
        ):
            for index, name in enumerate(names):
                rows = np.flatnonzero(counts[:, index])
                self._examples.see(name, texts, rows, hashes)

    def _pair(self, one: int, two: int) -> str:
        return "+".join(sorted((self._plan.languages[one], self._plan.languages[two])))

    def _corrected(self) -> Share | None:
        """The share of mixed messages by the plan's calibration; its `messages` are what that comes to."""
        calibration, total = self._plan.calibration, self._sums["could_mix"]
        if calibration is None:
            return None
        found = calibration.correct(self._levels)
        return Share("mixed", round(found.value * total), found.value, found.low, found.high)

    def summary(self) -> Summary:
        """What was gathered so far."""
        sums, plan = self._sums, self._plan
        with_text = sums["with_text"]
        pairs = {self._pair(*pair): count for pair, count in self._pairs.items()}
        measured = self._measured()
        heard = self._tokens[[plan.languages.index(language) for language in measured]]
        copies, looked_at = self._copies.copies()
        return Summary(
            messages=sums["messages"],
            nulls=sums["nulls"],
            empty=sums["messages"] - sums["nulls"] - with_text,
            characters=sums["characters"],
            words=sums["words"],
            languages=self._shares(dict(zip(plan.languages, self._languages.tolist(), strict=True))),
            scripts=self._shares(dict(zip(SCRIPTS, self._scripts.tolist(), strict=True))),
            mixed=share("mixed", sums["mixed"], sums["could_mix"]),
            mixed_corrected=self._corrected(),
            pairs=self._shares(pairs),
            c_u=math.fsum(self._c_u) / sums["mixed"] if sums["mixed"] else None,
            c_corpus=math.fsum(self._c_corpus) / sums["messages"] if sums["messages"] else None,
            i_index=sums["switches"] / sums["chances"] if sums["chances"] else None,
            m_index=mixing.m_index(heard),
            m_index_of=measured,
            entropy=mixing.language_entropy(heard),
            encoding=self._shares(dict(zip(ENCODING_CLASSES, self._encoding.tolist(), strict=True))),
            codecs=_ordered(dict(zip(CODECS, self._codecs.tolist(), strict=True))),
            evasion=self._shares(dict(zip(EVASION_CLASSES, self._evasion.tolist(), strict=True))),
            unknown=share("unknown words", sums["unknown"], with_text),
            unknown_words=sums["unknown_words"],
            duplicates=share("duplicates", copies, looked_at),
            repeated=self._copies.repeated(with_text),
            counted_all=self._copies.level == 0,
            learnt_here=self._learnt_here,
            versions=plan.versions,
        )

    def _measured(self) -> tuple[str, ...]:
        """The fixed set of languages that evenness is measured over."""
        if self._declared is not None:
            return tuple(language for language in self._plan.languages if language != UND)
        least = max(1.0, LEAST_LANGUAGE * int(self._tokens.sum()))
        return tuple(
            language
            for language, count in zip(self._plan.languages, self._tokens.tolist(), strict=True)
            if count >= least
        )

    def _shares(self, counts: Mapping[str, int]) -> tuple[Share, ...]:
        total = self._sums["with_text"]
        return tuple(share(name, count, total, self._examples.of(name)) for name, count in _ordered(counts))


def share(name: str, messages: int, total: int, examples: tuple[str, ...] = ()) -> Share:
    """A share of `total` messages; of none it is 0, and may be anything up to 1."""
    if not total:
        return Share(name, messages, 0.0, 0.0, 1.0, examples)
    low, high = wilson(np.array([messages], np.float64), np.array([total], np.float64))
    return Share(name, messages, messages / total, float(low[0]), float(high[0]), examples)


def _ordered(counts: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    """Those that occur, the most frequent first."""
    return tuple(sorted(((n, c) for n, c in counts.items() if c), key=lambda item: (-item[1], item[0])))


def _as_it_is(text: bytes) -> bytes:
    return text


def _shown(text: bytes, width: int = 120) -> str:
    """The beginning of a message."""
    begun = text[: 4 * width].decode("utf-8", "replace")
    shown = " ".join(reveal(begun).split())
    return shown if len(shown) <= width and len(text) <= 4 * width else shown[: width - 1] + "…"


class _Examples:
    """A few messages per label: of the clearest those of the smallest hash, which is as good as at random."""

    def __init__(self, plan: TextPlan, redact: Callable[[bytes], bytes]) -> None:
        self._plan = plan
        self._redact = redact
        self._best: dict[str, dict[tuple[int, int], str]] = {}

    def see(
        self,
        label: str,
        texts: pa.LargeBinaryArray,
        rows: npt.NDArray[np.intp],
        hashes: npt.NDArray[np.int64],
        strength: npt.NDArray[np.int32] | None = None,
    ) -> None:
        if not len(rows):
            return
        power = np.zeros(len(rows), np.int64) if strength is None else strength[rows].astype(np.int64)
        best = self._best.setdefault(label, {})
        for place in np.lexsort((hashes[rows], -power)).tolist():
            key = (-int(power[place]), int(hashes[rows[place]]))
            if key in best:
                continue
            if len(best) >= EXAMPLES and key > max(best):
                return
            if len(best) >= EXAMPLES:
                del best[max(best)]
            text = self._redact(texts[int(rows[place])].as_py())
            best[key] = excerpt(text, self._plan, label) or _shown(text)

    def of(self, label: str) -> tuple[str, ...]:
        return tuple(text for _, text in sorted(self._best.get(label, {}).items()))


class _Copies:
    """How often each text was said. Too many texts: only those go on to be counted whose hash ends in `level`
    zero bits (adaptive sampling, Flajolet 1990), which keeps or drops all copies of a text together."""

    def __init__(self, redact: Callable[[bytes], bytes]) -> None:
        self.level = 0
        self._redact = redact
        self._counts: Counter[int] = Counter()
        self._texts: dict[int, str] = {}

    def add(self, texts: pa.LargeBinaryArray, notes: Annotations, present: npt.NDArray[np.bool_]) -> None:
        rows = np.flatnonzero(present)
        if self.level:
            rows = rows[notes.content_hash[rows] & ((1 << self.level) - 1) == 0]
        hashes = notes.content_hash[rows].tolist()
        self._counts.update(hashes)
        place = dict(zip(hashes, rows.tolist(), strict=True))
        # A text becomes one of the most repeated while it is said: it is in this batch, or was kept before.
        again = (one for one in place if self._counts[one] > 1)
        for one in nlargest(REPEATED, again, key=self._rank):
            if one not in self._texts:
                self._texts[one] = _shown(self._redact(texts[place[one]].as_py()))
        self._texts = {one: self._texts[one] for one in nlargest(REPEATED, self._texts, key=self._rank)}
        while len(self._counts) > COUNTED_TEXTS:
            self.level += 1
            mask = (1 << self.level) - 1
            self._counts = Counter({one: n for one, n in self._counts.items() if not one & mask})

    def _rank(self, one: int) -> tuple[int, int]:
        return self._counts[one], one

    def copies(self) -> tuple[int, int]:
        """Messages that repeat an earlier one, and how many were looked at."""
        total = self._counts.total()
        return total - len(self._counts), total

    def repeated(self, total: int) -> tuple[Share, ...]:
        ranked = nlargest(REPEATED, self._texts, key=self._rank)
        return tuple(share(self._texts[one], self._counts[one], total) for one in ranked if self._counts[one])
