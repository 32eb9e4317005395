"""`driftglass measurements` and `export measurements`; `replay` has tests of its own."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tests.monitor.commandline import Cli, Watched


def test_measurements_as_json_can_be_chosen(cli: Cli, watched: Watched) -> None:
    wanted = ("--metric", "class_share", "--column", "label", "--term", "complaint", "--segment", "*")
    command = ("measurements", "-d", watched.url, "--json", *wanted)
    rows = cli(*command, "--from", "2026-06-15", "--to", "2026-06-17").json()
    assert [row["window_start"] for row in rows] == sorted(row["window_start"] for row in rows)
    assert len(rows) == 8
    assert {(row["metric"], row["column"], row["term"]) for row in rows} == {
        ("class_share", "label", "complaint")
    }
    assert [row["value"] == 1.0 for row in rows] == [False] * 4 + [True] * 4
    assert rows[0]["status"] == "ok"
    assert rows[-1]["status"] == "breach"
    assert len(cli(*command, "--limit", "3").json()) == 3


def test_times_in_tables_say_their_zone(cli: Cli, watched: Watched) -> None:
    assert cli("measurements", "-d", watched.url).out.startswith("window (UTC)")


def test_an_export_is_the_same_every_time(cli: Cli, watched: Watched, tmp_path: Path) -> None:
    first, second = (cli("export", "measurements", "-d", watched.url) for _ in range(2))
    assert first == second
    assert first.err == f"sha256 {hashlib.sha256(first.out.encode()).hexdigest()}\n"
    assert first.out.count("\n") > 1000
    target = tmp_path / "all.csv"
    assert cli("export", "measurements", "-d", watched.url, "-o", target).err == first.err
    assert target.read_text("utf-8") == first.out
