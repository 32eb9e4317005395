"""A working process (`monitor.worker`) as its parent sees it: started, written to, listened to, looked at, ended."""

from __future__ import annotations

import json
import logging
import os
import select
import subprocess
import sys
from pathlib import Path
from typing import Any

from monitor.worker import resident_mb

log = logging.getLogger(__name__)


class Ended(Exception):
    """The child is gone; the message says how."""


class Child:
    """The process and its two pipes; `runs` counts what it has done."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "monitor.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._input, self._output = self._process.stdin, self._process.stdout
        self._read = b""
        self.pid = self._process.pid
        self.runs = 0

    def send(self, message: dict[str, Any]) -> None:
        """`Ended` if nobody reads it any more."""
        try:
            # Unbuffered: what a dead child did not read must not be written again when its pipe is closed.
            os.write(self._input.fileno(), json.dumps(message).encode() + b"\n")
        except OSError as error:
            raise Ended(self._how()) from error

    def rest(self) -> None:
        """Nothing follows for now."""
        try:
            self.send({"rest": True})
        except Ended as ended:
            log.debug("while it rested, %s", ended)  # the next run gets a new one

    def answer(self, seconds: float) -> dict[str, Any] | None:
        """The next line, None if there is none within so many seconds. `Ended` if there will be none."""
        if b"\n" not in self._read:
            if not select.select([self._output], [], [], seconds)[0]:
                return None
            some = os.read(self._output.fileno(), 1 << 16)
            if not some:
                raise Ended(self._how())
            self._read += some
        line, newline, rest = self._read.partition(b"\n")
        if not newline:
            return None
        self._read = rest
        found: dict[str, Any] = json.loads(line)
        return found

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def is_stopped(self) -> bool:
        """Whether a signal has made it stand still; never where /proc does not tell."""
        try:
            return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] in "Tt"
        except OSError:
            return False

    def resident_mb(self) -> float:
        """What it holds now; 0 where /proc does not tell."""
        return resident_mb(self.pid) or 0.0

    def kill(self) -> None:
        """End it at once. It may be called from another thread than the one that waits for it."""
        self._process.kill()

    def end(self) -> None:
        """End it if it still runs; nothing that it does needs an orderly end."""
        self._process.kill()
        self._process.wait()
        self._input.close()
        self._output.close()

    def _how(self) -> str:
        return f"the working process ended with {self._process.wait()}"
