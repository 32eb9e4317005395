"""What an episode knows about itself: the series, segments and examples that are named in it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class Moved:
    """One series that carries a change. `weight` orders them; numbers that do not exist are None.

    `effect` is in the unit that the decision uses for this kind of series; `z` is clipped at ±8.
    """

    series: str  # Series.name
    metric: str
    column: str
    segment: str
    term: str
    weight: float
    value: float | None = None
    expected: float | None = None
    expected_low: float | None = None
    expected_high: float | None = None
    effect: float | None = None
    z: float | None = None


@dataclass(frozen=True, slots=True)
class Share:
    """How much of the change one segment carries, 0..1; `surprise` is Adtributor's, for the order."""

    segment: str  # "country=IN"
    share: float
    surprise: float = 0.0


@dataclass(frozen=True, slots=True)
class Example:
    """A kept record that shows the change: redacted, at most 120 characters."""

    event_id: str
    label: str  # "mojibake", "de+tr", a term
    excerpt: str


@dataclass(frozen=True, slots=True)
class Attributes:
    """Everything an episode names, heaviest first; `sentences` say what it is consistent with."""

    moved: tuple[Moved, ...] = ()
    segments: tuple[Share, ...] = ()
    sentences: tuple[str, ...] = ()
    hard: tuple[str, ...] = ()  # deterministic breaks, "metric(column): message"

    @property
    def named(self) -> tuple[str, ...]:
        """Series and hard breaks by name: what makes an episode grow."""
        return tuple(m.series for m in self.moved) + tuple(_what_broke(message) for message in self.hard)

    def encode(self) -> str:
        """JSON with sorted keys; what is not finite becomes null."""
        return json.dumps(_finite(asdict(self)), sort_keys=True, ensure_ascii=False, allow_nan=False)

    @classmethod
    def decode(cls, text: str) -> Attributes:
        raw: Mapping[str, Any] = json.loads(text)
        return cls(
            moved=tuple(Moved(**_known(Moved, m)) for m in raw.get("moved", ())),
            segments=tuple(Share(**_known(Share, s)) for s in raw.get("segments", ())),
            sentences=tuple(raw.get("sentences", ())),
            hard=tuple(raw.get("hard", ())),
        )


NOTHING = Attributes()


def grown(before: Attributes, now: Attributes) -> Attributes:
    """The attributes of an episode after one more breach: the newest numbers first, and nothing forgotten
    that was named.
    """
    seen = {m.series for m in now.moved}
    broken = {_what_broke(message) for message in now.hard}
    return Attributes(
        moved=now.moved + tuple(m for m in before.moved if m.series not in seen),
        segments=now.segments or before.segments,
        # A break says of every window that it began there: the first to say so was right.
        sentences=now.sentences if now.moved or not before.sentences else before.sentences,
        hard=now.hard + tuple(message for message in before.hard if _what_broke(message) not in broken),
    )


def _what_broke(message: str) -> str:
    # "frozen(score): all 143 values are 0.2": what stands behind the first colon is this window's.
    return message.partition(":")[0]


def _known(kind: type[Moved | Share], raw: Mapping[str, Any]) -> dict[str, Any]:
    # Rows outlive releases: a field that a later one added must not keep an earlier one from reading.
    names = {f.name for f in fields(kind)}
    return {key: value for key, value in raw.items() if key in names}


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value
