"""Places where a test ends a process: each one exists in the code, and does what it says."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from monitor import failpoints
from monitor.errors import UsageError

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    yield
    failpoints.arm("")


def passing(setting: str, times: int) -> subprocess.Popen[str]:
    """A process that comes by a place so many times and tells of each."""
    code = (
        "from monitor import failpoints\n"
        f"for number in range({times}):\n"
        "    failpoints.reach('judge.written'); print(number, flush=True)\n"
    )
    environment = {"PYTHONPATH": str(ROOT), "DRIFTGLASS_FAILPOINT": setting}
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment)


def test_a_process_is_killed_at_its_place() -> None:
    process = passing("judge.written:kill:3", 5)
    said, _ = process.communicate(timeout=30)
    assert (said.split(), process.returncode) == (["0", "1"], -signal.SIGKILL)


def test_a_stopped_process_goes_on_when_told_to() -> None:
    process = passing("judge.written:stop", 2)
    deadline = time.monotonic() + 30
    while psutil.Process(process.pid).status() != psutil.STATUS_STOPPED:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGCONT)
    said, _ = process.communicate(timeout=30)
    assert (said.split(), process.returncode) == (["0", "1"], 0)


def test_other_places_are_passed() -> None:
    failpoints.arm("judge.written:kill")
    failpoints.reach("judge.committed")


@pytest.mark.parametrize(
    "setting", ["nowhere:kill", "judge.written", "judge.written:explode", "judge.written:kill:0"]
)
def test_a_wrong_setting_is_told(setting: str) -> None:
    with pytest.raises(UsageError, match="DRIFTGLASS_FAILPOINT"):
        failpoints.arm(setting)


def test_every_place_is_in_the_code_and_named() -> None:
    reached = {
        point
        for file in (ROOT / "monitor").rglob("*.py")
        for point in re.findall(r'failpoints\.reach\("([^"]+)"\)', file.read_text("utf-8"))
    }
    assert reached == set(failpoints.POINTS)
