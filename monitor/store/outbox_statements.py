"""The statements of `store.outbox` that every message needs, put together once: for SQLAlchemy that takes longer than
the database for doing them.

Each takes its values by name when it is executed; `outbox` says which.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Insert,
    Select,
    Update,
    and_,
    bindparam,
    exists,
    func,
    or_,
    select,
)
from sqlalchemy.sql.dml import ReturningInsert, ReturningUpdate

from monitor.store import outlets
from monitor.store.inserts import insert_on
from monitor.store.tables import attempts, models, outbox


@cache
def messages() -> Select[Any]:
    """All of them, each with the name of its model."""
    found: Select[Any] = select(outbox, models.c.name.label("model"))
    return found.join(models, models.c.id == outbox.c.model_id)


@cache
def one() -> Select[Any]:
    """The `message`."""
    return messages().where(outbox.c.id == bindparam("message"))


@cache
def enqueueing(dialect: str) -> ReturningInsert[Any]:
    """Write one; gives its id, and no row if its key is there already."""
    new = insert_on(dialect, outbox).on_conflict_do_nothing(index_elements=["key"])
    return new.returning(outbox.c.id)


@cache
def claiming() -> ReturningUpdate[Any]:
    """Take the oldest that may leave on one of the `channels` `now`, `until` its lease ends; gives it as `messages`
    does.
    """
    # SKIP LOCKED compiles to nothing on SQLite, where the writer's transaction is already alone.
    first = (
        select(outbox.c.id)
        .where(outbox.c.channel.in_(bindparam("channels", expanding=True)), *_may_leave())
        .order_by(outbox.c.next_us, outbox.c.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    model = select(models.c.name).where(models.c.id == outbox.c.model_id).scalar_subquery()
    return (
        outbox.update()
        .where(outbox.c.id == first.scalar_subquery())
        .values(
            state="sending",
            fence=outbox.c.fence + 1,
            attempt=outbox.c.attempt + 1,
            lease_until_us=bindparam("until"),
        )
        .returning(outbox, model.label("model"))
    )


@cache
def due() -> Select[Any]:
    """The channels on which something may leave `now`, with how many subjects it is about."""
    return (
        select(outbox.c.channel, func.count(outbox.c.subject.distinct()))
        .where(*_may_leave())
        .group_by(outbox.c.channel)
    )


@cache
def attempting() -> Insert:
    """A line of the delivery log."""
    return attempts.insert()


@cache
def settling(waited: bool) -> Update:
    """What became of the `message`, if its fence is still the one that is `held`."""
    moved = outbox.update().where(
        outbox.c.id == bindparam("message"),
        outbox.c.state == "sending",
        outbox.c.fence == bindparam("held"),
    )
    return moved.values(waits=outbox.c.waits + 1) if waited else moved


def _may_leave() -> tuple[ColumnElement[bool], ...]:
    """What a message must be so that it may be sent `now`: due, the first of its subject, and on no channel that is
    held.
    """
    now: BindParameter[int] = bindparam("now")
    earlier = outbox.alias("earlier")
    waits = exists().where(
        earlier.c.channel == outbox.c.channel,
        earlier.c.subject == outbox.c.subject,
        earlier.c.id < outbox.c.id,
        earlier.c.state.in_(["pending", "sending"]),
    )
    due = or_(
        and_(outbox.c.state == "pending", outbox.c.next_us <= now),
        and_(outbox.c.state == "sending", outbox.c.lease_until_us < now),
    )
    return due, ~waits, ~outlets.held(outbox.c.channel, now)
