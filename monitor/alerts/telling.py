"""What people are told of an episode, and what holds it back: pure functions of what was told and what is so.

Nothing is remembered as "to be sent": each time the difference between what receivers know and what is so is told, or
held by the first of its gates that is shut. So telling twice changes nothing, and what was held is told once the
gate opens, if it is still so.

    news          when                                         gates
    opened        it is open and nobody was told               inhibited silenced snoozed acknowledged flapping crowded
    escalated     it is more severe than anybody was told      none: never silent
    worse         it grew as far as who snoozed it had said    inhibited silenced acknowledged flapping
    reminder      an acknowledgement or a snooze ran out       inhibited silenced snoozed acknowledged flapping
    resolved      it is closed, and somebody was told          silenced flapping

The end of an episode ends its snooze and its acknowledgement. An episode that ends untold is never told. When an
alert begins to flap, that is said once in place of the news, and then nothing until it is calm.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from monitor.alerts.state import WEIGHT, Severity

News = Literal["opened", "escalated", "worse", "reminder", "resolved"]
Gate = Literal["inhibited", "silenced", "snoozed", "acknowledged", "flapping", "crowded"]

GATES: dict[News, tuple[Gate, ...]] = {
    "opened": ("inhibited", "silenced", "snoozed", "acknowledged", "flapping", "crowded"),
    "escalated": (),
    "worse": ("inhibited", "silenced", "acknowledged", "flapping"),
    "reminder": ("inhibited", "silenced", "snoozed", "acknowledged", "flapping"),
    "resolved": ("silenced", "flapping"),
}


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """Somebody takes care, until a time, of what it was then: of anything worse they do not know."""

    by: str
    note: str
    severity: Severity
    until_us: int


@dataclass(frozen=True, slots=True)
class Snoozed:
    """Nobody wants to hear of it until a time, or until one of `effects` is `factor` times as large, or it escalates.

    `effects` are sizes by name of the series, as they were.
    """

    by: str
    note: str
    severity: Severity
    until_us: int
    factor: float = 2.0
    effects: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Told:
    """What the receivers know of one episode, and what people said to that.

    severity   the worst that they were told, None: nothing
    began      the severity with which the episode opened
    ended      there is nothing more to tell of it
    nudge      something to be said again although its severity is known
    held       what is not told at the moment, and why: "opened: silenced by 3"; "" for nothing
    messages   how many were told
    """

    began: Severity
    severity: Severity | None = None
    ended: bool = False
    nudge: Literal["worse", "reminder"] | None = None
    held: str = ""
    messages: int = 0
    acknowledged: Acknowledged | None = None
    snoozed: Snoozed | None = None

    @property
    def until_us(self) -> int | None:
        """When the acknowledgement or the snooze runs out, the earlier of the two."""
        return min(
            (given.until_us for given in (self.acknowledged, self.snoozed) if given is not None), default=None
        )

    def encode(self) -> str:
        """JSON with sorted keys."""
        return json.dumps(asdict(self), sort_keys=True, ensure_ascii=False, allow_nan=False)

    @classmethod
    def decode(cls, text: str) -> Told:
        """What `encode` wrote."""
        raw: dict[str, Any] = json.loads(text)
        ack, snooze = raw.pop("acknowledged"), raw.pop("snoozed")
        return cls(
            **raw,
            acknowledged=None if ack is None else Acknowledged(**ack),
            snoozed=None if snooze is None else Snoozed(**snooze),
        )


def known(text: str | None, severity: Severity, *, inhibited: bool) -> Told:
    """What is stored of an episode. Of one that an earlier release opened nothing is: that release told it itself."""
    if text is not None:
        return Told.decode(text)
    return Told(began=severity, severity=None if inhibited else severity)


@dataclass(frozen=True, slots=True)
class Seen:
    """What is so at the moment. `inhibited_by` names a family, `silence` is a number; `flapping` is `new` until it was
    said. `crowded`: more alerts opened at once than are told one by one.
    """

    is_open: bool
    severity: Severity
    inhibited_by: str | None = None
    silence: int | None = None
    flapping: Literal["no", "new", "told"] = "no"
    crowded: bool = False


@dataclass(frozen=True, slots=True)
class Say:
    """A message. `flapping`: that, in place of the news. `previous` is the severity that it was told with before."""

    news: News
    severity: Severity
    flapping: bool = False
    previous: Severity | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """News that were held for the first time by this gate. `by` is who or what shut it."""

    news: News
    gate: Gate
    by: str = ""


@dataclass(frozen=True, slots=True)
class Lapsed:
    """An acknowledgement or a snooze that counts no more, and why."""

    what: Literal["acknowledgement", "snooze"]
    why: Literal["expired", "escalated", "worse"]


Outcome = Say | Held | Lapsed


def decide(told: Told, seen: Seen, now_us: int) -> tuple[Told, tuple[Outcome, ...]]:
    """What is to be said of an episode now, and what receivers know after it. Asked again, nothing more comes of it."""
    if told.ended:
        return told, ()
    lapsed: tuple[Outcome, ...] = ()
    if seen.is_open:
        told, lapsed = _lapse(told, seen, now_us)
    elif told.severity is None:
        return replace(told, ended=True, held="", nudge=None, acknowledged=None, snoozed=None), ()
    elif told.nudge or told.acknowledged or told.snoozed:
        told = replace(told, nudge=None, acknowledged=None, snoozed=None)
    news = _news(told, seen)
    if news is None:
        return (replace(told, held="") if told.held else told), lapsed
    shut = _shut(news, told, seen)
    if shut is None:
        told, say = _said(told, seen, news)
        return told, (*lapsed, say)
    if shut.gate == "flapping" and seen.flapping == "new":
        told, say = _said_to_flap(told, seen, news)
        return told, (*lapsed, say)
    held = f"{news}: {shut.gate}{' by ' + shut.by if shut.by else ''}"
    if held == told.held:
        return told, lapsed
    return replace(told, held=held), (*lapsed, shut)


def grew(
    told: Told, effects: Mapping[str, float], breaks: Collection[str] = ()
) -> tuple[Told, tuple[Outcome, ...]]:
    """After one more breach with these sizes and deterministic breaks: whether a snooze is over, because a series that
    was there is so much larger, or because something else broke.
    """
    snoozed = told.snoozed
    if snoozed is None:
        return told, ()
    # A series that joins later is mostly a weaker one of the same change: that alone is not worse.
    larger = any(
        before > 0 and abs(effects.get(name, 0.0)) >= snoozed.factor * before
        for name, before in snoozed.effects.items()
    )
    if not larger and all(name in snoozed.effects for name in breaks):
        return told, ()
    # Nobody was told yet: then it is told as what it is, an opening.
    nudge = told.nudge if told.severity is None else "worse"
    return replace(told, snoozed=None, nudge=nudge), (Lapsed("snooze", "worse"),)


def reopened(told: Told, severity: Severity) -> Told:
    """An episode that was closed goes on. If its end was told, that it is open is news."""
    if not told.ended:
        return told
    return replace(told, began=severity, severity=None, ended=False, nudge=None, held="")


def _lapse(told: Told, seen: Seen, now_us: int) -> tuple[Told, tuple[Outcome, ...]]:
    outcomes: list[Outcome] = []
    reminder: Literal["worse", "reminder"] | None = told.nudge
    ack, snooze = told.acknowledged, told.snoozed
    if ack is not None and (why := _over(ack, seen, now_us)) is not None:
        ack, outcomes = None, [Lapsed("acknowledgement", why)]
    if snooze is not None and (why := _over(snooze, seen, now_us)) is not None:
        snooze, outcomes = None, [*outcomes, Lapsed("snooze", why)]
    if not outcomes:
        return told, ()
    if told.severity is not None and reminder is None:
        reminder = "reminder"
    return replace(told, acknowledged=ack, snoozed=snooze, nudge=reminder), tuple(outcomes)


def _over(given: Acknowledged | Snoozed, seen: Seen, now_us: int) -> Literal["expired", "escalated"] | None:
    if WEIGHT[seen.severity] > WEIGHT[given.severity]:
        return "escalated"
    return "expired" if now_us >= given.until_us else None


def _news(told: Told, seen: Seen) -> News | None:
    if not seen.is_open:
        return "resolved"
    if WEIGHT[seen.severity] > WEIGHT[told.severity or told.began]:
        return "escalated"
    return "opened" if told.severity is None else told.nudge


def _shut(news: News, told: Told, seen: Seen) -> Held | None:
    """The first gate that holds the news."""
    for gate in GATES[news]:
        if gate == "inhibited" and seen.inhibited_by is not None:
            return Held(news, gate, seen.inhibited_by)
        if gate == "silenced" and seen.silence is not None:
            return Held(news, gate, str(seen.silence))
        if gate == "snoozed" and told.snoozed is not None:
            return Held(news, gate, told.snoozed.by)
        if gate == "acknowledged" and told.acknowledged is not None:
            return Held(news, gate, told.acknowledged.by)
        if (gate == "flapping" and seen.flapping != "no") or (gate == "crowded" and seen.crowded):
            return Held(news, gate)
    return None


def _said(told: Told, seen: Seen, news: News) -> tuple[Told, Say]:
    say = Say(news, seen.severity, previous=told.severity)
    if news == "resolved":
        return replace(told, ended=True, held="", messages=told.messages + 1), say
    after = replace(told, severity=seen.severity, nudge=None, held="", messages=told.messages + 1)
    return after, say


def _said_to_flap(told: Told, seen: Seen, news: News) -> tuple[Told, Say]:
    say = Say(news, seen.severity, flapping=True, previous=told.severity)
    if news == "resolved":
        # Receivers still believe that it is there; its end is told when the alert is calm.
        return replace(told, held="resolved: flapping", messages=told.messages + 1), say
    after = replace(told, severity=seen.severity, nudge=None, held="", messages=told.messages + 1)
    return after, say
