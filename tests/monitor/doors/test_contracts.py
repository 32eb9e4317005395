"""`driftglass init` and `check-contract`, as they are typed."""

from __future__ import annotations

import json
from pathlib import Path

from tests.monitor import stream
from tests.monitor.commandline import Cli, store_beside


def test_init_writes_a_contract_that_holds_and_overwrites_nothing(cli: Cli, quiet: Path) -> None:
    records, target = quiet.with_name("orders.csv"), quiet.with_name("inferred.yaml")
    assert cli("init", records, "-o", target).code == 0
    checked = cli("check-contract", target)
    assert (checked.code, checked.out) == (0, f"{target}: fine (model orders)\n")
    assert json.loads(target.with_name("contract.schema.json").read_text("utf-8"))["$defs"]

    target.write_text(target.read_text("utf-8") + "# my own word\n", "utf-8")
    refused = cli("init", records, "-o", target)
    assert refused.code == 2
    assert "--force" in refused.err
    wrong = cli("init", records.with_name("nosuch.csv"), "-o", target)
    assert "nosuch.csv" in wrong.err
    assert "--force" not in wrong.err
    assert "# my own word" in target.read_text("utf-8")
    assert cli("init", records, "-o", target, "--force").code == 0
    assert "# my own word" not in target.read_text("utf-8")


def test_an_inferred_contract_runs_as_it_stands(cli: Cli, quiet: Path) -> None:
    target = quiet.with_name("inferred.yaml")
    assert cli("init", quiet.with_name("orders.csv"), "-o", target).code == 0
    done = cli("run", "-c", target, "-d", store_beside(quiet), "--as-of", "data")
    assert done.code == 0, done.err
    assert f"orders: {len(stream.records()):,} records read" in done.err


def test_check_contract_tells_every_problem_and_exits_2(cli: Cli, quiet: Path) -> None:
    text = quiet.read_text("utf-8").replace("timezone: UTC", "timezone: Mars/Base")
    bad = quiet.with_name("bad.yaml")
    bad.write_text(text.replace("role: score", "role: scroe"), "utf-8")
    done = cli("check-contract", quiet, bad)
    assert done.code == 2
    assert done.out == f"{quiet}: fine (model orders)\n"
    *problems, last = done.err.splitlines()
    assert last == "2 problems"
    assert any(problem.startswith(f"{bad}:2:") and "timezone" in problem for problem in problems)
    assert any("columns.score.role" in problem and 'did you mean "score"?' in problem for problem in problems)


def test_the_schema_for_editors_is_a_json_schema(cli: Cli) -> None:
    from jsonschema import Draft202012Validator

    schema = cli("check-contract", "--schema").json()
    Draft202012Validator.check_schema(schema)
    assert "model" in schema["required"]
