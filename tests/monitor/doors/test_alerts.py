"""Acting on alerts at the command line."""

from __future__ import annotations

import json

import pytest

from monitor.alerts.acts import standing
from monitor.alerts.episodes import record
from monitor.cli import main
from monitor.clock import SystemClock
from monitor.store import alerts
from monitor.store.engine import Store
from monitor.terminal import clock
from tests.monitor.alerting import HOUR, add_model, breach


@pytest.fixture
def database(store: Store, store_url: str) -> str:
    add_model(store)
    with store.write() as conn:
        record(conn, 1, 999 * HOUR, HOUR, [breach("encoding", 999 * HOUR)], 1_000 * HOUR)
    return store_url


def run(database: str, *arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "-d", database])
    return int(ended.value.code or 0)


def test_ack_snooze_and_annotate(database: str, store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(database, "ack", "1", "--note", "client 7", "--for", "8h", "--by", "ada") == 0
    assert "alert 1 is ada's for 8h" in capsys.readouterr().err
    assert run(database, "snooze", "1", "--for", "3d", "--factor", "3", "--by", "ada") == 0
    assert run(database, "annotate", "1", "rolled back", "--by", "ada") == 0
    with store.read() as conn:
        told, _, _ = standing(conn, 1, SystemClock().now_us())
        events = [(event.event, event.detail.get("note")) for event in alerts.events(conn, 1)]
    assert told.acknowledged is not None
    assert (told.acknowledged.by, told.acknowledged.note) == ("ada", "client 7")
    assert told.snoozed is not None
    assert told.snoozed.factor == 3.0
    assert events[-1] == ("note", "rolled back")
    assert run(database, "ack", "1", "--undo") == 0
    assert run(database, "snooze", "1", "--undo") == 0
    assert run(database, "snooze", "1", "--undo") == 0
    assert "was that already" in capsys.readouterr().err


def test_silences_come_and_go(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    add = ("silence", "add", "--family", "encoding", "--comment", "a migration", "--by", "ada")
    assert run(database, *add, "--for", "2d") == 0
    assert capsys.readouterr().err == "silence 1: nobody is told of encoding for 2d\n"
    assert run(database, "silence", "list", "--json") == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["family"], found["author"], found["state"]) == ("encoding", "ada", "active")
    assert found["expires_us"] - found["starts_us"] == 48 * HOUR
    assert run(database, "silence", "list") == 0
    listed = capsys.readouterr().out
    assert "until (UTC)" in listed
    assert clock(found["expires_us"]) in listed
    assert run(database, "silence", "expire", "1") == 0
    assert run(database, "silence", "list") == 0
    assert "nothing is silenced" in capsys.readouterr().out
    assert run(database, "silence", "list", "--all") == 0
    assert "expired" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("ack", "1", "--for", "soon"), "--for soon: write a number"),
        (("ack", "1", "--for", "31d"), "longer than 30 days"),
        (("ack", "9"), "no alert 9"),
        (("silence", "add", "--comment", "x"), "something to match"),
        (("silence", "add", "--comment", "x", "--severity", "red"), "write page or ticket"),
        (("silence", "expire", "9"), "no silence 9"),
    ],
)
def test_what_cannot_be_done_is_said(
    database: str, arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(database, *arguments) == 2
    assert said in capsys.readouterr().err
