"""The house stays the house: imports point one way, and the doors stay light.

The layers are those of docs/architecture.md: a module may import its own layer and the layers below it.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def rooms(*names: str) -> frozenset[str]:
    return frozenset(f"monitor.{name}" for name in names)


LAYERS: tuple[frozenset[str], ...] = (
    frozenset({"checks"}),
    rooms(
        "client",
        "allocator",
        "errors",
        "failpoints",
        "clock",
        "settings",
        "progress",
        "windows",
        "privacy",
        "contract",
        "sources",
        "conform",
        "router",
        "sampling",
        "store",
        "evidently",
        "scheduler",
        "telemetry",
        "watched",
    ),
    rooms(
        "jobs",
        "closing",
        "catching_up",
        "canary",
        "doctor",
        "erasing",
        "restoring",
        "heartbeat",
        "housekeeping",
        "evaluate",
        "consequences",
        "counted",
        "lately",
        "recording",
        "judging",
        "deployments",
        "feedback",
        "profiles",
        "rebasing",
        "references",
        "replay",
        "beside",
        "corrected",
        "campaigns",
        "newcomers",
        "pausing",
        "pipeline",
        "as_of",
        "learnt",
        "read_runs",
        "first_baseline",
        "judged_by_itself",
        "recent",
        "terminal",
        "findings",
        "inspection",
        "burn",
        "damage",
        "labels",
        "cohorts",
        "scorecard",
        "on_demand",
        "performance",
        "learning",
        "absent",
        "datacheck",
        "mixed_labels",
        "reading",
        "alerts",
        "delivery",
        "retraining",
        "reports",
        "web",
    ),
    rooms(
        "app",
    ),
    rooms(
        "supervisor",
        "child",
        "worker",
        "service",
        "api",
        "demo",
        "backtest",
        "explained",
        "unlike",
        "exporting",
        "tasks",
        "doors",
        "performance_table",
        "cli",
    ),
)

PURE = (
    "monitor/alerts/state.py",
    "monitor/retraining/policy.py",
    "monitor/retraining/lifecycle.py",
    "monitor/web/charts.py",
)
EFFECTS = {"time", "random", "os", "socket", "sqlalchemy", "httpx", "subprocess", "secrets"}

HEAVY = ("numpy", "pandas", "scipy", "numba", "pyarrow", "sklearn", "evidently")


def modules() -> list[Path]:
    return sorted(
        path for room in ("checks", "monitor", "migrations") for path in (ROOT / room).rglob("*.py")
    )


def imports(path: Path) -> set[str]:
    """Every module that `path` names in an import, wherever in the file it stands."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def layer(module: str) -> int | None:
    """The layer of a dotted module name, None for what is not ours (or for the bare package `monitor`)."""
    parts = module.split(".")
    for number, rooms in enumerate(LAYERS):
        if parts[0] in rooms or ".".join(parts[:2]) in rooms:
            return number
    return None


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_one_way(path: Path) -> None:
    own = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    if own in {"monitor.__init__", "monitor.__main__"} or own.startswith("migrations"):
        return
    here = layer(own)
    assert here is not None, f"{own} is in no layer: name its room in LAYERS and in docs/architecture.md"
    above = {name for name in imports(path) if (there := layer(name)) is not None and there > here}
    assert not above, f"{own} (layer {here}) imports upwards: {sorted(above)}"


@pytest.mark.parametrize("name", PURE)
def test_pure_modules_have_no_effects(name: str) -> None:
    named = {module.split(".")[0] for module in imports(ROOT / name)}
    assert not named & EFFECTS, f"{name} takes time and randomness as arguments: {sorted(named & EFFECTS)}"


@pytest.mark.parametrize(
    "door",
    ["monitor.cli", "monitor.api", "monitor.jobs", "monitor.service", "monitor.supervisor", "monitor.app"],
)
def test_the_doors_import_nothing_heavy(door: str) -> None:
    code = f"import sys, {door}; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom monitor.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stderr.strip().splitlines()[-1] == "[]"
    assert "check-contract" in done.stdout
