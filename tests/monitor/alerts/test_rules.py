"""What an episode rests on in the contract, and what becomes of it when that is edited."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from monitor.alerts.attributes import NOTHING, Attributes
from monitor.alerts.episodes import record
from monitor.alerts.rules import changed
from monitor.app import App
from monitor.contract import load, parse
from monitor.settings import Settings
from monitor.store import alerts, windows
from tests.monitor.alerting import HOUR, MOJIBAKE, SLANG, SetClock, breach

BEFORE = """model: toxicity
owner: trust
source: {path: "data/*.csv", id: id, time: at}
columns:
  text: {kind: text}
  score: {role: score, range: [0, 1]}
window: {every: 1h}
reference: {from: 2026-08-01, to: 2026-10-24}
"""
FROZEN = Attributes(hard=("frozen(score): all 143 values are 0.2",))


@pytest.mark.parametrize(
    ("old", "new", "attributes", "parts"),
    [
        ("owner: trust", "owner: safety", MOJIBAKE, []),
        ("{kind: text}", "{kind: text, languages: [en]}", MOJIBAKE, ["columns.text"]),
        ("{kind: text}", "{kind: text, languages: [en]}", FROZEN, []),
        ("range: [0, 1]", "range: [0, 2]", FROZEN, ["columns.score"]),
        ("range: [0, 1]", "range: [0, 2]", MOJIBAKE, []),
        ("range: [0, 1]", "range: [0, 2]", NOTHING, ["columns.score"]),
        ("every: 1h", "every: 6h", MOJIBAKE, ["window.every"]),
        ("2026-08-01", "2026-09-01", SLANG, ["reference"]),
    ],
)
def test_an_episode_rests_on_what_it_names(
    old: str, new: str, attributes: Attributes, parts: list[str]
) -> None:
    assert old in BEFORE
    before, after = parse(BEFORE), parse(BEFORE.replace(old, new))
    assert changed(before, after, "encoding", attributes) == parts
    assert changed(before, after, "health", attributes) == []


def test_an_edited_rule_closes_the_episode_and_starts_ok(store_url: str, tmp_path: Path) -> None:
    path = tmp_path / "contract.yaml"
    path.write_text(BEFORE)
    clock = SetClock()
    app = App.open(Settings(database_url=store_url), clock)
    watched = app.register(load(path), author="ada")
    with app.store.write() as conn:
        windows.upsert(conn, watched.id, [windows.Counts(999 * HOUR, 1_000 * HOUR)])
        windows.mark(conn, watched.id, [999 * HOUR], "judged", clock.us)
        found = [breach("encoding", 999 * HOUR), replace(breach("quality", 999 * HOUR), attributes=FROZEN)]
        record(conn, watched.id, 999 * HOUR, HOUR, found, clock.us)
    path.write_text(BEFORE.replace("range: [0, 1]", "range: [0, 2]"))
    for _ in range(2):
        app.register(load(path), author="bob")
    with app.store.read() as conn:
        (still,) = alerts.open_of(conn, watched.id)
        (closed,) = [alerts.get(conn, number) for number in (1, 2) if number != still.id]
        state = alerts.states(conn, watched.id)["quality"]
        history = [(event.event, event.detail) for event in alerts.events(conn, closed.id)]
        assert alerts.ended_at(conn, watched.id, 999 * HOUR, alerts.RULE_CHANGED) == ["quality"]
    assert still.family == "encoding"
    assert (closed.family, closed.close_reason, state.state) == ("quality", "rule_changed", "ok")
    assert history[1:] == [
        ("closed", {"reason": "rule_changed"}),
        ("rule changed", {"by": "bob", "changed": ["columns.score"]}),
    ]
    app.store.close()
