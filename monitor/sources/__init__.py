"""Where records come from. Every source is read forward, once, in pages of bounded size.

files          paths, globs and fsspec URLs: what was read, what is new, what has grown
csv_pages      CSV into pages; a bad line is set aside and the rest goes on
json_pages     JSON Lines into pages
parquet_pages  Parquet into pages
sql            a table or a query by keyset
push           what was sent to the API, from the inbox of the store
intake         what is sent, record by record, before it may enter the inbox
inferences     requests and responses of KServe's logger as records
raw_json       JSON that holds bytes which are no text; moments: single event times
cells          Python values of mixed types into Arrow columns
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from monitor.contract import Contract, FilesSource, PushSource
from monitor.errors import SourceError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    from monitor.store.engine import Store

# A page is the unit of work: small enough that memory stays flat, large enough that overheads vanish.
PAGE_ROWS = 65_536
PAGE_BYTES = 64 << 20
EVIDENCE_BYTES = 2_048

Unit = Literal["line", "row"]


@dataclass(frozen=True, slots=True)
class Reject:
    """A record or a cell that was set aside. `counted`: the record still counts, only this cell does not.

    `raw` is at most EVIDENCE_BYTES of what was there; `window_us` the start of its window, where the time is
    known.
    """

    piece: str
    place: str
    reason: str
    column: str | None
    detail: str
    counted: bool
    raw: bytes | None = None
    window_us: int | None = None


@dataclass(frozen=True, slots=True)
class FileFact:
    """What became of a file: a row of the manifest. `size` is how many bytes of it are read."""

    path: str
    size: int
    etag: str
    state: Literal["read", "failed"]
    rows: int
    error: str | None = None


class Known(Protocol):
    """A row of the manifest as a source needs it; the last of a path counts."""

    @property
    def path(self) -> str: ...
    @property
    def etag(self) -> str: ...
    @property
    def state(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Page:
    """Up to PAGE_ROWS records as they came.

    piece     names this page and the version of what it was cut from; the same input gives the same pieces
    origin    the file or table without its version: the place that derived event ids hang on
    table     one column per name of the contract that the input has (declared columns, id, time), in any type
    rows      int64[n], where each record stands: line numbers from 1, or row numbers from 1
    rejects   what could not be made a record of `table`, or a cell of it
    wrong     per column, the indices of cells that are null in `table` because they were of another type
    position  for SQL: where to go on after this page (None for files)
    file      on the last page of a file: its entry in the manifest
    """

    piece: str
    origin: str
    table: pa.Table
    rows: npt.NDArray[np.int64]
    rejects: tuple[Reject, ...] = ()
    wrong: Mapping[str, npt.NDArray[np.int64]] = field(default_factory=dict)
    position: dict[str, Any] | None = None
    file: FileFact | None = None
    unit: Unit = "row"


class Source(Protocol):
    """Forward-only reading of one model's records."""

    def read(self, position: dict[str, Any] | None, known: Collection[Known]) -> Iterator[Page]:
        """Pages of what is new since `position` and `known`.

        A bad piece is a failed FileFact; the others go on.
        """
        ...

    def reread(self, start_us: int, end_us: int) -> Iterator[Page]:
        """Pages that hold at least every record with an event time in [start_us, end_us).

        For learning from a span, and for windows whose count differs.
        """
        ...

    def count(self, start_us: int, end_us: int) -> int | None:
        """Records with an event time in [start_us, end_us), None where the source cannot say."""
        ...


def open_source(
    contract: Contract, base_path: Path, store: Store | None = None, model_id: int | None = None
) -> Source:
    """The source of a contract; relative paths start at `base_path`. Nothing is opened before it is read.

    What was pushed stands in a store under the model's id. SourceError if there is none to look in.
    """
    if isinstance(contract.source, PushSource):
        from monitor.sources.push import Push

        if store is None or model_id is None:
            raise SourceError(
                f"{contract.model}: its records are pushed, and are only in the store of the service they were sent to"
            )
        return Push(store, model_id, wanted_columns(contract))
    if isinstance(contract.source, FilesSource):
        from monitor.sources.files import Files

        return Files(contract.source, base_path, wanted_columns(contract))
    from monitor.sources.sql import Sql

    return Sql(contract.source, base_path, contract.zone, wanted_columns(contract))


def wanted_columns(contract: Contract) -> dict[str, str]:
    """The columns to read and their kinds: "text", "number", "category", "key" for id and time."""
    wanted = {name: str(spec.kind) for name, spec in contract.column_specs.items()}
    for key in (contract.source.id, contract.source.time):
        if key is not None:
            wanted[key] = "key"
    return wanted
