"""Acting on alerts and silences over the API."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from monitor.alerts.episodes import close, record
from monitor.api import create_app
from monitor.store import alerts, keys
from monitor.store.engine import Store
from tests.monitor.alerting import HOUR, SetClock, add_model, breach
from tests.monitor.served import Client

NOW = "1970-02-11T16:00:00Z"  # 1,000 hours
LATER = "1970-02-12T00:00:00Z"


class Acting(Client):
    """A client that writes."""

    def put(self, url: str, **options: Any) -> httpx.Response:
        return self.request("PUT", url, **options)

    def post(self, url: str, **options: Any) -> httpx.Response:
        return self.request("POST", url, **options)

    def patch(self, url: str, **options: Any) -> httpx.Response:
        return self.request("PATCH", url, **options)

    def delete(self, url: str, **options: Any) -> httpx.Response:
        return self.request("DELETE", url, **options)


@pytest.fixture
def client(store: Store) -> Acting:
    add_model(store)
    with store.write() as conn:
        record(conn, 1, 999 * HOUR, HOUR, [breach("encoding", 999 * HOUR)], 1_000 * HOUR)
    return Acting(create_app(store, SetClock()))


def standing(client: Acting) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/v1/alerts/1/standing").json()
    return found


def events(client: Acting) -> list[str]:
    return [event["event"] for event in client.get("/v1/alerts/1").json()["events"]]


def test_an_acknowledgement_is_put_and_taken_back(client: Acting) -> None:
    order = {"until": LATER, "note": "on it"}
    first = client.put("/v1/alerts/1/acknowledgement", json=order)
    assert first.status_code == 200
    wanted = {"by": "local", "note": "on it", "severity": "page", "until": LATER}
    assert first.json()["acknowledged"] == wanted
    assert client.put("/v1/alerts/1/acknowledgement", json=order).headers["etag"] == first.headers["etag"]
    assert events(client) == ["opened", "acknowledged"], "the same again writes nothing"
    for _ in range(2):
        assert client.delete("/v1/alerts/1/acknowledgement").status_code == 204
    assert standing(client)["acknowledged"] is None


def test_who_sends_an_old_etag_changes_nothing(client: Acting) -> None:
    old = client.get("/v1/alerts/1/standing").headers["etag"]
    client.put("/v1/alerts/1/acknowledgement", json={"until": LATER})
    order = {"until": LATER, "factor": 3.0}
    refused = client.put("/v1/alerts/1/snooze", json=order, headers={"If-Match": old})
    assert (refused.status_code, standing(client)["snoozed"]) == (412, None)
    taken = client.put("/v1/alerts/1/snooze", json=order, headers={"If-Match": refused.headers["etag"]})
    assert taken.json()["snoozed"]["factor"] == 3.0
    assert client.delete("/v1/alerts/1/snooze").status_code == 204


@pytest.mark.parametrize(
    "order", [{"until": NOW}, {"until": "1970-06-01T00:00:00Z"}, {"until": LATER, "note": "x" * 3_000}, {}]
)
def test_an_acknowledgement_that_makes_no_sense_is_a_422(client: Acting, order: dict[str, str]) -> None:
    answer = client.put("/v1/alerts/1/acknowledgement", json=order)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


def test_acts_on_what_is_closed_are_a_conflict_and_on_nothing_a_404(client: Acting, store: Store) -> None:
    with store.write() as conn:
        close(conn, alerts.get(conn, 1), 999 * HOUR, "feedback: expected", 1_000 * HOUR)
    for path, order in (("acknowledgement", {"until": LATER}), ("snooze", {"until": LATER})):
        answer = client.put(f"/v1/alerts/1/{path}", json=order)
        assert (answer.status_code, "closed" in answer.json()["detail"]) == (409, True)
        assert client.put(f"/v1/alerts/7/{path}", json=order).status_code == 404
        assert client.delete(f"/v1/alerts/1/{path}").status_code == 409


def test_notes_join_the_history(client: Acting) -> None:
    for _ in range(2):
        assert client.post("/v1/alerts/1/notes", json={"note": "client 7"}).status_code == 201
    assert events(client) == ["opened", "note"]
    assert client.post("/v1/alerts/1/notes", json={"note": "  "}).status_code == 422


def test_a_silence_is_made_edited_and_ended(client: Acting) -> None:
    order = {"family": "encoding", "comment": "a migration", "expires": LATER}
    made = client.post("/v1/silences", json=order)
    assert (made.status_code, made.headers["location"]) == (201, "/v1/silences/1")
    assert standing(client)["silences"] == [made.json()]
    change = {"comment": "a longer migration"}
    assert client.patch("/v1/silences/1", json=change).status_code == 428
    assert client.patch("/v1/silences/1", json=change, headers={"If-Match": '"r9"'}).status_code == 412
    changed = client.patch("/v1/silences/1", json=change, headers={"If-Match": made.headers["etag"]})
    assert (changed.json()["comment"], changed.json()["state"]) == ("a longer migration", "active")
    for _ in range(2):
        assert client.delete("/v1/silences/1").status_code == 204
    assert client.get("/v1/silences/1").json()["state"] == "expired"
    late = client.patch("/v1/silences/1", json=change, headers={"If-Match": "*"})
    assert late.status_code == 409
    assert client.get("/v1/silences").json()["items"] == []
    assert len(client.get("/v1/silences?state=all").json()["items"]) == 1


def test_a_silence_of_everything_is_refused(client: Acting) -> None:
    answer = client.post("/v1/silences", json={"comment": "quiet", "expires": LATER})
    assert (answer.status_code, "something to match" in answer.json()["detail"]) == (422, True)


def test_silences_come_in_pages(client: Acting) -> None:
    for number in range(5):
        order = {"model": f"m{number}", "comment": "x", "expires": LATER}
        assert client.post("/v1/silences", json=order).status_code == 201
    seen: list[str] = []
    path = "/v1/silences?limit=2"
    while path:
        page = client.get(path).json()
        seen += [one["model"] for one in page["items"]]
        path = f"/v1/silences?limit=2&cursor={page['next']}" if page["next"] else ""
    assert seen == ["m4", "m3", "m2", "m1", "m0"]


def test_a_key_of_one_model_sees_and_silences_only_that(client: Acting, store: Store) -> None:
    for model in ("toxicity", "spam", "tox*"):
        client.post("/v1/silences", json={"model": model, "comment": "x", "expires": LATER})
    with store.write() as conn:
        _, text = keys.create(conn, "bot", ["act", "read"], ["spam"], None, "ada", 0)
    bound = {"Authorization": f"Bearer {text}"}
    assert [one["model"] for one in client.get("/v1/silences", headers=bound).json()["items"]] == ["spam"]
    assert client.delete("/v1/silences/1", headers=bound).status_code == 404
    order = {"family": "encoding", "comment": "x", "expires": LATER}
    assert client.post("/v1/silences", json=order, headers=bound).status_code == 403
    assert client.post("/v1/alerts/1/notes", json={"note": "x"}, headers=bound).status_code == 404
    order["model"] = "spam"
    assert client.post("/v1/silences", json=order, headers=bound).json()["author"] == "bot"
