"""What an inspection found, for programs: the summary as JSON, the rows as CSV or Parquet."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from monitor.errors import UsageError

if TYPE_CHECKING:
    from monitor.inspection.reading import Inspected, Texts


class RowWriter:
    """Writes the rows of every page to a file; CSV goes to standard output without one. A context manager.

    Each message is a row: `file`, `row` (line or row number from 1), then the columns of
    `checks.text.inspection.table_of`. In CSV a list of classes is joined by spaces.
    """

    def __init__(self, kind: str, output: Path | None) -> None:
        if kind == "parquet" and output is None:
            raise UsageError("--format parquet needs a file: add --output messages.parquet")
        self._kind = kind
        self._output = output
        self._open = ExitStack()
        self._writer: Any = None

    def __enter__(self) -> RowWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def write(self, texts: Texts, rows: pa.Table) -> None:
        origin = pa.array([texts.origin]).take(pa.array([0] * rows.num_rows))
        table = rows.add_column(0, "row", pa.array(texts.rows)).add_column(0, "file", origin)
        if self._kind == "csv":
            for name in ("encoding", "evasion"):
                joined = pc.binary_join(table.column(name), " ")
                table = table.set_column(table.schema.get_field_index(name), name, joined)
        if self._writer is None:
            self._writer = self._open.enter_context(self._begun(table.schema))
        self._writer.write_table(table)

    def _begun(self, schema: pa.Schema) -> Any:
        if self._kind == "csv":
            import pyarrow.csv

            sink: IO[bytes] | str = str(self._output) if self._output else sys.stdout.buffer
            options = pyarrow.csv.WriteOptions(quoting_style="needed")
            return pyarrow.csv.CSVWriter(sink, schema, write_options=options)
        import pyarrow.parquet

        return pyarrow.parquet.ParquetWriter(str(self._output), schema, compression="zstd")


def as_dict(found: Inspected) -> dict[str, Any]:
    """The summary, JSON-safe, with where it is from and what ftfy says of the mojibake."""
    return {
        "file": found.path,
        "column": found.column,
        "learnt_from": found.learnt_from,
        "set_aside": {"count": found.aside.count, "first": found.aside.first},
        "confirmation": None if found.confirmation is None else asdict(found.confirmation),
        **found.summary.to_dict(),
    }
