"""From the outbox to a real HTTP receiver: order, retries, giving up, and crashes in between."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection

from monitor.delivery.addresses import Allowed
from monitor.delivery.channels.webhook import WebhookChannel
from monitor.delivery.dispatch import LEASE_US, MAX_ATTEMPTS, Counts, deliver_due
from monitor.delivery.post import Poster
from monitor.delivery.receiver import Answer, Received, Receiver
from monitor.delivery.signing import Signer, encode_secret
from monitor.errors import DeliveryError
from monitor.store import outbox
from monitor.store.engine import Store
from monitor.store.outbox import Message
from monitor.store.tables import outbox as outbox_table
from tests.monitor.alerting import SECRET, SetClock, add_model

SECOND = 1_000_000
LOOPBACK = Allowed.parse(["127.0.0.1"])


@pytest.fixture(autouse=True)
def model(store: Store) -> int:
    return add_model(store)


class Script:
    """Answers in order; 204 when it runs out."""

    def __init__(self, *answers: Answer) -> None:
        self._answers: Iterator[Answer] = iter(answers)

    def __call__(self, received: Received) -> Answer:
        return next(self._answers, Answer())


def webhook(receiver: Receiver, secret: str = SECRET) -> WebhookChannel:
    return WebhookChannel(Poster(receiver.url, LOOPBACK), Signer([secret]))


def put(store: Store, *keys: str, subject: str = "s", channel: str = "hook", now_us: int = 0) -> None:
    with store.write() as conn:
        for key in keys:
            body = f'{{"type": "t", "key": "{key}", "text": "gro\u00df"}}'
            outbox.enqueue(
                conn,
                key=key,
                model_id=1,
                channel=channel,
                type="t",
                subject=subject,
                body=body,
                now_us=now_us,
            )


def message(store: Store, key: str) -> Message:
    with store.read() as conn:
        return next(m for m in outbox.list_messages(conn) if m.key == key)


def log_of(store: Store, key: str) -> list[tuple[int | None, str | None]]:
    with store.read() as conn:
        return [(a.status, a.error) for a in outbox.attempts_of(conn, message(store, key).id)]


def test_what_is_due_arrives_signed_and_in_order(store: Store) -> None:
    put(store, "k1", "k2", "k3")
    with Receiver(SECRET) as receiver:
        assert deliver_due(store, SetClock(), {"hook": webhook(receiver)}) == Counts(sent=3)
        assert deliver_due(store, SetClock(), {"hook": webhook(receiver)}) == Counts()
    assert [received.id for received in receiver.received] == ["k1", "k2", "k3"]
    assert receiver.received[0].event["text"] == "gro\u00df"
    assert receiver.received[0].headers["content-type"].startswith("application/cloudevents+json")
    assert receiver.rejected == []
    assert message(store, "k1").state == "sent"
    assert log_of(store, "k1") == [(204, None)]


def test_the_limit_is_kept(store: Store) -> None:
    put(store, "k1", "k2", "k3")
    with Receiver(SECRET) as receiver:
        assert deliver_due(store, SetClock(), {"hook": webhook(receiver)}, limit=2) == Counts(sent=2)


def test_a_receiver_with_another_secret_refuses_and_the_message_is_dead(store: Store) -> None:
    put(store, "k1")
    with Receiver(SECRET) as receiver:
        stranger = webhook(receiver, encode_secret(b"x" * 32))
        assert deliver_due(store, SetClock(), {"hook": stranger}) == Counts(dead=1)
    assert receiver.received == []
    assert len(receiver.rejected) == 1
    assert (message(store, "k1").state, message(store, "k1").last_status) == ("dead", 401)


def test_a_failure_is_tried_again_with_the_same_id_and_body(store: Store) -> None:
    clock = SetClock()
    put(store, "k1", "k2")
    with Receiver(SECRET, Script(Answer(503))) as receiver:
        channels = {"hook": webhook(receiver)}
        assert deliver_due(store, clock, channels) == Counts(retried=1)
        assert deliver_due(store, clock, channels) == Counts(), "k1 is not due yet, and k2 waits for it"
        clock.us = message(store, "k1").next_us
        assert deliver_due(store, clock, channels) == Counts(sent=2)
    assert [received.id for received in receiver.received] == ["k1", "k1", "k2"]
    assert receiver.received[0].event == receiver.received[1].event
    assert log_of(store, "k1")[1] == (204, None)
    assert log_of(store, "k1")[0][0] == 503


def test_retry_after_is_honoured(store: Store) -> None:
    clock = SetClock()
    put(store, "k1")
    with Receiver(SECRET, Script(Answer(429, {"retry-after": "120"}))) as receiver:
        deliver_due(store, clock, {"hook": webhook(receiver)})
    assert message(store, "k1").next_us == clock.us + 120 * SECOND


def test_a_message_that_is_refused_for_good_lets_the_next_one_pass(store: Store) -> None:
    put(store, "k1", "k2")
    with Receiver(SECRET, Script(Answer(400))) as receiver:
        assert deliver_due(store, SetClock(), {"hook": webhook(receiver)}) == Counts(sent=1, dead=1)
    assert message(store, "k1").last_error is not None
    with store.write() as conn:
        outbox.replay(conn, message(store, "k1").id, 0)
    with Receiver(SECRET) as receiver:
        deliver_due(store, SetClock(), {"hook": webhook(receiver)})
    assert [received.id for received in receiver.received] == ["k1"]


class Away:
    """A receiver that is down; counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def body(self, notification: object, key: str, now_us: int) -> str:
        raise NotImplementedError

    def send(self, message: Message, now_us: int) -> int:
        self.asked += 1
        raise DeliveryError("connection refused")

    def settled(self, conn: Connection, message: Message, delivered: bool, now_us: int) -> None:
        """Nothing to do."""


def test_one_receiver_that_is_down_costs_one_attempt_and_holds_up_nobody_else(store: Store) -> None:
    for subject in "abc":
        put(store, f"down-{subject}", subject=subject, channel="down")
    put(store, "k1", "k2")
    away = Away()
    with Receiver(SECRET) as receiver:
        counts = deliver_due(store, SetClock(), {"down": away, "hook": webhook(receiver)})
    assert counts == Counts(sent=2, retried=1)
    assert away.asked == 1


def test_everything_arrives_in_order_when_a_receiver_comes_back(store: Store) -> None:
    clock = SetClock(0)
    put(store, *(f"k{number:02}" for number in range(6)))
    away = Away()
    while clock.us < 3600 * SECOND:
        deliver_due(store, clock, {"hook": away})
        clock.us += 30 * SECOND
    with Receiver(SECRET) as receiver:
        back_us = clock.us
        channels = {"hook": webhook(receiver)}
        while len(receiver.received) < 6:
            deliver_due(store, clock, channels)
            clock.us += SECOND
        assert clock.us - back_us <= 61 * SECOND
    assert [received.id for received in receiver.received] == [f"k{number:02}" for number in range(6)]


def test_a_message_is_given_up_after_its_last_attempt(store: Store) -> None:
    put(store, "k1")
    with store.write() as conn:
        conn.execute(outbox_table.update().values(attempt=MAX_ATTEMPTS - 1))
    assert deliver_due(store, SetClock(), {"hook": Away()}) == Counts(dead=1)


def test_a_message_whose_senders_never_report_is_given_up_too(store: Store) -> None:
    put(store, "k1")
    with store.write() as conn:
        conn.execute(outbox_table.update().values(attempt=MAX_ATTEMPTS))
    away = Away()
    assert deliver_due(store, SetClock(), {"hook": away}) == Counts(dead=1)
    assert away.asked == 0


class Dying:
    """A sender that dies after the receiver has taken the message and before anything is written down."""

    def __init__(self, inner: WebhookChannel) -> None:
        self._inner = inner

    def body(self, notification: object, key: str, now_us: int) -> str:
        raise NotImplementedError

    def send(self, message: Message, now_us: int) -> int:
        self._inner.send(message, now_us)
        raise KeyboardInterrupt

    def settled(self, conn: Connection, message: Message, delivered: bool, now_us: int) -> None:
        raise NotImplementedError


def test_a_sender_that_dies_in_between_costs_a_repetition_with_the_same_id(store: Store) -> None:
    clock = SetClock()
    put(store, "k1", "k2")
    with Receiver(SECRET) as receiver:
        with pytest.raises(KeyboardInterrupt):
            deliver_due(store, clock, {"hook": Dying(webhook(receiver))})
        assert deliver_due(store, clock, {"hook": webhook(receiver)}) == Counts(), "its lease still holds"
        clock.us += LEASE_US + 1
        assert deliver_due(store, clock, {"hook": webhook(receiver)}) == Counts(sent=2)
    assert [received.id for received in receiver.received] == ["k1", "k1", "k2"]


class Slow:
    """A sender that is so slow that another one takes its message over meanwhile."""

    def __init__(self, store: Store, clock: SetClock) -> None:
        self._store, self._clock = store, clock

    def body(self, notification: object, key: str, now_us: int) -> str:
        raise NotImplementedError

    def send(self, message: Message, now_us: int) -> int:
        self._clock.us += LEASE_US + 1
        with self._store.write() as conn:
            heir = outbox.claim(conn, ["hook"], self._clock.us, LEASE_US)
            assert heir is not None
            outbox.mark_sent(conn, heir, 299, self._clock.us)
        return 200

    def settled(self, conn: Connection, message: Message, delivered: bool, now_us: int) -> None:
        raise AssertionError("what was lost must not be settled")


def test_a_sender_that_lost_its_lease_changes_nothing_but_leaves_its_attempt(store: Store) -> None:
    put(store, "k1")
    clock = SetClock()
    assert deliver_due(store, clock, {"hook": Slow(store, clock)}, limit=1) == Counts(lost=1)
    assert message(store, "k1").last_status == 299
    assert log_of(store, "k1") == [(200, None)]
