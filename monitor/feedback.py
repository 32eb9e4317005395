"""What a person says of an alert: that the change is expected, or that it was a false alarm.

The episode is closed at once and the sequence of its family begins anew with the next window. What is normal moves
when that window is judged (`rebasing`). Taken back, the episode goes on. Nothing here needs numbers: the API may do
it.
"""

from __future__ import annotations

from sqlalchemy import Connection

from monitor.alerts import episodes
from monitor.errors import Conflict, UsageError
from monitor.store import alerts, audit, feedback, models, windows
from monitor.store.feedback import Feedback, Verdict

_CLOSED_BY = "feedback: "


def give(conn: Connection, episode_id: int, verdict: Verdict, note: str, author: str, now_us: int) -> None:
    """Write down what somebody said of an episode, close it, and note both in the audit log.

    NotFound for an unknown alert, Conflict if feedback on it counts already.
    """
    episode = alerts.get(conn, episode_id)
    models.lock(conn, episode.model_id)
    last_us, next_us = _judged(conn, episode.model_id)
    already = _counting(conn, episode.model_id, episode_id)
    if already is not None:
        raise Conflict(
            f"alert {episode_id} is marked {already.verdict} by {already.author}; undo that first: "
            f"driftglass feedback {episode_id} undo"
        )
    feedback.add(conn, episode.model_id, episode_id, verdict, note, author, next_us, now_us)
    detail = {"verdict": verdict, "by": author, "note": note}
    alerts.add_event(conn, episode_id, last_us, "feedback", detail, now_us)
    episodes.close(conn, episode, last_us, f"{_CLOSED_BY}{verdict}", now_us)
    audit.append(conn, author, "alert.feedback", f"episode/{episode_id}", detail, now_us)


def undo(conn: Connection, episode_id: int, author: str, now_us: int) -> None:
    """Take back what was said of an episode, from the next window on. UsageError if nothing was said.

    An episode that this had closed is open again, as it was left, and its next windows say whether it is over. It stays
    closed where another one of its family has opened since, which tells the rest of the story.
    """
    episode = alerts.get(conn, episode_id)
    models.lock(conn, episode.model_id)
    last_us, next_us = _judged(conn, episode.model_id)
    said = _counting(conn, episode.model_id, episode_id)
    if said is None:
        raise UsageError(f"nothing that counts was said of alert {episode_id}: there is nothing to undo")
    feedback.undo(conn, said.id, author, next_us)
    detail = {"verdict": said.verdict, "by": author}
    alerts.add_event(conn, episode_id, last_us, "feedback undone", detail, now_us)
    if (episode.close_reason or "").startswith(_CLOSED_BY):
        episodes.reopen(conn, episode, last_us, now_us)
    audit.append(conn, author, "alert.feedback_undone", f"episode/{episode_id}", detail, now_us)


def _counting(conn: Connection, model_id: int, episode_id: int) -> Feedback | None:
    said = [
        one
        for one in feedback.of_model(conn, model_id)
        if one.episode_id == episode_id and one.undone_from_us is None
    ]
    return said[0] if said else None


def _judged(conn: Connection, model_id: int) -> tuple[int, int]:
    """Start and end of the last window that was judged."""
    last_us = windows.last_judged_us(conn, model_id)
    if last_us is None:
        raise Conflict("no window was judged yet: there is nothing that it could be normal beside")
    (last,) = windows.between(conn, model_id, last_us, last_us + 1)
    return last_us, last.end_us
