"""From an episode to a training run, through a real receiver and back."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import pytest

from monitor.alerts.episodes import FamilyFinding, record
from monitor.delivery.addresses import Allowed
from monitor.delivery.dispatch import Counts, deliver_due
from monitor.delivery.post import Poster
from monitor.delivery.receiver import Answer, Received, Receiver
from monitor.delivery.signing import Signer
from monitor.errors import Conflict, NotFound, UsageError
from monitor.retraining.callbacks import BadToken, Callback, apply_callback
from monitor.retraining.policy import Policy
from monitor.retraining.proposals import Asking, approve, consider, reject
from monitor.retraining.targets.webhook import TYPE, RetrainingWebhook, channel_name
from monitor.store import alerts, outbox, triggers
from monitor.store.engine import Store
from monitor.store.triggers import TriggerRow
from tests.monitor.alerting import HOUR, SECRET, SLANG, SetClock, add_model, breach, calm

FREE = Policy(frozenset({"vocabulary", "language"}), persists_windows=2, cooldown_us=0, approval=False)
ASKING = Asking("https://drift.example.com", new_token=lambda: "the token")
CHANNEL = channel_name("toxicity")


@pytest.fixture(autouse=True)
def model(store: Store) -> int:
    return add_model(store)


def judge(store: Store, window: int, *findings: FamilyFinding, policy: Policy = FREE) -> list[TriggerRow]:
    """Record the findings of the window at hour `window` and ask the policy."""
    with store.write() as conn:
        record(conn, 1, window * HOUR, HOUR, findings, now_us=window)
        return consider(conn, 1, policy, window * HOUR, HOUR, ASKING, now_us=window)


def drift(family: str = "vocabulary", since: int = 10) -> FamilyFinding:
    return breach(family, since * HOUR, SLANG)


def trigger_of(store: Store, trigger_id: str) -> TriggerRow:
    with store.read() as conn:
        return triggers.get(conn, trigger_id)


def target(receiver: Receiver) -> dict[str, RetrainingWebhook]:
    return {CHANNEL: RetrainingWebhook(Poster(receiver.url, Allowed.parse(["127.0.0.1"])), Signer([SECRET]))}


def requested(store: Store) -> TriggerRow:
    judge(store, 10, drift())
    (trigger,) = judge(store, 11, drift())
    return trigger


def report(
    store: Store, trigger_id: str, state: str, token: str = "the token", run_id: str | None = "run-9"
) -> TriggerRow:
    with store.write() as conn:
        return apply_callback(conn, trigger_id, token, Callback(state, run_id, {"note": "x"}), now=99)


def test_a_drift_that_persists_asks_once(store: Store) -> None:
    assert judge(store, 10, drift()) == []
    (trigger,) = judge(store, 11, drift())
    assert (trigger.state, trigger.family, trigger.window_start_us) == ("requested", "vocabulary", 11 * HOUR)
    assert [guard["guard"] for guard in trigger.guards] == [
        "persistence",
        "data_quality",
        "cooldown",
        "in_flight",
        "approval",
    ]
    assert trigger.callback_sha256 == hashlib.sha256(b"the token").hexdigest()
    assert judge(store, 12, drift()) == []


def test_the_request_says_why_what_and_what_to_leave_out(store: Store) -> None:
    judge(store, 9, breach("volume", 9 * HOUR))
    judge(store, 10, drift(since=7), calm("volume"))
    judge(store, 11, calm("volume"), calm("vocabulary"))
    judge(store, 12, calm("volume"), drift(since=7))
    with Receiver(SECRET) as receiver:
        assert deliver_due(store, SetClock(), target(receiver)) == Counts(sent=1)
    (received,) = receiver.of_type(TYPE)
    trigger_id = received.event["subject"]
    data = received.event["data"]
    assert received.id == f"msg_{trigger_id}"
    assert data["model"] == "toxicity"
    assert data["reasons"][0] == "vocabulary changed and stayed so for 3 windows"
    assert data["series"] == ["unknown_word_rate(text)"]
    assert data["windows"] == {
        "from": "1970-01-01T07:00:00Z",
        "to": "1970-01-01T13:00:00Z",
        "reason": "vocabulary changed",
    }
    assert data["exclusions"] == [
        {"from": "1970-01-01T09:00:00Z", "to": "1970-01-01T10:00:00Z", "reason": "volume break"}
    ]
    assert data["callback"] == {
        "url": f"https://drift.example.com/v1/triggers/{trigger_id}/callbacks",
        "token": "the token",
        "states": ["accepted", "running", "succeeded", "failed", "cancelled"],
    }
    assert data["links"] == {"alert": "https://drift.example.com/alerts/2"}


def test_a_break_vetoes_and_nothing_leaves(store: Store) -> None:
    judge(store, 10, breach("encoding", 10 * HOUR), drift())
    (trigger,) = judge(store, 11, breach("encoding", 10 * HOUR), drift())
    assert (trigger.state, trigger.reason) == (
        "vetoed",
        "the data is broken: encoding broke, and that explains this change",
    )
    assert judge(store, 12, breach("encoding", 10 * HOUR), drift()) == []
    for window in (13, 14, 15, 16):
        assert judge(store, window, calm("encoding"), drift()) == [], (
            "it was explained by a break, and stays vetoed"
        )
    with store.read() as conn:
        assert outbox.counts(conn) == {}


def test_a_drift_that_outlives_a_break_it_merely_met_is_asked_for_in_the_end(store: Store) -> None:
    judge(store, 10, drift(since=6))
    (vetoed,) = judge(store, 11, breach("volume", 11 * HOUR), drift(since=6))
    assert vetoed.state == "vetoed"
    for window in (12, 13):
        assert judge(store, window, calm("volume"), drift(since=6)) == []
    (trigger,) = judge(store, 14, calm("volume"), drift(since=6))
    assert (trigger.id, trigger.state, trigger.window_start_us) == (vetoed.id, "requested", 14 * HOUR)
    assert [guard["passed"] for guard in trigger.guards] == [True] * 5
    assert trigger.request["exclusions"][0]["reason"] == "volume break"
    with store.read() as conn:
        assert [e.to_state for e in triggers.events(conn, trigger.id)] == ["vetoed", "requested"]
        assert outbox.counts(conn) == {"pending": 1}


def test_a_second_drift_waits_for_the_first_ones_run_and_says_so_once(store: Store) -> None:
    first = requested(store)
    for window in (12, 13, 14):
        assert judge(store, window, drift(), drift("language", 12)) == []
    with store.read() as conn:
        waits = [e for e in alerts.events(conn, 2) if e.event == "retraining_waits"]
    assert [(e.window_start_us, e.detail["guard"]) for e in waits] == [(13 * HOUR, "in_flight")]
    report(store, first.id, "succeeded")
    (second,) = judge(store, 15, drift("language", 12))
    assert (second.state, second.family) == ("requested", "language")


def test_the_cooldown_runs_in_the_time_of_the_data(store: Store) -> None:
    cool = Policy(FREE.families, persists_windows=2, cooldown_us=5 * HOUR, approval=False)
    first = requested(store)
    report(store, first.id, "failed")
    for window in (12, 13, 14, 15):
        assert judge(store, window, drift("language", 12), policy=cool) == []
    assert len(judge(store, 16, drift("language", 12), policy=cool)) == 1


def test_a_person_approves_or_rejects(store: Store) -> None:
    careful = Policy(FREE.families, persists_windows=1, approval=True)
    first, second = judge(store, 10, drift(), drift("language"), policy=careful)
    assert (first.state, second.state) == ("awaiting_approval", "awaiting_approval")
    with store.write() as conn:
        assert outbox.counts(conn) == {}
        assert approve(conn, first.id, "ann", ASKING, 11).state == "requested"
        assert outbox.counts(conn) == {"pending": 1}
    with pytest.raises(Conflict, match="still requested"), store.write() as conn:
        approve(conn, second.id, "ann", ASKING, 12)
    with pytest.raises(Conflict, match="cannot become requested"), store.write() as conn:
        approve(conn, first.id, "bob", ASKING, 12)
    with store.write() as conn:
        assert reject(conn, second.id, "bob", "a campaign, not a trend", 12).state == "rejected"
    with pytest.raises(Conflict), store.write() as conn:
        approve(conn, second.id, "ann", ASKING, 13)
    with store.read() as conn:
        last = triggers.events(conn, second.id)[-1]
    assert (last.actor, last.detail) == ("bob", {"why": "a campaign, not a trend"})


def test_delivery_moves_the_trigger_to_dispatched(store: Store) -> None:
    trigger = requested(store)
    with Receiver(SECRET) as receiver:
        deliver_due(store, SetClock(), target(receiver))
    assert trigger_of(store, trigger.id).state == "dispatched"


def test_a_request_that_nobody_takes_fails_and_frees_the_model(store: Store) -> None:
    trigger = requested(store)
    with Receiver(SECRET, lambda received: Answer(400)) as receiver:
        assert deliver_due(store, SetClock(), target(receiver)) == Counts(dead=1)
    assert trigger_of(store, trigger.id).state == "failed"
    with store.read() as conn:
        assert triggers.in_flight(conn, 1) is None


def test_an_outage_is_not_the_end(store: Store) -> None:
    trigger = requested(store)
    answers = iter([503, 204])
    clock = SetClock()
    with Receiver(SECRET, lambda received: Answer(next(answers))) as receiver:
        channels = target(receiver)
        assert deliver_due(store, clock, channels) == Counts(retried=1)
        assert trigger_of(store, trigger.id).state == "requested"
        clock.us += 3 * 1_000_000
        assert deliver_due(store, clock, channels) == Counts(sent=1)
    assert len({received.id for received in receiver.received}) == 1
    assert trigger_of(store, trigger.id).state == "dispatched"


def test_a_pipeline_may_call_back_before_we_know_that_it_got_the_request(store: Store) -> None:
    trigger = requested(store)

    def start_at_once(received: Received) -> Answer:
        callback = received.event["data"]["callback"]
        for state in ("accepted", "running"):
            report(store, received.event["subject"], state, callback["token"])
        return Answer()

    with Receiver(SECRET, start_at_once) as receiver:
        assert deliver_due(store, SetClock(), target(receiver)) == Counts(sent=1)
    assert trigger_of(store, trigger.id).state == "running"
    assert trigger_of(store, trigger.id).external_run_id == "run-9"


def reported(store: Store, trigger_id: str, states: Sequence[str]) -> str:
    for state in states:
        report(store, trigger_id, state)
    return trigger_of(store, trigger_id).state


def test_late_and_repeated_reports_change_nothing_but_the_history(store: Store) -> None:
    trigger = requested(store)
    assert (
        reported(store, trigger.id, ["running", "running", "accepted", "succeeded", "running", "succeeded"])
        == "succeeded"
    )
    with store.read() as conn:
        history = [
            (e.to_state, e.detail.get("reported"), e.detail.get("late", False))
            for e in triggers.events(conn, trigger.id)
        ]
    assert history == [
        ("requested", None, False),
        ("running", "running", False),
        ("running", "accepted", True),
        ("succeeded", "succeeded", False),
        ("succeeded", "running", True),
    ]


def test_a_report_without_a_run_id_keeps_the_one_that_is_known(store: Store) -> None:
    trigger = requested(store)
    report(store, trigger.id, "accepted", run_id="run-1")
    report(store, trigger.id, "running", run_id=None)
    assert trigger_of(store, trigger.id).external_run_id == "run-1"


@pytest.mark.parametrize("token", ["", "another", "the token ", "\u0442he token"])
def test_a_wrong_token_is_refused_whatever_it_asks(store: Store, token: str) -> None:
    trigger = requested(store)
    for state in ("accepted", "nonsense"):
        with pytest.raises(BadToken):
            report(store, trigger.id, state, token)
    assert trigger_of(store, trigger.id).state == "requested"


def test_a_trigger_that_never_left_takes_no_callback(store: Store) -> None:
    careful = Policy(FREE.families, persists_windows=1, approval=True)
    (trigger,) = judge(store, 10, drift(), policy=careful)
    for token in ("", "the token"):
        with pytest.raises(BadToken):
            report(store, trigger.id, "running", token)


def test_reports_that_make_no_sense(store: Store) -> None:
    trigger = requested(store)
    with pytest.raises(UsageError, match="may report accepted, running"):
        report(store, trigger.id, "vetoed")
    report(store, trigger.id, "succeeded")
    with pytest.raises(Conflict, match="succeeded cannot become failed"):
        report(store, trigger.id, "failed")
    with pytest.raises(NotFound):
        report(store, "trg_unknown", "failed")
