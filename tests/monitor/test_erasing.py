"""A person's records by id: nowhere in the store is a word of them left, and nothing else is touched."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from sqlalchemy import insert, select, text

from monitor.alerts.attributes import Attributes, Example
from monitor.alerts.message import Context, Subject, compose
from monitor.clock import SimulatedClock
from monitor.delivery.channels.slack import SlackChannel
from monitor.delivery.channels.smtp import Envelope, SmtpChannel
from monitor.erasing import erase, without
from monitor.errors import NotFound
from monitor.store import alerts, audit, erasures, halves, inbox, labels, models, outbox, quarantine, samples
from monitor.store import tables as t
from monitor.store.engine import Store
from monitor.store.halves import Half
from monitor.store.inbox import Line
from monitor.store.labels import Label
from monitor.store.quarantine import Entry
from monitor.store.recent_ids import content_of, key_of
from monitor.store.samples import Sample

NOW = 1_700_000_000_000_000
CLOCK = SimulatedClock(NOW)
ID, OTHER = "evt-17/ä", "evt-1700"
WORDS = "Zinnia Quartzlberger <zinnia> lives & waits at number forty-two"
KEPT = "somebody else asked about the parcel and is still waiting"
CONTEXT = Context("shop", "ann", "https://runbooks.example.com/shop", "https://drift.example.com")


def sample(event_id: str, words: str) -> Sample:
    return Sample("*", event_id, NOW, 0.5, 1.0, words, "ok", 0.1, None, {}, {}, {})


def line(model_id: int, event_id: str, words: str) -> Line:
    raw = json.dumps({"id": event_id, "comment": words}).encode()
    return Line(raw, key_of(model_id, event_id.encode()), content_of(raw), NOW)


class Unused:
    """A way out that is not used: only the words are written."""

    def post(self, body: str, headers: object) -> int:
        raise AssertionError


@pytest.fixture
def model_id(store: Store) -> int:
    return filled(store)


def filled(store: Store) -> int:
    """The words of two people everywhere that words are kept; returns the model."""
    with store.write() as conn:
        model = models.create(conn, "shop", 1).id
        for number in (1, 2):
            taken, _ = inbox.next_number(conn, model)
            names = ((ID, WORDS), (OTHER, KEPT)) if number == 1 else ((ID, WORDS),)
            inbox.add(conn, model, taken, [line(model, *one) for one in names], NOW)
        for event_id, words in ((ID, WORDS), (OTHER, KEPT)):
            halves.add(conn, model, Half(event_id, "request", NOW, words.encode()), NOW)
            quarantine.add(
                conn,
                model,
                [
                    Entry(
                        NOW,
                        "a.csv",
                        f"event {event_id}",
                        "bad_number",
                        "n",
                        f"{event_id}: {words}",
                        False,
                        json.dumps({"id": event_id, "comment": words}).encode(),
                    )
                ],
                NOW,
            )
        samples.replace(conn, model, NOW, [sample(ID, WORDS), sample(OTHER, KEPT)])
        labels.add(conn, model, [Label(ID, WORDS, NOW), Label(OTHER, KEPT, NOW)], NOW)
        episode(conn, model)
    return model


def episode(conn: object, model: int) -> None:
    made = insert(t.episodes).values(
        model_id=model,
        family="language",
        severity="page",
        since_us=NOW,
        opened_us=NOW,
        last_us=NOW,
        summary="",
        attributes="{}",
    )
    key = conn.execute(made.returning(t.episodes.c.id)).scalar_one()  # type: ignore[attr-defined]
    examples = (Example(ID, "de", WORDS, WORDS.upper()), Example(OTHER, "de", KEPT))
    shown = [(one.event_id, one.label, one.excerpt, one.repair) for one in examples]
    alerts.add_evidence(conn, key, NOW, shown)  # type: ignore[arg-type]
    subject = Subject(key, "language", "page", NOW, NOW, None, Attributes(), examples)
    told = compose("opened", CONTEXT, subject)
    bodies = {
        "hook": json.dumps({"data": {**told.data, "text": told.text}}),
        "slack": SlackChannel(Unused()).body(told, "k", NOW),
        "mail": SmtpChannel(None, Envelope("a@example.com", ("b@example.com",))).body(told, "k", NOW),  # type: ignore[arg-type]
    }
    for name, body in bodies.items():
        outbox.enqueue(
            conn,  # type: ignore[arg-type]
            key=name,
            model_id=model,
            channel=f"shop/{name}",
            type="t",
            subject="s",
            body=body,
            now_us=NOW,
            episode_id=key,
        )


def dump(store: Store) -> str:
    """Everything that the database holds: the bytes of the files, or a dump of PostgreSQL."""
    if store.file is not None:
        path = Path(store.file)
        found = [path, *path.parent.glob(path.name + "-wal")]
        return "".join(one.read_bytes().decode("utf-8", "replace") for one in found)
    binary = shutil.which("pg_dump")
    assert binary is not None
    return subprocess.run(
        [binary, "--inserts", store.address], capture_output=True, text=True, check=True
    ).stdout


def as_dumped(store: Store, words: str) -> set[str]:
    """The words as they may stand in it: plain, in JSON, in HTML; PostgreSQL shows bytes as hexadecimal digits."""
    forms = {
        words,
        json.dumps(words)[1:-1],
        words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"),
    }
    return forms | ({form.encode().hex() for form in forms} if store.file is None else set())


def test_no_word_is_left_in_the_database(store: Store, model_id: int) -> None:
    before = dump(store)
    assert any(form in before for form in as_dumped(store, WORDS))
    counts = erase(store, CLOCK, "shop", [ID], "ann")
    assert counts == {
        "inbox": 2,
        "halves": 1,
        "samples": 1,
        "labels": 1,
        "quarantine": 1,
        "examples": 1,
        "messages": 3,
    }
    after = dump(store)
    for gone in (WORDS, WORDS.upper(), ID, "Quartzlberger", "QUARTZLBERGER"):
        assert not any(form in after for form in as_dumped(store, gone)), gone
    assert KEPT in after


def test_what_others_wrote_stays_as_it_was(store: Store, model_id: int) -> None:
    erase(store, CLOCK, "shop", [ID], "ann")
    with store.read() as conn:
        assert [one.event_id for one in samples.of_window(conn, model_id, NOW)] == [OTHER]
        (batch,) = inbox.after(conn, model_id, 0, 10, 10_000)
        assert [json.loads(raw)["id"] for raw in batch.body.splitlines()] == [OTHER]
        assert set(labels.of_events(conn, model_id, [ID, OTHER], NOW)) == {OTHER}
        kept = conn.execute(select(t.quarantine).order_by(t.quarantine.c.id)).all()
        bodies = conn.execute(select(t.outbox.c.body).order_by(t.outbox.c.id)).scalars().all()
    assert [row.reason for row in kept] == ["bad_number", "bad_number"]  # they are still counted
    assert kept[0].raw is None
    assert KEPT in kept[1].detail
    assert all(KEPT in body and "(erased)" in body for body in bodies)
    hook = json.loads(bodies[0])["data"]
    assert [one["event_id"] for one in hook["examples"]] == [OTHER]
    assert "Runbook: https://runbooks.example.com/shop" in hook["text"]


def test_the_audit_log_says_that_it_was_done_and_not_what_it_was(store: Store, model_id: int) -> None:
    erase(store, CLOCK, "shop", [ID], "ann")
    with store.read() as conn:
        (entry,) = conn.execute(select(t.audit).where(t.audit.c.action == "records.erased")).all()
        assert audit.verify(conn).problem is None
    assert entry.actor == "ann"
    assert json.loads(entry.payload)["ids_sha256"] == [erasures.hash_of(model_id, ID)]
    assert ID not in entry.payload


def test_asking_again_changes_nothing(store: Store, model_id: int) -> None:
    erase(store, CLOCK, "shop", [ID], "ann")
    assert set(erase(store, CLOCK, "shop", [ID], "ann").values()) == {0}
    with store.read() as conn:
        assert len(conn.execute(select(t.audit.c.seq)).all()) == 1


def test_a_record_that_was_never_kept_is_still_noted_and_not_kept_later(store: Store, model_id: int) -> None:
    assert set(erase(store, CLOCK, "shop", ["evt-99"], "ann").values()) == {0}
    with store.write() as conn:
        samples.replace(conn, model_id, NOW + 1, [sample("evt-99", "again"), sample("evt-100", "fine")])
        (key,) = conn.execute(select(t.episodes.c.id)).scalars()
        assert alerts.add_evidence(conn, key, NOW, [("evt-99", "x", "again", None)]) == 0
        assert [one.event_id for one in samples.of_window(conn, model_id, NOW + 1)] == ["evt-100"]
        assert not conn.execute(text("SELECT 1 FROM labels WHERE label = 'again'")).all()


@pytest.mark.parametrize("ids", [[], [""]])
def test_no_id_erases_nothing(store: Store, model_id: int, ids: list[str]) -> None:
    assert set(erase(store, CLOCK, "shop", ids, "ann").values()) == {0}


def test_a_model_that_is_not_there(store: Store, model_id: int) -> None:
    with pytest.raises(NotFound, match="no model 'shops'"):
        erase(store, CLOCK, "shops", [ID], "ann")


def test_of_a_message_only_the_lines_of_the_example_go() -> None:
    body = json.dumps(
        {"text": "title\n  [de] these words\nOwner: ann", "n": 1, "examples": [{"event_id": "e"}]}
    )
    cleaned = json.loads(without(body, {"e"}, {"[de] these"}))
    assert cleaned == {"text": "title\n  (erased)\nOwner: ann", "n": 1, "examples": []}
    assert without(body, {"x"}, {"[en] these"}) == body
