"""Clocks: the wall clock, and one that stands where it was put (for the demo and for tests)."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Whoever needs to know the time is given one of these."""

    def now_us(self) -> int:
        """Microseconds since 1970-01-01T00:00 UTC."""


class SystemClock:
    """The machine's wall clock. It may jump either way; leases are safe from that by their fence."""

    def now_us(self) -> int:
        return time.time_ns() // 1_000


class SimulatedClock:
    """A clock that only moves when told to."""

    def __init__(self, now_us: int) -> None:
        self._now_us = now_us

    def now_us(self) -> int:
        return self._now_us

    def set(self, now_us: int) -> None:
        """Jump to a time, forwards or backwards."""
        self._now_us = now_us

    def advance(self, seconds: float) -> None:
        """Move on by some seconds."""
        self._now_us += round(seconds * 1_000_000)
