"""The whole way of what is pushed, on both databases: it counts like the same records from files, and once."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from checks.plan import Plan
from monitor.api import create_app
from monitor.app import App
from monitor.clock import SimulatedClock
from monitor.contract import Loaded, load, parse
from monitor.errors import LeaseLost, SourceError
from monitor.learning import QUIET_US, not_yet
from monitor.reading import Reader, ReadReport
from monitor.settings import Settings
from monitor.sources import open_source, wanted_columns
from monitor.sources.push import Push
from monitor.store import cursors, inbox, models, plans, quarantine, windows
from monitor.store.engine import Store
from monitor.store.inbox import Limits
from monitor.watched import Watched
from tests.monitor import stream
from tests.monitor.served import Client
from tests.monitor.test_pipeline import profiles, us

CONTRACT = """\
model: orders
timezone: UTC
source: {type: push, id: id, time: at}
columns:
  comment: {role: input, kind: text, languages: [en, es, de]}
  shop: {role: segment}
  amount: {role: feature, kind: number}
  label: {role: prediction, kind: category}
  score: {role: score, range: [0, 1]}
window: {every: 6h, lateness: 0m, horizon: 2d, sample: 200, keep: 90d}
reference: {from: 2026-06-01, to: 2026-06-14}
"""


# Without a reference nothing is judged: enough to see what is read.
UNJUDGED = CONTRACT[: CONTRACT.index("reference:")]


def open_app(url: str, text: str = CONTRACT, **settings: Any) -> tuple[App, Watched, Client]:
    clock = SimulatedClock(us(17))
    app = App(Store(url), clock, Settings(database_url=url, **settings))
    watched = app.register(Loaded(parse(text), text, Path("/nowhere")), author="test")
    return app, watched, Client(create_app(app.store, clock))


def open_small(url: str) -> tuple[App, Watched, Client, list[stream.Record]]:
    """A model that learns from the three days of records that were pushed, and judges nothing."""
    rows = stream.records(days=3)
    app, watched, client = open_app(url, UNJUDGED, inbox_records=2 * len(rows))
    push(client, rows[:-100])
    push(client, rows[-100:])
    assert app.one_pass(watched).records == len(rows)
    return app, watched, client, rows


def push(client: Client, rows: Iterable[stream.Record], size: int = 700) -> dict[str, Any]:
    """Send records in batches; the last answer."""
    lines = [json.dumps(row, ensure_ascii=False).encode("utf-8", "surrogateescape") for row in rows]
    for first in range(0, len(lines), size):
        answer = client.request(
            "POST",
            "/v1/models/orders/records",
            content=b"\n".join(lines[first : first + size]),
            headers={"content-type": "application/x-ndjson"},
        )
        assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_pushed_records_count_like_the_same_records_from_files_also_when_some_are_late(
    store_url: str, new_database: Any, tmp_path: Path
) -> None:
    rows = stream.records()
    late = [row for row in rows if stream.day(15) <= stream.at(row) < stream.day(15.25)]
    app, watched, client = open_app(store_url)
    push(client, [row for row in rows if row not in late])
    report = app.one_pass(watched)
    assert (report.records, report.duplicates, report.quarantined) == (len(rows) - len(late), 0, 0)
    assert report.judged == 3 * 4
    push(client, rows)
    report = app.one_pass(watched)
    assert (report.records, report.duplicates) == (len(late), 0)
    with app.store.read() as conn:
        (window,) = windows.between(conn, watched.id, us(15), us(15.25))
    assert (window.records, window.duplicates, window.revision) == (len(late), 0, 1)
    assert app.one_pass(watched).records == 0
    stream.write(tmp_path / "orders.csv", rows)
    files = App(Store(new_database("sqlite")), SimulatedClock(us(17.0)), Settings())
    files.one_pass(files.register(load(stream.contract(tmp_path, "orders.csv")), author="test"))
    assert profiles(app) == profiles(files)
    app.store.close()
    files.store.close()


def test_what_was_forgotten_at_the_door_is_a_duplicate_when_it_is_read(store_url: str) -> None:
    app, watched, _, rows = open_small(store_url)
    # A process that has never seen the inbox, and an inbox that is empty again: nothing is known of the ids.
    with app.store.write() as conn:
        while inbox.trim(conn, watched.id, 10**6, us(400), Limits()):
            pass
    other = Client(create_app(app.store, app.clock))
    assert push(other, rows[-10:])["accepted"] == 10
    report = app.one_pass(watched)
    assert (report.records, report.duplicates) == (0, 10)
    app.store.close()


def test_bytes_that_are_no_utf8_reach_the_checks_of_encodings(store_url: str) -> None:
    app, watched, client, rows = open_small(store_url)
    broken = [{**row, "id": f"b{row['id']}", "comment": "lleg\udcf3 tarde \udcff"} for row in rows[-30:]]
    push(client, broken)
    assert app.one_pass(watched).records == 30
    with app.store.read() as conn:
        assert quarantine.counts(conn, watched.id) == {("invalid_utf8", "comment"): 30}
    app.store.close()


def test_learning_waits_for_the_reference_to_have_come(store_url: str) -> None:
    app, watched, client = open_app(store_url)
    assert isinstance(app.clock, SimulatedClock)

    def waits() -> str | None:
        source = open_source(watched.contract, watched.base_path, app.store, watched.id)
        return not_yet(watched, source, app.clock.now_us(), Limits(records=10_000))

    assert "no record has been sent yet" in app.one_pass(watched).notes[0]
    rows = stream.records(days=15)
    reference = [row for row in rows if stream.at(row) < stream.day(14)]
    push(client, reference)
    assert "records from after the reference" in app.one_pass(watched).notes[0]
    app.clock.set(us(17) + QUIET_US + 1)
    assert waits() is None  # nothing came for an hour
    push(client, rows[len(reference) : len(reference) + 1])
    assert waits() is None  # the stream has gone past the reference
    with app.store.read() as conn:
        assert models.get(conn, "orders").plan_id is None
    app.store.close()


def test_without_a_reference_learning_waits_for_enough_records_or_a_half_full_inbox(store_url: str) -> None:
    app, watched, client = open_app(store_url, UNJUDGED)
    push(client, stream.records(days=1))
    source = open_source(watched.contract, watched.base_path, app.store, watched.id)
    assert "more records are needed" in str(not_yet(watched, source, us(17), Limits()))
    assert not_yet(watched, source, us(17), Limits(records=100)) is None
    app.store.close()


def test_what_was_read_stays_for_the_horizon_and_makes_room_when_it_is_crowded(store_url: str) -> None:
    app, watched, client = open_app(store_url)
    assert isinstance(app.clock, SimulatedClock)
    source = open_source(watched.contract, watched.base_path, app.store, watched.id)
    assert isinstance(source, Push)

    def left(read: int, before_us: int, limits: Limits) -> int:
        source.forget({"inbox": read}, before_us, limits, us(17))
        return source.waiting().records

    rows = stream.records(days=10)
    push(client, rows, size=100)
    batches = -(-len(rows) // 100)
    assert left(batches, us(17), Limits()) == len(rows)  # all came just now
    assert left(3, us(17) + 1, Limits()) == len(rows) - 300  # what is not read stays
    assert left(batches, us(17), Limits(records=1_000)) == 500 - (-len(rows) % 100)
    assert left(batches, us(17) + 1, Limits()) == 0
    assert source.waiting().bytes == 0
    app.store.close()


def test_a_reading_that_was_overtaken_keeps_nothing(store_url: str) -> None:
    app, watched, client, rows = open_small(store_url)
    with app.store.read() as conn:
        body = plans.current(conn, watched.id)
    assert body is not None
    plan = Plan.decode(body)
    more = [{**row, "id": f"m{row['id']}"} for row in rows[-200:]]
    push(client, more[:100])
    overtaken = threading.Event()

    class Halting(Push):
        """Between reading a page and keeping it, another process reads on."""

        def read(self, position: Any, known: Any) -> Any:
            for page in super().read(position, known):
                if not overtaken.is_set():
                    overtaken.set()
                    push(client, more[100:])
                    fast = Reader(app.store, app.clock, watched, plan)
                    fast.read_new(source, ReadReport(), lambda report: None)
                yield page

    source = Push(app.store, watched.id, wanted_columns(watched.contract))
    halting = Halting(app.store, watched.id, wanted_columns(watched.contract))
    with pytest.raises(LeaseLost):
        Reader(app.store, app.clock, watched, plan).read_new(halting, ReadReport(), lambda report: None)
    with app.store.read() as conn:
        found = windows.between(conn, watched.id, us(0), us(18))
        position = cursors.get(conn, watched.id)
    assert sum(window.records for window in found) == len(rows) + 200
    assert sum(window.duplicates for window in found) == 0
    assert list(source.read(position, ())) == []
    app.store.close()


def test_a_span_is_read_again_from_the_batches_around_it(store_url: str) -> None:
    rows = stream.records()
    app, watched, client = open_app(store_url)
    push(client, rows, size=300)
    source = open_source(watched.contract, watched.base_path, app.store, watched.id)
    found = [name for page in source.reread(us(5), us(6)) for name in page.table["id"].to_pylist()]
    wanted = [row["id"].encode() for row in rows if stream.day(5) <= stream.at(row) < stream.day(6)]
    assert set(wanted) <= set(found)
    assert len(wanted) < len(found) <= len(wanted) + 600
    assert source.count(us(5), us(6)) is None
    with pytest.raises(SourceError, match="its records are pushed"):
        open_source(watched.contract, watched.base_path)
    app.store.close()


def test_halves_of_inferences_that_stay_alone_are_set_aside_after_the_horizon(store_url: str) -> None:
    app, watched, client = open_app(store_url)
    headers = {
        "ce-id": "alone",
        "ce-type": "org.kubeflow.serving.inference.request",
        "content-type": "application/json",
    }
    body = b'{"instances": ["half of it"]}'
    answer = client.request("POST", "/v1/models/orders/records", content=body, headers=headers)
    assert answer.json()["accepted"] == 1
    source = Push(app.store, watched.id, wanted_columns(watched.contract))
    assert source.waiting().records == 1
    source.forget(None, us(17), Limits(), us(17))
    assert source.waiting().records == 1
    source.forget(None, us(17) + 1, Limits(), us(17))
    assert source.waiting().records == 0
    with app.store.read() as conn:
        assert quarantine.counts(conn, watched.id) == {("no_response", ""): 1}
    app.store.close()
