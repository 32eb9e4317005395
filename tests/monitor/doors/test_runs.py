"""`driftglass runs`, on the store of both databases."""

from __future__ import annotations

import json

import pytest

from monitor import jobs
from monitor.cli import main
from monitor.clock import SimulatedClock
from monitor.store import models, runs
from monitor.store.engine import Store

HOUR = 3_600_000_000


def command(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out, err


@pytest.fixture
def dead(store: Store) -> int:
    """A store with a window whose measuring was given up; the number of that run."""
    clock = SimulatedClock(HOUR)
    with store.write() as conn:
        model_id = models.create(conn, "toxicity", 0).id
        jobs.materialise(conn, model_id, [(0, HOUR)], HOUR, read=False)
    for _ in range(jobs.MAX_CRASHES):
        run = jobs.claim(store, clock, "w", kinds=["measure"])
        assert run is not None
        with store.write() as conn:
            jobs.crash(conn, run, "the working process ended with -9", clock.now_us())
        clock.advance(10)
    return run.id


def test_what_was_given_up_is_listed(store_url: str, dead: int, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = command(capsys, "runs", "list", "--database", store_url, "--json")
    (row,) = json.loads(out)
    assert code == 0
    assert (row["id"], row["model"], row["kind"], row["window"]) == (
        dead,
        "toxicity",
        "measure",
        "1970-01-01T00:00Z",
    )
    assert (row["crashes"], "ended with -9" in row["error"]) == (3, True)
    table = command(capsys, "runs", "list", "--database", store_url)[1]
    assert str(dead) in table
    assert "the working process ended with -9" in table, "in a pipe no cell is cut short"
    assert "no failed runs" in command(capsys, "runs", "list", "--state", "failed", "-d", store_url)[2]


def test_a_dead_run_is_queued_again(
    store: Store, store_url: str, dead: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(capsys, "runs", "requeue", str(dead), "--database", store_url)[0] == 0
    with store.read() as conn:
        again = runs.latest(conn, 1, "measure", 0)
    assert again is not None
    assert (again.state, again.revision) == ("queued", 1)
    code, _, err = command(capsys, "runs", "requeue", str(dead), "--database", store_url)
    assert (code, f"run {dead} is superseded" in err) == (2, True)
    assert command(capsys, "runs", "requeue", "--all", "--database", store_url)[0] == 0


def test_what_to_queue_again_has_to_be_said(store_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = command(capsys, "runs", "requeue", "--database", store_url)
    assert (code, "name the runs, or write --all" in err) == (2, True)
    code, _, err = command(capsys, "runs", "requeue", "77", "--database", store_url)
    assert (code, "there is no run 77" in err) == (2, True)
