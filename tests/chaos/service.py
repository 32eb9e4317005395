"""One `driftglass serve` on the models of a stage, for the parts that watch a single service."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from monitor.app import App
from monitor.contract import load
from monitor.delivery.signing import encode_secret
from monitor.settings import Settings
from tests.chaos.fleet import REPOSITORY, free_port
from tests.chaos.stage import SECRET_VARIABLE, URL_VARIABLE, Stage

SECRET = encode_secret(b"a secret of 32 bytes, only here.")


@dataclass
class Service:
    """The process, where it answers, and what it says."""

    process: subprocess.Popen[bytes]
    url: str
    log: Path

    def ready(self) -> int:
        """The status of /readyz, 0 if nobody answers."""
        try:
            return httpx.get(self.url + "/readyz", timeout=15, trust_env=False).status_code
        except httpx.TransportError:
            return 0

    def said(self, words: str) -> int:
        """How many lines of the log hold these words."""
        return sum(words in line for line in self.log.read_text("utf-8", "replace").splitlines())


@contextmanager
def serving(
    folder: Path, database: str, receiver: str = "", role: str = "all", **environment: str
) -> Iterator[Service]:
    """Start one, and end it with its children."""
    port, log = free_port(), folder / "serve.log"
    command = [sys.executable, "-m", "monitor.cli", "serve", "--role", role, "--port", str(port)]
    variables = {
        **os.environ,
        "PYTHONPATH": str(REPOSITORY),
        "DRIFTGLASS_DATABASE_URL": database,
        "DRIFTGLASS_READ_SECONDS": "1",
        URL_VARIABLE: receiver,
        SECRET_VARIABLE: SECRET,
        **environment,
    }
    with log.open("ab") as file:
        process = subprocess.Popen(command, cwd=folder, env=variables, stdout=file, stderr=file)
    try:
        yield Service(process, f"http://127.0.0.1:{port}", log)
    finally:
        if process.poll() is None:
            children = psutil.Process(process.pid).children(recursive=True)
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            for child in children:
                if child.is_running():
                    child.kill()


def learnt(stage: Stage, database: str) -> None:
    """Make the tables, and learn the reference of every model in this process."""
    os.environ.setdefault(URL_VARIABLE, "http://127.0.0.1:9/")
    os.environ.setdefault(SECRET_VARIABLE, SECRET)
    app = App.open(Settings(database_url=database))
    for path in stage.contracts:
        app.one_pass(app.register(load(path), author="chaos"), at_newest=None)
    app.store.close()


def contracts(app: App, texts: Sequence[tuple[str, str]], folder: Path) -> list[int]:
    """Keep contracts that were made up here; the keys of their models."""
    kept = []
    for name, text in texts:
        path = folder / f"{name}.yaml"
        path.write_text(text, encoding="utf-8")
        kept.append(app.register(load(path), author="chaos").id)
    return kept
