"""Everything that the doctor can find, one by one; and that a well installation is called well."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, text
from typer.main import get_command

from monitor import doctor
from monitor.app import App
from monitor.cli import app as command_line
from monitor.cli import main
from monitor.clock import SimulatedClock
from monitor.contract import Loaded, parse
from monitor.doctor import DAY_US, MINUTE_US, Finding, alive, examine
from monitor.settings import Settings
from monitor.store import chores, existing, keys, models, outbox, processes
from monitor.store import tables as t
from monitor.store.engine import Store
from monitor.store.models import CANARY
from monitor.store.processes import Process, Role
from tests.monitor.messages import put_message

CONTRACT = """\
model: shop
owner: ann
runbook: https://runbooks.example.com/shop
source: {type: push, id: id, time: at}
columns: {comment: {role: input, kind: text}}
channels: {hook: {type: webhook, url: env:HOOK_URL, secret: env:HOOK_SECRET}}
alerts: {channels: {ticket: [hook]}}
"""


def now() -> int:
    return int(datetime.now(UTC).timestamp() * 1e6)


@dataclass
class House:
    """An installation that is well: one model, one working process."""

    store: Store
    settings: Settings
    model_id: int

    def found(self, **options: object) -> list[Finding]:
        return examine(self.settings, **options)  # type: ignore[arg-type]

    def only(self, **options: object) -> Finding:
        (one,) = self.found(**options)
        return one

    def seen(self, role: Role = "all", age_us: int = 0, version: str = "1") -> None:
        with self.store.write() as conn:
            moment = now() - age_us
            name = f"{socket.gethostname()}:{role}:{version}"
            processes.seen(conn, Process(name, role, version, moment, moment), 0)

    def insert(self, table: object, **values: object) -> None:
        with self.store.write() as conn:
            conn.execute(insert(table).values(**values))  # type: ignore[arg-type]


@pytest.fixture
def house(store: Store, monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.setenv("HOOK_URL", "https://hooks.example.com/hunter2")
    monkeypatch.setenv("HOOK_SECRET", "whsec_x")
    monkeypatch.setenv("DRIFTGLASS_PUBLIC_URL", "https://drift.example.com")
    settings = Settings(database_url=store.address)
    loaded = Loaded(parse(CONTRACT), CONTRACT, Path("/nowhere"))
    watched = App(store, SimulatedClock(now()), settings).register(loaded, author="test")
    made = House(store, settings, watched.id)
    made.seen()
    return made


def test_a_well_installation(house: House) -> None:
    assert house.found(free=lambda _: 1 << 40) == []


# ----- the store ----------------------------------------------------------------------------------------------


def test_a_store_that_is_not_there(tmp_path: Path) -> None:
    (one,) = examine(Settings(database_url=f"sqlite:///{tmp_path}/none.db"))
    assert (one.severity, one.about) == ("problem", "store")
    assert "there is no file" in one.what
    assert not (tmp_path / "none.db").exists()


def test_a_server_that_does_not_answer() -> None:
    (one,) = examine(Settings(database_url="postgresql://me:hunter2@127.0.0.1:9/none"))
    assert "no answer" in one.what
    assert "hunter2" not in str(one)


def test_a_url_that_cannot_be_read() -> None:
    (one,) = examine(Settings(database_url="mysql://me:hunter2@db/x"))
    assert one.cure == "correct DRIFTGLASS_DATABASE_URL"
    assert "hunter2" not in str(one)


def test_tables_of_an_older_and_of_a_newer_release(house: House) -> None:
    house.store.downgrade("0009")
    assert house.only().cure == "run `driftglass db upgrade`"
    house.store.upgrade()
    with house.store.write() as conn:
        conn.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert house.only().cure == "run the newer release that made them"


def test_a_store_that_takes_no_writes(new_database: Callable[[str], str]) -> None:
    url = new_database("postgresql")
    store = Store(url)
    with store.write() as conn:
        name = conn.exec_driver_sql("SELECT current_database()").scalar_one()
        conn.exec_driver_sql(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    store.close()
    (one,) = examine(Settings(database_url=url))
    assert one.what.startswith("it takes no writes")


def test_a_disk_that_fills_up(new_database: Callable[[str], str]) -> None:
    settings = Settings(database_url=new_database("sqlite"))
    almost, _ = examine(settings, free=lambda _: 500 << 20)
    full, _ = examine(settings, free=lambda _: 5 << 20)
    assert (almost.about, almost.severity, full.severity) == ("disk", "warning", "problem")
    assert "5 MB are left" in full.what


# ----- what works ---------------------------------------------------------------------------------------------


def test_no_working_process(house: House) -> None:
    with house.store.write() as conn:
        conn.execute(t.processes.delete())
    house.seen("api")
    house.seen("worker", age_us=2 * MINUTE_US)
    assert house.only().about == "processes"
    assert not alive(house.settings, socket.gethostname())
    house.seen("worker")
    assert house.found() == []
    assert alive(house.settings, socket.gethostname())
    assert not alive(house.settings, "elsewhere")


def test_a_store_in_which_no_model_is_watched(store: Store) -> None:
    (one,) = examine(Settings(database_url=store.address))
    assert (one.severity, one.about) == ("warning", "models")
    assert one.what == f"no model is watched in {store.shown}"
    with store.write() as conn:
        models.create(conn, CANARY, now())
    assert one in examine(Settings(database_url=store.address)), "the canary is nobody's model"


def test_two_releases_side_by_side(house: House) -> None:
    house.seen(version="2")
    assert "releases 1, 2 run side by side" in house.only().what


def test_a_run_that_was_given_up_and_one_that_fails(house: House) -> None:
    run = {"model_id": house.model_id, "kind": "measure", "revision": 0, "available_us": 0}
    house.insert(t.runs, window_start_us=1, state="dead", error="it held more than 3000 MB", **run)
    house.insert(t.runs, window_start_us=2, state="failed", attempt=3, error="no such file", **run)
    dead, failed = house.found()
    assert (dead.severity, failed.severity) == ("problem", "warning")
    assert "it held more than 3000 MB" in dead.what
    assert "runs requeue" in dead.cure
    assert "failed 3 times and is tried again: no such file" in failed.what


def test_a_model_that_nobody_looks_at(house: House) -> None:
    start = (now() - DAY_US) // 3_600_000_000 * 3_600_000_000
    window = {"model_id": house.model_id, "start_us": start, "end_us": start + 3_600_000_000}
    house.insert(t.windows, state="judged", judged_us=start, **window)
    assert "no window was judged since" in house.only().what


def test_a_contract_that_cannot_be_used(house: House) -> None:
    with house.store.write() as conn:
        conn.execute(t.contracts.update().values(body="model: shop\nnew_key: 1\n"))
    one = house.only()
    assert one.about == "model shop"
    assert "it is not watched" in one.what


def test_a_secret_that_is_not_there(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOOK_URL")
    one = house.only()
    assert one.severity == "warning"
    assert "env:HOOK_URL" in one.what


def test_a_clock_that_is_off(house: House) -> None:
    off = house.found(wall=lambda: now() / 1e6 - 3600)
    assert any(one.about == "clock" for one in off)


# ----- what is told -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "severity"),
    [({"failures": 1}, "warning"), ({"failures": 9}, "problem"), ({"disabled_us": 1}, "problem")],
)
def test_a_receiver_that_fails(house: House, fields: dict[str, int], severity: str) -> None:
    house.insert(t.outlets, channel="shop/hook", updated_us=1, last_error="it answered 503", **fields)
    one = house.only()
    assert (one.about, one.severity) == ("channel shop/hook", severity)
    assert "it answered 503" in one.what


def test_notifications_that_were_given_up_or_wait(house: House) -> None:
    with house.store.write() as conn:
        put_message(conn, house.model_id, now(), key="1", state="dead")
        put_message(conn, house.model_id, now() - 2 * 60 * MINUTE_US, key="2")
    dead, late = house.found()
    assert "1 notifications were given up" in dead.what
    assert "has waited for 120 minutes" in late.what


def test_the_last_attempt_is_told_also_if_it_was_another_error(house: House) -> None:
    house.insert(t.outlets, channel="shop/hook", updated_us=1, last_error="Connection refused", failures=11)
    with house.store.write() as conn:
        put_message(conn, house.model_id, 1)
        message = outbox.claim(conn, ["shop/hook"], 1, 1)
        assert message is not None
        for error in ("Connection refused", "hooks.example.com answered 400"):
            outbox.add_attempt(conn, message, 1, None, error, 1.0)
        outbox.mark_dead(conn, message, 400, "hooks.example.com answered 400")
    down, dead = house.found()
    assert "hooks.example.com answered 400" in down.what
    assert "refused" not in down.what
    assert dead.about == "outbox"


def test_links_that_lead_to_this_machine_only(house: House) -> None:
    house.settings = house.settings.model_copy(update={"public_url": None})
    one = house.only()
    assert (one.severity, one.about) == ("warning", "links")
    assert "DRIFTGLASS_PUBLIC_URL" in one.cure


def test_a_canary_whose_drift_was_not_found(house: House) -> None:
    with house.store.write() as conn:
        models.create(conn, CANARY, now() - DAY_US)
    assert house.only().about == "canary"


def test_a_canary_that_has_not_begun_and_a_heartbeat_that_is_held(house: House) -> None:
    house.settings = house.settings.model_copy(update={"heartbeat_url": "env:X"})
    with house.store.write() as conn:
        chores.note(conn, "heartbeat", {"problems": ["a run has waited for 90 minutes"]}, 1)
    canary, heartbeat = house.found()
    assert canary.what == "it has not begun"
    assert "a run has waited for 90 minutes" in heartbeat.what


def test_a_key_that_expires_soon(house: House) -> None:
    with house.store.write() as conn:
        for name, days in (("soon", 3), ("later", 60)):
            keys.create(conn, name, ["read"], [], now() + days * DAY_US + MINUTE_US, "test", now())
    one = house.only()
    assert (one.about, one.what) == ("key soon", "it expires in 3 days")


# ----- the cures ----------------------------------------------------------------------------------------------


def commands_of_the_cures() -> list[str]:
    """Every command between backticks in the module and in what it takes its words from."""
    texts = [Path(module.__file__ or "").read_text("utf-8") for module in (doctor, existing)]
    return sorted({found for text in texts for found in re.findall(r"`driftglass ([^`]+)`", text)})


@pytest.mark.parametrize("cure", commands_of_the_cures())
def test_every_command_of_a_cure_is_one_with_these_options(cure: str) -> None:
    known: Any = get_command(command_line)
    words = re.sub(r"\{[^}]*\}", "x", cure).split()
    while words and words[0] in getattr(known, "commands", {}):
        known = known.commands[words.pop(0)]
    assert not hasattr(known, "commands"), f"{cure}: there is no such command"
    options = {name for one in known.params for name in one.opts}
    assert {word for word in words if word.startswith("-")} <= options
    arguments = [word for word in words if not word.startswith("-")]
    assert not arguments or len(known.params) > 0


def test_the_cures_of_what_was_given_up_work(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    with house.store.write() as conn:
        put_message(conn, house.model_id, 1)
        message = outbox.claim(conn, ["shop/hook"], 1, 1)
        assert message is not None
        outbox.mark_dead(conn, message, 400, "it answered 400")
    for typed in re.findall(r"`driftglass ([^`]+)`", house.only().cure):
        with pytest.raises(SystemExit) as ended:
            main([*typed.split(), "-d", house.settings.database_url])
        assert ended.value.code == 0, typed
    with house.store.read() as conn:
        assert outbox.counts(conn) == {"pending": 1}
    capsys.readouterr()


# ----- as it is typed -----------------------------------------------------------------------------------------


def test_the_command_says_it_and_ends_with_one(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    def command(*arguments: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as ended:
            main(["doctor", *arguments, "-d", house.settings.database_url])
        return int(ended.value.code or 0), capsys.readouterr().out

    assert command("--json") == (0, "[]\n")
    assert command("--live")[0] == 0
    with house.store.write() as conn:
        conn.execute(t.processes.delete())
    code, out = command()
    assert code == 1
    assert out.startswith("problem: processes: no working process")
    assert "to do: start `driftglass serve`" in out
    code, out = command("--json")
    assert code == 1
    assert json.loads(out)[0]["severity"] == "problem"
    assert command("--live")[0] == 1
