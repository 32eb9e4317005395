"""Commands as people and scripts start them, and what they leave behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        assert self.code == 0, self.err
        return json.loads(self.out)


Cli = Callable[..., Done]


def process(*arguments: object, cwd: Path) -> Done:
    """Run a command as a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "monitor.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        timeout=120,
    )
    return Done(done.returncode, done.stdout, done.stderr)


@dataclass(frozen=True)
class Watched:
    """A stream of which the predictions move from day 15 on, run once; tests that share it only read."""

    contract: Path
    url: str
    first: Done


def store_beside(contract: Path) -> str:
    return f"sqlite:///{contract.with_name('store.db')}"
