"""What is known of a receiver: failures in a row, how long to leave it alone, and whether it is gone for good."""

from __future__ import annotations

import pytest

from monitor.store import outbox, outlets
from monitor.store.engine import Store
from tests.monitor.alerting import add_model
from tests.monitor.delivery.test_outbox import put, take, taken


@pytest.fixture(autouse=True)
def model(store: Store) -> int:
    return add_model(store)


def fail(store: Store, times: int) -> None:
    with store.write() as conn:
        for number in range(times):
            outlets.failed(conn, "hook", f"failure {number}", number)


def state(store: Store) -> str:
    with store.read() as conn:
        return outlets.get(conn, "hook").state


def test_a_channel_that_never_failed_is_well(store: Store) -> None:
    assert state(store) == "well"
    with store.write() as conn:
        assert not outlets.answered(conn, "hook", 0)


def test_failures_in_a_row_make_it_down_and_an_answer_makes_it_well(store: Store) -> None:
    fail(store, outlets.DOWN_AFTER - 1)
    assert state(store) == "failing"
    fail(store, 1)
    assert state(store) == "down"
    with store.read() as conn:
        known = outlets.get(conn, "hook")
    assert (known.failing_since_us, known.last_error) == (0, "failure 0")
    with store.write() as conn:
        assert outlets.answered(conn, "hook", 9), "it had been down"
    assert state(store) == "well"


def test_what_is_held_keeps_its_messages_until_then(store: Store) -> None:
    put(store, "k1")
    put(store, "k2", channel="pager")
    with store.write() as conn:
        outlets.hold(conn, "hook", 50, "busy", 0)
    assert taken(store, 10, "hook", "pager").key == "k2"
    with store.read() as conn:
        assert outbox.due(conn, ["hook"], 49) == {}
        assert outbox.due(conn, ["hook"], 50) == {"hook": 1}


def test_what_is_disabled_waits_until_it_is_enabled(store: Store) -> None:
    put(store, "k1")
    with store.write() as conn:
        outlets.disable(conn, "hook", "answered 410", 5)
    assert state(store) == "disabled"
    assert take(store, 10**12) is None
    with store.write() as conn:
        outlets.enable(conn, "hook", 6)
    assert taken(store, 7).key == "k1"


def test_what_waited_is_due_at_once_when_its_receiver_is_well_again(store: Store) -> None:
    put(store, "k1")
    message = taken(store, 0)
    with store.write() as conn:
        outbox.mark_retry(conn, message, 503, "busy", next_us=900)
    assert take(store, 1) is None
    with store.write() as conn:
        outbox.hasten(conn, "hook", 1)
    again = taken(store, 1)
    assert (again.attempt, again.waits) == (2, 0), "the attempts count on, the patience starts anew"
