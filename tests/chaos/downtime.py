"""Seven days without any process: every window that closed is queued in time, and an alert tells of itself once."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from monitor.app import App
from monitor.delivery.receiver import Receiver
from monitor.settings import Settings
from monitor.store import baselines, models, windows
from monitor.store.engine import Store
from tests.chaos.fleet import database, wait_until
from tests.chaos.service import SECRET, contracts, learnt, serving
from tests.chaos.stage import HOUR_US, REFERENCE_HOURS, Stage
from tests.chaos.table import Form, Row

HOURS = 7 * 24
CONTRACT = """\
model: {name}
source: {{type: files, path: "{name}/*.csv", id: id, time: at}}
columns: {{text: {{role: input, kind: text}}}}
window: {{every: 1h, lateness: 10m}}
reference: {{from: 2026-01-01, to: 2026-01-14}}
"""


class Broken(Stage):
    """Models whose labels are all missing once the reference is over: one alert, for as long as that lasts."""

    def records(self, name: str, hour: int) -> list[Sequence[str]]:
        rows = super().records(name, hour)
        if hour < REFERENCE_HOURS:
            return rows
        return [(*row[:3], "") for row in rows]


def run(form: Form) -> Iterator[Row]:
    for kind in ("sqlite",) if form.short else ("sqlite", "postgresql"):
        folder = form.folder / kind
        folder.mkdir()
        with database(kind, folder) as (url, _):
            yield _materialised(form, kind, folder, url, form.pick(20, 100))
    yield _told(form, form.folder / "told", 10, form.pick(6, HOURS))


def _materialised(form: Form, kind: str, folder: Path, url: str, count: int) -> Row:
    """Models that were judged up to a week ago, and nothing of theirs to read."""
    app = App.open(Settings(database_url=url))
    now_us = app.clock.now_us()
    since_us = (now_us // HOUR_US - HOURS - 1) * HOUR_US
    names = [f"model-{number:03d}" for number in range(count)]
    for model_id in contracts(app, [(name, CONTRACT.format(name=name)) for name in names], folder):
        with app.store.write() as conn:
            models.update_state(
                conn, model_id, plan_id="a plan", state="live", materialised_until_us=since_us
            )
            facts = {"from_us": 0, "to_us": since_us, "windows": 1, "blocks": 1, "missing": []}
            baselines.save(conn, model_id, "a plan", "sha256", facts, b"", now_us)
            # Its last record before the service went down: it was followed until then.
            last = windows.Counts(since_us - 2 * HOUR_US, since_us - HOUR_US, records=1)
            windows.upsert(conn, model_id, [last])
    wanted = count * HOURS
    began = time.monotonic()

    def queued() -> int:
        with app.store.read() as conn:
            query = "SELECT count(*) FROM runs WHERE kind = 'judge'"
            return int(conn.exec_driver_sql(query).scalar_one())

    with serving(folder, url, role="worker") as service:
        while (found := queued()) < wanted and time.monotonic() - began < 90:
            time.sleep(0.5)
        seconds = time.monotonic() - began
        form.say(
            f"{kind}: {found:,} of {wanted:,} windows after {seconds:.1f} s, start of the service included"
        )
        alive = service.process.poll() is None
    app.store.close()
    return Row(
        f"{kind}: {count} models hourly, 7 days down, {wanted:,} windows",
        f"{found:,} queued in {seconds:.1f} s",
        "all in < 60 s",
        ok=alive and wanted <= found <= wanted + count and seconds < 60,
        timed=wanted <= found <= wanted + count,
    )


def _told(form: Form, folder: Path, count: int, hours: int) -> Row:
    """A break that lasted all the time away."""
    folder.mkdir()
    stage = Broken(folder, count, seed=form.seed)
    stage.reference()
    url = f"sqlite:///{folder / 'store.db'}"
    learnt(stage, url)
    stage.advance(hours)
    store = Store(url)

    def judged() -> int:
        with store.read() as conn:
            query = "SELECT count(*) FROM windows WHERE state = 'judged'"
            return int(conn.exec_driver_sql(query).scalar_one())

    with (
        Receiver(SECRET) as receiver,
        serving(folder, url, receiver.url, "worker", DRIFTGLASS_WORKERS="2"),
    ):
        began = time.monotonic()
        wait_until("every window is judged", lambda: judged() >= count * hours, 240)
        form.say(f"{count * hours:,} windows judged in {time.monotonic() - began:.0f} s")
        receiver.wait_for(count, 10)
        time.sleep(2)
        told = Counter((one.event["type"], one.event["subject"]) for one in receiver.received)
    store.close()
    opened = {subject: number for (what, subject), number in told.items() if what.endswith("opened.v1")}
    return Row(
        f"alerts of {count} models and {hours} hours that were caught up",
        f"{len(opened)} opened, told {sum(told.values())} times",
        "1 notification per alert",
        ok=len(opened) >= count and all(number == 1 for number in told.values()),
    )
