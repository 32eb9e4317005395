"""What a pipeline may report, and how often."""

from __future__ import annotations

import httpx
import pytest

from monitor.store.engine import Store
from tests.monitor.seeded import seed
from tests.monitor.served import Client, client_of


@pytest.fixture
def fresh(store: Store) -> Client:
    seed(store)
    return client_of(store)


def report(
    client: Client, state: str, token: str = "one-time", trigger: str = "trg-1", **more: object
) -> httpx.Response:
    headers = {"authorization": f"Bearer {token}"}
    return client.request(
        "POST", f"/v1/triggers/{trigger}/callbacks", json={"state": state, **more}, headers=headers
    )


def test_reports_move_the_trigger_and_are_kept(fresh: Client) -> None:
    assert report(fresh, "accepted", run_id="dag-7").json() == {"id": "trg-1", "state": "accepted"}
    assert report(fresh, "succeeded", detail={"auc": 0.91, "champion": False}).json()["state"] == "succeeded"
    trigger = fresh.get("/v1/triggers/trg-1").json()
    assert trigger["external_run_id"] == "dag-7"
    assert [event["to_state"] for event in trigger["events"]] == ["requested", "accepted", "succeeded"]
    assert trigger["events"][-1]["detail"]["auc"] == 0.91


def test_the_same_report_twice_changes_nothing(fresh: Client) -> None:
    first, second = report(fresh, "running"), report(fresh, "running")
    assert first.json() == second.json()
    assert len(fresh.get("/v1/triggers/trg-1").json()["events"]) == 2


def test_a_late_report_is_only_noted(fresh: Client) -> None:
    report(fresh, "running")
    assert report(fresh, "accepted").json()["state"] == "running"


def test_a_report_that_contradicts_the_end_is_a_conflict(fresh: Client) -> None:
    report(fresh, "succeeded")
    answer = report(fresh, "failed")
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_wrong_token_and_an_unknown_trigger_look_the_same(fresh: Client) -> None:
    wrong, unknown = report(fresh, "accepted", token="guess"), report(fresh, "accepted", trigger="none")
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.text == unknown.text
    assert wrong.headers["www-authenticate"] == "Bearer"
    body = {"state": "accepted"}
    assert fresh.request("POST", "/v1/triggers/trg-1/callbacks", json=body).status_code == 401
    assert report(fresh, "accepted", trigger="trg-vetoed").status_code == 401
    assert fresh.get("/v1/triggers/trg-1").json()["state"] == "dispatched"
