"""What a person reads when an episode opens, worsens or ends: pure functions of plain values.

Every message answers: what changed, how big against normal, since when, in which segments, what it is
consistent with, up to five examples, the runbook, and where to look next.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from monitor.alerts.attributes import Attributes, Example, Moved
from monitor.alerts.state import Severity
from monitor.store.alerts import CLEAN

Event = Literal["opened", "updated", "reminder", "flapping", "resolved"]

MAX_EXAMPLES = 5
MAX_MOVED = 8
MAX_SEGMENTS = 5
EXCERPT_CHARS = 120
MAX_OTHERS = 50
MOST_TIMES = 1_000  # beyond it the factor is about how rare the normal is, and no longer about the change

_TITLE: dict[Event, str] = {
    "opened": "changed",
    "updated": "got worse",
    "reminder": "is still not normal",
    "flapping": "comes and goes",
    "resolved": "is back to normal",
}
_QUIET = "It opened and ended more than four times within 24 windows: nothing more is sent until it is calm."


@dataclass(frozen=True, slots=True)
class Context:
    """What is the same for every message about one model. `public_url` has no trailing slash; "" leaves links
    out.
    """

    model: str
    owner: str
    runbook: str
    public_url: str
    timezone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Subject:
    """The episode that a message is about. `previous_severity`: set when it got worse."""

    episode_id: int
    family: str
    severity: Severity
    since_us: int
    opened_us: int
    closed_us: int | None
    attributes: Attributes
    examples: tuple[Example, ...] = ()
    previous_severity: Severity | None = None
    close_reason: str | None = None


@dataclass(frozen=True, slots=True)
class Other:
    """An alert that is told in the same message as a more severe one."""

    episode_id: int
    model: str
    family: str
    severity: Severity
    summary: str


@dataclass(frozen=True, slots=True)
class Notification:
    """One message, ready for any channel. `data` is JSON-ready and says the same as `text`."""

    event: Event
    context: Context
    subject: Subject
    title: str
    text: str
    data: dict[str, Any] = field(compare=False)

    @property
    def url(self) -> str:
        return episode_url(self.context, self.subject.episode_id)


def compose(event: Event, context: Context, subject: Subject, others: Sequence[Other] = ()) -> Notification:
    """The message about one event of an episode. `others` had the same event at once and are told with it."""
    attributes = subject.attributes
    title = f"{context.model}: {subject.family} {_title(event, subject)}"
    if others:
        title += f", and {len(others)} more alert{'s' if len(others) > 1 else ''} at once"
    lines = [
        title,
        *([_QUIET] if event == "flapping" else []),
        f"What changed: {summary(attributes)}",
        f"Since: {_local(subject.since_us, context.timezone)}",
    ]
    if subject.closed_us is not None:
        lines.append(f"Until: {_local(subject.closed_us, context.timezone)}")
    if subject.close_reason not in (None, CLEAN):
        lines.append(f"Closed because: {safe(str(subject.close_reason))}")
    if attributes.moved:
        lines.append("How big against normal:")
        lines += [f"  {describe(moved)}" for moved in attributes.moved[:MAX_MOVED]]
    lines.append(f"Where: {_where(attributes)}")
    if attributes.sentences:
        lines.append(f"Consistent with: {' '.join(safe(sentence) for sentence in attributes.sentences)}")
    examples = _examples(subject.examples)
    if examples and event != "resolved":
        lines.append("Examples (redacted):")
        lines += [line for example in examples for line in _shown(example)]
    lines.append(f"Owner: {safe(context.owner) or 'nobody is named in the contract'}")
    lines.append(f"Runbook: {safe(context.runbook) or 'none is named in the contract'}")
    url = episode_url(context, subject.episode_id)
    if url:
        lines.append(f"Look: {url}")
        if event != "resolved":
            lines.append(f"Acknowledge, snooze or silence: {url}#act")
    if others:
        lines.append(f"At the same time {_title(event, subject)}:")
        lines += [line for other in others[:MAX_OTHERS] for line in _told_with(context, other)]
        if len(others) > MAX_OTHERS:
            lines.append(f"  and {len(others) - MAX_OTHERS} more")
    data = _data(event, context, subject, title, examples)
    if others:
        data["together"] = [
            {
                "episode": other.episode_id,
                "model": other.model,
                "family": other.family,
                "severity": other.severity,
                "summary": other.summary,
                "links": _links(context, other.episode_id),
            }
            for other in others[:MAX_OTHERS]
        ]
        data["others"] = len(others)
    return Notification(event, context, subject, title, "\n".join(lines), data)


def summary(attributes: Attributes) -> str:
    """One line: the breaks, then the series that carries most of the change. Episodes keep it for lists."""
    parts = [safe(message) for message in attributes.hard[:2]]
    if attributes.moved and not parts:
        parts.append(describe(attributes.moved[0]))
    others = len(attributes.moved) + len(attributes.hard) - len(parts)
    text = "; ".join(parts) or "no single series stands out"
    return f"{text} (and {others} more)" if others > 0 and parts else text


def describe(moved: Moved) -> str:
    """A series with its value, what is normal, and how far away that is."""
    text = f"{safe(moved.series)} {_number(moved.value, moved.metric)}"
    if moved.expected is not None:
        normal = _number(moved.expected, moved.metric)
        if moved.expected_low is not None and moved.expected_high is not None:
            low, high = (_number(bound, moved.metric) for bound in (moved.expected_low, moved.expected_high))
            normal += f", usually {low} to {high}"
        text += f" (normal {normal}{_times(moved)})"
    return text if moved.z is None else f"{text}, z {moved.z:+.1f}"


def safe(text: str) -> str:
    """One line that shows what it is: control, invisible and unassigned characters and line breaks become
    ⟦U+…⟧.
    """
    return "".join(
        f"⟦U+{ord(c):04X}⟧" if unicodedata.category(c)[0] == "C" or c in "\u2028\u2029" else c for c in text
    )


def episode_url(context: Context, episode_id: int) -> str:
    """The deep link of an episode, "" if the service has no public address."""
    return f"{context.public_url}/alerts/{episode_id}" if context.public_url else ""


def iso(us: int) -> str:
    """Microseconds UTC as RFC 3339."""
    return datetime.fromtimestamp(us / 1e6, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _data(
    event: Event, context: Context, subject: Subject, title: str, examples: list[dict[str, str]]
) -> dict[str, Any]:
    attributes = subject.attributes
    data: dict[str, Any] = {
        "event": event,
        "title": title,
        "model": context.model,
        "owner": context.owner,
        "runbook": context.runbook,
        "episode": subject.episode_id,
        "family": subject.family,
        "severity": subject.severity,
        "since": iso(subject.since_us),
        "opened": iso(subject.opened_us),
        "summary": summary(attributes),
        "changed": [
            {
                "series": moved.series,
                "column": moved.column,
                "segment": moved.segment,
                "term": moved.term,
                "value": moved.value,
                "normal": moved.expected,
                "normal_low": moved.expected_low,
                "normal_high": moved.expected_high,
                "effect": moved.effect,
                "z": moved.z,
            }
            for moved in attributes.moved[:MAX_MOVED]
        ],
        "breaks": list(attributes.hard[:MAX_MOVED]),
        "segments": [{"segment": s.segment, "share": s.share} for s in attributes.segments[:MAX_SEGMENTS]],
        "consistent_with": list(attributes.sentences),
        "examples": examples,
        "links": _links(context, subject.episode_id),
    }
    if subject.previous_severity is not None:
        data["previous_severity"] = subject.previous_severity
    if subject.close_reason is not None:
        data["close_reason"] = subject.close_reason
    if attributes.damage is not None:
        data["damage"] = asdict(attributes.damage)
    if subject.closed_us is not None:
        data["closed"] = iso(subject.closed_us)
    return data


def _title(event: Event, subject: Subject) -> str:
    # Who closed it is no proof that the data are well again.
    by_hand = event == "resolved" and subject.close_reason not in (None, CLEAN)
    return "is closed" if by_hand else _TITLE[event]


def _told_with(context: Context, other: Other) -> list[str]:
    url = episode_url(context, other.episode_id)
    said = f"  {other.severity}: {other.model}: {other.family}: {other.summary}"
    return [said, *([f"    {url}"] if url else [])]


def _links(context: Context, episode_id: int) -> dict[str, str]:
    """Where to look and where to act. All are pages: following a link changes nothing."""
    url = episode_url(context, episode_id)
    if not url:
        return {}
    return {
        "alert": url,
        "evidence": f"{url}#examples",
        "acknowledge": f"{url}#acknowledge",
        "snooze": f"{url}#snooze",
        "silence": f"{url}#silence",
    }


def _examples(examples: Sequence[Example]) -> list[dict[str, str]]:
    """`repair` only where ftfy proposes one."""
    return [
        {"event_id": safe(e.event_id), "label": safe(e.label), "excerpt": safe(e.excerpt[:EXCERPT_CHARS])}
        | ({} if e.repair is None else {"repair": safe(e.repair[:EXCERPT_CHARS])})
        for e in examples[:MAX_EXAMPLES]
    ]


def _shown(example: dict[str, str]) -> list[str]:
    lines = [f"  [{example['label']}] {example['excerpt']}"]
    return [*lines, f"    ftfy would read: {example['repair']}"] if "repair" in example else lines


def _where(attributes: Attributes) -> str:
    if attributes.segments:
        return ", ".join(
            f"{safe(s.segment)} carries {s.share:.0%}" for s in attributes.segments[:MAX_SEGMENTS]
        )
    named = sorted({safe(m.segment) for m in attributes.moved if m.segment != "*"})
    return ", ".join(named[:MAX_SEGMENTS]) or "no segment stands out"


def _number(value: float | None, metric: str) -> str:
    if value is None:
        return "not measurable"
    # A rate or share is a part of all messages; everything else is in the column's own unit.
    if metric.endswith(("_rate", "_share")):
        if 0 < value < 0.5e-5:
            return "under 0.001%"  # rounded it would read as none at all
        return f"{value:.1%}" if value >= 0.001 or value == 0 else f"{value:.3%}"
    return f"{value:,.0f}" if metric == "volume" else f"{value:.4g}"


def _times(moved: Moved) -> str:
    if moved.value is None or moved.expected is None or moved.expected <= 0 or moved.value < 0:
        return ""
    ratio = moved.value / moved.expected
    if ratio >= MOST_TIMES:
        return f", more than {MOST_TIMES:,} times"
    # Between a half and twice a factor says less than the two numbers already do.
    return f", {ratio:.3g} times" if ratio >= 2 or ratio <= 0.5 else ""


def _local(us: int, timezone: str) -> str:
    return f"{datetime.fromtimestamp(us / 1e6, ZoneInfo(timezone)):%Y-%m-%d %H:%M} {timezone}"
