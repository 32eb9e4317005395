"""`driftglass run`: what a pass prints where, and how it exits."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import pytest

from monitor.doors.run import _found
from monitor.store import models, tables
from monitor.store.engine import Store
from tests.monitor import stream
from tests.monitor.commandline import Cli, Watched, store_beside


def test_a_contract_that_is_not_there_is_one_sentence_about_init(cli: Cli, tmp_path: Path) -> None:
    done = cli("run", "-c", tmp_path / "contract.yaml", "-d", f"sqlite:///{tmp_path / 'store.db'}")
    assert done.code == 2
    first = done.err.splitlines()[0]
    assert first.startswith(f"{tmp_path / 'contract.yaml'}: there is no such contract; driftglass init ")


def test_a_run_tells_what_it_found(watched: Watched) -> None:
    assert watched.first.code == 0
    assert f"orders: {len(stream.records()):,} records read, 12 windows judged" in watched.first.err
    assert "class_share(label)" in watched.first.out
    assert "retraining awaiting_approval" in watched.first.out


def test_on_a_terminal_the_bar_makes_room_for_what_is_said(quiet: Path) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "monitor.cli", "run", "-c", str(quiet), "-d", store_beside(quiet)]
    with subprocess.Popen(
        [*command, "--as-of", "data"],
        stdout=subprocess.DEVNULL,
        stderr=theirs,
        cwd=Path(__file__).parents[3],
        env=os.environ | {"TERM": "xterm"},
    ) as child:
        os.close(theirs)
        told = b""
        with suppress(OSError):  # what Linux says at the end
            while piece := os.read(ours, 65_536):
                told += piece
    os.close(ours)
    assert child.returncode == 0
    before, said, _ = told.partition(b"orders: ")
    assert said
    assert before.endswith(b"\x1b[2K"), "the bar was taken off the line first"


def test_a_second_run_reads_nothing_and_fail_on_tells_the_shell(cli: Cli, watched: Watched) -> None:
    again = ("run", "-c", watched.contract, "-d", watched.url, "--as-of", "data", "--no-deliver")
    plain = cli(*again)
    assert (plain.code, "orders: 0 records read, 0 windows judged" in plain.err) == (0, True)
    assert cli(*again, "--fail-on", "ticket").code == 1
    assert cli(*again, "--fail-on", "page").code == 0  # what is open is a ticket
    assert cli(*again, "--fail-on", "anything").code == 2


CHANNEL = """\
owner: ann
runbook: https://runbooks.example.com/orders
channels: {hook: {type: webhook, url: env:HOOK_URL, secret: env:HOOK_SECRET}}
alerts: {channels: {ticket: [hook]}}
"""


def test_a_run_says_who_was_not_told_and_why(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK_URL", "https://hooks.example.com/hunter2")
    monkeypatch.delenv("HOOK_SECRET", raising=False)
    stream.write(tmp_path / "orders.csv", stream.shifted(stream.records(), stream.day(15)))
    contract = stream.contract(tmp_path, more=CHANNEL)
    done = cli("run", "-c", contract, "-d", store_beside(contract), "--as-of", "data")
    (told,) = [line for line in done.err.splitlines() if "wait" in line]
    assert re.match(r"(1 notification waits|\d+ notifications wait): orders/hook: ", told)
    assert "HOOK_SECRET is not set" in told
    assert "hunter2" not in done.err


def test_every_open_episode_counts_however_many_came_after_it(
    tmp_path: Path, new_database: Callable[..., str]
) -> None:
    store = Store(new_database("sqlite"))
    with store.write() as conn:
        for name in ("orders", "other"):
            models.create(conn, name, 0)
        ids = {one.name: one.id for one in models.everyone(conn)}

        def episode(model: str, at: int, closed: bool) -> None:
            row = {
                "model_id": ids[model],
                "family": "volume",
                "severity": "page",
                "since_us": at,
                "last_us": at,
            }
            row |= {
                "opened_us": at,
                "closed_us": at + 1 if closed else None,
                "summary": "",
                "attributes": "{}",
            }
            conn.execute(tables.episodes.insert().values(row))

        episode("orders", 1, closed=False)
        for at in range(2, 40):
            episode("orders", at, closed=True)
            episode("other", at, closed=True)
    found, triggers = _found(store, ["orders"])
    store.close()
    assert [row["opened_us"] for row in found] == [*range(39, 19, -1), 1]
    assert triggers == []


def test_nothing_open_is_exit_0_with_fail_on(cli: Cli, quiet: Path) -> None:
    done = cli(
        "run", "-c", quiet, "-d", store_beside(quiet), "--as-of", "data", "--fail-on", "ticket", "--json"
    )
    assert done.json() == []


def test_old_data_is_judged_as_of_its_end_and_the_note_says_so(cli: Cli, tmp_path: Path) -> None:
    start = datetime(2020, 6, 1, tzinfo=stream.START.tzinfo)
    stream.write(tmp_path / "orders.csv", stream.records(days=15, start=start))
    contract = stream.contract(tmp_path, start=start)
    done = cli("run", "-c", contract, "-d", store_beside(contract))
    assert "4 windows judged" in done.err
    assert "days old: judged as of its window's end (--as-of now for today)" in done.err


def test_as_of_an_earlier_time_judges_what_had_closed_then(cli: Cli, quiet: Path) -> None:
    run = ("run", "-c", quiet, "-d", store_beside(quiet), "--as-of")
    before = cli(*run, "2026-06-10")
    assert "0 windows judged" in before.err
    assert "learning: windows are judged once the reference has closed" in before.err
    assert "6 windows judged" in cli(*run, "2026-06-16T12:00Z").err
    assert "6 windows judged" in cli(*run, "data").err  # the rest of the twelve
    wrong = cli(*run, "yesterday")
    assert wrong.code == 2
    assert "--as-of yesterday: write a day or a moment" in wrong.err


def test_a_bad_contract_does_not_stop_a_good_one(cli: Cli, quiet: Path) -> None:
    bad = quiet.with_name("bad.yaml")
    bad.write_text(quiet.read_text("utf-8").replace("model: orders", "modle: orders"), "utf-8")
    done = cli("run", "-c", bad, "-c", quiet, "-d", store_beside(quiet), "--as-of", "data")
    assert done.code == 2
    assert f"{bad}:1:" in done.err
    assert "12 windows judged" in done.err
    assert "no alerts" in done.out


def test_a_model_that_cannot_be_read_does_not_stop_the_others(cli: Cli, quiet: Path) -> None:
    lost = quiet.with_name("lost.yaml")
    text = quiet.read_text("utf-8").replace("model: orders", "model: lost")
    lost.write_text(text.replace("orders*.csv", "nothing*.csv"), "utf-8")
    done = cli("run", "-c", lost, "-c", quiet, "-d", store_beside(quiet), "--as-of", "data")
    assert done.code == 2
    assert done.err.count("lost: the reference holds no usable record") == 1
    assert "12 windows judged" in done.err


def test_records_that_cannot_be_used_are_counted_and_named(cli: Cli, tmp_path: Path) -> None:
    rows = stream.records()
    rows[-1] = dict(rows[-1], at="not a time")
    stream.write(tmp_path / "orders.csv", rows)
    contract = stream.contract(tmp_path)
    done = cli("run", "-c", contract, "-d", store_beside(contract), "--as-of", "data")
    assert "1 set aside (see `driftglass quarantine orders`)" in done.err
    (model,) = cli("status", "-d", store_beside(contract), "--json").json()["models"]
    assert model["set_aside"] == {"unreadable_time of at": 1}
    assert "1 unreadable_time of at" in cli("status", "-d", store_beside(contract)).out
