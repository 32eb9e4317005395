"""Columns that the contract names and the data do not have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from monitor.contract.marks import Path
from monitor.datacheck.finding import Finding, Severity, counted, near, shown
from monitor.datacheck.glance import Glance


def missing(seen: Glance, wanted: Mapping[str, Path], needed: set[str], split_at: Path) -> Iterator[Finding]:
    """What of `wanted` (names of columns, and where the contract names them) is not there.

    Without those of `needed` no record can be used. `split_at` is where the contract says what divides a CSV.
    """
    if (split := _split(seen, wanted)) is not None:
        yield split_by(split, seen, split_at)
        return
    for name, path in wanted.items():
        holding = [name in names for names in seen.names]
        key = path[0] == "columns" or path[-1] not in ("id", "time", "ingested", "key", "value", "labelled")
        if not any(holding):
            yield Finding(_severity(seen, name, needed), path, _nowhere(seen, name, wanted), key)
        elif not all(holding) and seen.schema:
            with_, without = (seen.pages[holding.index(one)].origin for one in (True, False))
            what = f"{shown(name)} is a column of {with_} and not of {without}"
            lost = "records without it are set aside" if name in needed else "there it is not watched"
            yield Finding("warning", path, f"{what}: {lost}", key)


def _severity(seen: Glance, name: str, needed: set[str]) -> Severity:
    # A record of JSON Lines may leave out what another one has.
    return "error" if seen.schema or name in needed else "warning"


def _nowhere(seen: Glance, name: str, wanted: Mapping[str, Path]) -> str:
    taken = {other for other in wanted if other in seen.known}
    origin = seen.pages[0].origin
    cure = near(name, seen.known, taken)
    if seen.schema:
        return f"there is no column {shown(name)} in {origin}; {cure}"
    return f"none of the {counted(seen.records, 'record')} looked at in {origin} has {shown(name)}; {cure}"


def _split(seen: Glance, wanted: Mapping[str, Path]) -> str | None:
    """What a CSV is divided by, where its header came as one name and holds names of the contract."""
    if not seen.schema or len(seen.names[0]) != 1:
        return None
    (header,) = seen.names[0]
    return next(
        (
            sign
            for sign in ";\t|,"
            if {part.strip(' "') for part in header.split(sign)} & wanted.keys() - {header}
        ),
        None,
    )


def split_by(sign: str, seen: Glance, path: Path) -> Finding:
    """That a header is one column, and what it should be divided by."""
    written = "\\t" if sign == "\t" else sign
    what = f"the header of {seen.pages[0].origin} is one column, {shown(seen.names[0][0])}"
    if path[0] == "reference":
        return Finding(
            "error", path, f"{what}; a reference file is divided by commas, or by tabs if it is a .tsv"
        )
    return Finding("error", path, f'{what}; write delimiter: "{written}"', key=True)
