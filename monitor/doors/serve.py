"""`driftglass serve`: the jobs, the API and the pages."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from monitor.doors.options import Contracts, Database

NONE: list[Path] = []


def serve(
    contracts: Contracts = NONE,
    database: Database = None,
    host: Annotated[str | None, typer.Option(help="Default 127.0.0.1.")] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Default 8327.")] = None,
    role: Annotated[
        str,
        typer.Option(
            metavar="all|api|worker", help="`api` answers, `worker` does the jobs, `all` does both."
        ),
    ] = "all",
) -> None:
    """Run the jobs, the API and the pages until stopped."""
    from monitor.service import serve as run_service

    run_service(contracts, database, host, port, role)
