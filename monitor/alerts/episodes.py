"""From the findings of one judged window to episodes in the store, in the transaction of the judge.

Breaks are recorded before drifts, so that a break which opens in the same window already explains them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from monitor.alerts import message
from monitor.alerts.attributes import NOTHING, Attributes, Example, grown
from monitor.alerts.families import BREAKS, Breaker, inhibitor, severity
from monitor.alerts.state import (
    CLEAN_WINDOWS,
    Absent,
    AlertState,
    Effect,
    Health,
    Observed,
    Opened,
    Recovering,
    Relapsed,
    Resolved,
    Severity,
    Updated,
    advance,
)
from monitor.store import alerts as store


@dataclass(frozen=True, slots=True)
class FamilyFinding:
    """What one judged window says about one family, with the names and examples that go into its episode."""

    family: str
    firing: bool
    clean: bool
    since_us: int
    attributes: Attributes = NOTHING
    examples: tuple[Example, ...] = ()
    severity: Severity | None = None  # as the family's, if none is said


@dataclass(frozen=True, slots=True)
class FamilyAbsent:
    """A family that this window says nothing about."""

    family: str
    absent: Absent


@dataclass(frozen=True, slots=True)
class Released:
    """A break that explained the episode is over and it breaches still: now it counts as news."""

    window_us: int


@dataclass(frozen=True, slots=True)
class Change:
    """Something that became of an episode in this window. `event` is what people are told, None if they are
    not.
    """

    episode_id: int
    family: str
    event: message.Event | None
    effect: Effect | Released
    previous_severity: Severity | None = None


def record(
    conn: Connection,
    model_id: int,
    window_us: int,
    window_length_us: int,
    findings: Iterable[FamilyFinding | FamilyAbsent],
    now_us: int,
    *,
    clean_windows: int = CLEAN_WINDOWS,
) -> tuple[Change, ...]:
    """Advance the alert of every family in `findings` by one window and write what came of it.

    Writes alerts, episodes, episode_events and evidence; sends nothing (see `notify.announce`). A family
    without a finding keeps its state. Windows of a model must be recorded in order of time.
    """
    rows = store.states(conn, model_id)
    opened = {episode.id: episode for episode in store.open_of(conn, model_id)}
    changes: list[Change] = []
    for finding in sorted(findings, key=lambda f: (f.family not in BREAKS, f.family)):
        row = rows.get(finding.family)
        held = _Held.of(row, opened.get(row.episode_id) if row and row.episode_id is not None else None)
        if isinstance(finding, FamilyAbsent):
            state, _ = advance(held.state, finding.absent, now_us)
            _save(conn, model_id, finding.family, state, held.episode_id)
            continue
        event = _observed(finding, window_us)
        state, effects = advance(held.state, event, now_us, clean_windows=clean_windows)
        writer = _Writer(conn, model_id, window_us, window_length_us, now_us)
        changes += writer.write(finding, held, state, effects)
    return tuple(changes)


@dataclass(frozen=True, slots=True)
class _Held:
    """An alert as it was before this window."""

    state: AlertState
    episode_id: int | None
    inhibited_by: str | None
    attributes: Attributes

    @classmethod
    def of(cls, row: store.AlertRow | None, episode: store.EpisodeRow | None) -> _Held:
        if row is None or episode is None:
            return cls(AlertState(health=_health(row)), None, None, NOTHING)
        attributes = Attributes.decode(episode.attributes)
        state = AlertState(
            status="recovering" if row.state == "recovering" else "firing",
            health=_health(row),
            clean_windows=row.clean_windows,
            severity=_severity(episode.severity),
            since_us=episode.since_us,
            opened_us=episode.opened_us,
            last_us=episode.last_us,
            named=attributes.named,
            updated_us=row.updated_us,
        )
        return cls(state, episode.id, episode.inhibited_by, attributes)


@dataclass(frozen=True, slots=True)
class _Writer:
    """One finding's effects on the store."""

    conn: Connection
    model_id: int
    window_us: int
    window_length_us: int
    now_us: int

    def write(
        self, finding: FamilyFinding, held: _Held, state: AlertState, effects: Sequence[Effect]
    ) -> list[Change]:
        episode_id = held.episode_id
        changes: list[Change] = []
        if effects and isinstance(effects[0], Opened):
            episode_id, event = self._open(finding, effects[0])
            changes.append(Change(episode_id, finding.family, event, effects[0]))
        elif episode_id is not None:
            if state.last_us == self.window_us:
                self._grow(episode_id, finding, held, state)
                if held.inhibited_by is not None and self._released(episode_id, held.inhibited_by):
                    released = Released(self.window_us)
                    changes.append(Change(episode_id, finding.family, "opened", released))
                    held = replace(held, inhibited_by=None)
            changes += [self._follow(episode_id, finding.family, held, effect) for effect in effects]
        if episode_id is not None and state.last_us == self.window_us:
            store.add_evidence(
                self.conn,
                episode_id,
                self.window_us,
                [(found.event_id, found.label, found.excerpt, found.repair) for found in finding.examples],
            )
        _save(self.conn, self.model_id, finding.family, state, None if state.status == "ok" else episode_id)
        return changes

    def _open(self, finding: FamilyFinding, effect: Opened) -> tuple[int, message.Event | None]:
        breaks = [
            Breaker(episode.family, episode.since_us)
            for episode in store.open_of(self.conn, self.model_id)
            if episode.family in BREAKS
        ]
        cause = inhibitor(finding.family, effect.since_us, breaks, self.window_length_us)
        episode_id = store.open_episode(
            self.conn,
            self.model_id,
            finding.family,
            severity=effect.severity,
            since_us=effect.since_us,
            opened_us=effect.window_us,
            inhibited_by=cause,
            summary=message.summary(finding.attributes),
            attributes=finding.attributes.encode(),
        )
        self._event(episode_id, "opened", {"severity": effect.severity})
        if cause is not None:
            self._event(episode_id, "inhibited", {"by": cause})
        return episode_id, None if cause is not None else "opened"

    def _grow(self, episode_id: int, finding: FamilyFinding, held: _Held, state: AlertState) -> None:
        attributes = grown(held.attributes, finding.attributes)
        store.change_episode(
            self.conn,
            episode_id,
            last_us=self.window_us,
            severity=state.severity,
            summary=message.summary(attributes),
            attributes=attributes.encode(),
        )

    def _released(self, episode_id: int, cause: str) -> bool:
        """A drift that still breaches when its break is over has a cause of its own: now people are told."""
        if any(episode.family == cause for episode in store.open_of(self.conn, self.model_id)):
            return False
        store.change_episode(self.conn, episode_id, inhibited_by=None)
        self._event(episode_id, "released", {"by": cause})
        return True

    def _follow(self, episode_id: int, family: str, held: _Held, effect: Effect) -> Change:
        told = held.inhibited_by is None
        match effect:
            case Updated():
                self._event(
                    episode_id,
                    "updated",
                    {"named": list(effect.named), "severity": effect.severity, "escalated": effect.escalated},
                )
                event: message.Event | None = "updated" if effect.escalated and told else None
                before = held.state.severity if effect.escalated else None
                return Change(episode_id, family, event, effect, previous_severity=before)
            case Resolved():
                store.change_episode(
                    self.conn, episode_id, closed_us=self.window_us, close_reason=store.CLEAN
                )
                self._event(episode_id, "resolved", {})
                return Change(episode_id, family, "resolved" if told else None, effect)
            case Recovering() | Relapsed() | Opened():
                self._event(episode_id, type(effect).__name__.lower(), {})
                return Change(episode_id, family, None, effect)

    def _event(self, episode_id: int, event: str, detail: dict[str, object]) -> None:
        store.add_event(self.conn, episode_id, self.window_us, event, detail, self.now_us)


def _observed(finding: FamilyFinding, window_us: int) -> Observed:
    return Observed(
        firing=finding.firing,
        clean=finding.clean,
        severity=finding.severity or severity(finding.family),
        hard=bool(finding.attributes.hard),
        since_us=finding.since_us,
        window_us=window_us,
        named=finding.attributes.named,
    )


def _save(conn: Connection, model_id: int, family: str, state: AlertState, episode_id: int | None) -> None:
    row = store.AlertRow(
        family, state.status, state.health, episode_id, state.clean_windows, state.updated_us
    )
    store.save(conn, model_id, row)


def _health(row: store.AlertRow | None) -> Health:
    if row is None or row.health == "fresh":
        return "fresh"
    return "no_data" if row.health == "no_data" else "error"


def _severity(text: str | None) -> Severity:
    return "page" if text == "page" else "ticket"
