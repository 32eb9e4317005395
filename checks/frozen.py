"""What a fit leaves behind: the baseline as a value, and its canonical bytes."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
import numpy.typing as npt

from checks import floors
from checks.budget import Budget
from checks.expected import Folded, Kinds, Sums, fold
from checks.naming import Highest
from checks.sampling_null import Spread
from checks.seasons import Calendar
from checks.series import Series
from checks.window_null import Null

Floats = npt.NDArray[np.float64]

VERSION = 3
_MAGIC = b"DGBL"


@dataclass(frozen=True, slots=True)
class Facts:
    """What a reader must know of a reference before trusting what is said from it."""

    from_us: int
    to_us: int
    windows: int
    blocks: int
    block: str
    missing: tuple[str, ...]
    provisional: bool
    extrapolated: bool

    def to_dict(self) -> dict[str, object]:
        return {
            "from_us": self.from_us,
            "to_us": self.to_us,
            "windows": self.windows,
            "blocks": self.blocks,
            "block": self.block,
            "missing": list(self.missing),
            "provisional": self.provisional,
            "extrapolated": self.extrapolated,
        }


@dataclass(frozen=True)
class Baseline:
    """Frozen. What is needed to score a window of these series, and to score it again to the same numbers.

    season          int8[S], an index into Season
    sums            Sums of float64[C, S] per cell of the week
    class_counts    per distribution series int64[classes, B]
    spread, null    how windows vary (see `scores`)
    temper          float64[S, 4], how much the steps of each lane count (see `scores.tempering`)
    threshold       evidence in nats at which a series fires
    highest         what the evidence of each series reaches without a change (see `naming`)
    """

    series: tuple[Series, ...]
    calendar: Calendar
    budget: Budget
    seed: int
    facts: Facts
    threshold: float
    season: npt.NDArray[np.int8]
    sums: Sums
    class_counts: Mapping[int, npt.NDArray[np.int64]]
    spread: Spread
    null: Null
    temper: Floats
    highest: Highest

    @property
    def provisional(self) -> bool:
        return self.facts.provisional

    @cached_property
    def kinds(self) -> Kinds:
        return Kinds.of(self.series)

    @cached_property
    def folded(self) -> Folded:
        return fold(self.sums, self.season, self.calendar.slots)

    @cached_property
    def known(self) -> npt.NDArray[np.bool_]:
        """bool[S]: series that the reference says anything of. Volumes always: no record is an answer too."""
        known = np.asarray(self.sums.n.sum(axis=0) > 0)
        for s, counts in self.class_counts.items():
            known[s] = counts.sum() > 0
        known[self.kinds.volume] = self.facts.windows > 0
        return known

    @cached_property
    def families(self) -> npt.NDArray[np.str_]:
        """str[S]: the family of every series."""
        return np.array([one.family for one in self.series], dtype=np.str_)

    @cached_property
    def floors(self) -> Floats:
        return floors.table(self.series)

    @cached_property
    def sha256(self) -> str:
        """Of the encoded baseline."""
        return hashlib.sha256(self.encode()).hexdigest()

    def encode(self) -> bytes:
        """Canonical bytes: magic, version, length of a JSON head, the head, its little-endian arrays."""
        arrays = self._arrays()
        head = {
            "series": [[s.metric, s.column, s.segment, s.term, s.kind, s.family] for s in self.series],
            "calendar": [
                self.calendar.every_us,
                self.calendar.timezone,
                [day.isoformat() for day in self.calendar.holidays],
            ],
            "budget": [self.budget.episodes, self.budget.days],
            "seed": self.seed,
            "facts": self.facts.to_dict(),
            "threshold": self.threshold,
            "days": self.highest.days,
            "distributions": sorted(self.class_counts),
            "arrays": [[array.dtype.str, list(array.shape)] for array in arrays],
        }
        text = json.dumps(head, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        body = b"".join(array.tobytes() for array in arrays)
        return _MAGIC + struct.pack("<HI", VERSION, len(text)) + text + body

    def _arrays(self) -> list[npt.NDArray[np.generic]]:
        sums, null = self.sums, self.null
        parts: list[npt.NDArray[np.generic]] = [self.season.astype("<i1")]
        plain = [sums.windows, sums.n, sums.x, sums.within, self.spread.dispersion, self.spread.scale]
        plain += [null.mean, null.up, null.down, null.edges, null.count, null.typical_n]
        plain += [null.freedom, null.stretch, self.temper]
        parts += [np.ascontiguousarray(array, dtype="<f8") for array in plain]
        highest = self.highest
        parts += [highest.series.astype("<i4"), highest.day.astype("<i4"), highest.nats.astype("<f8")]
        parts += [np.ascontiguousarray(self.class_counts[s], dtype="<i8") for s in sorted(self.class_counts)]
        return parts

    @classmethod
    def decode(cls, data: bytes) -> Baseline:
        """The baseline of `encode`. Raises ValueError if these are not its bytes or of another version."""
        if data[:4] != _MAGIC:
            raise ValueError("not an encoded baseline: it does not begin with DGBL")
        version, size = struct.unpack_from("<HI", data, 4)
        if version != VERSION:
            raise ValueError(f"encoded baseline of version {version}; this program reads version {VERSION}")
        head = json.loads(data[10 : 10 + size])
        offset, arrays = 10 + size, []
        for kind, shape in head["arrays"]:
            count = int(np.prod(shape))
            arrays.append(np.frombuffer(data, dtype=kind, count=count, offset=offset).reshape(shape))
            offset += count * np.dtype(kind).itemsize
        if offset != len(data):
            raise ValueError(f"encoded baseline is {len(data)} bytes long where its head says {offset}")
        every, timezone, holidays = head["calendar"]
        facts = head["facts"]
        return cls(
            series=tuple(Series(*fields) for fields in head["series"]),
            calendar=Calendar(every, timezone, tuple(date.fromisoformat(day) for day in holidays)),
            budget=Budget(*head["budget"]),
            seed=head["seed"],
            facts=Facts(**{**facts, "missing": tuple(facts["missing"])}),
            threshold=head["threshold"],
            season=arrays[0],
            sums=Sums(*arrays[1:5]),
            class_counts=dict(zip(head["distributions"], arrays[19:], strict=True)),
            spread=Spread(*arrays[5:7]),
            null=Null(*arrays[7:15]),
            temper=arrays[15],
            highest=Highest(head["days"], *arrays[16:19]),
        )
