"""A watch that stands still says so, and only once."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.alerts.episodes import record
from monitor.app import App
from monitor.contract import load
from monitor.settings import Settings
from monitor.store import alerts, windows
from tests.monitor.alerting import HOUR, SetClock, breach, calm
from tests.monitor.alerts.test_rules import BEFORE


def judged(app: App, model_id: int, hour: int, at_us: int | None = None) -> None:
    """The window that starts at `hour` was judged, then or at another time."""
    with app.store.write() as conn:
        windows.upsert(conn, model_id, [windows.Counts(hour * HOUR, (hour + 1) * HOUR)])
        windows.mark(conn, model_id, [hour * HOUR], "judged", hour * HOUR if at_us is None else at_us)


@pytest.fixture
def app(store_url: str, tmp_path: Path) -> App:
    (tmp_path / "contract.yaml").write_text(BEFORE)
    opened = App.open(Settings(database_url=store_url), SetClock())
    opened.register(load(tmp_path / "contract.yaml"), author="ada")
    return opened


def test_windows_that_are_not_judged_are_a_health_alert_and_no_drift(app: App) -> None:
    clock = app.clock
    assert isinstance(clock, SetClock)
    clock.us = 1_000 * HOUR
    assert app.look_for_stale() == [], "nothing was judged yet: it is learning"
    judged(app, 1, 998)
    with app.store.write() as conn:
        record(conn, 1, 998 * HOUR, HOUR, [breach("language", 998 * HOUR)], clock.us)
    assert app.look_for_stale() == []
    clock.us = 1_004 * HOUR
    assert app.look_for_stale() == ["toxicity"]
    assert app.look_for_stale() == ["toxicity"]
    with app.store.read() as conn:
        found = {episode.family: episode.severity for episode in alerts.open_of(conn, 1)}
        states = alerts.states(conn, 1)
    assert found == {"language": "ticket", "health": "ticket"}
    assert (states["language"].state, states["language"].health) == ("firing", "stale")
    for hour in (999, 1_000):
        judged(app, 1, hour)
        with app.store.write() as conn:
            record(conn, 1, hour * HOUR, HOUR, [calm("language")], clock.us)
    with app.store.read() as conn:
        assert {episode.family for episode in alerts.open_of(conn, 1)} == {"language"}
        assert alerts.states(conn, 1)["language"].health == "fresh"
    app.store.close()


def test_while_windows_are_caught_up_somebody_looks(app: App) -> None:
    clock = app.clock
    assert isinstance(clock, SetClock)
    clock.us = 1_050 * HOUR
    for hour in (998, 999):
        judged(app, 1, hour, at_us=clock.us - HOUR + 1)
        assert app.look_for_stale() == [], "old as the window is, it was judged just now"
    clock.us += HOUR
    assert app.look_for_stale() == ["toxicity"], "for an hour nothing has moved"
    app.store.close()


def test_history_that_is_judged_for_once_is_no_watch_that_stands_still(app: App) -> None:
    clock = app.clock
    assert isinstance(clock, SetClock)
    clock.us = 9_000 * HOUR
    judged(app, 1, 998)
    with app.store.write() as conn:
        windows.upsert(conn, 1, [windows.Counts(998 * HOUR, 999 * HOUR, records=5)])
    assert app.look_for_stale() == []
    with app.store.read() as conn:
        assert alerts.open_of(conn, 1) == []
    clock.us = 1_010 * HOUR
    assert app.look_for_stale() == ["toxicity"], "half a day ago it was followed"
    app.store.close()


def test_nothing_to_tell_costs_nothing_and_says_nothing(app: App) -> None:
    assert app.settle() == 0
    app.store.close()
