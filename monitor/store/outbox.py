"""Messages that must leave: written with the decision that caused them, sent later, at least once, in order.

    pending ──claim──▶ sending ──▶ sent
       ▲                 │  └────▶ dead ──replay──▶ pending
       └──── retry ──────┘

A lease that ran out is claimed again, and the fence refuses what its earlier holder says. Every function runs
in the caller's transaction. Messages of one subject leave a channel in the order in which they were written:
the second waits until the first is sent or dead. A channel that is held (`store.outlets`) keeps its messages.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from sqlalchemy import (
    Connection,
    Row,
    case,
    func,
    select,
)

from monitor.errors import Conflict, LeaseLost, NotFound
from monitor.store import outbox_statements as statements
from monitor.store.tables import attempts, models, outbox

State = Literal["pending", "sending", "sent", "dead"]
MAX_PAGE = 501  # a page of the API, and one more to see whether there is another
_AGAIN: dict[str, Any] = {"state": "pending", "attempt": 0, "waits": 0, "lease_until_us": None}


@dataclass(frozen=True, slots=True)
class Message:
    """A row of the outbox. `key` is the webhook-id and `body` is frozen: both stay the same over retries and
    replays.
    """

    id: int
    key: str
    model_id: int
    model: str
    channel: str
    type: str
    subject: str
    body: str
    state: str
    fence: int
    attempt: int
    next_us: int
    last_status: int | None
    last_error: str | None
    created_us: int
    sent_us: int | None
    episode_id: int | None = None
    waits: int = 0


@dataclass(frozen=True, slots=True)
class Attempt:
    at_us: int
    status: int | None
    error: str | None
    duration_ms: float


def enqueue(
    conn: Connection,
    *,
    key: str,
    model_id: int,
    channel: str,
    type: str,
    subject: str,
    body: str,
    now_us: int,
    episode_id: int | None = None,
    repeats: bool = False,
) -> bool:
    """Write a message unless its key is there already; says whether it was written.

    `repeats`: it says again, and better, what an earlier message of the same type and episode said. If that one is
    the last of its subject and still waits, it is dropped: nobody wants to read both.
    """
    if repeats and episode_id is not None:
        _drop_superseded(conn, key, channel, subject, type, episode_id)
    written = conn.execute(
        statements.enqueueing(conn.dialect.name),
        {
            "key": key,
            "model_id": model_id,
            "channel": channel,
            "type": type,
            "subject": subject,
            "body": body,
            "state": "pending",
            "next_us": now_us,
            "created_us": now_us,
            "episode_id": episode_id,
        },
    )
    return written.one_or_none() is not None


def claim(conn: Connection, channels: Collection[str], now_us: int, lease_us: int) -> Message | None:
    """Take the oldest message that is due on one of the channels, None if there is none.

    Counts the attempt, so that a message that kills its sender runs out of attempts too.
    """
    given = {"channels": list(channels), "now": now_us, "until": now_us + lease_us}
    row = conn.execute(statements.claiming(), given).one_or_none()
    return None if row is None else _message(row)


def due(conn: Connection, channels: Collection[str], now_us: int) -> dict[str, int]:
    """Those of the channels that have something due, with how many subjects it is about: so many may be sent at
    once.
    """
    # All are asked for: a list of a thousand names in the statement takes longer than what is due.
    return {row[0]: row[1] for row in conn.execute(statements.due(), {"now": now_us}) if row[0] in channels}


def mark_sent(conn: Connection, message: Message, status: int | None, now_us: int) -> None:
    """sending → sent. LeaseLost if another sender has taken the message since."""
    _settle(conn, message, {"state": "sent", "sent_us": now_us, "last_status": status, "last_error": None})


def mark_retry(conn: Connection, message: Message, status: int | None, error: str, next_us: int) -> None:
    """sending → pending, due again at `next_us`. LeaseLost as above."""
    again = {"state": "pending", "next_us": next_us, "last_status": status, "last_error": error}
    _settle(conn, message, again, waited=True)


def hasten(conn: Connection, channel: str, now_us: int) -> None:
    """Everything on a channel whose receiver is well again is due now, and its patience starts anew."""
    conn.execute(
        outbox.update()
        .where(outbox.c.channel == channel, outbox.c.state == "pending", outbox.c.attempt > 0)
        .values(next_us=case((outbox.c.next_us > now_us, now_us), else_=outbox.c.next_us), waits=0)
    )


def mark_dead(conn: Connection, message: Message, status: int | None, error: str) -> None:
    """sending → dead: it is not tried again unless somebody replays it. LeaseLost as above."""
    _settle(conn, message, {"state": "dead", "last_status": status, "last_error": error})


def replay(conn: Connection, message_id: int, now_us: int) -> None:
    """dead → pending with the same key and body. Conflict if the message is not dead."""
    moved = conn.execute(
        outbox.update()
        .where(outbox.c.id == message_id, outbox.c.state == "dead")
        .values(**_AGAIN, next_us=now_us)
    )
    if moved.rowcount == 0:
        raise Conflict(
            f"message {message_id} is {get(conn, message_id).state}: only a dead one can be replayed"
        )


def replay_all(
    conn: Connection, now_us: int, *, channel: str | None = None, model_id: int | None = None
) -> int:
    """Every dead message of a channel or a model, or of all, → pending, in the old order; returns how many."""
    query = outbox.update().where(outbox.c.state == "dead")
    if channel is not None:
        query = query.where(outbox.c.channel == channel)
    if model_id is not None:
        query = query.where(outbox.c.model_id == model_id)
    return conn.execute(query.values(**_AGAIN, next_us=now_us)).rowcount


def add_attempt(
    conn: Connection, message: Message, at_us: int, status: int | None, error: str | None, duration_ms: float
) -> None:
    """One line of a message's delivery log; written even if the lease was lost, since it did happen."""
    row = {"outbox_id": message.id, "at_us": at_us, "status": status, "error": error}
    conn.execute(statements.attempting(), {**row, "duration_ms": duration_ms})


def get(conn: Connection, message_id: int) -> Message:
    """One message. NotFound if there is none."""
    row = conn.execute(statements.one(), {"message": message_id}).one_or_none()
    if row is None:
        raise NotFound(f"there is no message {message_id}")
    return _message(row)


def list_messages(
    conn: Connection,
    *,
    model_id: int | None = None,
    channel: str | None = None,
    subject: str | None = None,
    state: State | None = None,
    only: Collection[str] = (),
    after: int | None = None,
    limit: int = 50,
) -> list[Message]:
    """Messages, newest first. `after` is the keyset cursor: the id of the last one of the page before. `only`: of
    models of these names, where there are any.
    """
    query = statements.messages()
    if only:
        query = query.where(models.c.name.in_(only))
    for column, value in (
        (outbox.c.model_id, model_id),
        (outbox.c.channel, channel),
        (outbox.c.subject, subject),
        (outbox.c.state, state),
    ):
        if value is not None:
            query = query.where(column == value)
    if after is not None:
        query = query.where(outbox.c.id < after)
    return [
        _message(row) for row in conn.execute(query.order_by(outbox.c.id.desc()).limit(min(limit, MAX_PAGE)))
    ]


def shown(message: Message) -> dict[str, Any]:
    """A message without its body and without what only its senders need."""
    hidden = ("body", "fence", "model_id", "waits")
    return {name: value for name, value in asdict(message).items() if name not in hidden}


def attempts_of(conn: Connection, message_id: int) -> list[Attempt]:
    """The delivery log of a message, oldest first."""
    rows = conn.execute(select(attempts).where(attempts.c.outbox_id == message_id).order_by(attempts.c.id))
    return [Attempt(row.at_us, row.status, row.error, row.duration_ms) for row in rows]


def channel_counts(conn: Connection, channels: Collection[str]) -> dict[str, dict[str, int]]:
    """How many messages of each channel are in each state."""
    query = (
        select(outbox.c.channel, outbox.c.state, func.count())
        .where(outbox.c.channel.in_(channels))
        .group_by(outbox.c.channel, outbox.c.state)
    )
    found: dict[str, dict[str, int]] = {}
    for channel, state, count in conn.execute(query):
        found.setdefault(channel, {})[state] = count
    return found


def channels_told(conn: Connection, episode_id: int) -> list[str]:
    """The channels on which there are messages about an episode, in the order of their names."""
    query = select(outbox.c.channel).where(outbox.c.episode_id == episode_id).distinct()
    return sorted(conn.execute(query).scalars())


def counts(conn: Connection) -> dict[str, int]:
    """How many messages are in each state."""
    rows = conn.execute(select(outbox.c.state, func.count()).group_by(outbox.c.state))
    return {row[0]: row[1] for row in rows}


def waiting(conn: Connection) -> dict[str, int]:
    """How many messages wait or are on their way on each channel that has such; empty if none has."""
    query = (
        select(outbox.c.channel, func.count())
        .where(outbox.c.state.in_(["pending", "sending"]))
        .group_by(outbox.c.channel)
        .order_by(outbox.c.channel)
    )
    return {row[0]: row[1] for row in conn.execute(query)}


def last_error(conn: Connection, channel: str) -> str | None:
    """What the newest attempt on a channel failed with; None if it did not fail, or nothing was tried."""
    query = (
        select(attempts.c.error)
        .join_from(attempts, outbox, outbox.c.id == attempts.c.outbox_id)
        .where(outbox.c.channel == channel)
        .order_by(attempts.c.id.desc())
        .limit(1)
    )
    return conn.execute(query).scalar_one_or_none()


def oldest_pending_us(conn: Connection) -> int | None:
    """When the oldest message that still waits was written; None if none waits."""
    waiting = select(func.min(outbox.c.created_us)).where(outbox.c.state.in_(["pending", "sending"]))
    return conn.execute(waiting).scalar_one_or_none()


def last_sent(conn: Connection, channel: str, subjects: Sequence[str]) -> dict[str, Message]:
    """The newest sent message of each subject on a channel."""
    newest = (
        select(func.max(outbox.c.id))
        .where(outbox.c.channel == channel, outbox.c.subject.in_(subjects), outbox.c.state == "sent")
        .group_by(outbox.c.subject)
    )
    rows = conn.execute(statements.messages().where(outbox.c.id.in_(newest)))
    return {row.subject: _message(row) for row in rows}


def _drop_superseded(
    conn: Connection, key: str, channel: str, subject: str, type: str, episode_id: int
) -> None:
    last = conn.execute(
        select(outbox.c.id, outbox.c.key, outbox.c.type, outbox.c.episode_id)
        .where(outbox.c.channel == channel, outbox.c.subject == subject, outbox.c.state == "pending")
        .order_by(outbox.c.id.desc())
        .limit(1)
        .with_for_update()
    ).one_or_none()
    if last is None or last.key == key or (last.type, last.episode_id) != (type, episode_id):
        return
    conn.execute(attempts.delete().where(attempts.c.outbox_id == last.id))
    conn.execute(outbox.delete().where(outbox.c.id == last.id))


def _settle(conn: Connection, message: Message, values: dict[str, Any], *, waited: bool = False) -> None:
    given = {"message": message.id, "held": message.fence, "lease_until_us": None, **values}
    if conn.execute(statements.settling(waited), given).rowcount == 0:
        raise LeaseLost(f"message {message.id} was taken over while it was being sent")


def _message(row: Row[Any]) -> Message:
    return Message(
        id=row.id,
        key=row.key,
        model_id=row.model_id,
        model=row.model,
        channel=row.channel,
        type=row.type,
        subject=row.subject,
        body=row.body,
        state=row.state,
        fence=row.fence,
        attempt=row.attempt,
        next_us=row.next_us,
        last_status=row.last_status,
        last_error=row.last_error,
        created_us=row.created_us,
        sent_us=row.sent_us,
        episode_id=row.episode_id,
        waits=row.waits,
    )
