"""Python values of mixed types, as JSON and databases give them, into Arrow columns."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from monitor.contract.values import word
from monitor.sources.raw_json import to_bytes


def column(values: Sequence[Any], kind: str) -> tuple[pa.Array, npt.NDArray[np.int64]]:
    """An Arrow array of n cells, and the indices of cells of another type than `kind` (null in the array).

    kind "text" takes words only, "number" numbers and words that may spell one, "category" words, numbers and
    booleans, "key" (event id, time) the same and dates. Lists and mappings are always of another type.
    """
    if kind != "text" and (plain := _uniform(values, kind)) is not None:
        return plain, np.zeros(0, np.int64)
    made: list[bytes | None] = []
    wrong: list[int] = []
    for index, value in enumerate(values):
        if type(value) is str:
            made.append(to_bytes(value))
        elif value is None:
            made.append(None)
        elif isinstance(value, bytes):
            made.append(value)
        elif kind == "text" or (spelled := _spelled(value)) is None:
            made.append(None)
            wrong.append(index)
        else:
            made.append(spelled)
    return pa.array(made, pa.large_binary()), np.array(wrong, np.int64)


def _uniform(values: Sequence[Any], kind: str) -> pa.Array | None:
    """Numbers as numbers and times as times, where nothing else is among them."""
    types = {type(value) for value in values} - {type(None)}
    if kind == "number" and types <= {int, float, bool, Decimal}:
        try:
            return pa.array([None if value is None else float(value) for value in values], pa.float64())
        except OverflowError:
            return None
    if kind == "key" and types == {datetime}:
        zones = {value.tzinfo is None for value in values if value is not None}
        if zones == {True}:
            return pa.array(values, pa.timestamp("us"))
        if zones == {False}:
            return pa.array(values, pa.timestamp("us", "UTC"))
    return None


def _spelled(value: Any) -> bytes | None:
    if isinstance(value, bool | int | float):
        return word(value).encode() if value == value and abs(value) != float("inf") else repr(value).encode()
    if isinstance(value, Decimal):
        return str(value).encode()
    if isinstance(value, datetime | date):
        return value.isoformat().encode()
    if isinstance(value, UUID):
        return str(value).encode()
    return None
