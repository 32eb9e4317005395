"""`driftglass init` and `check-contract`: a contract from data, and what is wrong with one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.doors.options import CONTRACT
from monitor.errors import ContractError, DependencyUnavailable, UsageError

if TYPE_CHECKING:
    from monitor.contract import Loaded

NONE: list[Path] = []


def init(
    target: Annotated[
        str, typer.Argument(metavar="FILE_OR_DB_URL", help="A file, a glob or `sqlite:///x.db#table`.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Where to write the contract.")] = CONTRACT,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a contract that is there.")] = False,
) -> None:
    """Infer a contract from data, with comments on what to check."""
    from monitor.contract import json_schema
    from monitor.contract.inference import infer
    from monitor.store.canonical import json_text

    # First: data that cannot be read are no reason to overwrite a contract.
    text = infer(target, relative_to=output.parent)
    if output.exists() and not force:
        raise UsageError(f"{output} is there already; give another --output, or --force to overwrite it")
    schema = output.with_name("contract.schema.json")
    schema.write_text(json_text(json_schema()) + "\n", encoding="utf-8")
    output.write_text(text, encoding="utf-8")
    typer.echo(f"wrote {output}; read it, then: driftglass run --contract {output}", err=True)


def check_contract(
    contracts: Annotated[
        list[Path], typer.Argument(metavar="FILE", help="Contracts; contract.yaml if none is named.")
    ] = NONE,
    named: Annotated[
        list[Path], typer.Option("--contract", "-c", help="The same, as `run` and `serve` take them.")
    ] = NONE,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema for editors instead.")
    ] = False,
    no_data: Annotated[
        bool, typer.Option("--no-data", help="Open neither the source nor the files that contracts name.")
    ] = False,
) -> None:
    """Report every problem of contracts, and where their data differ. Each is file:line:column, with the cure."""
    from monitor.contract import json_schema, load
    from monitor.store.canonical import json_text

    if schema:
        typer.echo(json_text(json_schema()))
        return
    problems: list[str] = []
    away: list[str] = []
    for path in [*contracts, *named] or [CONTRACT]:
        try:
            loaded = load(path)
        except ContractError as error:
            problems += error.problems
            continue
        wrong, silent = ([], []) if no_data else _against_data(path, loaded)
        problems, away = problems + wrong, away + silent
        if not wrong and not silent:
            typer.echo(f"{path}: fine (model {loaded.contract.model})")
    for line in away:
        typer.echo(line, err=True)
    if problems:
        raise ContractError(problems)
    if away:
        raise DependencyUnavailable(
            "not all of the data could be looked at; --no-data looks at the contract alone"
        )


def _against_data(path: Path, loaded: Loaded) -> tuple[list[str], list[str]]:
    """What cannot work with the data, and what does not answer; what may be meant is told at once."""
    from monitor.clock import SystemClock
    from monitor.datacheck import check

    checked = check(loaded, SystemClock().now_us())
    if checked.looked:
        typer.echo(f"{path}: looked at {', '.join(checked.looked)}", err=True)
    for line in checked.lines(str(path), loaded.text, "warning"):
        typer.echo(line, err=True)
    return checked.lines(str(path), loaded.text, "error"), checked.lines(str(path), loaded.text, "away")
