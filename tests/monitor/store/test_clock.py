from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection

from monitor.clock import SystemClock
from monitor.store.clock import DatabaseClock, clock_of
from monitor.store.engine import Store


def test_postgresql_tells_the_time_and_a_file_does_not(store: Store) -> None:
    clock = clock_of(store)
    assert isinstance(clock, DatabaseClock if store.dialect == "postgresql" else SystemClock)
    assert abs(clock.now_us() - time.time_ns() // 1000) < 5_000_000  # here both run on one machine


def test_between_two_answers_the_monotonic_clock_goes_on(new_database: Callable[..., str]) -> None:
    store, now = Store(new_database("postgresql")), [100.0]
    clock = DatabaseClock(store, lambda: now[0])
    first = clock.now_us()
    now[0] += 9.0
    assert clock.now_us() - first == 9_000_000
    now[0] += 3600.0  # asked again: the machine slept, or its clock is fast
    assert abs(clock.now_us() - first) < 60_000_000
    store.close()


def test_how_long_connecting_takes_does_not_change_the_time(new_database: Callable[..., str]) -> None:
    class Slow(Store):
        @contextmanager
        def read(self) -> Iterator[Connection]:
            time.sleep(1.0)
            with super().read() as conn:
                yield conn

    store = Slow(new_database("postgresql"))
    clock = DatabaseClock(store)
    clock.now_us()
    with store.read() as conn:
        before_us = clock.now_us()
        found = conn.exec_driver_sql("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")
        now_us: int = found.scalar_one()
        after_us = clock.now_us()
    assert before_us - 250_000 < now_us < after_us + 250_000
    store.close()


def test_while_the_database_is_away_the_time_goes_on(
    new_database: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, now = Store(new_database("postgresql")), [100.0]
    clock = DatabaseClock(store, lambda: now[0])
    first = clock.now_us()
    away = Store("postgresql://nobody@127.0.0.1:1/none")
    monkeypatch.setattr(clock, "_store", away)
    now[0] += 60.0
    assert clock.now_us() - first == 60_000_000
    assert abs(DatabaseClock(away).now_us() - time.time_ns() // 1000) < 60_000_000
    store.close()
