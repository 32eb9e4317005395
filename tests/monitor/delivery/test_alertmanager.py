"""Alerts as a real Alertmanager sees them: firing, kept alive, resolved."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from monitor.alerts.episodes import FamilyFinding, record
from monitor.alerts.message import compose
from monitor.alerts.notify import Audience, announce
from monitor.delivery.addresses import Allowed
from monitor.delivery.channels.alertmanager import AlertmanagerChannel, address
from monitor.delivery.dispatch import Counts, deliver_due, resend
from monitor.delivery.post import Poster
from monitor.errors import DeliveryError
from monitor.store import alerts as alert_store
from monitor.store.engine import Store
from tests.conftest import missing
from tests.monitor.alerting import CONTEXT, HOUR, SetClock, add_model, breach, calm
from tests.monitor.alerts.test_message import SUBJECT
from tests.monitor.delivery import alertmanager
from tests.monitor.delivery.alertmanager import Alertmanager

LOOPBACK = Allowed.parse(["127.0.0.1"])


class Hook:
    """What Alertmanager notified: the status of each alert, in order."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []
        seen = self.seen

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                seen.extend((alert["labels"]["family"], alert["status"]) for alert in body["alerts"])
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Quiet."""

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture(scope="module")
def hook() -> Iterator[Hook]:
    running = Hook()
    yield running
    running.close()


@pytest.fixture(scope="module")
def server(hook: Hook) -> Iterator[Alertmanager]:
    lacks = alertmanager.lacking()
    if lacks is not None:
        missing(lacks)
    with alertmanager.running(hook.url) as started:
        yield started


def channel(server: Alertmanager, wall: Callable[[], float] = time.time) -> AlertmanagerChannel:
    return AlertmanagerChannel(Poster(address(server.url), LOOPBACK), wall=wall)


def eventually(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def judge(store: Store, model: str, window: int, finding: FamilyFinding, out: AlertmanagerChannel) -> None:
    """One judged window at hour `window`, with its messages."""
    with store.write() as conn:
        record(conn, 1, window * HOUR, HOUR, [finding], window * HOUR)
        context = replace(CONTEXT, model=model)
        announce(conn, 1, Audience(context, {"page": ["am"], "ticket": ["am"]}, {"am": out}), window * HOUR)


def active(server: Alertmanager, model: str) -> list[dict[str, Any]]:
    return [alert for alert in server.alerts() if alert["labels"]["model"] == model]


def minutes_left(alert: dict[str, Any]) -> float:
    return (datetime.fromisoformat(alert["endsAt"]) - datetime.now(UTC)).total_seconds() / 60


def test_an_alert_fires_is_kept_alive_and_resolves(store: Store, server: Alertmanager, hook: Hook) -> None:
    model = f"am-{store.dialect}"
    add_model(store, model)
    out = channel(server)
    judge(store, model, 5, breach("encoding", 4 * HOUR), out)
    hook.seen.clear()
    assert deliver_due(store, SetClock(), {"am": out}) == Counts(sent=1)
    (alert,) = active(server, model)
    assert alert["labels"] == {
        "alertname": "DriftglassEncoding",
        "model": model,
        "family": "encoding",
        "severity": "page",
        "owner": "trust-and-safety",
    }
    assert alert["generatorURL"] == "https://drift.example.com/alerts/1"
    assert alert["annotations"]["runbook_url"] == "https://runbooks.example.com/toxicity"
    assert "3.1%" in alert["annotations"]["description"]
    assert alert["startsAt"].startswith("1970-01-01T05:00:00")
    assert 14 < minutes_left(alert) <= 15
    assert eventually(lambda: ("encoding", "firing") in hook.seen)

    assert resend(store, SetClock(), {"am": channel(server)}) == 1, "a restarted process posts at once"
    assert len(active(server, model)) == 1, "and it is the same alert"

    for window in (6, 7, 8):
        judge(store, model, window, calm("encoding"), out)
    assert deliver_due(store, SetClock(), {"am": out}) == Counts(sent=1)
    assert active(server, model) == []
    assert resend(store, SetClock(), {"am": channel(server)}) == 0
    assert eventually(lambda: ("encoding", "resolved") in hook.seen)


class Recorded(AlertmanagerChannel):
    """An Alertmanager channel that keeps what it would post, on a clock of its own."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0
        super().__init__(Poster("http://127.0.0.1:9/", LOOPBACK), wall=lambda: self.now)
        self.posts: list[list[dict[str, Any]]] = []
        self.fails = False
        self.meanwhile: Callable[[], None] = lambda: None
        outer = self

        class Sink(Poster):
            def post(self, body: str, headers: Any) -> int:
                if outer.fails:
                    raise DeliveryError("away")
                outer.posts.append(json.loads(body))
                outer.meanwhile()
                return 200

        self._poster = Sink("http://127.0.0.1:9/", LOOPBACK)


@pytest.fixture
def recorded(store: Store) -> Recorded:
    add_model(store, "toxicity")
    return Recorded()


def test_firing_alerts_are_repeated_every_minute_with_an_end_a_quarter_of_an_hour_ahead(
    store: Store, recorded: Recorded
) -> None:
    clock = SetClock()
    judge(store, "toxicity", 5, breach("encoding", 4 * HOUR), recorded)
    assert resend(store, clock, {"am": recorded}) == 0, "the outbox has not delivered it yet"
    deliver_due(store, clock, {"am": recorded})
    recorded.now += 60
    assert resend(store, clock, {"am": recorded}) == 1
    recorded.now += 59
    assert resend(store, clock, {"am": recorded}) == 0
    recorded.now += 1
    assert resend(store, clock, {"am": recorded}) == 1
    first, second, third = (post[0] for post in recorded.posts)
    assert [alert["endsAt"] for alert in (first, second, third)] == [
        "2027-01-15T08:15:00Z",
        "2027-01-15T08:16:00Z",
        "2027-01-15T08:17:00Z",
    ]
    assert {**first, "endsAt": ""} == {**third, "endsAt": ""}


def test_a_recovering_alert_is_still_kept_alive(store: Store, recorded: Recorded) -> None:
    judge(store, "toxicity", 5, breach("encoding", 5 * HOUR), recorded)
    judge(store, "toxicity", 6, calm("encoding"), recorded)
    deliver_due(store, SetClock(), {"am": recorded})
    assert resend(store, SetClock(), {"am": recorded}) == 1


def test_what_nobody_was_told_is_not_repeated(store: Store, recorded: Recorded) -> None:
    judge(store, "toxicity", 5, breach("encoding", 5 * HOUR), recorded)
    judge(store, "toxicity", 5, breach("vocabulary", 5 * HOUR), recorded)
    deliver_due(store, SetClock(), {"am": recorded})
    recorded.posts.clear()
    resend(store, SetClock(), {"am": recorded})
    assert [alert["labels"]["family"] for post in recorded.posts for alert in post] == ["encoding"]


def test_a_second_episode_does_not_bring_back_the_words_of_the_first(
    store: Store, recorded: Recorded
) -> None:
    judge(store, "toxicity", 0, breach("encoding", 0), recorded)
    for window in (1, 2, 3):
        judge(store, "toxicity", window, calm("encoding"), recorded)
    deliver_due(store, SetClock(), {"am": recorded})
    judge(store, "toxicity", 4, breach("encoding", 4 * HOUR), recorded)
    assert resend(store, SetClock(), {"am": recorded}) == 0, "its own opening is still in the outbox"
    deliver_due(store, SetClock(), {"am": recorded})
    recorded.now += 60
    resend(store, SetClock(), {"am": recorded})
    assert recorded.posts[-1][0]["startsAt"] == "1970-01-01T04:00:00Z"


def test_an_alert_that_ends_while_it_is_repeated_stays_ended(store: Store, recorded: Recorded) -> None:
    judge(store, "toxicity", 0, breach("encoding", 0), recorded)
    deliver_due(store, SetClock(), {"am": recorded})

    def end() -> None:
        recorded.meanwhile = lambda: None
        for window in (1, 2, 3):
            judge(store, "toxicity", window, calm("encoding"), recorded)
        deliver_due(store, SetClock(), {"am": recorded})

    recorded.posts.clear()
    recorded.meanwhile = end
    assert resend(store, SetClock(), {"am": recorded}) == 0
    assert [post[0]["endsAt"] for post in recorded.posts] == [
        "2027-01-15T08:15:00Z",  # the repetition, overtaken by
        "1970-01-01T03:00:00Z",  # the resolution, and therefore
        "2027-01-15T08:00:00Z",  # said again
    ]
    with store.read() as conn:
        assert alert_store.open_of(conn) == []


def test_an_alertmanager_that_is_away_is_asked_again_a_minute_later(store: Store, recorded: Recorded) -> None:
    judge(store, "toxicity", 0, breach("encoding", 0), recorded)
    deliver_due(store, SetClock(), {"am": recorded})
    recorded.fails = True
    assert resend(store, SetClock(), {"am": recorded}) == 0
    recorded.fails = False
    recorded.now += 60
    assert resend(store, SetClock(), {"am": recorded}) == 1


def test_a_worse_severity_ends_the_milder_alert(store: Store, recorded: Recorded) -> None:
    worse = compose("updated", CONTEXT, replace(SUBJECT, previous_severity="ticket"))
    alerts = json.loads(recorded.body(worse, "k", 9 * HOUR))["alerts"]
    assert [(alert["labels"]["severity"], "endsAt" in alert) for alert in alerts] == [
        ("ticket", True),
        ("page", False),
    ]


def test_times_ahead_of_the_real_clock_are_pulled_back_to_it(recorded: Recorded) -> None:
    future = SUBJECT.opened_us + 10_000 * HOUR
    simulated = compose("resolved", CONTEXT, replace(SUBJECT, opened_us=future, closed_us=future + HOUR))
    recorded.post(json.loads(recorded.body(simulated, "k", 0))["alerts"])
    assert recorded.posts[0][0]["startsAt"] == recorded.posts[0][0]["endsAt"] == "2027-01-15T08:00:00Z"


def test_empty_labels_are_left_out(recorded: Recorded) -> None:
    bare = compose("opened", replace(CONTEXT, owner="", runbook="", public_url=""), SUBJECT)
    (alert,) = json.loads(recorded.body(bare, "k", 0))["alerts"]
    assert "owner" not in alert["labels"]
    assert "runbook_url" not in alert["annotations"]
    assert "generatorURL" not in alert
