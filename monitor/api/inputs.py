"""What callers may write: times, names, numbers, cursors. Each is refused before it meets a query."""

from __future__ import annotations

import base64
import binascii
import re
from datetime import UTC, datetime
from typing import Annotated

import orjson
from fastapi import Path, Query, Request
from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from monitor.api.problems import Problem
from monitor.store.listing import Key

MAX_INTEGER = 2**63 - 1
PAGE = 100
MAX_PAGE = 500

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,6})?([Zz]|[+-]\d\d:\d\d)")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NOT_A_CURSOR = Problem(422, "this is not a cursor of this list: take `next` of the page before as it is")


def microseconds(text: object) -> int:
    """An RFC 3339 time as microseconds UTC; ValueError says what is wrong without repeating it."""
    if not isinstance(text, str) or not _RFC3339.fullmatch(text):
        raise ValueError("this must be a time like 2026-11-16T03:00:00Z (write + as %2B in a URL)")
    try:
        since = datetime.fromisoformat(text.upper()) - _EPOCH
    except (ValueError, OverflowError) as wrong:
        raise ValueError("there is no such time") from wrong
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def json_only(request: Request) -> None:
    """Problem 415 for a body that is not declared as JSON: a form of another site cannot declare it."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Problem(415, "this address takes application/json", {"Accept": "application/json"})


def plain(text: str) -> str:
    """A word that both databases can compare: no NUL, no lone surrogate."""
    if "\x00" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise ValueError("this holds a character that no name can have")
    return text


def keyed(text: str | None, *kinds: type[int] | type[str]) -> Key | None:
    """The key inside a cursor, whose steps must be of `kinds`; None without one. Else raises Problem 422."""
    if text is None:
        return None
    try:
        key = orjson.loads(base64.b64decode(text.encode("ascii"), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError) as wrong:
        raise _NOT_A_CURSOR from wrong
    if not isinstance(key, list) or [type(step) for step in key] != list(kinds):
        raise _NOT_A_CURSOR
    if any("\x00" in step if isinstance(step, str) else abs(step) > MAX_INTEGER for step in key):
        raise _NOT_A_CURSOR
    return tuple(key)


def cursor_of(key: Key) -> str:
    """An opaque cursor for the key of the last row of a page."""
    return base64.urlsafe_b64encode(orjson.dumps(key)).decode("ascii")


_RFC3339_SCHEMA = WithJsonSchema({"type": "string", "format": "date-time"})
_Time = Annotated[int, BeforeValidator(microseconds), _RFC3339_SCHEMA]
_Text = Annotated[str, AfterValidator(plain)]

Number = Annotated[int, Path(ge=0, le=MAX_INTEGER)]
Instant = Annotated[_Time, Field()]
KeyId = Annotated[str, Path(min_length=1, max_length=50, pattern="^[0-9a-f]+$")]
TriggerId = Annotated[_Text, Path(min_length=1, max_length=200)]
Version = Annotated[int, Path(ge=1, le=2**31 - 1)]
Name = Annotated[_Text, Path(min_length=1, max_length=200)]
ModelName = Annotated[_Text | None, Query(min_length=1, max_length=200, description="name of a model")]
Word = Annotated[_Text | None, Query(max_length=400)]
Id = Annotated[int | None, Query(ge=0, le=MAX_INTEGER)]
From = Annotated[_Time | None, Query(alias="from", description="first instant of the span, RFC 3339")]
To = Annotated[_Time | None, Query(description="first instant after the span, RFC 3339")]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE, description="rows per page")]
Cursor = Annotated[
    str | None, Query(max_length=1_000, description="`next` of the page before; none for the first page")
]
