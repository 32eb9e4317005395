"""Running a contract over history that is there already: the alarms it would have raised, before anybody is called.

Everything happens in a store that is thrown away afterwards, and nothing is sent.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from monitor.alerts.attributes import Attributes
from monitor.app import App
from monitor.clock import SystemClock
from monitor.contract import Loaded
from monitor.contract.model import Recipients
from monitor.errors import UsageError
from monitor.progress import Progress
from monitor.settings import Settings
from monitor.store import listing, models, windows
from monitor.watched import Watched

_WEEK_US = 7 * 86_400_000_000
_FOREVER_US = 2**62


@dataclass(frozen=True, slots=True)
class Alarm:
    """An episode that would have opened. `named` is what it names first; `inhibited_by` the break that explains it."""

    opened_us: int
    closed_us: int | None
    family: str
    severity: str
    named: str
    inhibited_by: str | None


@dataclass(frozen=True)
class Backtest:
    """What a contract would have done: windows judged in [from_us, to_us), and every alarm in it, oldest first."""

    model: str
    from_us: int
    to_us: int
    windows: int
    budget_episodes: float
    budget_days: float
    alarms: tuple[Alarm, ...]
    notes: tuple[str, ...]

    @property
    def days(self) -> float:
        """How long the span is."""
        return (self.to_us - self.from_us) / 86_400e6

    @property
    def budgeted(self) -> float:
        """The false alarms that the budget allows in this span."""
        return self.days * self.budget_episodes / self.budget_days

    def weeks(self) -> list[tuple[str, Counter[str]]]:
        """Every ISO week of the span with how often each severity would have called, quiet weeks among them.

        An alarm that a break explains calls nobody and counts as "explained".
        """
        found: dict[str, Counter[str]] = {}
        for at in range(self.from_us, self.to_us, _WEEK_US):
            found[_week(at)] = Counter()
        found.setdefault(_week(self.to_us - 1), Counter())
        for alarm in self.alarms:
            found[_week(alarm.opened_us)]["explained" if alarm.inhibited_by else alarm.severity] += 1
        return sorted(found.items())

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe."""
        return {
            "model": self.model,
            "from_us": self.from_us,
            "to_us": self.to_us,
            "windows": self.windows,
            "budgeted": self.budgeted,
            "weeks": [{"week": week, **counts} for week, counts in self.weeks()],
            "alarms": [{name: getattr(alarm, name) for name in Alarm.__slots__} for alarm in self.alarms],
            "notes": list(self.notes),
        }


def backtest(loaded: Loaded, from_us: int | None, to_us: int | None, progress: Progress) -> Backtest:
    """Read, learn and judge as `run` would have, up to `to_us`; alarms before `from_us` are left out.

    Without `from_us` the span begins where the reference ends, without `to_us` it ends with the data. UsageError if
    nothing could be judged in it, or its records are pushed.
    """
    if loaded.contract.source.type == "push":
        raise UsageError(
            f"{loaded.contract.model}: what was pushed is not kept whole, so another contract cannot judge it: let the "
            "`source` of this one be a file or a table with the same records"
        )
    # Nobody hears of it, and no model is trained for it.
    contract = loaded.contract.model_copy(
        update={
            "channels": {},
            "alerts": loaded.contract.alerts.model_copy(update={"channels": Recipients()}),
            "retraining": None,
        }
    )
    with tempfile.TemporaryDirectory(prefix="driftglass-backtest-") as folder:
        app = App.open(Settings(database_url=f"sqlite:///{Path(folder) / 'backtest.db'}"), SystemClock())
        try:
            named = app.register(loaded, author="backtest")
            watched = Watched(named.id, named.name, contract, loaded.base_path)
            report = app.one_pass(watched, until_us=to_us, at_newest=True, progress=progress)
            return _found(app, watched, from_us, to_us, report.notes)
        finally:
            app.store.close()


def _found(
    app: App, watched: Watched, from_us: int | None, to_us: int | None, notes: tuple[str, ...]
) -> Backtest:
    with app.store.read() as conn:
        model = models.get(conn, watched.name)
        judged = [
            window for window in windows.between(conn, model.id, 0, _FOREVER_US) if window.state == "judged"
        ]
        rows: list[Any] = []
        after: listing.Key | None = None
        while True:
            page = listing.episodes(conn, model_id=model.id, after=after)
            rows += page.rows
            after = page.after
            if after is None:
                break
    if not judged:
        told = "; ".join(notes) or "there are no records after the reference"
        raise UsageError(f"{watched.name}: nothing could be judged: {told}")
    first_us = judged[0].start_us if from_us is None else max(from_us, judged[0].start_us)
    last_us = judged[-1].end_us if to_us is None else min(to_us, judged[-1].end_us)
    if from_us is not None and from_us < judged[0].start_us:
        notes += (f"the reference ends {_day(judged[0].start_us)}: nothing before it is judged",)
    inside = sum(first_us <= window.start_us < last_us for window in judged)
    if not inside:
        raise UsageError(
            f"{watched.name}: no window was judged in that span; what can be is {_day(judged[0].start_us)} to "
            f"{_day(judged[-1].end_us)}"
        )
    alarms = sorted(
        (_alarm(row) for row in rows if first_us <= row["opened_us"] < last_us),
        key=lambda alarm: (alarm.opened_us, alarm.family),
    )
    budget = watched.contract.alerts.budget
    return Backtest(
        watched.name, first_us, last_us, inside, budget.episodes, budget.days, tuple(alarms), notes
    )


def _alarm(row: Any) -> Alarm:
    named = Attributes.decode(row["attributes"]).named
    return Alarm(
        row["opened_us"],
        row["closed_us"],
        row["family"],
        row["severity"],
        named[0] if named else "",
        row["inhibited_by"],
    )


def _week(us: int) -> str:
    year, week, _ = datetime.fromtimestamp(us / 1e6, UTC).isocalendar()
    return f"{year}-W{week:02d}"


def _day(us: int) -> str:
    return f"{datetime.fromtimestamp(us / 1e6, UTC):%Y-%m-%d %H:%M} UTC"
