"""Every contract on the page about notifications can be loaded, and every kind of channel is on it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from monitor.contract import parse

PAGE = Path(__file__).parents[3] / "docs" / "notifications.md"
SNIPPETS = re.findall(r"```yaml contract\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
HEAD = (
    "model: toxicity\nsource: {path: records.csv, id: id, time: sent_at}\ncolumns:\n  text: {role: input}\n"
)


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_a_snippet_loads(snippet: str) -> None:
    assert parse(HEAD + snippet).channels


def test_every_kind_is_there() -> None:
    kinds = {spec.type for snippet in SNIPPETS for spec in parse(HEAD + snippet).channels.values()}
    assert kinds == {"slack", "pagerduty", "smtp", "alertmanager", "webhook"}
