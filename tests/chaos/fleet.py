"""What runs against one database: real replicas of `driftglass serve`, light processes beside them, and a receiver.

Everything is started, killed and ended by process id. What somebody killed is started again at once.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO

import psutil
import psycopg

from monitor.delivery.signing import encode_secret
from tests.chaos import light
from tests.chaos.checker import Database
from tests.chaos.stage import REFERENCE_HOURS, SECRET_VARIABLE, URL_VARIABLE, Stage
from tests.postgres import Server, binaries

LEASE_SECONDS = 3
REPOSITORY = Path(__file__).parents[2]
_MIGRATING = threading.Lock()  # alembic knows one migration per process


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port: int = held.getsockname()[1]
        return port


@contextmanager
def database(kind: str, folder: Path) -> Iterator[tuple[str, Server | None]]:
    """The URL of an empty database, `sqlite` or `postgresql`, and its server if it has one."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'store.db'}", None
        return
    found = binaries()
    if found is None:
        raise RuntimeError("no PostgreSQL server is installed (apt-get install postgresql)")
    server = Server(found, lasting=True)
    try:
        server.make()
        server.start()
        yield server.url, server
    finally:
        server.remove()


def patience() -> float:
    """How many times as long as on two idle cores something may take: --patience."""
    return max(1.0, float(os.environ.get("CHAOS_PATIENCE", "1")))


def wait_until(said: str, true: Callable[[], bool], seconds: float) -> None:
    """Wait for something. TimeoutError says what did not come."""
    seconds *= patience()
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:.0f} s: {said}")
        time.sleep(0.1)


def _is_gone(pid: int) -> bool:
    return not psutil.pid_exists(pid)


def kill(pid: int) -> bool:
    """SIGKILL; False if it was gone already."""
    try:
        process = psutil.Process(pid)
        process.kill()
    except psutil.NoSuchProcess:
        return False
    return True


class Receiver:
    """The process of `tests.chaos.receiver`, and its logs; use it as a context manager."""

    def __init__(self, folder: Path, seed: int, *, well: bool = False) -> None:
        self._folder = folder
        self._port = free_port()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.receiver", str(self._port), str(folder), str(seed)]
            + ["--well"] * well
        )

    def url(self, name: str) -> str:
        """Where to post what ends in the log of that name."""
        return f"http://127.0.0.1:{self._port}/hook/{name}"

    def log(self, name: str) -> Path:
        return self._folder / f"{name}.log"

    def get_well(self) -> None:
        """From now on it is there and takes everything."""
        self._process.send_signal(signal.SIGUSR1)

    def __enter__(self) -> Receiver:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()


@dataclass
class Replica:
    """One `driftglass serve`, started again whenever it is found dead."""

    port: int
    environment: dict[str, str]
    log: IO[str]
    process: subprocess.Popen[bytes] = field(init=False)
    exits: list[int] = field(default_factory=list)  # codes of ends that nobody caused

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "monitor.cli", "serve", "--port", str(self.port)],
            env=self.environment,
            stdout=self.log,
            stderr=self.log,
            start_new_session=True,
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def children(self) -> list[int]:
        with contextlib.suppress(psutil.NoSuchProcess):
            return [child.pid for child in psutil.Process(self.process.pid).children()]
        return []

    def kill_parent(self) -> list[int]:
        """The parent alone: its child sees the end of its input. Returns the processes that were killed."""
        killed = [self.process.pid]
        self.process.kill()
        self.process.wait()
        self.start()
        return killed

    def kill_child(self) -> list[int]:
        """The child alone, which its parent replaces."""
        return [pid for pid in self.children() if kill(pid)]

    def kill_all(self) -> list[int]:
        """Parent and child at once."""
        children = self.children()
        return self.kill_parent() + [pid for pid in children if kill(pid)]

    def look(self) -> None:
        """Note an end that nobody caused, and start it again."""
        code = self.process.poll()
        if code is not None:
            self.exits.append(code)
            self.start()


class Zygote:
    """The process of `tests.chaos.light`, which makes light processes; several fleets may use one.

    It is a fork of this one, which must have no other threads yet: `with Zygote()` comes first.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        context = multiprocessing.get_context("fork")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=light.main, args=(theirs,))
        self._process.start()

    def fork(self, what: str, environment: dict[str, str]) -> int:
        """A new process, `work` or `deliver`; its id."""
        with self._lock:
            self._pipe.send((what, environment))
            pid: int = self._pipe.recv()
            return pid

    def __enter__(self) -> Zygote:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.join()


class Fleet:
    """Processes at work on one database; use it as a context manager."""

    def __init__(
        self,
        url: str,
        folder: Path,
        stage: Stage,
        zygote: Zygote,
        receiver_url: str,
        *,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        self.url = url
        self.folder = folder
        self.stage = stage
        self.replicas: list[Replica] = []
        self.light: dict[int, str] = {}
        self.lost_light = 0  # light processes that ended by themselves
        self._asked: Database | None = None
        self._zygote = zygote
        self._log = (folder / "processes.log").open("a")
        self._environment = {
            "CHAOS_LOG": str(folder / "processes.log"),
            "PYTHONPATH": str(REPOSITORY),
            "DRIFTGLASS_DATABASE_URL": url,
            "DRIFTGLASS_TICK_SECONDS": "0.3",
            "DRIFTGLASS_READ_SECONDS": "0.3",
            "DRIFTGLASS_LEASE_SECONDS": str(lease_seconds),
            URL_VARIABLE: receiver_url,
            SECRET_VARIABLE: encode_secret(b"a secret of 32 bytes, only here."),
        }

    def register(self) -> None:
        """Make the tables and keep the contracts, as `driftglass serve --contract` does."""
        from monitor.app import App
        from monitor.contract import load
        from monitor.settings import Settings

        with _MIGRATING:
            app = App.open(Settings(database_url=self.url))
        for path in self.stage.contracts:
            app.register(load(path), author="chaos")
        app.store.close()

    def learn(self, seconds: float) -> None:
        """Wait until the reference of every model has been learnt."""
        wanted = REFERENCE_HOURS * len(self.stage.names)
        states = "SELECT COUNT(*) FROM windows WHERE state = 'reference'"
        wait_until("the reference", lambda: self.count(states) >= wanted, seconds)

    def start_light(self, what: str, **environment: str) -> int:
        """A light process, `work` or `deliver`; see `light`."""
        pid = self._zygote.fork(what, {**self._environment, **environment})
        self.light[pid] = what
        return pid

    def kill_light(self, pid: int) -> list[int]:
        """Kill one and start another of its kind."""
        what = self.light.pop(pid)
        killed = kill(pid)
        self.start_light(what)
        return [pid] if killed else []

    def start_replica(self) -> Replica:
        """One more `driftglass serve`."""
        self.replicas.append(Replica(free_port(), {**os.environ, **self._environment}, self._log))
        return self.replicas[-1]

    def kill_light_at_random(self, generator: random.Random) -> list[int]:
        return self.kill_light(generator.choice(sorted(self.light)))

    def kill_replica_at_random(self, generator: random.Random) -> list[int]:
        replica = generator.choice(self.replicas)
        return generator.choice((replica.kill_parent, replica.kill_child, replica.kill_all))()

    def held(self, pids: Sequence[int]) -> int:
        """How many of these processes, now dead, left a run that was theirs."""
        owners = ", ".join(f"'{socket.gethostname()}:{pid}'" for pid in pids)
        return self.count(
            f"SELECT COUNT(DISTINCT owner) FROM runs WHERE state = 'running' AND owner IN ({owners})"
        )

    def look(self) -> None:
        """Start again what ended by itself: a replica notes it, a light process is not meant to."""
        for replica in self.replicas:
            replica.look()
        for pid, what in list(self.light.items()):
            if not psutil.pid_exists(pid):
                del self.light[pid]
                self.lost_light += 1
                self.start_light(what)

    def count(self, sql: str) -> int:
        """The one number of a query. It is asked often: the connection stays, or is made anew if it broke."""
        if self._asked is not None:
            with contextlib.suppress(sqlite3.Error, psycopg.Error):
                return int(self._asked.rows(sql)[0][0] or 0)
            self._forget_connection()
        self._asked = Database(self.url)
        return int(self._asked.rows(sql)[0][0] or 0)

    def _forget_connection(self) -> None:
        if self._asked is not None:
            self._asked.close()
            self._asked = None

    def judged(self) -> int:
        return self.count("SELECT COUNT(*) FROM windows WHERE state = 'judged'")

    def settle(self, seconds: float) -> bool:
        """Wait until nothing is left to do; whether it came to that."""
        try:
            wait_until("nothing left to do", self.is_settled, seconds)
        except TimeoutError:
            return False
        return True

    def is_settled(self) -> bool:
        """Reading is a run that comes again and again: settled is what stays so for a moment."""
        self.look()
        hours = self.stage.hours * len(self.stage.names)
        return (
            self.count("SELECT COUNT(*) FROM windows WHERE state IN ('judged', 'reference')") >= hours
            and not self.count(
                "SELECT COUNT(*) FROM runs WHERE kind <> 'read' AND state IN ('queued', 'running', 'failed')"
            )
            and not self.count("SELECT COUNT(*) FROM outbox WHERE state IN ('pending', 'sending')")
        )

    def quiet(self, seconds: float) -> None:
        """End everything, so that no run is under way: one worker takes up what the others held, and is asked to end.

        TimeoutError if something stays unfinished.
        """
        self._kill_all()
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            pid = self.start_light("work")
            wait_until("no unfinished run", lambda: not self.unfinished(), seconds)
            os.kill(pid, signal.SIGTERM)
            wait_until("the last worker ended", partial(_is_gone, pid), seconds)
            del self.light[pid]
            if not self.unfinished():  # it may have been asked when it had just queued the next reading
                return
        raise TimeoutError(f"not within {seconds:.0f} s: no unfinished run when everybody has ended")

    def unfinished(self) -> int:
        return self.count("SELECT COUNT(*) FROM runs WHERE state IN ('queued', 'running', 'failed')")

    def tail(self, lines: int = 30) -> str:
        """The last of what the processes said."""
        self._log.flush()
        return "\n".join((self.folder / "processes.log").read_text("utf-8", "replace").splitlines()[-lines:])

    def end(self) -> None:
        """End every process of this fleet."""
        self._kill_all()
        self._forget_connection()
        self._log.close()

    def _kill_all(self) -> None:
        for replica in self.replicas:
            children = replica.children()
            replica.process.kill()
            replica.process.wait()
            for pid in children:
                kill(pid)
        self.replicas = []
        for pid in self.light:
            kill(pid)
        self.light = {}

    def __enter__(self) -> Fleet:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            print(self.tail(), file=sys.stderr, flush=True)
        self.end()
