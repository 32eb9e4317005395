"""The command `driftglass inspect`."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path

from monitor.errors import UsageError
from monitor.inspection.reading import Options, inspect_file
from monitor.inspection.report import report
from monitor.inspection.writing import RowWriter, as_dict
from monitor.progress import on_terminal
from monitor.store.canonical import json_text
from monitor.terminal import print_out

FORMATS = ("table", "json", "csv", "parquet")


def codes_of(languages: str | None) -> list[str] | None:
    """The codes of a list with commas."""
    return None if languages is None else [code.strip() for code in languages.split(",") if code.strip()]


def inspect(
    path: str,
    column: str | None,
    options: Options,
    *,
    form: str,
    output: Path | None,
) -> None:
    """Inspect the texts of `path` and print a report, or write the rows with `form` csv or parquet."""
    if form not in FORMATS:
        raise UsageError(f"--format {form}: there are {', '.join(FORMATS)}")
    if form == "table" and output is not None:
        raise UsageError("--output needs --format json, csv or parquet; the report goes to the terminal")
    with ExitStack() as stack:
        writer = stack.enter_context(RowWriter(form, output)) if form in ("csv", "parquet") else None
        progress = stack.enter_context(on_terminal())
        each = writer.write if writer else None
        found = inspect_file(path, column, options, each, progress)
    if form == "json":
        text = json_text(as_dict(found)) + "\n"
        if output:
            output.write_text(text, encoding="utf-8")
        else:
            sys.stdout.write(text)
    elif form == "table":
        print_out(report(found))
    if output:
        print(f"wrote {output}", file=sys.stderr)  # noqa: T201 - this is the command line
