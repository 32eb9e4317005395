from __future__ import annotations

from collections.abc import Callable

import pytest

from monitor.clock import SimulatedClock
from monitor.errors import DependencyUnavailable
from monitor.store import processes
from monitor.store.engine import Store
from monitor.store.health import FORGET_US, StoreHealth


def test_a_sign_of_life_is_written_and_an_old_one_forgotten(store: Store) -> None:
    clock = SimulatedClock(1_000_000)
    health = StoreHealth(store, clock, "worker")
    health.tick()
    clock.advance(10)
    health.tick()
    with store.read() as conn:
        (seen,) = processes.since(conn, 0)
    assert (seen.name, seen.role, seen.started_us, seen.seen_us) == (
        health.name,
        "worker",
        1_000_000,
        11_000_000,
    )
    clock.advance(FORGET_US / 1e6 + 1)
    later = StoreHealth(store, clock, "api")
    later.tick()
    with store.read() as conn:
        assert [one.role for one in processes.since(conn, 0)] == ["api"]
    later.left()
    with store.read() as conn:
        assert processes.since(conn, 0) == []
    assert health.problems() == []


def test_a_store_that_cannot_be_written_is_told_until_it_can(new_database: Callable[..., str]) -> None:
    store = Store(new_database("sqlite"))
    health = StoreHealth(store, SimulatedClock(5), "all")

    def read_only(on: bool) -> None:
        connection = store._writer.raw_connection()  # the one of the pool, which keeps what it is told
        connection.driver_connection.execute(f"PRAGMA query_only = {int(on)}")  # type: ignore[union-attr]
        connection.close()

    health.tick()
    read_only(True)
    with pytest.raises(DependencyUnavailable):
        health.tick()
    (problem,) = health.problems()
    assert "the file is read-only" in problem
    read_only(False)
    health.tick()
    assert health.problems() == []
    store.close()


def test_a_store_that_is_away_is_told(new_database: Callable[..., str]) -> None:
    store = Store("postgresql://nobody@127.0.0.1:1/none")
    health = StoreHealth(store, SimulatedClock(5), "all")
    with pytest.raises(DependencyUnavailable):
        health.tick()
    (problem,) = health.problems()
    assert problem.startswith("the store cannot be written: ")
    health.left()


def test_a_process_that_stopped_writing_is_told(store: Store) -> None:
    now = [0.0]
    health = StoreHealth(store, SimulatedClock(5), "all", monotonic=lambda: now[0])
    health.tick()
    now[0] = 61.0
    assert health.problems() == ["nothing was written to the store for 61 s"]


def test_a_postgresql_that_only_lets_read_is_told(new_database: Callable[..., str]) -> None:
    store = Store(new_database("postgresql"))
    health = StoreHealth(store, SimulatedClock(5), "all")
    with store.write() as conn:
        conn.exec_driver_sql("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")
    with pytest.raises(DependencyUnavailable, match="the database is read-only"):
        health.tick()
    assert "the database is read-only" in health.problems()[0]
    store.close()
