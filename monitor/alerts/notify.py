"""From what became of an episode to messages in the outbox, in the transaction that decided."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from sqlalchemy import Connection

from monitor.alerts.attributes import Attributes, Example
from monitor.alerts.episodes import Change
from monitor.alerts.message import MAX_EXAMPLES, Context, Notification, Subject, compose
from monitor.store import alerts as store
from monitor.store import outbox


class Writer(Protocol):
    """The part of a channel that writes what is sent later."""

    def body(self, notification: Notification, key: str, now_us: int) -> str:
        """The frozen text of a notification on this channel."""


def announce(
    conn: Connection,
    model_id: int,
    context: Context,
    changes: Iterable[Change],
    routes: Mapping[str, Sequence[str]],
    channels: Mapping[str, Writer],
    now_us: int,
) -> int:
    """Write one message per change that people are told about and per channel; returns how many were new.

    `routes` names the channels of each severity (`{"page": ["oncall"], "ticket": ["review"]}`). A resolution
    goes where the opening went. Raises KeyError for a channel that nobody configured: `app` checks that when
    it reads the contract.
    """
    written = 0
    for change in changes:
        if change.event is None:
            continue
        notification = compose(change.event, context, _subject(conn, change))
        named = dict.fromkeys(routes.get(notification.subject.severity, ()))
        if change.previous_severity is not None:
            named |= dict.fromkeys(routes.get(change.previous_severity, ()))
        for name in named:
            key = _key(context.model, change, name)
            written += outbox.enqueue(
                conn,
                key=key,
                model_id=model_id,
                channel=name,
                type=type_of(change.event),
                subject=subject_of(context.model, change.family),
                body=channels[name].body(notification, key, now_us),
                now_us=now_us,
            )
    return written


def type_of(event: str) -> str:
    """The CloudEvents type of an event of an episode."""
    return f"io.driftglass.alert.{event}.v1"


def subject_of(model: str, family: str) -> str:
    """What messages are ordered by: the alert, so that the end of one episode cannot overtake the start of
    the next.
    """
    return f"{model}/{family}"


def _subject(conn: Connection, change: Change) -> Subject:
    episode = store.get(conn, change.episode_id)
    kept = store.evidence_of(conn, change.episode_id, MAX_EXAMPLES)
    return Subject(
        episode_id=episode.id,
        family=episode.family,
        severity="page" if episode.severity == "page" else "ticket",
        since_us=episode.since_us,
        opened_us=episode.opened_us,
        closed_us=episode.closed_us,
        attributes=Attributes.decode(episode.attributes),
        examples=tuple(Example(row.event_id, row.label, row.excerpt, row.repair) for row in kept),
        previous_severity=change.previous_severity,
    )


def _key(model: str, change: Change, channel: str) -> str:
    # Standard Webhooks signs "id.timestamp.body": an id must not hold a full stop, and a model's name may.
    parts = (
        model,
        change.family,
        str(change.episode_id),
        str(change.event),
        str(change.effect.window_us),
        channel,
    )
    return "msg_" + hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
