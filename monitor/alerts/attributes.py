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
class Mix:
    """How much of the change of the leading series is that the values of `dimension` divide the traffic otherwise.

    `share` of the change (1 = all of it); the rest is change within the values. `segment` adds most to it: its part of
    the traffic was `before` and is `now`. Where it is not `sure` that part may have changed by chance.
    """

    dimension: str
    share: float
    segment: str
    before: float
    now: float
    sure: bool


@dataclass(frozen=True, slots=True)
class Bin:
    """Where the values of a named series went: their part between these bounds, before and now, and its `share` of the
    Jensen-Shannon divergence, 0..1 each."""

    series: str
    label: str
    before: float
    now: float
    share: float


@dataclass(frozen=True, slots=True)
class Term:
    """A word or phrase that became more frequent: how many kept messages hold it, and how many would have."""

    term: str
    documents: int
    expected_documents: float
    z: float


@dataclass(frozen=True, slots=True)
class Example:
    """A kept record that shows the change: redacted, at most 120 characters."""

    event_id: str
    label: str  # "mojibake", "de+tr", a term
    excerpt: str
    repair: str | None = None  # what ftfy would make of it: evidence of what was meant, never applied


@dataclass(frozen=True, slots=True)
class Codec:
    """What mojibake is consistent with: UTF-8 that was read as this codec. `share` is of suspected messages, 0..1."""

    name: str
    share: float


@dataclass(frozen=True, slots=True)
class Sequence:
    """A wrongly read sequence, "U+00C3 U+00A9", and how many of the messages looked at hold it."""

    points: str
    messages: int


@dataclass(frozen=True, slots=True)
class Damage:
    """What is known of the mojibake of a text column since the change began.

    `suspected` is the share of all messages that the screen flagged; `legacy` the share of these that never was
    UTF-8, but one legacy codec's text read with another. The rest is ftfy's second opinion on the kept
    records; `rate`, `low`, `high` (the share of all messages that it confirms, and the 95 % interval) are None where
    no text is kept to look at. `outside`: looked at, but of a codec that ftfy cannot confirm.
    """

    column: str
    suspected: float
    codecs: tuple[Codec, ...] = ()
    legacy: float = 0.0
    looked_at: int = 0
    confirmed: int = 0
    outside: int = 0
    others_looked_at: int = 0
    missed: int = 0
    rate: float | None = None
    low: float | None = None
    high: float | None = None
    sequences: tuple[Sequence, ...] = ()


@dataclass(frozen=True, slots=True)
class Attributes:
    """Everything an episode names, heaviest first; `sentences` say what it is consistent with.

    `campaign` and `newcomers` are clauses on one template that many messages follow, and on languages that came, ""
    for none.
    """

    moved: tuple[Moved, ...] = ()
    segments: tuple[Share, ...] = ()
    sentences: tuple[str, ...] = ()
    hard: tuple[str, ...] = ()  # deterministic breaks, "metric(column): message"
    damage: Damage | None = None  # of an episode with mojibake
    mixes: tuple[Mix, ...] = ()
    bins: tuple[Bin, ...] = ()
    terms: tuple[Term, ...] = ()
    campaign: str = ""
    newcomers: str = ""

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
            damage=_damage(raw["damage"]) if raw.get("damage") else None,
            mixes=tuple(Mix(**_known(Mix, one)) for one in raw.get("mixes", ())),
            bins=tuple(Bin(**_known(Bin, one)) for one in raw.get("bins", ())),
            terms=tuple(Term(**_known(Term, one)) for one in raw.get("terms", ())),
            campaign=raw.get("campaign", ""),
            newcomers=raw.get("newcomers", ""),
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
        # A break says of every window that it began there: the first to say so was right.
        sentences=now.sentences if now.moved or not before.sentences else before.sentences,
        hard=now.hard + tuple(message for message in before.hard if _what_broke(message) not in broken),
        damage=now.damage or before.damage,
        # Told of the leading series, as the sentences are: none may be left of an earlier one.
        segments=now.segments if now.moved else before.segments,
        mixes=now.mixes if now.moved else before.mixes,
        bins=now.bins if now.moved else before.bins,
        terms=now.terms or before.terms,
        campaign=now.campaign or before.campaign,
        newcomers=now.newcomers or before.newcomers,
    )


def _what_broke(message: str) -> str:
    # "frozen(score): all 143 values are 0.2": what stands behind the first colon is this window's.
    return message.partition(":")[0]


def _damage(raw: Mapping[str, Any]) -> Damage:
    lists = {
        "codecs": tuple(Codec(**_known(Codec, one)) for one in raw.get("codecs", ())),
        "sequences": tuple(Sequence(**_known(Sequence, one)) for one in raw.get("sequences", ())),
    }
    return Damage(**{**_known(Damage, raw), **lists})


def _known(
    kind: type[Moved | Share | Damage | Codec | Sequence | Mix | Bin | Term], raw: Mapping[str, Any]
) -> dict[str, Any]:
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
