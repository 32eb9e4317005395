"""Runs parts as processes: some side by side, those that measure times alone, each within its own limit.

A part is a fork, so that what is imported and compiled before is there for all of them. What it started is ended with
it, by process id, also what lost its parent on the way; a part that fails or takes too long is a failed row, and the
others go on.
"""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import json
import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.chaos.table import Row

_LOOK_SECONDS = 0.1
_PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True, slots=True)
class Part:
    """A name; what gives the rows, called in a process of its own in an empty folder; the seconds that it may take; and
    whether nothing else may run beside it.
    """

    name: str
    run: Callable[[Path], Iterable[Row]]
    limit: float
    alone: bool = False


class _Running:
    """A part under way."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.began = time.monotonic()
        self.cpu_seconds = 0.0  # its own and that of what it started, when it has ended
        self._code: int | None = None
        self._is_late = False
        self._folder = tempfile.TemporaryDirectory(prefix=f"chaos-{part.name}-", ignore_cleanup_errors=True)
        self._rows = Path(self._folder.name, "rows")
        self._rows.touch()
        inside = Path(self._folder.name, "part")
        inside.mkdir()
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if not self.pid:
            os._exit(_inside(part, inside, self._rows))

    def has_ended(self) -> bool:
        """Whether it came to its end; past its limit it is made to."""
        if time.monotonic() - self.began > self.part.limit:
            self._is_late = True
            os.kill(self.pid, signal.SIGKILL)
        pid, status, used = os.wait4(self.pid, 0 if self._is_late else os.WNOHANG)
        if pid:
            self._code, self.cpu_seconds = os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime
        return pid != 0

    def close(self) -> list[Row]:
        """Its rows, and one more if it failed or was ended."""
        written = self._rows.read_text("utf-8")
        rows = [Row(**json.loads(line)) for line in written.splitlines(keepends=True) if line.endswith("\n")]
        self._folder.cleanup()
        if self._is_late:
            limit = f"{self.part.limit:.0f} s"
            rows.append(Row("finishes in time", f"ended after {limit}", limit, ok=False))
        elif self._code != 0:
            rows.append(Row("runs to its end", f"exit {self._code}, see above", "exit 0", ok=False))
        return rows


def run_all(parts: Sequence[Part], at_once: int) -> Iterator[tuple[Part, list[Row]]]:
    """Run the parts in this order, up to so many at once, and give the rows of each when it ends.

    For a process with one thread; every child that it has is ended.
    """
    _adopt_orphans()
    waiting, running = list(parts), list[_Running]()
    try:
        while waiting or running:
            while waiting and _has_room(waiting[0], [one.part for one in running], at_once):
                part = waiting.pop(0)
                print(f"{part.name} (at most {part.limit:.0f} s)", file=sys.stderr, flush=True)
                running.append(_Running(part))
            for one in [one for one in running if one.has_ended()]:
                running.remove(one)
                # Whoever is a child of this process and no part had a part for its parent, which has ended.
                _end_children(but=[other.pid for other in running])
                seconds = f"{time.monotonic() - one.began:.0f} s, {one.cpu_seconds:.0f} s of CPU"
                print(f"  {one.part.name}: {seconds}", file=sys.stderr, flush=True)
                yield one.part, one.close()
            time.sleep(_LOOK_SECONDS)
    finally:
        _end_children()


def longest(parts: Sequence[Part], at_once: int) -> float:
    """Seconds that `run_all` takes if every part takes all it may. (If one takes less, none begins later.)"""
    ends: list[tuple[float, Part]] = []
    now, latest = 0.0, 0.0
    for part in parts:
        while not _has_room(part, [other for _, other in ends], at_once):
            ends.sort(key=lambda end: end[0])
            now = ends.pop(0)[0]
        ends.append((now + part.limit, part))
        latest = max(latest, now + part.limit)
    return latest


def _has_room(part: Part, running: Sequence[Part], at_once: int) -> bool:
    if part.alone or any(one.alone for one in running):
        return not running
    return len(running) < at_once


def _inside(part: Part, folder: Path, rows: Path) -> int:
    """The part's own process, which writes each row as a JSON line as soon as it is known; its exit code."""
    try:
        _adopt_orphans()
        os.chdir(folder)
        os.dup2(2, 1)  # what a library or a child prints belongs to what is told on the way
        for row in part.run(folder):
            with rows.open("a", encoding="utf-8") as file:
                file.write(json.dumps(dataclasses.asdict(row)) + "\n")
    except BaseException:  # noqa: BLE001 - the edge: told, and the other parts go on
        traceback.print_exc()
        return 1
    finally:
        _end_children()
    return 0


def _end_children(but: Collection[int] = ()) -> None:
    """End everything that this process started, however far down, except some children and what is theirs."""
    for _ in range(3):  # what was being started meanwhile is found at the next look
        found = [child for child in psutil.Process().children() if child.pid not in but]
        for child in list(found):
            with contextlib.suppress(psutil.NoSuchProcess):
                found += child.children(recursive=True)
        if not found:
            return
        for process in found:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(found, timeout=10)


def _adopt_orphans() -> None:
    """From now on a process whose parent was killed becomes a child of this one, so that it is found and ended."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
