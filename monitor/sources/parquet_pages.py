"""Parquet as columns, one batch of a row group at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from monitor.sources import PAGE_BYTES, PAGE_ROWS
from monitor.sources.lines import Chunk


def chunks(stream: IO[bytes] | str, wanted: Mapping[str, str]) -> Iterator[Chunk]:
    """Chunks of up to PAGE_ROWS records. `stream` is an open file, or the path of a local one.

    `wanted` maps names to kinds; empty is every column. Columns of kind "category" come as dictionaries, as
    they are stored. Raises pa.ArrowInvalid or OSError where the file is damaged.
    """
    with _open(stream) as plain:
        schema, facts = plain.schema_arrow, plain.metadata
        present = [name for name in wanted or schema.names if name in schema.names]
        coded = [
            name for name in present if wanted.get(name) == "category" and _is_word(schema.field(name).type)
        ]
        if not coded:
            yield from _batches(plain, facts, present)
            return
    if not isinstance(stream, str):
        stream.seek(0)
    with _open(stream, read_dictionary=coded) as file:
        yield from _batches(file, facts, present)


def look(stream: IO[bytes], *, at_end: bool) -> tuple[pa.Table, int]:
    """The first records (or those of the last row group) with all columns, and how many records there are."""
    with _open(stream) as file:
        groups = [file.num_row_groups - 1] if at_end and file.num_row_groups else None
        batch = next(file.iter_batches(batch_size=_batch_size(file.metadata), row_groups=groups), None)
        table = file.schema_arrow.empty_table() if batch is None else pa.Table.from_batches([batch])
        return table, file.metadata.num_rows


def _open(stream: IO[bytes] | str, **options: Any) -> pyarrow.parquet.ParquetFile:
    # Buffering ahead would hold the whole file: 800 MB for five million rows, against 190.
    return pyarrow.parquet.ParquetFile(stream, pre_buffer=False, **options)


def _batches(
    file: pyarrow.parquet.ParquetFile, facts: pyarrow.parquet.FileMetaData, present: list[str]
) -> Iterator[Chunk]:
    if not present:
        # Nothing of the contract is here: the records still exist, and the schema check will say so.
        for start in range(0, facts.num_rows, PAGE_ROWS):
            count = min(PAGE_ROWS, facts.num_rows - start)
            yield Chunk({}, np.arange(start + 1, start + 1 + count), 0, start + 1 + count)
        return
    row = 1
    for batch in file.iter_batches(batch_size=_batch_size(facts), columns=present, use_threads=False):
        arrays = dict(zip(batch.schema.names, batch.columns, strict=True))
        columns = {name: arrays[name] for name in present if name in arrays}
        yield Chunk(columns, np.arange(row, row + batch.num_rows), 0, row + batch.num_rows)
        row += batch.num_rows


def _batch_size(facts: pyarrow.parquet.FileMetaData) -> int:
    """Rows per batch so that wide rows do not fill the memory."""
    size = sum(facts.row_group(index).total_byte_size for index in range(min(facts.num_row_groups, 8)))
    rows = sum(facts.row_group(index).num_rows for index in range(min(facts.num_row_groups, 8)))
    per_row = max(1, size // max(1, rows))
    return int(min(PAGE_ROWS, max(1_024, PAGE_BYTES // per_row)))


def _is_word(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_binary(kind))
