"""Count one batch: every window and every segment of it at once, column by column, with bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from checks import counting
from checks.batch import Batch, Categories, Cell, Column, Numbers, Texts
from checks.bins import LOG_BINS, log_bins
from checks.errors import are_errors
from checks.layout import (
    CODEC_CELLS,
    CONTENT_BUCKETS,
    DISTINCT_REGISTERS,
    LENGTH_BINS,
    UNSEEN_BUCKETS,
    VOCABULARY_BUCKETS,
    Layout,
)
from checks.text.annotations import ENCODING_CLASSES, EVASION_CLASSES, SCRIPTS, Annotations
from checks.text.calibration import LEVELS, could_mix, mixed_level

if TYPE_CHECKING:
    from checks.plan import Plan

Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]

# A table of counts for some of the groups has at most this many cells (8 MB), however many windows a batch
# touches.
_TABLE_CELLS = 1 << 20
_REGISTER_ROWS = 2048
_LONGEST = 1 << 20  # characters; length bins end here


@dataclass(frozen=True)
class Groups:
    """Records by window and value of one dimension; groups are sorted by window, then segment.

    order int32[n], starts int64[G + 1], window and segment int64[G]; `whole` says that the groups of a
    window are all its records, each once, and that this is the grouping that "*" is summed from.
    """

    order: Codes
    starts: Ints
    window: Ints
    segment: Ints
    ordered: bool
    whole: bool

    def blocks(self, width: int, rows: int = 1 << 62) -> Iterator[tuple[int, int]]:
        """Ranges of groups whose tables have at most `_TABLE_CELLS` cells; a window is never split."""
        if len(self.window) * width <= _TABLE_CELLS and len(self.window) <= rows:
            yield 0, len(self.window)
            return
        most = max(_TABLE_CELLS // max(width, 1), 1)
        edges = np.append(self.window_starts, len(self.window))
        first = 0
        while first < len(edges) - 1:
            last = int(np.searchsorted(edges, edges[first] + most, "right")) - 1
            last = min(max(last, first + 1), first + rows, len(edges) - 1)
            yield int(edges[first]), int(edges[last])
            first = last

    @cached_property
    def window_starts(self) -> npt.NDArray[np.intp]:
        """The first group of each window."""
        return np.flatnonzero(np.concatenate([[True], self.window[1:] != self.window[:-1]]))


class Sparse:
    """Collects cells that are not zero: `window · size + cell` and its value."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._keys: list[Ints] = []
        self._values: list[npt.NDArray[Any]] = []

    def put(self, window: Ints, cell: Ints, values: npt.NDArray[Any]) -> None:
        self._keys.append(window * self._size + cell)
        self._values.append(values)

    def put_table(self, first_window: int, first_cell: int, table: npt.NDArray[Any]) -> None:
        """Row r of the table holds the cells from `first_cell` of window `first_window + r`."""
        for row in range(len(table)):
            (column,) = (table[row] != 0).nonzero()
            self._keys.append(column + ((first_window + row) * self._size + first_cell))
            self._values.append(table[row, column])

    def sorted(self, dtype: type[np.int64] | type[np.uint8]) -> tuple[Ints, npt.NDArray[Any]]:
        """All keys ascending, and their values."""
        if not self._keys:
            return np.empty(0, np.int64), np.empty(0, dtype)
        keys = np.concatenate(self._keys)
        values = np.concatenate(self._values).astype(dtype, copy=False)
        order = np.argsort(keys, kind="stable")
        return keys[order], values[order]


class Tally:
    """The counts of a batch; `add`, `low`, `high` and `registers` are filled column by column."""

    def __init__(self, batch: Batch, plan: Plan, window: Ints, windows: int) -> None:
        """`window[i]`, from 0 to windows − 1, is the window of record i."""
        self._batch = batch
        self._plan = plan
        self._layout: Layout = plan.layout
        self.add = Sparse(self._layout.size)
        self.low = Sparse(self._layout.size)
        self.high = Sparse(self._layout.size)
        self.registers = Sparse(self._layout.size)
        everything = _group(window, np.zeros(len(batch), np.int64), windows, 1, whole=True)
        self._windows = everything
        self._groupings: list[Groups] = []
        for i, dimension in enumerate(plan.dimensions):
            cells = batch.columns[dimension]
            assert isinstance(cells, Categories)
            of_word = segment_codes(dimension, cells.words, plan.segment_index)
            null = plan.segment_index[f"{dimension}=null"]
            segment = np.append(of_word, null)[cells.codes]
            self._groupings.append(_group(window, segment, windows, len(plan.segments), whole=i == 0))
        if not self._groupings:
            self._groupings = [everything]

    def run(self, annotations: Mapping[str, Annotations]) -> None:
        """Count everything; `annotations` has every text column."""
        for groups in self._groupings:
            self._put_sums(groups, "", "records", np.diff(groups.starts)[:, None], 0, len(groups.window))
        for column in self._plan.columns:
            cells = self._batch.columns[column.name]
            if isinstance(cells, Numbers):
                self._numbers(column, cells)
            elif isinstance(cells, Categories):
                self._categories(column, cells)
            else:
                self._texts(column, cells, annotations[column.name])

    def _numbers(self, column: Column, cells: Numbers) -> None:
        name, number = column.name, self._plan.numbers[column.name]
        finder, bins = number.bins.finder, number.bins.count
        least, most = column.range or (-np.inf, np.inf)
        values, state = _plain(cells.values, np.float64), _plain(cells.state, np.uint8)
        for groups in self._groupings:
            for first, last in groups.blocks(bins + 5, _REGISTER_ROWS):
                count = last - first
                rows = groups.window[first:last] - groups.window[first]
                table = np.zeros((count, bins + 5), np.int64)
                sums = np.zeros((count, len(counting.SUMS)), np.int64)
                minima, maxima = np.empty(count, np.int64), np.empty(count, np.int64)
                registers = np.zeros((int(rows[-1]) + 1 if groups.whole else 0, DISTINCT_REGISTERS), np.uint8)
                counting.tally_numbers(
                    values, state, groups.order, groups.starts[first : last + 1], groups.ordered,
                    finder.logarithmic, finder.low, finder.factor, finder.shift, finder.base,
                    finder.before, finder.step, finder.cuts, finder.bin_of, bins,
                    number.centre, number.scale, number.bound, float(least), float(most),
                    table, sums, minima, maxima, registers, rows,
                )  # fmt: skip
                self._put_sums(groups, name, "bins", np.hstack([table, sums]), first, last)
                self._put_extremes(groups, name, minima, maxima, table[:, :bins].any(axis=1), first, last)
                self._put_registers(groups, name, registers, int(groups.window[first]))
        if column.role == "latency":
            self._latency(column, values, state)

    def _latency(self, column: Column, values: npt.NDArray[np.float64], state: npt.NDArray[np.uint8]) -> None:
        finite = (state == Cell.VALUE) & np.isfinite(values)
        self._tally(
            column.name, "log_bins", np.where(finite, log_bins(values), -1).astype(np.int32), LOG_BINS
        )
        if column.slo_ms is not None:
            late = finite & (values > column.slo_ms)
            self._tally(column.name, "over_slo", np.where(late, 0, -1).astype(np.int32), 1)

    def _categories(self, column: Column, cells: Categories) -> None:
        name, known = column.name, self._plan.categories[column.name]
        packed = pa.array(cells.words, pa.large_string())
        hashes = _word_hashes(packed)
        words = len(known.words)
        # What a cell of each word adds to; then one entry per state, for the cells without a value.
        known_place = pc.index_in(packed, value_set=known.packed)
        unseen = words + (hashes & (UNSEEN_BUCKETS - 1))
        of_word = pc.fill_null(known_place, -1).to_numpy(zero_copy_only=False)
        of_word = np.where(of_word >= 0, of_word, unseen)
        place = np.concatenate([of_word, words + UNSEEN_BUCKETS + np.arange(len(Cell) - 1)])
        # Only the cells that occur get a column in the table: a vocabulary is wide and a window may be small.
        occurring, column_of = np.unique(place, return_inverse=True)
        codes, state = _plain(cells.codes, np.int32), _plain(cells.state, np.uint8)
        for groups in self._groupings:
            for first, last in groups.blocks(len(occurring)):
                table = np.zeros((last - first, len(occurring)), np.int64)
                starts = groups.starts[first : last + 1]
                counting.tally_words(codes, state, column_of, groups.order, starts, groups.ordered, table)
                self._put_sums(groups, name, "bins", table, first, last, occurring)
        if column.values is not None:
            outside = np.append([word not in column.values for word in cells.words], False).astype(np.bool_)
            self._tally(name, "out_of_range", np.where(outside[codes], 0, -1).astype(np.int32), 1)
        if column.errors:
            failed = np.append(are_errors(cells.words, column.errors), False)
            self._tally(name, "errors", np.where(failed[codes], 0, -1).astype(np.int32), 1)
        self._distinct(name, codes, hashes)

    def _texts(self, column: Column, cells: Texts, notes: Annotations) -> None:
        name = column.name
        state = cells.state.astype(np.int32)
        message = state == Cell.VALUE
        languages = len(self._plan.text_facts[name].languages)
        self._tally(name, "null", state - 1, len(Cell) - 1)
        self._tally(name, "length", np.where(message, length_bins(notes.chars), -1), LENGTH_BINS)
        self._tally(name, "script", np.where(message, notes.script.astype(np.int32), -1), len(SCRIPTS))
        language = np.where(message, notes.language, -1).astype(np.int32)
        self._tally(name, "language", language, languages)
        second = np.where(message, notes.second, -1).astype(np.int32)
        pair = np.minimum(language, second) * languages + np.maximum(language, second)
        pair = np.where((language >= 0) & (second >= 0), pair, -1)
        occurring, pair_code = np.unique(pair, return_inverse=True)
        skip = int(occurring[0] == -1) if len(occurring) else 0
        self._tally(
            name, "pair", (pair_code - skip).astype(np.int32), len(occurring) - skip, occurring[skip:]
        )
        self._bits(name, "encoding_messages", notes.encoding, message, len(ENCODING_CLASSES))
        self._bits(name, "evasion_messages", notes.evasion, message, len(EVASION_CLASSES))
        self._rows(name, "encoding_count", np.where(message[:, None], notes.encoding_counts, 0))
        codec = np.where(message, notes.codec, -1).astype(np.int32)
        self._tally(name, "codec", codec, CODEC_CELLS if (codec >= 0).any() else 0)
        self._rows(name, "evasion_count", np.where(message[:, None], notes.evasion_counts, 0))
        self._rows(name, "messages", message[:, None].astype(np.int64))
        self._rows(name, "sum", _length_sums(np.where(message, notes.chars, 0)))
        self._rows(name, "mixed", _message_counters(notes, message))
        if self._layout.has(name, "mixed_level"):
            level = np.where(message & could_mix(notes), mixed_level(notes), -1).astype(np.int32)
            self._tally(name, "mixed_level", level, LEVELS)
        self._vocabulary(name, notes)
        each = np.where(message, np.arange(len(message)), -1).astype(np.int32)
        self._distinct(name, each, notes.content_hash)
        self._contents(name, notes.content_hash, message)

    def _tally(self, column: str, name: str, codes: Codes, width: int, cells: Ints | None = None) -> None:
        """Count codes 0 … width − 1 (negative: none) on the field's cells, or on the given ones of them."""
        if not width:
            return
        for groups in self._groupings:
            for first, last in groups.blocks(width):
                table = np.zeros((last - first, width), np.int64)
                counting.tally(codes, groups.order, groups.starts[first : last + 1], groups.ordered, table)
                self._put_sums(groups, column, name, table, first, last, cells)

    def _bits(self, column: str, name: str, flags: Any, take: npt.NDArray[np.bool_], width: int) -> None:
        flags = np.where(take, flags, np.uint32(0)).astype(np.uint32)
        for groups in self._groupings:
            table = np.zeros((len(groups.window), width), np.int64)
            counting.tally_bits(flags, groups.order, groups.starts, table)
            self._put_sums(groups, column, name, table, 0, len(groups.window))

    def _rows(self, column: str, name: str, matrix: npt.NDArray[Any]) -> None:
        """Sum the rows of the matrix onto the cells from the field's first."""
        matrix = _plain(matrix, np.int64)
        for groups in self._groupings:
            table = np.zeros((len(groups.window), matrix.shape[1]), np.int64)
            counting.sum_rows(matrix, groups.order, groups.starts, table)
            self._put_sums(groups, column, name, table, 0, len(groups.window))

    def _put_sums(
        self,
        groups: Groups,
        column: str,
        name: str,
        table: npt.NDArray[np.int64],
        first: int,
        last: int,
        cells: Ints | None = None,
    ) -> None:
        """Rows of groups first … last − 1; column c is the field's cell c, or `cells[c]`."""
        window, segment = groups.window[first:last], groups.segment[first:last]
        start = self._layout.field(column, name).start
        if groups.whole and segment.any():
            heads = _heads(window)
            self._put(
                window[heads],
                np.zeros(len(heads), np.int64),
                start,
                np.add.reduceat(table, heads, axis=0),
                cells,
            )
        self._put(window, segment, start, table, cells)

    def _put(self, window: Ints, segment: Ints, start: int, table: Any, cells: Ints | None) -> None:
        row, column = np.nonzero(table)
        offset = column if cells is None else cells[column]
        self.add.put(
            window[row], segment[row] * self._layout.narrow_width + start + offset, table[row, column]
        )

    def _put_extremes(
        self, groups: Groups, column: str, minima: Ints, maxima: Ints, some: Any, first: int, last: int
    ) -> None:
        window, segment = groups.window[first:last][some], groups.segment[first:last][some]
        minima, maxima = minima[some], maxima[some]
        start = self._layout.field(column, "extremes").start
        if not len(window):
            return
        if groups.whole and groups.segment.any():
            heads = _heads(window)
            self.low.put(window[heads], np.full(len(heads), start), np.minimum.reduceat(minima, heads))
            self.high.put(window[heads], np.full(len(heads), start), np.maximum.reduceat(maxima, heads))
        cell = segment * self._layout.narrow_width + start
        self.low.put(window, cell, minima)
        self.high.put(window, cell, maxima)

    def _put_registers(self, groups: Groups, column: str, registers: Any, first_window: int) -> None:
        if len(registers):
            self.registers.put_table(first_window, self._layout.first(column, "distinct"), registers)

    def _distinct(self, column: str, codes: Codes, hashes: Ints) -> None:
        """Distinct values: record i has the hash `hashes[codes[i]]`, none where the code is negative."""
        groups = self._windows
        index, rank = counting.registers_of(hashes)
        for first, last in groups.blocks(1, _REGISTER_ROWS):
            registers = np.zeros((last - first, DISTINCT_REGISTERS), np.uint8)
            starts = groups.starts[first : last + 1]
            counting.register_codes(codes, index, rank, groups.order, starts, groups.ordered, registers)
            self._put_registers(groups, column, registers, int(groups.window[first]))

    def _contents(self, column: str, hashes: Any, take: npt.NDArray[np.bool_]) -> None:
        """Which buckets of the content hash are occupied: distinct contents by linear counting."""
        groups = self._windows
        window = np.repeat(groups.window, np.diff(groups.starts))
        # The low bits choose the register of the other counter; take others here.
        bucket = (hashes[groups.order] >> 24) & (CONTENT_BUCKETS - 1)
        key = np.unique((window * CONTENT_BUCKETS + bucket)[take[groups.order]])
        start = self._layout.first(column, "contents")
        self.registers.put(key // CONTENT_BUCKETS, start + key % CONTENT_BUCKETS, np.ones(len(key), np.uint8))

    def _vocabulary(self, column: str, notes: Annotations) -> None:
        kept = self._layout.kept("vocabulary")
        pairs = [(self._windows, np.ones(len(self._windows.window), np.bool_))]
        pairs += [
            (groups, np.isin(groups.segment, kept))
            for groups in self._groupings
            if groups is not self._windows
        ]
        lengths = np.diff(notes.token_offsets)
        for groups, wanted in pairs:
            first = np.array(
                [
                    self._layout.first(column, "vocabulary", segment) if take else 0
                    for segment, take in zip(groups.segment.tolist(), wanted.tolist(), strict=True)
                ],
                np.int64,
            )
            room = int(lengths[groups.order][np.repeat(wanted, np.diff(groups.starts))].sum())
            keys, counts = np.empty(room, np.int64), np.empty(room, np.int64)
            written = counting.document_frequencies(
                notes.token_hash, notes.token_offsets, groups.order, groups.starts, wanted,
                VOCABULARY_BUCKETS, groups.window * self._layout.size + first, keys, counts,
            )  # fmt: skip
            self.add.put(np.zeros(written, np.int64), keys[:written], counts[:written])


def segment_codes(dimension: str, words: Sequence[str], index: Mapping[str, int]) -> Ints:
    """The segment of each word of a dimension: its own, or other."""
    other = index[f"{dimension}=other"]
    # A value that is called like a collecting segment must not be counted as it.
    return np.array(
        [other if word == "null" else index.get(f"{dimension}={word}", other) for word in words], np.int64
    )


def length_bins(chars: npt.NDArray[np.int32]) -> Codes:
    """Log bins of message lengths: single below 8 characters, then 4 to the octave; the last from 2^20."""
    clipped = np.minimum(chars, _LONGEST).astype(np.float64)
    octave = (clipped.view(np.int64) >> 50) - (1026 << 2) + 8
    return np.where(chars < 8, chars, octave).astype(np.int32)


def _group(window: Ints, segment: Ints, windows: int, segments: int, *, whole: bool) -> Groups:
    key = window * segments + segment
    # Records mostly come in order of time: then there is nothing to sort, and nothing to look up.
    ordered = bool((key[1:] >= key[:-1]).all())
    if ordered:
        order = np.arange(len(key), dtype=np.int32)
        starts = np.searchsorted(key, np.arange(windows * segments + 1))
    else:
        order, starts = counting.group_records(key, windows * segments)
    some = np.flatnonzero(np.diff(starts))
    bounds = np.append(starts[some], starts[-1])
    return Groups(order, bounds, some // segments, some % segments, ordered, whole)


def _heads(window: Ints) -> npt.NDArray[np.intp]:
    return np.flatnonzero(np.concatenate([[True], window[1:] != window[:-1]]))


def _plain(values: npt.NDArray[Any], dtype: Any) -> npt.NDArray[Any]:
    """Contiguous and read-only, as Arrow's buffers are: a kernel is compiled for each kind of array."""
    plain = np.ascontiguousarray(values, dtype).view()
    plain.flags.writeable = False
    return plain


def _word_hashes(packed: pa.LargeStringArray) -> Ints:
    buffers = packed.buffers()
    offsets = np.frombuffer(buffers[1], np.int64)[: len(packed) + 1] if len(packed) else np.zeros(1, np.int64)
    data = np.frombuffer(buffers[2], np.uint8) if buffers[2] is not None else np.empty(0, np.uint8)
    hashes: Ints = counting.hash_words(_plain(data, np.uint8), _plain(offsets, np.int64))
    return hashes


def _length_sums(chars: npt.NDArray[Any]) -> Ints:
    length = chars.astype(np.int64)
    square = length * length
    return np.stack([length, square >> 31, square & 0x7FFFFFFF], axis=1)


def _message_counters(notes: Annotations, message: npt.NDArray[np.bool_]) -> Ints:
    """Per message, in the order of the layout: mixed … unknown_words."""
    tokens = notes.language_tokens.astype(np.int64)
    # CMI = 100 (1 − max t / N), Das and Gambäck 2014, in units of 10^-4.
    cmi = (tokens - notes.dominant_tokens) * 1_000_000 // np.maximum(tokens, 1)
    columns = [
        notes.mixed,
        tokens,
        tokens > 0,
        notes.switches,
        cmi,
        notes.words > 0,
        notes.unknown_words > 0,
        notes.words,
        notes.unknown_words,
    ]
    return np.stack([np.where(message, column, 0).astype(np.int64) for column in columns], axis=1)


def length_bin_starts() -> list[int]:
    """The shortest length, in characters, of each of the length bins."""
    return [*range(8), *(step << octave for octave in range(1, 18) for step in (4, 5, 6, 7)), _LONGEST]
