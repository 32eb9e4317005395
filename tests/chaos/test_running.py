"""Parts as processes: side by side or alone, ended in time with all that they started, and none ends another."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.chaos.running import Part, longest

REPOSITORY = Path(__file__).parents[2]
# It ends every child it has, and so is given a process of its own.
BEGIN = """\
import json, os, subprocess, sys, time
from pathlib import Path
from tests.chaos.running import Part, run_all
from tests.chaos.table import Row

def row(what):
    return Row(what, "", "", ok=True)

shared = Path(sys.argv[1])
parts = []
"""
END = """\
for part, rows in run_all(parts, 2):
    print(json.dumps([part.name, [row.what for row in rows]]), flush=True)
"""


def run(folder: Path, parts: str) -> dict[str, list[str]]:
    """What `run_all` gives, two at once, for the `parts` that the code adds; they share a folder."""
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + parts + END, str(folder)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return dict(json.loads(line) for line in done.stdout.splitlines())


def test_a_part_that_fails_keeps_its_rows_and_the_others_go_on(tmp_path: Path) -> None:
    code = """\
def bad(folder):
    yield row("first")
    raise ValueError("no more")
def gone(folder):
    yield row("begun")
    os.abort()
def good(folder):
    print("not a row")
    yield row(f"in {len(os.listdir())} files of its own")
parts += [Part("bad", bad, 60), Part("gone", gone, 60), Part("good", good, 60)]
"""
    assert run(tmp_path, code) == {
        "bad": ["first", "runs to its end"],
        "gone": ["begun", "runs to its end"],
        "good": ["in 0 files of its own"],
    }


def test_a_part_that_takes_too_long_is_ended_with_all_it_started_and_nothing_else_is(tmp_path: Path) -> None:
    # What it started has a session of its own, and loses its parent.
    code = """\
note = shared / "pid"
def endless(folder):
    yield row("begun")
    if not os.fork():
        lost = subprocess.Popen(["sleep", "600"], start_new_session=True)
        (shared / "new").write_text(str(lost.pid))
        (shared / "new").rename(note)
        os._exit(0)
    time.sleep(600)
def other(folder):
    while not note.exists():
        time.sleep(0.05)
    while Path("/proc", note.read_text()).exists():
        time.sleep(0.05)
    time.sleep(1)
    yield row("goes on")
parts += [Part("endless", endless, 5), Part("other", other, 60)]
"""
    assert run(tmp_path, code) == {"endless": ["begun", "finishes in time"], "other": ["goes on"]}


def test_nothing_runs_beside_a_part_that_is_to_be_alone(tmp_path: Path) -> None:
    code = """\
def count(folder):
    mine = shared / str(os.getpid())
    mine.touch()
    time.sleep(0.5)
    yield row(len(list(shared.iterdir())))
    mine.unlink()
parts += [Part("one", count, 60), Part("lonely", count, 60, alone=True), Part("two", count, 60)]
"""
    assert run(tmp_path, code)["lonely"] == [1]


def test_the_longest_time_counts_what_runs_side_by_side_once() -> None:
    three = [Part("a", list, 10), Part("b", list, 4), Part("c", list, 5)]
    assert longest(three, 2) == 10
    assert longest([*three, Part("d", list, 7, alone=True)], 2) == 17
    assert longest([Part("d", list, 7, alone=True), *three], 2) == 17
    assert longest(three, 1) == 19
