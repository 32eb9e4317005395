"""What people do with alerts: acknowledge, snooze, annotate, silence.

Each act is one transaction: the row that counts, a line in the episode's history, an entry of the audit log. Done
again with the same words it changes nothing and writes nothing. Acts on an episode that is closed are a Conflict. The
author is who the key, the session or `--by` says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import get_args

from sqlalchemy import Connection

from monitor.alerts.attributes import Attributes
from monitor.alerts.episodes import sizes
from monitor.alerts.families import HEALTH
from monitor.alerts.message import iso
from monitor.alerts.notify import leading_segment
from monitor.alerts.state import Severity
from monitor.alerts.telling import Acknowledged, Snoozed, Told, known
from monitor.contract.model import FamilyName
from monitor.delivery.acknowledging import acknowledge as tell_pagers
from monitor.errors import Conflict, UsageError
from monitor.store import alerts, audit, models, silences, tellings, windows
from monitor.store.silences import Silence
from monitor.store.tellings import Telling

HOUR_US = 3_600_000_000
MOST_US = 30 * 24 * HOUR_US
MOST_CHARS = 2_000
FACTORS = 1.1, 100.0


def acknowledge(
    conn: Connection, episode_id: int, *, note: str, until_us: int, author: str, now_us: int
) -> bool:
    """Somebody takes care of an open episode until a time: of this severity nobody is called again. False if that is
    what counts already. NotFound, Conflict (closed) or UsageError (times, length).
    """
    _check(note, until_us, now_us)
    row, told = _open(conn, episode_id)
    given = Acknowledged(author, note, "page" if row.severity == "page" else "ticket", until_us)
    if told.acknowledged == given:
        return False
    nudge = None if told.nudge == "reminder" else told.nudge
    _keep(conn, row, replace(told, acknowledged=given, nudge=nudge))
    detail = {"by": author, "note": note, "until": iso(until_us), "severity": given.severity}
    _write(conn, row, "acknowledged", "alert.acknowledged", detail, now_us)
    tell_pagers(conn, episode_id, now_us)
    return True


def unacknowledge(conn: Connection, episode_id: int, *, author: str, now_us: int) -> bool:
    """Take an acknowledgement back; False if there is none."""
    row, told = _open(conn, episode_id)
    if told.acknowledged is None:
        return False
    _keep(conn, row, replace(told, acknowledged=None))
    _write(conn, row, "acknowledgement taken back", "alert.unacknowledged", {"by": author}, now_us)
    return True


def snooze(
    conn: Connection,
    episode_id: int,
    *,
    note: str,
    until_us: int,
    factor: float,
    author: str,
    now_us: int,
) -> bool:
    """Hear nothing of an open episode until a time, or until it is `factor` times as large, breaks something else, or
    escalates. False if that is what counts already. Errors as in `acknowledge`.
    """
    _check(note, until_us, now_us)
    if not FACTORS[0] <= factor <= FACTORS[1]:
        raise UsageError(f"a factor is {FACTORS[0]} to {FACTORS[1]:g}: 2 is twice as large")
    row, told = _open(conn, episode_id)
    before = told.snoozed
    same = before is not None and (before.by, before.note, before.until_us, before.factor)
    if same == (author, note, until_us, factor):
        return False
    effects = sizes(Attributes.decode(row.attributes))
    given = Snoozed(author, note, "page" if row.severity == "page" else "ticket", until_us, factor, effects)
    _keep(conn, row, replace(told, snoozed=given, nudge=None))
    detail = {"by": author, "note": note, "until": iso(until_us), "factor": factor}
    _write(conn, row, "snoozed", "alert.snoozed", detail, now_us)
    return True


def wake(conn: Connection, episode_id: int, *, author: str, now_us: int) -> bool:
    """End a snooze; False if there is none."""
    row, told = _open(conn, episode_id)
    if told.snoozed is None:
        return False
    _keep(conn, row, replace(told, snoozed=None))
    _write(conn, row, "snooze taken back", "alert.woken", {"by": author}, now_us)
    return True


def annotate(conn: Connection, episode_id: int, *, note: str, author: str, now_us: int) -> bool:
    """A note in the history of an episode, open or closed; False if its last note says the same."""
    if not note.strip():
        raise UsageError("a note needs words")
    _check_note(note)
    episode = alerts.get(conn, episode_id)
    models.lock(conn, episode.model_id)
    detail = {"by": author, "note": note}
    before = [event.detail for event in alerts.events(conn, episode_id) if event.event == "note"]
    if before and before[-1] == detail:
        return False
    _note(conn, episode_id, episode.model_id, "note", "alert.annotated", detail, now_us)
    return True


def silence(
    conn: Connection,
    *,
    model: str | None,
    family: str | None,
    segment: str | None,
    severity: Severity | None,
    comment: str,
    starts_us: int,
    expires_us: int,
    author: str,
    now_us: int,
) -> Silence:
    """Tell nobody of what matches, until a time at most 30 days away. UsageError for a silence that matches everything
    or has no reason.
    """
    if not (model or family or segment or severity):
        raise UsageError(
            'a silence needs something to match: a model ("*" for all), a family, a segment or a severity'
        )
    if family is not None and family not in (*get_args(FamilyName), HEALTH):
        raise UsageError(
            f"there is no such family; write one of {', '.join((*get_args(FamilyName), HEALTH))}"
        )
    if not comment.strip():
        raise UsageError("a silence needs a comment: who comes later must know why")
    _check(comment, expires_us, now_us, starts_us)
    made = silences.add(
        conn,
        model=model,
        family=family,
        segment=segment,
        severity=severity,
        author=author,
        comment=comment,
        starts_us=starts_us,
        expires_us=expires_us,
        now_us=now_us,
    )
    audit.append(conn, author, "silence.added", f"silence/{made.id}", _shown(made), now_us)
    return made


def change_silence(
    conn: Connection,
    silence_id: int,
    *,
    comment: str | None,
    expires_us: int | None,
    revision: int | None,
    author: str,
    now_us: int,
) -> Silence:
    """Another comment or end. Conflict if it has expired, or `revision` is given and it was changed since."""
    before = silences.get(conn, silence_id)
    if before.state(now_us) == "expired":
        raise Conflict(f"silence {silence_id} has expired: add another one")
    if revision is not None and revision != before.revision:
        raise Conflict(f"silence {silence_id} was changed by somebody else: look at it again")
    wanted = (comment or before.comment, before.expires_us if expires_us is None else expires_us)
    _check(wanted[0], wanted[1], now_us, before.starts_us)
    if wanted == (before.comment, before.expires_us):
        return before
    after = silences.change(conn, before, comment=wanted[0], expires_us=wanted[1])
    tellings.look_again(conn)
    audit.append(conn, author, "silence.changed", f"silence/{silence_id}", _shown(after), now_us)
    return after


def expire_silence(conn: Connection, silence_id: int, *, author: str, now_us: int) -> Silence:
    """End a silence now; one that is over stays as it is."""
    before = silences.get(conn, silence_id)
    if before.state(now_us) == "expired":
        return before
    after = silences.change(conn, before, comment=before.comment, expires_us=now_us)
    tellings.look_again(conn)
    audit.append(conn, author, "silence.expired", f"silence/{silence_id}", {"by": author}, now_us)
    return after


def standing(conn: Connection, episode_id: int, now_us: int) -> tuple[Told, int, list[Silence]]:
    """What counts of an episode now: what was told, the revision of that, and the silences that match it."""
    alerts.get(conn, episode_id)  # NotFound, if there is none
    row = tellings.get(conn, episode_id)
    assert row is not None
    segment = leading_segment(row)
    matching = [
        one
        for one in silences.active(conn, now_us)
        if one.matches(row.model, row.family, segment, row.severity)
    ]
    return _told(row), row.revision, matching


def _open(conn: Connection, episode_id: int) -> tuple[Telling, Told]:
    models.lock(conn, alerts.get(conn, episode_id).model_id)
    row = tellings.get(conn, episode_id)
    assert row is not None
    if row.closed_us is not None:
        raise Conflict(f"alert {episode_id} is closed: there is nothing to wait for")
    return row, _told(row)


def _told(row: Telling) -> Told:
    severity: Severity = "page" if row.severity == "page" else "ticket"
    return known(row.told, severity, inhibited=row.inhibited_by is not None)


def _keep(conn: Connection, row: Telling, told: Told) -> None:
    tellings.save(
        conn, row, told.encode(), waits=tellings.LOOK_NOW, until_us=told.until_us, held_us=row.held_us
    )


def _write(
    conn: Connection, row: Telling, event: str, action: str, detail: Mapping[str, object], now_us: int
) -> None:
    _note(conn, row.episode_id, row.model_id, event, action, detail, now_us)


def _note(
    conn: Connection,
    episode_id: int,
    model_id: int,
    event: str,
    action: str,
    detail: Mapping[str, object],
    now_us: int,
) -> None:
    window_us = windows.last_judged_us(conn, model_id)
    alerts.add_event(
        conn, episode_id, window_us or alerts.get(conn, episode_id).opened_us, event, detail, now_us
    )
    audit.append(conn, str(detail["by"]), action, f"episode/{episode_id}", detail, now_us)


def _check(note: str, until_us: int, now_us: int, starts_us: int | None = None) -> None:
    _check_note(note)
    first_us = now_us if starts_us is None else starts_us
    if until_us <= max(first_us, now_us):
        raise UsageError("the end is not after the beginning, or is past: give a later one")
    if until_us - max(first_us, now_us) > MOST_US:
        raise UsageError(
            "that is longer than 30 days: what lasts longer is a change, say that it is expected"
        )


def _check_note(note: str) -> None:
    if len(note) > MOST_CHARS:
        raise UsageError(f"a note has at most {MOST_CHARS:,} characters")


def _shown(one: Silence) -> dict[str, object]:
    matchers = {name: getattr(one, name) for name in ("model", "family", "segment", "severity")}
    return {**matchers, "comment": one.comment, "starts": iso(one.starts_us), "expires": iso(one.expires_us)}
