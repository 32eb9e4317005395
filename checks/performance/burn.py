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
    """Fires where the budget burns at `rate` or more over both spans (microseconds).

    chance: how likely, at most, a service that just keeps its objective misses as often over the long span. A rate of 1
    is that service on every second day; the faster rates need no such guard.
    """

    rate: float
    long_us: int
    short_us: int
    severity: Literal["page", "ticket"]
    chance: float = 1.0

    def windows(self, window_us: int) -> tuple[int, int]:
        """How many windows the long and the short span are read as: at least one each."""
        return -(-self.long_us // window_us), -(-self.short_us // window_us)


RULES = (
    Rule(14.4, HOUR_US, HOUR_US // 12, "page"),
    Rule(6.0, 6 * HOUR_US, HOUR_US // 2, "page"),
    Rule(1.0, 72 * HOUR_US, 6 * HOUR_US, "ticket", chance=1e-3),
)
LEAST_BAD = 5  # records that must have missed: one slow request of three is no incident


@dataclass(frozen=True, slots=True)
class Burn:
    """The rule that fires, how fast the budget burns over its long and its short span, and how many windows each of
    them held."""

    rule: Rule
    long: float
    short: float
    windows: tuple[int, int]


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
        of_long, of_short = rule.windows(window_us)
        missed, asked = sum(bad[-of_long:]), sum(total[-of_long:])
        long = _rate(missed, asked, objective)
        short = _rate(sum(bad[-of_short:]), sum(total[-of_short:]), objective)
        if missed < LEAST_BAD or long < rule.rate or short < rule.rate:
            continue
        if rule.chance < 1.0 and _by_chance(missed, asked, objective) > rule.chance:
            continue
        return Burn(rule, long, short, (min(of_long, len(bad)), min(of_short, len(bad))))
    return None


def _rate(missed: int, asked: int, objective: float) -> float:
    return missed / asked / (1 - objective) if asked else 0.0


def _by_chance(missed: int, asked: int, objective: float) -> float:
    """P(at least so many misses) where each request misses with the chance that the objective allows."""
    from scipy.special import bdtrc

    return float(bdtrc(missed - 1, asked, 1 - objective))
