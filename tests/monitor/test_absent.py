"""Declared columns that the data do not have are told, and nothing else is held up by them."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import update

from monitor import jobs
from monitor.absent import columns_of_everyone
from monitor.app import App
from monitor.clock import SimulatedClock
from monitor.contract import load
from monitor.doctor import examine
from monitor.errors import UsageError
from monitor.pipeline import PassReport
from monitor.settings import Settings
from monitor.store import contracts, models
from monitor.store import tables as t
from monitor.store.engine import Store
from tests.monitor import stream

US = 1_000_000
TYPO = ("  amount:", "  amuont:")


def us(day: float) -> int:
    return int(stream.day(day).timestamp()) * US


class Simulated(App):
    clock: SimulatedClock


@pytest.fixture
def app(store_url: str) -> Iterator[Simulated]:
    opened = Simulated(Store(store_url), SimulatedClock(us(17)), Settings(database_url=store_url))
    yield opened
    opened.store.close()


def contract(folder: Path, *changes: tuple[str, str], path: str = "orders*.csv") -> Path:
    target = stream.contract(folder, path)
    text = target.read_text("utf-8")
    for old, new in changes:
        text = text.replace(old, new)
    target.write_text(text, "utf-8")
    return target


def run(app: Simulated, target: Path) -> PassReport:
    return app.one_pass(app.register(load(target), author="test"))


def about(report: PassReport) -> list[str]:
    return [note for note in report.notes if "is declared" in note]


def test_a_column_that_was_never_there_is_told_and_the_others_are_watched(
    app: Simulated, tmp_path: Path
) -> None:
    rows = stream.shifted(stream.records(), stream.day(15))
    stream.write(tmp_path / "orders.csv", rows)
    report = run(app, contract(tmp_path, TYPO))
    (note,) = about(report)
    assert note == (
        f"column amuont is declared, and none of the {len(rows):,} records read has it: nothing is measured of it; "
        "see `driftglass check-contract`"
    )
    assert report.judged == 12
    assert report.opened == 1  # the predictions, which moved
    with app.store.read() as conn:
        assert columns_of_everyone(conn) == [("orders", us(16.75), ["amuont"])]


def test_a_pass_that_reads_nothing_tells_nothing_and_the_doctor_still_does(
    app: Simulated, tmp_path: Path
) -> None:
    stream.write(tmp_path / "orders.csv", stream.records())
    target = contract(tmp_path, TYPO)
    run(app, target)
    assert about(run(app, target)) == []
    (found,) = [one for one in examine(app.settings) if "amuont" in one.what]
    assert (found.severity, found.about) == ("problem", "model orders")
    assert found.what.startswith("no record of its newest window (2026-06-17 18:00 UTC) has amuont")


def test_nothing_is_told_of_columns_that_are_there(app: Simulated, tmp_path: Path) -> None:
    stream.write(tmp_path / "orders.csv", [{**row, "amount": ""} for row in stream.records()])
    assert about(run(app, contract(tmp_path))) == []  # empty in CSV is a value that says nothing
    with app.store.read() as conn:
        assert columns_of_everyone(conn) == []


def test_a_column_that_one_of_two_files_has_is_there(app: Simulated, tmp_path: Path) -> None:
    rows = stream.records()
    stream.write(tmp_path / "orders1.csv", rows[:2000], [name for name in stream.COLUMNS if name != "amount"])
    stream.write(tmp_path / "orders2.csv", rows[2000:])
    assert about(run(app, contract(tmp_path))) == []


def test_a_column_that_goes_is_told_beside_its_alert(app: Simulated, tmp_path: Path) -> None:
    before = [row for row in stream.records() if stream.at(row) < stream.day(15)]
    after = stream.records()[len(before) :]
    stream.write(tmp_path / "orders1.csv", before)
    target = contract(tmp_path)
    app.clock.set(us(15))
    assert about(run(app, target)) == []
    stream.write(tmp_path / "orders2.csv", after, [name for name in stream.COLUMNS if name != "amount"])
    app.clock.set(us(17))
    report = run(app, target)
    (note,) = about(report)
    assert note.startswith(f"column amount is declared, and none of the {len(after):,} records read has it")
    assert report.opened == 1


def test_json_lines_are_told_of_only_if_the_reference_had_no_value_either(
    app: Simulated, tmp_path: Path
) -> None:
    rows = stream.records()

    def write(name: str, some: list[stream.Record], without: str) -> None:
        lines = ({key: value for key, value in row.items() if key != without} for row in some)
        (tmp_path / name).write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")

    write("orders1.jsonl", rows[:-40], without="")
    target = contract(tmp_path, TYPO, path="orders*.jsonl")
    (first,) = about(run(app, target))
    assert first.startswith("column amuont is declared, and none of the ")
    assert "has a value in it" in first
    # Forty records that happen to have no score are no column that is gone.
    write("orders2.jsonl", rows[-40:], without="score")
    (second,) = about(run(app, target))
    assert second.startswith("column amuont is declared, and none of the 40 records read")


def test_a_reference_file_without_the_column_is_told_as_that(app: Simulated, tmp_path: Path) -> None:
    training = stream.records(start=stream.START.replace(year=2025))
    stream.write(tmp_path / "training.csv", training, [name for name in stream.COLUMNS if name != "amount"])
    stream.write(tmp_path / "orders.csv", stream.records())
    span = "reference: {from: 2026-06-01, to: 2026-06-14}"
    report = run(app, contract(tmp_path, (span, "reference: {path: training.csv}")))
    (note,) = about(report)
    assert note.startswith("in the reference file: column amount is declared, and none of the ")


def test_a_name_that_was_corrected_after_learning_is_refused_with_the_cure(
    app: Simulated, tmp_path: Path
) -> None:
    rows = stream.records()
    stream.write(tmp_path / "orders1.csv", rows[:-100])
    run(app, contract(tmp_path, TYPO))
    stream.write(tmp_path / "orders2.csv", rows[-100:])
    with pytest.raises(UsageError, match="no longer declared: amuont; new: amount") as refused:
        run(app, contract(tmp_path))
    assert "give a new --database" in str(refused.value)
    with app.store.read() as conn:
        assert len(contracts.versions(conn, models.get(conn, "orders").id)) == 1, "it is not kept"
    assert run(app, contract(tmp_path, TYPO)).records == 100  # taken back, it goes on


def test_what_an_earlier_release_learnt_is_found_when_it_is_read_next(app: Simulated, tmp_path: Path) -> None:
    """Its plan does not say beside its body which columns it counts."""
    stream.write(tmp_path / "orders.csv", stream.records())
    run(app, contract(tmp_path, TYPO))
    with app.store.write() as conn:
        conn.execute(update(t.plans).values(columns=None))
    with pytest.raises(UsageError, match="no longer declared: amuont; new: amount"):
        run(app, contract(tmp_path))


def test_a_column_that_was_added_after_learning_is_told_and_the_others_go_on(
    app: Simulated, tmp_path: Path
) -> None:
    rows = stream.records()
    stream.write(tmp_path / "orders1.csv", rows[:-100])
    without = contract(tmp_path, ("  amount: {role: feature, kind: number}\n", ""))
    assert about(run(app, without)) == []
    stream.write(tmp_path / "orders2.csv", rows[-100:])
    report = run(app, contract(tmp_path))
    (note,) = about(report)
    assert note.startswith("column amount is declared since the model was learnt: nothing is measured of it")
    assert report.records == 100


def test_the_log_of_a_service_says_it_once(
    app: Simulated, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = stream.records()
    target = contract(tmp_path, TYPO)
    watched = app.register(load(target), author="test")
    caplog.set_level(logging.WARNING)
    for number in range(2):
        stream.write(tmp_path / f"orders{number}.csv", rows[number * 3900 : (number + 1) * 3900])
        with app.store.write() as conn:
            jobs.queue_read(conn, watched.id, number, app.clock.now_us())
        run = jobs.claim(app.store, app.clock, "w", 60, ["read"], watched.id)
        assert run is not None
        app.pipeline(watched).work(run)
    said = [record.getMessage() for record in caplog.records if "amuont" in record.getMessage()]
    assert len(said) == 1
    assert said[0].startswith("orders: column amuont is declared")
