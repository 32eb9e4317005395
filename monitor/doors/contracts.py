"""`driftglass init` and `check-contract`: a contract from data, and what is wrong with one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from monitor.doors.options import CONTRACT
from monitor.errors import ContractError, UsageError

CONTRACTS = [CONTRACT]


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
    contracts: Annotated[list[Path], typer.Argument(help="Contract files.")] = CONTRACTS,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema for editors instead.")
    ] = False,
) -> None:
    """Report every problem of contracts as file:line:column, with the cure."""
    from monitor.contract import json_schema, load
    from monitor.store.canonical import json_text

    if schema:
        typer.echo(json_text(json_schema()))
        return
    problems: list[str] = []
    for path in contracts:
        try:
            typer.echo(f"{path}: fine (model {load(path).contract.model})")
        except ContractError as error:
            problems += error.problems
    if problems:
        raise ContractError(problems)
