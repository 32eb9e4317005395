"""From the outbox to the receivers: claim, send outside any transaction, write down what happened.

Delivery is at least once: a process that dies between the receiver's answer and our note sends again, with
the same id and the same body. Messages of one subject keep their order; a receiver that is away does not hold
up the other channels.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from monitor import failpoints
from monitor.alerts.message import iso
from monitor.alerts.notify import subject_of, type_of
from monitor.clock import Clock
from monitor.delivery.channels.alertmanager import RESEND_US, AlertmanagerChannel
from monitor.delivery.channels.base import Channel
from monitor.delivery.post import TOTAL_SECONDS
from monitor.errors import DeliveryError, LeaseLost
from monitor.store import alerts, outbox
from monitor.store.engine import Store

log = logging.getLogger(__name__)

LEASE_US = int(3 * TOTAL_SECONDS * 1e6)
# At most a minute between attempts for the first hour and a half, so that the end of an outage is noticed;
# then a quarter of an hour.
_SOON_SECONDS, _SOON_ATTEMPTS = 60.0, 120
_LATE_SECONDS = 900.0
MAX_ATTEMPTS = 520  # three days and a little, with the average spread
_MAX_RETRY_AFTER_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Counts:
    """What one call did: messages taken by their receivers, to be tried again, given up, and taken over by
    another sender.
    """

    sent: int = 0
    retried: int = 0
    dead: int = 0
    lost: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.sent + other.sent,
            self.retried + other.retried,
            self.dead + other.dead,
            self.lost + other.lost,
        )


def deliver_due(store: Store, clock: Clock, channels: Mapping[str, Channel], limit: int = 100) -> Counts:
    """Send up to `limit` messages that are due, oldest first.

    A message on a channel that is not in `channels` stays where it is. After a failure that may pass, the
    rest of that channel waits for the next call: one slow receiver costs one timeout, not one per message.
    """
    total = Counts()
    open_channels = set(channels)
    for _ in range(limit):
        if not open_channels:
            break
        with store.write() as conn:
            message = outbox.claim(conn, sorted(open_channels), clock.now_us(), LEASE_US)
            if message is not None:
                failpoints.reach("deliver.written")
        if message is None:
            break
        failpoints.reach("deliver.claimed")
        counts = _deliver(store, clock, channels[message.channel], message)
        if counts.retried:
            open_channels.discard(message.channel)
        failpoints.reach("deliver.committed")
        total += counts
    return total


def resend(store: Store, clock: Clock, channels: Mapping[str, Channel]) -> int:
    """Post every alert that is still firing to each Alertmanager again, if 60 seconds have passed; returns
    how many.

    Only what the outbox has already delivered is repeated. Without this Alertmanager would call an alert
    resolved after 15 minutes, although its next window may be a day away.
    """
    resent = 0
    for name, channel in channels.items():
        if not isinstance(channel, AlertmanagerChannel) or channel.wall_us() - channel.resent_us < RESEND_US:
            continue
        channel.resent_us = channel.wall_us()
        try:
            resent += _resend_to(store, name, channel)
        except DeliveryError as error:
            log.warning("cannot repeat firing alerts on channel %s: %s", name, error)
    return resent


def backoff_seconds(key: str, attempt: int) -> float:
    """How long to wait after the `attempt`-th failure (1, 2, …): doubling from 2 s, spread over the upper
    half.

    The spread comes from a hash of key and attempt: many messages that failed together do not come back
    together, and a run can be repeated exactly.
    """
    ceiling = min(2.0**attempt, _SOON_SECONDS) if attempt <= _SOON_ATTEMPTS else _LATE_SECONDS
    digest = hashlib.blake2b(f"{key}:{attempt}".encode(), digest_size=8).digest()
    return ceiling * (0.5 + 0.5 * int.from_bytes(digest, "big") / 2**64)


def _deliver(store: Store, clock: Clock, channel: Channel, message: outbox.Message) -> Counts:
    started = time.monotonic()
    failure: DeliveryError | None = None
    status: int | None = None
    try:
        if message.attempt > MAX_ATTEMPTS:
            # Each claim counts: this one was claimed again and again by senders that did not live to say what
            # happened.
            raise DeliveryError("no sender lived to report on this message", permanent=True)
        status = channel.send(message, clock.now_us())
    except DeliveryError as error:
        failure, status = error, error.status
    duration_ms = (time.monotonic() - started) * 1000
    failpoints.reach("deliver.sent")
    now_us = clock.now_us()
    with store.write() as conn:
        # The attempt did happen, so it is kept even where the lease was lost and nothing else is.
        outbox.add_attempt(conn, message, now_us, status, str(failure) if failure else None, duration_ms)
        try:
            return _settle(conn, channel, message, status, failure, now_us)
        except LeaseLost as error:
            log.warning("%s", error)
            return Counts(lost=1)


def _settle(
    conn: Connection,
    channel: Channel,
    message: outbox.Message,
    status: int | None,
    failure: DeliveryError | None,
    now_us: int,
) -> Counts:
    if failure is None:
        outbox.mark_sent(conn, message, status, now_us)
        channel.settled(conn, message, True, now_us)
        failpoints.reach("deliver.settled")
        return Counts(sent=1)
    if failure.permanent or message.attempt >= MAX_ATTEMPTS:
        outbox.mark_dead(conn, message, status, str(failure))
        channel.settled(conn, message, False, now_us)
        log.error("gave up message %s on channel %s: %s", message.key, message.channel, failure)
        return Counts(dead=1)
    next_us = now_us + int(_wait_seconds(message, failure) * 1e6)
    outbox.mark_retry(conn, message, status, str(failure), next_us)
    return Counts(retried=1)


def _wait_seconds(message: outbox.Message, failure: DeliveryError) -> float:
    asked = min(failure.retry_after_seconds or 0.0, _MAX_RETRY_AFTER_SECONDS)
    return max(backoff_seconds(message.key, message.attempt), asked)


def _resend_to(store: Store, name: str, channel: AlertmanagerChannel) -> int:
    firing = _firing(store, name)
    if not firing:
        return 0
    channel.post(alert for alerts_of_episode in firing.values() for alert in alerts_of_episode)
    # An episode may have ended, and its end been delivered, between our reading and our posting: say so
    # again, or Alertmanager would show it firing for a quarter of an hour.
    ended = set(firing) - set(_firing(store, name))
    if ended:
        ends = iso(channel.wall_us())
        channel.post({**alert, "endsAt": ends} for episode in ended for alert in firing[episode])
    return len(firing) - len(ended)


def _firing(store: Store, channel: str) -> dict[int, list[dict[str, str]]]:
    """The alerts last delivered for each open episode of a channel."""
    with store.read() as conn:
        subjects = {
            subject_of(e.model, e.family): e.id for e in alerts.open_of(conn) if e.inhibited_by is None
        }
        sent = outbox.last_sent(conn, channel, sorted(subjects))
    firing: dict[int, list[dict[str, str]]] = {}
    for subject, message in sent.items():
        body = json.loads(message.body)
        if message.type != type_of("resolved") and body["episode"] == subjects[subject]:
            firing[body["episode"]] = [alert for alert in body["alerts"] if "endsAt" not in alert]
    return firing
