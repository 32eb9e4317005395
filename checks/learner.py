"""Learning a plan from reference records in one pass, with bounded memory."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from checks import bins
from checks.batch import Batch, Categories, Cell, Cells, Column, Numbers
from checks.layout import LENGTH_BINS
from checks.plan import (
    CategoryPlan,
    Facts,
    NumberPlan,
    Plan,
    TextFacts,
    all_segments,
    segment_name,
)
from checks.tally import length_bins, segment_codes

if TYPE_CHECKING:
    from checks.text import OwnProfile, TextPlan
    from checks.text.annotations import Annotations

MAX_SEGMENTS = 50
MAX_WORDS = 1024
MAX_PAIRS = 40
MAX_LANGUAGES = 30
# A message is cut to this many bytes for learning, so that a reference of long documents fits in memory.
MAX_TEXT_BYTES = 2048
# Annotating is the dear part of learning; this many messages fix which languages and pairs are known.
MAX_ANNOTATED = 20_000

Indices = npt.NDArray[np.intp]


@dataclass
class _Counters:
    """Exact counts over every record of a column, kept or not."""

    states: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(Cell), np.int64))
    out_of_range: int = 0
    low: float = math.inf
    high: float = -math.inf


@dataclass(frozen=True)
class _Kept:
    """Records kept: of numbers the values, of categories codes into the learner's words, of texts bytes."""

    event_hash: npt.NDArray[np.int64]
    event_us: npt.NDArray[np.int64]
    cells: Mapping[str, Any]
    states: Mapping[str, npt.NDArray[np.uint8]]

    def __len__(self) -> int:
        return len(self.event_hash)

    def take(self, index: Indices) -> _Kept:
        places = pa.array(index)
        return _Kept(
            self.event_hash[index],
            self.event_us[index],
            {
                name: cells[index] if isinstance(cells, np.ndarray) else cells.take(places)
                for name, cells in self.cells.items()
            },
            {name: state[index] for name, state in self.states.items()},
        )

    @classmethod
    def joined(cls, pieces: Sequence[_Kept]) -> _Kept:
        first = pieces[0]
        return cls(
            np.concatenate([piece.event_hash for piece in pieces]),
            np.concatenate([piece.event_us for piece in pieces]),
            {name: _concatenate([piece.cells[name] for piece in pieces]) for name in first.cells},
            {name: np.concatenate([piece.states[name] for piece in pieces]) for name in first.states},
        )


class Learner:
    """Collects reference records and makes the plan.

    `segments` names category columns to cut the counts by. At most `keep` records are kept: those with the
    smallest event hash, of records with the same hash the earliest, so the plan does not depend on the
    order of the batches. Counts of nulls, failures and extremes are over every record. `profiles` are the user's own
    language profiles of text columns; `lexicon` names the text columns whose words are weighed by how common they are;
    `mixed_labels` are labelled messages of text columns (texts, bool[n] mixed or not) that calibrate their mixed share.
    ValueError where a segment is no category column.
    """

    def __init__(
        self,
        columns: Sequence[Column],
        *,
        segments: Sequence[str] = (),
        seed: int = 0,
        keep: int = 100_000,
        profiles: Mapping[str, Sequence[OwnProfile]] | None = None,
        lexicon: Collection[str] = (),
        mixed_labels: Mapping[str, tuple[pa.Array, npt.NDArray[np.bool_]]] | None = None,
    ) -> None:
        kinds = {column.name: column.kind for column in columns}
        for name in segments:
            if kinds.get(name) != "category":
                raise ValueError(f"segment {name!r} must be one of the columns, and a category")
        self._columns = tuple(columns)
        self._dimensions = tuple(segments)
        self._seed = seed
        self._keep = keep
        self._profiles = profiles or {}
        self._lexicon = frozenset(lexicon)
        self._mixed_labels = mixed_labels or {}
        self._records = 0
        self._counters = {column.name: _Counters() for column in columns}
        self._words: dict[str, dict[str, int]] = {
            column.name: {} for column in columns if column.kind == "category"
        }
        self._kept: list[_Kept] = []

    def add(self, batch: Batch) -> None:
        """Look at a batch; its arrays are not referred to afterwards, except for those of records kept."""
        self._records += len(batch)
        for column in self._columns:
            self._count(column, batch.columns[column.name])
        if not len(batch):
            return
        limit = self._limit()
        index = np.flatnonzero(batch.event_hash <= limit) if limit is not None else np.arange(len(batch))
        if len(index):
            self._kept.append(self._pick(batch, index))
            if sum(map(len, self._kept)) > 2 * self._keep:
                self._compact()

    def plan(self) -> Plan:
        """The plan of all records added so far; more may be added afterwards for another."""
        self._compact()
        kept = self._kept[0] if self._kept else self._nothing()
        in_time = np.lexsort((kept.event_hash, kept.event_us))
        numbers, categories = {}, {}
        text: dict[str, TextPlan] = {}
        text_facts: dict[str, TextFacts] = {}
        facts = {}
        for column in self._columns:
            name = column.name
            value = kept.states[name] == Cell.VALUE
            if column.kind == "number":
                numbers[name] = self._number(name, kept.cells[name][value])
                keys = kept.cells[name]
            elif column.kind == "category":
                categories[name] = self._category(column, kept.cells[name][value])
                keys = kept.cells[name]
            else:
                text[name], text_facts[name], keys = self._text(column, kept.cells[name])
            facts[name] = self._facts(name, keys, value, in_time)
        values, counts = self._segments(kept)
        segments = all_segments(self._dimensions, values)
        return Plan(
            columns=self._columns,
            dimensions=self._dimensions,
            segments=segments,
            segment_records=tuple(
                len(kept) if i == 0 else counts.get(name, 0) for i, name in enumerate(segments)
            ),
            facts=facts,
            numbers=numbers,
            categories=categories,
            text=text,
            text_facts=text_facts,
        )

    def _count(self, column: Column, cells: Cells) -> None:
        counters = self._counters[column.name]
        counters.states += np.bincount(cells.state, minlength=len(Cell))
        if isinstance(cells, Numbers):
            finite = cells.values[(cells.state == Cell.VALUE) & np.isfinite(cells.values)]
            if len(finite):
                counters.low = min(counters.low, float(finite.min()))
                counters.high = max(counters.high, float(finite.max()))
            if column.range is not None:
                outside = (finite < column.range[0]) | (finite > column.range[1])
                counters.out_of_range += int(outside.sum())
        elif isinstance(cells, Categories) and column.values is not None:
            allowed = np.array([word in column.values for word in cells.words], np.bool_)
            used = np.bincount(cells.codes[cells.codes >= 0], minlength=len(cells.words))
            counters.out_of_range += int(used[~allowed].sum()) if len(allowed) else 0

    def _limit(self) -> int | None:
        """No record with a larger hash can be kept; None while there is room."""
        if not self._kept or len(self._kept[0]) < self._keep:
            return None
        return int(self._kept[0].event_hash[-1])

    def _pick(self, batch: Batch, index: Indices) -> _Kept:
        cells: dict[str, Any] = {}
        for column in self._columns:
            name, own = column.name, batch.columns[column.name]
            if isinstance(own, Numbers):
                cells[name] = own.values[index]
            elif isinstance(own, Categories):
                place = self._words[name]
                codes = own.codes[index]
                used = np.unique(codes[codes >= 0])
                known = np.full(len(own.words) + 1, -1, np.int32)  # the last is for code -1
                known[used] = [place.setdefault(own.words[code], len(place)) for code in used]
                cells[name] = known[codes]
            else:
                cells[name] = _cut(own.values.take(pa.array(index)))
        states = {column.name: batch.columns[column.name].state[index] for column in self._columns}
        return _Kept(batch.event_hash[index], batch.event_us[index], cells, states)

    def _compact(self) -> None:
        if not self._kept:
            return
        kept = _Kept.joined(self._kept)
        order = np.lexsort((kept.event_us, kept.event_hash))
        hashes = kept.event_hash[order]
        first = np.concatenate([[True], hashes[1:] != hashes[:-1]])
        kept = kept.take(order[first][: self._keep])
        for name, place in self._words.items():
            self._drop_unused_words(name, place, kept)
        self._kept = [kept]

    def _drop_unused_words(self, name: str, place: dict[str, int], kept: _Kept) -> None:
        codes = kept.cells[name]
        used = np.zeros(len(place) + 1, np.bool_)
        used[codes[codes >= 0]] = True
        new = np.append(np.cumsum(used[:-1]) - 1, -1).astype(np.int32)
        codes[:] = new[codes]
        self._words[name] = {word: int(new[code]) for word, code in place.items() if used[code]}

    def _nothing(self) -> _Kept:
        empty = {
            "number": np.empty(0),
            "category": np.empty(0, np.int32),
            "text": pa.array([], pa.large_binary()),
        }
        return _Kept(
            np.empty(0, np.int64),
            np.empty(0, np.int64),
            {column.name: empty[column.kind] for column in self._columns},
            {column.name: np.empty(0, np.uint8) for column in self._columns},
        )

    def _number(self, name: str, values: npt.NDArray[np.float64]) -> NumberPlan:
        finite = np.sort(values[np.isfinite(values)] + 0.0)
        counters = self._counters[name]
        learnt = bins.learn(finite, counters.low, counters.high)
        if not len(finite):
            return NumberPlan(learnt, centre=0.0, scale=1.0, bound=float(2**31 - 1))
        last = len(finite) - 1
        low, centre, high = (float(finite[last * part // 1000]) for part in (1, 500, 999))
        spread = high - low or float(finite[-1] - finite[0]) or abs(centre) or 1.0
        bound = max(high - centre, centre - low) + 8 * spread
        # A power of two not below the bound maps to 2^31, and the bound to the last 32-bit integer; with one
        # below 2^-900 the scale itself would overflow.
        exponent = max(math.frexp(min(bound, 1e300))[1], -900)
        scale = math.ldexp(1.0, 31 - exponent)
        return NumberPlan(learnt, centre, scale, bound=(2**31 - 1) / scale)

    def _category(self, column: Column, codes: npt.NDArray[np.int32]) -> CategoryPlan:
        if column.role == "unit":
            return CategoryPlan(words=(), mass=())  # who sent a message is not for the plan to remember
        words = list(self._words[column.name])
        counts = np.bincount(codes, minlength=len(words))
        top = sorted(range(len(words)), key=lambda code: (-counts[code], words[code]))[:MAX_WORDS]
        return CategoryPlan(tuple(words[code] for code in top), tuple(int(counts[code]) for code in top))

    def _text(self, column: Column, cells: Any) -> tuple[TextPlan, TextFacts, npt.NDArray[np.int32]]:
        from checks.text import annotate, learn
        from checks.text.learning import calibrated

        keys = cells.dictionary_encode().indices.fill_null(-1).to_numpy(zero_copy_only=False)
        texts = cells.drop_null()
        plan = learn(
            texts,
            column.languages,
            self._seed,
            own_profiles=self._profiles.get(column.name, ()),
            lexicon=column.name in self._lexicon,
            detector=column.detector,
        )
        if column.name in self._mixed_labels:
            plan = calibrated(plan, *self._mixed_labels[column.name])
        return plan, _text_facts(plan.languages, annotate(texts.slice(0, MAX_ANNOTATED), plan)), keys

    def _facts(self, name: str, keys: Any, value: npt.NDArray[np.bool_], in_time: Indices) -> Facts:
        counters = self._counters[name]
        total = max(self._records, 1)
        values = int(counters.states[Cell.VALUE])
        ordered = keys[in_time][value[in_time]]
        run = _longest_run(ordered)
        thinning = math.ceil(self._records / max(len(value), 1))
        return Facts(
            records=self._records,
            values=values,
            null_share=int(counters.states[Cell.NULL] + counters.states[Cell.SENTINEL]) / total,
            type_failure_share=int(counters.states[Cell.TYPE_FAILURE]) / total,
            absent_share=int(counters.states[Cell.ABSENT]) / total,
            out_of_range_share=counters.out_of_range / total,
            distinct=len(np.unique(ordered)),
            # A run of one does not grow when the records between are filled in; a longer one may.
            longest_run=run if run <= 1 else run * thinning,
        )

    def _segments(self, kept: _Kept) -> tuple[list[tuple[str, str]], dict[str, int]]:
        """The segment values to keep, largest first within the cap, and the records of every segment."""
        found: list[tuple[int, str, str]] = []
        for dimension in self._dimensions:
            codes = kept.cells[dimension]
            counts = np.bincount(codes[codes >= 0], minlength=len(self._words[dimension]))
            found += [(-int(counts[code]), dimension, word) for word, code in self._words[dimension].items()]
        room = MAX_SEGMENTS - 2 * len(self._dimensions)
        values = [(dimension, word) for _, dimension, word in sorted(found)[: max(room, 0)]]
        segments = all_segments(self._dimensions, values)
        index = {segment: i for i, segment in enumerate(segments)}
        totals: dict[str, int] = {}
        for dimension in self._dimensions:
            of_word = segment_codes(dimension, tuple(self._words[dimension]), index)
            codes = kept.cells[dimension]
            null = index[segment_name(dimension, "null")]
            counts = np.bincount(np.append(of_word, null)[codes], minlength=len(segments))
            totals |= {segment: int(counts[i]) for segment, i in index.items() if counts[i]}
        return values, totals


def _text_facts(languages: tuple[str, ...], notes: Annotations) -> TextFacts:
    has_language = notes.language[notes.language >= 0]
    counts = np.bincount(has_language, minlength=len(languages))
    by_count = sorted(np.flatnonzero(counts).tolist(), key=lambda code: (-counts[code], languages[code]))
    mixed = (notes.second >= 0) & (notes.language >= 0)
    pairs: dict[str, int] = {}
    for a, b in zip(notes.language[mixed].tolist(), notes.second[mixed].tolist(), strict=True):
        pair = "+".join(sorted((languages[a], languages[b])))
        pairs[pair] = pairs.get(pair, 0) + 1
    known = sorted(
        (pair for pair, count in pairs.items() if count >= 2), key=lambda pair: (-pairs[pair], pair)
    )
    lengths = np.bincount(length_bins(notes.chars), minlength=LENGTH_BINS)
    # About twelve groups of equal mass: lengths are spread, and a tail of rare ones must not swamp the
    # distance.
    group = np.minimum(12 * (2 * np.cumsum(lengths) - lengths) // max(2 * int(lengths.sum()), 1), 11)
    return TextFacts(
        languages=languages,
        seen=tuple(languages[code] for code in by_count[:MAX_LANGUAGES]),
        pairs=tuple(known[:MAX_PAIRS]),
        length_group=tuple(np.unique(group, return_inverse=True)[1].tolist()),
    )


def _longest_run(keys: Any) -> int:
    if not len(keys):
        return 0
    change = np.flatnonzero(keys[1:] != keys[:-1])
    bounds = np.concatenate([[-1], change, [len(keys) - 1]])
    return int(np.diff(bounds).max())


def _concatenate(pieces: Sequence[Any]) -> Any:
    if isinstance(pieces[0], np.ndarray):
        return np.concatenate(pieces)
    return pa.concat_arrays(pieces)


def _cut(texts: Any) -> Any:
    """Messages cut to `MAX_TEXT_BYTES`, not inside a character."""
    lengths = pc.fill_null(pc.binary_length(texts), 0).to_numpy(zero_copy_only=False)
    if not (lengths > MAX_TEXT_BYTES).any():
        return texts
    cut = [None if raw is None else _whole_characters(raw) for raw in texts.to_pylist()]
    return pa.array(cut, pa.large_binary())


def _whole_characters(raw: bytes) -> bytes:
    end = MAX_TEXT_BYTES
    if len(raw) <= end:
        return raw
    while end > 0 and raw[end] & 0xC0 == 0x80:
        end -= 1
    return raw[:end]
