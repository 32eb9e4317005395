"""A private PostgreSQL server for the tests: real, throw-away, and never left behind."""

from __future__ import annotations

import ctypes
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_PR_SET_PDEATHSIG = 1


def binaries() -> Path | None:
    """The folder of the newest PostgreSQL server on this machine, None if there is none."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[4].split(".")[0])
    )
    if found:
        return found[-1].parent
    on_path = shutil.which("postgres")
    return None if on_path is None else Path(on_path).parent


class Server:
    """A server with a folder of its own: `make`, `start`, `stop` and `start` again on the same port, `remove`.

    PostgreSQL refuses to run as root: a root test run starts it as the user postgres. `lasting`: what was committed
    is there after `stop`; without it the last moments may be lost, as a test that never stops it does not mind.
    """

    def __init__(self, folder: Path, *, lasting: bool = False) -> None:
        self._folder = folder
        self._base = Path(
            tempfile.mkdtemp(prefix="driftglass-pg-")
        )  # only its owner may enter pytest's folders
        self._identity: dict[str, Any] = {}
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(self._base, user.pw_uid, user.pw_gid)
            self._identity = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        self._commit = "on" if lasting else "off"
        self._port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.environment: dict[str, str] = {}  # beside that of the tests, from the next start on

    @property
    def url(self) -> str:
        """Of the database `postgres`."""
        return f"postgresql://postgres@127.0.0.1:{self._port}/postgres"

    @property
    def folder(self) -> Path:
        """A folder that only the server and root may read."""
        return self._base

    @property
    def data(self) -> Path:
        """The folder of the database cluster."""
        return self._base / "data"

    def make(self) -> None:
        """Make its files."""
        subprocess.run(
            [
                *(
                    str(self._folder / "initdb"),
                    "-D",
                    str(self._base / "data"),
                    "-U",
                    "postgres",
                    "-A",
                    "trust",
                ),
                *("-E", "UTF8", "--locale=C.UTF-8", "--no-sync"),
            ],
            check=True,
            capture_output=True,
            cwd=self._base,
            **self._identity,
        )

    def start(self) -> None:
        """Start it and wait until it answers."""
        with (self._base / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(str(self._folder / "postgres"), "-D", str(self._base / "data"), "-k", str(self._base)),
                    *("-p", str(self._port)),
                    # Nothing here outlives the machine's crash: waiting for the disk would only be slow.
                    *(
                        "-c",
                        "fsync=off",
                        "-c",
                        "full_page_writes=off",
                        "-c",
                        f"synchronous_commit={self._commit}",
                    ),
                    *("-c", "listen_addresses=127.0.0.1", "-c", "shared_buffers=32MB"),
                ],
                stdout=log,
                stderr=log,
                cwd=self._base,
                env={**os.environ, **self.environment},
                preexec_fn=_die_with_parent,
                **self._identity,
            )
        self._wait(self._process)

    def stop(self) -> None:
        """Stop it as `pg_ctl stop -m immediate` does: no connection ends well, and the next start recovers."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(timeout=30)
        self._process = None

    def remove(self) -> None:
        """Leave nothing behind."""
        self.stop()
        shutil.rmtree(self._base, ignore_errors=True)

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + 60
        ready = [str(self._folder / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self._port)]
        while subprocess.run(ready, check=False, cwd="/", **self._identity).returncode != 0:
            if process.poll() is not None or time.monotonic() > deadline:
                log = (self._base / "log").read_text(errors="replace")
                raise RuntimeError("the test server did not start:\n" + log)
            time.sleep(0.05)


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """Run a server until the block ends; gives the URL of its database `postgres`."""
    running = Server(folder)
    try:
        running.make()
        running.start()
        yield running.url
    finally:
        running.remove()


def _die_with_parent() -> None:
    """In the child, after it became postgres: end when the test run is killed. SIGINT is a fast shutdown."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGINT)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
