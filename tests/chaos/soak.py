"""Three days of hours in minutes: memory, threads and file handles of every process stay what they are.

Every hour of every model is written, read, measured, judged and told; the API is asked meanwhile. What each process
holds is looked at every second. After a warm-up (caches fill, pools open) a line through that, over the hours that are
done, must not rise beyond its noise.

A working process remembers the last four weeks of each model (`monitor.recent`). Three days would only show how that
fills: here the reference is four weeks long, so that it is full from the first hour on.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import httpx
import psutil

from monitor.delivery.receiver import Receiver
from monitor.recent import RECENT_US
from monitor.store.engine import Store
from tests.chaos.fleet import wait_until
from tests.chaos.service import SECRET, Service, learnt, serving
from tests.chaos.stage import HOUR_US, Stage
from tests.chaos.table import Form, Row

PAGES = ("/readyz", "/livez", "/metrics", "/v1/models", "/v1/alerts")
PACE = {"DRIFTGLASS_READ_SECONDS": "3", "DRIFTGLASS_TICK_SECONDS": "0.2"}
STEP = 12  # hours that are written at once
LOOK_SECONDS = 1.0
WARM = 1 / 3  # of the hours
ALLOWED = 0.03  # of what a process holds: allocators keep what they once had
ALLOWED_SHORT = 0.15  # a dozen hours are still warming up
# With what a pool may open once more, and is no leak.
KINDS = (("memory", " MB", 0), ("threads", "", 2), ("file handles", "", 2))


@dataclass
class Held:
    """What one process held, look by look: (hours done by then, MB, threads, file handles)."""

    name: str
    rows: list[tuple[float, float, float, float]] = field(default_factory=list)


def run(form: Form) -> Iterator[Row]:
    models, hours, end = form.pick(2, 20), form.pick(12, 72), time.monotonic() + form.pick(100, 215)
    stage = Stage(form.folder / "stage", models, seed=form.seed, reference_days=RECENT_US // (24 * HOUR_US))
    stage.reference()
    url = f"sqlite:///{form.folder / 'store.db'}"
    learnt(stage, url)
    form.say(f"{models} models have learnt")
    store = Store(url)
    held: dict[int, Held] = {}
    began = time.monotonic()
    with (
        Receiver(SECRET) as receiver,
        serving(form.folder, url, receiver.url, **PACE) as service,
        httpx.Client(base_url=service.url, trust_env=False, timeout=15) as client,
    ):
        wait_until("the service answers", lambda: service.ready() == 200, 60)
        for hour in range(STEP, hours + 1, STEP):
            stage.advance(STEP)
            while (judged := _judged(store)) < models * hour and time.monotonic() < end:
                _look(service, held, judged / models)
                time.sleep(LOOK_SECONDS)
            asked = [client.get(page).status_code for page in PAGES]
            assert asked == [200] * len(PAGES), asked
            form.say(f"{judged / models:.0f} hours, {time.monotonic() - began:.0f} s")
            if judged < models * hour:
                break
        told = len(receiver.received)
    store.close()
    seconds = time.monotonic() - began
    for one in sorted(held.values(), key=lambda one: one.name):
        if one.rows[-1][0] - one.rows[0][0] >= hours / 2:
            yield _row(one, models, hours, ALLOWED_SHORT if form.short else ALLOWED)
    yield Row(
        f"{hours} hours of {models} models are judged and told",
        f"{judged:,} windows, {told} notifications in {seconds:.0f} s",
        f"{models * hours:,} windows",
        ok=told > 0 and judged >= models * hours,
    )


def _judged(store: Store) -> int:
    with store.read() as conn:
        return int(conn.exec_driver_sql("SELECT count(*) FROM windows WHERE state = 'judged'").scalar_one())


def _look(service: Service, held: dict[int, Held], hour: float) -> None:
    parent = psutil.Process(service.process.pid)
    for process in (parent, *parent.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            name = "service" if process.pid == parent.pid else "working process"
            found = held.setdefault(process.pid, Held(name))
            memory = process.memory_info().rss / 2**20
            found.rows.append((hour, memory, process.num_threads(), process.num_fds()))


def _row(one: Held, models: int, hours: int, allowed: float) -> Row:
    warm = [row for row in one.rows if row[0] > hours * WARM]
    said, ok = [], True
    for place, (kind, unit, more) in enumerate(KINDS, 1):
        x, y = [row[0] for row in warm], [row[place] for row in warm]
        slope, error = line(x, y)
        mean, span = sum(y) / len(y), x[-1] - x[0]
        said.append(f"{kind} {mean:.0f}{unit} {slope:+.3f} ± {2 * error:.3f}/h")
        ok &= slope <= 2 * error or slope * span <= max(allowed * mean, more)
    return Row(
        f"{one.name}, {models} models, hours {x[0]:.0f} to {hours}",
        ", ".join(said),
        f"rise ≤ 2 standard errors, or in all {allowed:.0%}, two threads, two handles",
        ok=ok,
    )


def line(x: Sequence[float], y: Sequence[float]) -> tuple[float, float]:
    """Slope of the least-squares line through at least three points, and its standard error."""
    n, middle, level = len(x), sum(x) / len(x), sum(y) / len(y)
    spread = sum((one - middle) ** 2 for one in x)
    slope = sum((a - middle) * (b - level) for a, b in zip(x, y, strict=True)) / spread
    rest = sum((b - level - slope * (a - middle)) ** 2 for a, b in zip(x, y, strict=True))
    return slope, math.sqrt(rest / (n - 2) / spread)
