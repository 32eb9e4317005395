"""A real Alertmanager (Debian's): firing, kept alive over restarts of the sender, silenced, resolved.

The sender is a process of its own that is killed and started again. Its 15 minutes and 60 seconds are scaled to
seconds, so that an alert that nobody repeats would really end while this part looks on.
"""

from __future__ import annotations

import json
import multiprocessing
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import httpx

from monitor.alerts.message import compose
from monitor.alerts.notify import subject_of, type_of
from monitor.clock import SystemClock
from monitor.delivery.addresses import Allowed
from monitor.delivery.channels.alertmanager import AlertmanagerChannel, address
from monitor.delivery.dispatch import Dispatcher
from monitor.delivery.post import Poster
from monitor.store import outbox
from monitor.store.engine import Store
from monitor.store.tables import alerts, episodes, models
from tests.chaos.fleet import patience
from tests.chaos.table import Form, Row
from tests.monitor.alerting import CONTEXT
from tests.monitor.alerts.test_message import SUBJECT
from tests.monitor.delivery import alertmanager as real

SCALE = 225  # 15 minutes are 4 seconds, 60 seconds are 0.27
ENDS_SECONDS = 900 / SCALE
RESEND_SECONDS = 60 / SCALE
FAMILY = "encoding"


def run(form: Form) -> Iterator[Row]:
    if (lacks := real.lacking()) is not None:
        yield Row("a real Alertmanager", lacks, "installed", False)
        return
    store = Store(f"sqlite:///{form.folder}/alertmanager.db")
    store.upgrade()
    with _hook() as (hook, notified), real.running(hook) as server:
        url = server.url
        _tell(store, "opened")
        sender = _Sender(form, url)
        try:
            fired = _until(lambda: len(server.alerts()) == 1, 10)
            yield Row("firing is seen in its API", "yes" if fired else "no", "yes", fired)
            yield from _kept(form, server, sender)
            yield from _silenced(server)
            _tell(store, "resolved")
            gone = _until(lambda: not server.alerts(), 10)
            yield Row("resolved is seen in its API", "yes" if gone else "no", "yes", gone)
            ended = _until(lambda: "resolved" in notified, 5)
            resolved = notified.count("resolved")
            yield Row(
                "it told its own receiver",
                f"{', '.join(notified)}",
                "firing, resolved",
                ended and resolved == 1,
            )
        finally:
            sender.kill()
            store.close()


def _kept(form: Form, server: real.Alertmanager, sender: _Sender) -> Iterator[Row]:
    """Kill and start the sender again and again, for longer than an alert lives that nobody repeats."""
    restarts, missing, looks = 0, 0, 0
    seconds = form.pick(6, 60)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        sender.kill()
        time.sleep(ENDS_SECONDS / 4)  # as if it took almost four minutes to start
        sender.start()
        restarts += 1
        pause = time.monotonic() + ENDS_SECONDS / 4
        while time.monotonic() < pause:
            looks += 1
            missing += len(server.alerts()) != 1
            time.sleep(0.1)
    yield Row(
        f"called resolved in {looks} looks, {restarts} kills of the sender, {seconds / ENDS_SECONDS:.1f} lifetimes",
        str(missing),
        "0",
        missing == 0,
    )


def _silenced(server: real.Alertmanager) -> Iterator[Row]:
    """A silence that was made in Alertmanager suppresses the alert while it is repeated."""
    now = datetime.now(UTC)
    silence = {
        "matchers": [{"name": "family", "value": FAMILY, "isRegex": False, "isEqual": True}],
        "startsAt": now.isoformat(),
        "endsAt": (now + timedelta(minutes=5)).isoformat(),
        "createdBy": "oncall",
        "comment": "a known client",
    }
    with httpx.Client(base_url=server.url, trust_env=False, timeout=5.0) as client:
        made = client.post("/api/v2/silences", json=silence).raise_for_status().json()["silenceID"]

        def state() -> tuple[str, list[str]]:
            found: list[dict[str, Any]] = client.get("/api/v2/alerts").raise_for_status().json()
            return (found[0]["status"]["state"], found[0]["status"]["silencedBy"]) if found else ("gone", [])

        suppressed = _until(lambda: state() == ("suppressed", [made]), 5)
        time.sleep(2 * RESEND_SECONDS)
        still = state() == ("suppressed", [made])
        client.delete(f"/api/v2/silence/{made}").raise_for_status()
        again = _until(lambda: state()[0] == "active", 5)
    figure = f"suppressed {suppressed}, still while repeated {still}, active after {again}"
    yield Row("a silence is seen in its API", figure, "all three", suppressed and still and again)


def _tell(store: Store, event: Any) -> None:
    """An episode that opens or closes, and its message, in one transaction."""
    now_us = SystemClock().now_us()
    with store.write() as conn:
        if event == "opened":
            conn.execute(models.insert().values(id=1, name=CONTEXT.model, state="live", created_us=0))
            conn.execute(
                episodes.insert().values(
                    id=SUBJECT.episode_id,
                    model_id=1,
                    family=FAMILY,
                    severity="page",
                    since_us=now_us,
                    opened_us=now_us,
                    last_us=now_us,
                    summary="s",
                    attributes="{}",
                )
            )
            conn.execute(
                alerts.insert().values(
                    model_id=1,
                    family=FAMILY,
                    state="firing",
                    episode_id=SUBJECT.episode_id,
                    updated_us=now_us,
                )
            )
        else:
            conn.execute(episodes.update().values(closed_us=now_us))
            conn.execute(alerts.update().values(state="ok", episode_id=None))
        out = AlertmanagerChannel(Poster("http://127.0.0.1:9/", Allowed()))
        outbox.enqueue(
            conn,
            key=f"msg_{event}",
            model_id=1,
            channel="am",
            type=type_of(event),
            subject=subject_of(CONTEXT.model, FAMILY),
            body=out.body(compose(event, CONTEXT, SUBJECT), "k", now_us),
            now_us=now_us,
            episode_id=SUBJECT.episode_id,
        )


class _Sender:
    """The process that sends; it can be killed and started again. It is a fork, so that it starts in no time."""

    def __init__(self, form: Form, url: str) -> None:
        self._arguments = (f"sqlite:///{form.folder}/alertmanager.db", url)
        self.start()

    def start(self) -> None:
        self._process = multiprocessing.get_context("fork").Process(target=_send, args=self._arguments)
        self._process.start()

    def kill(self) -> None:
        self._process.kill()
        self._process.join()


def _send(database: str, url: str) -> None:
    """The sender's side: the same dispatcher as the service's, until it is killed."""
    channel = AlertmanagerChannel(
        Poster(address(url), Allowed.parse(["127.0.0.1"])),
        resend_us=round(RESEND_SECONDS * 1e6),
        ends_ahead_us=round(ENDS_SECONDS * 1e6),
    )
    dispatcher = Dispatcher(Store(database), SystemClock(), lease_us=2_000_000)
    while True:
        dispatcher.tick({"am": channel})
        time.sleep(0.1)


@contextmanager
def _hook() -> Iterator[tuple[str, list[str]]]:
    """What Alertmanager notifies: the status of each alert, without repetitions in a row."""
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            for alert in body["alerts"]:
                if not seen or seen[-1] != alert["status"]:
                    seen.append(alert["status"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/", seen
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _until(holds: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds * patience()
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True
