"""Bins of a number, frozen by the reference: equi-depth bins, a bin for every repeated value, under and over.

Counts on bins of the reference and not a quantile sketch: drift is always against a known reference, so PSI
and JSD on unions of these bins are exact, and the Kolmogorov-Smirnov distance is within the mass of one
bin.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

FINE = 260  # 13 × 20: the 20 groups that PSI and JSD use are unions of 13
GROUPS = 20

# Latencies are counted on log bins too, 8 to the octave from 2^-10 to 2^24 ms (4.7 hours), under and over.
LOG_BINS = 34 * 8 + 2
_LOG_BASE = (1023 - 10) << 3


@dataclass(frozen=True)
class Bins:
    """Half-open pieces of the number line and the bin each belongs to.

    cuts    sorted cut points; piece i is [cuts[i-1], cuts[i]), the first and last are open-ended
    bin_of  the bin of each of the len(cuts) + 1 pieces: 0 under, then the bins proper, last over
    mass    reference sample's count in each bin
    group   the group of each bin: groups are what distances are taken on, in order of value
    atoms   the repeated values that have a bin of their own, ascending; theirs are the bins before "over"
    """

    cuts: tuple[float, ...]
    bin_of: tuple[int, ...]
    mass: tuple[int, ...]
    group: tuple[int, ...]
    atoms: tuple[float, ...]

    @property
    def count(self) -> int:
        return len(self.mass)

    @property
    def groups(self) -> int:
        return max(self.group) + 1

    def to_dict(self) -> dict[str, Any]:
        return {
            "cuts": list(self.cuts),
            "bin_of": list(self.bin_of),
            "mass": list(self.mass),
            "group": list(self.group),
            "atoms": list(self.atoms),
        }

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> Bins:
        return cls(
            cuts=tuple(float(cut) for cut in raw["cuts"]),
            bin_of=tuple(raw["bin_of"]),
            mass=tuple(raw["mass"]),
            group=tuple(raw["group"]),
            atoms=tuple(float(atom) for atom in raw["atoms"]),
        )

    def group_labels(self) -> tuple[str, ...]:
        """What a person calls each group: "< 3", "[3, 7)", "= 0", "between", "> 99"."""
        alone = np.bincount(self.group, minlength=self.groups) == 1
        edges = (-np.inf, *self.cuts, np.inf)
        low, high = [np.inf] * self.groups, [-np.inf] * self.groups
        for piece, bin_ in enumerate(self.bin_of):
            group = self.group[bin_]
            low[group] = min(low[group], edges[piece])
            high[group] = max(high[group], edges[piece + 1])
        labels = [f"[{a:g}, {b:g})" for a, b in zip(low, high, strict=True)]
        labels[self.group[1]] = "between" if alone[self.group[1]] and self.atoms else labels[self.group[1]]
        for i, atom in enumerate(self.atoms):
            group = self.group[self.count - 1 - len(self.atoms) + i]
            labels[group] = f"= {atom:g}" if alone[group] else labels[group]
        labels[self.group[0]] = f"< {self.cuts[0]:g}" if self.cuts else "none below"
        labels[self.group[-1]] = f"> {np.nextafter(self.cuts[-1], -np.inf):g}" if self.cuts else "none above"
        return tuple(labels)

    def share(self, bin_: int) -> float:
        """Share of the reference in a bin, 0 for an empty reference."""
        total = sum(self.mass)
        return self.mass[bin_] / total if total else 0.0

    @cached_property
    def finder(self) -> Finder:
        return Finder.of(self)


def learn(values: npt.NDArray[np.float64], low: float, high: float) -> Bins:
    """Bins of finite reference values (float64[n], any order); low and high are the reference's own extremes.

    An atom is a value seen more than once that would fill a bin by itself (1/260 of the values), or any
    repeated value where there are at most 260 distinct ones. Without values there is one bin that takes
    everything.
    """
    if not len(values):
        return Bins(cuts=(), bin_of=(1,), mass=(0, 0, 0), group=(0, 1, 2), atoms=())
    values = np.sort(values + 0.0)  # + 0.0: -0.0 and 0.0 are one value
    distinct, counts = np.unique(values, return_counts=True)
    own = (counts >= 2) & ((counts * FINE >= len(values)) | (len(distinct) <= FINE))
    atoms = distinct[own]
    rest = values[~np.isin(values, atoms)]
    inner = _depth_edges(rest)
    with np.errstate(over="ignore"):  # what follows the largest float is infinite
        above = np.nextafter(high, np.inf)
        cuts = np.unique(np.concatenate([[low], inner, [above], atoms, np.nextafter(atoms, np.inf)]))
    last_plain = len(inner) + 1
    bin_of = np.searchsorted(inner, cuts, "right") + 1
    bin_of[cuts >= above] = last_plain + len(atoms) + 1
    is_atom = np.isin(cuts, atoms)
    bin_of[is_atom] = last_plain + 1 + np.searchsorted(atoms, cuts[is_atom])
    bin_of = np.concatenate([[0], bin_of])
    total = last_plain + len(atoms) + 2
    mass = np.bincount(bin_of[np.searchsorted(cuts, values, "right")], minlength=total)
    return Bins(
        cuts=tuple(cuts.tolist()),
        bin_of=tuple(bin_of.tolist()),
        mass=tuple(mass.tolist()),
        group=tuple(_groups(bin_of, mass, len(atoms)).tolist()),
        atoms=tuple(atoms.tolist()),
    )


def _depth_edges(rest: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Inner edges of at most 260 equi-depth bins of sorted values."""
    wanted = min(FINE, len(np.unique(rest)))
    if wanted < 2:
        return np.empty(0)
    edges = np.unique(rest[(np.arange(1, wanted) * len(rest)) // wanted])
    inner: npt.NDArray[np.float64] = edges[edges > rest[0]]
    return inner


def _groups(bin_of: npt.NDArray[np.intp], mass: npt.NDArray[np.intp], atoms: int) -> npt.NDArray[np.intp]:
    """Under, over and atoms of 1/20 of the mass alone; the rest joined in order of value to about 20 groups.

    Where every reference value is an atom, the one plain bin is the gaps between them, and a group of its
    own.
    """
    bins = len(mass)
    first_piece = np.full(bins, len(bin_of))
    np.minimum.at(first_piece, bin_of, np.arange(len(bin_of)))
    big = np.zeros(bins, np.bool_)
    big[bins - 1 - atoms : bins - 1] = mass[bins - 1 - atoms : bins - 1] * GROUPS >= mass.sum()
    big[[0, bins - 1]] = True
    if mass[: bins - 1 - atoms].sum() == 0:
        big[: bins - 1 - atoms] = True
    small = np.flatnonzero(~big)
    small = small[np.argsort(first_piece[small], kind="stable")]
    weight = mass[small]
    # The middle of a bin's mass says in which twentieth it lies; integers keep this the same everywhere.
    middle = 2 * np.cumsum(weight) - weight
    twentieth = np.minimum(middle * GROUPS // max(2 * int(weight.sum()), 1), GROUPS - 1)
    tentative = np.full(bins, -1)
    tentative[small] = twentieth
    tentative[big] = GROUPS + np.arange(int(big.sum()))
    position = np.full(GROUPS + int(big.sum()), len(bin_of) + 1)
    np.minimum.at(position, tentative, first_piece)
    position[tentative[0]], position[tentative[bins - 1]] = -1, len(bin_of)
    used = np.unique(tentative)
    rank = np.empty(len(position), np.intp)
    rank[used[np.argsort(position[used], kind="stable")]] = np.arange(len(used))
    grouped: npt.NDArray[np.intp] = rank[tentative]
    return grouped


def log_bins(values: npt.NDArray[np.float64]) -> npt.NDArray[np.int32]:
    """The log bin of each finite number: 8 to the octave; 0 below 2^-10, the last from 2^24."""
    place = (np.ascontiguousarray(values, np.float64).view(np.int64) >> 49) - _LOG_BASE + 1
    return np.where(values > 0, np.clip(place, 0, LOG_BINS - 1), 0).astype(np.int32)


def log_bin_upper_ms() -> npt.NDArray[np.float64]:
    """Upper edge of each log bin in milliseconds, float64[LOG_BINS]; the last is infinite."""
    bits = (np.arange(LOG_BINS - 1, dtype=np.int64) + _LOG_BASE) << 49
    return np.append(bits.view(np.float64), np.inf)


@dataclass(frozen=True)
class Finder:
    """Finds the piece of a number in a few steps; only speed depends on it, never the result.

    A grid of cells over the cuts, even in value or in the logarithm of the distance from the lowest cut,
    says how many cuts lie before the cell; at most `2 * step - 1` cuts lie inside one. A monotone cell
    function makes this exact for every float.
    """

    logarithmic: bool
    low: float
    factor: float  # cells per unit (even grid)
    shift: int  # bits dropped from the float (logarithmic grid)
    base: int  # the cell of the smallest distance (logarithmic grid)
    before: npt.NDArray[np.uint16]  # [CELLS] cuts in the cells before this one
    step: int  # the first stride of the search inside a cell, a power of two; 0 where no cell holds a cut
    cuts: npt.NDArray[np.float64]  # padded with +inf
    bin_of: npt.NDArray[np.uint16]

    @classmethod
    def of(cls, bins: Bins) -> Finder:
        cuts = np.array(bins.cuts, np.float64)
        bin_of = np.array(bins.bin_of, np.uint16)
        if not len(cuts):
            return cls(False, 0.0, 0.0, 0, 0, np.zeros(CELLS, np.uint16), 0, cuts, bin_of)
        low = float(cuts[0])
        with np.errstate(over="ignore"):  # so is a span beyond it
            distance = cuts - low
        span = float(distance[-1])
        factor = CELLS / span if 0 < span < np.inf and CELLS / span < np.inf else 0.0
        even = np.zeros(len(cuts), np.int64)
        if factor:
            even = np.clip(distance * factor, 0, CELLS - 1).astype(np.int64)
        # 32 octaves of 128 cells below the span: an even grid is blind where a tail is a thousand times the
        # median.
        shift = 45
        base = (int(np.array(span).view(np.int64)) >> shift) - CELLS + 1
        log = np.clip((distance.view(np.int64) >> shift) - base, 0, CELLS - 1)
        logarithmic = bool(_fullest(log) < _fullest(even))
        cell = log if logarithmic else even
        before = np.searchsorted(cell, np.arange(CELLS)).astype(np.uint16)
        step = 1 << (_fullest(cell).bit_length() - 1)
        padded = np.concatenate([cuts, np.full(2 * step, np.inf)])
        return cls(logarithmic, low, factor, shift, base, before, step, padded, bin_of)


CELLS = 4096


def _fullest(cell: npt.NDArray[np.int64]) -> int:
    return int(np.bincount(cell).max())
