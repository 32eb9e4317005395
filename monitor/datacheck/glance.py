"""A bounded look at a source: its first and last records, and the names of its columns."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.contract.marks import Path as Place
from monitor.datacheck.finding import Finding, counted, either
from monitor.errors import DependencyUnavailable, SourceError, UsageError

if TYPE_CHECKING:
    from monitor.sources import Page, Source
    from monitor.sources.files import Files
    from monitor.sources.sql import Sql

ROWS = 5_000  # of a table
SECONDS = 10.0  # that a database may take for one answer


@dataclass(frozen=True)
class Glance:
    """What was seen.

    pages   records from the beginning and, where there is more, from the end; of a table some rows
    names   per page all columns there are
    schema  whether the names hold for records that were not looked at (no JSON Lines)
    whole   whether the pages are all there is
    about   what was looked at, for people: "2,000 records of 3 files"
    holds   of a table: whether any record is of a span, None if that takes too long
    """

    pages: tuple[Page, ...]
    names: tuple[tuple[str, ...], ...]
    schema: bool
    whole: bool
    about: str
    holds: Callable[[int, int], bool | None] | None = None

    @property
    def known(self) -> tuple[str, ...]:
        """Every name, in order."""
        return tuple(dict.fromkeys(name for names in self.names for name in names))

    @property
    def records(self) -> int:
        """How many records were looked at."""
        return sum(len(page.rows) for page in self.pages)


def glance(source: Source, at: Place, name: str) -> tuple[Glance | None, list[Finding]]:
    """What can be seen of files or a table, or why nothing can; `name` is the key of `at` that names them."""
    from monitor.sources.files import Files
    from monitor.sources.sql import Sql

    assert isinstance(source, Files | Sql)
    try:
        return (_of_files(source, at, name) if isinstance(source, Files) else _of_table(source)), []
    except NothingThere as nothing:
        return None, [Finding("warning", (*at, name), str(nothing))]
    except SourceError as error:
        near = _near_files(source) if isinstance(source, Files) else ""
        return None, [Finding("error", (*at, name), f"{error}{near}")]
    except DependencyUnavailable as error:
        return None, [Finding("away", (*at, name), str(error))]
    except UsageError as error:  # a secret that is where the service runs need not be here
        return None, [Finding("warning", (*at, name), f"the data were not looked at: {error}")]


class NothingThere(SourceError):
    """There is nothing to look at yet, which may be meant."""


def _of_files(source: Files, at: Place, name: str) -> Glance:
    from monitor.sources.files import Files

    ends = Files(source.source, source.base_path, {}).ends()
    if not ends.pages:
        raise NothingThere(
            f"{source.source.path}: matches no file yet; relative paths start in {source.base_path}"
        )
    pages = tuple(page for page in ends.pages if page.table.schema.names)
    if not pages:
        first = ends.pages[0]
        if first.rejects:
            raise SourceError(f"{first.origin} {first.rejects[0].place}: {first.rejects[0].detail}")
        raise NothingThere(f"{first.origin}: is empty")
    records = sum(len(page.rows) for page in pages)
    return Glance(
        pages,
        tuple(tuple(page.table.schema.names) for page in pages),
        schema=not _is_json(source, pages[0]),
        whole=ends.whole,
        about=f"{counted(records, 'record')} of {counted(ends.files, 'file')}",
    )


def _is_json(source: Files, page: Page) -> bool:
    if source.source.format is not None:
        return source.source.format == "jsonl"
    return Path(page.origin.removesuffix(".gz")).suffix.lower() in (".jsonl", ".ndjson", ".json")


def _of_table(source: Sql) -> Glance:
    found = source.glance(ROWS, SECONDS)
    return Glance(
        (found.page,),
        (found.names,),
        schema=True,
        whole=found.whole,
        about=f"{counted(len(found.page.rows), 'row')} of {source.name}",
        holds=lambda start_us, end_us: source.holds(start_us, end_us, SECONDS),
    )


def _near_files(source: Files) -> str:
    """Files beside one that is not there, with a name like its own."""
    path = source.base_path / source.source.path
    if "://" in source.source.path or path.exists() or not path.parent.is_dir():
        return ""
    beside = sorted(one.name for one in path.parent.iterdir() if one.is_file())
    alike = difflib.get_close_matches(path.name, beside, n=3, cutoff=0.7)
    return f"; did you mean {either(alike)}?" if alike else ""
