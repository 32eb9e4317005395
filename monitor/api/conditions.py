"""ETag and If-Match: what is edited is changed only as it was last seen."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import Header

from monitor.api.problems import Problem
from monitor.store.contracts import Version

IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match",
        max_length=1_000,
        description="the ETag that was read before, or * for whatever is there",
    ),
]
_TAGS = re.compile(r'(?:W/)?"[\x21\x23-\x7e]*"')


def require(given: str | None, current: str) -> None:
    """Problem 428 without If-Match, 412 if none of its tags is the current one (weak tags never match)."""
    if given is None:
        raise Problem(428, "send If-Match with the ETag that was read, so that nobody's change is lost")
    if given.strip() != "*" and current not in _TAGS.findall(given):
        raise Problem(412, "this was changed since it was read: read it again", {"ETag": current})


def etag_of(version: Version) -> str:
    """Of a contract: strong, for a version never changes."""
    return f'"v{version.version}-{version.sha256[:16]}"'
