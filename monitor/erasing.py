"""Erasing a person's records by their ids, wherever the store holds what was in them.

    samples, inbox (read or not), halves of inferences, labels     the rows go
    what was set aside                                             stays as a number; its text goes
    examples of alerts                                             the rows go
    notifications, sent or not                                     the lines that show the example go

What was only counted (profiles, vocabularies of at least ten messages, campaigns) holds no record. In the audit log
stands that it was done, with hashes of the ids. A record whose id was erased is not kept again, also if its source
still holds it.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, or_, select, update

from monitor.alerts.message import EXCERPT_CHARS, safe
from monitor.clock import Clock
from monitor.delivery.channels.slack import escape
from monitor.store import audit, erasures, halves, inbox, models
from monitor.store import tables as t
from monitor.store.engine import Store
from monitor.store.recent_ids import key_of
from monitor.store.types import storable

GONE = "(erased)"
_SHOWN = 16  # characters of an example that are enough to know its line; a receiver may have cut the rest
_AT_ONCE = 500


def erase(store: Store, clock: Clock, model: str, event_ids: Collection[str], author: str) -> dict[str, int]:
    """Erase records of a model; returns how many rows of each kind held them, all 0 if there were none.

    Asking twice changes nothing more. NotFound for a model that is not there. On SQLite nothing of them is left in the
    file afterwards; on PostgreSQL until its next vacuum, and in its write-ahead log, as with every deleted row.
    """
    ids = sorted({storable(one) for one in event_ids})
    with store.write() as conn:
        model_id = models.get(conn, model).id
        now_us = clock.now_us()
        # First, as whoever takes records does: the other way round two would wait for each other.
        received = inbox.erase(conn, model_id, [key_of(model_id, one.encode()) for one in ids])
        # Who is about to keep one of them ends first, and its rows are found; who comes later finds the erasure.
        if conn.dialect.name == "postgresql":
            conn.exec_driver_sql("LOCK TABLE samples, evidence IN SHARE ROW EXCLUSIVE MODE")
        counts = {
            "inbox": received,
            "halves": _halves(conn, model_id, ids),
            "samples": _rows(conn, t.samples, model_id, ids),
            "labels": _rows(conn, t.labels, model_id, ids),
            "quarantine": _quarantine(conn, model_id, ids),
            **_shown(conn, model_id, ids),
        }
        if erasures.add(conn, model_id, ids, now_us) or any(counts.values()):
            told = {"ids_sha256": [erasures.hash_of(model_id, one) for one in ids], **counts}
            audit.append(conn, author, "records.erased", f"model/{model}", told, now_us)
    store.fold_log()
    return counts


def _rows(conn: Connection, table: Any, model_id: int, ids: Sequence[str]) -> int:
    gone = 0
    for some in _batches(ids):
        where = (table.c.model_id == model_id, table.c.event_id.in_(some))
        gone += conn.execute(delete(table).where(*where)).rowcount
    return gone


def _halves(conn: Connection, model_id: int, ids: Sequence[str]) -> int:
    return sum(
        halves.take(conn, model_id, one, half) is not None for one in ids for half in ("request", "response")
    )


def _quarantine(conn: Connection, model_id: int, ids: Sequence[str]) -> int:
    """Records that could not be read have no id of their own: the id is looked for in what was kept of them."""
    q = t.quarantine
    forms = {
        form
        for one in ids
        if one  # nothing stands in every text
        for form in (one, json.dumps(one)[1:-1], json.dumps(one, ensure_ascii=False)[1:-1])
    }
    if not forms:
        return 0
    written = "|".join(re.escape(form) for form in sorted(forms))
    # The id 17 is not in 1700.
    pattern = re.compile(rf"(?<![\w-])(?:{written})(?![\w-])")
    rows = conn.execute(
        select(q.c.id, q.c.place, q.c.detail, q.c.raw)
        .where(q.c.model_id == model_id)
        .execution_options(yield_per=_AT_ONCE)
    )
    found = [
        row.id
        for row in rows
        if pattern.search(row.place)
        or pattern.search(row.detail)
        or (row.raw is not None and pattern.search(bytes(row.raw).decode("utf-8", "replace")))
    ]
    for row_id in found:
        # Its place may be the id; the number keeps the row apart from others.
        gone = {"place": f"{GONE} {row_id}", "detail": GONE, "raw": None}
        conn.execute(update(q).where(q.c.id == row_id).values(gone))
    return len(found)


# ----- examples, and the messages that show them --------------------------------------------------------------


def _shown(conn: Connection, model_id: int, ids: Sequence[str]) -> dict[str, int]:
    """Examples of alerts; and what was, or will be, sent of them."""
    v, e, o = t.evidence, t.episodes, t.outbox
    of_model = select(e.c.id).where(e.c.model_id == model_id)
    examples: list[Row[Any]] = []
    for some in _batches(ids):
        examples += conn.execute(select(v).where(v.c.episode_id.in_(of_model), v.c.event_id.in_(some))).all()
    for one in examples:
        conn.execute(delete(v).where(v.c.id == one.id))
    if not examples:
        return {"examples": 0, "messages": 0}
    needles = {line for one in examples for line in _lines(one.label, one.excerpt, one.repair)}
    names = {safe(one.event_id) for one in examples}
    episodes = sorted({one.episode_id for one in examples})
    changed = 0
    # Messages that an earlier release wrote do not name their episode.
    about = or_(o.c.episode_id.in_(episodes), o.c.episode_id.is_(None))
    for row in conn.execute(select(o.c.id, o.c.body).where(o.c.model_id == model_id, about)).all():
        body = without(row.body, names, needles)
        if body != row.body:
            changed += 1
            conn.execute(update(o).where(o.c.id == row.id).values(body=body))
    return {"examples": len(examples), "messages": changed}


def _lines(label: str, excerpt: str, repair: str | None) -> Iterator[str]:
    """How the lines of an example begin in a text, a mail and a chat; see `alerts.message`."""
    shown = [f"[{safe(label)}] {safe(excerpt[:EXCERPT_CHARS])}"]
    begins = [len(shown[0]) - len(safe(excerpt[:EXCERPT_CHARS])) + _SHOWN]
    if repair is not None:
        shown.append(f"ftfy would read: {safe(repair[:EXCERPT_CHARS])}")
        begins.append(len("ftfy would read: ") + _SHOWN)
    for line, begin in zip(shown, begins, strict=True):
        for escaped in (str, html.escape, escape):
            yield escaped(line[:begin])


def without(body: str, names: Collection[str], needles: Collection[str]) -> str:
    """The body of a message without examples of these event ids, and without lines that hold one of the needles."""
    try:
        document = json.loads(body)
    except ValueError:
        return _text(body, needles)
    cleaned = _cleaned(document, names, needles)
    return body if cleaned == document else json.dumps(cleaned, ensure_ascii=False, sort_keys=True)


def _cleaned(value: Any, names: Collection[str], needles: Collection[str]) -> Any:
    if isinstance(value, dict):
        return {key: _cleaned(one, names, needles) for key, one in value.items()}
    if isinstance(value, list):
        kept = [one for one in value if not (isinstance(one, dict) and one.get("event_id") in names)]
        return [_cleaned(one, names, needles) for one in kept]
    return _text(value, needles) if isinstance(value, str) else value


def _text(text: str, needles: Collection[str]) -> str:
    lines = [f"  {GONE}" if any(one in line for one in needles) else line for line in text.split("\n")]
    return "\n".join(lines)


def _batches(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for first in range(0, len(ids), _AT_ONCE):
        yield ids[first : first + _AT_ONCE]
