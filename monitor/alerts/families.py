"""Which families call somebody, which break data, which drifts a break explains, and how patient each is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from monitor.alerts.state import AT_ONCE, Patience, Severity

# In order of precedence: a missing column also leaves fewer values, a lost client also changes the encoding
# mix.
BREAKS = ("schema", "volume", "encoding", "quality")
DRIFTS = frozenset({"language", "vocabulary", "inputs", "predictions"})
# A broken service and a worse model are harm already done; drift alone never pages: it may be the world that changed.
PAGING = frozenset({*BREAKS, "service", "performance"})

# Not a drift of the data: this alert says that the watch itself is blind.
HEALTH = "health"
_BLIND = Patience(clean_windows=1, breaches=3, windows=3)


def patience(family: str) -> Patience:
    """How many windows a family waits: behind a finding of the others stands a sequence that has waited already."""
    return _BLIND if family == HEALTH else AT_ONCE


def severity(family: str) -> Severity:
    """`page` for data-quality breaks, the service and proven harm, `ticket` for everything else."""
    return "page" if family in PAGING else "ticket"


@dataclass(frozen=True, slots=True)
class Breaker:
    """An open episode of one of `BREAKS`."""

    family: str
    since_us: int


def inhibitor(
    family: str, since_us: int, open_breaks: Iterable[Breaker], window_length_us: int
) -> str | None:
    """The family whose open break explains a drift that opens now, None if nothing does.

    A break explains a drift that began at most one window before it: the two estimates of "since" may differ
    by that much although the cause is one. A drift that was there earlier has a cause of its own. Evasion is
    neither: an attack does not break data, and nothing excuses it. That there are no records is a break of the volume,
    and explains that nothing else can be seen.
    """
    if family == HEALTH:
        return next((b.family for b in open_breaks if b.family == "volume"), None)
    if family not in DRIFTS:
        return None
    causes = {b.family for b in open_breaks if since_us >= b.since_us - window_length_us}
    return next((breaking for breaking in BREAKS if breaking in causes), None)
