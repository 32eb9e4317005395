"""`driftglass unlike`: windows that as a whole are unlike the reference, with the alerts of their time."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from monitor.app import App
from monitor.cli import main
from monitor.clock import SimulatedClock
from monitor.contract import load
from monitor.settings import Settings
from monitor.store.engine import Store
from tests.monitor import stream

Told = Callable[..., str]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The store of a stream whose predictions move from day 15 on."""
    folder = tmp_path_factory.mktemp("unlike")
    stream.write(folder / "orders.csv", stream.shifted(stream.records(), stream.day(15)))
    url = f"sqlite:///{folder / 'store.db'}"
    now_us = int(stream.day(17).timestamp()) * 1_000_000
    store = Store(url)
    store.upgrade()
    app = App(store, SimulatedClock(now_us), Settings(database_url=url))
    app.one_pass(app.register(load(stream.contract(folder)), author="test"))
    app.store.close()
    return url


@pytest.fixture
def unlike(url: str, capsys: pytest.CaptureFixture[str]) -> Told:
    def run(*arguments: str, database: str = url) -> str:
        with pytest.raises(SystemExit) as ended:
            main(["unlike", "-d", database, *arguments])
        assert not ended.value.code
        return capsys.readouterr().out

    return run


def test_windows_that_moved_are_shown_newest_first_with_the_alert_that_covers_them(unlike: Told) -> None:
    rows: list[dict[str, Any]] = json.loads(unlike("--json"))
    windows = [row["window"] for row in rows]
    assert windows == sorted(windows, reverse=True)
    moved = [row for row in rows if row["window"] >= "2026-06-16"]
    assert moved
    assert all(any("label" in series for series in row["series"]) for row in moved)
    assert any(row["alerts"] for row in moved)
    assert all(0 < row["share"] <= 0.05 for row in rows)


def test_a_person_reads_which_series_keep_a_window_apart(unlike: Told) -> None:
    told = unlike("--limit", "1")
    assert "what keeps it there" in told
    assert "orders" in told


def test_without_a_model_there_is_nothing_to_show(unlike: Told, tmp_path: Path) -> None:
    assert json.loads(unlike("--json", database=f"sqlite:///{tmp_path / 'none.db'}")) == []
