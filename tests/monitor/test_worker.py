"""The working process: it does passes, it may be killed at any time, and nothing is lost or counted twice."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import update

from monitor import telemetry
from monitor import worker as module
from monitor.app import App
from monitor.clock import SystemClock
from monitor.contract import load
from monitor.errors import DependencyUnavailable
from monitor.settings import Settings
from monitor.store import measurements, models, runs, tables, windows
from monitor.store.engine import Store
from monitor.worker import NOTHING, Worker
from tests.monitor import stream

START, DAYS = stream.recent(datetime.now(UTC))
JUDGED = round((DAYS - 14) * 4)


@pytest.fixture(scope="module")
def records() -> list[stream.Record]:
    return stream.records(DAYS, start=START)


@pytest.fixture
def kind() -> str:
    """The database; what depends on it names both."""
    return "sqlite"


@pytest.fixture
def settings(
    kind: str, new_database: Callable[..., str], tmp_path: Path, records: list[stream.Record]
) -> Settings:
    """A store that watches one model whose records end now."""
    stream.write(tmp_path / "orders.csv", records)
    settings = Settings(database_url=new_database(kind))
    watch(settings, stream.contract(tmp_path, start=START))
    return settings


def watch(settings: Settings, contract: Path) -> None:
    app = App(Store(settings.database_url), SystemClock(), settings)
    app.register(load(contract), author="test")
    app.store.close()


@pytest.fixture
def worker(settings: Settings) -> Iterator[Worker]:
    made = Worker(settings)
    yield made
    made.stop()


def pid(worker: Worker) -> int:
    assert worker._child is not None
    return worker._child.pid


def until(what: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def exported(url: str) -> str:
    store = Store(url)
    with store.read() as conn:
        text = "".join(measurements.export(conn, models.get(conn, "orders").id))
    store.close()
    return text


def test_one_child_does_one_pass_after_the_other(worker: Worker) -> None:
    first = worker.work()
    child = pid(worker)
    second = worker.work()
    assert (first["ok"], first["judged"]) == (True, JUDGED)
    assert (second["ok"], second["judged"], pid(worker)) == (True, 0, child)
    assert first["rss_mb"] > 50
    worker.stop()
    assert not psutil.pid_exists(child)


def test_a_child_killed_between_passes_is_replaced(worker: Worker) -> None:
    worker.work()
    dead = pid(worker)
    os.kill(dead, signal.SIGKILL)
    until(lambda: psutil.Process(dead).status() == psutil.STATUS_ZOMBIE)  # its end of the pipe is closed
    with pytest.raises(DependencyUnavailable, match="a new one follows"):
        worker.work()
    assert worker.work()["ok"]
    assert pid(worker) != dead
    assert not psutil.pid_exists(dead)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_child_killed_in_the_middle_leaves_work_that_the_next_one_ends(
    worker: Worker,
    settings: Settings,
    new_database: Callable[..., str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DRIFTGLASS_LEASE_SECONDS", "1")
    store = Store(settings.database_url)

    def is_judging() -> bool:
        with store.read() as conn:
            return windows.last_judged_us(conn, models.get(conn, "orders").id) is not None

    failed: list[BaseException] = []

    def work() -> None:
        try:
            worker.work()
        except DependencyUnavailable as error:
            failed.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    until(is_judging)
    os.kill(pid(worker), signal.SIGKILL)
    thread.join()
    assert [str(error) for error in failed] == ["the working process ended with -9; a new one follows"]

    def is_done() -> bool:
        worker.work()
        with store.read() as conn:
            found = windows.between(conn, models.get(conn, "orders").id, 0, 1 << 62)
        return [window.state for window in found] == ["reference"] * 56 + ["judged"] * JUDGED

    until(is_done)
    store.close()
    undisturbed = Settings(database_url=new_database("sqlite"))
    watch(undisturbed, tmp_path / "contract.yaml")
    other = Worker(undisturbed)
    other.work()
    other.stop()
    assert exported(settings.database_url) == exported(undisturbed.database_url)


@pytest.mark.parametrize(("limit", "value"), [("RECYCLE_AFTER_PASSES", 1), ("RECYCLE_ABOVE_MB", 1.0)])
def test_a_child_that_is_old_or_big_is_replaced(
    settings: Settings, worker: Worker, monkeypatch: pytest.MonkeyPatch, limit: str, value: float
) -> None:
    monkeypatch.setattr(module, limit, value)
    assert worker.work()["judged"] == JUDGED
    assert worker._child is None
    assert worker.work()["judged"] == 0


def test_a_model_that_cannot_be_read_does_not_keep_the_others_waiting(
    worker: Worker, settings: Settings, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    contract = stream.contract(broken, start=START)
    text = contract.read_text("utf-8").replace("model: orders", "model: a-broken-one")
    source = f"source: {{type: sql, url: 'sqlite:///{broken}/none.db', table: gone, id: id, time: at}}"
    lines = [source if line.startswith("source:") else line for line in text.splitlines()]
    contract.write_text("\n".join(lines), "utf-8")
    watch(settings, contract)
    with pytest.raises(DependencyUnavailable, match="a-broken-one: "):
        worker.work()
    store = Store(settings.database_url)
    with store.read() as conn:
        found = windows.between(conn, models.get(conn, "orders").id, 0, 1 << 62, "judged")
    store.close()
    assert len(found) == JUDGED


def test_what_the_child_counts_is_exported_by_the_parent(worker: Worker, settings: Settings) -> None:
    def lost() -> float:
        return telemetry.REGISTRY.get_sample_value("driftglass_leases_lost_total") or 0.0

    worker.work()
    before = lost()
    store = Store(settings.database_url)
    with store.write() as conn:
        reading = runs.latest(conn, models.get(conn, "orders").id, "read")
        assert reading is not None
        died = {"state": "running", "lease_until_us": 0}
        conn.execute(update(tables.runs).where(tables.runs.c.id == reading.id).values(died))
    store.close()
    assert worker.work()["counted"] == {"leases_lost": 1, "stale_commits_refused": 0}
    worker.work()
    assert lost() == before + 1


def test_stopping_interrupts_a_pass_and_nothing_starts_again(worker: Worker) -> None:
    answers: list[dict[str, Any]] = []
    thread = threading.Thread(target=lambda: answers.append(worker.work()))
    thread.start()
    until(lambda: worker._child is not None)
    child = pid(worker)
    began = time.monotonic()
    worker.stop()
    thread.join()
    assert time.monotonic() - began < 5
    assert answers == [NOTHING]  # interrupted on purpose: no failure to count
    assert not psutil.pid_exists(child)
    assert worker.work() == NOTHING
    assert worker._child is None


def test_a_child_is_judged_by_what_it_holds_now_not_by_the_peak_of_its_parent(worker: Worker) -> None:
    hoard = bytearray(200 << 20)  # the peak of this process, which a child is born with
    hoard[:: 1 << 12] = b"x" * len(hoard[:: 1 << 12])
    answer = worker.work()
    assert answer["rss_mb"] == pytest.approx(psutil.Process(pid(worker)).memory_info().rss / 2**20, rel=0.2)
    del hoard
