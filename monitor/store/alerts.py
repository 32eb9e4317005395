"""Alerts, their episodes, the history and the evidence of each; `listing.episodes` leafs through them.

Every function runs in the caller's transaction.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Connection, Insert, Row, Select, Update, and_, bindparam, select

from monitor.errors import NotFound
from monitor.store import erasures
from monitor.store.inserts import insert_on
from monitor.store.tables import alerts, episode_events, episodes, evidence, models

# Why an episode was closed, where no person did it.
CLEAN = "clean windows"
RULE_CHANGED = "rule_changed"


@dataclass(frozen=True, slots=True)
class AlertRow:
    """One (model, family): `alerts.state.AlertState` without what its episode knows.

    `episode_id` is set while an episode is open; `flapping` is no, new (not told yet) or told.
    """

    family: str
    state: str
    health: str
    episode_id: int | None
    clean_windows: int
    updated_us: int
    recent: int = 0
    seen_us: int | None = None
    transitions: tuple[int, ...] = ()
    flapping: str = "no"


@dataclass(frozen=True, slots=True)
class EpisodeRow:
    """One stretch from firing to resolved. `state` is the alert's while it is open, `resolved` after.

    `attributes` is JSON (`alerts.attributes.Attributes`).
    """

    id: int
    model_id: int
    model: str
    family: str
    severity: str
    state: str
    since_us: int
    opened_us: int
    last_us: int
    closed_us: int | None
    close_reason: str | None
    inhibited_by: str | None
    summary: str
    attributes: str


@dataclass(frozen=True, slots=True)
class EventRow:
    id: int
    window_start_us: int
    event: str
    detail: Mapping[str, Any]
    at_us: int


@dataclass(frozen=True, slots=True)
class EvidenceRow:
    window_start_us: int
    event_id: str
    label: str
    excerpt: str
    repair: str | None = None


def states(conn: Connection, model_id: int) -> dict[str, AlertRow]:
    """Every alert of a model by family; a family that never fired has none."""
    rows = conn.execute(_states(), {"model": model_id})
    return {
        row.family: AlertRow(
            row.family,
            row.state,
            row.health,
            row.episode_id,
            row.clean_windows,
            row.updated_us,
            row.recent,
            row.seen_us,
            tuple(json.loads(row.transitions)),
            row.flapping,
        )
        for row in rows
    }


def save(conn: Connection, model_id: int, rows: Sequence[AlertRow]) -> None:
    """Write the states of alerts of different families, whether they existed or not."""
    if not rows:
        return
    values = [
        {
            "model_id": model_id,
            "family": row.family,
            "state": row.state,
            "health": row.health,
            "episode_id": row.episode_id,
            "clean_windows": row.clean_windows,
            "updated_us": row.updated_us,
            "recent": row.recent,
            "seen_us": row.seen_us,
            "transitions": json.dumps(row.transitions),
            "flapping": row.flapping,
        }
        for row in rows
    ]
    conn.execute(_saving(conn.dialect.name), values)


def open_episode(
    conn: Connection,
    model_id: int,
    family: str,
    *,
    severity: str,
    since_us: int,
    opened_us: int,
    inhibited_by: str | None,
    summary: str,
    attributes: str,
) -> int:
    """Insert an episode and return its id."""
    written = conn.execute(
        _opening(),
        {
            "model_id": model_id,
            "family": family,
            "severity": severity,
            "since_us": since_us,
            "opened_us": opened_us,
            "last_us": opened_us,
            "inhibited_by": inhibited_by,
            "summary": summary,
            "attributes": attributes,
        },
    )
    assert written.inserted_primary_key is not None
    return int(written.inserted_primary_key[0])


def change_episode(conn: Connection, episode_id: int, **values: Any) -> None:
    """Set columns of an episode (severity, last_us, closed_us, close_reason, inhibited_by, summary,
    attributes).
    """
    conn.execute(_changing(), {"key": episode_id, **values})


def add_event(
    conn: Connection, episode_id: int, window_start_us: int, event: str, detail: Mapping[str, Any], at_us: int
) -> None:
    """One line of an episode's history."""
    conn.execute(
        _telling(),
        {
            "episode_id": episode_id,
            "window_start_us": window_start_us,
            "event": event,
            "detail": json.dumps(detail, sort_keys=True, ensure_ascii=False),
            "at_us": at_us,
        },
    )


def add_evidence(
    conn: Connection,
    episode_id: int,
    window_start_us: int,
    examples: Iterable[tuple[str, str, str, str | None]],
) -> int:
    """Keep (event id, label, excerpt, repair) examples, but not of erased records; one that is there already stays as
    it was. Returns how many were new.
    """
    examples = list(examples)
    if not examples:
        return 0
    if conn.dialect.name == "postgresql":
        # An erasure waits until these rows can be found.
        conn.exec_driver_sql("LOCK TABLE evidence IN ROW EXCLUSIVE MODE")
    model_id = conn.execute(select(episodes.c.model_id).where(episodes.c.id == episode_id)).scalar_one()
    erased = erasures.among(conn, model_id, [event_id for event_id, *_ in examples])
    known = {(row.event_id, row.label) for row in conn.execute(_evidence(), {"episode": episode_id})}
    fresh: dict[tuple[str, str], dict[str, Any]] = {}
    for event_id, label, excerpt, repair in examples:
        if (event_id, label) not in known and event_id not in erased:
            fresh.setdefault(
                (event_id, label),
                {
                    "episode_id": episode_id,
                    "window_start_us": window_start_us,
                    "event_id": event_id,
                    "label": label,
                    "excerpt": excerpt,
                    "repair": repair,
                },
            )
    if fresh:
        conn.execute(evidence.insert(), list(fresh.values()))
    return len(fresh)


def get(conn: Connection, episode_id: int) -> EpisodeRow:
    """One episode. NotFound if there is none."""
    row = conn.execute(_one(), {"key": episode_id}).one_or_none()
    if row is None:
        raise NotFound(f"there is no alert {episode_id}")
    return _episode(row)


def open_of(conn: Connection, model_id: int | None = None) -> list[EpisodeRow]:
    """Open episodes of one model, or of all, in the order in which they opened."""
    given = {} if model_id is None else {"model": model_id}
    return [_episode(row) for row in conn.execute(_open(model_id is not None), given)]


def told_to_flap(conn: Connection, model_id: int, family: str) -> None:
    """That the alert flaps was said."""
    key = and_(alerts.c.model_id == model_id, alerts.c.family == family, alerts.c.flapping == "new")
    conn.execute(alerts.update().where(key).values(flapping="told"))


def ended_at(conn: Connection, model_id: int, window_us: int, reason: str = CLEAN) -> list[str]:
    """The families whose episode the verdict of this window closed (or another `reason` after it), by name."""
    given = {"model": model_id, "window": window_us, "reason": reason}
    return sorted(conn.execute(_ended(), given).scalars())


def overlapping(conn: Connection, model_id: int, families: Sequence[str], from_us: int) -> list[EpisodeRow]:
    """Episodes of some families that were still breaching at or after `from_us`, open or closed, oldest
    first.
    """
    given = {"model": model_id, "families": list(families), "from": from_us}
    return [_episode(row) for row in conn.execute(_overlapping(), given)]


def events(conn: Connection, episode_id: int) -> list[EventRow]:
    """The history of an episode, oldest first."""
    query = (
        select(episode_events).where(episode_events.c.episode_id == episode_id).order_by(episode_events.c.id)
    )
    return [
        EventRow(row.id, row.window_start_us, row.event, json.loads(row.detail), row.at_us)
        for row in conn.execute(query)
    ]


def evidence_of(conn: Connection, episode_id: int, limit: int = 50) -> list[EvidenceRow]:
    """Kept examples of an episode, first found first."""
    return [
        EvidenceRow(row.window_start_us, row.event_id, row.label, row.excerpt, row.repair)
        for row in conn.execute(_first_evidence(), {"episode": episode_id, "most": limit})
    ]


# Statements of every judgement and message are put together once: that takes longer than doing them.


@cache
def _states() -> Select[Any]:
    return select(alerts).where(alerts.c.model_id == bindparam("model")).order_by(alerts.c.family)


@cache
def _saving(dialect: str) -> Insert:
    statement = insert_on(dialect, alerts)
    newer = {name: statement.excluded[name] for name in AlertRow.__slots__ if name != "family"}
    return statement.on_conflict_do_update(index_elements=["model_id", "family"], set_=newer)


@cache
def _opening() -> Insert:
    return episodes.insert()


@cache
def _changing() -> Update:
    return episodes.update().where(episodes.c.id == bindparam("key"))


@cache
def _telling() -> Insert:
    return episode_events.insert()


@cache
def _evidence() -> Select[Any]:
    return select(evidence).where(evidence.c.episode_id == bindparam("episode")).order_by(evidence.c.id)


@cache
def _first_evidence() -> Select[Any]:
    return _evidence().limit(bindparam("most"))


@cache
def _one() -> Select[Any]:
    return _episodes().where(episodes.c.id == bindparam("key"))


@cache
def _open(of_model: bool) -> Select[Any]:
    query = _episodes().where(episodes.c.closed_us.is_(None))
    if of_model:
        query = query.where(episodes.c.model_id == bindparam("model"))
    return query.order_by(episodes.c.opened_us, episodes.c.id)


@cache
def _ended() -> Select[Any]:
    return select(episodes.c.family).where(
        episodes.c.model_id == bindparam("model"),
        episodes.c.closed_us == bindparam("window"),
        episodes.c.close_reason == bindparam("reason"),
    )


@cache
def _overlapping() -> Select[Any]:
    query = _episodes().where(
        episodes.c.model_id == bindparam("model"),
        episodes.c.family.in_(bindparam("families", expanding=True)),
        episodes.c.last_us >= bindparam("from"),
    )
    return query.order_by(episodes.c.opened_us, episodes.c.id)


def _episodes() -> Select[Any]:
    return (
        select(episodes, models.c.name.label("model"), alerts.c.state.label("alert_state"))
        .join(models, models.c.id == episodes.c.model_id)
        .outerjoin(alerts, alerts.c.episode_id == episodes.c.id)
    )


def _episode(row: Row[Any]) -> EpisodeRow:
    state = "resolved" if row.closed_us is not None else (row.alert_state or "firing")
    return EpisodeRow(
        id=row.id,
        model_id=row.model_id,
        model=row.model,
        family=row.family,
        severity=row.severity,
        state=state,
        since_us=row.since_us,
        opened_us=row.opened_us,
        last_us=row.last_us,
        closed_us=row.closed_us,
        close_reason=row.close_reason,
        inhibited_by=row.inhibited_by,
        summary=row.summary,
        attributes=row.attributes,
    )
