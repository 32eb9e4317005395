"""What the runbooks tell people to type exists, and their cures cure."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from pathlib import Path

import pytest
from sqlalchemy import insert, update
from typer.testing import CliRunner

from monitor.app import App
from monitor.cli import app as command_line
from monitor.clock import SystemClock
from monitor.contract import load
from monitor.settings import Settings
from monitor.store import measurements, models, outbox, runs, windows
from monitor.store import tables as t
from monitor.store.engine import Store
from monitor.store.run_states import Kind
from tests.monitor import stream

RUNBOOKS = Path(__file__).resolve().parents[2] / "deploy" / "runbooks"
NOW_US = 1_760_000_000_000_000


def us(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000


def cure(name: str, url: str) -> str:
    """Run the Python of a runbook as somebody would who pastes it; what it prints."""
    (code,) = re.findall(r"```python\n(.*?)```", (RUNBOOKS / f"{name}.md").read_text("utf-8"), re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "DRIFTGLASS_DATABASE_URL": url},
        cwd=RUNBOOKS.parents[1],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_dead_messages_are_sent_again(store: Store, store_url: str) -> None:
    with store.write() as conn:
        model = models.create(conn, "orders", NOW_US).id
        for key, state in (("a", "dead"), ("b", "sent"), ("c", "dead")):
            row = {
                "key": key,
                "model_id": model,
                "channel": "oncall",
                "type": "t",
                "subject": f"orders/{key}",
            }
            row |= {"body": "{}", "state": state, "next_us": NOW_US, "created_us": NOW_US, "attempt": 520}
            conn.execute(insert(t.outbox).values(row))
    assert len(cure("DriftglassMessagesDead", store_url).splitlines()) == 2
    with store.read() as conn:
        found = {message.key: (message.state, message.attempt) for message in outbox.list_messages(conn)}
    assert found == {"a": ("pending", 0), "b": ("sent", 520), "c": ("pending", 0)}


def test_dead_runs_are_done_again_and_leave_the_same_bytes(store_url: str, tmp_path: Path) -> None:
    start, days = stream.recent(datetime.now(UTC))
    end_us = us(start + timedelta(days=days))
    stream.write(tmp_path / "orders.csv", stream.records(days, start=start))
    app = App(Store(store_url), SystemClock(), Settings(database_url=store_url))
    watched = app.register(load(stream.contract(tmp_path, start=start)), author="test")
    judged = app.one_pass(watched, until_us=end_us).judged
    assert judged >= 12

    def exported() -> list[list[str]]:
        """What was measured and judged, whichever revision it stands in."""
        with app.store.read() as conn:
            rows = list(csv.DictReader("".join(measurements.export(conn, watched.id)).splitlines()))
        return [[value for name, value in row.items() if name != "revision"] for row in rows]

    before = exported()
    kinds: tuple[tuple[Kind, windows.State, int], ...] = (
        ("judge", "measured", 14),
        ("measure", "error", 15),
    )
    with app.store.write() as conn:
        for kind, state, day in kinds:
            start_us = us(start + timedelta(days=day))
            run = runs.latest(conn, watched.id, kind, start_us)
            assert run is not None
            conn.execute(update(t.runs).where(t.runs.c.id == run.id).values(state="dead", error="a bug"))
            windows.mark(conn, watched.id, [start_us], state, end_us)
    cure("DriftglassRunsDead", store_url)
    assert app.one_pass(watched, until_us=end_us).judged == judged
    with app.store.read() as conn:
        left = {state for _, state in runs.counts(conn, watched.id)}
        found = windows.between(conn, watched.id, us(start + timedelta(days=14)), end_us)
    assert left == {"succeeded", "superseded"}
    assert [window.state for window in found] == ["judged"] * judged
    assert exported() == before
    app.store.close()


@pytest.mark.parametrize("path", sorted(RUNBOOKS.glob("*.md")), ids=lambda path: path.stem)
def test_the_commands_exist(path: Path) -> None:
    """`driftglass status`, `driftglass db upgrade`, `driftglass run --contract FILE`: each with its options."""
    named = re.findall(r"`driftglass ([^`]+)`|`run driftglass ([^`]+) first`", path.read_text("utf-8"))
    assert named or path.stem in {"DriftglassLeasesLost"}
    for command in (one or other for one, other in named):
        words = [*takewhile(re.compile("[a-z][a-z-]*$").match, command.split())]
        helped = CliRunner().invoke(command_line, [*words, "--help"])
        assert helped.exit_code == 0, command
        assert all(option in helped.stdout for option in command.split() if option.startswith("--")), command
