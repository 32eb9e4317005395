"""The outbox: written once, claimed by one, in order, and never by who lost its lease."""

from __future__ import annotations

import threading

import pytest

from monitor.errors import Conflict, LeaseLost, NotFound
from monitor.store import outbox
from monitor.store.engine import Store
from tests.monitor.alerting import add_model

LEASE = 100


@pytest.fixture(autouse=True)
def model(store: Store) -> int:
    return add_model(store)


def put(store: Store, key: str, subject: str = "a", channel: str = "hook", now_us: int = 0) -> bool:
    with store.write() as conn:
        return outbox.enqueue(
            conn,
            key=key,
            model_id=1,
            channel=channel,
            type="t",
            subject=subject,
            body=f"body of {key}",
            now_us=now_us,
        )


def take(store: Store, now_us: int, *channels: str) -> outbox.Message | None:
    with store.write() as conn:
        return outbox.claim(conn, channels or ["hook"], now_us, LEASE)


def taken(store: Store, now_us: int, *channels: str) -> outbox.Message:
    message = take(store, now_us, *channels)
    assert message is not None
    return message


def test_a_key_is_written_once(store: Store) -> None:
    assert put(store, "k1")
    assert not put(store, "k1")
    with store.read() as conn:
        assert outbox.counts(conn) == {"pending": 1}


def test_a_claim_counts_the_attempt_and_moves_the_fence(store: Store) -> None:
    put(store, "k1")
    message = taken(store, 0)
    assert (message.key, message.model, message.state, message.attempt, message.fence) == (
        "k1",
        "toxicity",
        "sending",
        1,
        1,
    )
    assert take(store, LEASE) is None, "the lease still holds"


def test_messages_of_a_subject_wait_for_each_other(store: Store) -> None:
    for key, subject in [("k1", "a"), ("k2", "a"), ("k3", "b")]:
        put(store, key, subject)
    first, other = taken(store, 0), taken(store, 0)
    assert (first.key, other.key) == ("k1", "k3")
    assert take(store, 0) is None
    with store.write() as conn:
        outbox.mark_sent(conn, other, 200, 1)
        outbox.mark_retry(conn, first, 503, "busy", next_us=500)
    assert take(store, 499) is None, "k2 waits although only k1 failed"
    again = taken(store, 500)
    assert (again.key, again.attempt) == ("k1", 2)
    with store.write() as conn:
        outbox.mark_dead(conn, again, 400, "no")
    assert taken(store, 500).key == "k2", "a dead message holds nobody up"


def test_the_same_subject_on_another_channel_does_not_wait(store: Store) -> None:
    put(store, "k1", "a", "hook")
    put(store, "k2", "a", "pager")
    taken(store, 0, "hook", "pager")
    assert taken(store, 0, "hook", "pager").key == "k2"


def test_channels_that_nobody_serves_keep_their_messages(store: Store) -> None:
    put(store, "k1", channel="gone")
    assert take(store, 0, "hook") is None
    with store.read() as conn:
        assert outbox.oldest_pending_us(conn) == 0


def test_a_lease_that_ran_out_is_taken_over_and_the_first_holder_refused(store: Store) -> None:
    put(store, "k1")
    zombie = taken(store, 0)
    heir = taken(store, LEASE + 1)
    assert (heir.key, heir.fence) == ("k1", 2)
    for late in (
        lambda conn: outbox.mark_sent(conn, zombie, 200, 5),
        lambda conn: outbox.mark_retry(conn, zombie, None, "x", 5),
        lambda conn: outbox.mark_dead(conn, zombie, None, "x"),
    ):
        with pytest.raises(LeaseLost), store.write() as conn:
            late(conn)
    with store.write() as conn:
        outbox.mark_sent(conn, heir, 204, LEASE + 2)
    with store.read() as conn:
        sent = outbox.get(conn, heir.id)
    assert (sent.state, sent.sent_us, sent.last_status) == ("sent", LEASE + 2, 204)


def test_only_a_dead_message_can_be_replayed_and_it_is_the_same(store: Store) -> None:
    put(store, "k1")
    message = taken(store, 0)
    with pytest.raises(Conflict, match="is sending"), store.write() as conn:
        outbox.replay(conn, message.id, 9)
    with store.write() as conn:
        outbox.mark_dead(conn, message, 410, "gone")
    with store.write() as conn:
        outbox.replay(conn, message.id, 9)
    again = taken(store, 9)
    assert (again.key, again.body, again.attempt) == ("k1", message.body, 1)


def test_pages_go_back_in_time(store: Store) -> None:
    for number in range(5):
        put(store, f"k{number}", subject=str(number % 2))
    with store.read() as conn:
        first = outbox.list_messages(conn, limit=2)
        second = outbox.list_messages(conn, limit=2, after=first[-1].id)
        odd = outbox.list_messages(conn, subject="1", state="pending", model_id=1, channel="hook")
        with pytest.raises(NotFound):
            outbox.get(conn, 999)
    assert [m.key for m in first + second] == ["k4", "k3", "k2", "k1"]
    assert [m.key for m in odd] == ["k3", "k1"]


def test_many_senders_share_the_work_without_sending_anything_twice(store: Store) -> None:
    for number in range(24):
        put(store, f"k{number:02}", subject=f"s{number % 4}")
    order: list[str] = []
    lock = threading.Lock()

    def work() -> None:
        idle = 0
        while idle < 20:
            message = take(store, 1)
            if message is None:
                idle += 1
                continue
            with lock:
                order.append(message.key)
            with store.write() as conn:
                outbox.mark_sent(conn, message, 200, 2)

    senders = [threading.Thread(target=work) for _ in range(4)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    while (left := take(store, 1)) is not None:  # what a sender gave up waiting for
        order.append(left.key)
        with store.write() as conn:
            outbox.mark_sent(conn, left, 200, 2)
    assert sorted(order) == [f"k{number:02}" for number in range(24)]
    for subject in range(4):
        mine = [key for key in order if int(key[1:]) % 4 == subject]
        assert mine == sorted(mine), "the order within a subject holds"


def repeat(store: Store, key: str, episode: int = 1, type: str = "updated") -> None:
    with store.write() as conn:
        outbox.enqueue(
            conn,
            key=key,
            model_id=1,
            channel="hook",
            type=type,
            subject="a",
            body=key,
            now_us=0,
            episode_id=episode,
            repeats=type == "updated",
        )


def waiting(store: Store) -> list[str]:
    with store.read() as conn:
        return [message.key for message in reversed(outbox.list_messages(conn, state="pending"))]


def test_a_repetition_takes_the_place_of_the_one_that_still_waits(store: Store) -> None:
    repeat(store, "opened", type="opened")
    for key in ("u1", "u2", "u3"):
        repeat(store, key)
    assert waiting(store) == ["opened", "u3"]
    repeat(store, "resolved", type="resolved")
    repeat(store, "again", episode=2)
    assert waiting(store) == ["opened", "u3", "resolved", "again"], "the words of another episode stay"


def test_a_repetition_leaves_what_is_on_its_way(store: Store) -> None:
    repeat(store, "u1")
    first = taken(store, 0)
    repeat(store, "u2")
    with store.write() as conn:
        outbox.mark_sent(conn, first, 200, 1)
    assert taken(store, 0).key == "u2"


def test_one_that_failed_before_is_superseded_with_its_log(store: Store) -> None:
    repeat(store, "u1")
    first = taken(store, 0)
    with store.write() as conn:
        outbox.add_attempt(conn, first, 1, 503, "busy", 1.0)
        outbox.mark_retry(conn, first, 503, "busy", next_us=500)
    repeat(store, "u2")
    assert waiting(store) == ["u2"]
    with store.read() as conn:
        assert outbox.attempts_of(conn, first.id) == []


def test_all_dead_ones_of_a_channel_are_replayed_in_the_old_order(store: Store) -> None:
    for key, channel in [("k1", "hook"), ("k2", "hook"), ("k3", "pager")]:
        put(store, key, channel=channel)
        with store.write() as conn:
            message = outbox.claim(conn, [channel], 0, LEASE)
            assert message is not None
            outbox.mark_dead(conn, message, 400, "no")
    with store.write() as conn:
        assert outbox.replay_all(conn, 9, channel="hook") == 2
        assert outbox.replay_all(conn, 9, model_id=77) == 0
    first = taken(store, 9, "hook", "pager")
    assert (first.key, first.attempt, first.body) == ("k1", 1, "body of k1")
    with store.read() as conn:
        assert outbox.channel_counts(conn, ["hook", "pager"]) == {
            "hook": {"pending": 1, "sending": 1},
            "pager": {"dead": 1},
        }


def test_the_channels_that_were_told_of_an_episode_are_known(store: Store) -> None:
    repeat(store, "u1", episode=7)
    with store.read() as conn:
        assert outbox.channels_told(conn, 7) == ["hook"]
        assert outbox.channels_told(conn, 8) == []
