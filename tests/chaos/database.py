"""PostgreSQL restarted without a goodbye, again and again, and away for a while: nothing exits, nothing is lost.

Work goes on all the time, by real replicas and light processes. After each restart the time is taken until the next
window has been judged and `/readyz` of a replica says yes.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import httpx
import psycopg

from tests.chaos.checker import Database, check
from tests.chaos.fleet import Fleet, Receiver, Replica, Zygote, database, wait_until
from tests.chaos.stage import Stage
from tests.chaos.table import Form, Row
from tests.postgres import Server

RECOVERS_SECONDS = 10.0
MODELS = 3


@dataclass(frozen=True)
class Recovered:
    """Seconds from the moment the server was there again."""

    ready: float
    judged: float


def run(form: Form) -> Iterator[Row]:
    restarts, away = form.pick(3, 20), form.pick(5, 60)
    stage = Stage(form.folder / "stage", MODELS, seed=form.seed)
    stage.reference()
    with (
        Zygote() as zygote,
        Receiver(form.folder, form.seed, well=True) as receiver,
        database("postgresql", form.folder) as (url, server),
        Fleet(url, form.folder, stage, zygote, receiver.url("database")) as fleet,
    ):
        assert server is not None
        fleet.register()
        for _ in range(form.pick(1, 2)):
            fleet.start_replica()
        fleet.start_light("work")
        fleet.start_light("deliver")
        fleet.learn(form.pick(60, 120))
        _until_judged(fleet, stage, 60)
        bare = _bare(server, url)
        found = [_gone_for(fleet, stage, server, 0.0) for _ in range(restarts)]
        form.say(f"judged {', '.join(f'{one.judged:.1f}' for one in found)} s after each restart")
        after = _gone_for(fleet, stage, server, float(away))
        settled = fleet.settle(60)
        exits = sum(len(replica.exits) for replica in fleet.replicas) + fleet.lost_light
        if settled:
            fleet.quiet(30)
        else:
            form.say(fleet.tail())
        stage.write_facts(form.folder / "facts.json")
        report = check(url, form.folder / "facts.json", receiver.log("database"))
    for line in report.lines():
        form.say(line)
    yield _row(f"PostgreSQL restarted {restarts} times (immediate)", found, bare)
    yield _row(f"PostgreSQL away for {away} s", [after], bare)
    wrong = sum(len(faults) for faults in report.faults.values())
    yield Row(
        "meanwhile",
        f"{exits} processes ended, {wrong} violations in {report.windows} windows,"
        f" {report.notifications} notifications",
        "0, 0",
        ok=settled and not exits and not wrong and report.windows > 0,
    )


def _row(what: str, found: list[Recovered], bare: float) -> Row:
    ready, judged = max(one.ready for one in found), max(one.judged for one in found)
    return Row(
        what,
        f"ready after ≤ {ready:.1f} s, next window after ≤ {judged:.1f} s",
        f"< {RECOVERS_SECONDS:.0f} s",
        ok=max(ready, judged) < RECOVERS_SECONDS,
        timed=True,
        floor=f"a bare connection {bare:.2f} s",
    )


def _bare(server: Server, url: str) -> float:
    """Seconds from the server's start until a plain connection reads, without any of our processes' part in it."""
    server.stop()
    server.start()
    began = time.monotonic()
    with psycopg.connect(url) as connection:
        connection.execute("SELECT 1")
    return time.monotonic() - began


def _gone_for(fleet: Fleet, stage: Stage, server: Server, seconds: float) -> Recovered:
    """Stop the server in the middle of work, start it again, and take the time until all is as before."""
    stage.advance(2)
    time.sleep(0.7)  # into the work
    server.stop()
    time.sleep(seconds)
    server.start()
    began = time.monotonic()
    _until_ready(fleet.replicas[0], 60)
    ready = time.monotonic() - began
    _until_judged(fleet, stage, 60)
    return Recovered(ready, time.monotonic() - began)


def _until_ready(replica: Replica, seconds: float) -> None:
    def ready() -> bool:
        try:
            return httpx.get(f"{replica.url}/readyz", timeout=5, trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    wait_until("the replica is ready", ready, seconds)


def _until_judged(fleet: Fleet, stage: Stage, seconds: float) -> None:
    """Write an hour, and wait until one more window has been judged than before."""
    before = fleet.judged()
    stage.advance(1)
    with closing(Database(fleet.url)) as watched:
        states = "SELECT COUNT(*) FROM windows WHERE state = 'judged'"
        wait_until("a window is judged", lambda: watched.rows(states)[0][0] > before, seconds)
