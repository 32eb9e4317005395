"""The forms of the alert page, as a browser sends them."""

from __future__ import annotations

import re

import pytest

from monitor.alerts.episodes import record
from monitor.api import create_app
from monitor.store import alerts, keys, silences
from monitor.store.engine import Store
from tests.monitor.alerting import HOUR, SetClock, add_model, breach
from tests.monitor.served import Client

FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.fixture
def client(store: Store) -> Client:
    add_model(store)
    with store.write() as conn:
        record(conn, 1, 999 * HOUR, HOUR, [breach("encoding", 999 * HOUR)], 1_000 * HOUR)
    return Client(create_app(store, SetClock()))


def send(client: Client, body: str, **headers: str) -> int:
    return client.request("POST", "/alerts/1/act", content=body, headers={**FORM, **headers}).status_code


def test_every_button_does_its_act(client: Client, store: Store) -> None:
    for body in (
        "act=acknowledge&hours=8&note=on+it",
        "act=unacknowledge",
        "act=snooze&hours=24",
        "act=wake",
        "act=note&note=%3Cb%3Eclient+7%3C%2Fb%3E",
        "act=silence&hours=1&note=a+migration",
    ):
        assert send(client, body) == 303, body
    with store.read() as conn:
        told = [event.event for event in alerts.events(conn, 1)]
        (made,) = silences.active(conn, 1_000 * HOUR)
    assert told == [
        "opened",
        "acknowledged",
        "acknowledgement taken back",
        "snoozed",
        "snooze taken back",
        "note",
    ]
    assert (made.model, made.family, made.author) == ("toxicity", "encoding", "local")
    page = client.get("/alerts/1").text
    assert "&lt;b&gt;client 7&lt;/b&gt;" in page
    assert "a migration" in page


@pytest.mark.parametrize(
    ("body", "status"),
    [("act=explode", 422), ("act=snooze&hours=9999", 422), ("act=silence&hours=1", 422), ("act=undo", 409)],
)
def test_what_no_button_sends_is_refused(client: Client, body: str, status: int) -> None:
    assert send(client, body) == status
    assert client.request("POST", "/alerts/1/act", json={"act": "wake"}).status_code == 415
    assert client.request("POST", "/alerts/9/act", content="act=wake", headers=FORM).status_code == 404


def test_another_site_cannot_press_a_button(client: Client) -> None:
    assert send(client, "act=wake", **{"sec-fetch-site": "cross-site"}) == 403


def test_a_session_needs_the_token_of_its_form_and_who_may_only_read_gets_no_forms(
    client: Client, store: Store
) -> None:
    with store.write() as conn:
        key, _ = keys.create(conn, "ada", ["read", "act"], [], None, "ada", 0)
        reader, _ = keys.create(conn, "eve", ["read"], [], None, "ada", 0)
        token, _ = keys.open_session(conn, key, 1_000 * HOUR)
        looking, _ = keys.open_session(conn, reader, 1_000 * HOUR)
    mine = {"cookie": f"driftglass_session={token}"}
    found = re.search(r'name="csrf" value="([^"]+)"', client.get("/alerts/1", headers=mine).text)
    assert found is not None
    assert send(client, "act=acknowledge&hours=1", **mine) == 403
    assert send(client, f"act=acknowledge&hours=1&csrf={found[1]}", **mine) == 303
    theirs = {"cookie": f"driftglass_session={looking}"}
    page = client.get("/alerts/1", headers=theirs)
    assert page.status_code == 200
    assert "<form" not in page.text.partition("<main")[2]
    assert re.search(r"<dt>Acknowledged</dt><dd>by .{0,30}ada", page.text)
