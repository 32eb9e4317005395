"""Records as columns with roles: what every count starts from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Role = Literal["input", "feature", "prediction", "score", "latency", "segment", "version", "unit", "status"]
ColumnKind = Literal["text", "number", "category"]


class Cell(IntEnum):
    """Why a cell has or has not a value."""

    VALUE = 0
    NULL = 1
    SENTINEL = 2  # "", "nan", "N/A", "-" and the like: a null that somebody wrote as a word
    TYPE_FAILURE = 3  # there is something, but not of the column's kind
    ABSENT = 4  # the column itself is missing from this piece of input


@dataclass(frozen=True, slots=True)
class Column:
    """A declared column. `range` and `values` are hard limits that a person wrote, else None."""

    name: str
    role: Role
    kind: ColumnKind
    values: tuple[str, ...] | None = None
    range: tuple[float, float] | None = None
    languages: tuple[str, ...] | None = None
    slo_ms: float | None = None  # latency: the threshold of the objective, milliseconds
    slo_objective: float | None = None  # share of requests that must stay below it, 0..1


@dataclass(frozen=True)
class Numbers:
    """float64[n] values (NaN where state is not VALUE; ±inf and NaN may also be VALUE: non-finite) and uint8[n] state."""

    values: npt.NDArray[np.float64]
    state: npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Categories:
    """int32[n] codes into `words` (-1 where state is not VALUE) and uint8[n] state."""

    codes: npt.NDArray[np.int32]
    words: tuple[str, ...]
    state: npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Texts:
    """large_binary[n] bytes as they came (possibly invalid UTF-8; null where state is not VALUE) and uint8[n] state."""

    values: pa.LargeBinaryArray
    state: npt.NDArray[np.uint8]


Cells = Numbers | Categories | Texts


@dataclass(frozen=True)
class Batch:
    """n records of one model. Every array has length n; `columns` holds every declared column, in contract order.

    event_ids     utf8 bytes of each event id (large_binary[n], never null)
    event_hash    int64[n], first 8 bytes of blake2b(event id): the key for de-duplication and sampling
    event_us      int64[n], event time in microseconds UTC
    """

    event_ids: pa.LargeBinaryArray
    event_hash: npt.NDArray[np.int64]
    event_us: npt.NDArray[np.int64]
    columns: Mapping[str, Cells]

    def __len__(self) -> int:
        return len(self.event_us)
