"""Many small scenes on copies of the same two databases, for what is tried again and again at different places.

`fresh` has a model and nothing read; `begun` has its reference and some judged hours, and since then new hours and late
records lie in its files. A scene is a copy of one of them, with a log of the receiver of its own.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import psycopg

from tests.chaos.checker import check
from tests.chaos.fleet import Fleet, Receiver, Zygote, database, wait_until
from tests.chaos.stage import REFERENCE_HOURS, Stage
from tests.chaos.table import Form

KINDS = ("sqlite", "postgresql")
BEFORE_HOURS, AFTER_HOURS = 3, 4
LEASE_SECONDS = 2.0


class Scenes:
    """Made by `prepared`."""

    def __init__(self, form: Form, zygote: Zygote, receiver: Receiver, urls: dict[str, str]) -> None:
        self._form = form
        self._zygote = zygote
        self._receiver = receiver
        self._urls = urls
        self._lock = threading.Lock()  # PostgreSQL copies one at a time
        self._advancing = threading.Lock()
        self.stage = Stage(form.folder / "stage", 1, seed=form.seed)
        self.stage.reference()

    @contextmanager
    def scene(
        self, kind: str, name: str, template: str, lease_seconds: float = LEASE_SECONDS
    ) -> Iterator[Fleet]:
        """A fleet without processes on a copy of `template`; `name` is unique."""
        url = self._copy(kind, name, template)
        folder = self._form.folder / name
        folder.mkdir(exist_ok=True)
        told = self._receiver.url(name)
        with Fleet(url, folder, self.stage, self._zygote, told, lease_seconds=lease_seconds) as fleet:
            yield fleet

    def faults(self, fleet: Fleet, name: str) -> list[str]:
        """Let everything come to rest, and what the checker then has to say."""
        said = []
        try:
            wait_until("settled", fleet.is_settled, 60)
            fleet.quiet(20)
        except TimeoutError as error:
            said += [str(error), fleet.tail(8)]
        return said + check(fleet.url, self._form.folder / "facts.json", self._receiver.log(name)).lines()

    def prepare(self, pool: Executor) -> None:
        """Make the two templates on both kinds, and write what comes after them."""
        list(pool.map(self._begin, KINDS))
        self.stage.late(REFERENCE_HOURS + 1)
        self.stage.advance(AFTER_HOURS)
        self.stage.write_facts(self._form.folder / "facts.json")

    def _begin(self, kind: str) -> None:
        with self.scene(kind, "fresh", "") as fleet:
            fleet.register()
        with self.scene(kind, "begun", "fresh") as fleet:
            fleet.start_light("work")
            fleet.learn(90)
            with self._advancing:  # the files are the same for both
                if self.stage.hours == REFERENCE_HOURS:
                    self.stage.advance(BEFORE_HOURS)
            wait_until("the first hours", lambda: fleet.judged() >= BEFORE_HOURS, 90)
            fleet.quiet(30)

    def _copy(self, kind: str, name: str, template: str) -> str:
        if kind == "sqlite":
            target = self._path(name)
            if template:
                with (
                    closing(sqlite3.connect(self._path(template))) as before,
                    closing(sqlite3.connect(target)) as after,
                ):
                    before.backup(after)
            return f"sqlite:///{target}"
        with self._lock, psycopg.connect(self._urls[kind], autocommit=True) as admin:
            admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template or "template1"}"')
        return self._urls[kind].rsplit("/", 1)[0] + f"/{name}"

    def _path(self, name: str) -> Path:
        return self._form.folder / f"{name}.db"


@contextmanager
def prepared(form: Form, pool: Executor) -> Iterator[Scenes]:
    """The templates on both kinds of database, a receiver that is well, and what makes light processes."""
    with ExitStack() as stack:
        zygote = stack.enter_context(Zygote())
        urls = {kind: stack.enter_context(database(kind, form.folder))[0] for kind in KINDS}
        receiver = stack.enter_context(Receiver(form.folder, form.seed, well=True))
        scenes = Scenes(form, zygote, receiver, urls)
        scenes.prepare(pool)
        yield scenes
