"""`driftglass explain`: three sentences, tables, and the same as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from monitor import feedback
from monitor.alerts import acts
from monitor.alerts.episodes import record
from monitor.cli import main
from monitor.store import outbox, tables
from monitor.store.engine import Store
from tests.monitor.alerting import HOUR, add_model, breach
from tests.monitor.seeded import Seeded, seed

Explain = Callable[..., str]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Seeded]:
    url = f"sqlite:///{tmp_path_factory.mktemp('explained') / 'store.db'}"
    store = Store(url)
    store.upgrade()
    keys = seed(store)
    store.close()
    return url, keys


@pytest.fixture
def explain(filled: tuple[str, Seeded], capsys: pytest.CaptureFixture[str]) -> Explain:
    def run(*arguments: object, code: int = 0) -> str:
        with pytest.raises(SystemExit) as ended:
            main(["explain", *map(str, arguments), "-d", filled[0]])
        told = capsys.readouterr()
        assert ended.value.code == code, told.err
        return told.out if code == 0 else told.err

    return run


def test_the_sentences_come_first_and_then_what_they_are_made_of(
    explain: Explain, filled: tuple[str, Seeded]
) -> None:
    lines = explain(filled[1].encoding).splitlines()
    assert lines[0].startswith(f"#{filled[1].encoding}  Wed 2026-11-18 04:00  encoding  page, open")
    assert lines[1] == "Messages with mojibake in `text` went from 0.11% to 3.1%."
    titles = [line for line in lines[4:] if line and not line.startswith((" ", "─"))]
    wanted = (
        "Broken rules of the contract",
        "What moved, heaviest first",
        "Which segments carry it",
        "Another mix of segments, or change within them",
        "What the mojibake is consistent with",
        "Examples (redacted)",
        "What happened",
    )
    assert [title for title in titles if title in wanted] == list(wanted)


def test_examples_come_with_the_repair_and_their_labels_are_no_markup(
    explain: Explain, filled: tuple[str, Seeded]
) -> None:
    told = explain(filled[1].encoding)
    assert "[mojibake] the parcel is at CafÃ© Zoë" in told
    assert "ftfy would read: the parcel is at Café Zoë" in told
    assert "\u202e" not in told, "characters that reverse the text are shown, not sent to the terminal"


def test_words_are_told_with_what_is_invisible_in_them(explain: Explain, filled: tuple[str, Seeded]) -> None:
    told = explain(filled[1].vocabulary)
    assert "glim⟦U+200B⟧zo" in told
    assert "Besides, 2.1 % of the messages follow one template" in told


def test_as_json_it_is_what_the_api_says(explain: Explain, filled: tuple[str, Seeded]) -> None:
    known = json.loads(explain(filled[1].encoding, "--json"))
    assert known["since"] == "2026-11-18T03:00:00Z"
    assert known["mixes"][0]["segment"] == "country=IN"
    assert len(known["evidence"]) == 9
    assert known["evidence"][0].keys() == {"window_start", "event_id", "label", "excerpt", "repair"}


def test_an_alert_that_is_not_there_is_exit_2(explain: Explain) -> None:
    assert "there is no alert 4711" in explain(4711, code=2)
    assert "Traceback" not in explain(0, code=2)


# ----- what happened --------------------------------------------------------------------------------------------

AT = 1_000 * HOUR  # 1970-02-11 16:00


def message(store: Store, key: str, channel: str) -> None:
    with store.write() as conn:
        outbox.enqueue(
            conn, key=key, model_id=1, channel=channel, type="t", subject="toxicity/encoding", body="b",
            now_us=AT, episode_id=1,
        )  # fmt: skip


def tried(store: Store, channel: str, hours: int, error: str | None, *, dead: bool = False) -> None:
    at_us = AT + hours * HOUR
    with store.write() as conn:
        claimed = outbox.claim(conn, [channel], at_us, 1)
        assert claimed is not None
        outbox.add_attempt(conn, claimed, at_us, None, error, 1.0)
        if error is None:
            outbox.mark_sent(conn, claimed, 200, at_us)
        elif dead:
            outbox.mark_dead(conn, claimed, 404, error)
        else:
            outbox.mark_retry(conn, claimed, None, error, at_us)


@pytest.fixture
def alert(store: Store, store_url: str) -> str:
    """A store with one open alert; its URL."""
    add_model(store)
    with store.write() as conn:
        record(conn, 1, 999 * HOUR, HOUR, [breach("encoding", 999 * HOUR)], AT)
        window = {"start_us": 999 * HOUR, "end_us": 1_000 * HOUR, "state": "judged", "judged_us": AT}
        conn.execute(tables.windows.insert().values(model_id=1, **window))
    return store_url


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    told = capsys.readouterr()
    assert ended.value.code == 0, told.err
    return told.out + told.err


def test_who_was_told_and_who_was_not_each_at_its_time(
    alert: str, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    for channel in ("good", "slow", "lost", "new"):
        message(store, channel, f"toxicity/{channel}")
    tried(store, "toxicity/good", 1, None)
    tried(store, "toxicity/slow", 2, "it answered 503")
    tried(store, "toxicity/lost", 3, "it answered 404", dead=True)
    told = printed(capsys, "explain", "1", "-d", alert)
    assert "1970-02-11 17:00  message to toxicity/good sent" in told
    assert "1970-02-11 18:00  message to toxicity/slow waits: it answered 503" in told
    assert "1970-02-11 19:00  message to toxicity/lost was given up: it answered 404" in told
    assert "1970-02-11 16:00  message to toxicity/new waits: not tried yet" in told
    assert "told toxicity" not in told


def test_who_did_what_to_an_alert_and_why_it_is_closed(
    alert: str, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    until_us = AT + HOUR
    with store.write() as conn:
        acts.acknowledge(conn, 1, note="client 7", until_us=until_us, author="ada", now_us=AT)
        acts.snooze(conn, 1, note="", until_us=until_us, factor=2.0, author="bob", now_us=AT)
        acts.annotate(conn, 1, note="rolled\u202e back", author="eve", now_us=AT)
    assert ", open  [" in printed(capsys, "explain", "1", "-d", alert)
    assert ", open  [" in printed(capsys, "alerts", "-d", alert)
    with store.write() as conn:
        feedback.give(conn, 1, "false-alarm", "a test", "dan", AT)
    told = printed(capsys, "explain", "1", "-d", alert)
    assert "acknowledged by ada: client 7\n" in told
    assert "snoozed by bob\n" in told
    assert "note by eve: rolled⟦U+202E⟧ back\n" in told
    assert "feedback false-alarm by dan: a test\n" in told
    for command in (("explain", "1"), ("alerts",)):
        assert "(marked a false alarm)" in printed(capsys, *command, "-d", alert)


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("clean windows", "(resolved)"),
        ("rule_changed", "(its rule changed)"),
        ("feedback: expected", "(marked expected)"),
    ],
)
def test_a_closed_alert_says_why(
    alert: str, store: Store, capsys: pytest.CaptureFixture[str], reason: str, said: str
) -> None:
    with store.write() as conn:
        conn.execute(tables.episodes.update().values(closed_us=AT, close_reason=reason))
    assert f"until Wed 1970-02-11 16:00 {said}" in printed(capsys, "alerts", "-d", alert)


@pytest.mark.parametrize(("inhibited_by", "warned"), [("schema", True), (None, False)])
def test_expected_of_what_a_break_explains_is_warned_of_and_done(
    alert: str, store: Store, capsys: pytest.CaptureFixture[str], inhibited_by: str | None, warned: bool
) -> None:
    with store.write() as conn:
        conn.execute(tables.episodes.update().values(inhibited_by=inhibited_by))
    told = printed(capsys, "feedback", "1", "expected", "-d", alert)
    assert ("teaches broken data as normal" in told) == warned
    assert "alert 1: expected" in told
