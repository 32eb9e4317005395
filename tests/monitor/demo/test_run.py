"""One whole demo: what was planted is found, the pipeline is asked once, and not for broken data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from monitor.api import create_app
from monitor.clock import SimulatedClock
from monitor.demo.generate import CONTRACT, generate
from monitor.demo.run import STREAM, Outcome, prepare, watch
from monitor.demo.truth import Truth
from monitor.errors import UsageError
from monitor.store.engine import Store
from tests.conftest import missing
from tests.monitor.delivery import alertmanager
from tests.monitor.served import Client

SEED = 3  # not the demo's own
MODEL = "toxicity-demo"


@dataclass(frozen=True)
class Demo:
    """A demo that has run: what it found, the Alertmanager's alerts, and the API over its store."""

    folder: Path
    truth: Truth
    outcome: Outcome
    seen: dict[str, dict[str, Any]]  # every alert that Alertmanager held after any hour, by its fingerprint
    held: list[dict[str, Any]]  # what it held in the end
    api: Client


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    lacks = alertmanager.lacking()
    if lacks is not None:
        missing(lacks)
    folder = tmp_path_factory.mktemp("demo")
    prepare(folder)
    truth = generate(folder / STREAM, seed=SEED)
    url = f"sqlite:///{folder / 'driftglass.db'}"
    seen: dict[str, dict[str, Any]] = {}
    with alertmanager.running("http://127.0.0.1:9/nobody") as server:

        def look(stage: str, done: int, total: int | None) -> None:
            seen.update({alert["fingerprint"]: alert for alert in server.alerts()})

        outcome = watch(folder / STREAM, truth, url, look, server.url)
        held = server.alerts()
    store = Store(url)
    api = Client(create_app(store, SimulatedClock(truth.end_us)))
    yield Demo(folder, truth, outcome, seen, held, api)
    store.close()


def incident(demo: Demo, name: str) -> tuple[int, int]:
    (found,) = (one for one in demo.truth.incidents if one.name == name)
    return found.start_us, found.end_us


@pytest.mark.slow
def test_every_incident_is_found_in_time_and_little_else(demo: Demo) -> None:
    board = demo.outcome.board
    assert len(board.rows) == 7
    assert board.passed(), board


@pytest.mark.slow
def test_the_broken_text_is_named_and_shown(demo: Demo) -> None:
    start_us, end_us = incident(demo, "mojibake")
    (episode,) = (
        row
        for row in demo.outcome.episodes
        if row["family"] == "encoding" and start_us <= row["opened_us"] < end_us
    )
    detail = demo.api.get(f"/v1/alerts/{episode['id']}").json()
    assert "mojibake" in {moved["term"] for moved in detail["named"]}
    assert any(example["label"] == "mojibake" for example in detail["evidence"])


@pytest.mark.slow
def test_the_mojibake_asks_for_nothing_and_the_api_says_why(demo: Demo) -> None:
    (vetoed,) = (trigger for trigger in demo.outcome.triggers if trigger["state"] == "vetoed")
    start_us, end_us = incident(demo, "mojibake")
    assert start_us <= vetoed["window_start_us"] < end_us
    shown = demo.api.get(f"/v1/triggers/{vetoed['id']}").json()
    assert shown["state"] == "vetoed"
    assert "encoding" in shown["reason"]
    (guard,) = (guard for guard in shown["guards"] if guard["guard"] == "data_quality")
    assert not guard["passed"]
    assert vetoed["id"] not in {request.event["data"]["trigger"] for request in demo.outcome.requests}


@pytest.mark.slow
def test_one_request_reaches_the_pipeline_and_its_answer_comes_back(demo: Demo) -> None:
    (request,) = demo.outcome.requests  # its signature was checked by the `standardwebhooks` library
    assert demo.outcome.rejected == []
    (trigger,) = (trigger for trigger in demo.outcome.triggers if trigger["state"] == "running")
    assert trigger["id"] == request.event["data"]["trigger"]
    (episode,) = (row for row in demo.outcome.episodes if row["id"] == trigger["episode_id"])
    assert episode["family"] in ("vocabulary", "predictions")
    assert {row["state"] for row in demo.outcome.triggers} <= {"running", "vetoed", "proposed"}


@pytest.mark.slow
def test_alertmanager_held_each_alert_for_as_long_as_it_was_open(demo: Demo) -> None:
    announced = set()
    for episode in demo.outcome.episodes:
        told = demo.api.get(f"/v1/alerts/{episode['id']}").json()["notifications"]
        if any(one["channel"].endswith("alertmanager") for one in told):
            assert {one["state"] for one in told} == {"sent"}
            announced.add(episode["family"])
    assert len(announced) > 3
    assert {alert["labels"]["family"] for alert in demo.seen.values()} == announced
    for alert in demo.seen.values():
        assert alert["labels"]["model"] == MODEL
        assert alert["annotations"]["runbook_url"]
        assert alert["annotations"]["description"]
    still_open = {row["family"] for row in demo.outcome.episodes if row["closed_us"] is None}
    assert {alert["labels"]["family"] for alert in demo.held} <= still_open
    assert demo.outcome.notifications >= len(announced)


@pytest.mark.slow
def test_the_review_page_of_the_last_week_shows_it(demo: Demo) -> None:
    page = demo.api.get("/review/2026-W45")
    assert page.status_code == 200
    assert MODEL in page.text
    assert "mojibake" in page.text


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / STREAM).mkdir()
    mine = tmp_path / STREAM / CONTRACT
    mine.write_text("model: mine\n", "utf-8")
    with pytest.raises(UsageError, match="give another --folder"):
        prepare(tmp_path)
    assert mine.exists()
