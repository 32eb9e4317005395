"""`driftglass quarantine`, on the store of both databases."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from monitor.api import create_app
from monitor.app import App
from monitor.clock import SimulatedClock
from monitor.contract import Loaded, parse
from monitor.settings import Settings
from monitor.store import quarantine
from monitor.store.engine import Store
from monitor.store.quarantine import Entry
from tests.monitor.doors.test_runs import command
from tests.monitor.served import Client

HOUR = 3_600_000_000
CONTRACT = """\
model: shop
source: {type: push, id: id, time: at}
columns: {comment: {role: input, kind: text}}
"""


def kept(store: Store, contract: str = CONTRACT) -> Store:
    """A store with a line that is no record, and a cell that is of another type."""
    app = App(store, SimulatedClock(HOUR), Settings(database_url=store.address))
    watched = app.register(Loaded(parse(contract), contract, Path("/nowhere")), author="test")
    line = Entry(
        None,
        "shop@home.csv@5c0f#1",
        "line 17",
        "wrong_fields",
        None,
        "expected 5 fields, found 6",
        False,
        b"o17,ann@example.com,\x1b[2J" + b"x" * 400,
    )
    cell = Entry(
        HOUR, "orders?after=None", "row 3", "wrong_type", "comment", "expected text, found int", True, b"7"
    )
    with store.write() as conn:
        quarantine.add(conn, watched.id, [line, cell], HOUR)
    return store


def test_the_latest_come_first_with_reason_place_and_a_redacted_piece(
    store: Store, store_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    kept(store)
    code, out, err = command(capsys, "quarantine", "shop", "-d", store_url)
    lines = out.splitlines()
    assert (code, err) == (0, "")
    assert lines[:3] == [
        "#2  orders  row 3  wrong_type of comment",
        "    expected text, found int; the cell is left out, its record counts",
        "    7",
    ]
    assert lines[3:5] == [
        "#1  shop@home.csv  line 17  wrong_fields",
        "    expected 5 fields, found 6; the record is left out",
    ]
    assert lines[5].startswith("    o17,⟨email⟩,⟦")
    assert lines[5].endswith("x…")
    assert "\x1b" not in out
    assert "example.com" not in out


def test_programs_get_what_the_api_gives_and_the_excerpt(
    store: Store, store_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    kept(store)
    rows = json.loads(command(capsys, "quarantine", "shop", "--json", "-d", store_url)[1])
    served = Client(create_app(store, SimulatedClock(HOUR))).get("/v1/models/shop/quarantine").json()["items"]
    assert [bool(row.pop("excerpt")) for row in rows] == [True, True]
    assert rows == served


def test_one_reason_one_column_and_so_many(
    store: Store, store_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    kept(store)
    code, out, err = command(capsys, "quarantine", "shop", "--limit", "1", "-d", store_url)
    assert (code, out[:2], err) == (0, "#2", "the latest 1 of 2; --limit shows more\n")
    code, out, err = command(capsys, "quarantine", "shop", "--reason", "wrong_fields", "-d", store_url)
    assert (code, out[:2], err) == (0, "#1", "")
    code, out, err = command(capsys, "quarantine", "shop", "--column", "score", "-d", store_url)
    assert (code, out) == (0, "")
    assert err == "shop: nothing of that kind was set aside; there are wrong_fields, wrong_type of comment\n"


@pytest.mark.parametrize(("text", "shown"), [("none", None), ("full", "o17,ann@example.com")])
def test_the_contract_says_what_of_a_record_is_shown(
    store: Store, store_url: str, capsys: pytest.CaptureFixture[str], text: str, shown: str | None
) -> None:
    kept(store, CONTRACT + f"privacy: {{text: {text}}}\n")
    rows = json.loads(command(capsys, "quarantine", "shop", "--json", "-d", store_url)[1])
    assert shown is None or rows[1]["excerpt"].startswith(shown)
    assert (rows[1]["excerpt"] is None) == (shown is None)


def test_where_there_is_none_a_sentence_says_so(
    store: Store, store_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    app = App(store, SimulatedClock(HOUR), Settings(database_url=store_url))
    app.register(Loaded(parse(CONTRACT), CONTRACT, Path("/nowhere")), author="test")
    assert command(capsys, "quarantine", "shop", "-d", store_url) == (0, "", "shop: nothing was set aside\n")
    code, out, _ = command(capsys, "quarantine", "shop", "--json", "-d", store_url)
    assert (code, json.loads(out)) == (0, [])
    code, _, err = command(capsys, "quarantine", "shoop", "-d", store_url)
    assert code == 2
    assert "shoop" in err
