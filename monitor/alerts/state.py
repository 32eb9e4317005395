"""The state machine of one alert: a pure function of its state and what happened.

    state        breach     short      clean        last_clean   unclear      closed   reopened
    ok           firing     pending    ok           ok           ok           ok       firing
    pending      firing     pending    pending      ok           pending      ok       firing
    firing       firing     firing     recovering   ok           firing       ok       firing
    recovering   firing     firing     recovering   ok           recovering   ok       recovering

The key of an alert is (model, family). A breach opens an episode at once where the CUSUM behind it *is* the
persistence, and a hard break needs none; where a rule asks for k breaches in n windows the alert is pending until
then (`short`). Health stands beside the status: absence of data never resolves anything. A window that was seen
already changes nothing, unless a revision of it shows a breach that was not there before.

An alert that opens and resolves again and again is `flapping` until it is calm.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

Status = Literal["ok", "pending", "firing", "recovering"]
Health = Literal["fresh", "no_data", "error", "stale"]
Severity = Literal["page", "ticket"]
Sight = Literal["breach", "short", "clean", "last_clean", "unclear", "closed", "reopened"]

TABLE: dict[tuple[Status, Sight], Status] = {
    ("ok", "breach"): "firing",
    ("ok", "short"): "pending",
    ("ok", "clean"): "ok",
    ("ok", "last_clean"): "ok",
    ("ok", "unclear"): "ok",
    ("ok", "closed"): "ok",
    ("ok", "reopened"): "firing",
    ("pending", "breach"): "firing",
    ("pending", "short"): "pending",
    ("pending", "clean"): "pending",
    ("pending", "last_clean"): "ok",
    ("pending", "unclear"): "pending",
    ("pending", "closed"): "ok",
    ("pending", "reopened"): "firing",
    ("firing", "breach"): "firing",
    ("firing", "short"): "firing",
    ("firing", "clean"): "recovering",
    ("firing", "last_clean"): "ok",
    ("firing", "unclear"): "firing",
    ("firing", "closed"): "ok",
    ("firing", "reopened"): "firing",
    ("recovering", "breach"): "firing",
    ("recovering", "short"): "firing",
    ("recovering", "clean"): "recovering",
    ("recovering", "last_clean"): "ok",
    ("recovering", "unclear"): "recovering",
    ("recovering", "closed"): "ok",
    ("recovering", "reopened"): "recovering",
}

WEIGHT: dict[Severity, int] = {"ticket": 0, "page": 1}

# More than so many openings and endings within so many windows is flapping; calm is no more than two.
FLAP_TRANSITIONS, FLAP_WINDOWS, CALM_TRANSITIONS = 4, 24, 2


@dataclass(frozen=True, slots=True)
class Patience:
    """How long an alert waits: `breaches` in the last `windows` (at most 32) open an episode, and `clean_windows` end
    it. Each is at least 1.
    """

    clean_windows: int = 3
    breaches: int = 1
    windows: int = 1


AT_ONCE = Patience()


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

    health: Literal["no_data", "error", "stale"]


@dataclass(frozen=True, slots=True)
class Close:
    """Somebody or something other than clean windows ends the episode: feedback, or a rule that was edited."""

    window_us: int


@dataclass(frozen=True, slots=True)
class Reopen:
    """Feedback was taken back: the episode that it closed goes on. The fields are the episode's."""

    window_us: int
    severity: Severity
    since_us: int
    opened_us: int
    last_us: int
    named: tuple[str, ...] = ()


Event = Observed | Absent | Close | Reopen


@dataclass(frozen=True, slots=True)
class AlertState:
    """One (model, family).

    clean_windows  clean ones in a row, while an episode is open
    recent         the last 32 windows without an episode as bits, the newest lowest: 1 is a breach
    seen_us        start of the last judged window
    transitions    how many windows ago episodes opened and resolved, the latest first
    The fields from `severity` to `named` describe the open episode; without one they are empty.
    """

    status: Status = "ok"
    health: Health = "fresh"
    clean_windows: int = 0
    recent: int = 0
    seen_us: int | None = None
    transitions: tuple[int, ...] = ()
    flapping: bool = False
    severity: Severity | None = None
    since_us: int | None = None
    opened_us: int | None = None
    last_us: int | None = None
    named: tuple[str, ...] = ()
    updated_us: int = 0

    @property
    def is_open(self) -> bool:
        """Whether an episode is open."""
        return self.status in ("firing", "recovering")


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


@dataclass(frozen=True, slots=True)
class Closed:
    window_us: int


@dataclass(frozen=True, slots=True)
class Reopened:
    window_us: int


@dataclass(frozen=True, slots=True)
class Flapping:
    """It opened and resolved more than four times within 24 windows."""

    window_us: int


@dataclass(frozen=True, slots=True)
class Calmed:
    """It flapped, and does no longer."""

    window_us: int


Effect = Opened | Updated | Recovering | Relapsed | Resolved | Closed | Reopened | Flapping | Calmed


def advance(
    state: AlertState, event: Event, now: int, *, patience: Patience = AT_ONCE
) -> tuple[AlertState, tuple[Effect, ...]]:
    """The state after one more event, and what happened, in order.

    `now` is microseconds UTC. A window that is neither a breach nor clean leaves the count of clean ones as it is.
    Windows must come in order of time; of those already seen only the last may come again.
    """
    match event:
        case Absent():
            return replace(state, health=event.health, updated_us=now), ()
        case Close():
            return _closed(state, event, now)
        case Reopen():
            return _reopened(state, event, now)
        case Observed():
            return _observed(state, event, now, patience)


def _observed(
    state: AlertState, event: Observed, now: int, patience: Patience
) -> tuple[AlertState, tuple[Effect, ...]]:
    again = state.seen_us is not None and event.window_us <= state.seen_us
    breached = event.hard or (event.firing and not event.clean)
    if again and (state.is_open or not breached or event.window_us != state.seen_us):
        return state, ()
    recent = state.recent if again else (state.recent << 1) & 0xFFFFFFFF
    if breached:
        recent |= 1
    transitions = state.transitions
    if transitions and not again:
        transitions = tuple(age + 1 for age in transitions if age + 1 < FLAP_WINDOWS)
    sight = _sight(state, event, breached, recent, patience)
    seen = replace(
        state,
        status=TABLE[state.status, sight],
        health="fresh",
        recent=recent,
        seen_us=event.window_us,
        transitions=transitions,
        updated_us=now,
    )
    after, effects = _follow(state, seen, event, sight)
    return _flapped(after, effects, event.window_us)


def _sight(state: AlertState, event: Observed, breached: bool, recent: int, patience: Patience) -> Sight:
    if breached:
        seen = (recent & ((1 << patience.windows) - 1)).bit_count()
        return "breach" if state.is_open or event.hard or seen >= patience.breaches else "short"
    if state.status == "pending":
        return "clean" if recent & ((1 << patience.windows) - 1) else "last_clean"
    if not event.clean:
        return "unclear"
    return "last_clean" if state.clean_windows + 1 >= patience.clean_windows else "clean"


def _follow(
    before: AlertState, seen: AlertState, event: Observed, sight: Sight
) -> tuple[AlertState, tuple[Effect, ...]]:
    if not before.is_open:
        return _opened(seen, event) if seen.is_open else (seen, ())
    if sight == "unclear":
        return seen, ()
    if seen.status == "firing":
        return _breached_again(seen, event, relapsed=before.status == "recovering")
    if seen.status == "ok":
        return _without_episode(seen, (0, *seen.transitions)), (Resolved(event.window_us),)
    counted = replace(seen, clean_windows=before.clean_windows + 1)
    return counted, () if before.status == "recovering" else (Recovering(event.window_us),)


def _opened(state: AlertState, event: Observed) -> tuple[AlertState, tuple[Effect, ...]]:
    opened = replace(
        state,
        clean_windows=0,
        transitions=(0, *state.transitions),
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
    escalated = WEIGHT[event.severity] > WEIGHT[state.severity]
    severity = event.severity if escalated else state.severity
    added = tuple(name for name in event.named if name not in state.named)
    grown = replace(
        state, clean_windows=0, severity=severity, last_us=event.window_us, named=state.named + added
    )
    effects: tuple[Effect, ...] = (Relapsed(event.window_us),) if relapsed else ()
    if added or escalated:
        effects += (Updated(event.window_us, added, severity, escalated),)
    return grown, effects


def _flapped(
    state: AlertState, effects: tuple[Effect, ...], window_us: int
) -> tuple[AlertState, tuple[Effect, ...]]:
    if not state.flapping and len(state.transitions) > FLAP_TRANSITIONS:
        return replace(state, flapping=True), (*effects, Flapping(window_us))
    if state.flapping and len(state.transitions) <= CALM_TRANSITIONS:
        return replace(state, flapping=False), (*effects, Calmed(window_us))
    return state, effects


def _closed(state: AlertState, event: Close, now: int) -> tuple[AlertState, tuple[Effect, ...]]:
    # What people end does not flap: the transition is not counted.
    after = replace(
        _without_episode(state, state.transitions),
        status=TABLE[state.status, "closed"],
        updated_us=now,
    )
    return after, (Closed(event.window_us),) if state.is_open else ()


def _reopened(state: AlertState, event: Reopen, now: int) -> tuple[AlertState, tuple[Effect, ...]]:
    if state.is_open:
        return state, ()
    after = replace(
        state,
        status=TABLE[state.status, "reopened"],
        clean_windows=0,
        recent=0,
        severity=event.severity,
        since_us=event.since_us,
        opened_us=event.opened_us,
        last_us=event.last_us,
        named=event.named,
        updated_us=now,
    )
    return after, (Reopened(event.window_us),)


def _without_episode(state: AlertState, transitions: tuple[int, ...]) -> AlertState:
    return AlertState(
        health=state.health,
        seen_us=state.seen_us,
        transitions=transitions,
        flapping=state.flapping,
        updated_us=state.updated_us,
    )
