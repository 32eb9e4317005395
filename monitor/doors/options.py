"""Options that several commands take, told in the same words, and what their exit codes mean."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

# 0: all is well.
EXIT_ALERTS: Final = 1  # alerts, with `--fail-on`, or a replay that differs
EXIT_USAGE: Final = 2  # what was typed, or a contract
EXIT_UNAVAILABLE: Final = 3  # something driftglass needs is away

Database = Annotated[
    str | None,
    typer.Option(
        "--database",
        "-d",
        metavar="URL",
        help="Where everything is kept; else $DRIFTGLASS_DATABASE_URL, else sqlite:///driftglass.db.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
ModelName = Annotated[str | None, typer.Option("--model", "-m", help="Only this model.")]
Limit = Annotated[int, typer.Option(min=1, max=10_000, help="At most this many rows.")]
Contracts = Annotated[list[Path], typer.Option("--contract", "-c", help="A contract; may be given again.")]
Alert = Annotated[int, typer.Argument(min=1, max=2**63 - 1, help="Its number: #12 of `alerts` is 12.")]
By = Annotated[str | None, typer.Option(metavar="NAME", help="Default: the user of this machine.")]

# A default that typer shows and never changes.
CONTRACT: Final = Path("contract.yaml")
