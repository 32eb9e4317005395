"""What is opened is closed, and nobody makes a store by looking for one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.monitor.commandline import Cli, Done, Watched, store_beside


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


def test_before_the_first_model_there_is_nothing_to_review_or_check(cli: Cli, quiet: Path) -> None:
    page = quiet.with_name("review.html")
    for command in (("review", "--html", page), ("check-reference", "-c", quiet)):
        assert cli(*command, "-d", store_beside(quiet)) == Done(2, "", no_model(store_beside(quiet)))
    assert not page.exists()
    assert not quiet.with_name("store.db").exists()


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


@pytest.mark.parametrize(
    "typed",
    [
        "status",
        "alerts",
        "alerts --model ordres",
        "explain 1",
        "unlike",
        "triggers",
        "measurements",
        "measurements --metric nothing",
        "replay orders/2026-06-16T00:00Z",
        "performance",
        "feedback 99 undo",
        "check-reference -c CONTRACT",
        "review --html review.html",
        "export measurements",
        "runs list",
        "db upgrade",
    ],
)
def test_no_command_leaves_a_store_open(
    cli: Cli, watched: Watched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: str
) -> None:
    """The last connection that is closed folds SQLite's write-ahead log into the file and removes it."""
    monkeypatch.chdir(tmp_path)
    cli(*(watched.contract if word == "CONTRACT" else word for word in typed.split()), "-d", watched.url)
    assert [path.name for path in watched.contract.parent.glob("store.db-*")] == []
