"""Calls that come again and again: counted when they fail, never beside themselves, and not held up by a clock."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta, tzinfo
from typing import Self

import pytest

from monitor import telemetry
from monitor.errors import DependencyUnavailable
from monitor.scheduler import Scheduler


def test_a_tick_that_raises_is_counted_and_the_next_one_comes() -> None:
    came = threading.Event()
    calls: list[int] = []

    def breaks() -> None:
        calls.append(1)
        if len(calls) == 3:
            came.set()
        raise RuntimeError("broken")

    def failures() -> float:
        return telemetry.REGISTRY.get_sample_value("driftglass_tick_failures_total", {"tick": "breaks"}) or 0

    before = failures()
    scheduler = Scheduler({"breaks": (0.05, breaks)})
    scheduler.start()
    assert came.wait(10)
    scheduler.stop()
    assert failures() - before == len(calls) >= 3


def test_a_tick_never_runs_beside_itself() -> None:
    gate, entered, side_by_side = threading.Event(), threading.Semaphore(0), []

    def slow() -> None:
        side_by_side.append(1)
        assert len(side_by_side) == 1
        entered.release()
        gate.wait(10)
        side_by_side.pop()

    scheduler = Scheduler({"slow": (0.02, slow)})
    scheduler.start()
    assert entered.acquire(timeout=10)
    assert not entered.acquire(timeout=0.2)
    gate.set()
    assert entered.acquire(timeout=10)
    scheduler.stop()


def test_a_call_that_plans_another_one_holds_up_no_stop() -> None:
    entered, go_on = threading.Event(), threading.Event()

    def plans() -> None:
        entered.set()
        go_on.wait(10)
        scheduler.wake("other")
        scheduler.call_in("other", 60.0)

    scheduler = Scheduler({"plans": (3600.0, plans), "other": (3600.0, lambda: None)})
    scheduler.start()
    assert entered.wait(10)
    stopping = threading.Thread(target=scheduler.stop, daemon=True)
    stopping.start()
    stopping.join(0.5)
    assert stopping.is_alive(), "it waits for the call that is under way"
    go_on.set()
    stopping.join(10)
    assert not stopping.is_alive()


def test_what_does_not_tick_is_named() -> None:
    now = [0.0]
    busy: list[list[str]] = []

    def work() -> None:
        now[0] += 4000
        busy.append(scheduler.stuck())

    scheduler = Scheduler({"work": (5.0, work)}, monotonic=lambda: now[0])
    assert scheduler.stuck() == []
    now[0] = 74
    assert scheduler.stuck() == []
    now[0] = 76
    assert scheduler.stuck() == ["work has not ticked for 76 s"]
    scheduler.tick("work")
    assert busy == [["work has been busy for 4000 s"]]
    assert scheduler.stuck() == []


def test_an_outage_is_told_once_and_its_end_too(caplog: pytest.LogCaptureFixture) -> None:
    away = True

    def asks() -> None:
        if away:
            raise DependencyUnavailable("the database is away")

    scheduler = Scheduler({"asks": (5.0, asks)}, monotonic=lambda: 0.0)
    with caplog.at_level("INFO", "monitor.scheduler"):
        for _ in range(5):
            scheduler.tick("asks")
        away = False
        for _ in range(5):
            scheduler.tick("asks")
    assert caplog.messages == [
        "the tick asks waits: the database is away",
        "the tick asks goes on after 0 s",
    ]


def test_a_tick_that_is_woken_does_not_wait_for_its_time() -> None:
    called = threading.Semaphore(0)
    scheduler = Scheduler({"rare": (3600.0, called.release)})
    scheduler.start()
    assert called.acquire(timeout=10)
    scheduler.wake("rare")
    assert called.acquire(timeout=10)
    scheduler.stop()
    scheduler.wake("rare")  # after the end: nothing


def test_a_tick_that_is_planned_comes_at_that_time_unless_its_own_is_earlier() -> None:
    called = threading.Semaphore(0)
    scheduler = Scheduler({"rare": (3600.0, called.release)})
    scheduler.start()
    assert called.acquire(timeout=10)
    scheduler.call_in("rare", 7200.0)
    scheduler.call_in("rare", -1.0)  # it is past
    assert not called.acquire(timeout=0.3)
    scheduler.call_in("rare", 0.1)
    assert called.acquire(timeout=10)
    scheduler.stop()


def test_a_tick_that_is_woken_while_it_runs_is_called_once_more() -> None:
    gate, entered = threading.Event(), threading.Semaphore(0)

    def slow() -> None:
        entered.release()
        gate.wait(10)

    scheduler = Scheduler({"slow": (3600.0, slow)})
    scheduler.start()
    assert entered.acquire(timeout=10)
    for _ in range(3):
        scheduler.wake("slow")
    gate.set()
    assert entered.acquire(timeout=10)
    assert not entered.acquire(timeout=0.5)
    scheduler.stop()


def test_a_clock_that_is_set_there_and_back_holds_no_tick_up(monkeypatch: pytest.MonkeyPatch) -> None:
    offset = timedelta()

    class Set(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return super().now(tz) + offset

    monkeypatch.setattr("datetime.datetime", Set)
    monkeypatch.setattr("apscheduler.schedulers.base.datetime", Set)
    called = threading.Semaphore(0)
    scheduler = Scheduler({"often": (0.1, called.release)})
    scheduler.start()
    assert called.acquire(timeout=10)
    offset = timedelta(hours=1)
    assert all(called.acquire(timeout=10) for _ in range(3))  # planned an hour ahead
    offset = timedelta()
    while called.acquire(blocking=False):
        pass
    assert all(called.acquire(timeout=10) for _ in range(3))
    scheduler.stop()
