"""The canary: a small model of our own with a drift that we know, to see every day that detection still works.

    records made here → inbox → read → measured → judged → episode → outbox → `Sink`

It takes the way that pushed records take. Its texts are the same every day, and those of four hours a day are in
another language: an alert must open in them and leave the outbox. `monitor.heartbeat` tells others only if it did.
Lists leave it out: it is nobody's model.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from sqlalchemy import Connection, select

from monitor.alerts.message import Notification
from monitor.clock import Clock
from monitor.contract import Loaded, parse
from monitor.store import chores, inbox, models
from monitor.store import tables as t
from monitor.store.engine import Store
from monitor.store.inbox import Line
from monitor.store.models import CANARY
from monitor.store.outbox import Message
from monitor.store.recent_ids import content_of, key_of

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
DRIFT_HOUR, DRIFT_HOURS = 4, 4  # UTC, of every day
RECORDS = 40
REFERENCE_DAYS = 7  # every weekday once
BEFORE_DAYS = 2  # between the reference and the day it begins: what it already has to find then
GRACE_US = 5_400_000_000  # after the end of these hours, until their alert has to be out

CALM = (
    "thank you for the quick answer about my order",
    "where is the parcel that was promised for today",
    "the lamp is bright and the box was well packed",
    "muchas gracias por la respuesta tan rápida",
    "la caja llegó bien y la lámpara funciona",
)
DRIFTED = (
    "vielen Dank für die schnelle Antwort zu meiner Bestellung",
    "wo bleibt das Paket, das für heute versprochen war",
    "der Karton war offen und ein Glas ist zerbrochen",
)
CONTRACT = """\
# Made by driftglass itself: see "The canary" in docs/operations.md.
model: {name}
owner: driftglass
runbook: '"The canary" in docs/operations.md'
source: {{type: push, id: id, time: at}}
columns:
  comment: {{role: input, kind: text, languages: [en, es, de]}}
window: {{every: 1h, lateness: 5m, horizon: 2d, sample: 10, keep: 30d}}
reference: {{from: {first}, to: {last}}}
privacy: {{text: none}}
alerts: {{channels: {{page: [sink], ticket: [sink]}}}}
# No address is ever asked for: what is told of this model stays inside.
channels: {{sink: {{type: webhook, url: env:DRIFTGLASS_CANARY_SINK, secret: env:DRIFTGLASS_CANARY_SINK}}}}
"""


class Sink:
    """The way out of what is told of the canary: the outbox has it, and it goes nowhere."""

    def body(self, notification: Notification, key: str, now_us: int) -> str:
        return json.dumps({"event": notification.event, "episode": notification.subject.episode_id})

    def send(self, message: Message, now_us: int) -> int | None:
        return None

    def settled(self, conn: Connection, message: Message, delivered: bool, now_us: int) -> None:
        """Nothing hangs on it."""


def contract(now_us: int) -> Loaded:
    """What is agreed about the canary if it begins now."""
    today = datetime.fromtimestamp(now_us / 1e6, UTC).date()
    last = today - timedelta(days=BEFORE_DAYS + 1)
    first = last - timedelta(days=REFERENCE_DAYS - 1)
    text = CONTRACT.format(name=CANARY, first=first, last=last)
    return Loaded(parse(text), text, Path())


def records(hour_us: int, *, drifted: bool | None = None) -> list[dict[str, str]]:
    """The records of the hour that starts then: the same ones each time. `drifted`: else by the time of day."""
    if drifted is None:
        drifted = DRIFT_HOUR <= hour_us // HOUR_US % 24 < DRIFT_HOUR + DRIFT_HOURS
    generator = random.Random(hour_us)
    texts = DRIFTED if drifted else CALM
    made = []
    for number in range(RECORDS):
        us = hour_us + number * HOUR_US // RECORDS
        at = datetime.fromtimestamp(us / 1e6, UTC).isoformat()
        made.append(
            {"id": f"canary-{hour_us // HOUR_US}-{number}", "at": at, "comment": generator.choice(texts)}
        )
    return made


def send(store: Store, clock: Clock, model_id: int) -> int:
    """Put the hours into the inbox that have begun since the last time, whole; returns how many that were.

    An hour and its number in `chores` are one transaction: it is there once, whoever sends it.
    """
    now_us = clock.now_us()
    with store.read() as conn:
        created_us = models.by_id(conn, model_id).created_us
    current = now_us // HOUR_US
    sent = 0
    while True:
        with store.write() as conn:
            number, _ = inbox.next_number(conn, model_id)  # whoever else does this waits here
            last = chores.last(conn, "canary")
            following = last.body.get("hour", -1) + 1 if last is not None else 0
            hour = following or (created_us // DAY_US - BEFORE_DAYS - REFERENCE_DAYS) * 24
            # What has been missed for longer is not made up for.
            hour = max(hour, current - (BEFORE_DAYS + REFERENCE_DAYS + 1) * 24)
            if hour > current:
                return sent
            made = records(hour * HOUR_US)
            # Of the reference every hour is calm: what is normal has no drift in it.
            if hour * HOUR_US < (created_us // DAY_US - BEFORE_DAYS) * DAY_US:
                made = records(hour * HOUR_US, drifted=False)
            lines = [_line(model_id, one) for one in made]
            inbox.add(conn, model_id, number, lines, now_us)
            chores.note(conn, "canary", {"hour": hour}, now_us)
        sent += 1


def _line(model_id: int, record: dict[str, str]) -> Line:
    raw = json.dumps(record, ensure_ascii=False).encode()
    us = round(datetime.fromisoformat(record["at"]).timestamp() * 1e6)
    return Line(raw, key_of(model_id, record["id"].encode()), content_of(raw), us)


@dataclass(frozen=True, slots=True)
class Sung:
    """Whether the drift of the last day was found: `state` "fired", "waiting" (it began lately), "missed", "off".

    `fired_us` is when the last alert opened that should have, None before the first. `why` says what is missing.
    """

    state: Literal["fired", "waiting", "missed", "off"]
    fired_us: int | None
    why: str = ""


def look(conn: Connection, now_us: int) -> Sung:
    """What became of the last hours that had a drift and whose alert has to be out by now."""
    model = conn.execute(select(t.models).where(t.models.c.name == CANARY)).one_or_none()
    if model is None:
        return Sung("off", None, "there is no canary")
    day = (now_us - GRACE_US - (DRIFT_HOUR + DRIFT_HOURS) * HOUR_US) // DAY_US
    drift_us = day * DAY_US + DRIFT_HOUR * HOUR_US
    found = _episodes(conn, model.id, drift_us)
    fired_us = _last_fired(conn, model.id)
    if any(sent for _, sent in found):
        return Sung("fired", fired_us)
    missing = "its alert did not leave the outbox" if found else "no alert opened"
    when = datetime.fromtimestamp(drift_us / 1e6, UTC).strftime("%Y-%m-%d %H:%M UTC")
    why = f"the drift of {when} was not found: {missing}"
    if now_us - model.created_us < GRACE_US:
        return Sung("waiting", fired_us, why)
    return Sung("missed", fired_us, why)


def _episodes(conn: Connection, model_id: int, drift_us: int) -> list[tuple[int, bool]]:
    """Alerts about the language that opened in these hours, and whether each left."""
    e, o = t.episodes, t.outbox
    left = select(o.c.id).where(o.c.episode_id == e.c.id, o.c.state == "sent").exists()
    query = select(e.c.id, left).where(
        e.c.model_id == model_id,
        e.c.family == "language",
        e.c.opened_us >= drift_us,
        e.c.opened_us < drift_us + DRIFT_HOURS * HOUR_US,
    )
    return [(row[0], bool(row[1])) for row in conn.execute(query)]


def _last_fired(conn: Connection, model_id: int) -> int | None:
    e = t.episodes
    query = (
        select(e.c.opened_us)
        .where(e.c.model_id == model_id, e.c.family == "language")
        .order_by(e.c.opened_us.desc())
        .limit(1)
    )
    found: int | None = conn.execute(query).scalar_one_or_none()
    return found
