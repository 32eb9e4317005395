"""Lanes: receivers that hang, fail or come back, beside others that must not notice."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Connection

from monitor.clock import SystemClock
from monitor.delivery.dispatch import Counts, Dispatcher, deliver_due
from monitor.errors import DeliveryError
from monitor.store import outbox, outlets
from monitor.store.engine import Store
from monitor.store.outbox import Message
from tests.monitor.alerting import SetClock, add_model
from tests.monitor.delivery.test_dispatch import message, put


@pytest.fixture(autouse=True)
def model(store: Store) -> int:
    return add_model(store)


class Way:
    """A channel that does what it is told, and keeps what it took."""

    def __init__(self, does: Callable[[Message], int] = lambda message: 200) -> None:
        self.does = does
        self.taken: list[str] = []
        self.asked = 0

    def body(self, notification: object, key: str, now_us: int) -> str:
        return key

    def send(self, message: Message, now_us: int) -> int:
        self.asked += 1
        status = self.does(message)
        self.taken.append(message.key)
        return status

    def settled(self, conn: Connection, message: Message, delivered: bool, now_us: int) -> None:
        """Nothing to do."""


@pytest.fixture
def dispatcher(store: Store) -> Iterator[Dispatcher]:
    made = Dispatcher(store, SystemClock())
    yield made
    made.close()


def away(message: Message) -> int:
    raise DeliveryError("connection refused")


def test_a_hanging_receiver_holds_up_nobody(store: Store, dispatcher: Dispatcher) -> None:
    let_go = threading.Event()

    def hang(message: Message) -> int:
        let_go.wait(20)
        raise DeliveryError("took longer than 20 s")

    hanging = {f"hang{number}": Way(hang) for number in range(6)}
    well = Way()
    try:
        for name in hanging:
            put(store, *(f"{name}-{n}" for n in range(8)), subject=name, channel=name)
        dispatcher.tick(hanging)
        put(store, "k1", "k2", channel="well")
        dispatcher.tick({**hanging, "well": well})
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            if len(well.taken) == 2 and all(way.asked for way in hanging.values()):
                break
            time.sleep(0.01)
        assert well.taken == ["k1", "k2"], "while the others still hang"
        assert [way.asked for way in hanging.values()] == [1] * 6
    finally:
        let_go.set()


def test_a_channel_sends_several_subjects_at_once_and_each_in_order(
    store: Store, dispatcher: Dispatcher
) -> None:
    both = threading.Barrier(2)

    def meet(message: Message) -> int:
        if message.key.endswith("0"):
            both.wait(10)  # the first of each subject must be on its way at the same time
        return 200

    way = Way(meet)
    for subject in "ab":
        put(store, *(f"{subject}{number}" for number in range(5)), subject=subject, channel="way")
    dispatcher.tick({"way": way})
    assert dispatcher.wait(20)
    for subject in "ab":
        mine = [key for key in way.taken if key[0] == subject]
        assert mine == sorted(mine)
    assert len(way.taken) == 10
    assert dispatcher.totals == Counts(sent=10)


def test_a_receiver_that_is_down_is_asked_by_one_message_at_a_time(store: Store) -> None:
    clock = SetClock(0)
    down = Way(away)
    for number in range(50):
        put(store, f"k{number}", subject=f"s{number}", channel="down")
    dispatcher = Dispatcher(store, clock)
    for _ in range(30):
        dispatcher.tick({"down": down})
        assert dispatcher.wait(20)
    assert outlets.DOWN_AFTER <= down.asked <= outlets.DOWN_AFTER + 4
    before = down.asked
    clock.us += 60_000_000
    dispatcher.tick({"down": down})
    assert dispatcher.wait(20)
    assert down.asked == before + 1
    dispatcher.close()


def test_everything_is_due_when_it_answers_again(store: Store) -> None:
    clock = SetClock(0)
    way = Way(away)
    for number in range(20):
        put(store, f"k{number:02}", subject=f"s{number % 4}", channel="way")
    dispatcher = Dispatcher(store, clock)
    while clock.us < 3600_000_000:
        dispatcher.tick({"way": way})
        assert dispatcher.wait(20)
        clock.us += 30_000_000
    way.does = lambda message: 200
    back_us = clock.us
    while len(way.taken) < 20 and clock.us < back_us + 120_000_000:
        dispatcher.tick({"way": way})
        assert dispatcher.wait(20)
        clock.us += 1_000_000
    dispatcher.close()
    assert clock.us - back_us <= 30_000_000
    for subject in range(4):
        mine = [key for key in way.taken if int(key[1:]) % 4 == subject]
        assert mine == sorted(mine)


def test_one_that_asks_for_patience_is_left_alone(store: Store) -> None:
    def busy(message: Message) -> int:
        raise DeliveryError("answered 429", status=429, retry_after_seconds=90)

    clock = SetClock(0)
    way = Way(busy)
    put(store, "k1", subject="a", channel="way")
    put(store, "k2", subject="b", channel="way")
    assert deliver_due(store, clock, {"way": way}) == Counts(retried=1)
    way.does = lambda message: 200
    clock.us = 89_000_000
    assert deliver_due(store, clock, {"way": way}) == Counts(), "not even another message"
    clock.us = 90_000_000
    assert deliver_due(store, clock, {"way": way}) == Counts(sent=2)


def test_a_receiver_that_is_gone_disables_its_channel_and_loses_nothing(store: Store) -> None:
    def gone(message: Message) -> int:
        raise DeliveryError("answered 410", status=410, permanent=True)

    put(store, "k1", "k2", channel="way")
    way = Way(gone)
    assert deliver_due(store, SetClock(), {"way": way}) == Counts(dead=1)
    assert deliver_due(store, SetClock(), {"way": way}) == Counts()
    assert [message(store, key).state for key in ("k1", "k2")] == ["dead", "pending"]
    way.does = lambda message: 200
    with store.write() as conn:
        outlets.enable(conn, "way", 0)
        outbox.replay(conn, message(store, "k1").id, 0)
    assert deliver_due(store, SetClock(), {"way": way}) == Counts(sent=2)
    assert way.taken == ["k1", "k2"]
