"""SIGSTOP past the lease, then SIGCONT: what another has done since must not be done again.

A process stops itself at a place between claim and commit; another takes its work over; then it goes on as if nothing
had happened, and its result must be refused. Inside the transaction it holds the lock, so nobody takes over, and what
it commits afterwards is the only result.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psutil

from monitor import failpoints
from tests.chaos.fleet import wait_until
from tests.chaos.scenes import KINDS, LEASE_SECONDS, Scenes, prepared
from tests.chaos.table import Form, Row

# The place, and whether another can take the work over while the process stands there.
PLACES = (("measure.worked", True), ("judge.worked", True), ("judge.written", False), ("deliver.sent", True))
# What the process must say when it goes on: "went to another worker", "was taken over while it was being sent".
REFUSED = ("went to another", "was taken over")
AT_ONCE = 4


def run(form: Form) -> Iterator[Row]:
    with ThreadPoolExecutor(AT_ONCE) as pool, prepared(form, pool) as scenes:
        places = [(kind, *place) for place in PLACES for kind in KINDS]
        found = dict(zip(places, pool.map(lambda place: _try(form, scenes, *place), places), strict=True))
    for kind in KINDS:
        some = {place: result for place, result in found.items() if place[0] == kind}
        wanted = sum(taken for _, _, taken in some)
        refused = sum(refused for refused, _ in some.values())
        faults = sum(len(faults) for _, faults in some.values())
        yield Row(
            f"{kind}: SIGSTOP past the lease at {len(some)} places, SIGCONT",
            f"{refused} commits refused, {faults} violations",
            f"{wanted}, 0",
            ok=refused == wanted and not faults,
        )


def _try(form: Form, scenes: Scenes, kind: str, point: str, taken: bool) -> tuple[bool, list[str]]:
    """Whether the commit was refused, and what is wrong afterwards."""
    name = f"{kind}-{point}-stop".replace(".", "-")
    what = "deliver" if point.startswith("deliver.") else "work"
    with scenes.scene(kind, name, "begun") as fleet:
        log = fleet.folder / "victim.log"
        victim = fleet.start_light(what, **{failpoints.VARIABLE: f"{point}:stop", "CHAOS_LOG": str(log)})
        process = psutil.Process(victim)
        wait_until(f"{point} is reached", lambda: process.status() == psutil.STATUS_STOPPED, 30)
        fleet.start_light("work")
        fleet.start_light("deliver")
        time.sleep(2 * LEASE_SECONDS)
        if taken:
            wait_until("another did it", fleet.is_settled, 60)
        os.kill(victim, signal.SIGCONT)
        refused = False
        if taken:
            wait_until("the result is refused", lambda: _says(log.read_text("utf-8")), 20)
            refused = True
        faults = scenes.faults(fleet, name)
    form.say(f"{kind}, {point}: {'refused' if refused else 'nobody took over'}; {'; '.join(faults) or 'ok'}")
    return refused, faults


def _says(text: str) -> bool:
    return any(words in text for words in REFUSED)
