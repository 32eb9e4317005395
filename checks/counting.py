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
_NOTHING_LOW = np.iinfo(np.int64).max
_NOTHING_HIGH = np.iinfo(np.int64).min


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
    """One step of SplitMix64 (Steele, Lea, Flood 2014): every bit of x moves half the bits of the result."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@njit(cache=True, nogil=True, inline="always")
def _register(registers: Array, row: int, mixed: np.uint64) -> None:
    """HyperLogLog with 4,096 registers (Flajolet et al. 2007): the longest run of trailing zeros plus one."""
    index = mixed & np.uint64(4095)
    rest = mixed >> np.uint64(12)
    rank = np.uint64(registers[row, index])
    # Only a run at least as long as the register's can raise it; this is rare once the window has filled up.
    # With 52 bits left, 53 is the longest there can be.
    if rank < np.uint64(53) and rest & ((np.uint64(1) << rank) - np.uint64(1)) == 0:
        rest >>= rank
        rank += np.uint64(1)
        while rank < np.uint64(53) and rest & np.uint64(1) == 0:
            rest >>= np.uint64(1)
            rank += np.uint64(1)
        registers[row, index] = rank


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
    sums      int64[groups, 8], in the order of `SUMS`; squares are split as high · 2^31 + low
    minima, maxima   int64[groups], the float's bits in an order-preserving form
    registers uint8[rows, 4096], group g counts into row `row_of[g]`; no rows: distinct values are not counted
    """
    top = float(len(before) - 1)
    last_cell = np.int64(len(before) - 1)
    bits = values.view(np.int64)
    distinct = len(registers) > 0
    for g in range(len(starts) - 1):
        total = high = rest = zero = negative = outside = under = over = np.int64(0)
        smallest, largest = np.inf, -np.inf
        for j in range(starts[g], starts[g + 1]):
            i = j if ordered else order[j]
            v = values[i]
            if state[i] != 0:
                table[g, bins + state[i] - 1] += 1
                continue
            if not np.isfinite(v):
                table[g, bins + 4] += 1
                continue
            if logarithmic:
                cell = (np.float64(v - low).view(np.int64) >> shift) - base
                cell = min(max(cell, np.int64(0)), last_cell)
            else:
                cell = np.int64(min(max((v - low) * factor, 0.0), top))
            piece = np.int64(before[cell])
            stride = step
            while stride > 0:
                if cuts[piece + stride - 1] <= v:
                    piece += stride
                stride >>= 1
            b = np.int64(bin_of[piece])
            table[g, b] += 1
            zero += v == 0.0
            negative += v < 0.0
            outside += (v < least) | (v > most)
            smallest, largest = min(smallest, v), max(largest, v)
            q = np.int64(np.rint(min(max(v - centre, -bound), bound) * scale))
            total += q
            square = q * q
            high += square >> 31
            rest += square & 0x7FFFFFFF
            if b == 0:
                under += q
            elif b == bins - 1:
                over += q
            if distinct:
                mixed = np.uint64(0) if v == 0.0 else np.uint64(bits[i])
                _register(registers, row_of[g], _mix(mixed))
        sums[g, 0], sums[g, 1], sums[g, 2], sums[g, 3] = zero, negative, outside, total
        sums[g, 4], sums[g, 5], sums[g, 6], sums[g, 7] = high, rest, under, over
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
def register_hashes(
    hashes: Array, take: Array, order: Array, starts: Array, ordered: bool, registers: Array
) -> None:
    """HyperLogLog registers (uint8[groups, 4096]) of the hashes (int64[n]) of the records with `take`."""
    for g in range(len(starts) - 1):
        for j in range(starts[g], starts[g + 1]):
            i = j if ordered else order[j]
            if take[i]:
                _register(registers, g, _mix(np.uint64(hashes[i])))


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
                bucket = np.int64(_mix(np.uint64(token_hash[t])) & np.uint64(buckets - 1))
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


def nothing_low() -> int:
    """What a minimum is before anything was counted (the ordered form of +inf lies below it)."""
    return _NOTHING_LOW
