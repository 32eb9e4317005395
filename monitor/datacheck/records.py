"""Times, ids and cells of the records that were looked at, judged as a reading would judge them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from checks.batch import Cell
from monitor.conform import Conformed, conform
from monitor.contract import Contract
from monitor.contract.guess import columns, time_column
from monitor.contract.marks import Path
from monitor.datacheck.finding import Finding, counted, shown
from monitor.datacheck.glance import Glance
from monitor.sources import times
from monitor.sources.moments import DAY_US, EARLIEST_US

if TYPE_CHECKING:
    from monitor.sources import Page

# Half of the cells that are of another kind are no accident.
MOST = 0.5
_FIRST = 200  # records of which it is guessed what else holds times
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NONE_OF = {"text": "no text", "number": "no numbers", "category": "no words"}
_WRITE_TIMES = "write times as 2026-11-21T06:00Z, or as seconds since 1970"
_TIME_REASONS = {
    "missing_time": "have no time",
    "unreadable_time": "have a time that cannot be read",
    "absurd_time": "have a time before 1990 or more than a day ahead",
}


@dataclass(frozen=True)
class Places:
    """Where the contract names the time and the id of these records."""

    time: Path
    id: Path


def records(
    seen: Glance, contract: Contract, at: Places, now_us: int
) -> tuple[list[Finding], list[Conformed]]:
    """What is wrong with the records, and those of each page that could be used.

    `contract.source` names their id and their time; both are columns of the data.
    """
    if not seen.records:
        bad = [reject for page in seen.pages for reject in page.rejects]
        return [_no_record(seen, at, bad[0].detail if bad else None)], []
    try:
        pages = [conform(page, contract, now_us) for page in seen.pages]
    except pa.ArrowException as error:
        what = f"the records cannot be taken as the contract says: {str(error).splitlines()[0]}"
        return [Finding("error", at.time, f"{what}; see the types of their columns")], []
    found = [
        *_lines(seen, at),
        *_times(seen, contract, pages, at.time, now_us),
        *_ids(seen, contract, pages, at.id),
        *_cells(contract, pages),
    ]
    return found, pages


def reference(seen: Glance, contract: Contract, pages: Sequence[Conformed], now_us: int) -> Iterator[Finding]:
    """A span without records, where that can be seen: in the index of a table, or in what was looked at."""
    span = contract.reference_span()
    if span is None or span[1] > now_us:
        return  # none, or still to come
    what = f"no record lies in the reference, {_day(span[0])} to {_day(span[1] - 1)}"
    answer = None if seen.holds is None else seen.holds(*span)
    if answer is False:
        yield Finding("error", ("reference",), f"{what}; name days that the data have", key=True)
    if answer is not None:
        return
    us = np.concatenate([page.batch.event_us for page in pages]) if pages else np.zeros(0, np.int64)
    if not len(us) or ((us >= span[0]) & (us < span[1])).any():
        return
    extent = f"{_day(int(us.min()))} to {_day(int(us.max()))}"
    if seen.whole:
        message = f"{what}; the records are of {extent}: name days among these"
        yield Finding("error", ("reference",), message, key=True)
    elif seen.holds is None and (us.max() < span[0] or us.min() >= span[1]):
        message = f"it may hold no record: the first and the last records looked at are of {extent}"
        yield Finding("warning", ("reference",), message, key=True)


def unreadable_times(seen: Glance, name: str, contract: Contract, path: Path) -> Iterator[Finding]:
    """That some or all times of a column cannot be read, of the first page."""
    page = seen.pages[0]
    if name not in page.table.schema.names or not len(page.rows):
        return
    bad = _wrong(page, name, contract, "unreadable_time", 0)
    if not len(bad):
        return
    of, such = counted(len(page.rows), "time"), f", such as {_example(page, name, bad, seen)}"
    if len(bad) == len(page.rows):
        yield Finding("error", path, f"none of {of} looked at can be read{such}; {_WRITE_TIMES}")
    else:
        yield Finding(
            "warning", path, f"{len(bad):,} of {of} looked at cannot be read{such}: they are left out"
        )


def _no_record(seen: Glance, at: Places, why: str | None) -> Finding:
    place = (at.time[0],) if at.time[0] == "source" else at.time
    if why is None:
        return Finding("warning", place, f"{seen.pages[0].origin}: there is no record yet", key=True)
    return Finding("error", place, f"{seen.pages[0].origin}: no line is a record: {why}", key=True)


def _lines(seen: Glance, at: Places) -> Iterator[Finding]:
    """Lines that are no records; only of the beginning: the end may start inside of one."""
    page = seen.pages[0]
    bad = [reject for reject in page.rejects if not reject.counted]
    if bad:
        total = counted(len(bad) + len(page.rows), "line")
        first = f"{bad[0].place}: {bad[0].detail}"
        message = (
            f"{len(bad):,} of {total} looked at in {page.origin} are no records ({first}): they are set aside"
        )
        yield Finding("warning", (at.time[0],), message, key=True)


def _times(
    seen: Glance, contract: Contract, pages: Sequence[Conformed], path: Path, now_us: int
) -> Iterator[Finding]:
    name = contract.source.time
    lost = Counter(
        reject.reason for page in pages for reject in page.rejects if reject.reason in _TIME_REASONS
    )
    usable = seen.records - lost.total()
    for reason, count in sorted(lost.items()):
        wrong = ((page, _wrong(page, name, contract, reason, now_us)) for page in seen.pages)
        example = next((_example(page, name, bad, seen) for page, bad in wrong if len(bad)), None)
        such = f", such as {example}" if example else ""
        what = f"{count:,} of {counted(seen.records, 'record')} looked at {_TIME_REASONS[reason]}{such}"
        if usable:
            yield Finding("warning", path, f"{what}: they are set aside")
        else:
            other = _other_times(seen, contract)
            cure = f"{shown(other)} holds times" if other else _WRITE_TIMES
            yield Finding("error", path, f"{what}; {cure}")


def _wrong(page: Page, name: str, contract: Contract, reason: str, now_us: int) -> npt.NDArray[np.intp]:
    """Which records of a page have a time that is wrong in this way and can be shown."""
    if reason == "missing_time" or name not in page.table.schema.names:
        return np.zeros(0, np.intp)
    us, missing, unreadable = times.parse(_one_array(page.table.column(name)), contract.zone)
    if reason == "absurd_time":
        return np.flatnonzero(~missing & ~unreadable & ((us < EARLIEST_US) | (us > now_us + DAY_US)))
    unreadable = unreadable.copy()
    unreadable[page.wrong.get(name, np.zeros(0, np.int64))] = True
    return np.flatnonzero(unreadable)


def _example(page: Page, name: str, places: npt.NDArray[np.intp], seen: Glance) -> str:
    """The first of some times as it stands there; where, only of the beginning: nobody counted up to the end."""
    value = page.table.column(name)[int(places[0])].as_py()
    words = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    place = (
        f"{page.unit} {page.rows[int(places[0])]}"
        if page is seen.pages[0]
        else f"at the end of {page.origin}"
    )
    return f'"{shown(words, 40)}" ({place})'


def _other_times(seen: Glance, contract: Contract) -> str | None:
    tables = [page.table.slice(0, _FIRST) for page in seen.pages if page.table.num_columns]
    found = time_column(columns(tables), tables)
    return None if found is None or found.name == contract.source.time else found.name


def _ids(seen: Glance, contract: Contract, pages: Sequence[Conformed], path: Path) -> Iterator[Finding]:
    name = contract.source.id
    if name is None:
        return
    without = sum(reject.reason == "missing_id" for page in pages for reject in page.rejects)
    kept = sum(len(page.batch) for page in pages)
    if without:
        what = f"{without:,} of {counted(without + kept, 'record')} looked at have no id"
        cure = (
            "they are set aside"
            if kept
            else "name a column that has one, or remove it: records are then told apart by place"
        )
        yield Finding("warning" if kept else "error", path, f"{what}: {cure}" if kept else f"{what}; {cure}")
    again = differing = 0
    example = ""
    for page in pages:
        _, first, place = np.unique(page.batch.event_hash, return_index=True, return_inverse=True)
        repeats = first[place] != np.arange(len(page.batch))
        again += int(repeats.sum())
        differing += int((repeats & (page.content_hash != page.content_hash[first[place]])).sum())
        if repeats.any() and not example:
            raw = page.batch.event_ids[int(np.flatnonzero(repeats)[0])].as_py()
            example = shown(raw.decode("utf-8", "replace"), 40)
    if not again:
        return
    what = f'{again:,} of {counted(kept, "record")} looked at repeat an id, such as "{example}"'
    if differing > MOST * kept:
        cure = "of records with the same id only the first counts; name a column that is different in each"
        yield Finding("error", path, f"{what}, {differing:,} with other content: it is no id; {cure}")
    else:
        yield Finding("warning", path, f"{what}: of records with the same id only the first counts")


def _cells(contract: Contract, pages: Sequence[Conformed]) -> Iterator[Finding]:
    """Columns that are there and hold nothing, or hardly anything of their kind."""
    for column in contract.columns():
        batches = [page.batch for page in pages if len(page.batch)]
        state = np.concatenate(
            [batch.columns[column.name].state for batch in batches] or [np.zeros(0, np.uint8)]
        )
        state = state[state != Cell.ABSENT]
        total, empty = len(state), int(np.isin(state, (Cell.NULL, Cell.SENTINEL)).sum())
        wrong = int((state == Cell.TYPE_FAILURE).sum())
        path = ("columns", column.name)
        if total and empty == total:
            message = f"is empty in all of {counted(total, 'record')} looked at: there is nothing to watch"
            yield Finding("warning", path, message, key=True)
        elif wrong > MOST * (total - empty):
            what = f"{wrong:,} of {counted(total - empty, 'value')} looked at are {_NONE_OF[column.kind]}"
            yield Finding(
                "warning", path, f"{what}; correct its kind or role, or the column that is meant", key=True
            )


def as_source(contract: Contract, path: str) -> Contract:
    """The contract with its reference file in the place of its source, as a reading takes it."""
    from monitor.contract import FilesSource

    files = FilesSource(path=path, id=contract.source.id, time=contract.source.time)
    return contract.model_copy(update={"source": files, "reference": None})


def _day(us: int) -> str:
    return f"{_EPOCH + timedelta(microseconds=us):%Y-%m-%d}"


def _one_array(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
