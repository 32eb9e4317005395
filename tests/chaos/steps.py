"""kill -9 at each named step of reading, claiming, working, finishing and delivering, on both databases.

The steps are `monitor.failpoints.POINTS`, so none is forgotten; a step that no process came by is a violation too.
Another process finishes the work then, and `checker` judges.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import psutil

from monitor import failpoints
from tests.chaos.fleet import patience
from tests.chaos.scenes import KINDS, LEASE_SECONDS, Scenes, prepared
from tests.chaos.table import Form, Row

AT_ONCE = 5  # steps tried at the same time
# What happens only in the beginning; every other step is tried where something has been judged.
FIRST = ("fit.", "heartbeat.")
SHORT_LEASE_SECONDS = 1.0  # of the step that comes only when a third of a lease has passed
REACHED_SECONDS = 30


@dataclass(frozen=True)
class Tried:
    """What became of one step on one database."""

    kind: str
    point: str
    reached: bool
    faults: list[str]


def run(form: Form) -> Iterator[Row]:
    with ThreadPoolExecutor(AT_ONCE) as pool, prepared(form, pool) as scenes:
        form.say(f"prepared; {len(failpoints.POINTS)} steps on two databases follow")
        pairs = [(kind, point) for point in failpoints.POINTS for kind in KINDS]
        found = list(pool.map(lambda pair: _try(form, scenes, *pair), pairs))
    for kind in KINDS:
        some = [tried for tried in found if tried.kind == kind]
        reached, faults = sum(tried.reached for tried in some), sum(len(tried.faults) for tried in some)
        yield Row(
            f"{kind}: kill at each named step",
            f"{reached} of {len(some)} steps, {faults} violations",
            f"{len(failpoints.POINTS)}, 0",
            ok=reached == len(failpoints.POINTS) and not faults,
        )


def _try(form: Form, scenes: Scenes, kind: str, point: str) -> Tried:
    """Kill a process at one step, let others finish, and judge."""
    name = f"{kind}-{point}".replace(".", "-")
    what = "deliver" if point.startswith("deliver.") else "work"
    lease_seconds = SHORT_LEASE_SECONDS if point.startswith("heartbeat.") else LEASE_SECONDS
    template = "fresh" if point.startswith(FIRST) else "begun"
    with scenes.scene(kind, name, template, lease_seconds) as fleet:
        victim = fleet.start_light(what, **{failpoints.VARIABLE: f"{point}:kill"})
        reached = _died(victim)
        if reached:
            del fleet.light[victim]
        fleet.start_light("work")
        fleet.start_light("deliver")
        faults = scenes.faults(fleet, name)
    if not reached:
        faults.append("nobody came by")
    form.say(f"{kind}, {point}: {'; '.join(faults) or 'ok'}")
    return Tried(kind, point, reached, faults)


def _died(pid: int) -> bool:
    deadline = time.monotonic() + REACHED_SECONDS * patience()
    while psutil.pid_exists(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True
