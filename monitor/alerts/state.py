"""The state machine of one alert: a pure function of its state and what one window showed.

    state        breach        clean         last_clean    unclear
    ok           firing        ok            ok            ok
    firing       firing        recovering    ok            firing
    recovering   firing        recovering    ok            recovering

The key of an alert is (model, family). A breach opens an episode at once: the CUSUM behind a statistical
finding *is* the persistence, and a hard break needs none. Health stands beside the status: absence of data
never resolves anything.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

Status = Literal["ok", "firing", "recovering"]
Health = Literal["fresh", "no_data", "error"]
Severity = Literal["page", "ticket"]
Sight = Literal["breach", "clean", "last_clean", "unclear"]

CLEAN_WINDOWS = 3

TABLE: dict[tuple[Status, Sight], Status] = {
    ("ok", "breach"): "firing",
    ("ok", "clean"): "ok",
    ("ok", "last_clean"): "ok",
    ("ok", "unclear"): "ok",
    ("firing", "breach"): "firing",
    ("firing", "clean"): "recovering",
    ("firing", "last_clean"): "ok",
    ("firing", "unclear"): "firing",
    ("recovering", "breach"): "firing",
    ("recovering", "clean"): "recovering",
    ("recovering", "last_clean"): "ok",
    ("recovering", "unclear"): "recovering",
}

_WEIGHT: dict[Severity, int] = {"ticket": 0, "page": 1}


@dataclass(frozen=True, slots=True)
class Observed:
    """What one judged window says about one family.

    firing      the sequential decision stands above its threshold
    clean       the window itself shows nothing unusual; wins over `firing`: a CUSUM comes down slowly
    severity    of the finding
    hard        a deterministic break is in it (schema, type, all-null, no records); this wins over `clean`
    since_us    start of the first window of the change, as estimated
    window_us   start of the judged window
    named       the series that carry it, by name
    """

    firing: bool
    clean: bool
    severity: Severity
    hard: bool
    since_us: int
    window_us: int
    named: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Absent:
    """A window that says nothing about the family: there was no data, or it could not be measured."""

    health: Literal["no_data", "error"]


@dataclass(frozen=True, slots=True)
class AlertState:
    """One (model, family). The fields after `clean_windows` describe the open episode; in `ok` they are
    empty.
    """

    status: Status = "ok"
    health: Health = "fresh"
    clean_windows: int = 0
    severity: Severity | None = None
    since_us: int | None = None
    opened_us: int | None = None
    last_us: int | None = None
    named: tuple[str, ...] = ()
    updated_us: int = 0


@dataclass(frozen=True, slots=True)
class Opened:
    window_us: int
    since_us: int
    severity: Severity


@dataclass(frozen=True, slots=True)
class Updated:
    """The open episode grew: series that were not named before, or a worse severity (then `escalated`)."""

    window_us: int
    named: tuple[str, ...]
    severity: Severity
    escalated: bool


@dataclass(frozen=True, slots=True)
class Recovering:
    window_us: int


@dataclass(frozen=True, slots=True)
class Relapsed:
    """A breach while recovering: the same episode goes on, and nobody is called again."""

    window_us: int


@dataclass(frozen=True, slots=True)
class Resolved:
    window_us: int


Effect = Opened | Updated | Recovering | Relapsed | Resolved


def advance(
    state: AlertState, event: Observed | Absent, now: int, *, clean_windows: int = CLEAN_WINDOWS
) -> tuple[AlertState, tuple[Effect, ...]]:
    """The state after one more window, and what happened, in order.

    `now` is microseconds UTC. `clean_windows` (>= 1) clean windows resolve an episode; a window that is
    neither a breach nor clean leaves the count as it is. Windows must come in order of time; revisions of
    past windows do not come here.
    """
    if isinstance(event, Absent):
        return replace(state, health=event.health, updated_us=now), ()
    sight = _sight(state, event, clean_windows)
    status = TABLE[state.status, sight]
    fresh = replace(state, status=status, health="fresh", updated_us=now)
    if sight == "unclear" or (state.status == "ok" and status == "ok"):
        return fresh, ()
    if state.status == "ok":
        return _opened(fresh, event)
    if status == "firing":
        return _breached_again(fresh, event, relapsed=state.status == "recovering")
    if status == "ok":
        return AlertState(updated_us=now), (Resolved(event.window_us),)
    counted = replace(fresh, clean_windows=state.clean_windows + 1)
    return counted, () if state.status == "recovering" else (Recovering(event.window_us),)


def _sight(state: AlertState, event: Observed, clean_windows: int) -> Sight:
    if event.hard or (event.firing and not event.clean):
        return "breach"
    if not event.clean:
        return "unclear"
    return "last_clean" if state.clean_windows + 1 >= clean_windows else "clean"


def _opened(state: AlertState, event: Observed) -> tuple[AlertState, tuple[Effect, ...]]:
    opened = replace(
        state,
        clean_windows=0,
        severity=event.severity,
        since_us=event.since_us,
        opened_us=event.window_us,
        last_us=event.window_us,
        named=event.named,
    )
    return opened, (Opened(event.window_us, event.since_us, event.severity),)


def _breached_again(
    state: AlertState, event: Observed, *, relapsed: bool
) -> tuple[AlertState, tuple[Effect, ...]]:
    assert state.severity is not None
    escalated = _WEIGHT[event.severity] > _WEIGHT[state.severity]
    severity = event.severity if escalated else state.severity
    added = tuple(name for name in event.named if name not in state.named)
    grown = replace(
        state, clean_windows=0, severity=severity, last_us=event.window_us, named=state.named + added
    )
    effects: tuple[Effect, ...] = (Relapsed(event.window_us),) if relapsed else ()
    if added or escalated:
        effects += (Updated(event.window_us, added, severity, escalated),)
    return grown, effects
