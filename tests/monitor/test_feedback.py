"""What people say of alerts moves what is normal, and can be taken back."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from monitor import feedback
from monitor.app import App
from monitor.cli import main
from monitor.clock import SimulatedClock
from monitor.errors import Conflict, UsageError
from monitor.replay import replay
from monitor.store import alerts, audit, baselines, listing, models, tables
from tests.monitor import stream
from tests.monitor.test_pipeline import open_app, run, us


def episodes(app: App) -> list[Any]:
    with app.store.read() as conn:
        return sorted(listing.episodes(conn, limit=50).rows, key=lambda row: row["id"])


def say(app: App, episode: int, verdict: str) -> None:
    with app.store.write() as conn:
        if verdict == "undo":
            feedback.undo(conn, episode, "ada", 1)
        else:
            feedback.give(conn, episode, verdict, "a new form", "ada", 1)  # type: ignore[arg-type]


def until(app: App, folder: Path, rows: list[stream.Record], day: float) -> None:
    """A pass at `day`, over what had come by then."""
    assert isinstance(app.clock, SimulatedClock)
    app.clock.set(us(day))
    known = sum(1 for _ in folder.glob("orders*.csv"))
    seen = us(float((folder / "seen").read_text())) if known else 0
    stream.write(
        folder / f"orders{known}.csv",
        [row for row in rows if seen <= stream.at(row).timestamp() * 1e6 < us(day)],
    )
    (folder / "seen").write_text(str(day))
    run(app, folder)


def baseline(app: App) -> baselines.Saved:
    with app.store.read() as conn:
        found = baselines.current(conn, models.get(conn, "orders").id)
    assert found is not None
    return found


def statuses(app: App, day: float, column: str) -> set[str]:
    with app.store.read() as conn:
        model = models.get(conn, "orders").id
        page = listing.measurements(conn, model, from_us=us(day), to_us=us(day + 0.25), column=column)
    return {row["status"] for row in page.rows}


def reasons(app: App) -> list[str]:
    with app.store.read() as conn:
        fitted = select(tables.audit).where(tables.audit.c.action == "baseline.fitted")
        rows = conn.execute(fitted.order_by(tables.audit.c.seq)).all()
        assert audit.verify(conn).problem is None
    return [json.loads(row.payload)["reason"] for row in rows]


def test_an_expected_change_is_quiet_at_once_and_told_again_when_taken_back(
    store_url: str, tmp_path: Path
) -> None:
    rows = stream.shifted(stream.records(days=20), stream.day(15))
    app = open_app(store_url)
    until(app, tmp_path, rows, 17.0)
    (first,) = episodes(app)
    assert (first["family"], first["state"]) == ("predictions", "firing")
    say(app, first["id"], "expected")
    with pytest.raises(Conflict, match="marked expected by ada"):
        say(app, first["id"], "false-alarm")
    (closed,) = episodes(app)
    assert (closed["state"], closed["close_reason"]) == ("resolved", "feedback: expected")

    until(app, tmp_path, rows, 18.5)
    assert len(episodes(app)) == 1
    assert statuses(app, 18, "label") >= {"learning"}
    assert "learning" not in statuses(app, 18, "score")  # of the same family
    assert replay(app.store, "orders", us(18)).same

    say(app, first["id"], "undo")
    with pytest.raises(UsageError, match="nothing to undo"):
        say(app, first["id"], "undo")
    until(app, tmp_path, rows, 20.0)
    (again,) = episodes(app)
    assert (again["id"], again["state"], again["close_reason"]) == (first["id"], "firing", None)
    assert again["last_us"] >= us(19.5), "the same episode goes on, and still breaches"
    assert all(replay(app.store, "orders", us(18.5 + n / 4)).same for n in range(4))
    assert replay(app.store, "orders", us(18)).same, "also what was judged while it was expected"
    with app.store.read() as conn:
        told = [event.event for event in alerts.events(conn, first["id"])]
    assert [one for one in told if one in ("closed", "reopened") or "feedback" in one] == [
        "feedback",
        "closed",
        "feedback undone",
        "reopened",
    ]
    app.store.close()


def test_after_two_weeks_an_expected_change_is_what_is_normal(
    new_database: Callable[..., str], tmp_path: Path
) -> None:
    rows = stream.shifted(stream.records(days=31), stream.day(15))
    app = open_app(new_database("sqlite"))
    until(app, tmp_path, rows, 17.0)
    before = baseline(app)
    (first,) = episodes(app)
    say(app, first["id"], "expected")
    until(app, tmp_path, rows, 31.0)
    after = baseline(app)
    assert after.reference["from_us"] == first["since_us"]
    assert after.reference["to_us"] - after.reference["from_us"] >= 14 * 86_400_000_000
    assert len(episodes(app)) == 1
    assert "learning" not in statuses(app, 30.5, "label")
    assert replay(app.store, "orders", us(30.75)).same
    assert replay(app.store, "orders", us(16.0)).same  # what the first baseline judged
    assert reasons(app)[0] == "the reference closed"
    assert "a person said" in reasons(app)[1]
    assert before.id != after.id
    app.store.close()


def command(app: App, *arguments: object) -> int:
    """`driftglass feedback …`, as a person writes it; its exit code."""
    with pytest.raises(SystemExit) as ended:
        main(["feedback", *map(str, arguments), "-d", app.settings.database_url])
    return int(ended.value.code or 0)


def test_the_windows_of_a_false_alarm_join_the_reference_until_that_is_taken_back(
    new_database: Callable[..., str], tmp_path: Path
) -> None:
    rows = stream.records(days=20)
    back = {row["id"]: row for row in rows if stream.at(row) >= stream.day(16)}
    rows = [back.get(row["id"], row) for row in stream.shifted(rows, stream.day(15))]
    app = open_app(new_database("sqlite"))
    until(app, tmp_path, rows, 16.5)
    before = baseline(app)
    (first,) = episodes(app)
    assert command(app, first["id"], "false-alarm", "--note", "a promotion", "--by", "ada") == 0
    assert command(app, first["id"], "wrong") == 2
    until(app, tmp_path, rows, 16.75)
    marked = baseline(app)
    (first,) = episodes(app)
    windows = (first["last_us"] - first["since_us"]) // (6 * 3_600_000_000) + 1
    assert before.reference["windows"] == 56
    assert marked.reference["windows"] == 56 + windows
    assert replay(app.store, "orders", us(16.5)).same
    assert command(app, first["id"], "undo", "--by", "bob") == 0
    assert command(app, first["id"], "undo") == 2
    until(app, tmp_path, rows, 17.0)
    assert baseline(app).id == before.id  # the same windows give the same bytes
    assert replay(app.store, "orders", us(16.75)).same
    app.store.close()
