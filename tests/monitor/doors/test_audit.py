"""`driftglass audit list`, on the store of both databases."""

from __future__ import annotations

import json

import pytest

from monitor.alerts import acts
from monitor.alerts.episodes import record
from monitor.store import audit
from monitor.store.engine import Store
from tests.monitor.alerting import HOUR, add_model, breach
from tests.monitor.doors.test_runs import command


@pytest.fixture
def acted(store: Store) -> Store:
    """Two models, of which one has an alert with a note, and a name that would move a cursor."""
    add_model(store)
    add_model(store, "spam")
    with store.write() as conn:
        record(conn, 1, 999 * HOUR, HOUR, [breach("encoding", 999 * HOUR)], 1_000 * HOUR)
        audit.append(conn, "ann", "contract.saved", "model/toxicity", {"version": 1}, 1)
        audit.append(conn, "e\x1b[2Jve", "contract.saved", "model/spam", {"version": 1}, 2)
        acts.annotate(conn, 1, note="began with 9.1", author="ben", now_us=3)
    return store


def test_the_newest_come_first(acted: Store, store_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = command(capsys, "audit", "list", "-d", store_url, "--limit", "2")
    lines = out.splitlines()
    assert code == 0
    assert len(lines) == 2
    assert " ben " in lines[0]
    assert "contract.saved model/spam" in lines[1]
    assert "\x1b" not in out


def test_of_a_model_also_what_was_done_to_its_alerts(
    acted: Store, store_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = command(capsys, "audit", "list", "-m", "toxicity", "--json", "-d", store_url)
    found = json.loads(out)
    assert code == 0
    assert [one["actor"] for one in found if one["actor"] in ("ann", "ben")] == ["ben", "ann"]
    assert {one["object"] for one in found} == {"model/toxicity", "episode/1"}
    assert found[-1]["payload"] == {"version": 1}
    code, _, err = command(capsys, "audit", "list", "-m", "toxic", "-d", store_url)
    assert code == 2
    assert "toxic" in err
