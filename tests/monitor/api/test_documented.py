"""The page about the API: its commands are sent as they stand, and its lists are those of the schema."""

from __future__ import annotations

import json
import re
from pathlib import Path

from monitor.store.engine import Store
from tests.monitor.seeded import seed
from tests.monitor.served import client_of

FOLDER = Path(__file__).parents[3] / "docs" / "api"
PAGE = (FOLDER / "README.md").read_text("utf-8")
SENT = re.compile(r"^send -X (\w+) \$API(\S+)(?: -d '(.*)')?$", re.MULTILINE)


def test_every_act_works_as_it_is_written(store: Store) -> None:
    alert = seed(store).encoding
    client = client_of(store)
    answers = {}
    for method, path, body in SENT.findall(PAGE):
        content = body.replace("'$UNTIL'", "2026-11-20T20:20:00Z")
        headers = {"content-type": "application/json"}
        url = "/v1" + path.replace("/alerts/1/", f"/alerts/{alert}/")
        answer = client.request(method, url, content=content, headers=headers)
        answers[f"{method} {path}"] = (answer.status_code, answer.text)
    assert {name: status for name, (status, _) in answers.items()} == {
        "PUT /alerts/1/acknowledgement": 200,
        "PUT /alerts/1/snooze": 200,
        "POST /alerts/1/notes": 201,
        "POST /silences": 201,
        "POST /alerts/1/feedback": 201,
        "DELETE /alerts/1/feedback": 204,
        "DELETE /alerts/1/acknowledgement": 204,
        "DELETE /alerts/1/snooze": 204,
        "DELETE /silences/1": 204,
    }, answers


def test_it_says_which_lists_are_pages_and_which_are_bare() -> None:
    (said,) = re.findall(r"^- Lists that grow.*?(?=^- )", PAGE, re.MULTILINE | re.DOTALL)
    pages, bare = said.split("Short\n  ones")
    schema = json.loads((FOLDER / "openapi.json").read_text("utf-8"))
    for path, methods in schema["paths"].items():
        answers = methods.get("get", {}).get("responses", {}).get("200", {}).get("content", {})
        kind = answers.get("application/json", {}).get("schema", {})
        name = path.removeprefix("/v1/models/{model}/") if "{" in path else path.removeprefix("/v1")
        if "Page_" in kind.get("$ref", ""):
            assert f"`{name}`" in pages, path
        elif kind.get("type") == "array":
            assert f"`{name}`" in bare, path
