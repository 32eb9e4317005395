"""The judge of the chaos run finds what was doctored, and nothing where all is well; it uses nothing of ours."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.chaos.checker import OPENED, RESOLVED, Report, check

STARTS = [3_600_000_000 * hour for hour in range(1, 6)]
REFERENCE = 2
KEYS = ("a", "b")
Doctor = Callable[[sqlite3.Connection], object]


def event(episode: int, kind: str) -> str:
    return json.dumps({"subject": "shop/quality", "type": kind, "data": {"episode": episode}})


def well(path: Path) -> None:
    """A store after five windows of ten records, two of them the reference, and one episode that came and went."""
    with closing(sqlite3.connect(path)) as store:
        store.executescript("""
            CREATE TABLE models (id, name);
            CREATE TABLE windows (model_id, start_us, revision, state, records, duplicates, quarantined);
            CREATE TABLE parts (model_id, window_start_us, records);
            CREATE TABLE runs (model_id, kind, window_start_us, revision, state, finished_us, error);
            CREATE TABLE verdicts (model_id, window_start_us, series_id, revision);
            CREATE TABLE measurements (model_id, window_start_us, series_id, revision);
            CREATE TABLE sequences (model_id, window_start_us);
            CREATE TABLE episodes (id, model_id, family, opened_us, closed_us, inhibited_by);
            CREATE TABLE episode_events (episode_id, event);
            CREATE TABLE outbox (id, key, channel, subject, type, state, body);
            INSERT INTO models VALUES (1, 'shop');
        """)
        for number, start in enumerate(STARTS):
            state = "reference" if number < REFERENCE else "judged"
            store.execute("INSERT INTO windows VALUES (1, ?, 0, ?, 10, 0, 0)", (start, state))
            store.execute("INSERT INTO parts VALUES (1, ?, 10)", (start,))
            if number < REFERENCE:
                continue
            for kind in ("measure", "judge"):
                store.execute(
                    "INSERT INTO runs VALUES (1, ?, ?, 0, 'succeeded', ?, NULL)", (kind, start, start)
                )
            for table in ("verdicts", "measurements"):
                store.executemany(f"INSERT INTO {table} VALUES (1, ?, ?, 0)", [(start, 7), (start, 8)])
            store.execute("INSERT INTO sequences VALUES (1, ?)", (start,))
        store.execute("INSERT INTO episodes VALUES (1, 1, 'quality', ?, ?, NULL)", (STARTS[2], STARTS[4]))
        store.execute("INSERT INTO episode_events VALUES (1, 'opened')")
        for number, (key, kind) in enumerate(zip(KEYS, (OPENED, RESOLVED), strict=True)):
            row = (number, key, kind, event(1, kind))
            store.execute("INSERT INTO outbox VALUES (?, ?, 'hook', 'shop/quality', ?, 'sent', ?)", row)
        store.commit()


def entry(key: str, status: int = 204, body: str | None = None) -> str:
    body = body if body is not None else event(1, OPENED if key == "a" else RESOLVED)
    return json.dumps({"id": key, "status": status, "sha256": hashlib.sha256(body.encode()).hexdigest()})


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("well") / "store.db"
    well(path)
    return path


def judged(
    template: Path,
    folder: Path,
    doctor: Doctor | None = None,
    log: tuple[str, ...] = (entry("a"), entry("b")),
) -> Report:
    path = folder / "store.db"
    shutil.copyfile(template, path)
    if doctor is not None:
        with closing(sqlite3.connect(path)) as store:
            doctor(store)
            store.commit()
    facts = {"reference_hours": REFERENCE, "written": {"shop": {str(start): 10 for start in STARTS}}}
    (folder / "facts.json").write_text(json.dumps(facts))
    (folder / "receiver.log").write_text("".join(line + "\n" for line in log))
    return check(f"sqlite:///{path}", folder / "facts.json", folder / "receiver.log")


def test_nothing_is_found_where_all_is_well(template: Path, tmp_path: Path) -> None:
    report = judged(template, tmp_path)
    assert report.lines() == []
    assert (report.windows, report.notifications, report.exactly_once) == (3, 2, 1.0)


@pytest.mark.parametrize(
    ("kind", "statement"),
    [
        ("lost", "DELETE FROM windows WHERE start_us = 14400000000"),
        ("lost", "UPDATE windows SET state = 'measured' WHERE start_us = 14400000000"),
        ("lost", "UPDATE windows SET records = 9 WHERE start_us = 3600000000"),
        ("lost", "DELETE FROM parts WHERE window_start_us = 14400000000"),
        ("lost", "DELETE FROM runs WHERE kind = 'judge' AND window_start_us = 14400000000"),
        ("lost", "UPDATE runs SET state = 'dead' WHERE kind = 'measure' AND window_start_us = 14400000000"),
        ("lost", "DELETE FROM verdicts WHERE window_start_us = 14400000000"),
        ("lost", "DELETE FROM measurements WHERE window_start_us = 14400000000"),
        ("lost", "UPDATE windows SET revision = 1 WHERE start_us = 14400000000"),
        ("lost", "DELETE FROM sequences WHERE window_start_us = 14400000000"),
        ("lost", "DELETE FROM outbox WHERE key = 'b'"),
        ("lost", "UPDATE models SET name = 'other'"),
        ("double", "UPDATE windows SET records = 20 WHERE start_us = 14400000000"),
        ("double", "INSERT INTO parts VALUES (1, 14400000000, 10)"),
        ("double", "UPDATE windows SET duplicates = 10 WHERE start_us = 14400000000"),
        ("double", "INSERT INTO windows VALUES (1, 99, 0, 'judged', 0, 0, 0)"),
        ("double", "INSERT INTO runs VALUES (1, 'judge', 14400000000, 1, 'succeeded', 99999999999, NULL)"),
        ("double", "INSERT INTO verdicts VALUES (1, 14400000000, 7, 0)"),
        ("double", "INSERT INTO episodes VALUES (2, 1, 'quality', 14400000000, NULL, 'schema')"),
        ("double", "INSERT INTO episode_events VALUES (1, 'opened')"),
        (
            "double",
            "INSERT INTO outbox SELECT 9, 'c', channel, subject, type, state, body FROM outbox WHERE key = 'a'",
        ),
        ("double", "INSERT INTO outbox SELECT * FROM outbox WHERE key = 'a'"),
        ("unfinished", "UPDATE runs SET state = 'running' WHERE kind = 'judge'"),
        ("unfinished", "INSERT INTO runs VALUES (1, 'read', 18000000000, 3, 'failed', NULL, NULL)"),
        ("delivery", "UPDATE outbox SET state = 'pending' WHERE key = 'b'"),
        ("delivery", "UPDATE outbox SET state = 'dead' WHERE key = 'b'"),
        ("delivery", "UPDATE outbox SET body = '{\"data\": {\"episode\": 1}}' WHERE key = 'a'"),
        ("delivery", "UPDATE outbox SET key = 'z' WHERE key = 'a'"),
        ("order", "UPDATE runs SET finished_us = 1 WHERE kind = 'judge' AND window_start_us = 18000000000"),
        ("order", "UPDATE outbox SET id = 5 WHERE key = 'a'"),
    ],
)
def test_what_was_doctored_is_found(template: Path, tmp_path: Path, kind: str, statement: str) -> None:
    report = judged(template, tmp_path, lambda store: store.execute(statement))
    assert report.count(kind) > 0, report.lines()


def test_a_notification_that_never_arrived_is_found(template: Path, tmp_path: Path) -> None:
    report = judged(template, tmp_path, log=(entry("a"),))
    assert any("b: never reached" in line for line in report.lines())


def test_a_request_that_the_receiver_refused_has_not_arrived(template: Path, tmp_path: Path) -> None:
    report = judged(template, tmp_path, log=(entry("a"), entry("b", 503)))
    assert any("b: never reached" in line for line in report.lines())


def test_twice_under_the_same_id_is_counted_and_no_fault(template: Path, tmp_path: Path) -> None:
    report = judged(template, tmp_path, log=(entry("a"), entry("a"), entry("b")))
    assert report.lines() == []
    assert report.exactly_once == 0.5


def test_another_body_under_the_same_id_is_found(template: Path, tmp_path: Path) -> None:
    report = judged(template, tmp_path, log=(entry("a"), entry("a", body="{}"), entry("b")))
    assert report.count("delivery") == 1


def test_the_wrong_order_is_found(template: Path, tmp_path: Path) -> None:
    assert judged(template, tmp_path, log=(entry("b"), entry("a"))).count("order") == 1
    assert judged(template, tmp_path, log=(entry("a"), entry("b"), entry("a"))).count("order") == 1


def test_what_the_outbox_does_not_know_is_found(template: Path, tmp_path: Path) -> None:
    assert judged(template, tmp_path, log=(entry("a"), entry("b"), entry("x"))).count("delivery") == 1


def test_it_uses_nothing_of_ours() -> None:
    code = "import sys, tests.chaos.checker; print(*{name.split('.')[0] for name in sys.modules})"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"monitor", "checks", "sqlalchemy"} & set(found.stdout.split())
