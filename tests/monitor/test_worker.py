"""The working process from inside: a line per run, and nothing begun after one that it could not do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

from monitor.app import App
from monitor.clock import SystemClock
from monitor.settings import Settings
from monitor.store.engine import Store
from monitor.store.runs import Run
from monitor.worker import do

OF_NOBODY = Run(1, 7, "read", 0, 0, "running", 1, 1, "here", 1, 0, 0, None, None)
NO_CONTRACT = "its model has no contract that this version can use"


def test_nothing_is_begun_after_a_run_that_it_could_not_do(new_database: Callable[..., str]) -> None:
    one, another = asdict(OF_NOBODY), asdict(replace(OF_NOBODY, id=2))
    told = [{"runs": [one, another]}, {"rest": True}, {"runs": [another]}]
    ended = subprocess.run(
        [sys.executable, "-m", "monitor.worker"],
        input="".join(json.dumps(message) + "\n" for message in told),
        env={**os.environ, "DRIFTGLASS_DATABASE_URL": new_database("sqlite")},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stderr  # standard input came to its end
    ready, *answers = map(json.loads, ended.stdout.splitlines())
    assert ready == {"ready": True}
    assert [answer.pop("rss_mb") > 50 for answer in answers] == [True, True]
    refused = {"ok": False, "why": "failed", "error": NO_CONTRACT, "counted": {"stale_commits_refused": 0.0}}
    assert answers == [refused, refused]


def test_a_store_that_is_away_is_no_fault_of_the_run(tmp_path: Path) -> None:
    settings = Settings(database_url=f"sqlite:///{tmp_path}/away/store.db")
    store = Store(settings.database_url)
    answer, pipeline = do(App(store, SystemClock(), settings), OF_NOBODY)
    store.close()
    assert (answer["ok"], answer["why"], pipeline) == (False, "away", None)
    assert "store.db" in answer["error"]
