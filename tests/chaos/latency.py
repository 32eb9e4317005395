"""From the end of a window to its notification: a hundred models whose windows all end in the same second.

The first model is learnt and its rows are copied for the others: what they read, measure, judge and tell is their own.
"""

from __future__ import annotations

import csv
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import psutil
from sqlalchemy import Connection, Table, insert, select

from monitor.app import App
from monitor.clock import SimulatedClock
from monitor.closing import Closing
from monitor.contract import load
from monitor.delivery.receiver import Receiver
from monitor.jobs import claim
from monitor.settings import Settings
from monitor.store import models, tables
from monitor.worker import do
from tests.chaos.fleet import wait_until
from tests.chaos.service import SECRET, Service, contracts, serving
from tests.chaos.stage import CHANNELS, SECRET_VARIABLE, URL_VARIABLE, WORDS
from tests.chaos.table import Form, Row

EVERY_SECONDS = 15
REFERENCE_WINDOWS = 60
RECORDS = 10
CONTRACT = """\
model: {name}
owner: shop
runbook: https://runbooks.example.com/{name}
source: {{type: files, path: "live/*.csv", id: id, time: at}}
columns:
  comment: {{role: input, kind: text, languages: [en, es]}}
  label: {{role: prediction, kind: category}}
window: {{every: {every}s, lateness: 0s, horizon: 1h, sample: 10}}
reference: {{from: "{first}", to: "{last}"}}
"""
# In this order: what refers to another table comes after it.
COPIED = (
    "plans",
    "baselines",
    "successions",
    "series",
    "windows",
    "parts",
    "sequences",
    "manifest",
    "cursors",
)


def run(form: Form) -> Iterator[Row]:
    count, rounds = form.pick(10, 100), form.pick(1, 3)
    live, url = form.folder / "live", f"sqlite:///{form.folder / 'store.db'}"
    now = int(time.time()) // EVERY_SECONDS * EVERY_SECONDS
    app = _prepared(form, url, live, now, count)
    form.say(f"{count} models")
    bare = _bare(url, live, now)
    now += EVERY_SECONDS
    form.say(f"bare: {bare.wall:.1f} s, {bare.cpu:.1f} s of CPU")
    with (
        Receiver(SECRET) as receiver,
        serving(
            form.folder,
            url,
            receiver.url,
            "worker",
            DRIFTGLASS_WORKERS="2",
            DRIFTGLASS_READ_SECONDS="3600",
            DRIFTGLASS_STORM_ALERTS="10000",  # else they are gathered for a while, which is no latency
        ) as service,
    ):
        end, cpu = now, 0.0
        latencies: list[float] = []
        # The first windows are without a fault: everything is at hand before the clock is stopped. A hundred models
        # catch up for longer than a window lasts, and those that close meanwhile are judged again in the second round,
        # with the records that came too late: what is measured is one window of each model.
        for round_ in range(form.pick(-1, -2), rounds):
            end = max(end, int(time.time()) // EVERY_SECONDS * EVERY_SECONDS) + EVERY_SECONDS
            time.sleep(max(0.0, end - EVERY_SECONDS / 3 - time.time()))
            _write(live, now, end, broken=round_ >= 0 and round_ % 2 == 0)
            now = end
            time.sleep(max(0.0, end - time.time()))
            before = _cpu_seconds(service)
            try:
                # With the first ones it catches up from the time that it was not there.
                wait_until(
                    "all are judged", partial(_are_judged, app, end, count), 90 if round_ >= 0 else 240
                )
            except TimeoutError as error:
                form.say(f"round {round_}: {error}")
                break
            time.sleep(1.5)
            cpu = _cpu_seconds(service) - before
            latencies += _latencies(app, end)
            form.say(f"round {round_}: {len(latencies)} notifications, {cpu:.1f} s of CPU")
        alive = service.process.poll() is None
        arrived = len(receiver.received)
    app.store.close()
    latencies.sort()
    p99 = latencies[min(len(latencies) - 1, int(0.99 * len(latencies)))] if latencies else float("inf")
    middle = latencies[len(latencies) // 2] if latencies else float("inf")
    seen = f"p99 {p99:.1f} s, median {middle:.1f} s, of {len(latencies)} notifications"
    yield Row(
        f"window closed → notification, {count} models at once, 1 s tick, 2 working processes",
        seen,
        "p99 < 5 s",
        ok=alive and p99 < 5 and arrived >= len(latencies) >= count,
        floor=f"all in one process {bare.wall:.1f} s ({bare.cpu:.1f} s CPU); serve {cpu:.1f} s CPU",
        timed=True,
    )


def _prepared(form: Form, url: str, live: Path, now: int, count: int) -> App:
    """A store in which so many models have learnt from what ends `now`."""
    live.mkdir()
    first = now - REFERENCE_WINDOWS * EVERY_SECONDS
    _write(live, first, now, broken=False)
    names = [f"shop-{number:03d}" for number in range(count)]
    app = App.open(Settings(database_url=url))
    variables = {URL_VARIABLE: "http://127.0.0.1:9/", SECRET_VARIABLE: SECRET}
    keys = contracts(app, [(name, _contract(name, first, now)) for name in names], form.folder)
    _learn(app, form.folder / f"{names[0]}.yaml", variables)
    with app.store.write() as conn:
        for key in keys[1:]:
            _copy(conn, keys[0], key)
    return app


@dataclass(frozen=True)
class Bare:
    """What the same work takes one after the other, without a service: seconds of a clock and of a processor."""

    wall: float
    cpu: float


def _bare(url: str, live: Path, now: int) -> Bare:
    """Read, measure and judge the next window of every model here, as if it had ended already."""
    end = now + EVERY_SECONDS
    _write(live, now, end, broken=False)
    app = App.open(Settings(database_url=url), SimulatedClock(end * 1_000_000))
    Closing(app.store, app.clock, app.watched, 3600).tick()
    wall, cpu = time.perf_counter(), time.process_time()
    while (run := claim(app.store, app.clock, "bare")) is not None:
        answer, _ = do(app, run)
        assert answer["ok"], answer
    bare = Bare(time.perf_counter() - wall, time.process_time() - cpu)
    app.store.close()
    return bare


def _cpu_seconds(service: Service) -> float:
    """What the service and its children have used until now."""
    process = psutil.Process(service.process.pid)
    times = [one.cpu_times() for one in (process, *process.children(recursive=True))]
    return float(sum(one.user + one.system for one in times))


def _contract(name: str, first: int, last: int) -> str:
    span = [datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for at in (first, last)]
    text = CONTRACT.format(name=name, every=EVERY_SECONDS, first=span[0], last=span[1])
    return text + CHANNELS.format(url=URL_VARIABLE, secret=SECRET_VARIABLE)


def _write(live: Path, first: int, end: int, *, broken: bool) -> None:
    """Records of [first, end), as many in each window; of the last window without labels if it is broken."""
    generator = random.Random(first)
    hidden = live / f"{first}.part"
    with hidden.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("id", "at", "comment", "label"))
        for start in range(first, end, EVERY_SECONDS):
            for number in range(RECORDS + generator.randrange(-2, 3)):
                at = datetime.fromtimestamp(start + generator.random() * EVERY_SECONDS * 0.6, UTC)
                label = (
                    ""
                    if broken and start + EVERY_SECONDS == end
                    else generator.choice(("praise", "complaint"))
                )
                writer.writerow((f"{start}-{number}", at.isoformat(), generator.choice(WORDS), label))
    hidden.rename(live / f"{first}.csv")


def _learn(app: App, contract: Path, variables: dict[str, str]) -> None:
    import os

    os.environ.update(variables)
    app.one_pass(app.register(load(contract), author="chaos"))


def _copy(conn: Connection, source: int, target: int) -> None:
    """Let a model have learnt and read what another has."""
    baseline: dict[int, int] = {}
    for name in COPIED:
        table: Table = tables.metadata.tables[name]
        for row in conn.execute(select(table).where(table.c.model_id == source)).mappings().all():
            fields = {**row, "model_id": target}
            key = fields.pop("id", None)
            if name == "successions":
                fields["baseline_id"] = baseline[fields["baseline_id"]]
            made = conn.execute(insert(table).values(fields))
            if name == "baselines":
                assert made.inserted_primary_key is not None
                baseline[key] = made.inserted_primary_key[0]
    known = models.by_id(conn, source)
    models.update_state(
        conn,
        target,
        state=known.state,
        plan_id=known.plan_id,
        baseline_id=None if known.baseline_id is None else baseline[known.baseline_id],
        materialised_until_us=known.materialised_until_us,
    )


def _latencies(app: App, end: int) -> list[float]:
    """Seconds from the end of a window to each delivery of what its judgement opened."""
    opened = f"SELECT id FROM episodes WHERE opened_us = {(end - EVERY_SECONDS) * 1_000_000}"
    with app.store.read() as conn:
        rows = conn.exec_driver_sql(
            "SELECT sent_us FROM outbox WHERE state = 'sent' AND type LIKE '%opened%' "
            f"AND created_us >= {end * 1_000_000} AND EXISTS ({opened})"
        ).all()
    return [row[0] / 1e6 - end for row in rows]


def _are_judged(app: App, end: int, count: int) -> bool:
    query = f"SELECT count(*) FROM windows WHERE state = 'judged' AND end_us = {end * 1_000_000}"
    with app.store.read() as conn:
        return int(conn.exec_driver_sql(query).scalar_one()) == count
