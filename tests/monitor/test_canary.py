"""Our own model with a known drift: found every day, by the way that all records take, or no heartbeat goes out."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from monitor import canary
from monitor.api.metrics import State
from monitor.app import App
from monitor.canary import DAY_US, HOUR_US, look
from monitor.clock import SimulatedClock
from monitor.heartbeat import EVERY_US, Heartbeat
from monitor.settings import Settings
from monitor.store import listing
from monitor.store import tables as t
from monitor.store.models import CANARY

NOW = int(datetime(2026, 11, 20, 11, 20, tzinfo=UTC).timestamp()) * 1_000_000


@pytest.fixture(scope="module")
def sung(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store in which the canary has begun, and all was judged and sent."""
    path = tmp_path_factory.mktemp("canary") / "store.db"
    app = App.open(Settings(database_url=f"sqlite:///{path}"), SimulatedClock(NOW))
    app.sing()
    work(app)
    app.store.close()
    return path


def work(app: App) -> None:
    """What the ticks of a service do."""
    for watched in app.watched():
        app.one_pass(watched)
    app.deliver()


class Receiver(HTTPServer):
    """Where heartbeats go; counts them."""

    calls = 0
    status = 200

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert isinstance(self.server, Receiver)
            self.server.calls += 1
            self.send_response(self.server.status)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing on standard error."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), self.Handler)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def app(sung: Path, tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    """A copy of it, with a heartbeat."""
    shutil.copyfile(sung, tmp_path / "store.db")
    monkeypatch.setenv("PING", f"http://127.0.0.1:{receiver.server_port}/secret-id")
    settings = Settings(
        database_url=f"sqlite:///{tmp_path}/store.db",
        heartbeat_url="env:PING",
        allowed_addresses=("127.0.0.0/8",),
    )
    opened = App.open(settings, SimulatedClock(NOW))
    yield opened
    opened.store.close()


def clock_of(app: App) -> SimulatedClock:
    assert isinstance(app.clock, SimulatedClock)
    return app.clock


def beating(app: App) -> Heartbeat:
    made = app.heartbeat()
    assert made is not None
    return made


def test_its_drift_is_found_from_the_first_day_on(app: App) -> None:
    with app.store.read() as conn:
        assert look(conn, NOW).state == "fired"
        e = t.episodes
        rows = conn.execute(select(e.c.opened_us).where(e.c.family == "language").order_by(e.c.opened_us))
        opened = [datetime.fromtimestamp(us / 1e6, UTC) for us in rows.scalars()]
        assert conn.execute(select(e.c.id).where(e.c.closed_us.is_(None))).all() == []
    assert [one.day for one in opened] == [18, 19, 20]
    assert all(canary.DRIFT_HOUR <= one.hour < canary.DRIFT_HOUR + canary.DRIFT_HOURS for one in opened)


def test_the_heartbeat_goes_out_while_it_is_found(app: App, receiver: Receiver) -> None:
    heartbeat = beating(app)
    assert heartbeat.tick() == []
    assert heartbeat.tick() is None  # once in five minutes, of all processes
    assert beating(app).tick() is None
    clock_of(app).set(NOW + EVERY_US)
    assert heartbeat.tick() == []
    assert receiver.calls == 2


def test_without_judging_no_heartbeat_goes_out_until_it_is_back(app: App, receiver: Receiver) -> None:
    clock_of(app).set(NOW + DAY_US)
    app.sing()  # the records come, and nobody judges them
    heartbeat = beating(app)
    (why,) = heartbeat.tick() or []
    assert why == "the canary: the drift of 2026-11-21 04:00 UTC was not found: no alert opened"
    assert receiver.calls == 0
    work(app)
    clock_of(app).set(NOW + DAY_US + EVERY_US)
    assert heartbeat.tick() == []
    assert receiver.calls == 1


def test_an_alert_that_does_not_leave_is_not_found(app: App, receiver: Receiver) -> None:
    with app.store.write() as conn:
        conn.execute(t.outbox.update().values(state="dead"))
    assert beating(app).tick() == [
        "the canary: the drift of 2026-11-20 04:00 UTC was not found: its alert did not leave the outbox"
    ]
    assert receiver.calls == 0


def test_work_that_waits_holds_it_back(app: App, receiver: Receiver) -> None:
    with app.store.write() as conn:
        model_id = conn.execute(select(t.models.c.id)).scalar_one()
        late_us = NOW - 2 * HOUR_US
        key = {"model_id": model_id, "window_start_us": 1, "revision": 0}
        conn.execute(insert(t.runs).values(**key, kind="judge", state="queued", available_us=late_us))
        message = {
            "channel": "c",
            "type": "t",
            "subject": "s",
            "body": "{}",
            "state": "pending",
            "next_us": NOW,
        }
        conn.execute(insert(t.outbox).values(key="k", model_id=model_id, created_us=late_us, **message))
    assert beating(app).tick() == ["a run has waited for 120 minutes", "a message has waited for 120 minutes"]
    assert receiver.calls == 0


def test_a_receiver_that_is_away_is_told_without_its_address(app: App, receiver: Receiver) -> None:
    receiver.status = 500
    (why,) = beating(app).tick() or []
    assert why.startswith("its receiver did not take it")
    assert "secret-id" not in why


def test_hours_are_sent_once_whoever_sends_them(app: App) -> None:
    assert app.sing() == 0
    clock_of(app).set(NOW + 3 * HOUR_US)
    assert app.sing() == 3
    assert app.sing() == 0


def test_lists_and_metrics_leave_it_out(app: App) -> None:
    with app.store.read() as conn:
        assert listing.models(conn) == []
        assert listing.episodes(conn).rows == ()
        assert [row["name"] for row in listing.models(conn, CANARY)] == [CANARY]
    found = {metric.name: metric.samples for metric in State(app.store, app.clock).collect()}
    assert [one.value for one in found["driftglass_canary_ok"]] == [1]
    for name in ("models", "alerts", "measurement_value", "window_lag_seconds"):
        assert found[f"driftglass_{name}"] == [], name


def test_it_is_there_only_where_it_is_wished_for() -> None:
    assert not Settings().has_canary
    assert Settings(canary=True).has_canary
    assert Settings(heartbeat_url="env:X").has_canary
    assert not Settings(heartbeat_url="env:X", canary=False).has_canary
