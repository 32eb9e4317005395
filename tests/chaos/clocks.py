"""Clocks that are wrong: this machine's, the database's, and the two changes of the year.

The processes run under libfaketime, whose offset is a file that changes while they work; the monotonic clock stays as
it is, as with a clock that somebody sets.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from monitor.app import App
from monitor.clock import SimulatedClock
from monitor.closing import Closing, Jumps
from monitor.settings import Settings
from monitor.store import baselines, models
from tests.chaos.checker import check
from tests.chaos.fleet import REPOSITORY, database, wait_until
from tests.chaos.service import Service, contracts, learnt, serving
from tests.chaos.stage import HOUR_US, Stage
from tests.chaos.storage import _judged
from tests.chaos.table import Form, Row
from tests.postgres import Server, binaries

LIBRARIES = tuple(
    f"/usr/lib/{machine}-linux-gnu/faketime/libfaketime.so.1" for machine in ("x86_64", "aarch64")
)
OFFSETS = ("+1h", "-1h")
TICK_SECONDS = 0.3
PACE = {
    "DRIFTGLASS_TICK_SECONDS": str(TICK_SECONDS),
    "DRIFTGLASS_READ_SECONDS": str(TICK_SECONDS),
    "DRIFTGLASS_LEASE_SECONDS": "5",
}
ASKED = """\
from monitor.store.clock import clock_of
from monitor.store.engine import Store
import sys, time
store = Store(sys.argv[1])
with store.read() as conn:
    there = conn.exec_driver_sql("SELECT extract(epoch FROM clock_timestamp())").scalar_one()
print(abs(clock_of(store).now_us() / 1e6 - float(there)), abs(time.time() - float(there)))
"""
# Some releases of libfaketime answer clock_nanosleep, and so time.sleep, with "invalid argument".
SLEEPING = """\
import select, time
time.sleep = lambda seconds: select.select([], [], [], seconds)
"""
CONTRACT = """\
model: {name}
timezone: Europe/Berlin
source: {{type: files, path: none.csv, id: id, time: at}}
columns: {{text: {{role: input, kind: text}}}}
window: {{every: {every}, lateness: 10m}}
reference: {{from: 2025-01-01, to: 2025-01-14}}
"""


def run(form: Form) -> Iterator[Row]:
    with database("postgresql", form.folder) as (url, _):
        yield _by_the_database(url)
        yield _changes_of_the_year(form, url)
    yield _jumps_of_the_machine(form)
    if not form.short:
        yield _jumps_of_the_database(form)


def _by_the_database(url: str) -> Row:
    """What a process takes for the time whose machine is an hour off."""
    with ThreadPoolExecutor(len(OFFSETS)) as pool:
        found = list(pool.map(lambda offset: _differences(url, offset), OFFSETS))
    off, machine = max(own for own, _ in found), min(theirs for _, theirs in found)
    return Row(
        "machine's clock ± 1 h, PostgreSQL",
        f"the service is {off:.1f} s from the database, its machine {machine:,.0f} s",
        "< 60 s",
        ok=off < 60 and machine > 3000,
    )


def _differences(url: str, offset: str) -> tuple[float, float]:
    """Seconds between the database's clock and that of a process that is so far off: what it works by, and its own."""
    variables = {**os.environ, "PYTHONPATH": str(REPOSITORY), **_faked(offset)}
    asked = subprocess.run(
        [sys.executable, "-c", ASKED, url], env=variables, capture_output=True, text=True, check=True
    )
    by_store, by_machine = asked.stdout.split()
    return float(by_store), float(by_machine)


def _jumps_of_the_machine(form: Form) -> Row:
    """The clock of a service on SQLite is set while it works."""
    folder = form.folder / "machine"
    folder.mkdir()
    offset = _no_offset(folder / "offset")
    (folder / "sitecustomize.py").write_text(SLEEPING, "utf-8")
    variables = {**_followed(offset), "PYTHONPATH": f"{folder}{os.pathsep}{REPOSITORY}"}
    return _set_at_work(form, "machine", f"sqlite:///{folder / 'store.db'}", offset, variables)


def _jumps_of_the_database(form: Form) -> Row:
    """The clock that all replicas go by is set while one works."""
    found = binaries()
    assert found is not None, "another row would have failed before"
    server = Server(found, lasting=True)
    try:
        server.make()
        offset = _no_offset(server.folder / "offset")
        server.environment = _followed(offset)
        server.start()
        return _set_at_work(form, "database", server.url, offset, {})
    finally:
        server.remove()


def _no_offset(path: Path) -> Path:
    path.write_text("+0\n", "utf-8")
    path.chmod(0o644)
    return path


def _set_at_work(form: Form, whose: str, url: str, offset: Path, variables: dict[str, str]) -> Row:
    """Set the clock forward, right, back and right again."""
    folder = form.folder / whose
    folder.mkdir(exist_ok=True)
    stage = Stage(folder / "stage", 1, telling=False, seed=form.seed)
    stage.reference()
    learnt(stage, url)
    settings = ("+1h", "+0") if form.short else ("+1h", "+0", "-1h", "+0")
    judged = 0
    with serving(folder, url, role="worker", **PACE, **variables) as service:
        for noticed, setting in enumerate(("", *settings)):
            if setting:
                offset.write_text(setting + "\n", "utf-8")
                _until_it_is_told(service, setting, noticed)
            # Nothing else may hold it up: an hour forward or back, what is written from now on is judged.
            stage.advance(2)
            judged += 2
            _until_it_goes_on(url, setting, judged)
        told = service.said("the clock jumped by")
        for setting in ("+1h", "+0"):  # there and back before anybody can look twice
            offset.write_text(setting + "\n", "utf-8")
            time.sleep(TICK_SECONDS / 3)
        stage.advance(1)
        _until_it_goes_on(url, "there and back", judged + 1)
        alive = service.process.poll() is None
    stage.write_facts(folder / "facts.json")
    report = check(url, folder / "facts.json", None)
    report.faults.pop("order", None)  # by the times that were written, which went back on purpose
    faults = report.lines()
    for fault in faults:
        form.say(f"{whose}: {fault}")
    return Row(
        f"{whose}'s clock set {', '.join(settings)} at work, {'SQLite' if variables else 'PostgreSQL'}",
        f"{told} jumps told, {len(faults)} violations",
        f"{len(settings)}, 0",
        ok=alive and told == len(settings) and not faults,
    )


def _until_it_is_told(service: Service, setting: str, jumps: int) -> None:
    wait_until(f"{setting} is told", lambda: service.said("the clock jumped by") >= jumps, 30)


def _until_it_goes_on(url: str, setting: str, hours: int) -> None:
    wait_until(f"it goes on at {setting or 'first'}", lambda: _judged(url) >= hours, 60)


def _changes_of_the_year(form: Form, url: str) -> Row:
    """Berlin around both changes, looked at every hour: each day and each hour is queued once, as it closes."""
    app = App.open(Settings(database_url=url), SimulatedClock(0))
    assert isinstance(app.clock, SimulatedClock)
    counts, early = [], 0
    for month, day in ((3, 28), (10, 24)):  # two days before the change
        first = int(datetime(2025, month, day, tzinfo=UTC).timestamp() * 1e6)
        last = first + 4 * 24 * HOUR_US
        kinds = [(f"{every}-{month}", every) for every in ("1h", "1d")]
        texts = [(name, CONTRACT.format(name=name, every=every)) for name, every in kinds]
        keys = contracts(app, texts, form.folder)
        for key in keys:
            with app.store.write() as conn:
                facts = {"from_us": 0, "to_us": first, "windows": 1, "blocks": 1, "missing": []}
                models.update_state(conn, key, plan_id="a plan", state="live")
                baselines.save(conn, key, "a plan", f"{key}", facts, b"", 0)
        ticking = Closing(app.store, app.clock, app.watched, 1e6, jumps=_Steady(app.clock))
        for at in range(first, last, HOUR_US):
            app.clock.set(at)
            ticking.tick()
            with app.store.read() as conn:
                early += conn.exec_driver_sql(
                    f"SELECT count(*) FROM windows WHERE end_us > {at}"
                ).scalar_one()
        with app.store.read() as conn:
            for key in keys:
                runs = f"FROM runs WHERE kind = 'judge' AND model_id = {key}"
                query = f"SELECT count(*), count(DISTINCT window_start_us) {runs}"
                counts.append(tuple(conn.exec_driver_sql(query).one()))
    app.store.close()
    # The last look is an hour before the end of the fourth day in UTC: hours up to two before it, and the days of
    # Berlin that ended by then, which in autumn are one fewer.
    wanted = [(94, 94), (3, 3), (94, 94), (2, 2)]
    return Row(
        "both changes of the year, hourly and daily windows in Berlin",
        f"{sum(one for one, _ in counts)} windows, {early} early",
        f"{sum(one for one, _ in wanted)}, 0",
        ok=counts == wanted and not early,
    )


class _Steady(Jumps):
    """The clock of this part is set hour by hour on purpose."""

    def steady(self) -> bool:
        return True


def _followed(offset: Path) -> dict[str, str]:
    """The environment of a process that goes by the offset in a file, whatever that is at the time."""
    return {**_faked(None), "FAKETIME_TIMESTAMP_FILE": str(offset), "FAKETIME_NO_CACHE": "1"}


def _faked(offset: str | None) -> dict[str, str]:
    """The environment of a process whose wall clock is off, and whose monotonic clock is not."""
    library = next((path for path in LIBRARIES if Path(path).exists()), None)
    if library is None:
        raise RuntimeError("libfaketime is not installed (apt-get install faketime)")
    found = {"LD_PRELOAD": library, "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1"}
    return found if offset is None else {**found, "FAKETIME": offset}
