"""What has to be told although no window was judged: a silence that ended, a snooze that ran out, a storm that was
gathered, a watch that stands still.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from sqlalchemy import Connection

from monitor.alerts import episodes
from monitor.alerts.families import HEALTH
from monitor.alerts.notify import LIMITS, Audience, Limits, announce, announce_together
from monitor.alerts.state import Absent
from monitor.clock import Clock
from monitor.store import alerts, models, tellings, windows
from monitor.store.engine import Store
from monitor.watched import Watched

# No window judged for so many windows, and at least an hour, after the last one should have been: nobody is looking.
STALE_WINDOWS = 3
_LEAST_US = 3_600_000_000


def settle(
    store: Store, clock: Clock, audiences: Callable[[], Mapping[int, Audience]], *, limits: Limits = LIMITS
) -> int:
    """Tell what is due by the clock; returns how many messages were written. Costs one small read if nothing is.

    Any number of processes may do this at once: each model is locked while it is told of.
    """
    with store.read() as conn:
        due = tellings.waiting(conn, clock.now_us())
    if not due:
        return 0
    known = audiences()
    written = 0
    for model_id in due:
        if model_id in known:
            with store.write() as conn:
                written += announce(conn, model_id, known[model_id], clock.now_us(), limits=limits)
    with store.write() as conn:
        return written + announce_together(conn, known, clock.now_us(), limits=limits)


def stale_us(one: Watched, last_us: int) -> int:
    """From when on nobody looks at a model of which the window that starts at `last_us` was judged last."""
    window = one.contract.window
    due_us = one.grid.window_end(one.grid.window_end(last_us)) + window.lateness_us
    return due_us + max(STALE_WINDOWS * window.every_us, _LEAST_US)


def stood_still(conn: Connection, one: Watched, now_us: int) -> int | None:
    """The start of the window that was judged last, if nobody looks at the model any more; else None.

    While windows are caught up they are old, and somebody looks: none was judged for an hour of the clock, too.
    """
    last_us = windows.last_judged_us(conn, one.id)
    if last_us is None or now_us < stale_us(one, last_us):
        return None
    done_us = windows.judged_at(conn, one.id, last_us)
    return None if 0 <= now_us - done_us < _LEAST_US else last_us


def look_for_stale(store: Store, clock: Clock, watched: Iterable[Watched]) -> list[str]:
    """Open a health alert for every model that is judged no longer although its windows go on; returns their names.

    Only for a service that runs: history is judged once and then stands still for good.
    """
    found = []
    for one in watched:
        with store.read() as conn:
            last_us = stood_still(conn, one, clock.now_us())
        if last_us is None:
            continue
        length_us = one.contract.window.every_us
        found.append(one.name)
        with store.write() as conn:
            models.lock(conn, one.id)
            rows = alerts.states(conn, one.id)
            known = rows.get(HEALTH)
            if windows.last_judged_us(conn, one.id) == last_us and (
                known is None or known.episode_id is None
            ):
                start_us = one.grid.window_end(last_us)
                blind = episodes.blind("stale", start_us, start_us, length_us)
                absent = [
                    episodes.FamilyAbsent(family, Absent("stale")) for family in rows if family != HEALTH
                ]
                episodes.record(conn, one.id, start_us, length_us, [blind, *absent], clock.now_us())
    return found
