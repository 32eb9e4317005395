"""Small batches of records from plain Python lists."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from checks.batch import Batch, Cells, Column, categories, numbers, texts

HOUR_US = 3_600_000_000


def event_hash(event_id: str) -> int:
    return int.from_bytes(hashlib.blake2b(event_id.encode()).digest()[:8], "little", signed=True)


def make_batch(
    columns: Sequence[Column], values: Mapping[str, Any], *, ids: Sequence[str] | None = None, us: Any = None
) -> Batch:
    """A batch of the given values (lists or Arrow arrays); record i has the id "i" and the time i seconds."""
    cells: dict[str, Cells] = {}
    for column in columns:
        array = values[column.name]
        array = array if isinstance(array, pa.Array) else pa.array(array)
        if column.kind == "number":
            cells[column.name] = numbers(array)
        elif column.kind == "category":
            cells[column.name] = categories(array, column.values)
        else:
            cells[column.name] = texts(array)
        n = len(array)
    ids = [str(i) for i in range(n)] if ids is None else ids
    event_us = np.arange(n, dtype=np.int64) * 1_000_000 if us is None else np.asarray(us, np.int64)
    hashes = np.array([event_hash(event_id) for event_id in ids], np.int64)
    return Batch(pa.array([i.encode() for i in ids], pa.large_binary()), hashes, event_us, cells)
