"""The command line as its users see it: what it prints where, and how it exits."""

from __future__ import annotations

import hashlib
import json
import os
import re
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from monitor import __version__
from monitor.cli import main
from monitor.commands import _found
from monitor.store import models, tables
from monitor.store.engine import Store
from tests.monitor import stream

RETRAINING = """\
retraining:
  when: {any: [predictions], persists: 2 windows}
  approval: required
  target: {type: webhook, url: env:RETRAIN_URL, secret: env:RETRAIN_SECRET}
"""


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        assert self.code == 0, self.err
        return json.loads(self.out)


Cli = Callable[..., Done]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    """Run a command in this process, through the same door as the installed script."""

    def run(*arguments: object) -> Done:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        told = capsys.readouterr()
        return Done(int(ended.value.code or 0), told.out, told.err)

    return run


def process(*arguments: object, cwd: Path) -> Done:
    """Run a command as a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "monitor.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        timeout=120,
    )
    return Done(done.returncode, done.stdout, done.stderr)


@dataclass(frozen=True)
class Watched:
    """A stream of which the predictions move from day 15 on, run once; tests that share it only read."""

    contract: Path
    url: str
    first: Done


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Watched:
    folder = tmp_path_factory.mktemp("watched")
    stream.write(folder / "orders.csv", stream.shifted(stream.records(), stream.day(15)))
    contract, url = stream.contract(folder, more=RETRAINING), f"sqlite:///{folder / 'store.db'}"
    return Watched(contract, url, process("run", "-c", contract, "-d", url, "--as-of", "data", cwd=folder))


@pytest.fixture
def quiet(tmp_path: Path) -> Path:
    """The contract of a stream in which nothing happens; its store is not there yet."""
    stream.write(tmp_path / "orders.csv", stream.records())
    return stream.contract(tmp_path)


def store_beside(contract: Path) -> str:
    return f"sqlite:///{contract.with_name('store.db')}"


# ----- the door -------------------------------------------------------------------------------------------------


def test_help_lists_the_commands_and_version_is_the_package_s(tmp_path: Path) -> None:
    told = process("--help", cwd=tmp_path)
    assert told.code == 0
    listed = {line.split()[0] for line in told.out.splitlines() if line.startswith("  ") and line.split()}
    commands = {"init", "check-contract", "run", "serve", "status", "alerts", "measurements", "triggers"}
    assert commands | {"check-reference", "review", "demo", "db", "export"} <= listed
    assert process("--version", cwd=tmp_path).out == f"driftglass {__version__}\n"


@pytest.mark.parametrize(
    "arguments", [["frobnicate"], ["run", "--nope"], ["alerts", "--limit", "0"], ["serve", "--port", "70000"]]
)
def test_what_it_does_not_understand_is_exit_2(cli: Cli, arguments: list[str]) -> None:
    done = cli(*arguments)
    assert done.code == 2
    assert "Traceback" not in done.err


def test_a_setting_that_is_wrong_is_exit_2_without_its_value(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DRIFTGLASS_PORT", "s3cret")
    done = cli("run", "-c", stream.contract(tmp_path))
    assert done.code == 2
    assert "DRIFTGLASS_PORT" in done.err
    assert "s3cret" not in done.err


def test_a_database_that_does_not_answer_is_exit_3_in_one_sentence(quiet: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    done = process("run", "-c", quiet, "-d", f"postgresql://u:s3cret@127.0.0.1:{port}/x", cwd=tmp_path)
    assert done.code == 3
    assert done.err.startswith("driftglass: ")
    assert "Traceback" not in done.err
    assert "s3cret" not in done.err


# ----- contracts ------------------------------------------------------------------------------------------------


def test_init_writes_a_contract_that_holds_and_overwrites_nothing(cli: Cli, quiet: Path) -> None:
    records, target = quiet.with_name("orders.csv"), quiet.with_name("inferred.yaml")
    assert cli("init", records, "-o", target).code == 0
    checked = cli("check-contract", target)
    assert (checked.code, checked.out) == (0, f"{target}: fine (model orders)\n")
    assert json.loads(target.with_name("contract.schema.json").read_text("utf-8"))["$defs"]

    target.write_text(target.read_text("utf-8") + "# my own word\n", "utf-8")
    refused = cli("init", records, "-o", target)
    assert refused.code == 2
    assert "--force" in refused.err
    wrong = cli("init", records.with_name("nosuch.csv"), "-o", target)
    assert "nosuch.csv" in wrong.err
    assert "--force" not in wrong.err
    assert "# my own word" in target.read_text("utf-8")
    assert cli("init", records, "-o", target, "--force").code == 0
    assert "# my own word" not in target.read_text("utf-8")


def test_an_inferred_contract_runs_as_it_stands(cli: Cli, quiet: Path) -> None:
    target = quiet.with_name("inferred.yaml")
    assert cli("init", quiet.with_name("orders.csv"), "-o", target).code == 0
    done = cli("run", "-c", target, "-d", store_beside(quiet), "--as-of", "data")
    assert done.code == 0, done.err
    assert f"orders: {len(stream.records()):,} records read" in done.err


def test_check_contract_tells_every_problem_and_exits_2(cli: Cli, quiet: Path) -> None:
    text = quiet.read_text("utf-8").replace("timezone: UTC", "timezone: Mars/Base")
    bad = quiet.with_name("bad.yaml")
    bad.write_text(text.replace("role: score", "role: scroe"), "utf-8")
    done = cli("check-contract", quiet, bad)
    assert done.code == 2
    assert done.out == f"{quiet}: fine (model orders)\n"
    *problems, last = done.err.splitlines()
    assert last == "2 problems"
    assert any(problem.startswith(f"{bad}:2:") and "timezone" in problem for problem in problems)
    assert any("columns.score.role" in problem and 'did you mean "score"?' in problem for problem in problems)


def test_a_contract_that_is_not_there_is_one_sentence_about_init(cli: Cli, tmp_path: Path) -> None:
    done = cli("run", "-c", tmp_path / "contract.yaml", "-d", f"sqlite:///{tmp_path / 'store.db'}")
    assert done.code == 2
    first = done.err.splitlines()[0]
    assert first.startswith(f"{tmp_path / 'contract.yaml'}: there is no such contract; driftglass init ")


def test_the_schema_for_editors_is_a_json_schema(cli: Cli) -> None:
    from jsonschema import Draft202012Validator

    schema = cli("check-contract", "--schema").json()
    Draft202012Validator.check_schema(schema)
    assert "model" in schema["required"]


# ----- run ------------------------------------------------------------------------------------------------------


def test_a_run_tells_what_it_found(watched: Watched) -> None:
    assert watched.first.code == 0
    assert f"orders: {len(stream.records()):,} records read, 12 windows judged" in watched.first.err
    assert "class_share(label)" in watched.first.out
    assert "retraining awaiting_approval" in watched.first.out


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
    assert "1 set aside (see `driftglass status`)" in done.err
    (model,) = cli("status", "-d", store_beside(contract), "--json").json()["models"]
    assert model["set_aside"] == {"unreadable_time of at": 1}
    assert "1 unreadable_time of at" in cli("status", "-d", store_beside(contract)).out


# ----- what is there --------------------------------------------------------------------------------------------


def test_alerts_as_json_hold_the_evidence(cli: Cli, watched: Watched) -> None:
    (alert,) = cli("alerts", "-d", watched.url, "--json").json()
    assert (alert["model"], alert["family"], alert["severity"]) == ("orders", "predictions", "ticket")
    assert "2026-06-16T00:00:00Z" <= alert["opened"] <= "2026-06-16T12:00:00Z"
    assert alert["closed"] is None
    moved = alert["attributes"]["moved"][0]
    assert (moved["metric"], moved["column"]) == ("class_share", "label")
    assert moved["value"] == {"complaint": 1.0, "praise": 0.0}[moved["term"]]
    assert cli("alerts", "-d", watched.url, "--json", "--family", "volume").json() == []
    assert len(cli("alerts", "-d", watched.url, "--json", "--open", "--model", "orders").json()) == 1


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


def test_triggers_as_json_hold_every_guard(cli: Cli, watched: Watched) -> None:
    (trigger,) = cli("triggers", "-d", watched.url, "--json").json()
    assert (trigger["model"], trigger["state"]) == ("orders", "awaiting_approval")
    guards = {guard["guard"]: guard["passed"] for guard in trigger["guards"]}
    assert guards == {
        "persistence": True,
        "data_quality": True,
        "cooldown": True,
        "in_flight": True,
        "approval": False,
    }
    assert "callback_sha256" not in trigger


def test_status_says_how_far_everything_is(cli: Cli, watched: Watched) -> None:
    status = cli("status", "-d", watched.url, "--json").json()
    (model,) = status["models"]
    assert (model["model"], model["open_episodes"]) == ("orders", 1)
    assert model["judged_until"] == "2026-06-18T00:00:00Z"
    assert {name.split()[0] for name in model["runs"]} == {"read", "measure", "judge"}
    assert {name.split()[1] for name in model["runs"]} == {"succeeded"}


@pytest.mark.parametrize("command", ["alerts", "measurements", "triggers", "status"])
def test_tables_for_people_name_the_model(cli: Cli, watched: Watched, command: str) -> None:
    done = cli(command, "-d", watched.url)
    assert done.code == 0
    assert ("alert #1" if command == "triggers" else "orders") in done.out


@pytest.mark.parametrize("command", [["alerts"], ["measurements"], ["triggers"], ["export", "measurements"]])
def test_an_unknown_model_is_exit_2_in_one_sentence(cli: Cli, watched: Watched, command: list[str]) -> None:
    done = cli(*command, "-d", watched.url, "--model", "ordres")
    assert done.code == 2
    (sentence,) = done.err.splitlines()
    assert "ordres" in sentence


def test_an_export_is_the_same_every_time(cli: Cli, watched: Watched, tmp_path: Path) -> None:
    first, second = (cli("export", "measurements", "-d", watched.url) for _ in range(2))
    assert first == second
    assert first.err == f"sha256 {hashlib.sha256(first.out.encode()).hexdigest()}\n"
    assert first.out.count("\n") > 1000
    target = tmp_path / "all.csv"
    assert cli("export", "measurements", "-d", watched.url, "-o", target).err == first.err
    assert target.read_text("utf-8") == first.out


def test_check_reference_judges_each_block_by_the_others(cli: Cli, watched: Watched) -> None:
    found = cli("check-reference", "-c", watched.contract, "-d", watched.url, "--json").json()
    assert (found["windows"], found["fired"]) == (56, [])


def test_check_reference_without_a_baseline_says_what_to_do(cli: Cli, quiet: Path) -> None:
    cli("run", "-c", quiet, "-d", store_beside(quiet), "--as-of", "2026-06-10")
    done = cli("check-reference", "-c", quiet, "-d", store_beside(quiet))
    assert done.code != 0
    assert "orders: there is no baseline yet" in done.err


def test_a_review_is_one_file_that_needs_no_other(cli: Cli, watched: Watched, tmp_path: Path) -> None:
    target = tmp_path / "review.html"
    assert cli("review", "-d", watched.url, "--html", target).code == 0
    page = target.read_text("utf-8")
    assert page.lower().startswith("<!doctype html>")
    assert "2026-W25" in page  # of the newest judged window
    assert "predictions" in page
    fetched = re.findall(r"<(?:link|script|img)\b[^>]*?(?:href|src)=\"([^\"]*)", page)
    assert all(address.startswith("data:") for address in fetched)
    assert "@import" not in page
    assert "url(" not in page
    assert cli("review", "-d", watched.url, "--week", "2026-W99", "--html", target).code == 2


def no_model(url: str) -> str:
    return f"driftglass: no model is watched yet in {url}: driftglass init FILE, then driftglass run\n"


@pytest.mark.parametrize("there", [False, True])
@pytest.mark.parametrize("command", ["alerts", "measurements", "triggers", "status"])
def test_before_the_first_model_readers_say_what_to_do(
    cli: Cli, new_database: Callable[..., str], command: str, there: bool
) -> None:
    url = new_database("sqlite", migrated=there)
    assert cli(command, "-d", url) == Done(0, "", no_model(url))
    assert cli(command, "-d", url, "--json").json() == (
        {"models": [], "outbox": {}} if command == "status" else []
    )
    assert Path(url.removeprefix("sqlite:///")).exists() == there


@pytest.mark.parametrize(
    "typed",
    [
        "outbox list",
        "outbox replay --all-dead",
        "keys list",
        "keys revoke x",
        "silence list",
        "silence expire 1",
        "runs list",
        "runs requeue --all",
        "notify channels",
        "erase m x",
        "ack 1",
        "export measurements",
    ],
)
def test_in_the_wrong_folder_no_command_makes_a_store(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DRIFTGLASS_DATABASE_URL", raising=False)
    done = cli(*typed.split())
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("driftglass: there is no file driftglass.db: check DRIFTGLASS_DATABASE_URL")
    assert list(tmp_path.iterdir()) == []


def test_a_first_key_may_be_made_before_the_first_model(cli: Cli, tmp_path: Path) -> None:
    made = cli("keys", "create", "ci", "-s", "ingest", "-m", "nope", "-d", f"sqlite:///{tmp_path / 'new.db'}")
    assert made.code == 0
    assert "warning: no such model yet: nope" in made.err


def test_before_the_first_model_there_is_nothing_to_review_or_check(cli: Cli, quiet: Path) -> None:
    page = quiet.with_name("review.html")
    for command in (("review", "--html", page), ("check-reference", "-c", quiet)):
        assert cli(*command, "-d", store_beside(quiet)) == Done(2, "", no_model(store_beside(quiet)))
    assert not page.exists()
    assert not quiet.with_name("store.db").exists()


def test_a_review_of_nothing_says_so(cli: Cli, quiet: Path) -> None:
    cli("run", "-c", quiet, "-d", store_beside(quiet), "--as-of", "2026-06-10")
    done = cli("review", "-d", store_beside(quiet), "--html", quiet.with_name("review.html"))
    assert done.code == 2
    assert "nothing was judged yet" in done.err
    assert not quiet.with_name("review.html").exists()
    assert cli("triggers", "-d", store_beside(quiet)).out == "no triggers\n"


def test_words_that_match_nothing_are_refused_with_those_that_do(cli: Cli, watched: Watched) -> None:
    family = cli("alerts", "-d", watched.url, "--family", "predicitons")
    metric = cli("measurements", "-d", watched.url, "--metric", "class_shares")
    assert (family.code, metric.code) == (2, 2)
    assert "--family predicitons: there are " in family.err
    assert "health, " in family.err
    assert cli("alerts", "-d", watched.url, "--family", "health").code == 0
    assert "predictions" in family.err
    assert "--metric class_shares: there are " in metric.err
    assert "class_share, " in metric.err


def test_times_in_tables_say_their_zone(cli: Cli, watched: Watched) -> None:
    assert cli("measurements", "-d", watched.url).out.startswith("window (UTC)")


# ----- tables ---------------------------------------------------------------------------------------------------


def test_tables_go_up_and_down(cli: Cli, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new.db'}"
    up = cli("db", "upgrade", "-d", url)
    assert (up.code, "at revision" in up.err) == (0, True)
    down = cli("db", "downgrade", "base", "-d", url)
    assert (down.code, down.err.strip().endswith("at revision base")) == (0, True)
    assert cli("db", "upgrade", "-d", url).err == up.err
    wrong = cli("db", "upgrade", "no-such-revision", "-d", url)
    assert wrong.code == 2
    assert "no-such-revision" in wrong.err


def test_tables_of_a_newer_version_are_left_alone(cli: Cli, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new.db'}"
    cli("db", "upgrade", "-d", url)
    with closing(sqlite3.connect(tmp_path / "new.db")) as conn, conn:
        conn.execute("UPDATE alembic_version SET version_num = '9999'")
    done = cli("status", "-d", url)
    assert done.code == 2
    assert "9999" in done.err
