"""Files as a source: a path, a glob or an fsspec URL. Each file is read once; what has grown is read on.

The manifest entry of a file carries an `etag` of our own making (see `Mark`): enough to tell without opening
it whether it changed, and, for plain CSV and JSON Lines, whether it only grew.
"""

from __future__ import annotations

import gzip
import os
import time
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from itertools import chain
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import fsspec
import numpy as np
import pyarrow as pa

from monitor.contract import FilesSource
from monitor.errors import DependencyUnavailable, SourceError
from monitor.sources import (
    FileFact,
    Known,
    Page,
    Unit,
    csv_pages,
    json_pages,
    lines,
    parquet_pages,
)

if TYPE_CHECKING:
    from monitor.contract.model import FileFormat

# The bytes at either end of what was read that must be the same for a file to count as grown.
_CHECKED = 65_536
# The bytes that name the pieces of a file that may grow; a shorter file is one page, kept wholly or not at
# all.
_NAMING = 1_024
# How much of the end of a file a first look reads.
_LOOK_BYTES = 1 << 18
_UNZIPPED = 4  # a guess at how much text grows when it is unpacked
_DAMAGE = (pa.ArrowInvalid, zlib.error, EOFError, gzip.BadGzipFile, SourceError, OSError)
# A file that has not changed for so long will not finish its last line any more.
_QUIET_SECONDS = 3_600

_SUFFIXES: dict[str, FileFormat] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
}


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a version of a file was read.

    stat   size and change time (or the store's own etag): the same stat is the same file
    end    bytes read; less than the size where the last line was not finished
    row    the number of the next line
    head, tail  hashes of the first and the last bytes before `end`; "" where a file cannot grow
    """

    stat: str
    end: int = 0
    row: int = 1
    head: str = ""
    tail: str = ""

    @property
    def etag(self) -> str:
        return f"{self.stat};{self.end};{self.row};{self.head};{self.tail}"

    @classmethod
    def of(cls, etag: str) -> Mark | None:
        parts = etag.split(";")
        if len(parts) != 5:
            return None
        return cls(parts[0], int(parts[1]), int(parts[2]), parts[3], parts[4])


@dataclass(frozen=True, slots=True)
class Ends:
    """A bounded look at files: a page from the beginning of the first and, if there is more, one from the last's end.

    The pages have all columns there are, not only those that are wanted; their names are no pieces. `records` is about
    how many there are in all; `whole`: the one page holds everything.
    """

    pages: tuple[Page, ...]
    records: int
    files: int
    whole: bool


@dataclass(frozen=True, slots=True)
class _File:
    path: str  # as the file system knows it
    name: str  # as the manifest knows it: relative to the contract where it can be
    size: int
    stat: str
    changed_seconds: float | None
    format: FileFormat
    zipped: bool

    @property
    def can_grow(self) -> bool:
        return self.format != "parquet" and not self.zipped

    @property
    def unit(self) -> Unit:
        return "row" if self.format == "parquet" else "line"


@dataclass(frozen=True, slots=True)
class _Start:
    """Where a reading starts, and the version that its pieces are named by."""

    end: int
    row: int
    version: str


class Files:
    """Files with the columns `wanted` (see `wanted_columns`), or with all they have if it is empty.

    `now` is the clock of the file system (seconds), not of the records.
    """

    def __init__(
        self,
        source: FilesSource,
        base_path: Path,
        wanted: Mapping[str, str],
        now: Callable[[], float] = time.time,
    ) -> None:
        self.source = source
        self.base_path = base_path
        self.wanted = wanted
        self.now = now

    def read(self, position: dict[str, Any] | None, known: Collection[Known]) -> Iterator[Page]:
        """Pages of files that are new or changed, file by file in the order of their names."""
        # A failure that may pass leaves no etag: what was read before it still counts.
        marks = {entry.path: Mark.of(entry.etag) for entry in known if entry.etag}
        fs, found = self._list()
        for file in found:
            mark = marks.get(file.name)
            finished = mark is not None and (
                mark.end >= file.size or not mark.head or not self._is_quiet(file)
            )
            if mark is not None and mark.stat == file.stat and finished:
                continue
            yield from self._pages(fs, file, mark)

    def reread(self, start_us: int, end_us: int) -> Iterator[Page]:
        """Pages of everything: files have no index of times. The caller takes what lies in the span."""
        yield from self.read(None, ())

    def count(self, start_us: int, end_us: int) -> int | None:
        """None: files cannot say how many records they hold of a span."""
        return None

    def look(self) -> tuple[list[pa.Table], int]:
        """The first records and the last ones with all their columns, and about how many there are in all.

        Raises SourceError where there is no file, or one that cannot be read.
        """
        found = self.ends()
        if not found.pages:
            raise SourceError(f"{self.source.path}: matches no file")
        return [page.table for page in found.pages], found.records

    def ends(self) -> Ends:
        """What stands at both ends of the files, a page each; without a file that matches no page.

        Raises SourceError where a file that is named is not there, or cannot be read.
        """
        fs, found = self._list()
        if not found:
            return Ends((), 0, 0, whole=True)
        first, rows = self._look(fs, found[0], at_end=False)
        pages = [first]
        if len(found) > 1 or rows > len(first.rows):
            pages.append(self._look(fs, found[-1], at_end=True)[0])
        about = rows * sum(file.size for file in found) // max(1, found[0].size)
        return Ends(tuple(pages), about, len(found), whole=len(pages) == 1 and not found[0].zipped)

    def _look(self, fs: Any, file: _File, *, at_end: bool) -> tuple[Page, int]:
        """Records of one end of a file, and about how many it holds."""
        try:
            with _opened(fs, file) as stream:
                start = _Start(0, 1, "")
                if file.format == "parquet":
                    table, rows = parquet_pages.look(stream, at_end=at_end)
                    numbers = np.arange(1, table.num_rows + 1)
                    return Page(file.name, file.name, table, numbers, unit=file.unit), rows
                if at_end and file.can_grow and file.size > _LOOK_BYTES:
                    # From a line end on; a record that spans it is one bad line.
                    stream.seek(file.size - _LOOK_BYTES)
                    skipped = stream.read(_LOOK_BYTES).find(b"\n") + 1
                    start = _Start(file.size - _LOOK_BYTES + skipped, 1, "")
                chunk = next(self._chunks(stream, file, start), _nothing(1))
        except _DAMAGE as error:
            raise SourceError(f"{file.name}: {_reason(error)}") from error
        size = file.size * (_UNZIPPED if file.zipped else 1)
        rows = len(chunk.rows) * size // chunk.end if chunk.end else 0
        return self._page(file, chunk, "look"), max(len(chunk.rows), rows if chunk.end < file.size else 0)

    def _list(self) -> tuple[Any, list[_File]]:
        path = self.source.path
        remote = "://" in path
        try:
            fs, pattern = fsspec.core.url_to_fs(path if remote else str(self.base_path / path))
            fs.invalidate_cache()  # object stores remember their listings, and would never show a new file
            if fs.isfile(pattern):
                names = [pattern]
            elif any(sign in path for sign in "*?["):
                names = [name for name in fs.glob(pattern) if not fs.isdir(name)]
            elif not fs.exists(pattern):
                raise SourceError(
                    f"{path}: no such file; relative paths start at the contract, in {self.base_path}"
                )
            else:
                raise SourceError(f"{path}: is a folder; write a glob, such as {path.rstrip('/')}/*.parquet")
            folders = {"": str(self.base_path.resolve()) + os.sep}
            return fs, [self._file(fs, name, remote, folders) for name in sorted(names)]
        except ImportError as error:
            raise SourceError(f"{path}: {error}; install the extra for this kind of storage") from error
        except OSError as error:
            raise DependencyUnavailable(f"{path}: cannot be listed: {error}") from error

    def _file(self, fs: Any, path: str, remote: bool, folders: dict[str, str]) -> _File:
        """`folders`: where folders really are, as far as it was looked up; that of the contract under ""."""
        info = fs.info(path)
        name = fs.unstrip_protocol(path) if remote else path
        if not remote:
            real = _real(path, folders)
            if real.startswith(folders[""]):
                name = real.removeprefix(folders[""])
        changed = info.get("mtime")
        changed = float(changed) if isinstance(changed, int | float) else None
        stat = f"{info['size']}-{changed}" if changed is not None else f"{info['size']}-{fs.ukey(path)}"
        return _File(
            path,
            name,
            int(info["size"]),
            stat.replace(";", ","),
            changed,
            self._format(path),
            path.endswith(".gz"),
        )

    def _format(self, path: str) -> FileFormat:
        suffix = Path(path.removesuffix(".gz")).suffix.lower()
        found = self.source.format or _SUFFIXES.get(suffix)
        if found is None:
            raise SourceError(
                f"{path}: not known what it is by its name; write format: csv, jsonl or parquet"
            )
        return found

    def _is_quiet(self, file: _File) -> bool:
        return file.changed_seconds is not None and self.now() - file.changed_seconds > _QUIET_SECONDS

    def _pages(self, fs: Any, file: _File, mark: Mark | None) -> Iterator[Page]:
        """The pages of one file; the last carries its manifest entry, failed if the file is damaged."""
        records = 0
        held: Page | None = None
        try:
            with _opened(fs, file) as stream:
                start = self._start(stream, file, mark)
                end, row, version = start.end, start.row, start.version
                for chunk in self._chunks(stream, file, start):
                    if held is not None:
                        yield held
                    held = self._page(file, chunk, f"{version}#{row}")
                    records += len(chunk.rows)
                    end, row = max(end, chunk.end), chunk.next_row
                done = self._mark(stream, file, end, row)
        except _DAMAGE as error:
            if held is not None:
                yield held
            yield self._failed(file, records, error)
            return
        fact = FileFact(file.name, end if file.can_grow else file.size, done.etag, "read", records)
        yield _with_fact(held or self._page(file, _nothing(row), f"{version}#{row}"), fact)

    def _chunks(self, stream: IO[bytes], file: _File, start: _Start) -> Iterator[lines.Chunk]:
        if file.format == "parquet":
            yield from parquet_pages.chunks(stream, self.wanted)
            return
        leave = file.can_grow and not self._is_quiet(file)
        if file.format == "jsonl":
            stream.seek(start.end)
            blocks = lines.blocks(stream, start.end)
            yield from json_pages.chunks(blocks, self.wanted, start.row, leave=leave)
            return
        yield from self._csv_chunks(stream, file, start, leave)

    def _csv_chunks(
        self, stream: IO[bytes], file: _File, start: _Start, leave: bool
    ) -> Iterator[lines.Chunk]:
        delimiter = self.source.delimiter or ("\t" if ".tsv" in Path(file.path).suffixes else ",")
        stream.seek(0)
        blocks = lines.blocks(stream)
        first = next(blocks)
        header = csv_pages.header(first.data, delimiter)
        if header is None:
            return
        if start.end > header.bytes:
            stream.seek(start.end)
            blocks, line = lines.blocks(stream, start.end), start.row
        else:
            rest = lines.Block(first.data[header.bytes :], header.bytes, first.last)
            blocks, line = chain([rest], blocks), header.lines + 1
        wanted = list(self.wanted) or header.names
        yield from csv_pages.chunks(blocks, header.names, wanted, delimiter, line, leave=leave)

    def _start(self, stream: IO[bytes], file: _File, mark: Mark | None) -> _Start:
        """The end of the last reading if the file only grew, else the beginning.

        Pieces of a file that grows are named by its head: if it grows while it is read, and the reading is
        cut short, the pages that were kept have the same names when it is read again. Pieces of a file that
        was changed inside are named by its stat, or they would be taken for those of its older version.
        """
        if not file.can_grow:
            return _Start(0, 1, _hash(file.stat.encode()))
        stream.seek(0)
        head = _hash(stream.read(_NAMING))
        if mark is None or not mark.head:
            return _Start(0, 1, head)
        if not 0 < mark.end <= file.size or (mark.head, mark.tail) != _ends(stream, mark.end):
            return _Start(0, 1, _hash(file.stat.encode()))
        stream.seek(mark.end - 1)
        border = stream.read(2)
        # A last line without an end was taken for a record, and has gone on since: read everything again.
        if border[:1] != b"\n" and border[1:2] not in (b"\n", b"\r", b""):
            return _Start(0, 1, _hash(file.stat.encode()))
        return _Start(mark.end, mark.row, head)

    def _mark(self, stream: IO[bytes], file: _File, end: int, row: int) -> Mark:
        if not file.can_grow or not end:
            return Mark(file.stat, file.size, row)
        return Mark(file.stat, end, row, *_ends(stream, end))

    def _page(self, file: _File, chunk: lines.Chunk, place: str) -> Page:
        piece = f"{file.name}@{place}"
        return Page(
            piece=piece,
            origin=file.name,
            table=pa.table(chunk.columns),
            rows=chunk.rows,
            rejects=tuple(lines.reject(piece, bad) for bad in chunk.bad),
            wrong=chunk.wrong,
            unit=file.unit,
        )

    def _failed(self, file: _File, records: int, error: Exception) -> Page:
        # An error of the system may pass; one of the content stays until the file changes.
        passing = isinstance(error, OSError) and error.errno is not None
        etag = "" if passing else Mark(file.stat, file.size).etag
        message = f"{file.name}: {_reason(error)}"
        fact = FileFact(file.name, file.size, etag, "failed", records, message)
        place = f"{_hash(file.stat.encode())}#failed"
        return _with_fact(self._page(file, _nothing(records + 1), place), fact)


def _real(path: str, folders: dict[str, str]) -> str:
    """`os.path.realpath`, with each folder looked up once."""
    if os.path.islink(path):
        return os.path.realpath(path)
    folder, name = os.path.split(path)
    if folder not in folders:
        folders[folder] = os.path.realpath(folder)
    return os.path.join(folders[folder], name)


@contextmanager
def _opened(fs: Any, file: _File) -> Iterator[IO[bytes]]:
    with fs.open(file.path, "rb") as raw:
        if file.zipped:
            with gzip.open(raw, "rb") as stream:
                yield stream
        else:
            yield raw


def _ends(stream: IO[bytes], end: int) -> tuple[str, str]:
    """Hashes of the first and the last bytes of the first `end` bytes."""
    stream.seek(0)
    head = stream.read(min(_CHECKED, end))
    stream.seek(max(0, end - _CHECKED))
    tail = stream.read(min(_CHECKED, end))
    return _hash(head), _hash(tail)


def _hash(raw: bytes) -> str:
    return blake2b(raw, digest_size=8).hexdigest()


def _nothing(row: int) -> lines.Chunk:
    return lines.Chunk({}, np.zeros(0, np.int64), 0, row)


def _with_fact(page: Page, fact: FileFact) -> Page:
    return Page(
        page.piece, page.origin, page.table, page.rows, page.rejects, page.wrong, None, fact, page.unit
    )


def _reason(error: Exception) -> str:
    text = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    if isinstance(error, SourceError):
        return text
    return f"cannot be read to its end ({text}); write it again, or remove it"
