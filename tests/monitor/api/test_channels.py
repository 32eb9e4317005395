"""Channels and the outbox over HTTP, on both databases."""

from __future__ import annotations

import pytest

from monitor.api import create_app
from monitor.store import audit, contracts, outbox, outlets
from monitor.store.engine import Store
from monitor.store.tables import models
from tests.monitor.alerting import SetClock, add_model
from tests.monitor.delivery.protocols import slack
from tests.monitor.served import Client

CONTRACT = """
model: toxicity
source: {path: records.csv, id: id, time: sent_at}
columns:
  text: {role: input}
channels:
  chat: {type: slack, url: env:HOOK, allow: [127.0.0.0/8]}
  pager: {type: pagerduty, routing_key: env:PD_KEY}
"""


@pytest.fixture
def served(store: Store) -> Client:
    model_id = add_model(store)
    with store.write() as conn:
        version = contracts.save_version(conn, model_id, CONTRACT, ".", "test", 0)
        conn.execute(models.update().values(contract_id=version.id))
        for number in range(4):
            outbox.enqueue(
                conn,
                key=f"k{number}",
                model_id=model_id,
                channel="toxicity/chat",
                type="t",
                subject=f"s{number}",
                body="the body",
                now_us=0,
            )
        for _ in range(2):
            message = outbox.claim(conn, ["toxicity/chat"], 0, 1)
            assert message is not None
            outbox.add_attempt(conn, message, 1, 404, "answered 404", 3.0)
            outbox.mark_dead(conn, message, 404, "answered 404")
    return Client(create_app(store, SetClock()))


def test_channels_tell_how_they_are(served: Client, store: Store) -> None:
    with store.write() as conn:
        outlets.disable(conn, "toxicity/chat", "answered 410", 5)
    chat, pager = served.get("/v1/models/toxicity/channels").json()
    assert (chat["name"], chat["type"], chat["state"], chat["last_error"]) == (
        "chat",
        "slack",
        "disabled",
        "answered 410",
    )
    assert (chat["waiting"], chat["dead"], chat["sent"]) == (2, 2, 0)
    assert (pager["state"], pager["failing_since"]) == ("well", None)
    enabled = served.request("POST", "/v1/models/toxicity/channels/chat/enable").json()
    assert enabled["state"] == "well"
    assert served.request("POST", "/v1/models/toxicity/channels/fax/enable").status_code == 404


def test_the_outbox_is_read_in_pages(served: Client) -> None:
    found = [item for page in served.pages("/v1/outbox?limit=3") for item in page]
    assert [item["key"] for item in found] == ["k3", "k2", "k1", "k0"]
    assert "body" not in found[0]
    dead = served.get("/v1/outbox?state=dead&channel=toxicity/chat&model=toxicity").json()["items"]
    assert [item["last_error"] for item in dead] == ["answered 404"] * 2


def test_a_dead_message_is_sent_after_all(served: Client, store: Store) -> None:
    number = served.get("/v1/outbox?state=dead").json()["items"][0]["id"]
    detail = served.get(f"/v1/outbox/{number}").json()
    assert detail["attempts"][0]["status"] == 404
    again = served.request("POST", f"/v1/outbox/{number}/replay").json()
    assert (again["state"], again["attempt"], again["key"]) == ("pending", 0, detail["key"])
    assert served.request("POST", f"/v1/outbox/{number}/replay").status_code == 409
    assert served.get("/v1/outbox/999").status_code == 404
    others = served.request("POST", "/v1/outbox/replays", json={"model": "toxicity", "channel": "chat"})
    assert others.json() == {"count": 1}
    with store.read() as conn:
        assert audit.verify(conn).entries == 2


def test_a_channel_is_tried_now(served: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    with slack() as receiver:
        monkeypatch.setenv("HOOK", receiver.url)
        found = served.request("POST", "/v1/models/toxicity/channels/chat/test")
    assert found.json()["ok"] is True
    assert "s3cr3t" not in found.text
    lacking = served.request("POST", "/v1/models/toxicity/channels/pager/test").json()
    assert (lacking["ok"], lacking["cure"]) == (False, "set it where driftglass runs, then try again")
