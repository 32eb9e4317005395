"""`driftglass outbox` and `driftglass notify channels`, on the store of both databases."""

from __future__ import annotations

import json

import pytest

from monitor.store import outbox
from monitor.store.engine import Store
from tests.monitor.alerting import add_model
from tests.monitor.doors.test_runs import command


@pytest.fixture
def given_up(store: Store) -> Store:
    """A store with one message that waits and one that was given up."""
    add_model(store)
    with store.write() as conn:
        for key in ("k1", "k2"):
            outbox.enqueue(
                conn, key=key, model_id=1, channel="toxicity/chat", type="t", subject=key, body="b", now_us=0
            )
        message = outbox.claim(conn, ["toxicity/chat"], 0, 1)
        assert message is not None
        outbox.mark_dead(conn, message, 404, "https://hooks.example.com answered 404")
    return store


def test_what_was_given_up_is_listed_and_sent_after_all(
    given_up: Store, store_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = command(capsys, "outbox", "list", "--dead", "-d", store_url)
    assert code == 0
    assert "1 dead toxicity/chat" in out
    assert "answered 404" in out
    code, _, err = command(capsys, "outbox", "replay", "1", "-d", store_url)
    assert (code, err.split()[0]) == (0, "1")
    code, out, _ = command(capsys, "outbox", "list", "--json", "-d", store_url)
    assert {message["state"] for message in json.loads(out)} == {"pending"}
    code, _, err = command(capsys, "outbox", "replay", "1", "-d", store_url)
    assert code == 2
    assert "only a dead one" in err


def test_everything_that_was_given_up_is_sent_after_all(
    given_up: Store, store_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(capsys, "outbox", "replay", "-d", store_url)[0] == 2
    code, _, err = command(capsys, "outbox", "replay", "--all-dead", "-d", store_url)
    assert (code, err.split()[0]) == (0, "1")
    assert "nothing was given up" in command(capsys, "outbox", "list", "--dead", "-d", store_url)[2]
