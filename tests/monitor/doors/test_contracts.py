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
    assert cli("check-contract", "-c", quiet, "-c", bad) == done
    assert done.code == 2
    assert done.out == f"{quiet}: fine (model orders)\n"
    *problems, last = done.err.splitlines()
    assert last == "2 problems"
    assert any(problem.startswith(f"{bad}:2:") and "timezone" in problem for problem in problems)
    assert any("columns.score.role" in problem and 'did you mean "score"?' in problem for problem in problems)


def test_what_does_not_fit_the_data_is_told_with_its_line(cli: Cli, quiet: Path) -> None:
    text = quiet.read_text("utf-8")
    quiet.write_text(text.replace("  amount:", "  amuont:"), "utf-8")
    with quiet.with_name("orders.csv").open("a", encoding="utf-8") as file:
        file.write("only,two\n")
    done = cli("check-contract", quiet)
    assert (done.code, done.out) == (2, "")
    looked, warning, error, last = done.err.splitlines()
    assert looked == f"{quiet}: looked at {len(stream.records()):,} records of 1 file"
    assert warning.startswith(f"{quiet}:3:1 warning: source: 1 of ")
    assert (
        error
        == f'{quiet}:7:3 columns.amuont: there is no column amuont in orders.csv; did you mean "amount"?'
    )
    assert last == "1 problem"
    alone = cli("check-contract", quiet, "--no-data")
    assert (alone.code, alone.out, alone.err) == (0, f"{quiet}: fine (model orders)\n", "")


def test_data_that_do_not_answer_are_exit_3_unless_something_is_wrong_besides(cli: Cli, quiet: Path) -> None:
    table = "{type: sql, url: 'sqlite:///gone.db', table: orders, id: id, time: at}"
    away = quiet.with_name("away.yaml")
    away.write_text(
        quiet.read_text("utf-8").replace("{type: files, path: orders*.csv, id: id, time: at}", table), "utf-8"
    )
    done = cli("check-contract", quiet, away)
    assert (done.code, done.out) == (3, f"{quiet}: fine (model orders)\n")
    assert f"{away}:3:" in done.err
    assert "there is no database" in done.err
    assert "--no-data" in done.err.splitlines()[-1]
    away.write_text(away.read_text("utf-8") + "calendar: {deployments_path: none.csv}\n", "utf-8")
    assert cli("check-contract", quiet, away).code == 2


def test_the_schema_for_editors_is_a_json_schema(cli: Cli) -> None:
    from jsonschema import Draft202012Validator

    schema = cli("check-contract", "--schema").json()
    Draft202012Validator.check_schema(schema)
    assert "model" in schema["required"]
