"""Alerts of a few models in simulated time, with people who act on them: every promise is checked at every step.

The world holds what the store holds, and does with it what `alerts.episodes` and `alerts.notify` do; states, effects
and decisions are the real ones. A step is one thing that happens: a judged window, a window that is missing, an act
of a person, an hour. `World(seed).run(steps)` raises `Broken` at the first promise that does not hold.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import asdict, dataclass, field, replace

from monitor.alerts.state import (
    WEIGHT,
    Absent,
    AlertState,
    Calmed,
    Close,
    Closed,
    Effect,
    Flapping,
    Observed,
    Opened,
    Patience,
    Reopen,
    Reopened,
    Resolved,
    Severity,
    Updated,
    advance,
)
from monitor.alerts.telling import Acknowledged, Say, Seen, Snoozed, Told, decide, grew, reopened

HOUR = 3_600_000_000
MODELS, FAMILIES = 4, ("volume", "language", "performance", "health")
PATIENCE = {"health": Patience(clean_windows=1, breaches=3, windows=3)}


class Broken(AssertionError):
    """A promise that did not hold."""


@dataclass
class Episode:
    """What the store knows of one episode, and what its receivers were sent."""

    id: int
    key: tuple[int, str]
    severity: Severity
    told: Told
    is_open: bool = True
    inhibited_by: str | None = None
    firing: int = 0  # messages that it is there, since its end was last told
    ends: int = 0  # how often its end was told
    rounds: int = 0  # how often it was news
    effect: float = 1.0


@dataclass
class Alert:
    """One key: its state, its open episode, and how the data behind it behave now."""

    state: AlertState = field(default_factory=AlertState)
    flapping: str = "no"
    episode: int | None = None
    window: int = 0
    regime: str = "calm"
    last: Observed | None = None
    notices: int = 0  # of flapping, since it began to


class World:
    """A seeded world. `counts` says what has happened, so that a test can see that everything did."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.now = 0
        self.alerts = {(model, family): Alert() for model in range(MODELS) for family in FAMILIES}
        self.episodes: dict[int, Episode] = {}  # those of which something may be to tell
        self.done: list[Episode] = []
        self.silences: list[tuple[int, int, str | None, int]] = []  # id, model, family, until
        self.crowded = False
        self.number = 0
        self.counts: Counter[str] = Counter()
        self.acts = (
            (self.window_judged, 60),
            (self.window_missing, 6),
            (self.an_hour, 10),
            (self.acknowledge, 3),
            (self.snooze, 3),
            (self.silence, 1),
            (self.expire, 1),
            (self.close, 1),
            (self.reopen, 1),
            (self.window_again, 4),
            (self.crowd, 1),
            (self.restart, 1),
        )

    def run(self, steps: int) -> None:
        """So many steps, then an end of everything: after it nothing may be owed."""
        acts = [act for act, weight in self.acts for _ in range(weight)]
        choose, keys = self.random.choice, list(self.alerts)
        for _ in range(steps):
            choose(acts)(choose(keys))
        self.end()

    # ----- what happens -------------------------------------------------------------------------------------

    def window_judged(self, key: tuple[int, str]) -> None:
        alert = self.alerts[key]
        alert.window += 1
        draw = self.random.random
        if draw() < 0.08:
            alert.regime = self.random.choice(["calm", "calm", "broken", "noisy"])
        breached = draw() < {"calm": 0.01, "noisy": 0.35, "broken": 0.95}[alert.regime]
        clean = not breached and draw() < 0.95
        severity: Severity = "page" if key[1] == "volume" or draw() < 0.05 else "ticket"
        event = Observed(breached, clean, severity, breached and draw() < 0.1, alert.window - 1, alert.window)
        alert.last = event
        if breached:
            self._grow(alert)
        self._advance(key, event)
        self._release(key)
        self.tell(key[0])

    def window_missing(self, key: tuple[int, str]) -> None:
        alert = self.alerts[key]
        before = alert.state
        alert.state, effects = advance(before, Absent("no_data"), self.now)
        self._must(not effects and alert.state.status == before.status, "absence resolves nothing")
        self.tell(key[0])

    def window_again(self, key: tuple[int, str]) -> None:
        alert = self.alerts[key]
        if alert.last is None or not (alert.state.is_open or alert.last.clean):
            return
        after, effects = advance(alert.state, alert.last, self.now, patience=self._patience(key))
        self._must(after == alert.state and not effects, "a window that was seen changes nothing")
        self._must(self.tell(key[0]) == 0, "nothing is told twice")

    def an_hour(self, key: tuple[int, str]) -> None:
        self.now += HOUR
        self.silences = [one for one in self.silences if one[3] > self.now]
        for model in range(MODELS):
            self.tell(model)

    def acknowledge(self, key: tuple[int, str]) -> None:
        if (episode := self._open(key)) is not None:
            until = self.now + self.random.randint(1, 48) * HOUR
            given = Acknowledged("ada", "", episode.severity, until)
            episode.told = replace(episode.told, acknowledged=given, nudge=None)
            self.counts["acknowledged"] += 1
            self.tell(key[0])

    def snooze(self, key: tuple[int, str]) -> None:
        if (episode := self._open(key)) is not None:
            until = self.now + self.random.randint(1, 48) * HOUR
            given = Snoozed("ada", "", episode.severity, until, 2.0, {"series": episode.effect})
            episode.told = replace(episode.told, snoozed=given, nudge=None)
            self.counts["snoozed"] += 1
            self.tell(key[0])

    def silence(self, key: tuple[int, str]) -> None:
        self.number += 1
        family = self.random.choice([None, key[1]])
        until = self.now + self.random.randint(1, 72) * HOUR
        self.silences.append((self.number, key[0], family, until))
        self.tell(key[0])

    def expire(self, key: tuple[int, str]) -> None:
        if self.silences:
            model = self.silences.pop(self.random.randrange(len(self.silences)))[1]
            self.tell(model)

    def close(self, key: tuple[int, str]) -> None:
        if self._open(key) is not None:
            self._advance(key, Close(self.alerts[key].window))
            self.tell(key[0])

    def reopen(self, key: tuple[int, str]) -> None:
        closed = [e for e in (*self.episodes.values(), *self.done[-20:]) if e.key == key and not e.is_open]
        if self.alerts[key].episode is None and closed:
            self._reopen(key, closed[-1])
            self.tell(key[0])

    def crowd(self, key: tuple[int, str]) -> None:
        self.crowded = not self.crowded
        for model in range(MODELS):
            self.tell(model)

    def restart(self, key: tuple[int, str]) -> None:
        alert = self.alerts[key]
        raw = json.loads(json.dumps(asdict(alert.state)))
        again = AlertState(**{name: tuple(v) if isinstance(v, list) else v for name, v in raw.items()})
        self._must(again == alert.state, "an alert survives a restart")
        for episode in [e for e in self.episodes.values() if e.key[0] == key[0]]:
            told = Told.decode(episode.told.encode())
            self._must(told == episode.told, "what was told survives a restart")
            episode.told = told
        self._must(self.tell(key[0]) == 0, "a restart says nothing")

    def end(self) -> None:
        """Everything is calm, every silence is over: whoever was told of an episode is told of its end."""
        self.silences, self.crowded = [], False
        for key, alert in self.alerts.items():
            for _ in range(60):
                alert.window += 1
                event = Observed(False, True, "ticket", False, alert.window, alert.window)
                self._advance(key, event)
                self._release(key)
        self.now += 100 * HOUR
        for model in range(MODELS):
            self.tell(model)
        self._must(not self.episodes, f"nothing is owed at the end: {self.episodes}")

    # ----- what is told -------------------------------------------------------------------------------------

    def tell(self, model: int) -> int:
        """What `notify.announce` does for a model; the number of messages."""
        said = 0
        for episode in [e for e in self.episodes.values() if e.key[0] == model] if self.episodes else ():
            alert = self.alerts[episode.key]
            seen = Seen(
                episode.is_open,
                episode.severity,
                episode.inhibited_by,
                self._silence(episode.key),
                alert.flapping,  # type: ignore[arg-type]
                self.crowded,
            )
            before = episode.told
            episode.told, outcomes = decide(before, seen, self.now)
            for outcome in outcomes:
                self.counts[f"{type(outcome).__name__} {getattr(outcome, 'gate', '')}".strip()] += 1
                if isinstance(outcome, Say):
                    said += 1
                    self._check(episode, alert, before, seen, outcome)
            if outcomes or episode.told != before:
                again, more = decide(episode.told, replace(seen, flapping=alert.flapping), self.now)
                self._must(again == episode.told and not more, "asked again, nothing more comes of it")
            if episode.told.ended:
                self.done.append(self.episodes.pop(episode.id))
                del self.done[:-50]
        return said

    def _check(self, episode: Episode, alert: Alert, before: Told, seen: Seen, say: Say) -> None:
        escalated = say.news == "escalated"
        self.counts[say.news if not say.flapping else "flapping"] += 1
        if seen.silence is not None or episode.told.snoozed is not None:
            self._must(escalated, "while silenced or snoozed only an escalation is told")
        given = episode.told.acknowledged
        if given is not None and say.news != "resolved":
            self._must(WEIGHT[say.severity] > WEIGHT[given.severity], "an acknowledged alert calls nobody")
        if alert.flapping != "no":
            if say.flapping:
                alert.flapping, alert.notices = "told", alert.notices + 1
            self._must(escalated or say.flapping, "while it flaps only that is told, once")
            self._must(alert.notices <= 1, "one notice of flapping")
        if say.news == "resolved" and not say.flapping:
            self._must(not episode.is_open, "the end of what is open is not told")
            self._must(episode.firing > 0, "no end without a beginning")
            episode.firing, episode.ends = 0, episode.ends + 1
            self._must(episode.ends <= episode.rounds, "an end is told once")
            return
        if not say.flapping:
            self._must(
                episode.is_open and alert.episode == episode.id, "nobody is called for what does not fire"
            )
        self._must(WEIGHT[say.severity] <= WEIGHT[episode.severity], "nobody is called for more than it is")
        if not episode.firing:
            episode.rounds += 1
        episode.firing += 1
        known = before.severity
        self._must(
            known is None or escalated or say.news in ("worse", "reminder") or say.flapping,
            "the same severity is told once",
        )
        self._must(episode.inhibited_by is None or escalated or not seen.is_open, "a break explains it")
        self._must(not self.crowded or say.news != "opened" or say.flapping, "a storm holds openings")

    # ----- pieces -------------------------------------------------------------------------------------------

    def _advance(self, key: tuple[int, str], event: Observed | Close | Reopen) -> None:
        alert = self.alerts[key]
        alert.state, effects = advance(alert.state, event, self.now, patience=self._patience(key))
        if not alert.state.flapping:
            alert.flapping, alert.notices = "no", 0
        for effect in effects:
            self._follow(key, alert, effect)
        self._must(alert.state.is_open == (alert.episode is not None), "an open alert has one episode")
        if effects:
            mine = [e for e in self.episodes.values() if e.key == key and e.is_open]
            self._must(len(mine) == int(alert.state.is_open), "at most one open episode per key")

    def _follow(self, key: tuple[int, str], alert: Alert, effect: Effect) -> None:
        self.counts[type(effect).__name__] += 1
        match effect:
            case Opened():
                self._must(alert.episode is None, "an episode opens where none is open")
                self.number += 1
                episode = Episode(self.number, key, effect.severity, Told(began=effect.severity))
                volume = self.alerts[key[0], "volume"].episode
                if key[1] in ("language", "health") and volume is not None:
                    episode.inhibited_by = "volume"
                self.episodes[episode.id] = episode
                alert.episode = episode.id
            case Resolved() | Closed():
                assert alert.episode is not None
                self.episodes[alert.episode].is_open = False
                alert.episode = None
            case Updated():
                assert alert.episode is not None
                self.episodes[alert.episode].severity = effect.severity
            case Flapping():
                alert.flapping = "new"
            case Calmed() | Reopened() | _:
                pass

    def _reopen(self, key: tuple[int, str], episode: Episode) -> None:
        alert = self.alerts[key]
        episode.is_open = True
        episode.told = reopened(episode.told, episode.severity)
        self.episodes[episode.id] = episode
        self.done = [one for one in self.done if one is not episode]
        alert.episode = episode.id
        self._advance(key, Reopen(alert.window, episode.severity, 0, 0, 0))

    def _grow(self, alert: Alert) -> None:
        if alert.episode is None:
            return
        episode = self.episodes[alert.episode]
        effect = episode.effect * self.random.choice([0.5, 1.0, 1.0, 1.5, 2.5])
        episode.effect = min(max(effect, 0.01), 100.0)
        episode.told, lapsed = grew(episode.told, {"series": episode.effect})
        self.counts["worse than snoozed"] += len(lapsed)

    def _release(self, key: tuple[int, str]) -> None:
        if key[1] == "volume" and self.alerts[key].episode is None:
            for episode in self.episodes.values():
                if episode.key[0] == key[0] and episode.is_open:
                    episode.inhibited_by = None

    def _silence(self, key: tuple[int, str]) -> int | None:
        for number, model, family, until in self.silences:
            if model == key[0] and family in (None, key[1]) and until > self.now:
                return number
        return None

    def _open(self, key: tuple[int, str]) -> Episode | None:
        number = self.alerts[key].episode
        return None if number is None else self.episodes[number]

    def _patience(self, key: tuple[int, str]) -> Patience:
        return PATIENCE.get(key[1], Patience())

    def _must(self, holds: bool, promise: str) -> None:
        if not holds:
            raise Broken(f"{promise} (at {self.now // HOUR} h)")
