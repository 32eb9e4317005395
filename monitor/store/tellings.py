"""What was told of each episode, and what people said to that: one row per episode.

Every function runs in the caller's transaction, who has locked the model (`models.lock`) before writing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Connection, Insert, Row, Select, and_, bindparam, func, or_, select

from monitor.store.inserts import insert_on
from monitor.store.tables import alerts, episodes, models, tellings

# What `waits` says.
NOTHING, HELD, LOOK_NOW = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Telling:
    """A row of `tellings`, with what it needs to know of its episode.

    `told` is JSON (`alerts.telling.Told`), None for an episode of an earlier release, which told it itself.
    `channels` were told that it is open. `flapping` is the alert's.
    """

    episode_id: int
    model_id: int
    model: str
    family: str
    severity: str
    opened_us: int
    closed_us: int | None
    inhibited_by: str | None
    attributes: str
    flapping: str
    told: str | None
    channels: tuple[str, ...]
    told_us: int | None
    held_us: int | None
    waits: int
    until_us: int | None
    revision: int


def begin(conn: Connection, model_id: int, episode_id: int, told: str) -> None:
    """The row of an episode that opens."""
    known = {"told": told, "channels": "[]", "waits": LOOK_NOW, "revision": 1}
    row = {"episode_id": episode_id, "model_id": model_id, **known}
    conn.execute(_beginning(conn.dialect.name), row)


def get(conn: Connection, episode_id: int) -> Telling | None:
    """What was told of an episode; None if there is no such episode."""
    row = conn.execute(_one(), {"key": episode_id}).one_or_none()
    return None if row is None else _telling(row)


def unfinished(conn: Connection, model_id: int) -> list[Telling]:
    """The episodes of a model of which something may be to be told: those that are open or that wait, oldest first."""
    return [_telling(row) for row in conn.execute(_unfinished(), {"model": model_id})]


def waiting(conn: Connection, now_us: int) -> list[int]:
    """The models, by key, in which something may have to be told though no window was judged."""
    return list(conn.execute(_waiting(), {"now": now_us}).scalars())


def look_again(conn: Connection) -> None:
    """A silence ended early or changed: whatever is held may be to tell now."""
    conn.execute(tellings.update().where(tellings.c.waits == HELD).values(waits=LOOK_NOW))


def crowded(conn: Connection) -> list[Telling]:
    """The episodes that wait because too many opened at once, the first held first."""
    query = _tellings().where(tellings.c.held_us.is_not(None))
    return [_telling(row) for row in conn.execute(query.order_by(tellings.c.held_us, episodes.c.id))]


def last_together_us(conn: Connection) -> int | None:
    """When alerts were last told together; None if they never were."""
    query = select(func.max(tellings.c.told_us)).where(tellings.c.lead_id.is_not(None))
    return conn.execute(query).scalar_one_or_none()


def save(
    conn: Connection,
    telling: Telling,
    told: str,
    *,
    waits: int,
    until_us: int | None,
    held_us: int | None = None,
    channels: Sequence[str] | None = None,
    told_us: int | None = None,
    lead_id: int | None = None,
) -> None:
    """Write what is known now. `channels`, `told_us` and `lead_id` stay where None is given."""
    kept = {
        "channels": None if channels is None else json.dumps(list(channels)),
        "told_us": told_us,
        "lead_id": lead_id,
    }
    values: dict[str, Any] = {
        "told": told,
        "waits": waits,
        "until_us": until_us,
        "held_us": held_us,
        "revision": telling.revision + 1,
        **{name: value for name, value in kept.items() if value is not None},
    }
    row = {"episode_id": telling.episode_id, "model_id": telling.model_id, "channels": "[]", **values}
    conn.execute(_saving(conn.dialect.name, tuple(values)), row)


def opened_lately(conn: Connection, from_us: int, to_us: int, since_us: int) -> int:
    """How many episodes of all models that opened with windows of [from_us, to_us] were told since `since_us`."""
    given = {"since": since_us, "from": from_us, "to": to_us}
    return int(conn.execute(_opened_lately(), given).scalar_one())


@cache
def _beginning(dialect: str) -> Insert:
    return insert_on(dialect, tellings).on_conflict_do_nothing()


@cache
def _saving(dialect: str, names: tuple[str, ...]) -> Insert:
    """Makes the row; where it is there, only what is named changes."""
    statement = insert_on(dialect, tellings)
    newer = {name: statement.excluded[name] for name in names}
    return statement.on_conflict_do_update(index_elements=["episode_id"], set_=newer)


@cache
def _one() -> Select[Any]:
    return _tellings().where(episodes.c.id == bindparam("key"))


@cache
def _unfinished() -> Select[Any]:
    wanted = or_(episodes.c.closed_us.is_(None), tellings.c.waits > 0)
    query = _tellings().where(episodes.c.model_id == bindparam("model"), wanted)
    return query.order_by(episodes.c.id)


@cache
def _waiting() -> Select[Any]:
    due = or_(tellings.c.waits == LOOK_NOW, tellings.c.until_us <= bindparam("now"))
    return select(tellings.c.model_id).where(due).distinct().order_by(tellings.c.model_id)


@cache
def _opened_lately() -> Select[Any]:
    return (
        select(func.count())
        .select_from(tellings.join(episodes, episodes.c.id == tellings.c.episode_id))
        .where(
            tellings.c.told_us >= bindparam("since"),
            episodes.c.opened_us.between(bindparam("from"), bindparam("to")),
        )
    )


def _tellings() -> Select[Any]:
    return (
        select(
            episodes.c.id.label("episode_id"),
            episodes.c.model_id,
            models.c.name.label("model"),
            episodes.c.family,
            episodes.c.severity,
            episodes.c.opened_us,
            episodes.c.closed_us,
            episodes.c.inhibited_by,
            episodes.c.attributes,
            alerts.c.flapping,
            tellings.c.told,
            tellings.c.channels,
            tellings.c.told_us,
            tellings.c.held_us,
            tellings.c.waits,
            tellings.c.until_us,
            tellings.c.revision,
        )
        .select_from(episodes)
        .join(models, models.c.id == episodes.c.model_id)
        .outerjoin(tellings, tellings.c.episode_id == episodes.c.id)
        .outerjoin(
            alerts, and_(alerts.c.model_id == episodes.c.model_id, alerts.c.family == episodes.c.family)
        )
    )


def _telling(row: Row[Any]) -> Telling:
    values = dict(row._mapping)
    values["channels"] = tuple(json.loads(values["channels"] or "[]"))
    values["flapping"] = values["flapping"] or "no"
    values["revision"] = values["revision"] or 0
    values["waits"] = values["waits"] or NOTHING
    return Telling(**values)
