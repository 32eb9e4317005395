"""A contract against its data, part by part: the source, the reference file, the labels and the files it names."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from monitor import labels as late
from monitor.contract import Contract, FilesSource, Loaded, PushSource, SqlSource, marks
from monitor.contract.marks import Path
from monitor.contract.model import LabelPush
from monitor.datacheck import columns, named, records
from monitor.datacheck.finding import Finding, Severity
from monitor.datacheck.glance import Glance, glance
from monitor.sources import open_source
from monitor.watched import Watched

if TYPE_CHECKING:
    from monitor.sources import Source


@dataclass
class Checked:
    """What was found, and what was looked at to find it, in words."""

    findings: list[Finding] = field(default_factory=list)
    looked: list[str] = field(default_factory=list)

    def lines(self, name: str, text: str, severity: Severity) -> list[str]:
        """The findings of a severity as `name:line:column path: what`, in the order of the contract's text.

        Before the path of a warning stands `warning: `.
        """
        mark = "warning: " if severity == "warning" else ""
        document = marks.read(text)
        placed = sorted(
            (*document.place(one.path, key=one.key), f"{marks.shown(one.path)}: {one.message}")
            for one in self.findings
            if one.severity == severity
        )
        return [f"{name}:{line}:{column} {mark}{what}" for line, column, what in placed]


def check(loaded: Loaded, now_us: int) -> Checked:
    """Look at what the contract names: at most a page from each end of files, some rows of a table. Never raises.

    What is pushed stands in the store of a service and is not looked at.
    """
    contract, checked = loaded.contract, Checked()
    # No store is asked: the number of the model is never used.
    watched = Watched(0, contract.model, contract, loaded.base_path)
    if isinstance(contract.source, PushSource):
        checked.looked.append("no record, as they are pushed")
    else:
        _source(checked, watched, now_us)
    if contract.reference is not None and contract.reference.path is not None:
        _reference_file(checked, watched, contract.reference.path, now_us)
    if contract.labels is not None and not isinstance(contract.labels.source, LabelPush):
        _labels(checked, watched)
    for part in (named.profiles, named.labelled_messages, named.deployments):
        checked.findings += part(contract, loaded.base_path)
    return checked


def _source(checked: Checked, watched: Watched, now_us: int) -> None:
    contract = watched.contract
    source = contract.source
    seen = _look(checked, open_source(contract, watched.base_path), ("source",), _named_by(contract))
    if seen is None:
        return
    places = records.Places(("source", "time"), ("source", "id"))
    wanted: dict[str, Path] = {source.time: places.time}
    if source.id is not None:
        wanted[source.id] = places.id
    if isinstance(source, SqlSource) and source.ingested is not None:
        wanted.setdefault(source.ingested, ("source", "ingested"))
    needed = set(wanted)
    if not _has_columns(checked, seen, contract, wanted, needed, ("source",)):
        return
    found, pages = records.records(seen, contract, places, now_us)
    checked.findings += found
    if pages:
        checked.findings += records.reference(seen, contract, pages, now_us)


def _reference_file(checked: Checked, watched: Watched, path: str, now_us: int) -> None:
    contract = records.as_source(watched.contract, path)
    at: Path = ("reference",)
    seen = _look(checked, open_source(contract, watched.base_path), at, "path")
    if seen is None:
        return
    file = (*at, "path")
    needed = {contract.source.time} | ({contract.source.id} if contract.source.id is not None else set())
    if _has_columns(checked, seen, contract, dict.fromkeys(needed, file), needed, file, everything=file):
        found, _ = records.records(seen, contract, records.Places(file, file), now_us)
        checked.findings += [one if one.path == file else _told_of(one, file) for one in found]


def _labels(checked: Checked, watched: Watched) -> None:
    labels = watched.contract.labels
    assert labels is not None
    at: Path = ("labels", "source")
    seen = _look(
        checked, late.open_labels(labels, watched), at, "path" if hasattr(labels.source, "path") else "url"
    )
    if seen is None:
        return
    wanted: dict[str, Path] = {labels.key: ("labels", "key"), labels.value: ("labels", "value")}
    if labels.labelled is not None:
        wanted[labels.labelled] = ("labels", "labelled")
    checked.findings += columns.missing(seen, wanted, set(wanted), at)
    if labels.labelled is not None:
        checked.findings += records.unreadable_times(
            seen, labels.labelled, watched.contract, wanted[labels.labelled]
        )


def _look(checked: Checked, source: Source, at: Path, name: str) -> Glance | None:
    seen, found = glance(source, at, name)
    checked.findings += found
    if seen is not None:
        checked.looked.append(seen.about if at == ("source",) else f"{seen.about} ({marks.shown(at)})")
    return seen


def _has_columns(
    checked: Checked,
    seen: Glance,
    contract: Contract,
    wanted: dict[str, Path],
    needed: set[str],
    split_at: Path,
    everything: Path | None = None,
) -> bool:
    """Tell of the columns that are not there; whether those are that every record needs.

    `everything`: one place for all of them, where the contract does not name the columns of this file itself.
    """
    every = wanted | {name: everything or ("columns", name) for name in contract.column_specs}
    checked.findings += columns.missing(seen, every, needed, split_at)
    return needed <= set(seen.known)


def _named_by(contract: Contract) -> str:
    """The key of the source that says where the records are."""
    if isinstance(contract.source, FilesSource):
        return "path"
    return (
        "table" if isinstance(contract.source, SqlSource) and contract.source.table is not None else "query"
    )


def _told_of(one: Finding, file: Path) -> Finding:
    """A finding on a column of the reference file, told where the file is named."""
    column = f"{one.path[1]} " if one.path[0] == "columns" else ""
    return Finding(one.severity, file, f"{column}{one.message}")
