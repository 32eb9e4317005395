"""kill -9 at each named step of reading, claiming, working, finishing and delivering, on both databases.

The steps are `monitor.failpoints.POINTS`, so none is forgotten; a step that no process came by is a violation too.
Every step gets a database of its own, copied from one where a little had been judged; the files that follow hold new
hours and late records. Then a second process finishes the work, and `checker` judges.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg

from monitor import failpoints
from tests.chaos.checker import check
from tests.chaos.fleet import Fleet, Receiver, Zygote, database, wait_until
from tests.chaos.stage import REFERENCE_HOURS, Stage
from tests.chaos.table import Form, Row

KINDS = ("sqlite", "postgresql")
BEFORE_HOURS, AFTER_HOURS = 3, 4
LEASE_SECONDS = 1.0
AT_ONCE = 4  # steps tried at the same time
# What happens only in the beginning; every other step is tried where something has been judged.
FIRST = ("fit.",)


@dataclass(frozen=True)
class Tried:
    """What became of one step on one database."""

    kind: str
    point: str
    reached: bool
    faults: list[str]


class Templates:
    """Two databases of one kind to copy: `fresh`, where nothing was read, and `begun`, where some hours were judged."""

    def __init__(self, kind: str, folder: Path, url: str) -> None:
        self.kind = kind
        self._folder = folder
        self._url = url
        self._lock = threading.Lock()  # PostgreSQL copies one at a time

    def url(self, name: str) -> str:
        if self.kind == "sqlite":
            return f"sqlite:///{self._folder / name}.db"
        return self._url.rsplit("/", 1)[0] + f"/{name}"

    def copy(self, name: str, template: str) -> str:
        """The URL of a new database like `template`."""
        if self.kind == "sqlite":
            with (
                closing(sqlite3.connect(self._folder / f"{template}.db")) as before,
                closing(sqlite3.connect(self._folder / f"{name}.db")) as after,
            ):
                before.backup(after)
        else:
            with self._lock, psycopg.connect(self._url, autocommit=True) as admin:
                admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self.url(name)


def run(form: Form) -> Iterator[Row]:
    stage = Stage(form.folder / "stage", 1, seed=form.seed)
    stage.reference()
    with ExitStack() as stack:
        zygote = stack.enter_context(Zygote())
        receiver = stack.enter_context(Receiver(form.folder, form.seed, well=True))
        templates = []
        for kind in KINDS:
            folder = form.folder / kind
            folder.mkdir()
            url, _ = stack.enter_context(database(kind, folder))
            templates.append(Templates(kind, folder, url))
        pool = stack.enter_context(ThreadPoolExecutor(AT_ONCE))
        list(pool.map(lambda one: _prepare(one, form, stage, zygote, receiver), templates))
        stage.late(REFERENCE_HOURS + 1)
        stage.advance(AFTER_HOURS)
        stage.write_facts(form.folder / "facts.json")
        form.say(f"prepared; {len(failpoints.POINTS)} steps on two databases follow")
        found = list(
            pool.map(
                lambda pair: _try(*pair, form, stage, zygote, receiver),
                [(one, point) for point in failpoints.POINTS for one in templates],
            )
        )
    by_kind: dict[str, list[Tried]] = defaultdict(list)
    for tried in found:
        by_kind[tried.kind].append(tried)
    for kind, some in by_kind.items():
        reached = sum(tried.reached for tried in some)
        faults = sum(len(tried.faults) for tried in some)
        yield Row(
            f"{kind}: kill at each named step",
            f"{reached} of {len(some)} steps, {faults} violations",
            f"{len(failpoints.POINTS)}, 0",
            ok=reached == len(failpoints.POINTS) and not faults,
        )


def _prepare(one: Templates, form: Form, stage: Stage, zygote: Zygote, receiver: Receiver) -> None:
    """Make the two templates. The reference is written; the hours that `begun` has judged are written by the first."""
    empty = one.url("fresh") if one.kind == "sqlite" else one.copy("fresh", "template1")
    with Fleet(empty, form.folder / one.kind, stage, zygote, receiver.url("nobody")) as fleet:
        fleet.register()
    url = one.copy("begun", "fresh")
    with Fleet(url, form.folder / one.kind, stage, zygote, receiver.url("nobody")) as fleet:
        fleet.start_light("work")
        fleet.learn(60)
        with _ADVANCING:
            if stage.hours == REFERENCE_HOURS:
                stage.advance(BEFORE_HOURS)
        wait_until("the first hours", lambda: fleet.judged() >= BEFORE_HOURS, 60)
        fleet.quiet(30)


_ADVANCING = threading.Lock()


def _try(one: Templates, point: str, form: Form, stage: Stage, zygote: Zygote, receiver: Receiver) -> Tried:
    """Kill a process at one step, let others finish, and judge."""
    name = f"{one.kind}-{point}".replace(".", "-")
    url = one.copy(name, "fresh" if point.startswith(FIRST) else "begun")
    folder = form.folder / name
    folder.mkdir()
    what = "deliver" if point.startswith("deliver.") else "work"
    faults: list[str] = []
    with Fleet(url, folder, stage, zygote, receiver.url(name), lease_seconds=LEASE_SECONDS) as fleet:
        victim = fleet.start_light(what, **{failpoints.VARIABLE: f"{point}:kill"})
        reached = _died(victim, 25)
        if reached:
            del fleet.light[victim]
        else:
            faults.append("nobody came by")
        fleet.start_light("work")
        fleet.start_light("deliver")
        try:
            wait_until("settled", fleet.is_settled, 40)
            fleet.quiet(20)
        except TimeoutError as error:
            faults += [str(error), fleet.tail(8)]
        faults += check(url, form.folder / "facts.json", receiver.log(name)).lines()
    form.say(f"{one.kind}, {point}: {'; '.join(faults) or 'ok'}")
    return Tried(one.kind, point, reached, faults)


def _died(pid: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while psutil.pid_exists(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True
