"""A receiver that is away for an hour, then fails, is slow, resets and hangs: all arrives, in order, soon after.

The hour is scaled: while nobody listens the sender's clock runs faster, so that it goes through all of its waits.
From then on it runs as usual. Everything is judged by the receiver's own log.
"""

from __future__ import annotations

import random
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from monitor.clock import SystemClock
from monitor.delivery.addresses import Allowed
from monitor.delivery.channels.webhook import WebhookChannel
from monitor.delivery.dispatch import Dispatcher
from monitor.delivery.post import Poster
from monitor.delivery.signing import Signer, encode_secret
from monitor.store import outbox
from monitor.store.engine import Store
from monitor.store.tables import models
from tests import postgres
from tests.chaos.table import Form, Row

SECRET = encode_secret(bytes(range(32)))
MESSAGES_PER_EPISODE = 5
TICK_SECONDS = 0.2
HOUR_SECONDS = 3600.0
ERRORS = 0.3
LATE_SECONDS = 60.0
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: closing sends RST


@dataclass(frozen=True, slots=True)
class Seen:
    """One request that was verified, and what it was answered."""

    at: float
    id: str
    subject: str
    body: bytes
    taken: bool


class Moody:
    """A webhook receiver with moods: well, errors, slow, reset, hang. Away is when it is closed."""

    def __init__(self, port: int, seed: int) -> None:
        from standardwebhooks import Webhook

        self.mood = "well"
        self.log: list[Seen] = []
        self.forged = 0
        self._webhook = Webhook(SECRET)
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self._changed = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", port), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self._open = True
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def turn(self, mood: str) -> None:
        """Change the mood; whoever hangs is let go."""
        self.mood = mood
        self._changed.set()
        self._changed = threading.Event()

    def close(self) -> None:
        self.turn("well")
        self._open = False
        socket.create_connection(self._listener.getsockname()).close()
        self._thread.join()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            if not self._open:
                connection.close()
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        mood, changed = self.mood, self._changed
        with connection:
            try:
                connection.settimeout(30)
                headers, body = _request(connection)
                if mood == "hang":
                    changed.wait(60)
                if mood in ("reset", "hang"):
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                    return
                if mood == "slow":
                    time.sleep(0.4)
                self._answer(connection, mood, headers, body)
            except OSError:
                return  # the sender gave up, as it should

    def _answer(self, connection: socket.socket, mood: str, headers: dict[str, str], body: bytes) -> None:
        from standardwebhooks.webhooks import WebhookVerificationError

        with self._lock:
            taken = not (mood == "errors" and self._random.random() < ERRORS)
            try:
                event = self._webhook.verify(body, headers)
            except WebhookVerificationError:
                self.forged += 1
                return
            self.log.append(Seen(time.monotonic(), headers["webhook-id"], event["subject"], body, taken))
        status = "204 No Content" if taken else "503 Service Unavailable"
        connection.sendall(f"HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n".encode())


class FastClock:
    """A clock that runs `factor` times as fast as the real one, from now on."""

    def __init__(self) -> None:
        self.pace(1.0, SystemClock().now_us())

    def pace(self, factor: float, now_us: int | None = None) -> None:
        """Run on from here at another pace."""
        self._from_us = self.now_us() if now_us is None else now_us
        self._began, self._factor = time.monotonic(), factor

    def now_us(self) -> int:
        return self._from_us + round((time.monotonic() - self._began) * self._factor * 1e6)


def run(form: Form) -> Iterator[Row]:
    """SQLite; in the long form PostgreSQL too, and the receiver goes on failing after its return."""
    yield from _on(form, f"sqlite:///{form.folder}/receivers.db", "SQLite")
    binaries = None if form.short else postgres.binaries()
    if binaries is not None:
        with postgres.server(binaries) as url:
            yield from _on(form, url, "PostgreSQL")


def _on(form: Form, url: str, kind: str) -> Iterator[Row]:
    store = Store(url)
    store.upgrade()
    try:
        episodes = form.pick(100, 200)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        neighbour = Moody(0, form.seed)
        other = neighbour.port
        clock = FastClock()
        with _sending(store, clock, {"moody": port, "well": other}):
            form.say(f"{kind}: away for a scaled hour")
            away = form.pick(2, 12)
            _write(store, clock, "moody", episodes)
            clock.pace(HOUR_SECONDS / away)
            waits = _neighbour(store, clock, neighbour, away, "a")
            clock.pace(1.0)
            moody = Moody(port, form.seed)
            for mood in ("errors", "slow", "reset", "hang"):
                form.say(f"{kind}: {mood}")
                moody.turn(mood)
                waits += _neighbour(store, clock, neighbour, form.pick(1, 12) / 3, mood)
            moody.turn("well" if form.short else "errors")
            back = time.monotonic()
            form.say(f"{kind}: back")
            total = episodes * MESSAGES_PER_EPISODE
            while _arrived(moody) < total and time.monotonic() < back + LATE_SECONDS + 5:
                time.sleep(0.05)
        yield from _judge(store, moody, kind, total, back, form.short)
        yield Row(
            f"{kind}: another receiver meanwhile, longest wait of {len(waits)}",
            f"{max(waits):.1f} s",
            "< 2 s",
            max(waits) < 2.0,
            timed=True,
        )
        moody.close()
        neighbour.close()
    finally:
        store.close()


def _judge(store: Store, moody: Moody, kind: str, total: int, back: float, short: bool) -> Iterator[Row]:
    taken = [seen for seen in moody.log if seen.taken]
    ids = Counter(seen.id for seen in taken)
    last = max((seen.at for seen in taken), default=back + 999)
    how = "which is well" if short else f"which still fails {ERRORS:.0%}"
    seconds = f"{len(ids)} of {total}, {last - back:.1f} s"
    in_time = len(ids) == total and last - back <= LATE_SECONDS
    yield Row(
        f"{kind}: delivered after the return of a receiver {how}", seconds, "all, 60 s", in_time, timed=True
    )
    orders: dict[str, list[str]] = {}
    for seen in taken:
        keys = orders.setdefault(seen.subject, [])
        if seen.id not in keys:
            keys.append(seen.id)
    wrong = sum(keys != sorted(keys) for keys in orders.values())
    yield Row(f"{kind}: episodes out of order", f"{wrong} of {len(orders)}", "0", wrong == 0)
    bodies: dict[str, set[bytes]] = {}
    for seen in moody.log:
        bodies.setdefault(seen.id, set()).add(seen.body)
    changed = sum(len(found) > 1 for found in bodies.values()) + moody.forged
    yield Row(f"{kind}: ids with another body, or forged", str(changed), "0", changed == 0)
    once = sum(count == 1 for count in ids.values()) / max(len(ids), 1)
    yield Row(f"{kind}: taken exactly once", f"{once:.1%}", ">= 99%", once >= 0.99)
    with store.read() as conn:
        dead = outbox.counts(conn).get("dead", 0)
    yield Row(f"{kind}: dead letters", str(dead), "0", dead == 0)


def _arrived(moody: Moody) -> int:
    return len({seen.id for seen in list(moody.log) if seen.taken})


def _neighbour(store: Store, clock: FastClock, neighbour: Moody, seconds: float, name: str) -> list[float]:
    """Write a message to the other receiver now and then; how long each took to arrive, in real seconds."""
    waits, end, number = [], time.monotonic() + seconds, 0
    while time.monotonic() < end:
        _write(store, clock, "well", 1, 1, f"{name}{number}")
        written, number = time.monotonic(), number + 1
        key = f"well-{name}{number - 1}-000-0"
        while not any(seen.id == key for seen in list(neighbour.log)) and time.monotonic() < written + 5:
            time.sleep(0.02)
        waits.append(time.monotonic() - written)
        time.sleep(0.1)
    return waits


def _write(
    store: Store,
    clock: FastClock,
    channel: str,
    episodes: int,
    each: int = MESSAGES_PER_EPISODE,
    name: str = "",
) -> None:
    with store.write() as conn:
        if not conn.execute(models.select()).first():
            conn.execute(models.insert().values(name="shop", state="live", created_us=0))
        for number in range(each):
            for episode in range(episodes):
                key = f"{channel}-{name}-{episode:03}-{number}"
                subject = f"shop/{name}{episode:03}"
                outbox.enqueue(
                    conn,
                    key=key,
                    model_id=1,
                    channel=channel,
                    type="io.driftglass.alert.updated.v1",
                    subject=subject,
                    body=f'{{"type": "t", "subject": "{subject}", "id": "{key}", "number": {number}}}',
                    now_us=clock.now_us(),
                    episode_id=episode,
                )


@contextmanager
def _sending(store: Store, clock: FastClock, ports: dict[str, int]) -> Iterator[None]:
    """A dispatcher that ticks in a thread, as the service's does."""
    allowed = Allowed.parse(["127.0.0.1"])
    channels = {
        name: WebhookChannel(Poster(f"http://127.0.0.1:{port}/hook", allowed), Signer([SECRET]))
        for name, port in ports.items()
    }
    # The sender's hour is over in seconds; a lease must outlast the real time that an answer takes.
    dispatcher = Dispatcher(store, clock, lease_us=2 * round(HOUR_SECONDS * 1e6))
    stopping = threading.Event()

    def tick() -> None:
        while not stopping.wait(TICK_SECONDS):
            dispatcher.tick(channels)

    thread = threading.Thread(target=tick)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()
        dispatcher.close()


def _request(connection: socket.socket) -> tuple[dict[str, str], bytes]:
    """The headers, with lower-case names, and the body of one request."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += _more(connection)
    head, _, body = data.partition(b"\r\n\r\n")
    lines = [line.partition(":") for line in head.decode("latin-1").split("\r\n")[1:]]
    headers = {name.lower(): value.strip() for name, _, value in lines}
    while len(body) < int(headers["content-length"]):
        body += _more(connection)
    return headers, body


def _more(connection: socket.socket) -> bytes:
    if not (more := connection.recv(65536)):
        raise ConnectionError("the sender hung up")
    return more
