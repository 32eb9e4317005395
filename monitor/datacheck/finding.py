"""What was found, where in the contract, and how bad it is."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from checks.text import reveal
from monitor.contract.marks import Path

# error: it cannot work so; warning: it may be meant; away: what would tell does not answer.
Severity = Literal["error", "warning", "away"]

_LISTED = 12  # names that are shown where none is near


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing, at a place of the contract; `key` marks the name there rather than the value."""

    severity: Severity
    path: Path
    message: str
    key: bool = False


def shown(text: str, width: int = 60) -> str:
    """Words out of data for a terminal: in one line, cut, with what cannot be seen made visible."""
    words = " ".join(reveal(text[: 4 * width]).split())
    return words if len(words) <= width else words[: width - 1] + "…"


def near(word: str, names: Sequence[str], taken: Collection[str] = ()) -> str:
    """`did you mean "sent_at"?`, or which names there are; those that are `taken` mean something else already."""
    free = [name for name in names if name not in taken] or list(names)
    alike = [name for name in free if _bare(name) == _bare(word)]
    alike += [name for name in difflib.get_close_matches(word, free, n=3, cutoff=0.6) if name not in alike]
    if alike:
        return f"did you mean {either(shown(name) for name in alike[:3])}?"
    if not free:
        return "there are none"
    also = " also" if taken and free != list(names) else ""
    more = f" and {len(free) - _LISTED} more" if len(free) > _LISTED else ""
    verb = "is" if len(free) == 1 else "are"
    return f"there {verb}{also} {', '.join(shown(name) for name in free[:_LISTED])}{more}"


def either(words: Iterable[str]) -> str:
    """`"a"`, `"a" or "b"`, `"a", "b" or "c"`."""
    *first, last = (f'"{word}"' for word in words)
    return f"{', '.join(first)} or {last}" if first else last


def counted(count: int, what: str) -> str:
    """`1 record`, `2,000 records`."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _bare(name: str) -> str:
    return "".join(sign for sign in name.casefold() if sign.isalnum())
