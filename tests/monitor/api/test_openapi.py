"""The description of the API: committed, current, and true about errors."""

from __future__ import annotations

import json
from pathlib import Path

from monitor.api.application import assemble
from monitor.api.openapi import text

COMMITTED = Path(__file__).parents[3] / "docs" / "api" / "openapi.json"


def test_the_committed_description_is_current() -> None:
    renew = "the API changed: run `.venv/bin/python -m monitor.api docs/api/openapi.json`, then read the diff"
    assert COMMITTED.read_text(encoding="utf-8") == text(assemble()), renew


def test_every_operation_is_named_and_answers_problems() -> None:
    document = json.loads(text(assemble()))
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(set(names)) == len(names)
    for operation in operations:
        assert "application/problem+json" in operation["responses"]["default"]["content"]
        assert "422" not in operation["responses"]
    assert "HTTPValidationError" not in document["components"]["schemas"]
    assert not any(path.startswith("/review") for path in document["paths"])
