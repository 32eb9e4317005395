"""Tasks: asked for over the API, done under a lease by whoever holds the fence, and told of while they run."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from monitor import tasks as doing
from monitor.app import App
from monitor.clock import SimulatedClock, SystemClock
from monitor.contract import load
from monitor.errors import Conflict, LeaseLost
from monitor.settings import Settings
from monitor.store import models, tasks
from monitor.store.engine import Store
from tests.monitor import stream
from tests.monitor.served import client_of

MINUTE = 60_000_000


@pytest.fixture
def model_id(store: Store) -> int:
    with store.write() as conn:
        return models.create(conn, "m", 1).id


def queued(store: Store, model_id: int) -> tasks.Task:
    with store.write() as conn:
        return tasks.add(conn, model_id, "replay", {"window_us": 0, "series": None}, "anna", 1)


class TestRows:
    def test_a_task_is_claimed_once_and_finished_by_its_holder(self, store: Store, model_id: int) -> None:
        made = queued(store, model_id)
        with store.write() as conn:
            held = tasks.claim(conn, "one", 10, MINUTE)
            assert held is not None
            assert (held.id, held.attempt) == (made.id, 1)
            assert tasks.claim(conn, "two", 11, MINUTE) is None
            tasks.tell(conn, held, {"stage": "reading", "done": 3, "total": 9}, 12)
            tasks.finish(conn, held, {"same": True}, 13)
            over = tasks.get(conn, made.id)
        assert (over.state, over.result, over.finished_us) == ("succeeded", {"same": True}, 13)
        assert over.progress["done"] == 3

    def test_who_lost_the_lease_writes_nothing(self, store: Store, model_id: int) -> None:
        queued(store, model_id)
        with store.write() as conn:
            first = tasks.claim(conn, "one", 10, MINUTE)
            second = tasks.claim(conn, "two", 11 + MINUTE, MINUTE)
        assert first is not None
        assert second is not None
        assert (second.id, second.attempt) == (first.id, 2)
        with pytest.raises(LeaseLost), store.write() as conn:
            tasks.finish(conn, first, {}, 12 + MINUTE)
        with store.write() as conn:
            tasks.finish(conn, second, {}, 13 + MINUTE)

    def test_what_ends_its_process_again_and_again_fails(self, store: Store, model_id: int) -> None:
        made = queued(store, model_id)
        now = 10
        with store.write() as conn:
            for _ in range(tasks.MAX_ATTEMPTS):
                assert tasks.claim(conn, "dies", now, MINUTE) is not None
                now += 2 * MINUTE
            assert tasks.claim(conn, "next", now, MINUTE) is None
            assert tasks.get(conn, made.id).state == "failed"

    def test_a_cancelled_task_is_not_finished(self, store: Store, model_id: int) -> None:
        made = queued(store, model_id)
        with store.write() as conn:
            held = tasks.claim(conn, "one", 10, MINUTE)
            tasks.cancel(conn, made.id, 11)
        assert held is not None
        with pytest.raises(LeaseLost), store.write() as conn:
            tasks.tell(conn, held, {}, 12)
        with pytest.raises(Conflict), store.write() as conn:
            tasks.cancel(conn, made.id, 13)

    def test_many_that_wait_are_enough(self, store: Store, model_id: int) -> None:
        for _ in range(tasks.MAX_WAITING):
            queued(store, model_id)
        with pytest.raises(Conflict):
            queued(store, model_id)


def test_over_the_api_a_task_is_told_of_until_it_is_over(store: Store) -> None:
    from tests.monitor.seeded import seed

    seed(store)
    api = client_of(store)
    order = {"from": "2026-11-18T00:00:00Z", "to": "2026-11-19T00:00:00Z"}
    url = "/v1/models/toxicity/back-fills"
    made = api.request("POST", url, json=order, headers={"idempotency-key": "k"})
    assert made.status_code == 202
    assert made.headers["retry-after"] == "2"
    assert api.request("POST", url, json=order, headers={"idempotency-key": "k"}).content == made.content
    where = made.headers["location"]
    assert api.get(where).json()["state"] == "queued"
    assert [one["kind"] for one in api.get("/v1/models/toxicity/tasks").json()["items"]] == ["back_fill"]
    assert api.get(where.replace("toxicity", "support-intent")).status_code == 404
    assert api.request("DELETE", where).json()["state"] == "cancelled"
    assert api.request("DELETE", where).status_code == 409
    assert "retry-after" not in api.get(where).headers
    backwards = {"from": order["to"], "to": order["from"]}
    assert api.request("POST", url, json=backwards).status_code == 422
    broken = api.request("POST", "/v1/models/toxicity/dry-runs", json={"body": "model: ["})
    assert broken.json()["errors"][0]["line"] == 1


@pytest.fixture
def app(tmp_path: Path, new_database: Callable[[str], str]) -> Iterator[App]:
    """Orders in a table, learnt and judged up to their end, as `run` does it."""
    with closing(sqlite3.connect(tmp_path / "orders.db")) as table, table:
        table.execute(
            "CREATE TABLE orders "
            "(id TEXT PRIMARY KEY, at BIGINT, comment TEXT, shop TEXT, amount REAL, label TEXT, score REAL)"
        )
        rows = [
            (row["id"], int(stream.at(row).timestamp()), *(row[name] for name in stream.COLUMNS[2:]))
            for row in stream.records()
        ]
        table.executemany("INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
    path = stream.contract(tmp_path, "orders.csv")
    text = path.read_text("utf-8").replace(
        "source: {type: files, path: orders.csv,",
        f"source: {{type: sql, url: 'sqlite:///{tmp_path}/orders.db', table: orders,",
    )
    assert "type: sql" in text
    path.write_text(text, "utf-8")
    clock = SimulatedClock(int(stream.day(17).timestamp() * 1e6))
    made = App.open(Settings(database_url=new_database("sqlite")), clock)
    made.one_pass(made.register(load(path), author="test"))
    yield made
    made.store.close()


def ask(app: App, kind: tasks.Kind, **request: object) -> tasks.Task:
    with app.store.write() as conn:
        model = models.get(conn, "orders")
        made = tasks.add(conn, model.id, kind, request, "anna", app.clock.now_us())
    done = doing.work_one(app, "test")
    assert done is not None
    with app.store.read() as conn:
        return tasks.get(conn, made.id)


def test_replays_dry_runs_and_back_fills_do_what_they_say(app: App, tmp_path: Path) -> None:
    window_us = int(stream.day(16).timestamp() * 1e6)
    replayed = ask(app, "replay", window_us=window_us, series=None)
    assert replayed.state == "succeeded", replayed.error
    assert replayed.result["same"] is True
    unknown = ask(app, "replay", window_us=1, series=None)
    assert (unknown.state, unknown.result) == ("failed", None)
    assert unknown.error

    text = (tmp_path / "contract.yaml").read_text("utf-8")
    tried = ask(app, "dry_run", body=text, from_us=None, to_us=None)
    assert tried.state == "succeeded", tried.error
    assert tried.result["windows"] == 12

    late = ("late", window_us // 1_000_000, "the parcel came late", "web", 20.0, "praise", 0.1)
    with closing(sqlite3.connect(tmp_path / "orders.db")) as table, table:
        table.execute("INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?, ?)", late)
    filled = ask(app, "back_fill", from_us=window_us, to_us=window_us + 86_400_000_000)
    assert filled.state == "succeeded", filled.error
    assert filled.result == {"records": 1, "late_windows_us": [window_us], "failed": []}
    again = ask(app, "back_fill", from_us=window_us, to_us=window_us + 86_400_000_000)
    assert again.result["records"] == 0, "what is known is not counted twice"
    early = ask(app, "back_fill", from_us=0, to_us=window_us)
    assert early.state == "failed"
    assert "told apart" in str(early.error)


def test_a_child_does_what_waits_and_ends(app: App) -> None:
    with app.store.write() as conn:
        model = models.get(conn, "orders")
        window_us = int(stream.day(16).timestamp() * 1e6)
        made = tasks.add(conn, model.id, "replay", {"window_us": window_us, "series": None}, "anna", 1)
    parent = doing.Tasks(app.settings, app.store, SystemClock())
    try:
        parent.work()
        deadline = time.monotonic() + 120
        while True:
            with app.store.read() as conn:
                found = tasks.get(conn, made.id)
            if found.state not in ("queued", "running"):
                break
            assert time.monotonic() < deadline
            time.sleep(0.2)
    finally:
        parent.stop()
    assert found.state == "succeeded", found.error
