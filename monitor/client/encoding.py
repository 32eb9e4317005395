"""Records as lines of JSON, whatever is in them: bytes stay the bytes they are, so that their faults can be seen."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any


def line_of(record: Mapping[str, Any]) -> bytes:
    """One line of JSON. Bytes become text without being repaired; dates, Decimal, UUID and numpy's scalars are known.

    Raises TypeError, ValueError or RecursionError for what cannot be JSON.
    """
    text = json.dumps(record, ensure_ascii=False, default=_plain, separators=(",", ":"))
    try:
        return text.encode()
    except UnicodeEncodeError:
        return b"".join(_char(char) for char in text)


def _char(char: str) -> bytes:
    """A byte that came from `surrogateescape` as it was, another lone surrogate as its JSON escape."""
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:
        return bytes([code - 0xDC00])
    if 0xD800 <= code <= 0xDFFF:
        return b"\\u%04x" % code
    return char.encode()


def _plain(value: Any) -> Any:
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).decode("utf-8", "surrogateescape")
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, set | frozenset):
        return sorted(value, key=str)
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:  # a scalar of numpy
        return value.item()
    if hasattr(value, "tolist"):
        return value.tolist()
    if type(value).__name__ in ("Decimal", "UUID"):
        return str(value)
    raise TypeError(f"a {type(value).__name__} is no JSON")
