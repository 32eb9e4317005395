"""From the outbox to the receivers: claim, send outside any transaction, write down what happened.

Delivery is at least once: a process that dies between the receiver's answer and our note sends again, with
the same id and the same body. Messages of one subject keep their order. Every channel is served by lanes of its
own, so that a receiver that is slow, hanging or away does not hold up the others; one that failed DOWN_AFTER times
in a row is asked by a single message at a time, and when it answers, everything that waits for it is due at once.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock, Semaphore

from sqlalchemy import Connection

from monitor import failpoints, telemetry
from monitor.alerts.message import iso
from monitor.alerts.notify import subject_of, type_of
from monitor.clock import Clock
from monitor.delivery.channels.alertmanager import AlertmanagerChannel
from monitor.delivery.channels.base import Channel
from monitor.delivery.post import TOTAL_SECONDS
from monitor.errors import DeliveryError, DependencyUnavailable, LeaseLost
from monitor.store import alerts, outbox, outlets
from monitor.store.engine import Store

log = logging.getLogger(__name__)

DELIVERIES = telemetry.counter(
    "deliveries", "Attempts to send by kind of channel: sent, retried, dead, lost", ["channel", "outcome"]
)

LEASE_US = int(3 * TOTAL_SECONDS * 1e6)
# At most a minute between attempts for the first hours, so that the end of an outage is noticed; then a quarter of
# an hour.
_GROWTH = 1.6
_SOON_SECONDS, _SOON_ATTEMPTS = 60.0, 120
_LATE_SECONDS = 900.0
MAX_ATTEMPTS = 520  # three days and a little, with the average spread
_MAX_RETRY_AFTER_SECONDS = 3600.0
_PROBE_SECONDS = 10.0  # the longest that a receiver is left alone that may be back
_GONE = 410

LANES = 32  # threads for channels that answer
ILL_LANES = 8  # threads for those that do not: however many, they leave the others theirs
LANES_PER_CHANNEL = 4
_SLOW_SECONDS = 1.0  # a failure that took longer ends its lane
_NOTE_SECONDS = 20.0  # how long what happened is kept in mind while the database is away


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
    """Send what is due, on each channel up to `limit` messages, oldest first, and wait for it.

    A message on a channel that is not in `channels` stays where it is. After a failure that may pass, the
    rest of that channel waits for the next call: one slow receiver costs one timeout, not one per message.
    """
    with store.read() as conn:
        due = outbox.due(conn, channels, clock.now_us())
    lanes = [_Lane(store, clock, name, channels[name], limit, patient=False) for name in sorted(due)]
    if not lanes:
        return Counts()
    with ThreadPoolExecutor(min(len(lanes), LANES), thread_name_prefix="deliver") as pool:
        futures = [pool.submit(lane.run) for lane in lanes]
    return sum((future.result() for future in futures), Counts())


class Dispatcher:
    """Sends what is due, tick by tick, without waiting for slow receivers; of one process, and safe beside others.

    `totals` counts what was done so far. `close` waits for what is on its way, at most one deadline.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        lanes: int = LANES,
        ill_lanes: int = ILL_LANES,
        lease_us: int = LEASE_US,
    ) -> None:
        self._store = store
        self._lease_us = lease_us
        self._clock = clock
        self._lanes = ThreadPoolExecutor(lanes, thread_name_prefix="deliver")
        self._ill_lanes = ThreadPoolExecutor(ill_lanes, thread_name_prefix="deliver-ill")
        self._running: Counter[str] = Counter()
        self._lock = Lock()
        # The store's connections are few, and others want them too.
        self._doors = Semaphore(2)
        self.totals = Counts()

    def tick(self, channels: Mapping[str, Channel]) -> None:
        """Start lanes for the channels that have something due, and repeat what fires; returns at once."""
        now_us = self._clock.now_us()
        with self._store.read() as conn:
            due = outbox.due(conn, channels, now_us)
            known = outlets.known(conn, list(due)) if due else {}
        for name, subjects in due.items():
            ill = name in known and known[name].state != "well"
            pool, most = (self._ill_lanes, 1) if ill else (self._lanes, min(subjects, LANES_PER_CHANNEL))
            for _ in range(most):
                lane = _Lane(
                    self._store, self._clock, name, channels[name], None, True, self._doors, self._lease_us
                )
                if not self._start(pool, name, most, lane):
                    break
        for name, channel in channels.items():
            if isinstance(channel, AlertmanagerChannel) and _resend_is_due(channel):
                repeat = _Repeat(self._store, name, channel)
                self._start(self._lanes, f"resend {name}", 1, repeat)

    def wait(self, timeout_seconds: float) -> bool:
        """Whether everything that was started has ended within the time; for tests and for an orderly end."""
        end = time.monotonic() + timeout_seconds
        while time.monotonic() < end:
            with self._lock:
                if not self._running.total():
                    return True
            time.sleep(0.01)
        return False

    def close(self) -> None:
        """Start nothing more, and wait for what is on its way."""
        for pool in (self._lanes, self._ill_lanes):
            pool.shutdown(wait=True, cancel_futures=True)

    def _start(self, pool: ThreadPoolExecutor, name: str, most: int, work: _Lane | _Repeat) -> bool:
        with self._lock:
            if self._running[name] >= most:
                return False
            self._running[name] += 1
        pool.submit(work.run).add_done_callback(lambda future: self._ended(name, future))
        return True

    def _ended(self, name: str, future: Future[Counts]) -> None:
        with self._lock:
            self._running[name] -= 1
            if not self._running[name]:
                del self._running[name]
        if future.cancelled():
            return
        error = future.exception()
        if error is None:
            with self._lock:
                self.totals += future.result()
        else:  # the edge of a lane: the next tick starts another
            log.error("sending on channel %s failed: %s", name, error, exc_info=error)


def resend(store: Store, clock: Clock, channels: Mapping[str, Channel]) -> int:
    """Post every alert that is still firing to each Alertmanager again, if 60 seconds have passed; returns
    how many.

    Only what the outbox has already delivered is repeated. Without this Alertmanager would call an alert
    resolved after 15 minutes, although its next window may be a day away.
    """
    resent = 0
    for name, channel in channels.items():
        if isinstance(channel, AlertmanagerChannel) and _resend_is_due(channel):
            resent += _repeat(store, name, channel)
    return resent


def backoff_seconds(key: str, attempt: int) -> float:
    """How long to wait after the `attempt`-th failure (1, 2, …): from 1 s up by 1.6 each time, spread over the
    upper half.

    The spread comes from a hash of key and attempt: many messages that failed together do not come back
    together, and a run can be repeated exactly.
    """
    soon = min(_GROWTH ** min(attempt - 1, _SOON_ATTEMPTS), _SOON_SECONDS)
    ceiling = soon if attempt <= _SOON_ATTEMPTS else _LATE_SECONDS
    digest = hashlib.blake2b(f"{key}:{attempt}".encode(), digest_size=8).digest()
    return ceiling * (0.5 + 0.5 * int.from_bytes(digest, "big") / 2**64)


@dataclass(frozen=True)
class _Lane:
    """Works off one channel, message by message. A `patient` lane goes on after a failure that cost little time."""

    store: Store
    clock: Clock
    name: str
    channel: Channel
    limit: int | None
    patient: bool
    doors: Semaphore | None = None
    lease_us: int = LEASE_US

    def run(self) -> Counts:
        total = Counts()
        doors = self.doors or Semaphore()
        done = 0
        with doors:
            message = self._claim()
        while message is not None:
            failpoints.reach("deliver.claimed")
            started = time.monotonic()
            failure, status = self._send(message)
            seconds = time.monotonic() - started
            failpoints.reach("deliver.sent")
            done += 1
            with doors:
                counts, message = self._note(
                    message, status, failure, seconds, more=self.limit is None or done < self.limit
                )
            failpoints.reach("deliver.committed")
            total += counts
        return total

    def _claim(self) -> outbox.Message | None:
        with self.store.write() as conn:
            return self._claimed(conn)

    def _claimed(self, conn: Connection) -> outbox.Message | None:
        now_us = self.clock.now_us()
        message = outbox.claim(conn, [self.name], now_us, self.lease_us)
        if message is None:
            return None
        outlet = outlets.get(conn, self.name)
        if outlet.state == "down":
            # This one asks whether the receiver is back; the others wait for its answer.
            wait = min(backoff_seconds(self.name, outlet.failures - outlets.DOWN_AFTER + 1), _PROBE_SECONDS)
            outlets.hold(conn, self.name, now_us + int(wait * 1e6), outlet.last_error or "", now_us)
        failpoints.reach("deliver.written")
        return message

    def _send(self, message: outbox.Message) -> tuple[DeliveryError | None, int | None]:
        try:
            if message.attempt > MAX_ATTEMPTS:
                # Each claim counts: this one was claimed again and again by senders that did not live to say what
                # happened.
                raise DeliveryError("no sender lived to report on this message", permanent=True)
            return None, self.channel.send(message, self.clock.now_us())
        except DeliveryError as error:
            return error, error.status

    def _note(
        self,
        message: outbox.Message,
        status: int | None,
        failure: DeliveryError | None,
        seconds: float,
        *,
        more: bool,
    ) -> tuple[Counts, outbox.Message | None]:
        """Write down what happened, and claim what is due next if there may be `more`; a database that is away for a
        moment is waited for: nothing is sent twice.
        """
        end = time.monotonic() + _NOTE_SECONDS
        while True:
            try:
                # Whoever is killed between the receiver's answer and this note sends again.
                with self.store.write(soon=True) as conn:
                    counts = self._noted(conn, message, status, failure, seconds)
                    ends = counts.retried and not (self.patient and seconds < _SLOW_SECONDS)
                    following = self._claimed(conn) if more and not ends else None
                kind = type(self.channel).__name__.removesuffix("Channel").lower()
                for outcome in ("sent", "retried", "dead", "lost"):
                    if getattr(counts, outcome):
                        DELIVERIES.labels(kind, outcome).inc()
                return counts, following
            except DependencyUnavailable:
                if time.monotonic() > end:
                    raise
                time.sleep(0.5)

    def _noted(
        self,
        conn: Connection,
        message: outbox.Message,
        status: int | None,
        failure: DeliveryError | None,
        seconds: float,
    ) -> Counts:
        now_us = self.clock.now_us()
        # The attempt did happen, so it is kept even where the lease was lost and nothing else is.
        outbox.add_attempt(conn, message, now_us, status, str(failure) if failure else None, seconds * 1000)
        try:
            return _settle(conn, self.channel, message, status, failure, now_us)
        except LeaseLost as error:
            log.warning("%s", error)
            return Counts(lost=1)


@dataclass(frozen=True)
class _Repeat:
    """Says again to one Alertmanager what still fires."""

    store: Store
    name: str
    channel: AlertmanagerChannel

    def run(self) -> Counts:
        _repeat(self.store, self.name, self.channel)
        return Counts()


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
        if outlets.answered(conn, message.channel, now_us):
            outbox.hasten(conn, message.channel, now_us)
        channel.settled(conn, message, True, now_us)
        failpoints.reach("deliver.settled")
        return Counts(sent=1)
    if failure.permanent or message.attempt >= MAX_ATTEMPTS:
        outbox.mark_dead(conn, message, status, str(failure))
        if status == _GONE:
            outlets.disable(conn, message.channel, str(failure), now_us)
            log.error("channel %s is disabled: %s", message.channel, failure)
        channel.settled(conn, message, False, now_us)
        log.error("gave up message %s on channel %s: %s", message.key, message.channel, failure)
        return Counts(dead=1)
    asked = min(failure.retry_after_seconds or 0.0, _MAX_RETRY_AFTER_SECONDS)
    wait = max(backoff_seconds(message.key, message.waits + 1), asked)
    outbox.mark_retry(conn, message, status, str(failure), now_us + int(wait * 1e6))
    if asked:
        # It asked the sender for patience, not this one message.
        outlets.hold(conn, message.channel, now_us + int(asked * 1e6), str(failure), now_us)
    else:
        outlets.failed(conn, message.channel, str(failure), now_us)
    return Counts(retried=1)


def _resend_is_due(channel: AlertmanagerChannel) -> bool:
    return channel.wall_us() - channel.resent_us >= channel.resend_us


def _repeat(store: Store, name: str, channel: AlertmanagerChannel) -> int:
    channel.resent_us = channel.wall_us()
    try:
        return _resend_to(store, name, channel)
    except DeliveryError as error:
        log.warning("cannot repeat firing alerts on channel %s: %s", name, error)
        return 0


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
