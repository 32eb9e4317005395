"""What people type: times, and words of which only some can match."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC

from monitor.errors import UsageError


def time_us(text: str, option: str) -> int:
    """Microseconds UTC of a day or a moment; without a zone it is UTC. UsageError names the option."""
    from pydantic_core import PydanticCustomError

    from monitor.contract.model import start_us
    from monitor.contract.values import moment

    try:
        return start_us(moment(text), UTC)  # type: ignore[arg-type]  # any tzinfo will do
    except (PydanticCustomError, ValueError) as error:
        raise UsageError(
            f"{option} {text}: write a day or a moment, such as 2026-11-21 or 2026-11-21T06:00Z"
        ) from error


def one_of(option: str, word: str | None, known: Sequence[str]) -> None:
    """UsageError for a word that can match nothing; with nothing known any word will do."""
    if word is not None and known and word not in known:
        raise UsageError(f"{option} {word}: there are {', '.join(sorted(known))}")
