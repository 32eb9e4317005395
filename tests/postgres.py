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


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """Run a server until the block ends; gives the URL of its database `postgres`.

    PostgreSQL refuses to run as root: a root test run starts it as the user postgres.
    """
    base = Path(tempfile.mkdtemp(prefix="driftglass-pg-"))  # only its owner may enter pytest's folders
    identity: dict[str, Any] = {}
    if os.geteuid() == 0:
        user = pwd.getpwnam("postgres")
        os.chown(base, user.pw_uid, user.pw_gid)
        identity = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    process: subprocess.Popen[bytes] | None = None
    try:
        data = base / "data"
        subprocess.run(
            [
                *(str(folder / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust"),
                *("-E", "UTF8", "--locale=C.UTF-8", "--no-sync"),
            ],
            check=True,
            capture_output=True,
            cwd=base,
            **identity,
        )
        port = _free_port()
        with (base / "log").open("wb") as log:
            process = subprocess.Popen(
                [
                    *(str(folder / "postgres"), "-D", str(data), "-k", str(base), "-p", str(port)),
                    # Nothing here outlives the test run: waiting for the disk would only be slow.
                    *("-c", "fsync=off", "-c", "full_page_writes=off", "-c", "synchronous_commit=off"),
                    *("-c", "listen_addresses=127.0.0.1", "-c", "shared_buffers=32MB"),
                ],
                stdout=log,
                stderr=log,
                cwd=base,
                preexec_fn=_die_with_parent,
                **identity,
            )
        _wait(folder, port, process, base / "log", identity)
        yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
    finally:
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGQUIT)  # "immediate": there is nothing to save
            process.wait(timeout=30)
        shutil.rmtree(base, ignore_errors=True)


def _die_with_parent() -> None:
    """In the child, after it became postgres: end when the test run is killed. SIGINT is a fast shutdown."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGINT)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait(
    folder: Path, port: int, process: subprocess.Popen[bytes], log: Path, identity: dict[str, Any]
) -> None:
    deadline = time.monotonic() + 60
    ready = [str(folder / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
    while subprocess.run(ready, check=False, cwd="/", **identity).returncode != 0:
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("the test server did not start:\n" + log.read_text(errors="replace"))
        time.sleep(0.05)
