"""From what is so to messages in the outbox, in the transaction that made it so.

What is said, and what holds it back, is decided by `telling`; here are the facts it decides by, and the guard against
storms: many alerts of one model are told in one message, and of all models together after a moment of gathering.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from sqlalchemy import Connection

from monitor.alerts.attributes import Attributes, Example
from monitor.alerts.message import MAX_EXAMPLES, Context, Event, Notification, Other, Subject, compose
from monitor.alerts.state import WEIGHT, Severity
from monitor.alerts.telling import Held, Lapsed, News, Outcome, Say, Seen, Told, decide, known
from monitor.store import alerts as store
from monitor.store import models, outbox, silences, tellings
from monitor.store.silences import Silence
from monitor.store.tellings import Telling

MINUTE_US = 60_000_000

_EVENT: dict[News, Event] = {
    "opened": "opened",
    "escalated": "updated",
    "worse": "updated",
    "reminder": "reminder",
    "resolved": "resolved",
}


class Writer(Protocol):
    """The part of a channel that writes what is sent later.

    One that has `one_by_one = True` gets a message for each alert also where people get one for all: its receiver
    groups by itself.
    """

    def body(self, notification: Notification, key: str, now_us: int) -> str:
        """The frozen text of a notification on this channel."""


@dataclass(frozen=True, slots=True)
class Audience:
    """Who hears of one model. `routes` names the channels of each severity (`{"page": ["oncall"], "ticket": […]}`);
    `receivers` says which channels of several models are the same receiver: equal values.
    """

    context: Context
    routes: Mapping[str, Sequence[str]]
    channels: Mapping[str, Writer]
    receivers: Mapping[str, Hashable] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Limits:
    """What is a storm: more than `model` alerts of one model at once, or more than `installation` of all models that
    opened and were told within `span_us`. What a storm of all models holds is gathered for `gather_us` and told
    together, at most every `interval_us`.
    """

    model: int = 5
    installation: int = 50
    span_us: int = 60 * MINUTE_US
    gather_us: int = MINUTE_US // 2
    interval_us: int = 10 * MINUTE_US


LIMITS = Limits()


def announce(
    conn: Connection, model_id: int, audience: Audience, now_us: int, *, limits: Limits = LIMITS
) -> int:
    """Tell what there is to tell of a model: messages into the outbox, one per event and channel; returns how many.

    An escalation also goes where the milder alert was told, and a resolution where the opening went. Asked twice,
    nothing is said twice. Raises KeyError for a channel that nobody configured: `app` checks that when it reads
    the contract.
    """
    models.lock(conn, model_id)
    rows = tellings.unfinished(conn, model_id)
    if not rows:
        return 0
    active = silences.active(conn, now_us)
    items = [_Item.of(row, active, now_us) for row in rows]
    opening = [item for item in items if item.news == "opened"]
    if opening and _is_storm(conn, opening, now_us, limits):
        items = [item.crowded(now_us) if item.news == "opened" else item for item in items]
    return _write(conn, items, {model_id: audience}, now_us, limits.model)


def announce_together(
    conn: Connection, audiences: Mapping[int, Audience], now_us: int, *, limits: Limits = LIMITS
) -> int:
    """Tell what a storm of all models has held, once it was gathered; returns how many messages were written."""
    held = [row for row in tellings.crowded(conn) if row.model_id in audiences]
    last_us = tellings.last_together_us(conn)
    if not held or now_us - min(row.held_us or 0 for row in held) < limits.gather_us:
        return 0
    if last_us is not None and now_us - last_us < limits.interval_us:
        return 0
    for model_id in sorted({row.model_id for row in held}):
        models.lock(conn, model_id)
    active = silences.active(conn, now_us)
    items = [_Item.of(row, active, now_us) for row in tellings.crowded(conn) if row.model_id in audiences]
    return _write(conn, items, audiences, now_us, 1)


def type_of(event: str) -> str:
    """The CloudEvents type of an event of an episode."""
    return f"io.driftglass.alert.{event}.v1"


def subject_of(model: str, family: str) -> str:
    """What messages are ordered by: the alert, so that the end of one episode cannot overtake the start of
    the next.
    """
    return f"{model}/{family}"


@dataclass(frozen=True, slots=True)
class _Item:
    """An episode, what was told of it, what is so, and what comes of that."""

    row: Telling
    before: Told
    seen: Seen
    told: Told
    outcomes: tuple[Outcome, ...]
    silence: Silence | None

    @classmethod
    def of(cls, row: Telling, active: Sequence[Silence], now_us: int) -> _Item:
        severity: Severity = "page" if row.severity == "page" else "ticket"
        lead = leading_segment(row)
        silence = next((one for one in active if one.matches(row.model, row.family, lead, severity)), None)
        seen = Seen(
            is_open=row.closed_us is None,
            severity=severity,
            inhibited_by=row.inhibited_by,
            silence=None if silence is None else silence.id,
            flapping="no" if row.flapping == "no" else "told" if row.flapping == "told" else "new",
        )
        before = known(row.told, severity, inhibited=row.inhibited_by is not None)
        return cls(row, before, seen, *decide(before, seen, now_us), silence)

    def crowded(self, now_us: int) -> _Item:
        """The same if too many opened at once."""
        seen = replace(self.seen, crowded=True)
        told, outcomes = decide(self.before, seen, now_us)
        return replace(self, seen=seen, told=told, outcomes=outcomes)

    @property
    def say(self) -> Say | None:
        return next((one for one in self.outcomes if isinstance(one, Say)), None)

    @property
    def news(self) -> News | None:
        """What is said of it; None for nothing, and for a notice of flapping."""
        return None if self.say is None or self.say.flapping else self.say.news


def _is_storm(conn: Connection, opening: Sequence[_Item], now_us: int, limits: Limits) -> bool:
    """Whether too many alerts of all models open at once: in the time of windows, and in that of the clock, or a
    catch-up over weeks would be one.
    """
    first_us = min(item.row.opened_us for item in opening)
    last_us = max(item.row.opened_us for item in opening)
    lately = tellings.opened_lately(
        conn, first_us - limits.span_us, last_us + limits.span_us, now_us - limits.span_us
    )
    return lately + len(opening) > limits.installation


def _write(
    conn: Connection, items: Sequence[_Item], audiences: Mapping[int, Audience], now_us: int, most: int
) -> int:
    """Keep what is known now, and write the messages; more than `most` of a kind for the same receivers as one."""
    written = 0
    leads: dict[int, int] = {}
    for news in ("opened", "resolved"):
        crowds: dict[Hashable, list[_Item]] = {}
        for item in items:
            if item.news == news:
                crowds.setdefault(_receivers(item, audiences[item.row.model_id]), []).append(item)
        for crowd in crowds.values():
            if len(crowd) > most:
                crowd.sort(key=lambda item: (-WEIGHT[item.seen.severity], item.row.episode_id))
                leads |= {item.row.episode_id: crowd[0].row.episode_id for item in crowd}
    for item in items:
        lead = leads.get(item.row.episode_id)
        others = [
            other
            for other in items
            if lead == item.row.episode_id and leads.get(other.row.episode_id) == lead and other is not item
        ]
        audience = audiences[item.row.model_id]
        channels = _channels(item, audience)
        if item.say is not None:
            written += _enqueue(conn, item, audience, channels, lead, others, now_us)
        _note(conn, item, lead, now_us)
        _keep(conn, item, channels, lead, now_us)
    return written


def _channels(item: _Item, audience: Audience) -> list[str]:
    """Where a message goes, in the order of the contract."""
    if item.say is None:
        return []
    told = [name for name in item.row.channels if name in audience.channels]
    routed = list(audience.routes.get(item.say.severity, ()))
    if item.say.news == "resolved":
        return told or routed
    return list(dict.fromkeys([*routed, *told]))


def _receivers(item: _Item, audience: Audience) -> Hashable:
    names = _channels(item, audience)
    return item.say is not None and frozenset(audience.receivers.get(name, name) for name in names)


def _enqueue(
    conn: Connection,
    item: _Item,
    audience: Audience,
    channels: Iterable[str],
    lead: int | None,
    others: Sequence[_Item],
    now_us: int,
) -> int:
    assert item.say is not None
    event: Event = "flapping" if item.say.flapping else _EVENT[item.say.news]
    if event == "updated" and item.say.previous is None:
        event = "opened"  # it got worse before anybody was told
    subject = _subject(conn, item)
    alone = compose(event, audience.context, subject)
    together = (
        compose(event, audience.context, subject, [_other(conn, other) for other in others])
        if others
        else alone
    )
    written = 0
    for name in channels:
        channel = audience.channels[name]
        by_itself = lead is None or getattr(channel, "one_by_one", False)
        if not by_itself and lead != item.row.episode_id:
            continue
        key = _key(item, event, name)
        written += outbox.enqueue(
            conn,
            key=key,
            model_id=item.row.model_id,
            channel=name,
            type=type_of(event),
            subject=subject_of(item.row.model, item.row.family),
            body=channel.body(alone if by_itself else together, key, now_us),
            now_us=now_us,
            episode_id=item.row.episode_id,
            repeats=event in ("updated", "reminder"),
        )
    return written


def _note(conn: Connection, item: _Item, lead: int | None, now_us: int) -> None:
    """What held a message, what ended, and with which other alert it was told, as lines of the episode's history."""
    window_us = item.row.opened_us if item.row.closed_us is None else item.row.closed_us
    for outcome in item.outcomes:
        match outcome:
            case Held():
                held = {"news": outcome.news, "gate": outcome.gate, "by": outcome.by}
                # That a break explains it stands there already.
                if outcome.gate != "inhibited":
                    store.add_event(conn, item.row.episode_id, window_us, "held", held, now_us)
            case Lapsed():
                why = {"why": outcome.why}
                store.add_event(conn, item.row.episode_id, window_us, f"{outcome.what} ended", why, now_us)
            case Say():
                if outcome.flapping:
                    store.told_to_flap(conn, item.row.model_id, item.row.family)
                if lead is not None and lead != item.row.episode_id:
                    told = {"news": outcome.news, "with": lead}
                    store.add_event(conn, item.row.episode_id, window_us, "told together", told, now_us)


def _keep(conn: Connection, item: _Item, channels: Sequence[str], lead: int | None, now_us: int) -> None:
    told, row = item.told, item.row
    waits, until_us = tellings.NOTHING, told.until_us
    if told.held:
        waits = tellings.LOOK_NOW if item.seen.crowded else tellings.HELD
        if item.silence is not None:
            until_us = min(item.silence.expires_us, until_us or item.silence.expires_us)
    held_us = (row.held_us or now_us) if item.seen.crowded and told.held else None
    said = item.say is not None and item.say.news != "resolved"
    unchanged = told == item.before and not item.outcomes and row.told is not None
    if unchanged and (waits, until_us, held_us) == (row.waits, row.until_us, row.held_us):
        return
    tellings.save(
        conn,
        row,
        told.encode(),
        waits=waits,
        until_us=until_us,
        held_us=held_us,
        channels=channels if said else None,
        told_us=now_us if said and row.told_us is None else None,
        lead_id=lead if said else None,
    )


def _subject(conn: Connection, item: _Item) -> Subject:
    episode = store.get(conn, item.row.episode_id)
    kept = store.evidence_of(conn, item.row.episode_id, MAX_EXAMPLES)
    escalated = item.say is not None and item.say.news == "escalated"
    return Subject(
        episode_id=episode.id,
        family=episode.family,
        severity=item.seen.severity,
        since_us=episode.since_us,
        opened_us=episode.opened_us,
        closed_us=episode.closed_us,
        attributes=Attributes.decode(episode.attributes),
        examples=tuple(Example(row.event_id, row.label, row.excerpt, row.repair) for row in kept),
        previous_severity=item.say.previous if item.say is not None and escalated else None,
        close_reason=episode.close_reason,
    )


def _other(conn: Connection, item: _Item) -> Other:
    row = item.row
    return Other(
        row.episode_id, row.model, row.family, item.seen.severity, store.get(conn, row.episode_id).summary
    )


def leading_segment(row: Telling) -> str | None:
    """The segment that carries most of an episode."""
    attributes = Attributes.decode(row.attributes)
    if attributes.segments:
        return attributes.segments[0].segment
    named = [moved.segment for moved in attributes.moved]
    return named[0] if named and named[0] != "*" else None


def _key(item: _Item, event: Event, channel: str) -> str:
    # Standard Webhooks signs "id.timestamp.body": an id must not hold a full stop, and a model's name may.
    parts = (
        item.row.model,
        item.row.family,
        str(item.row.episode_id),
        event,
        str(item.told.messages),
        channel,
    )
    return "msg_" + hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
