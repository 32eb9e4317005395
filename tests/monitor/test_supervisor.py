"""A working process may be killed, stand still, take too long or too much: nothing is lost or counted twice."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from monitor import jobs, telemetry
from monitor import supervisor as module
from monitor.app import App
from monitor.child import Child
from monitor.clock import SystemClock
from monitor.closing import Closing
from monitor.contract import load
from monitor.settings import Settings
from monitor.store import measurements, models, runs, windows
from monitor.store.engine import Store
from monitor.store.runs import Run
from monitor.supervisor import Supervisor
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
def store(settings: Settings) -> Iterator[Store]:
    opened = Store(settings.database_url)
    yield opened
    opened.close()


Make = Callable[..., Supervisor]


@pytest.fixture
def make(settings: Settings, store: Store) -> Iterator[Make]:
    """Makes supervisors on the store; what the settings of one differ in is named."""
    made: list[Supervisor] = []

    def supervisor(**changes: float) -> Supervisor:
        made.append(Supervisor(settings.model_copy(update=changes), store, SystemClock()))
        return made[-1]

    yield supervisor
    for one in made:
        one.stop()


def close(store: Store, settings: Settings) -> None:
    """What the tick of `serve` does: queue what is due."""
    app = App(store, SystemClock(), settings)
    Closing(store, app.clock, app.watched, read_seconds=3600).tick()


def all_done(supervisor: Supervisor, store: Store, settings: Settings) -> int:
    """Work until everything is judged; returns how many runs that took."""
    done = 0
    deadline = time.monotonic() + 90
    while True:
        close(store, settings)
        done += supervisor.work()
        if states(store) == ["reference"] * 56 + ["judged"] * JUDGED:
            return done
        assert time.monotonic() < deadline, states(store)


def states(store: Store) -> list[str]:
    with store.read() as conn:
        found = windows.between(conn, models.get(conn, "orders").id, 0, 1 << 62)
    # Another window may close between the start of the tests and this one: the stream has none of its records.
    return [window.state for window in found][: 56 + JUDGED]


def reading(store: Store) -> Run:
    with store.read() as conn:
        found = runs.latest(conn, models.get(conn, "orders").id, "read")
    assert found is not None
    return found


def until(what: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def exported(store: Store) -> str:
    with store.read() as conn:
        return "".join(measurements.export(conn, models.get(conn, "orders").id))


def alive(pid: int | None) -> bool:
    return pid is not None and psutil.pid_exists(pid)


def test_one_child_does_one_run_after_the_other(make: Make, store: Store, settings: Settings) -> None:
    supervisor = make()
    assert supervisor.work() == 0
    assert supervisor.child_pid is None  # nothing to do: no process
    close(store, settings)
    counted = telemetry.REGISTRY.get_sample_value
    read = {"kind": "read"}
    before = counted("driftglass_run_duration_seconds_count", read) or 0
    assert supervisor.work() == 1  # read, learnt, fitted
    assert counted("driftglass_run_duration_seconds_count", read) == before + 1
    assert counted("driftglass_runs_finished_total", {**read, "outcome": "done"})
    child = supervisor.child_pid
    # The windows wait for another reading; one more may have closed meanwhile.
    assert all_done(supervisor, store, settings) in range(2 * JUDGED + 1, 2 * JUDGED + 5)
    assert supervisor.child_pid == child
    assert supervisor.work() == 0
    supervisor.stop()
    assert not alive(child)
    close(store, settings)
    assert supervisor.work() == 0


@pytest.mark.parametrize(
    ("kind", "place"),
    [("sqlite", "measure.written"), ("postgresql", "judge.announced"), ("sqlite", "judge.committed")],
)
def test_a_child_killed_at_its_work_leaves_it_to_the_next_one(
    make: Make,
    store: Store,
    settings: Settings,
    new_database: Callable[..., str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
) -> None:
    monkeypatch.setenv("DRIFTGLASS_FAILPOINT", f"{place}:kill:2")
    supervisor = make()
    before = telemetry.REGISTRY.get_sample_value("driftglass_worker_crashes_total") or 0
    all_done(supervisor, store, settings)
    assert telemetry.REGISTRY.get_sample_value("driftglass_worker_crashes_total") == before + 1
    if (
        place != "judge.committed"
    ):  # the last one was done already, and what died over it is not counted against it
        with store.read() as conn:
            found = runs.counts(conn)
        assert {state for _, state in found} == {"succeeded"}
    monkeypatch.delenv("DRIFTGLASS_FAILPOINT")
    undisturbed = Settings(database_url=new_database("sqlite"))
    watch(undisturbed, tmp_path / "contract.yaml")
    other = Store(undisturbed.database_url)
    second = Supervisor(undisturbed, other, SystemClock())
    all_done(second, other, undisturbed)
    second.stop()
    assert exported(store) == exported(other)
    other.close()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_child_that_stood_still_past_its_lease_is_refused(
    make: Make, store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DRIFTGLASS_FAILPOINT", "measure.worked:stop")
    first = make(lease_seconds=3.0)
    close(store, settings)
    first.work()
    close(store, settings)
    thread = threading.Thread(target=first.work)
    thread.start()
    until(lambda: psutil.Process(first.child_pid).status() == psutil.STATUS_STOPPED)
    stopped = first.child_pid
    assert stopped is not None
    monkeypatch.delenv("DRIFTGLASS_FAILPOINT")
    time.sleep(3.1)
    all_done(make(), store, settings)
    os.kill(stopped, signal.SIGCONT)
    thread.join(30)
    assert not thread.is_alive()
    with store.read() as conn:
        assert {state for _, state in runs.counts(conn)} == {"succeeded"}
    assert not alive(stopped) or psutil.Process(stopped).status() != psutil.STATUS_STOPPED


def test_a_run_that_takes_longer_than_its_lease_is_kept_by_the_parent(
    make: Make, store: Store, settings: Settings
) -> None:
    supervisor = make(lease_seconds=2.0)
    close(store, settings)
    thread = threading.Thread(target=supervisor.work)
    thread.start()
    until(lambda: reading(store).state == "running")
    while thread.is_alive():
        assert jobs.claim(store, SystemClock(), "another", kinds=["read"]) is None
        time.sleep(0.1)
    assert (reading(store).state, reading(store).attempt) == ("succeeded", 1)


def test_a_run_that_takes_too_long_is_ended_with_its_process(
    make: Make, store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DRIFTGLASS_FAILPOINT", "read.written:stop")
    supervisor = make(run_seconds=2.0)
    close(store, settings)
    assert supervisor.work() == 1
    assert supervisor.child_pid is None
    left = reading(store)
    assert (left.state, left.crashes) == ("queued", 1)
    assert left.error == "it took longer than 2 s (DRIFTGLASS_RUN_SECONDS)"


def test_a_run_that_holds_too_much_is_dead_after_the_third_time(
    make: Make, store: Store, settings: Settings
) -> None:
    supervisor = make(worker_memory_mb=20)
    close(store, settings)

    def is_dead() -> bool:
        supervisor.work()
        return reading(store).state == "dead"

    until(is_dead)
    assert reading(store).crashes == 3
    assert "it held more than 20 MB" in (reading(store).error or "")


@pytest.mark.parametrize("limit", ["old", "big"])
def test_a_child_that_is_old_or_big_is_replaced(
    make: Make, store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    if limit == "old":
        monkeypatch.setattr(module, "RECYCLE_AFTER_RUNS", 1)
        supervisor = make()
    else:
        rss_mb = psutil.Process().memory_info().rss / 2**20
        supervisor = make(worker_memory_mb=round(max(rss_mb, 1000)))
        monkeypatch.setattr(supervisor, "_settings", settings.model_copy(update={"worker_memory_mb": 0}))
        monkeypatch.setattr(Child, "resident_mb", lambda self: -1.0)
    close(store, settings)
    assert supervisor.work() == 1
    assert supervisor.child_pid is None
    assert reading(store).state == "succeeded"


def test_a_model_that_cannot_be_read_does_not_keep_the_others_waiting(
    make: Make, store: Store, settings: Settings, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    contract = stream.contract(broken, start=START)
    text = contract.read_text("utf-8").replace("model: orders", "model: a-broken-one")
    source = f"source: {{type: sql, url: 'sqlite:///{broken}/none.db', table: gone, id: id, time: at}}"
    lines = [source if line.startswith("source:") else line for line in text.splitlines()]
    contract.write_text("\n".join(lines), "utf-8")
    watch(settings, contract)
    supervisor = make()
    all_done(supervisor, store, settings)
    with store.read() as conn:
        failed = runs.latest(conn, models.get(conn, "a-broken-one").id, "read")
    assert failed is not None
    assert failed.state == "failed"


def test_what_was_claimed_ahead_does_not_wait_for_a_run_that_takes_long(
    make: Make, store: Store, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside = tmp_path / "beside"
    beside.mkdir()
    contract = stream.contract(beside, start=START)
    contract.write_text(contract.read_text("utf-8").replace("model: orders", "model: other"), "utf-8")
    watch(settings, contract)
    monkeypatch.setenv("DRIFTGLASS_FAILPOINT", "read.written:stop")
    first = make()
    close(store, settings)
    thread = threading.Thread(target=first.work)
    thread.start()

    def other() -> Run | None:
        with store.read() as conn:
            return runs.latest(conn, models.get(conn, "other").id, "read")

    until(
        lambda: (found := other()) is not None and found.fence == 1
    )  # claimed while the child is at the first
    until(lambda: (found := other()) is not None and found.state == "queued")
    assert reading(store).state == "running"
    left = other()
    assert left is not None
    assert (left.attempt, left.crashes) == (0, 0)
    first.stop()
    thread.join()


def test_stopping_interrupts_a_run_and_gives_it_back(make: Make, store: Store, settings: Settings) -> None:
    supervisor = make()
    close(store, settings)
    thread = threading.Thread(target=supervisor.work)
    thread.start()
    until(lambda: reading(store).state == "running")
    child = supervisor.child_pid
    began = time.monotonic()
    supervisor.stop()
    thread.join()
    assert time.monotonic() - began < 5
    assert not alive(child)
    left = reading(store)
    assert (left.state, left.attempt, left.crashes) == ("queued", 0, 0)
    assert supervisor.work() == 0
    assert supervisor.child_pid is None
