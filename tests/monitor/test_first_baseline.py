"""When the first baseline is fitted, and to what."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor import jobs
from monitor.contract import load
from monitor.store import models, windows
from tests.monitor import stream
from tests.monitor.test_pipeline import families, open_app, us


def test_a_training_file_is_the_reference(store_url: str, tmp_path: Path) -> None:
    """Days lie between it and the stream: nobody was to watch them."""
    rows = stream.records()
    stream.write(tmp_path / "train.csv", [row for row in rows if stream.at(row) < stream.day(10)])
    stream.write(tmp_path / "orders.csv", [row for row in rows if stream.at(row) >= stream.day(14)])
    path = stream.contract(tmp_path)
    path.write_text(path.read_text().replace("{from: 2026-06-01, to: 2026-06-14}", "{path: train.csv}"))
    app = open_app(store_url)
    report = app.one_pass(app.register(load(path), author="test"))
    assert (report.records, report.judged) == (
        len(rows) - len([r for r in rows if stream.day(10) <= stream.at(r) < stream.day(14)]),
        12,
    )
    assert families(app) == set()
    with app.store.read() as conn:
        found = windows.between(conn, models.get(conn, "orders").id, us(0), us(17))
    assert [window.state for window in found] == ["reference"] * 40 + ["judged"] * 12
    app.store.close()


def test_a_training_file_is_the_reference_after_a_kill_too(
    store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = stream.records()
    stream.write(tmp_path / "train.csv", [row for row in rows if stream.at(row) < stream.day(10)])
    stream.write(tmp_path / "orders.csv", [row for row in rows if stream.at(row) >= stream.day(14)])
    path = stream.contract(tmp_path)
    path.write_text(path.read_text().replace("{from: 2026-06-01, to: 2026-06-14}", "{path: train.csv}"))
    app = open_app(store_url)

    class Killed(BaseException):
        pass

    def kill(*_: object) -> None:
        raise Killed

    monkeypatch.setattr(jobs, "finish", kill)
    with pytest.raises(Killed):
        app.one_pass(app.register(load(path), author="test"))
    monkeypatch.undo()
    app.store.close()
    other = open_app(store_url, now_day=17.01)
    assert other.one_pass(other.register(load(path), author="test")).judged == 12
    with other.store.read() as conn:
        found = windows.between(conn, models.get(conn, "orders").id, us(0), us(17))
    assert [window.state for window in found] == ["reference"] * 40 + ["judged"] * 12
    other.store.close()


def test_a_span_of_time_is_fitted_once_its_last_window_has_closed(store_url: str, tmp_path: Path) -> None:
    """Its end is day 14; the contract waits for late records after it."""
    stream.write(tmp_path / "orders.csv", stream.records())
    app = open_app(store_url)
    watched = app.register(load(stream.contract(tmp_path, "orders.csv")), author="test")
    end_us = us(14) + watched.contract.window.lateness_us
    assert "learning: windows are judged" in app.one_pass(watched, until_us=end_us - 1).notes[-1]
    assert app.one_pass(watched, until_us=end_us).notes == ()
    assert app.pipeline(watched).judge_reference().windows == 56
    app.store.close()
