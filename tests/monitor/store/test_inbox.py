"""The inbox: batches in the order of their commits, counted, trimmed and erased from."""

from __future__ import annotations

from monitor.store import halves, inbox
from monitor.store.engine import Store
from monitor.store.halves import Half
from monitor.store.inbox import Batch, Fill, Limits, Line
from monitor.store.recent_ids import RecentIds, content_of, key_of


def line(name: str, us: int = 5) -> Line:
    raw = b'{"id": "%s"}' % name.encode()
    return Line(raw, key_of(1, name.encode()), content_of(raw), us)


def put(store: Store, model_id: int, *names: str, us: int = 5, now_us: int = 10) -> int:
    with store.write() as conn:
        number, _ = inbox.next_number(conn, model_id)
        inbox.add(conn, model_id, number, [line(name, us) for name in names], now_us)
    return number


def test_batches_are_read_in_order_as_many_as_fit(store: Store, model_id: int) -> None:
    for names in (("a", "b"), ("c",), ("d", "e", "f")):
        put(store, model_id, *names)
    with store.read() as conn:
        assert [one.number for one in inbox.after(conn, model_id, 0, 100, 10**6)] == [1, 2, 3]
        assert [one.number for one in inbox.after(conn, model_id, 0, 3, 10**6)] == [1, 2]
        assert [one.number for one in inbox.after(conn, model_id, 2, 1, 1)] == [3]
        assert inbox.after(conn, model_id, 3, 100, 10**6) == []
        assert inbox.after(conn, model_id, 1, 1, 10**6) == [Batch(2, 1, b'{"id": "c"}\n')]


def test_a_transaction_that_fails_leaves_nothing_and_no_number_is_given_twice(
    store: Store, model_id: int
) -> None:
    put(store, model_id, "a")
    try:
        with store.write() as conn:
            number, _ = inbox.next_number(conn, model_id)
            inbox.add(conn, model_id, number, [line("b")], 10)
            raise ZeroDivisionError
    except ZeroDivisionError:
        pass
    with store.write() as conn:
        assert inbox.trim(conn, model_id, 1, 11, Limits()) == 1
    assert put(store, model_id, "c") == 2  # also where the inbox has become empty
    with store.read() as conn:
        assert inbox.fill(conn, model_id) == Fill(1, len(b'{"id": "c"}\n'), 5, 10)


def test_a_span_finds_the_batches_around_it(store: Store, model_id: int) -> None:
    for us in (5, 15, 25):
        put(store, model_id, f"e{us}", us=us)
    with store.read() as conn:
        found = inbox.overlapping(conn, model_id, (15, 25), 0, 100, 10**6)
    assert [one.number for one in found] == [2]


def test_ids_that_came_lately_are_known_the_newest_longest(store: Store, model_id: int) -> None:
    for number in range(10):
        put(store, model_id, *(f"{number}-{index}" for index in range(10)))
    fresh = RecentIds(generation=30)
    with store.read() as conn:
        fresh.refresh(conn, model_id)
    known = [number for number in range(10) if fresh.content(key_of(1, f"{number}-0".encode())) is not None]
    assert known == [7, 8, 9]
    for number in range(10, 15):
        put(store, model_id, *(f"{number}-{index}" for index in range(10)))
        with store.read() as conn:
            fresh.refresh(conn, model_id)
    known = [number for number in range(15) if fresh.content(key_of(1, f"{number}-9".encode())) is not None]
    assert known[-3:] == [12, 13, 14]
    assert len(known) <= 6
    assert fresh.content(key_of(1, b"14-9")) == line("14-9").content
    assert fresh.content(key_of(2, b"14-9")) is None  # the same id of another model


def test_records_are_erased_by_id_and_the_others_stay(store: Store, model_id: int) -> None:
    for names in (("a", "b", "c"), ("d",), ("e", "f")):
        put(store, model_id, *names)
    with store.write() as conn:
        assert inbox.erase(conn, model_id, [line(name).key for name in ("b", "d", "never")]) == 2
    with store.read() as conn:
        found = inbox.after(conn, model_id, 0, 100, 10**6)
        left = inbox.fill(conn, model_id)
        ids = {number: inbox.unpack(packed)[0] for number, packed in inbox.ids_after(conn, model_id, 0)}
    assert found == [Batch(1, 2, b'{"id": "a"}\n{"id": "c"}\n'), Batch(3, 2, b'{"id": "e"}\n{"id": "f"}\n')]
    assert (left.records, left.bytes) == (4, sum(len(one.body) for one in found))
    assert ids == {1: (line("a").key, line("c").key), 3: (line("e").key, line("f").key)}


def test_halves_count_as_long_as_they_wait(store: Store, model_id: int) -> None:
    half = Half("e1", "request", 5, b"{}")
    with store.write() as conn:
        inbox.next_number(conn, model_id)
        assert halves.add(conn, model_id, half, 10)
        assert not halves.add(conn, model_id, half, 11)
        assert inbox.fill(conn, model_id).records == 1
        assert halves.take(conn, model_id, "e1", "response") is None
        assert halves.take(conn, model_id, "e1", "request") == half
        assert halves.take(conn, model_id, "e1", "request") is None
        assert inbox.fill(conn, model_id) == Fill(0, 0, None, None)
        assert halves.add(conn, model_id, half, 10)
        assert halves.expired(conn, model_id, 10) == []
        assert halves.expired(conn, model_id, 11) == [half]
