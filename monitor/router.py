"""From conformed records to windows: duplicates set aside, a profile and a sample per window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from checks.batch import Batch, Categories, Cell, Numbers, Texts
from checks.profile import Profile, count, merge, with_duplicates
from checks.text.annotations import ENCODING_CLASSES, EVASION_CLASSES, Annotations
from monitor import privacy, sampling
from monitor.conform import Conformed
from monitor.contract import Contract, resolve_secret
from monitor.contract.model import RoleName
from monitor.sources import Reject
from monitor.store.samples import Sample
from monitor.windows import grid

if TYPE_CHECKING:
    from checks.plan import Plan

Hashes = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass
class Seen:
    """The event hashes of records that were counted already, so that each counts once within the horizon.

    The one mutable value here: routing a page adds to it. Bounded by `forget`.
    """

    horizon_us: int
    _chunks: list[npt.NDArray[np.int64]] = field(default_factory=list)  # int64[n, 3]: event, content, window

    def add(self, window_us: int, pairs: npt.NDArray[np.int64]) -> None:
        """Note int64[n, 2] (event, content) hashes of the records of a window."""
        if len(pairs):
            windows = np.full((len(pairs), 1), window_us, np.int64)
            self._chunks.append(np.hstack([pairs, windows]))

    def forget(self, before_us: int) -> None:
        """Drop the records of windows that start before `before_us`."""
        self._chunks = [kept for chunk in self._chunks if len(kept := chunk[chunk[:, 2] >= before_us])]

    def find(self, event_hash: Hashes, window_us: Hashes) -> tuple[Mask, Hashes]:
        """(bool[n] seen within the horizon, int64[n] the content hash that was counted then, 0 if unseen)."""
        known = np.zeros(len(event_hash), np.bool_)
        content = np.zeros(len(event_hash), np.int64)
        if not self._chunks:
            return known, content
        table = self._sorted()
        left = np.searchsorted(table[:, 0], event_hash, side="left")
        right = np.searchsorted(table[:, 0], event_hash, side="right")
        for step in range(int((right - left).max(initial=0))):
            row = np.minimum(left + step, len(table) - 1)
            near = np.abs(table[row, 2] - window_us) <= self.horizon_us
            hit = (left + step < right) & near & ~known
            content[hit] = table[row[hit], 1]
            known |= hit
        return known, content

    def _sorted(self) -> npt.NDArray[np.int64]:
        if len(self._chunks) > 1 or len(self._chunks[0]) > 1:
            table = np.concatenate(self._chunks)
            self._chunks = [table[np.lexsort((table[:, 2], table[:, 0]))]]
        return self._chunks[0]


@dataclass(frozen=True)
class RoutedWindow:
    """What one page holds of one window.

    hashes  int64[records, 2] (event, content), by event: kept with the part for as long as duplicates may
    come sample  the bottom-k of these records; `sampling.keep` merges it with the window's
    """

    start_us: int
    profile: Profile
    hashes: npt.NDArray[np.int64]
    sample: tuple[Sample, ...]
    records: int
    duplicates: int


@dataclass(frozen=True)
class Routed:
    """A page cut by window, and everything of it that was set aside."""

    piece: str
    windows: Mapping[int, RoutedWindow]
    rejects: list[Reject]


def route(
    conformed: Conformed, contract: Contract, plan: Plan, seen: Seen, *, base_path: Path | None = None
) -> Routed:
    """Count the records of a page by window.

    Of records with the same event id within the horizon the first is counted; `seen` knows the earlier pages
    and learns this one. `base_path` is where a relative `file:` key of the contract starts.
    """
    starts = grid(contract).window_starts(conformed.batch.event_us)
    duplicate, differs = _duplicates(conformed, starts, seen)
    rejects = conformed.rejects + _duplicate_rejects(conformed, starts, duplicate, differs)
    repeated = dict(zip(*_counts(starts[duplicate]), strict=True))
    batch, windows = conformed.batch.where(~duplicate), starts[~duplicate]
    content = conformed.content_hash[~duplicate]
    notes = _annotate(batch, plan)
    profiles = count(batch, plan, windows, notes)
    samples = _samples(batch, windows, contract, plan, notes, base_path)
    made: dict[int, RoutedWindow] = {}
    order = np.lexsort((batch.event_hash, windows))
    edges = {start: order[low:high] for start, low, high in _groups(windows[order])}
    for start in sorted(edges.keys() | repeated.keys()):
        members = edges.get(start, np.zeros(0, np.intp))
        pairs = np.stack([batch.event_hash[members], content[members]], axis=1)
        seen.add(start, pairs)
        duplicates = repeated.get(start, 0)
        profile = with_duplicates(plan, duplicates)
        if start in profiles:
            profile = merge(profiles[start], profile) if duplicates else profiles[start]
        made[start] = RoutedWindow(
            start, profile, pairs, tuple(samples.get(start, ())), len(members), duplicates
        )
    return Routed(conformed.piece, made, rejects)


def strata(contract: Contract, plan: Plan) -> dict[str, int]:
    """How many rows of a window each stratum may keep: the values of the first declared segment, or "*"."""
    dimensions = contract.names("segment")
    if not dimensions:
        return sampling.allocation(contract.window.sample, {})
    known = plan.segments_of(dimensions[0])
    return sampling.allocation(
        contract.window.sample, {name: plan.segment_records[plan.segment_index[name]] for name in known}
    )


def _duplicates(conformed: Conformed, starts: Hashes, seen: Seen) -> tuple[Mask, Mask]:
    """(bool[n] a duplicate, bool[n] whose content differs from the record that was counted)."""
    hashes, content = conformed.batch.event_hash, conformed.content_hash
    duplicate, counted = seen.find(hashes, starts)
    differs = duplicate & (counted != content)
    us = conformed.batch.event_us
    rest = np.flatnonzero(~duplicate)
    while len(rest):
        # Stable: of equal hashes the first of the page leads its group.
        order = rest[np.argsort(hashes[rest], kind="stable")]
        lead = np.concatenate([[True], hashes[order][1:] != hashes[order][:-1]])
        if lead.all():
            break
        leader = order[np.maximum.accumulate(np.where(lead, np.arange(len(order)), 0))]
        near = ~lead & (np.abs(us[order] - us[leader]) <= seen.horizon_us)
        duplicate[order[near]] = True
        differs[order[near]] = content[order[near]] != content[leader[near]]
        # Beyond the horizon the same id is another record, with duplicates of its own.
        rest = np.sort(order[~lead & ~near])
    return duplicate, differs


def _duplicate_rejects(conformed: Conformed, starts: Hashes, duplicate: Mask, differs: Mask) -> list[Reject]:
    ids = conformed.batch.event_ids
    return [
        Reject(
            piece=conformed.piece,
            place=conformed.place(index),
            reason="duplicate_differs" if differs[index] else "duplicate",
            column=None,
            detail="a record with this event id was counted before"
            + (", with other content" if differs[index] else ""),
            counted=False,
            raw=ids[index].as_py(),
            window_us=int(starts[index]),
        )
        for index in np.flatnonzero(duplicate).tolist()
    ]


def _annotate(batch: Batch, plan: Plan) -> dict[str, Annotations]:
    if not plan.text:
        return {}
    from checks.text import annotate

    notes = {}
    for name, text_plan in plan.text.items():
        cells = batch.columns[name]
        assert isinstance(cells, Texts)
        notes[name] = annotate(cells.values, text_plan)
    return notes


def _counts(starts: Hashes) -> tuple[list[int], list[int]]:
    values, counts = np.unique(starts, return_counts=True)
    return values.tolist(), counts.tolist()


def _groups(ordered: Hashes) -> list[tuple[int, int, int]]:
    """(value, first, last + 1) of the runs of an ordered array."""
    if not len(ordered):
        return []
    heads = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    edges = [*heads.tolist(), len(ordered)]
    return list(zip(ordered[heads].tolist(), edges[:-1], edges[1:], strict=True))


def _samples(
    batch: Batch,
    windows: Hashes,
    contract: Contract,
    plan: Plan,
    notes: Mapping[str, Annotations],
    base_path: Path | None,
) -> dict[int, list[Sample]]:
    """The bottom-k of each window and stratum."""
    if not len(batch):
        return {}
    secret = contract.privacy.key
    key = resolve_secret(secret, base_path).encode() if secret else b""
    allotted = strata(contract, plan)
    names, stratum = _strata_of(batch, contract, plan)
    rank = sampling.ranks(batch.event_hash, contract.model, key)
    starts, window = np.unique(windows, return_inverse=True)
    limits = np.array([allotted[name] for name in names] * len(starts), np.int64)
    rows, probability = sampling.bottom_k(rank, window * len(names) + stratum, limits)
    made = _Rows(batch, contract, plan, notes, key).build(rows)
    found: dict[int, list[Sample]] = {}
    for row, kept_with, fields in zip(rows.tolist(), probability.tolist(), made, strict=True):
        sample = Sample(
            stratum=names[stratum[row]],
            event_us=int(batch.event_us[row]),
            rank=float(rank[row]),
            inclusion_probability=kept_with,
            **fields,
        )
        found.setdefault(int(windows[row]), []).append(sample)
    return found


def _strata_of(batch: Batch, contract: Contract, plan: Plan) -> tuple[list[str], npt.NDArray[np.intp]]:
    """The names of the strata, and intp[n] which of them each record is in."""
    dimensions = contract.names("segment")
    if not dimensions:
        return [sampling.ALL], np.zeros(len(batch), np.intp)
    dimension = dimensions[0]
    names = sorted(plan.segments_of(dimension))
    place = {name: index for index, name in enumerate(names)}
    cells = batch.columns[dimension]
    assert isinstance(cells, Categories)
    null, other = place[f"{dimension}=null"], place[f"{dimension}=other"]
    own = [other if word == "null" else place.get(f"{dimension}={word}", other) for word in cells.words]
    codes = np.array([*own, null], np.intp)[cells.codes]
    return names, np.where(cells.state == Cell.VALUE, codes, null)


class _Rows:
    """The stored fields of chosen records: readable, redacted, and fit for any database."""

    def __init__(
        self, batch: Batch, contract: Contract, plan: Plan, notes: Mapping[str, Annotations], key: bytes
    ) -> None:
        self.batch, self.contract, self.plan, self.notes, self.key = batch, contract, plan, notes, key

    def build(self, rows: npt.NDArray[np.intp]) -> list[dict[str, Any]]:
        """One mapping of `Sample` fields per row, without stratum, rank and times."""
        contract = self.contract
        one = {role: self._first(role, rows) for role in _SINGLE}
        texts = {name: self._texts(name, rows) for name in contract.names("input")}
        first = next(iter(texts), None)
        segments = {name: self._values(name, rows) for name in contract.names("segment")}
        features = {name: self._values(name, rows) for role in _KEPT for name in contract.names(role)}
        features |= {name: column for name, column in texts.items() if name != first}
        features |= {name: self._pseudonyms(name, rows) for name in contract.names("unit") if self.key}
        flags = self._flags(first, rows)
        ids = [_readable(raw) for raw in self.batch.event_ids.take(rows).to_pylist()]
        return [
            {
                "event_id": ids[i],
                "text": texts[first][i] if first is not None else None,
                "prediction": None if one["prediction"][i] is None else str(one["prediction"][i]),
                "score": one["score"][i],
                "version": one["version"][i],
                "segments": {name: column[i] for name, column in segments.items()},
                "features": {name: column[i] for name, column in features.items()},
                "flags": flags[i],
            }
            for i in range(len(rows))
        ]

    def _first(self, role: RoleName, rows: npt.NDArray[np.intp]) -> Sequence[Any]:
        names = self.contract.names(role)
        return self._values(names[0], rows) if names else [None] * len(rows)

    def _values(self, name: str, rows: npt.NDArray[np.intp]) -> list[Any]:
        """Words and finite numbers; None for everything else."""
        cells = self.batch.columns[name]
        if isinstance(cells, Numbers):
            values = cells.values[rows]
            return [
                value if finite else None
                for value, finite in zip(values.tolist(), np.isfinite(values), strict=True)
            ]
        assert isinstance(cells, Categories)
        words = [_clean(word) for word in cells.words]
        if self.contract.column_specs[name].role == "feature" and self.contract.privacy.text == "redacted":
            words = privacy.redact(words, self.contract.privacy.redact)
        codes = np.where(cells.state[rows] == Cell.VALUE, cells.codes[rows], len(words))
        padded = [*words, None]
        return [padded[code] for code in codes.tolist()]

    def _texts(self, name: str, rows: npt.NDArray[np.intp]) -> list[str | None]:
        cells = self.batch.columns[name]
        assert isinstance(cells, Texts)
        keep = self.contract.privacy.text
        if keep == "none":
            return [None] * len(rows)
        raw = cells.values.take(rows).to_pylist()
        words = [_readable(text) if text is not None else "" for text in raw]
        if keep == "redacted":
            words = privacy.redact(words, self.contract.privacy.redact)
        return [None if text is None else word for text, word in zip(raw, words, strict=True)]

    def _pseudonyms(self, name: str, rows: npt.NDArray[np.intp]) -> list[str | None]:
        cells = self.batch.columns[name]
        assert isinstance(cells, Categories)
        made = {
            code: privacy.pseudonym(cells.words[code], self.key)
            for code in set(cells.codes[rows].tolist())
            if code >= 0
        }
        return [made.get(code) for code in cells.codes[rows].tolist()]

    def _flags(self, name: str | None, rows: npt.NDArray[np.intp]) -> list[dict[str, Any]]:
        if name is None or name not in self.notes:
            return [{} for _ in rows]
        from checks.text.mojibake import CODECS

        notes, languages = self.notes[name], self.plan.text[name].languages
        encoding = _names(notes.encoding[rows], ENCODING_CLASSES)
        evasion = _names(notes.evasion[rows], EVASION_CLASSES)
        pairs = zip(notes.language[rows].tolist(), notes.second[rows].tolist(), strict=True)
        flags: list[dict[str, Any]] = [
            {
                "language": languages[language] if language >= 0 else None,
                "second": languages[second] if second >= 0 else None,
                "encoding": encoding[i],
                "evasion": evasion[i],
            }
            for i, (language, second) in enumerate(pairs)
        ]
        codecs = notes.codec[rows]
        for i in np.flatnonzero(codecs >= 0).tolist():
            flags[i]["codec"] = CODECS[codecs[i]]
        return flags


_SINGLE: tuple[RoleName, ...] = ("prediction", "score", "version")
_KEPT: tuple[RoleName, ...] = ("feature", "latency", "status")


def _names(flags: npt.NDArray[np.uint32], classes: Sequence[str]) -> list[list[str]]:
    """The classes whose bit is set; there are few distinct combinations."""
    known = {
        value: [name for bit, name in enumerate(classes) if value >> bit & 1] for value in set(flags.tolist())
    }
    return [known[value] for value in flags.tolist()]


def _readable(raw: bytes) -> str:
    """Bytes as text that every database takes: invalid ones as \\\\xNN, NUL as ␀."""
    return _clean(raw.decode("utf-8", "backslashreplace"))


def _clean(text: str) -> str:
    return text.replace("\x00", "\N{SYMBOL FOR NULL}") if "\x00" in text else text
