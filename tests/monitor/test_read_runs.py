"""Readings as runs: killed, failed or beside another process, each record counts once."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor import jobs
from monitor.contract import load
from monitor.errors import DriftglassError, UsageError
from monitor.store import models, runs, windows
from tests.monitor import stream
from tests.monitor.test_pipeline import open_app, run, us


def test_a_killed_reading_is_taken_up_again_without_counting_twice(
    store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process dies after the first of two files was kept, before the run was finished."""
    rows = stream.records()
    stream.write(tmp_path / "orders1.csv", rows[:2000])
    stream.write(tmp_path / "orders2.csv", rows[2000:])
    app = open_app(store_url)

    class Killed(BaseException):
        pass

    def kill(*_: object) -> None:
        raise Killed

    monkeypatch.setattr(jobs, "finish", kill)
    with pytest.raises(Killed):
        run(app, tmp_path)
    monkeypatch.undo()
    app.store.close()

    other = open_app(store_url, now_day=17.01)
    report = run(other, tmp_path)
    assert report.records == 0  # all of it was kept; only the run was not finished
    assert report.judged == 12
    with other.store.read() as conn:
        found = windows.between(conn, models.get(conn, "orders").id, us(0), us(17))
    assert sum(window.records for window in found) == len(rows)
    assert sum(window.duplicates for window in found) == 0
    other.store.close()


def test_two_processes_count_a_record_once(store_url: str, tmp_path: Path) -> None:
    """Each knows what the other has read, though it remembers its own."""
    rows = stream.records()
    stream.write(tmp_path / "orders1.csv", rows[:-150])
    one, other = open_app(store_url), open_app(store_url)
    run(one, tmp_path)
    stream.write(tmp_path / "orders2.csv", rows[-150:-100])
    assert run(other, tmp_path).records == 50
    stream.write(tmp_path / "orders3.csv", rows[-150:])
    report = run(one, tmp_path)
    assert (report.records, report.duplicates) == (100, 50)
    one.store.close()
    other.store.close()


def test_a_failed_reading_is_told_again_and_cured_at_once(store_url: str, tmp_path: Path) -> None:
    app = open_app(store_url)
    for _ in range(2):
        with pytest.raises(DriftglassError, match=r"no usable record \(nothing\*\.csv from /.* on\)"):
            run(app, tmp_path, "nothing*.csv")
    stream.write(tmp_path / "orders.csv", stream.records())
    assert run(app, tmp_path).judged == 12
    app.store.close()


def test_somebody_else_reads_this_model(store_url: str, tmp_path: Path) -> None:
    """Neither a pass nor a reading again waits for the one that holds it."""
    stream.write(tmp_path / "orders1.csv", stream.records())
    app = open_app(store_url)
    run(app, tmp_path)
    watched = app.register(load(stream.contract(tmp_path, "orders*.csv")), author="test")
    with app.store.write() as conn:
        jobs.queue_read(conn, watched.id, us(17), app.clock.now_us())
    assert jobs.claim(app.store, app.clock, "another", kinds=["read"]) is not None
    stream.write(tmp_path / "orders2.csv", stream.records()[:10])
    assert app.one_pass(watched).duplicates == 0
    with app.store.read() as conn:
        last = runs.latest(conn, watched.id, "read")
    assert last is not None
    assert (last.owner, last.state) == ("another", "running")
    app.store.close()


def test_only_tables_are_read_again(store_url: str, tmp_path: Path) -> None:
    stream.write(tmp_path / "orders.csv", stream.records())
    app = open_app(store_url)
    watched = app.register(load(stream.contract(tmp_path, "orders.csv")), author="test")
    app.one_pass(watched)
    with pytest.raises(UsageError, match="files are read again when they change"):
        app.pipeline(watched).read_again(us(14), us(15))
    app.store.close()
