"""One episode, one trigger, one timeline, as pages show them: rows of the store as words and pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from markupsafe import Markup
from sqlalchemy import Connection

from monitor.alerts.attributes import Attributes, Damage, Moved, Share
from monitor.alerts.notify import subject_of
from monitor.reports import words
from monitor.store import alerts, measurements, outbox, triggers, windows
from monitor.store.series import Stored
from monitor.web.charts import Axis, Point, Span, moment, number, timeline
from monitor.web.text import foreign, plain

# What a person takes in at once; the rest is behind the link.
FEW_FIGURES, FEW_EXAMPLES = 2, 5


@dataclass(frozen=True, slots=True)
class Figure:
    """A timeline with what it shows in words. `now` and `normal` are those of the last measured window."""

    series_id: int
    model: str
    title: str
    now: str
    normal: str
    chart: Markup


@dataclass(frozen=True, slots=True)
class Carrier:
    """A series that carries a change, as a row of a table."""

    title: str
    value: str
    normal: str
    z: str
    series_id: int | None


@dataclass(frozen=True, slots=True)
class ExampleView:
    """A kept record; `repair` is what ftfy would make of it, `strangers` names the letters of other scripts."""

    label: str
    excerpt: str
    repair: str | None
    event_id: str
    when: str
    strangers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DamageView:
    """Mojibake in words. `legacy` is "" if all was UTF-8; `sequences`: the characters, their code points, and in how
    many records they stand.
    """

    suspected: str
    confirmed: str
    codecs: tuple[tuple[str, str], ...]
    legacy: str
    sequences: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class TriggerView:
    id: str
    model: str
    episode_id: int
    state: str
    reason: str
    guards: tuple[Mapping[str, Any], ...]
    created_us: int
    external_run_id: str | None


@dataclass(frozen=True, slots=True)
class EpisodeView:
    id: int
    model: str
    family: str
    title: str
    severity: str
    state: str
    since_us: int
    opened_us: int
    last_us: int
    closed_us: int | None
    inhibited_by: str | None
    paragraph: str
    breaks: tuple[str, ...]
    carriers: tuple[Carrier, ...]
    segments: tuple[Share, ...]
    figures: tuple[Figure, ...]
    examples: tuple[ExampleView, ...]
    damage: DamageView | None
    trigger: TriggerView | None

    @property
    def is_open(self) -> bool:
        return self.closed_us is None

    @property
    def level(self) -> str:
        """What a badge says: page, ticket, inhibited or closed."""
        if not self.is_open:
            return "closed"
        return "inhibited" if self.inhibited_by is not None else self.severity


def figure(
    conn: Connection, model_id: int, model: str, one: Stored, axis: Axis, spans: Sequence[Span], ident: str
) -> Figure:
    """The timeline of one series within the axis. `ident` must be unique on its page."""
    rows = measurements.timeline(conn, model_id, one.id, axis.from_us, axis.to_us)
    points = [
        Point(row.window_start_us, row.value, row.expected_low, row.expected_high, row.status == "breach")
        for row in rows
    ]
    unit = words.unit_of(one.kind)
    title = words.called(one.metric, one.column, one.segment, one.term)
    last = next((row for row in reversed(rows) if row.value is not None), None)
    normal = "–"
    if last is not None and last.expected_low is not None and last.expected_high is not None:
        normal = f"{number(last.expected_low, unit)} to {number(last.expected_high, unit)}"
    return Figure(
        series_id=one.id,
        model=model,
        title=f"{title[:1].upper()}{title[1:]}",
        now=number(None if last is None else last.value, unit),
        normal=normal,
        chart=timeline(
            points, axis, title=f"{title}, {plain(model, 60)}", unit=unit, ident=ident, spans=spans
        ),
    )


def _known_until(conn: Connection, model_id: int, now_us: int) -> int:
    """The end of the last judged window: of history nobody knows whether it lasts until today."""
    last_us = windows.last_judged_us(conn, model_id)
    judged = [] if last_us is None else windows.between(conn, model_id, last_us, last_us + 1)
    return min([now_us, *(window.end_us for window in judged)])


def episode_view(
    conn: Connection,
    row: alerts.EpisodeRow,
    known: Sequence[Stored],
    axis: Axis,
    now_us: int,
    *,
    figures: int = FEW_FIGURES,
    examples: int = FEW_EXAMPLES,
) -> EpisodeView:
    """An episode with the timelines of its heaviest series, its examples and its trigger."""
    attributes = Attributes.decode(row.attributes)
    keys = {one.name: one for one in known}
    named = [
        (moved, keys.get((moved.metric, moved.column, moved.segment, moved.term)))
        for moved in attributes.moved
    ]
    span = Span(row.since_us, row.closed_us, f"{row.family} since {moment(row.since_us)}")
    drawn = [one for _, one in named if one is not None][:figures]
    trigger = triggers.of_episode(conn, row.id)
    return EpisodeView(
        id=row.id,
        model=row.model,
        family=row.family,
        title=words.FAMILY.get(row.family, row.family),
        severity=row.severity,
        state=row.state,
        since_us=row.since_us,
        opened_us=row.opened_us,
        last_us=row.last_us,
        closed_us=row.closed_us,
        inhibited_by=row.inhibited_by,
        paragraph=words.paragraph(
            row.family,
            attributes,
            since_us=row.since_us,
            closed_us=row.closed_us,
            now_us=_known_until(conn, row.model_id, now_us),
            inhibited_by=row.inhibited_by,
        ),
        breaks=attributes.hard,
        carriers=tuple(_carrier(moved, one) for moved, one in named),
        segments=attributes.segments[:5],
        figures=tuple(
            figure(conn, row.model_id, row.model, one, axis, [span], f"e{row.id}-{one.id}") for one in drawn
        ),
        examples=tuple(_example(found) for found in alerts.evidence_of(conn, row.id, examples)),
        damage=None if attributes.damage is None else damage_view(attributes.damage),
        trigger=None if trigger is None else trigger_view(trigger),
    )


def trigger_view(row: triggers.TriggerRow) -> TriggerView:
    """A trigger with the verdict of every guard."""
    return TriggerView(
        id=row.id,
        model=row.model,
        episode_id=row.episode_id,
        state=row.state,
        reason=row.reason,
        guards=tuple(row.guards),
        created_us=row.created_us,
        external_run_id=row.external_run_id,
    )


def everything(conn: Connection, episode_id: int) -> dict[str, Any]:
    """All that is known of an episode: its row, what it names, its evidence, its history and what followed.

    NotFound if there is none.
    """
    row = alerts.get(conn, episode_id)
    attributes = Attributes.decode(row.attributes)
    events = alerts.events(conn, episode_id)
    trigger = triggers.of_episode(conn, episode_id)
    return {
        **asdict(row),
        "named": attributes.moved,
        "segments": attributes.segments,
        "mixes": attributes.mixes,
        "bins": attributes.bins,
        "terms": attributes.terms,
        "campaign": attributes.campaign,
        "newcomers": attributes.newcomers,
        "sentences": attributes.sentences,
        "breaks": attributes.hard,
        "damage": attributes.damage,
        "evidence": alerts.evidence_of(conn, episode_id),
        "events": events,
        "notifications": messages_about(conn, row, events),
        "trigger_id": None if trigger is None else trigger.id,
    }


def messages_about(
    conn: Connection, row: alerts.EpisodeRow, events: Sequence[alerts.EventRow]
) -> list[outbox.Message]:
    """The messages about one episode, newest first.

    The messages of an alert share one subject, and an alert has many episodes. A message of an earlier release does not
    name its episode: it was written in the transaction of one of its events, with the event's time.
    """
    moments = {event.at_us for event in events}
    subject = subject_of(row.model, row.family)
    sent = outbox.list_messages(conn, model_id=row.model_id, subject=subject, limit=outbox.MAX_PAGE)
    return [
        message
        for message in sent
        if message.episode_id == row.id or (message.episode_id is None and message.created_us in moments)
    ]


def _carrier(moved: Moved, one: Stored | None) -> Carrier:
    unit = words.unit_of_metric(moved.metric)
    title = words.called(moved.metric, moved.column, moved.segment, moved.term)
    normal = number(moved.expected, unit)
    if moved.expected_low is not None and moved.expected_high is not None:
        normal = f"{number(moved.expected_low, unit)} to {number(moved.expected_high, unit)}"
    return Carrier(
        title=f"{title[:1].upper()}{title[1:]}",
        value=number(moved.value, unit),
        normal=normal,
        z="–" if moved.z is None else f"{moved.z:+.1f}",
        series_id=None if one is None else one.id,
    )


def damage_view(damage: Damage) -> DamageView:
    """What is known of mojibake, in words."""
    return DamageView(
        suspected=f"{number(damage.suspected, 'share')} of messages; every message was screened",
        confirmed=_confirmed(damage),
        codecs=tuple((codec.name, number(codec.share, "share")) for codec in damage.codecs),
        legacy=number(damage.legacy, "share") if damage.legacy else "",
        sequences=tuple(
            (
                "".join(chr(int(point[2:], 16)) for point in one.points.split()),
                one.points,
                f"in {one.messages:,} of {damage.looked_at:,} records",
            )
            for one in damage.sequences
        ),
    )


def _confirmed(damage: Damage) -> str:
    if damage.rate is None or damage.low is None or damage.high is None:
        return "not known: no text is kept that ftfy could look at"
    rate, low, high = (number(value, "share") for value in (damage.rate, damage.low, damage.high))
    said = f"about {rate} of messages ({low} to {high}): ftfy would repair {damage.confirmed:,} of the "
    said += f"{damage.looked_at:,} suspected records it looked at"
    if damage.outside:
        said += f", {damage.outside:,} more are of codecs that it cannot confirm"
    return f"{said}, and {damage.missed:,} of {damage.others_looked_at:,} others"


def _example(row: alerts.EvidenceRow) -> ExampleView:
    # In mojibake every other letter is of another script, and that says nothing.
    strangers = foreign(row.excerpt) if row.repair is None else ()
    return ExampleView(
        row.label, row.excerpt, row.repair, row.event_id, moment(row.window_start_us), strangers
    )
