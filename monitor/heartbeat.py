"""The heartbeat: an address elsewhere is called as long as drift is found, judged and told. Silence is the alarm.

Liveness says little: a service may tick and answer, and find nothing. So it is held back unless the canary's drift of
the last day led to an alert that left, no run has waited for an hour, and no message either.
"""

from __future__ import annotations

import logging

from sqlalchemy import func, select

from monitor import telemetry
from monitor.canary import look
from monitor.clock import Clock
from monitor.delivery.channels.base import Posts
from monitor.errors import DeliveryError
from monitor.store import chores, outbox
from monitor.store import tables as t
from monitor.store.engine import Store

log = logging.getLogger(__name__)

EVERY_US = 300_000_000
LATE_US = 3_600_000_000

SENT = telemetry.counter("heartbeats", "Heartbeats by what became of them", ["outcome"])


class Heartbeat:
    """Called every few minutes by whichever working process comes first. `post` raises DeliveryError."""

    def __init__(self, store: Store, clock: Clock, poster: Posts) -> None:
        self._store = store
        self._clock = clock
        self._poster = poster
        self._held = False

    def tick(self) -> list[str] | None:
        """Why it was held back, empty if it was sent, None if it was not its time."""
        now_us = self._clock.now_us()
        with self._store.write() as conn:
            if not chores.take(conn, "heartbeat", now_us, EVERY_US):
                return None
        problems = self.problems()
        if not problems:
            try:
                self._poster.post("", {"content-type": "text/plain"})
            except DeliveryError as error:
                problems = [f"its receiver did not take it: {error}"]
        SENT.labels("held" if problems else "sent").inc()
        with self._store.write() as conn:
            last = chores.last(conn, "heartbeat")
            before = last.body.get("sent_us") if last is not None else None
            body = {"problems": problems, "sent_us": before if problems else now_us}
            # One that was held back is looked at again with the next tick.
            chores.note(conn, "heartbeat", body, now_us - EVERY_US if problems else None)
        if problems and not self._held:
            log.error("no heartbeat: %s", "; ".join(problems))
        elif self._held and not problems:
            log.info("the heartbeat goes on")
        self._held = bool(problems)
        return problems

    def problems(self) -> list[str]:
        """What keeps it back now."""
        now_us = self._clock.now_us()
        with self._store.read() as conn:
            sung = look(conn, now_us)
            r = t.runs
            paused = select(t.models.c.id).where(t.models.c.paused_us.is_not(None))
            waiting = select(func.min(r.c.available_us)).where(
                r.c.state.in_(["queued", "failed"]), r.c.model_id.not_in(paused)
            )
            run_us = conn.execute(waiting).scalar_one()
            message_us = outbox.oldest_pending_us(conn)
        found = [] if sung.state == "fired" else [f"the canary: {sung.why}"]
        for what, since_us in (("a run", run_us), ("a message", message_us)):
            if since_us is not None and now_us - since_us > LATE_US:
                found.append(f"{what} has waited for {(now_us - since_us) // 60_000_000} minutes")
        return found
