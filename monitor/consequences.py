"""What a judged window does: episodes that open, go on or end, who is told, what is proposed to be trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from monitor import failpoints
from monitor.alerts import episodes, notify
from monitor.alerts.audience import audience_of
from monitor.alerts.state import Absent, Opened, Resolved
from monitor.delivery.channels.base import Channel
from monitor.retraining import proposals
from monitor.retraining.policy import Policy
from monitor.store import alerts, audit, windows
from monitor.store.runs import Run
from monitor.watched import Watched


def fires(finding: episodes.Finding) -> bool:
    """Whether a finding opens or keeps an episode."""
    return isinstance(finding, episodes.FamilyFinding) and finding.firing


class Consequences:
    """Those of the windows of one model; everything is written in the transaction of the judgement."""

    def __init__(
        self, watched: Watched, channels: Mapping[str, Channel], public_url: str, limits: notify.Limits
    ) -> None:
        self._watched = watched
        self._channels = channels
        self._public_url = public_url
        self._limits = limits

    def of(
        self, conn: Connection, run: Run, named: Sequence[episodes.Finding], now_us: int
    ) -> tuple[episodes.Change, ...]:
        """Write the episodes of a window with these findings, and tell of what changed; returns that."""
        telling = self._telling(conn, run, named)
        if not telling:
            return ()
        start_us, length_us = run.window_start_us, self._length(run)
        changes = episodes.record(conn, self._watched.id, start_us, length_us, telling, now_us)
        audience = audience_of(self._watched, self._channels, self._public_url)
        notify.announce(conn, self._watched.id, audience, now_us, limits=self._limits)
        failpoints.reach("judge.announced")
        self._consider_training(conn, start_us, length_us, now_us)
        _audit(conn, changes, start_us, now_us)
        return changes

    def of_unmeasured(self, conn: Connection, run: Run, families: Sequence[str], now_us: int) -> None:
        """Note that nothing is known of a window, unless windows after it were judged."""
        last_us = windows.last_judged_us(conn, self._watched.id)
        if last_us is None or run.window_start_us > last_us:
            absent = [episodes.FamilyAbsent(family, Absent("error")) for family in families]
            episodes.record(conn, self._watched.id, run.window_start_us, self._length(run), absent, now_us)

    def _telling(
        self, conn: Connection, run: Run, named: Sequence[episodes.Finding]
    ) -> list[episodes.Finding]:
        """The findings that may move alerts: they go forward in time only.

        A revision of the last judged window opens what it now shows to be broken; of earlier ones nothing moves.
        """
        last_us = windows.last_judged_us(conn, self._watched.id)
        if last_us is None or run.window_start_us > last_us:
            return list(named)
        if run.window_start_us < last_us:
            return []
        already = {row.family for row in alerts.open_of(conn, self._watched.id)}
        return [finding for finding in named if fires(finding) and finding.family not in already]

    def _consider_training(self, conn: Connection, start_us: int, length_us: int, now_us: int) -> None:
        wanted = self._watched.contract.retraining
        if wanted is None:
            return
        policy = Policy(
            families=frozenset(wanted.when.any),
            persists_windows=wanted.when.persists,
            cooldown_us=wanted.cooldown_us,
            approval=wanted.approval == "required",
        )
        asking = proposals.Asking(self._public_url)
        proposals.consider(conn, self._watched.id, policy, start_us, length_us, asking, now_us)

    def _length(self, run: Run) -> int:
        return self._watched.grid.window_end(run.window_start_us) - run.window_start_us


def _audit(conn: Connection, changes: Sequence[episodes.Change], start_us: int, now_us: int) -> None:
    for change in changes:
        if isinstance(change.effect, Opened | Resolved):
            audit.append(
                conn,
                actor="driftglass",
                action=f"episode.{type(change.effect).__name__.lower()}",
                object=f"episode/{change.episode_id}",
                payload={"family": change.family, "window_us": start_us},
                now_us=now_us,
            )
