"""JSON as it comes: what a strict reader refuses as text is evidence, and is kept."""

from __future__ import annotations

import codecs
import json
from typing import Any

_ERRORS = "driftglass.bytes"


def _raw_bytes(error: UnicodeError) -> tuple[str | bytes, int]:
    """What UTF-8 cannot encode: an escaped byte as the byte it was, another surrogate as three bytes."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    raw = b"".join(
        bytes([ord(char) - 0xDC00])
        if 0xDC80 <= ord(char) <= 0xDCFF
        else char.encode("utf-8", "surrogatepass")
        for char in error.object[error.start : error.end]
    )
    return raw, error.end


codecs.register_error(_ERRORS, _raw_bytes)


def to_bytes(text: str) -> bytes:
    """The bytes a text came from: invalid ones that `surrogateescape` read are restored."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", _ERRORS)


def patient(raw: bytes) -> Any:
    """What a more patient reader than orjson makes of a line: bytes that are no UTF-8 become escapes.

    None if it is no JSON.
    """
    if raw.startswith(b"\xef\xbb\xbf"):
        raw = raw[3:]
    try:
        return json.loads(raw.decode("utf-8", "surrogateescape"))
    except (ValueError, RecursionError):
        return None
