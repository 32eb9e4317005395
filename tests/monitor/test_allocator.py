"""One heap for all threads, and large blocks that go back to the system: seen in the memory map of real processes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import httpx
import pytest

from monitor import allocator
from tests.monitor.test_service import serving

HEAP_BYTES = 64 << 20  # glibc reserves so much for each heap beside the first, at a multiple of it
REPOSITORY = Path(__file__).parents[2]
# Threads that hold memory at the same time, then a large block that is freed, then a smaller one.
THREADS = """
import sys, threading
from monitor import allocator
asked = len(sys.argv) > 1
print(allocator.keep_little() if asked else False, flush=True)
together, held = threading.Barrier(4), []
def hold():
    together.wait()
    held.append([bytes(2_000) for _ in range(100)])
    together.wait()
threads = [threading.Thread(target=hold) for _ in range(4)]
for one in threads:
    one.start()
for one in threads:
    one.join()
large = bytes(16 << 20)
del large
held.append(bytes(4 << 20))
print("ready", flush=True)
sys.stdin.read()
"""


def heaps(pid: int) -> tuple[int, float]:
    """How many heaps a process has beside the first one, and the MB of the first."""
    found = []
    for line in Path(f"/proc/{pid}/maps").read_text("utf-8").splitlines():
        match = re.match(r"(\w+)-(\w+) (\S+) \S+ \S+ \d+\s*(.*)", line)
        assert match is not None
        found.append((int(match[1], 16), int(match[2], 16), match[3], match[4]))
    others = sum(
        start % HEAP_BYTES == 0
        and mode.startswith("rw")
        and after[0] == end
        and after[2] == "---p"
        and after[1] - start == HEAP_BYTES
        for (start, end, mode, _), after in pairwise(found)
    )
    return others, sum(end - start for start, end, _, name in found if name == "[heap]") / 1e6


def with_threads(*arguments: str, **environment: str) -> tuple[str, int, float]:
    """What `keep_little` said in a process of its own, and its heaps."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_"))}
    with subprocess.Popen(
        [sys.executable, "-c", THREADS, *arguments],
        env={**plain, "PYTHONPATH": str(REPOSITORY), **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        said = process.stdout.readline().strip()
        assert process.stdout.readline() == "ready\n"
        found = heaps(process.pid)
        process.communicate()
    return (said, *found)


def test_all_threads_share_one_heap_and_a_large_block_is_no_part_of_it() -> None:
    _, usual, usual_mb = with_threads()
    said, others, mb = with_threads("asked")
    assert (said, others) == ("True", 0)
    assert usual > 0  # or this test would see nothing
    assert mb < usual_mb - 3


@pytest.mark.parametrize(
    "chosen", [{"MALLOC_ARENA_MAX": "3"}, {"GLIBC_TUNABLES": "glibc.malloc.trim_threshold=1"}]
)
def test_what_was_chosen_from_outside_stays(chosen: dict[str, str]) -> None:
    said, others, _ = with_threads("asked", **chosen)
    assert said == "False"
    assert others > 0


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("MALLOC_", "GLIBC_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setattr("ctypes.CDLL", lambda _: object())
    assert allocator.keep_little() is False


def test_the_service_has_one_heap_whatever_it_answers(tmp_path: Path) -> None:
    with serving(tmp_path) as running:
        running.until("/livez")
        big = b'{"id": "1", "at": "2026-11-21T00:00:00Z", "text": "' + b"a" * 200_000 + b'"}'
        with httpx.Client(base_url=running.url, trust_env=False, timeout=10) as client:
            for _ in range(10):
                client.post(
                    "/v1/models/none/records", content=big, headers={"content-type": "application/json"}
                )
                client.get("/v1/models")
        assert heaps(running.process.pid)[0] == 0
