"""Kernels that fill tables of counts, one row per group of records.

A group is the records of one window and one value of a segment dimension. `order` int32[n] lists the
records group by group, group g being `order[starts[g]:starts[g + 1]]`; `ordered` says that order is 0, 1, 2
… so that it need not be read. Every result is an integer sum, a minimum or a maximum: no result depends on
the order of the records.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

Array = npt.NDArray[Any]

# Columns of the table of sums that `tally_numbers` fills.
SUMS = ("zero", "negative", "out_of_range", "sum", "square_high", "square_low", "under_sum", "over_sum")


@njit(cache=True, nogil=True)
def group_records(key: Array, groups: int) -> tuple[Array, Array]:
    """Order and starts of records by group number (int64[n], 0 ≤ key < groups): a stable counting sort."""
    starts = np.zeros(groups + 1, np.int64)
    for i in range(len(key)):
        starts[key[i] + 1] += 1
    for g in range(groups):
        starts[g + 1] += starts[g]
    place = starts[:-1].copy()
    order = np.empty(len(key), np.int32)
    for i in range(len(key)):
        order[place[key[i]]] = i
        place[key[i]] += 1
    return order, starts


@njit(cache=True, nogil=True, inline="always")
def _mix(x: np.uint64) -> np.uint64:
    """One step of SplitMix64 (Steele, Lea, Flood 2014): every bit of x moves half of the result's."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@njit(cache=True, nogil=True, inline="always")
def _rank(mixed: np.uint64) -> np.uint8:
    """1 + the trailing zeros of the upper 52 bits: a HyperLogLog register keeps the largest, 1..53."""
    rest = (mixed >> np.uint64(12)) | np.uint64(1 << 52)
    lowest = rest & (~rest + np.uint64(1))
    # A power of two as a float tells its exponent without a branch or a loop.
    return np.uint8((np.float64(np.int64(lowest)).view(np.int64) >> 52) - 1022)


# Numbers are counted in chunks that stay in the first-level cache, one small loop per question: loops
# without branches become vector instructions, which halves the time of one loop that asks everything at once.
_CHUNK = 1024
_EXPONENT = np.uint64(0x7FF0000000000000)  # all ones: not finite


@njit(cache=True, nogil=True)
def _gather(
    values: Array,
    state: Array,
    order: Array,
    begin: int,
    end: int,
    ordered: bool,
    bins: int,
    row: Array,
    v: Array,
) -> int:
    """Collect the finite values of records begin … end − 1 in v, count the other cells; returns how many."""
    if ordered:
        other, infinite = np.uint8(0), np.uint64(0)
        for j in range(begin, end):
            other |= state[j]
        for j in range(begin, end):
            v[j - begin] = values[j] + 0.0  # −0.0 becomes 0.0
        bits = v.view(np.uint64)
        for k in range(end - begin):
            infinite |= np.uint64((bits[k] & _EXPONENT) == _EXPONENT)
        if other == 0 and infinite == 0:
            return end - begin
    kept = 0
    for j in range(begin, end):
        i = j if ordered else order[j]
        s = state[i]
        v[kept] = values[i] + 0.0
        if s == 0 and np.isfinite(values[i]):
            kept += 1
        elif s == 0:
            row[bins + 4] += 1
        else:
            row[bins + s - 1] += 1
    return kept


@njit(cache=True, nogil=True)
def _even_cells(v: Array, n: int, low: float, factor: float, top: float, cell: Array) -> None:
    for k in range(n):
        place = (v[k] - low) * factor
        place = place if place > 0.0 else 0.0
        cell[k] = np.int32(place if place < top else top)


@njit(cache=True, nogil=True)
def _logarithmic_cells(v: Array, n: int, low: float, shift: int, base: int, top: float, cell: Array) -> None:
    last = np.int64(top)
    for k in range(n):
        place = (np.float64(v[k] - low).view(np.int64) >> shift) - base
        cell[k] = np.int32(min(max(place, np.int64(0)), last))


@njit(cache=True, nogil=True)
def _bin(
    v: Array, n: int, cell: Array, before: Array, step: int, cuts: Array, bin_of: Array, row: Array
) -> None:
    """Count each value in its bin: the cuts before its cell, then those of its cell that it reaches."""
    if step == 1:
        for k in range(n):
            piece = np.int64(before[cell[k]])
            piece += cuts[piece] <= v[k]
            row[bin_of[piece]] += 1
        return
    if step == 2:  # whole numbers: a bin begins at each and ends right after it
        for k in range(n):
            piece = np.int64(before[cell[k]])
            piece += 2 * np.int64(cuts[piece + 1] <= v[k])
            piece += cuts[piece] <= v[k]
            row[bin_of[piece]] += 1
        return
    for k in range(n):
        piece = np.int64(before[cell[k]])
        stride = step
        while stride > 0:
            piece += stride * np.int64(cuts[piece + stride - 1] <= v[k])
            stride >>= 1
        row[bin_of[piece]] += 1


@njit(cache=True, nogil=True)
def _fixed_point(v: Array, n: int, centre: float, scale: float, bound: float, q: Array) -> None:
    for k in range(n):
        d = v[k] - centre
        d = d if d < bound else bound
        q[k] = np.int32(np.rint((d if d > -bound else -bound) * scale))


@njit(cache=True, nogil=True)
def _moments(q: Array, n: int, sums: Array) -> None:
    total, high, low = np.int64(0), np.uint64(0), np.uint64(0)
    for k in range(n):
        x = np.int64(q[k])
        square = np.uint64(x * x)
        total += x
        high += square >> np.uint64(31)
        low += square & np.uint64(0x7FFFFFFF)
    sums[3] += total
    sums[4] += np.int64(high)
    sums[5] += np.int64(low)


@njit(cache=True, nogil=True)
def _kinds(v: Array, n: int, least: float, most: float, sums: Array) -> None:
    zero, negative, outside = np.int64(0), np.int64(0), np.int64(0)
    for k in range(n):
        zero += v[k] == 0.0
        negative += v[k] < 0.0
        outside += (v[k] < least) | (v[k] > most)
    sums[0] += zero
    sums[1] += negative
    sums[2] += outside


@njit(cache=True, nogil=True)
def _beyond(v: Array, n: int, q: Array, first: float, last: float, sums: Array) -> None:
    """Sums of the values under the first cut and from the last on."""
    for k in range(n):
        if v[k] < first:
            sums[6] += q[k]
        elif v[k] >= last:
            sums[7] += q[k]


@njit(cache=True, nogil=True)
def _distinct(v: Array, n: int, index: Array, rank: Array, registers: Array) -> None:
    """HyperLogLog (Flajolet et al. 2007) with 4,096 registers."""
    bits = v.view(np.uint64)
    for k in range(n):
        mixed = _mix(bits[k])
        index[k] = np.int32(mixed & np.uint64(4095))
        rank[k] = _rank(mixed)
    for k in range(n):
        registers[index[k]] = max(registers[index[k]], rank[k])


@njit(cache=True, nogil=True)
def tally_numbers(
    values: Array,
    state: Array,
    order: Array,
    starts: Array,
    ordered: bool,
    logarithmic: bool,
    low: float,
    factor: float,
    shift: int,
    base: int,
    before: Array,
    step: int,
    cuts: Array,
    bin_of: Array,
    bins: int,
    centre: float,
    scale: float,
    bound: float,
    least: float,
    most: float,
    table: Array,
    sums: Array,
    minima: Array,
    maxima: Array,
    registers: Array,
    row_of: Array,
) -> None:
    """Count the numbers of each group on their bins; see `bins.Finder` for the search.

    table     int64[groups, bins + 5]: bins, then null, sentinel, type failure, absent, non-finite
    sums      int64[groups, 8], zeros, in the order of `SUMS`; squares are split as high · 2^31 + low
    minima, maxima   int64[groups], the float's bits in an order-preserving form
    registers uint8[rows, 4096], group g counts into row `row_of[g]`; no rows: distinct values are not counted
    """
    v, cell, q = np.empty(_CHUNK), np.empty(_CHUNK, np.int32), np.empty(_CHUNK, np.int32)
    rank = np.empty(_CHUNK, np.uint8)
    top = float(len(before) - 1)
    known = len(cuts) - 2 * step  # without the padding
    first, last = (cuts[0], cuts[known - 1]) if known > 0 else (-np.inf, np.inf)
    for g in range(len(starts) - 1):
        smallest, largest = np.inf, -np.inf
        for begin in range(starts[g], starts[g + 1], _CHUNK):
            end = min(begin + _CHUNK, starts[g + 1])
            n = _gather(values, state, order, begin, end, ordered, bins, table[g], v)
            if logarithmic:
                _logarithmic_cells(v, n, low, shift, base, top, cell)
            else:
                _even_cells(v, n, low, factor, top, cell)
            _bin(v, n, cell, before, step, cuts, bin_of, table[g])
            _fixed_point(v, n, centre, scale, bound, q)
            _moments(q, n, sums[g])
            _kinds(v, n, least, most, sums[g])
            for k in range(n):
                if v[k] < smallest:
                    smallest = v[k]
                if v[k] > largest:
                    largest = v[k]
            if smallest < first or largest >= last:
                _beyond(v, n, q, first, last, sums[g])
            if len(registers) > 0:
                _distinct(v, n, cell, rank, registers[row_of[g]])
        minima[g], maxima[g] = _ordered_bits(smallest), _ordered_bits(largest)


@njit(cache=True, nogil=True)
def _ordered_bits(value: float) -> np.int64:
    bits = np.float64(value + 0.0).view(np.int64)
    return bits if bits >= 0 else bits ^ np.int64(0x7FFFFFFFFFFFFFFF)


def float_of(ordered: int) -> float:
    """The float whose order-preserving int64 form this is."""
    bits = ordered if ordered >= 0 else ordered ^ 0x7FFFFFFFFFFFFFFF
    return float(np.int64(bits).view(np.float64))


@njit(cache=True, nogil=True)
def tally(codes: Array, order: Array, starts: Array, ordered: bool, table: Array) -> None:
    """table[g, code] += 1 for every record of each group; negative codes are left out."""
    for g in range(len(starts) - 1):
        for j in range(starts[g], starts[g + 1]):
            code = codes[j if ordered else order[j]]
            if code >= 0:
                table[g, code] += 1


@njit(cache=True, nogil=True)
def tally_bits(flags: Array, order: Array, starts: Array, table: Array) -> None:
    """table[g, b] += 1 for every bit b that is set in the flags (uint32[n]) of a record of group g."""
    for g in range(len(starts) - 1):
        for j in range(starts[g], starts[g + 1]):
            rest = flags[order[j]]
            b = 0
            while rest:
                if rest & np.uint32(1):
                    table[g, b] += 1
                rest >>= np.uint32(1)
                b += 1


@njit(cache=True, nogil=True)
def sum_rows(matrix: Array, order: Array, starts: Array, table: Array) -> None:
    """table[g] += the rows (int[n, k]) of the records of each group."""
    for g in range(len(starts) - 1):
        for j in range(starts[g], starts[g + 1]):
            i = order[j]
            for k in range(matrix.shape[1]):
                table[g, k] += matrix[i, k]


@njit(cache=True, nogil=True)
def tally_words(
    codes: Array, state: Array, place: Array, order: Array, starts: Array, ordered: bool, table: Array
) -> None:
    """table[g, place[code]] += 1; a cell without a value (state s) counts at place[words + s − 1]."""
    words = len(place) - 4
    for g in range(len(starts) - 1):
        for j in range(starts[g], starts[g + 1]):
            i = j if ordered else order[j]
            s = np.int64(state[i])
            c = np.int64(codes[i]) if s == 0 else words + s - 1
            table[g, place[c]] += 1


@njit(cache=True, nogil=True)
def registers_of(hashes: Array) -> tuple[Array, Array]:
    """The HyperLogLog register (int32[n]) of each hash (int64[n]) and the rank it wants there (uint8[n])."""
    index, rank = np.empty(len(hashes), np.int32), np.empty(len(hashes), np.uint8)
    for k in range(len(hashes)):
        mixed = _mix(np.uint64(hashes[k]))
        index[k] = np.int32(mixed & np.uint64(4095))
        rank[k] = _rank(mixed)
    return index, rank


@njit(cache=True, nogil=True)
def register_codes(
    codes: Array, index: Array, rank: Array, order: Array, starts: Array, ordered: bool, registers: Array
) -> None:
    """Raise registers (uint8[groups, 4096]) by what each record's code wants; negative codes are left out."""
    for g in range(len(starts) - 1):
        for j in range(starts[g], starts[g + 1]):
            code = codes[j if ordered else order[j]]
            if code >= 0:
                registers[g, index[code]] = max(registers[g, index[code]], rank[code])


@njit(cache=True, nogil=True)
def buckets_of(hashes: Array, buckets: int) -> Array:
    """int64[n]: the bucket (of a power of two of them) of each hashed token, as `document_frequencies` has it."""
    out = np.empty(len(hashes), np.int64)
    for i in range(len(hashes)):
        out[i] = np.int64(_mix(np.uint64(hashes[i])) & np.uint64(buckets - 1))
    return out


@njit(cache=True, nogil=True)
def document_frequencies(
    token_hash: Array,
    token_offsets: Array,
    order: Array,
    starts: Array,
    wanted: Array,
    buckets: int,
    first_key: Array,
    keys: Array,
    counts: Array,
) -> int:
    """In how many messages of each wanted group a hashed token occurs; returns how many keys were written.

    Writes `first_key[g] + bucket` to keys and the count beside it, groups in order, buckets ascending. keys
    and counts have room for every token of the wanted groups.
    """
    seen_in = np.full(buckets, -1, np.int64)
    frequency = np.zeros(buckets, np.int64)
    written = 0
    stamp = 0
    for g in range(len(starts) - 1):
        if not wanted[g]:
            continue
        begin = written
        for j in range(starts[g], starts[g + 1]):
            i = order[j]
            stamp += 1
            for t in range(token_offsets[i], token_offsets[i + 1]):
                bucket = np.int64(_mix(np.uint64(token_hash[t])) & np.uint64(buckets - 1))  # see `buckets_of`
                if seen_in[bucket] != stamp:
                    seen_in[bucket] = stamp
                    if frequency[bucket] == 0:
                        keys[written] = bucket
                        written += 1
                    frequency[bucket] += 1
        keys[begin:written].sort()
        for k in range(begin, written):
            bucket = keys[k]
            counts[k] = frequency[bucket]
            frequency[bucket] = 0
            keys[k] = first_key[g] + bucket
    return written


@njit(cache=True, nogil=True)
def hash_words(data: Array, offsets: Array) -> Array:
    """A 64-bit hash of each word, FNV-1a over its bytes, then SplitMix64: int64[len(offsets) - 1]."""
    out = np.empty(len(offsets) - 1, np.int64)
    for w in range(len(out)):
        x = np.uint64(0xCBF29CE484222325)
        for k in range(offsets[w], offsets[w + 1]):
            x = (x ^ np.uint64(data[k])) * np.uint64(0x100000001B3)
        out[w] = np.int64(_mix(x))
    return out
