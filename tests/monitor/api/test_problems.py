"""Every error is a problem document, says nothing of what was sent, and is never a 500."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from urllib.parse import quote

import httpx
import pytest

from monitor.api.edge import SECURITY_HEADERS
from monitor.errors import DependencyUnavailable
from tests.monitor.served import Client, client_of

HOSTILE = [
    "%00",
    "%ED%A0%80",
    "%FF%FE",
    "NaN",
    "1e400",
    "-Infinity",
    "%F0%9F%98%80" * 200,
    "9" * 400,
    "..%2f..%2f",
    "%0d%0a",
    "'--",
]
PARAMETERS = [
    "/v1/models/toxicity/windows?{}=",
    "/v1/models/toxicity/measurements?{}=",
    "/v1/models/toxicity/samples?{}=",
    "/v1/models/toxicity/quarantine?{}=",
    "/v1/alerts?{}=",
    "/v1/triggers?{}=",
]
NAMES = [
    *("from", "to", "state", "status", "limit", "cursor", "metric", "column", "segment", "term", "family"),
    *("series_id", "stratum", "reason", "model", "severity", "inhibited"),
]
PATHS = [
    "/v1/models/{}",
    "/v1/models/{}/contract",
    "/v1/models/toxicity/contract/versions/{}",
    "/v1/models/{}/windows",
    "/v1/alerts/{}",
    "/v1/triggers/{}",
    "/alerts/{}",
    "/review/{}",
    "/models/{}/series/1",
    "/models/toxicity/series/{}",
    "/static/{}",
    "/{}",
]


def checked(answer: httpx.Response, *statuses: int) -> dict[str, object]:
    assert answer.status_code in statuses, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == answer.status_code
    assert body["title"]
    return dict(body)


@pytest.mark.parametrize("value", HOSTILE)
def test_no_path_and_no_parameter_gives_a_500(client: Client, value: str) -> None:
    for path in PATHS:
        checked(client.get(path.format(value)), 404, 422)
    for url in PARAMETERS:
        for name in NAMES:
            answer = client.get(url.format(name) + value)
            assert answer.status_code in {200, 404, 422}, (url, name)
            if answer.status_code != 200:
                checked(answer, 404, 422)


def test_a_lone_surrogate_that_a_server_lets_through_is_refused(client: Client) -> None:
    async def ask() -> list[int]:
        statuses: list[int] = []

        async def receive() -> dict[str, object]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: dict[str, object]) -> None:
            if message["type"] == "http.response.start":
                statuses.append(int(str(message["status"])))

        for path in ("/v1/models/\ud800", "/v1/triggers/\udfff\x00", "/review/\ud800"):
            scope = {
                "type": "http",
                "method": "GET",
                "path": path,
                "query_string": b"",
                "headers": [(b"host", b"localhost")],
                "root_path": "",
            }
            await client.app({**scope, "http_version": "1.1", "scheme": "http"}, receive, send)  # type: ignore[arg-type]
        return statuses

    assert set(asyncio.run(ask())) <= {404, 422}


BODIES = [
    b"NaN",
    b'{"state": NaN}',
    b'{"state": "accepted", "detail": {"loss": NaN}}',
    b'{"state": "accepted", "detail": {"loss": 1e400}}',
    b'{"state": "accepted", "detail": {"loss": -Infinity}}',
    b'{"state": "accepted", "run_id": "\\ud800"}',
    b'{"state": "accepted", "run_id": "a\\u0000b"}',
    b'{"state": "accepted", "detail": {"\\ud800": 1}}',
    b'{"state": "\\ud800"}',
    b'{"state": "accepted", "\\ud800": 1}',
    b'{"state": "accepted", "secret-key": "secret-value"}',
    b'\xff\xfe{"state": 1}',
    b"[" * 100_000,
    b'{"state": ' + b"9" * 5000 + b"}",
    b'{"state": "accepted", "detail": {"n": ' + b"9" * 400 + b"}}",
    b"",
    b"null",
    b"[]",
]


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body[:40].decode("latin-1"))
def test_no_body_gives_a_500_or_is_repeated(client: Client, body: bytes) -> None:
    headers = {"content-type": "application/json", "authorization": "Bearer one-time"}
    answer = client.request("POST", "/v1/triggers/trg-1/callbacks", content=body, headers=headers)
    problem = checked(answer, 400, 422)
    for word in ("secret-key", "secret-value", "NaN", "d800", "Infinity", "999"):
        assert word not in json.dumps(problem)


def test_wrong_values_are_named_by_parameter_or_pointer(client: Client) -> None:
    problem = checked(client.get("/v1/alerts?limit=501&from=yesterday"), 422)
    assert problem["errors"] == [
        {
            "detail": "this must be a time like 2026-11-16T03:00:00Z (write + as %2B in a URL)",
            "in": "query",
            "parameter": "from",
        },
        {"detail": "this must be at most 500", "in": "query", "parameter": "limit"},
    ]
    headers = {"content-type": "application/json"}
    body = b'{"state": "promoted", "detail": {"a": {}}}'
    problem = checked(
        client.request("POST", "/v1/triggers/trg-1/callbacks", content=body, headers=headers), 422
    )
    pointers = [error["pointer"] for error in problem["errors"]]  # type: ignore[attr-defined]
    assert pointers[0] == "/state"
    assert pointers[1].startswith("/detail/a")


def test_what_is_known_is_named_and_never_what_was_sent(client: Client) -> None:
    problem = checked(client.get("/v1/alerts?secret=x"), 422)
    assert "known are: model, family, severity, state" in str(problem["detail"])
    assert "secret" not in str(problem)
    checked(client.get("/v1/models?secret=x"), 422)
    (error,) = checked(client.get("/v1/alerts?state=shut"), 422)["errors"]  # type: ignore[misc, attr-defined]
    assert error["detail"] == "this must be open or resolved"
    headers = {"content-type": "application/json"}
    body = b'{"secret": 1, "from": "2026-11-16T03:00:00Z", "to": "2026-11-17T03:00:00Z"}'
    answer = client.request("POST", "/v1/models/toxicity/back-fills", content=body, headers=headers)
    (error,) = checked(answer, 422)["errors"]  # type: ignore[misc, attr-defined]
    assert error == {"pointer": "", "detail": "a field is not known here; known are: from, to"}


def test_a_model_that_is_not_there_is_told_as_that(client: Client) -> None:
    for path in ("/v1/models/nope", "/v1/models/nope/windows", "/v1/alerts?model=nope"):
        assert checked(client.get(path), 404)["detail"] == "no such model, or not for this key"
    headers = {"content-type": "application/x-ndjson"}
    answer = client.request("POST", "/v1/models/nope/records", content=b"{}", headers=headers)
    assert checked(answer, 404)["detail"] == "no such model, or not for this key"
    assert checked(client.get("/v1/alerts/999999"), 404)["detail"] == "no such thing is in the store"


@pytest.mark.parametrize(
    ("path", "method", "allow"),
    [
        ("/v1/models", "DELETE", "GET, HEAD, POST"),
        ("/v1/triggers/trg-1/callbacks", "GET", "POST"),
        ("/v1/triggers/trg-1/callbacks", "OPTIONS", "POST"),
        ("/livez", "POST", "GET, HEAD"),
        ("/", "PUT", "GET, HEAD"),
        ("/openapi.json", "POST", "GET, HEAD"),
        ("/v1/models", "BREW", "GET, HEAD, POST"),
        ("/v1/triggers", "POST", "GET, HEAD"),
        ("/v1/outbox/replays", "OPTIONS", "POST"),  # no message of that name
    ],
)
def test_405_says_exactly_what_is_allowed(client: Client, path: str, method: str, allow: str) -> None:
    answer = client.request(method, path)
    checked(answer, 405)
    assert answer.headers["allow"] == allow


def test_404_and_415(client: Client) -> None:
    checked(client.get("/v1/secret-thing"), 404)
    assert "secret" not in client.get("/v1/secret-thing").text
    for kind in ("text/plain", "application/xml", "multipart/form-data; boundary=x", "application/jsonp"):
        answer = client.request(
            "POST", "/v1/triggers/trg-1/callbacks", content=b"{}", headers={"content-type": kind}
        )
        checked(answer, 415)
    checked(client.request("POST", "/v1/triggers/trg-1/callbacks", content=b"{}"), 415)


def test_a_declared_and_a_streamed_body_that_is_too_long(client: Client) -> None:
    headers = {"content-type": "application/json", "authorization": "Bearer one-time"}
    answer = client.request("POST", "/v1/triggers/trg-1/callbacks", content=b" " * 300_000, headers=headers)
    checked(answer, 413)
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        for _ in range(10_000):
            taken += 16_384
            yield b" " * 16_384

    checked(client.request("POST", "/v1/triggers/trg-1/callbacks", content=endless(), headers=headers), 413)
    checked(client.request("GET", "/v1/models", content=b" " * 300_000), 413)


def test_what_nobody_expected_is_a_bare_500(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    from monitor.store import listing

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(listing, "models", broken)
    answer = client.get("/v1/models")
    checked(answer, 500)
    assert "secret" not in answer.text
    assert "ZeroDivision" not in answer.text


def test_a_store_that_is_away_is_a_503_without_its_address(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from monitor.store import listing

    def away(*_: object, **__: object) -> None:
        raise DependencyUnavailable("postgresql://secret-host: gone")

    monkeypatch.setattr(listing, "models", away)
    answer = client.get("/v1/models")
    checked(answer, 503)
    assert answer.headers["retry-after"] == "5"
    assert "secret" not in answer.text


@pytest.mark.parametrize("path", ["/v1/models", "/nowhere", "/review/2026-W47", "/metrics"])
def test_every_answer_carries_the_policy(client: Client, path: str) -> None:
    answer = client.get(path)
    for name, value in SECURITY_HEADERS.items():
        assert answer.headers[name] == value
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("path", "status"),
    [("/alerts/999", 404), ("/alertz", 404), ("/models/<b>/series/1", 404), ("/alerts/<b>", 422)],
)
def test_a_browser_gets_a_page_and_others_a_problem(client: Client, path: str, status: int) -> None:
    browser = client.get(path, headers={"accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert browser.status_code == status
    assert browser.headers["content-type"].startswith("text/html")
    assert "/static/driftglass-" in browser.text
    assert "<b>" not in browser.text
    checked(client.get(path, headers={"accept": "*/*"}), status)
    checked(client.get("/v1/nowhere", headers={"accept": "text/html"}), 404)


def test_head_is_get_without_the_body(client: Client) -> None:
    head = client.request("HEAD", "/v1/models")
    assert head.status_code == 200
    assert head.content == b""
    assert int(head.headers["content-length"]) == len(client.get("/v1/models").content)


def test_a_cursor_of_another_list_is_refused(client: Client) -> None:
    alerts = client.get("/v1/alerts?limit=1").json()["next"]
    checked(client.get(f"/v1/triggers?cursor={quote(alerts)}"), 422)
    checked(client.get(f"/v1/models/toxicity/windows?cursor={quote(alerts)}"), 422)


def test_liveness_needs_no_store(light: tuple[object, object]) -> None:
    from monitor.store.engine import Store

    away = client_of(Store("sqlite:////nowhere/at/all.db"))
    assert away.get("/livez").status_code == 200
    checked(away.get("/readyz"), 503)
    checked(away.get("/v1/models"), 503)
