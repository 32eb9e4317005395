"""The rules are ones that Prometheus takes, speak of metrics that exist, and lead to a runbook."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from ruamel.yaml import YAML

import monitor.heartbeat
import monitor.scheduler
import monitor.supervisor  # noqa: F401 - as serve does: what they count is registered at import
from monitor.store import models
from monitor.store.engine import Store
from tests.conftest import missing
from tests.monitor.seeded import Seeded
from tests.monitor.served import client_of, light

__all__ = ["light"]  # the fixture

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy" / "prometheus"
RUNBOOKS = ROOT / "deploy" / "runbooks"
OTHERS = {"up"}  # Prometheus's own


def read(path: Path) -> Any:
    return YAML(typ="safe").load(path.read_text(encoding="utf-8"))


RULES: list[dict[str, Any]] = [
    rule for group in read(FOLDER / "rules.yml")["groups"] for rule in group["rules"]
]
NAMES = [rule["alert"] for rule in RULES]


def promtool(
    *arguments: str, stdin: str | None = None, folder: Path = FOLDER
) -> subprocess.CompletedProcess[str]:
    program = shutil.which("promtool")
    if program is None:
        missing("no promtool is installed (apt-get install prometheus)")
        raise AssertionError
    return subprocess.run(
        [program, *arguments], input=stdin, cwd=folder, capture_output=True, text=True, timeout=60
    )


@pytest.fixture(scope="module")
def exported(light: tuple[Store, Seeded]) -> str:
    with light[0].write() as conn:
        models.create(conn, models.CANARY, 0)  # what tells of it is exported once it is there
    return client_of(light[0]).get("/metrics").text


def test_prometheus_takes_the_rules_and_the_configuration() -> None:
    for arguments in (("check", "rules", "rules.yml"), ("check", "config", "scrape.yml")):
        checked = promtool(*arguments)
        assert checked.returncode == 0, checked.stdout + checked.stderr


def test_each_alert_fires_when_it_should_and_only_then() -> None:
    tested = promtool("test", "rules", "rules_test.yml")
    assert tested.returncode == 0, tested.stdout + tested.stderr


@pytest.mark.parametrize("name", NAMES)
def test_an_alert_that_never_fires_would_be_noticed(name: str, tmp_path: Path) -> None:
    rules = read(FOLDER / "rules.yml")
    for rule in rules["groups"][0]["rules"]:
        if rule["alert"] == name:
            rule["expr"] = "vector(0) > 0"
    with (tmp_path / "rules.yml").open("w", encoding="utf-8") as file:
        YAML(typ="safe").dump(rules, file)
    shutil.copyfile(FOLDER / "rules_test.yml", tmp_path / "rules_test.yml")
    assert promtool("test", "rules", "rules_test.yml", folder=tmp_path).returncode != 0


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_every_metric_of_a_rule_is_exported(rule: dict[str, Any], exported: str) -> None:
    # A counter with labels has no sample before it first counts, but its family is there.
    known = {
        name
        for family in text_string_to_metric_families(exported)
        for name in (
            *(sample.name for sample in family.samples),
            family.name if family.type != "counter" else f"{family.name}_total",
        )
    }
    named = set(re.findall(r"\b(driftglass_\w+|process_\w+|up)\b", re.sub(r'"[^"]*"', "", rule["expr"])))
    assert named
    assert named - OTHERS <= known


def test_what_is_exported_is_as_prometheus_wants_it(exported: str) -> None:
    checked = promtool("check", "metrics", stdin=exported)
    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_every_alert_says_what_happened_and_leads_to_its_runbook(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert rule["annotations"]["summary"]
    runbook = ROOT / rule["annotations"]["runbook"]
    assert runbook == RUNBOOKS / f"{rule['alert']}.md"
    text = runbook.read_text(encoding="utf-8")
    assert text.startswith(f"# {rule['alert']}\n")
    assert all(part in text for part in ("**Means** ", "**Look**", "**Cure**"))
    for link in re.findall(r"\]\(([^)]+)\)", text):
        assert (RUNBOOKS / link).is_file(), link


def test_there_is_no_runbook_without_an_alert() -> None:
    assert {path.stem for path in RUNBOOKS.glob("*.md")} == set(NAMES)
