"""Every route × {no key, wrong scope, another model's key, expired, revoked}; and how browsers come in.

The routes are enumerated from the application: one that declares no scope and is not listed here fails.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
from fastapi.routing import APIRoute

from monitor.api import auth, create_app
from monitor.api.auth import scopes_of
from monitor.clock import SimulatedClock
from monitor.store import keys
from monitor.store.engine import Store
from monitor.store.keys import SCOPES, Scope
from tests.monitor.seeded import NOW, seed
from tests.monitor.served import Client, client_of

# Open to all, and why.
OPEN = {
    ("GET", "/livez"): "whoever restarts the process has no key",
    ("GET", "/readyz"): "whoever routes requests has no key",
    ("GET", "/login"): "where one gets a session",
    ("POST", "/login"): "where one gets a session",
    ("GET", "/static/{name}"): "the style sheet of the login page",
    ("GET", "/openapi.json"): "what is in the repository",
    ("POST", "/v1/triggers/{trigger}/callbacks"): "has the token of its trigger",
}
VALUES = {
    "alert": "1",
    "trigger": "trg-1",
    "version": "1",
    "week": "2026-W47",
    "series_id": "1",
    "model": "toxicity",
    "name": "x",
}


def routes(app: object) -> Iterator[tuple[str, APIRoute]]:
    for route in auth.routes(app.routes):  # type: ignore[attr-defined]
        for method in sorted((route.methods or set()) - {"HEAD"}):
            yield method, route


def path_of(route: APIRoute) -> str:
    return re.sub(r"\{(\w+)(:\w+)?\}", lambda found: VALUES.get(found[1], "1"), route.path)


def made(store: Store, *scopes: Scope, models: tuple[str, ...] = (), until_us: int | None = None) -> str:
    """A key made a day ago."""
    then = NOW - 86_400_000_000
    with store.write() as conn:
        name = f"key {len(keys.everyone(conn))}"
        return keys.create(conn, name, scopes, models, until_us, "test", then)[1]


def asked(client: Client, method: str, path: str, key: str | None = None) -> httpx.Response:
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {key}"} if key else {})
    return client.request(method, path, headers=headers, content=b"{}" if method != "GET" else None)


@pytest.fixture
def guarded(store: Store) -> tuple[Store, Client]:
    seed(store)
    made(store, "admin")
    return store, client_of(store)


def test_every_route_declares_a_scope_or_is_listed_as_open(guarded: tuple[Store, Client]) -> None:
    for method, route in routes(guarded[1].app):
        if (method, route.path) in OPEN:
            assert not scopes_of(route), (method, route.path)
        else:
            assert len(scopes_of(route)) == 1, f"{method} {route.path} must say who may call it: needs(scope)"
    listed = {(method, route.path) for method, route in routes(guarded[1].app)}
    assert {one for one in OPEN if one != ("GET", "/openapi.json")} <= listed


def test_every_route_refuses_everybody_who_may_not(guarded: tuple[Store, Client]) -> None:
    store, client = guarded
    revoked, expired = made(store, "admin"), made(store, "admin", until_us=NOW - 1)
    with store.write() as conn:
        keys.revoke(conn, revoked.split("_")[1], "test", NOW)
    wrong = {
        scope: made(store, *(other for other in SCOPES if other not in (scope, "admin"))) for scope in SCOPES
    }
    elsewhere = {scope: made(store, scope, models=("another",)) for scope in SCOPES}
    refused = 0
    for method, route in routes(client.app):
        if (method, route.path) in OPEN:
            continue
        (scope,) = scopes_of(route)
        path, is_page = path_of(route), not route.include_in_schema
        for key in (None, "dk_0_0", "nonsense", revoked, expired, revoked[:-1] + "x"):
            answer = asked(client, method, path, key)
            if is_page and method == "GET":
                assert answer.status_code == 303, (method, path, answer.text)
                assert answer.headers["location"].startswith("/login?next=/")
                continue
            assert answer.status_code == 401, (method, path, key, answer.text)
            assert answer.headers["www-authenticate"].startswith("Bearer ")
            assert answer.headers["content-type"] == "application/problem+json"
        if scope != "admin":
            assert asked(client, method, path, wrong[scope]).status_code == 403, (method, path)
        else:
            assert asked(client, method, path, made(store, *SCOPES[:-1])).status_code == 403, (method, path)
        if re.search(r"\{(model|alert|trigger)\}", route.path):
            answer = asked(client, method, path, elsewhere[scope])
            assert answer.status_code == 404, (method, path, answer.text)
        refused += 1
    assert refused > 15


def test_lists_show_only_the_models_of_the_key(guarded: tuple[Store, Client]) -> None:
    store, client = guarded
    mine = made(store, "read", models=("support-intent",))
    assert [one["name"] for one in asked(client, "GET", "/v1/models", mine).json()] == ["support-intent"]
    assert asked(client, "GET", "/v1/alerts", mine).json()["items"] == []
    assert asked(client, "GET", "/v1/triggers", mine).json()["items"] == []
    assert asked(client, "GET", "/v1/alerts?model=toxicity", mine).status_code == 404
    page = asked(client, "GET", "/review/2026-W47", mine)
    assert page.status_code == 200
    assert "toxicity" not in page.text


def test_without_any_key_everything_is_open_and_taking_the_last_key_away_opens_nothing(store: Store) -> None:
    seed(store)
    client = client_of(store)
    assert asked(client, "GET", "/v1/models").status_code == 200
    key = made(store, "read")
    assert asked(client, "GET", "/v1/models").status_code == 401
    with store.write() as conn:
        keys.revoke(conn, key.split("_")[1], "test", NOW)
    assert asked(client, "GET", "/v1/models").status_code == 401


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8327", 200),
        ("[::1]:8327", 200),
        ("localhost", 200),
        ("LOCALHOST:1", 200),
        ("drift.example.com", 200),
        ("rebound.example:8327", 421),
        ("localhost.rebound.example", 421),
        ("127.0.0.1@rebound.example", 421),
        ("[::1", 421),
        ("", 421),
    ],
)
def test_without_any_key_only_hosts_of_this_machine_are_answered(
    store: Store, host: str, status: int
) -> None:
    seed(store)
    client = Client(create_app(store, SimulatedClock(NOW), public_url="https://drift.example.com"))
    for path in ("/v1/models", "/review/2026-W47", "/metrics"):
        answer = client.get(path, headers={"host": host})
        assert answer.status_code == status, (path, answer.text)
        if status == 421:
            assert answer.headers["content-type"] == "application/problem+json"
    assert client.get("/livez", headers={"host": host}).status_code == 200
    key = made(store, "read")
    named = {"host": host, "authorization": f"Bearer {key}"}
    assert client.get("/v1/models", headers=named).status_code == 200


def test_the_open_api_takes_no_change_from_another_site(store: Store) -> None:
    seed(store)
    client = client_of(store)
    method, route = next(
        (method, route)
        for method, route in routes(client.app)
        if method != "GET" and (method, route.path) not in OPEN and "ingest" not in scopes_of(route)
    )
    headers = {"sec-fetch-site": "cross-site", "content-type": "application/json"}
    answer = client.request(method, path_of(route), headers=headers, content=b"{}")
    assert answer.status_code == 403


def test_the_last_use_is_noted_at_most_once_a_minute(store: Store) -> None:
    key = made(store, "read")
    clock = SimulatedClock(NOW)
    client = Client(create_app(store, clock))

    def noted() -> int | None:
        with store.read() as conn:
            return keys.get(conn, key.split("_")[1]).used_us

    assert noted() is None
    for later, expected in ((0, 0), (59_000_000, 0), (60_000_000, 60_000_000)):
        clock.set(NOW + later)
        asked(client, "GET", "/v1/models", key)
        assert noted() == NOW + expected


def test_metrics_need_a_key_unless_opened(guarded: tuple[Store, Client]) -> None:
    store, client = guarded
    assert client.get("/metrics").status_code == 401
    assert asked(client, "GET", "/metrics", made(store, "read")).status_code == 200
    opened = Client(create_app(store, SimulatedClock(NOW), open_metrics=True))
    assert opened.get("/metrics").status_code == 200


def test_a_store_that_is_away_still_counts_as_down_in_the_metrics() -> None:
    away = client_of(Store("sqlite:////nowhere/at/all.db"))
    assert "driftglass_store_up 0" in away.get("/metrics").text


class TestBrowsers:
    def signed_in(self, client: Client, key: str, wanted: str = "/review/2026-W47") -> httpx.Response:
        form = {"key": key, "next": wanted}
        return client.request("POST", "/login", data=form)

    def test_a_page_leads_to_the_login_and_back(self, guarded: tuple[Store, Client]) -> None:
        store, client = guarded
        sent = client.get("/alerts/1?x=1")
        assert sent.headers["location"] == "/login?next=/alerts/1%3Fx%3D1"
        form = client.get(sent.headers["location"])
        assert 'value="/alerts/1?x=1"' in form.text
        answer = self.signed_in(client, made(store, "read"), "/alerts/1?x=1")
        assert (answer.status_code, answer.headers["location"]) == (303, "/alerts/1?x=1")
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        token = cookie.split(";")[0]
        assert client.get("/review/2026-W47", headers={"cookie": token}).status_code == 200
        assert client.get("/v1/models", headers={"cookie": token}).status_code == 200

    def test_a_wrong_key_opens_nothing_and_is_not_repeated(self, guarded: tuple[Store, Client]) -> None:
        answer = self.signed_in(guarded[1], "dk_wrong_wrong")
        assert answer.status_code == 401
        assert "set-cookie" not in answer.headers
        assert "dk_wrong" not in answer.text

    @pytest.mark.parametrize(
        "wanted", ["https://evil.example", "//evil.example", "/\\evil.example", "evil", ""]
    )
    def test_the_login_leads_nowhere_else(self, guarded: tuple[Store, Client], wanted: str) -> None:
        answer = self.signed_in(guarded[1], made(guarded[0], "read"), wanted)
        assert answer.headers["location"] == "/"

    def test_revoking_the_key_ends_its_sessions(self, guarded: tuple[Store, Client]) -> None:
        store, client = guarded
        key = made(store, "read")
        token = self.signed_in(client, key).headers["set-cookie"].split(";")[0]
        with store.write() as conn:
            keys.revoke(conn, key.split("_")[1], "test", NOW)
        assert client.get("/v1/models", headers={"cookie": token}).status_code == 401

    def test_a_session_ends(self, store: Store) -> None:
        key, clock = made(store, "read"), SimulatedClock(NOW)
        client = Client(create_app(store, clock))
        token = self.signed_in(client, key).headers["set-cookie"].split(";")[0]
        clock.set(NOW + keys.SESSION_US)
        assert client.get("/v1/models", headers={"cookie": token}).status_code == 401

    def test_a_change_by_cookie_needs_the_token_of_the_form(self, guarded: tuple[Store, Client]) -> None:
        store, client = guarded
        cookie = self.signed_in(client, made(store, "admin")).headers["set-cookie"].split(";")[0]
        csrf = auth.csrf_of(cookie.split("=")[1])
        assert client.request("POST", "/logout", headers={"cookie": cookie}).status_code == 403
        wrong = {"cookie": cookie, "x-csrf-token": "x" * 64}
        assert client.request("POST", "/logout", headers=wrong).status_code == 403
        right = client.request("POST", "/logout", headers={"cookie": cookie}, data={"csrf": csrf})
        assert right.status_code == 303
        assert client.get("/v1/models", headers={"cookie": cookie}).status_code == 401

    def test_another_site_cannot_sign_somebody_in(self, guarded: tuple[Store, Client]) -> None:
        headers = {"sec-fetch-site": "cross-site"}
        answer = guarded[1].request("POST", "/login", data={"key": "dk_a_b"}, headers=headers)
        assert answer.status_code == 403
