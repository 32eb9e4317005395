"""The profile: mergeable counts of records under a plan.

Three sparse vectors of integers over the plan's cell numbers (see `layout`) that merge by addition, minimum
and maximum, and one of small registers that merges by maximum. That is all a profile is, so
`merge(count(a), count(b)) == count(a ∪ b)` byte for byte, for any partition and in any order.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from checks.batch import Batch, Texts
from checks.cardinality import hyperloglog
from checks.layout import DISTINCT_REGISTERS

if TYPE_CHECKING:
    from checks.plan import Plan
    from checks.text.annotations import Annotations

VERSION = 1
_HEADER = struct.Struct("<B32s5I")
_NO_CELLS = np.empty(0, np.int32)
_STEP, _INT64, _UINT8 = np.dtype("<u4"), np.dtype("<i8"), np.dtype(np.uint8)


@dataclass(frozen=True, slots=True)
class Vector:
    """Ascending cell numbers (int32[k]) and the value of each (int64[k], registers uint8[k])."""

    cells: npt.NDArray[np.int32]
    values: npt.NDArray[Any]

    def get(self, cell: int) -> int | None:
        """The value of a cell, None where there is none."""
        place = int(np.searchsorted(self.cells, cell))
        if place == len(self.cells) or self.cells[place] != cell:
            return None
        return int(self.values[place])

    def dense(self, first: int, width: int) -> npt.NDArray[Any]:
        """The values of cells first … first + width − 1, 0 where there is none."""
        low, high = np.searchsorted(self.cells, [first, first + width])
        out = np.zeros(width, self.values.dtype)
        out[self.cells[low:high] - first] = self.values[low:high]
        return out


@dataclass(frozen=True, eq=False)
class Profile:
    """The counts of some records under the plan `plan_id`. Profiles are equal when their bytes are."""

    plan_id: str
    add: Vector
    low: Vector
    high: Vector
    registers: Vector

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Profile) and self.encode() == other.encode()

    def __hash__(self) -> int:
        return hash(self.encode())

    @property
    def records(self) -> int:
        """Records counted, duplicates not among them."""
        return self.add.get(0) or 0

    @property
    def duplicates(self) -> int:
        """Records that were left out because their event id was known."""
        return self.add.get(1) or 0

    def take(self, plan: Plan, column: str, field: str, segment: str = "*") -> npt.NDArray[np.int64]:
        """The cells of a field as a dense array (names and widths are in `layout`).

        `column` "" is whole records. KeyError for an unknown field or segment, or one the segment does not
        keep.
        """
        layout = plan.layout
        first = layout.first(column, field, plan.segment_index[segment])
        return self.add.dense(first, layout.field(column, field).width)

    def distinct(self, plan: Plan, column: str) -> float:
        """Estimated distinct values of a column, of a text column distinct contents; error 1.6 %."""
        first = plan.layout.first(column, "distinct")
        return hyperloglog(self.registers.dense(first, DISTINCT_REGISTERS))

    def encode(self) -> bytes:
        """Canonical bytes: equal profiles have equal bytes."""
        vectors = (self.add, self.low, self.high, self.registers)
        body = b"".join(_pack(vector) for vector in vectors)
        sizes = (len(vector.cells) for vector in vectors)
        header = _HEADER.pack(VERSION, bytes.fromhex(self.plan_id), *sizes, len(body))
        return header + bytes(pa.compress(body, codec="zstd", asbytes=True))

    @classmethod
    def decode(cls, data: bytes) -> Profile:
        """The profile that `encode` wrote; ValueError for another version or damaged bytes."""
        if data[:1] != bytes([VERSION]) or len(data) < _HEADER.size:
            raise ValueError(f"this is no profile of version {VERSION}: count the window again")
        _, plan_id, add, low, high, registers, size = _HEADER.unpack_from(data)
        try:
            body = pa.decompress(data[_HEADER.size :], decompressed_size=size, codec="zstd", asbytes=True)
        except OSError as error:
            raise ValueError(
                f"these bytes of a profile are damaged ({error}): count the window again"
            ) from error
        raw, vectors, at = np.frombuffer(body, np.uint8), [], 0
        for count, dtype in ((add, _INT64), (low, _INT64), (high, _INT64), (registers, _UINT8)):
            length = count * (4 + dtype.itemsize)
            vectors.append(_unpack(raw[at : at + length], count, dtype))
            at += length
        return cls(plan_id.hex(), *vectors)


def empty(plan: Plan) -> Profile:
    """The profile of no records."""
    return _empty(plan.plan_id)


def with_duplicates(plan: Plan, duplicates: int) -> Profile:
    """The profile of records that were left out as duplicates: merge it to the window's."""
    if not duplicates:
        return empty(plan)
    none = Vector(_NO_CELLS, np.empty(0, np.int64))
    counted = Vector(np.array([1], np.int32), np.array([duplicates], np.int64))
    return Profile(plan.plan_id, counted, none, none, Vector(_NO_CELLS, np.empty(0, np.uint8)))


def merge(a: Profile, b: Profile) -> Profile:
    """The profile of the records of both; ValueError for different plans."""
    return merge_all((a, b))


def merge_all(profiles: Iterable[Profile]) -> Profile:
    """The profile of the records of all; ValueError for different plans, or for none at all."""
    parts = list(profiles)
    if not parts:
        raise ValueError("merging needs at least one profile: use empty(plan) for none")
    plan_ids = {part.plan_id for part in parts}
    if len(plan_ids) > 1:
        raise ValueError(f"profiles of different plans do not merge: {', '.join(sorted(plan_ids))}")
    return Profile(
        parts[0].plan_id,
        _merged([part.add for part in parts], np.add),
        _merged([part.low for part in parts], np.minimum),
        _merged([part.high for part in parts], np.maximum),
        _merged([part.registers for part in parts], np.maximum),
    )


def count(
    batch: Batch,
    plan: Plan,
    window_us: npt.NDArray[np.int64],
    annotations: Mapping[str, Annotations] | None = None,
) -> dict[int, Profile]:
    """One profile per window of the batch, by window start in microseconds.

    `window_us[i]` is the start of record i's window. `annotations` gives the detectors' findings for text
    columns that were annotated already; the others are annotated here.
    """
    from checks.tally import Tally

    if not len(batch):
        return {}
    starts, window = _windows(window_us)
    tally = Tally(batch, plan, window, len(starts))
    tally.run(_annotated(batch, plan, annotations or {}))
    size = plan.layout.size
    cut = [
        _by_window(*tally.add.sorted(np.int64), len(starts), size, drop_zero=True),
        _by_window(*tally.low.sorted(np.int64), len(starts), size),
        _by_window(*tally.high.sorted(np.int64), len(starts), size),
        _by_window(*tally.registers.sorted(np.uint8), len(starts), size),
    ]
    return {
        int(start): Profile(plan.plan_id, *(vectors[i] for vectors in cut)) for i, start in enumerate(starts)
    }


def _windows(window_us: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    if (window_us == window_us[0]).all():
        return window_us[:1], np.zeros(len(window_us), np.int64)
    starts, window = np.unique(window_us, return_inverse=True)
    return starts, window.astype(np.int64)


def _annotated(batch: Batch, plan: Plan, given: Mapping[str, Annotations]) -> dict[str, Annotations]:
    notes = dict(given)
    for name, text_plan in plan.text.items():
        if name not in notes:
            from checks.text import annotate

            cells = batch.columns[name]
            assert isinstance(cells, Texts)
            notes[name] = annotate(cells.values, text_plan)
    return notes


def _by_window(
    keys: npt.NDArray[np.int64], values: npt.NDArray[Any], windows: int, size: int, *, drop_zero: bool = False
) -> list[Vector]:
    if drop_zero and not values.all():
        keys, values = keys[values != 0], values[values != 0]
    edges = np.searchsorted(keys, np.arange(windows + 1, dtype=np.int64) * size)
    return [
        Vector((keys[low:high] - w * size).astype(np.int32), values[low:high].copy())
        for w, (low, high) in enumerate(pairwise(edges.tolist()))
    ]


def _empty(plan_id: str) -> Profile:
    none = Vector(_NO_CELLS, np.empty(0, np.int64))
    return Profile(plan_id, none, none, none, Vector(_NO_CELLS, np.empty(0, np.uint8)))


def _merged(vectors: Sequence[Vector], combine: np.ufunc) -> Vector:
    some = [vector for vector in vectors if len(vector.cells)]
    if len(some) <= 1:
        return some[0] if some else vectors[0]
    cells = np.concatenate([vector.cells for vector in some])
    order = np.argsort(cells, kind="stable")
    cells = cells[order]
    heads = np.flatnonzero(np.concatenate([[True], cells[1:] != cells[:-1]]))
    values = combine.reduceat(np.concatenate([vector.values for vector in some])[order], heads)
    cells = cells[heads]
    if combine is np.add and not values.all():  # sums of opposite signs may cancel: no entry means 0
        cells, values = cells[values != 0], values[values != 0]
    return Vector(cells, values)


def _pack(vector: Vector) -> bytes:
    # Differences and values byte plane by byte plane: nearly all planes are zero, which zstd stores in no
    # space.
    steps = np.diff(vector.cells, prepend=np.int32(0)).astype("<u4")
    values = vector.values.astype(vector.values.dtype.newbyteorder("<"))
    return _planes(steps).tobytes() + _planes(values).tobytes()


def _planes(values: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    return values.view(np.uint8).reshape(len(values), values.dtype.itemsize).T


def _unpack(raw: npt.NDArray[np.uint8], count: int, dtype: np.dtype[Any]) -> Vector:
    if not count:
        return Vector(_NO_CELLS, np.empty(0, dtype))
    steps = np.frombuffer(raw[: 4 * count].reshape(4, count).T.tobytes(), _STEP)
    values = np.frombuffer(raw[4 * count :].reshape(dtype.itemsize, count).T.tobytes(), dtype)
    return Vector(steps.cumsum(dtype=np.int32), values.astype(dtype.newbyteorder("=")))


__all__ = ["Profile", "Vector", "count", "empty", "merge", "merge_all", "with_duplicates"]
