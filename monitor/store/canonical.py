"""JSON as the store keeps it: one text per value, whoever writes it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping


def json_text(value: object) -> str:
    """Sorted keys, no blanks, characters as they are; numbers JSON cannot hold as "NaN", "-Infinity" …."""
    try:
        return _dump(value)
    except ValueError:
        return _dump(_finite(value))


def _dump(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _finite(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
