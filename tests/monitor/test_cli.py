"""The command line as its users see it: the door, and what holds for every command. Each has tests in `doors/`."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner

from monitor import __version__
from monitor.cli import app
from tests.monitor import stream
from tests.monitor.commandline import Cli, Watched, process


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


def test_on_a_wide_terminal_help_cuts_no_sentence_short() -> None:
    told = CliRunner().invoke(app, ["--help"], terminal_width=120).stdout
    commands = told.split("Commands:\n")[1].splitlines()
    assert commands[0].split()[0] == "init"
    assert [line for line in commands if line.endswith("...")] == []


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
