"""Reading labels: what turned out to be true, from its own files or table into the store, each page in one transaction.

A label that cannot be read is counted and left; the others go on. Labels of records that are not in the sample are kept
as well: their records may come later.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from monitor.clock import Clock
from monitor.contract import FilesSource, SqlSource
from monitor.contract.model import LabelFiles, LabelPush, Labels, LabelTable
from monitor.errors import SourceError
from monitor.sources import Page, Source, times
from monitor.sources.files import Files
from monitor.sources.sql import Sql
from monitor.store import labels as stored
from monitor.store.engine import Store
from monitor.store.labels import Label
from monitor.watched import Watched

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Read:
    """A file of labels that was read, as its source wants to know it."""

    path: str
    etag: str
    state: Any


@dataclass
class LabelReport:
    """What one reading found: labels kept, labels that said nothing usable, files that could not be read."""

    kept: int = 0
    unusable: int = 0
    failed: tuple[str, ...] = ()


def read(store: Store, clock: Clock, watched: Watched) -> LabelReport:
    """Keep every label that is new. Raises SourceError, DependencyUnavailable as sources do."""
    labels = watched.contract.labels
    report = LabelReport()
    if labels is None or isinstance(labels.source, LabelPush):
        return report  # what is pushed is kept when it comes
    with store.read() as conn:
        position = stored.position(conn, watched.id)
    files: dict[str, str] = dict(position.get("files", {}))
    known = [_Read(path, etag, "read") for path, etag in files.items()]
    for page in open_labels(labels, watched).read(position.get("keyset"), known):
        found = list(_labels(page, labels, watched))
        if page.file is not None and page.file.state == "read":
            files[page.file.path] = page.file.etag
        elif page.file is not None:
            report.failed += (f"{page.file.path}: {page.file.error}",)
        if page.position is not None:
            position["keyset"] = page.position
        position["files"] = files
        now_us = clock.now_us()
        with store.write() as conn:
            stored.add(conn, watched.id, found, now_us)
            stored.set_position(conn, watched.id, position, now_us)
        report.kept += len(found)
        report.unusable += len(page.rows) - len(found)
    if report.unusable:
        log.warning(
            "%d labels of %s have no %s, no %s or a time that cannot be read; they are left out",
            *(report.unusable, watched.name, labels.key, labels.value),
        )
    return report


def open_labels(labels: Labels, watched: Watched) -> Source:
    """The source of a model's labels. Nothing is opened before it is read."""
    wanted = {labels.key: "key", labels.value: "category"}
    if labels.labelled is not None:
        wanted[labels.labelled] = "key"
    time = labels.labelled or labels.key
    if isinstance(labels.source, LabelFiles):
        spec = FilesSource(
            path=labels.source.path,
            format=labels.source.format,
            delimiter=labels.source.delimiter,
            id=labels.key,
            time=time,
        )
        return Files(spec, watched.base_path, wanted)
    if not isinstance(labels.source, LabelTable):
        raise SourceError(f"{watched.name}: its labels are pushed, and stand in the store already")
    table = SqlSource(
        url=labels.source.url, table=labels.source.table, query=labels.source.query, id=labels.key, time=time
    )
    return Sql(table, watched.base_path, watched.contract.zone, wanted)


def _labels(page: Page, labels: Labels, watched: Watched) -> Iterator[Label]:
    names = page.table.schema.names
    if labels.key not in names or labels.value not in names:
        missing = labels.key if labels.key not in names else labels.value
        log.warning("%s has no column %s: no label can be read from it", page.origin, missing)
        return
    said_us, unreadable = np.zeros(len(page.rows), np.int64), np.zeros(len(page.rows), np.bool_)
    if labels.labelled is not None and labels.labelled in names:
        said_us, missing_time, unreadable = times.parse(
            _one_array(page.table.column(labels.labelled)), watched.contract.zone
        )
        unreadable = unreadable | missing_time
    keys, values = _words(page.table, labels.key), _words(page.table, labels.value)
    for key, value, us, bad in zip(keys, values, said_us.tolist(), unreadable.tolist(), strict=True):
        if key and value and not bad:
            yield Label(key, value, us)


def _words(table: pa.Table, name: str) -> list[str | None]:
    array = _one_array(table.column(name))
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    return [_word(value) for value in array.to_pylist()]


def _word(value: object) -> str | None:
    """A label or an id as records write it: bytes as text, a whole number without its point."""
    if value is None:
        return None
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace").replace("\x00", "\N{SYMBOL FOR NULL}")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _one_array(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
