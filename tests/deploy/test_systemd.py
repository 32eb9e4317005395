"""The unit is one that systemd understands, and it gives the service little to break."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from configparser import RawConfigParser
from pathlib import Path

import pytest

from monitor.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
UNIT = ROOT / "deploy" / "systemd" / "driftglass.service"
INSTALLED = "/opt/driftglass/bin/driftglass"


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit with the driftglass of this environment: systemd asks whether the program is there."""
    # Not `missing`: systemd is not among what .ci/run installs.
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze is installed (apt-get install systemd)")
    text = UNIT.read_text(encoding="utf-8")
    assert INSTALLED in text
    copy = tmp_path / UNIT.name
    here = Path(sys.executable).with_name("driftglass")
    copy.write_text(text.replace(INSTALLED, str(here)), encoding="utf-8")
    return copy


def verify(unit: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, timeout=60
    )


def test_systemd_has_nothing_to_say_about_it(unit: Path) -> None:
    verified = verify(unit)
    # It exits with 0 after complaining about an unknown key.
    assert (verified.returncode, verified.stderr) == (0, "")


def test_systemd_would_say_so(unit: Path) -> None:
    unit.write_text(unit.read_text(encoding="utf-8").replace("Restart=", "Restrat="), encoding="utf-8")
    assert "Restrat" in verify(unit).stderr


def test_it_is_hardly_exposed(unit: Path) -> None:
    command = ["systemd-analyze", "security", "--offline=yes", "--no-pager", str(unit)]
    rated = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if "unrecognized option" in rated.stderr:
        pytest.skip("this systemd-analyze cannot rate a unit offline (it came with systemd 250)")
    level = re.search(r"Overall exposure level for \S+: (\d+\.\d+)", rated.stdout)
    assert level is not None, rated.stderr
    assert float(level[1]) < 3


def test_what_it_sets_means_something_to_driftglass() -> None:
    parser = RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # systemd's keys have capitals
    parser.read_string(UNIT.read_text(encoding="utf-8"))
    lines = re.findall(r"^Environment=(\w+)=(.*)$", UNIT.read_text(encoding="utf-8"), re.MULTILINE)
    environment = dict(lines)
    service = parser["Service"]
    assert environment["DO_NOT_TRACK"] == "1"
    assert environment["NUMBA_CACHE_DIR"].startswith(f"/var/cache/{service['CacheDirectory']}/")
    assert f"/var/lib/{service['StateDirectory']}/" in environment["DRIFTGLASS_DATABASE_URL"]
    ours = {
        name.removeprefix("DRIFTGLASS_").lower() for name in environment if name.startswith("DRIFTGLASS_")
    }
    assert ours <= set(Settings.model_fields)
    assert service["User"] == "driftglass"
    assert "MemoryDenyWriteExecute" not in service, "numba could not run what it compiled"
