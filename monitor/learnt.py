"""What a process keeps of a model between its passes: the plan by which records are counted, and what works by it."""

from __future__ import annotations

from collections.abc import Mapping

from checks.plan import Plan
from monitor.alerts.notify import Limits
from monitor.clock import Clock
from monitor.delivery.channels.base import Channel
from monitor.errors import UsageError
from monitor.evaluate import Evaluator
from monitor.reading import Reader
from monitor.settings import Settings
from monitor.store import plans
from monitor.store.engine import Store
from monitor.watched import Watched


class Learnt:
    """The plan of a model with its reader and its evaluator, each made when it is first asked for."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        watched: Watched,
        channels: Mapping[str, Channel],
        settings: Settings,
    ) -> None:
        self._store = store
        self._clock = clock
        self._watched = watched
        self._channels = channels
        self._settings = settings
        self._plan: Plan | None = None
        self._reader: Reader | None = None
        self._evaluator: Evaluator | None = None

    def plan(self) -> Plan | None:
        """The plan, None while nothing was learnt. UsageError if it is of another release."""
        if self._plan is None:
            with self._store.read() as conn:
                body = plans.current(conn, self._watched.id)
            if body is not None:
                try:
                    self._plan = Plan.decode(body)
                except (ValueError, KeyError) as error:
                    raise UsageError(
                        f"{self._watched.name}: what was learnt here is of another release of driftglass ({error}); "
                        "give a new --database, what was measured stays in the old one"
                    ) from error
        return self._plan

    def reader(self) -> Reader:
        """What reads records into the store. UsageError while nothing was learnt."""
        if self._reader is None:
            self._reader = Reader(self._store, self._clock, self._watched, self._needed())
        return self._reader

    def evaluator(self) -> Evaluator:
        """What measures and judges. UsageError while nothing was learnt."""
        if self._evaluator is None:
            self._evaluator = Evaluator(
                self._store,
                self._clock,
                self._watched,
                self._needed(),
                self._channels,
                self._settings.base_url,
                Limits(installation=self._settings.storm_alerts),
            )
        return self._evaluator

    def rest(self) -> None:
        """Give back what is only held for the next run: Evidently's process."""
        if self._evaluator is not None:
            self._evaluator.close()

    def _needed(self) -> Plan:
        plan = self.plan()
        if plan is None:
            raise UsageError(f"{self._watched.name}: nothing was learnt yet; run `driftglass run` first")
        return plan
