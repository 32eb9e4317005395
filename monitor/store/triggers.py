"""Triggers and their history; `listing.triggers` leafs through them.

Every function runs in the caller's transaction. States are moved by conditional updates.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, select
from sqlalchemy.dialects import postgresql, sqlite

from monitor.errors import Conflict, NotFound
from monitor.store.tables import episodes, models, trigger_events, triggers

# The partial unique index of the table names the same states; a test compares the two.
IN_FLIGHT = ("requested", "dispatched", "accepted", "running", "unknown")
# A proposal that never left does not start a cooldown.
NEVER_LEFT = ("proposed", "vetoed", "awaiting_approval", "rejected", "expired")


@dataclass(frozen=True, slots=True)
class TriggerRow:
    """A request to retrain. `guards` is a list of {guard, passed, reason}; `request` holds reasons, windows,
    exclusions.
    """

    id: str
    model_id: int
    model: str
    episode_id: int
    family: str
    state: str
    reason: str
    guards: Sequence[Mapping[str, Any]]
    request: Mapping[str, Any]
    window_start_us: int
    external_run_id: str | None
    callback_sha256: str | None
    created_us: int
    updated_us: int


@dataclass(frozen=True, slots=True)
class TriggerEvent:
    from_state: str | None
    to_state: str
    actor: str
    detail: Mapping[str, Any]
    at_us: int


def insert(
    conn: Connection,
    *,
    id: str,
    model_id: int,
    episode_id: int,
    state: str,
    reason: str,
    guards: Sequence[Mapping[str, Any]],
    request: Mapping[str, Any],
    window_start_us: int,
    callback_sha256: str | None,
    actor: str,
    now_us: int,
) -> bool:
    """Write a trigger and the first line of its history, unless its episode has one; says whether it was
    written.

    Conflict if another trigger of the model is in flight and this one would be.
    """
    if state in IN_FLIGHT:
        _refuse_second(conn, model_id, id)
    dialect_insert = postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert
    written = conn.execute(
        dialect_insert(triggers)
        .values(
            id=id,
            model_id=model_id,
            episode_id=episode_id,
            state=state,
            reason=reason,
            guards=_json(guards),
            request=_json(request),
            window_start_us=window_start_us,
            callback_sha256=callback_sha256,
            created_us=now_us,
            updated_us=now_us,
        )
        .on_conflict_do_nothing(index_elements=["model_id", "episode_id"])
        .returning(triggers.c.id)
    )
    if written.one_or_none() is None:
        return False
    _add_event(conn, id, None, state, actor, {"reason": reason}, now_us)
    return True


def move(
    conn: Connection,
    trigger_id: str,
    from_states: Collection[str],
    to_state: str,
    *,
    actor: str,
    detail: Mapping[str, Any],
    now_us: int,
    **values: Any,
) -> None:
    """One conditional update plus a line of history; `values` sets further columns (external_run_id,
    callback_sha256).

    NotFound if there is no such trigger. Conflict, and nothing written, if it is in none of `from_states`, or
    if another trigger of the model is in flight.
    """
    before = get(conn, trigger_id)
    if to_state in IN_FLIGHT and before.state not in IN_FLIGHT:
        _refuse_second(conn, before.model_id, trigger_id)
    moved = conn.execute(
        triggers.update()
        .where(
            triggers.c.id == trigger_id, triggers.c.state == before.state, triggers.c.state.in_(from_states)
        )
        .values(state=to_state, updated_us=now_us, **values)
    )
    if moved.rowcount == 0:
        raise Conflict(f"trigger {trigger_id} is {before.state}: it cannot become {to_state}")
    _add_event(conn, trigger_id, before.state, to_state, actor, detail, now_us)


def note(
    conn: Connection, trigger_id: str, state: str, *, actor: str, detail: Mapping[str, Any], now_us: int
) -> None:
    """A line of history that moves nothing, such as a callback that came late."""
    _add_event(conn, trigger_id, state, state, actor, detail, now_us)


def get(conn: Connection, trigger_id: str) -> TriggerRow:
    """One trigger. NotFound if there is none."""
    row = conn.execute(_triggers().where(triggers.c.id == trigger_id)).one_or_none()
    if row is None:
        raise NotFound(f"there is no trigger {trigger_id}")
    return _trigger(row)


def of_episode(conn: Connection, episode_id: int) -> TriggerRow | None:
    """The trigger of an episode, None if it has none."""
    row = conn.execute(_triggers().where(triggers.c.episode_id == episode_id)).one_or_none()
    return None if row is None else _trigger(row)


def in_flight(conn: Connection, model_id: int) -> TriggerRow | None:
    """The trigger of a model that is on its way, None if there is none."""
    query = _triggers().where(triggers.c.model_id == model_id, triggers.c.state.in_(IN_FLIGHT))
    row = conn.execute(query).one_or_none()
    return None if row is None else _trigger(row)


def last_left_us(conn: Connection, model_id: int) -> int | None:
    """Start of the window of the newest trigger that was really requested: where a cooldown starts. None if
    none was.
    """
    left = triggers.c.state.not_in(NEVER_LEFT)
    query = select(func.max(triggers.c.window_start_us)).where(triggers.c.model_id == model_id, left)
    return conn.execute(query).scalar_one_or_none()


def events(conn: Connection, trigger_id: str) -> list[TriggerEvent]:
    """The history of a trigger, oldest first."""
    query = (
        select(trigger_events).where(trigger_events.c.trigger_id == trigger_id).order_by(trigger_events.c.id)
    )
    return [
        TriggerEvent(row.from_state, row.to_state, row.actor, json.loads(row.detail), row.at_us)
        for row in conn.execute(query)
    ]


def _refuse_second(conn: Connection, model_id: int, trigger_id: str) -> None:
    # The partial unique index has the last word; this asks first, so that the usual case has a readable
    # answer and does not break the caller's transaction.
    running = in_flight(conn, model_id)
    if running is not None and running.id != trigger_id:
        raise Conflict(f"trigger {running.id} of {running.model} is still {running.state}")


def _add_event(
    conn: Connection,
    trigger_id: str,
    from_state: str | None,
    to_state: str,
    actor: str,
    detail: Mapping[str, Any],
    at_us: int,
) -> None:
    conn.execute(
        trigger_events.insert().values(
            trigger_id=trigger_id,
            from_state=from_state,
            to_state=to_state,
            actor=actor,
            detail=_json(detail),
            at_us=at_us,
        )
    )


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False)


def _triggers() -> Any:
    return (
        select(triggers, models.c.name.label("model"), episodes.c.family)
        .join(models, models.c.id == triggers.c.model_id)
        .join(episodes, episodes.c.id == triggers.c.episode_id)
    )


def _trigger(row: Row[Any]) -> TriggerRow:
    return TriggerRow(
        id=row.id,
        model_id=row.model_id,
        model=row.model,
        episode_id=row.episode_id,
        family=row.family,
        state=row.state,
        reason=row.reason,
        guards=json.loads(row.guards),
        request=json.loads(row.request),
        window_start_us=row.window_start_us,
        external_run_id=row.external_run_id,
        callback_sha256=row.callback_sha256,
        created_us=row.created_us,
        updated_us=row.updated_us,
    )
