"""From the findings of one judged window to episodes in the store, in the transaction of the judge.

Breaks are recorded before drifts, so that a break which opens in the same window already explains them. What people
close and reopen goes through the same machine. Nothing is sent here: see `notify.announce`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from monitor.alerts import message, telling
from monitor.alerts.attributes import NOTHING, Attributes, Example, grown
from monitor.alerts.families import BREAKS, HEALTH, Breaker, inhibitor, patience, severity
from monitor.alerts.state import (
    Absent,
    AlertState,
    Calmed,
    Close,
    Closed,
    Effect,
    Flapping,
    Health,
    Observed,
    Opened,
    Patience,
    Recovering,
    Relapsed,
    Reopen,
    Reopened,
    Resolved,
    Severity,
    Status,
    Updated,
    advance,
)
from monitor.alerts.telling import Told
from monitor.store import alerts as store
from monitor.store import models, tellings

# A watch that was blind for so many windows is nobody's ticket any more.
BLIND_PAGES = 12


@dataclass(frozen=True, slots=True)
class FamilyFinding:
    """What one judged window says about one family, with the names and examples that go into its episode.

    `hard` and `severity` are what the attributes and the family say, where None is given.
    """

    family: str
    firing: bool
    clean: bool
    since_us: int
    attributes: Attributes = NOTHING
    examples: tuple[Example, ...] = ()
    hard: bool | None = None
    severity: Severity | None = None


@dataclass(frozen=True, slots=True)
class FamilyAbsent:
    """A family that this window says nothing about."""

    family: str
    absent: Absent


Finding = FamilyFinding | FamilyAbsent


@dataclass(frozen=True, slots=True)
class Released:
    """A break that explained the episode is over and it breaches still: now it counts as news."""

    window_us: int


@dataclass(frozen=True, slots=True)
class Change:
    """Something that became of an episode in this window."""

    episode_id: int
    family: str
    effect: Effect | Released


def record(
    conn: Connection,
    model_id: int,
    window_us: int,
    window_length_us: int,
    findings: Iterable[Finding],
    now_us: int,
    *,
    waits: Patience | None = None,
) -> tuple[Change, ...]:
    """Advance the alert of every family in `findings` by one window and write what came of it.

    Writes alerts, episodes, episode_events, tellings and evidence; sends nothing. A family without a finding keeps its
    state. Windows of a model must be recorded in order of time. `waits`: the patience of every family, None for each
    its own. Windows that tell nothing of some family also count for the health of the watch.
    """
    models.lock(conn, model_id)  # before any alert: whoever acknowledges or closes takes the same way
    rows = store.states(conn, model_id)
    opened = {episode.id: episode for episode in store.open_of(conn, model_id)}
    findings = list(findings)
    findings += _health_of(rows.get(HEALTH), findings, window_us, window_length_us)
    changes: list[Change] = []
    saved: list[store.AlertRow] = []
    for finding in sorted(findings, key=lambda f: (f.family not in BREAKS, f.family)):
        row = rows.get(finding.family)
        held = _Held.of(row, opened.get(row.episode_id) if row and row.episode_id is not None else None)
        if isinstance(finding, FamilyAbsent):
            state, _ = advance(held.state, finding.absent, now_us)
            saved.append(_row(finding.family, state, held))
            continue
        event = _observed(finding, held, window_us, window_length_us)
        state, effects = advance(held.state, event, now_us, patience=waits or patience(finding.family))
        if row is not None and state is held.state:
            continue  # this window was seen
        writer = _Writer(conn, model_id, window_us, window_length_us, now_us)
        episode_id, came = writer.write(finding, held, state, effects)
        changes += came
        saved.append(_row(finding.family, state, replace(held, episode_id=episode_id)))
    store.save(conn, model_id, saved)
    return tuple(changes)


def blind(health: Health, since_us: int, window_us: int, window_length_us: int) -> FamilyFinding:
    """The finding that the watch of a model cannot see: there are no records, a run is dead, or nothing is judged."""
    said = {
        "no_data": "no_data: there are no records to judge",
        "error": "error: the window could not be measured; `driftglass status` shows the dead run",
        "stale": "stale: no window was judged for too long; `driftglass status` shows what waits",
    }[health]
    page = window_us - since_us >= BLIND_PAGES * window_length_us
    return FamilyFinding(
        HEALTH,
        firing=True,
        clean=False,
        since_us=since_us,
        attributes=Attributes(hard=(said,)),
        # Windows without records wait for a third: a night may be quiet. A dead run is dead.
        hard=health != "no_data",
        severity="page" if page else "ticket",
    )


def close(conn: Connection, episode: store.EpisodeRow, window_us: int, reason: str, now_us: int) -> bool:
    """End an open episode for another reason than clean windows; False if it is closed already. Its model is locked
    by the caller.
    """
    row = store.states(conn, episode.model_id).get(episode.family)
    if episode.closed_us is not None or row is None or row.episode_id != episode.id:
        return False
    held = _Held.of(row, episode)
    state, _ = advance(held.state, Close(window_us), now_us)
    store.change_episode(conn, episode.id, closed_us=window_us, close_reason=reason)
    store.add_event(conn, episode.id, window_us, "closed", {"reason": reason}, now_us)
    store.save(conn, episode.model_id, [_row(episode.family, state, held)])
    _wake(conn, episode.id)
    return True


def reopen(conn: Connection, episode: store.EpisodeRow, window_us: int, now_us: int) -> bool:
    """Let a closed episode go on; False if another one of its family is open, or it is itself. The model is locked by
    the caller.
    """
    row = store.states(conn, episode.model_id).get(episode.family)
    if episode.closed_us is None or row is None or row.episode_id is not None:
        return False
    held = _Held.of(row, None)
    event = Reopen(
        window_us,
        _severity(episode.severity),
        episode.since_us,
        episode.opened_us,
        episode.last_us,
        Attributes.decode(episode.attributes).named,
    )
    state, _ = advance(held.state, event, now_us)
    store.change_episode(conn, episode.id, closed_us=None, close_reason=None)
    store.add_event(conn, episode.id, window_us, "reopened", {}, now_us)
    row = _row(episode.family, state, replace(held, episode_id=episode.id))
    store.save(conn, episode.model_id, [row])
    _wake(conn, episode.id, reopened=True)
    return True


@dataclass(frozen=True, slots=True)
class _Held:
    """An alert as it was before this window."""

    state: AlertState
    episode_id: int | None
    inhibited_by: str | None
    attributes: Attributes
    flapping: str = "no"

    @classmethod
    def of(cls, row: store.AlertRow | None, episode: store.EpisodeRow | None) -> _Held:
        if row is None:
            return cls(AlertState(), None, None, NOTHING)
        status: Status = "pending" if row.state == "pending" else "ok"
        state = AlertState(
            status=status,
            health=_health(row.health),
            recent=row.recent,
            seen_us=row.seen_us,
            transitions=row.transitions,
            flapping=row.flapping != "no",
            updated_us=row.updated_us,
        )
        if episode is None:
            return cls(state, None, None, NOTHING, row.flapping)
        attributes = Attributes.decode(episode.attributes)
        state = replace(
            state,
            status="recovering" if row.state == "recovering" else "firing",
            clean_windows=row.clean_windows,
            severity=_severity(episode.severity),
            since_us=episode.since_us,
            opened_us=episode.opened_us,
            last_us=episode.last_us,
            named=attributes.named,
        )
        return cls(state, episode.id, episode.inhibited_by, attributes, row.flapping)


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
    ) -> tuple[int | None, list[Change]]:
        """Write what belongs to the episode; returns its id, if there is one, and what changed."""
        episode_id = held.episode_id
        changes: list[Change] = []
        if effects and isinstance(effects[0], Opened):
            episode_id = self._open(finding, effects[0])
            changes.append(Change(episode_id, finding.family, effects[0]))
            effects = effects[1:]
        elif episode_id is not None and state.last_us == self.window_us:
            self._grow(episode_id, finding, held, state)
            if held.inhibited_by is not None and self._released(episode_id, held.inhibited_by):
                changes.append(Change(episode_id, finding.family, Released(self.window_us)))
        if episode_id is not None:
            changes += [self._follow(episode_id, finding.family, effect) for effect in effects]
            if state.last_us == self.window_us:
                store.add_evidence(
                    self.conn,
                    episode_id,
                    self.window_us,
                    [
                        (found.event_id, found.label, found.excerpt, found.repair)
                        for found in finding.examples
                    ],
                )
        return episode_id, changes

    def _open(self, finding: FamilyFinding, effect: Opened) -> int:
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
        tellings.begin(self.conn, self.model_id, episode_id, Told(began=effect.severity).encode())
        self._event(episode_id, "opened", {"severity": effect.severity})
        if cause is not None:
            self._event(episode_id, "inhibited", {"by": cause})
        return episode_id

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
        row = tellings.get(self.conn, episode_id)
        if row is None or row.told is None or '"snoozed": null' in row.told:
            return
        told, lapsed = telling.grew(
            Told.decode(row.told), sizes(finding.attributes), finding.attributes.named
        )
        if lapsed:
            tellings.save(self.conn, row, told.encode(), waits=tellings.LOOK_NOW, until_us=told.until_us)
            self._event(episode_id, "snooze ended", {"why": "worse"})

    def _released(self, episode_id: int, cause: str) -> bool:
        """A drift that still breaches when its break is over has a cause of its own: now people are told."""
        if any(episode.family == cause for episode in store.open_of(self.conn, self.model_id)):
            return False
        store.change_episode(self.conn, episode_id, inhibited_by=None)
        self._event(episode_id, "released", {"by": cause})
        return True

    def _follow(self, episode_id: int, family: str, effect: Effect) -> Change:
        match effect:
            case Updated():
                named = {
                    "named": list(effect.named),
                    "severity": effect.severity,
                    "escalated": effect.escalated,
                }
                self._event(episode_id, "updated", named)
            case Resolved():
                store.change_episode(
                    self.conn, episode_id, closed_us=self.window_us, close_reason=store.CLEAN
                )
                self._event(episode_id, "resolved", {})
                _wake(self.conn, episode_id)
            case Recovering() | Relapsed() | Opened() | Closed() | Reopened() | Flapping() | Calmed():
                self._event(episode_id, type(effect).__name__.lower(), {})
        return Change(episode_id, family, effect)

    def _event(self, episode_id: int, event: str, detail: Mapping[str, object]) -> None:
        store.add_event(self.conn, episode_id, self.window_us, event, detail, self.now_us)


def sizes(attributes: Attributes) -> dict[str, float]:
    """How large each named series is, as a snooze remembers it; a break is as large as a break can be."""
    known = {moved.series: abs(moved.effect) for moved in attributes.moved if moved.effect is not None}
    return {name: known.get(name, 0.0) for name in attributes.named}


def _health_of(
    row: store.AlertRow | None,
    findings: Sequence[Finding],
    window_us: int,
    window_length_us: int,
) -> list[FamilyFinding]:
    """What a window says of the watch itself; nothing where all is well and ever was."""
    if any(finding.family == HEALTH for finding in findings):
        return []
    absent = [finding.absent.health for finding in findings if isinstance(finding, FamilyAbsent)]
    if absent:
        health: Health = "error" if "error" in absent else absent[0]
        return [blind(health, window_us, window_us, window_length_us)]
    if row is None or not findings:
        return []
    return [FamilyFinding(HEALTH, firing=False, clean=True, since_us=window_us)]


def _observed(finding: FamilyFinding, held: _Held, window_us: int, window_length_us: int) -> Observed:
    since_us, worst = finding.since_us, finding.severity or severity(finding.family)
    if finding.family == HEALTH and finding.firing:
        # It began with the first window that nothing was seen of.
        before = (~held.state.recent & (held.state.recent + 1)).bit_length() - 1
        since_us = since_us - before * window_length_us
        if (
            held.state.since_us is not None
            and window_us - held.state.since_us >= BLIND_PAGES * window_length_us
        ):
            worst = "page"
    return Observed(
        firing=finding.firing,
        clean=finding.clean,
        severity=worst,
        hard=bool(finding.attributes.hard) if finding.hard is None else finding.hard,
        since_us=since_us,
        window_us=window_us,
        named=finding.attributes.named,
    )


def _wake(conn: Connection, episode_id: int, *, reopened: bool = False) -> None:
    """Something may be to tell of an episode that no window touches any more."""
    row = tellings.get(conn, episode_id)
    assert row is not None
    told = telling.known(row.told, _severity(row.severity), inhibited=row.inhibited_by is not None)
    if reopened:
        told = telling.reopened(told, _severity(row.severity))
    tellings.save(conn, row, told.encode(), waits=tellings.LOOK_NOW, until_us=told.until_us)


def _row(family: str, state: AlertState, held: _Held) -> store.AlertRow:
    flapping = "no" if not state.flapping else "new" if held.flapping == "no" else held.flapping
    return store.AlertRow(
        family,
        state.status,
        state.health,
        held.episode_id if state.is_open else None,
        state.clean_windows,
        state.updated_us,
        state.recent,
        state.seen_us,
        state.transitions,
        flapping,
    )


def _health(text: str) -> Health:
    known: tuple[Health, ...] = ("no_data", "error", "stale")
    return next((health for health in known if health == text), "fresh")


def _severity(text: str | None) -> Severity:
    return "page" if text == "page" else "ticket"
