"""How fast an error budget burns, over a long and a short span at once (Google, The Site Reliability Workbook, ch. 5).

A burn rate of 1 spends the whole budget of 1 − objective in exactly its period. The long span says that it matters,
the short one that it still goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

HOUR_US = 3_600_000_000


@dataclass(frozen=True, slots=True)
class Rule:
    """Fires where the budget burns at `rate` or more over both spans (microseconds)."""

    rate: float
    long_us: int
    short_us: int
    severity: Literal["page", "ticket"]


RULES = (
    Rule(14.4, HOUR_US, HOUR_US // 12, "page"),
    Rule(6.0, 6 * HOUR_US, HOUR_US // 2, "page"),
    Rule(1.0, 72 * HOUR_US, 6 * HOUR_US, "ticket"),
)
LEAST_BAD = 5  # records that must have missed: one slow request of three is no incident


@dataclass(frozen=True, slots=True)
class Burn:
    """The rule that fires, and how fast the budget burns over its long and its short span."""

    rule: Rule
    long: float
    short: float


def burning(
    bad: Sequence[int], total: Sequence[int], window_us: int, objective: float, rules: Sequence[Rule] = RULES
) -> Burn | None:
    """The fastest rule that fires after the last of some consecutive windows, None if none does.

    bad, total: records that missed, and all, of each window, oldest first; objective: share that must not miss, in
    (0, 1). A span shorter than a window is read as one window. Raises ValueError for an objective outside (0, 1).
    """
    if not 0 < objective < 1:
        raise ValueError(f"an objective lies between 0 and 1, not {objective}")
    for rule in rules:
        long, missed = _rate(bad, total, -(-rule.long_us // window_us), objective)
        short, _ = _rate(bad, total, -(-rule.short_us // window_us), objective)
        if missed >= LEAST_BAD and long >= rule.rate and short >= rule.rate:
            return Burn(rule, long, short)
    return None


def _rate(bad: Sequence[int], total: Sequence[int], windows: int, objective: float) -> tuple[float, int]:
    missed, seen = sum(bad[-windows:]), sum(total[-windows:])
    return (missed / seen / (1 - objective) if seen else 0.0), missed
