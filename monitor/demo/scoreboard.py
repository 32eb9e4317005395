"""What was found of what was planted, and what was found that nobody planted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Group

from monitor.demo.truth import HOUR_US, Incident, Truth


@dataclass(frozen=True, slots=True, order=True)
class SeenEpisode:
    """An episode as the service reports it.

    opened_us   start of the hourly window whose judgement opened it
    closed_us   start of the window whose judgement closed it; None while it is open
    name        how to find it again: an alert id, a link
    """

    opened_us: int
    closed_us: int | None
    family: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """An incident, the episode that found it (None if none did), and every episode that belongs to it."""

    incident: Incident
    found: SeenEpisode | None
    episodes: tuple[SeenEpisode, ...]

    @property
    def delay(self) -> int | None:
        """Windows judged from its first until the one that found it: 1 if the first did. None if none did."""
        return None if self.found is None else (self.found.opened_us - self.incident.start_us) // HOUR_US + 1


@dataclass(frozen=True, slots=True)
class Board:
    """A row per incident, in order of time, and the episodes with no incident behind them."""

    rows: tuple[Row, ...]
    unexplained: tuple[SeenEpisode, ...]

    def passed(self, *, within: int = 12, unexplained: int = 2) -> bool:
        """Whether each incident was found in so many windows, at the price of so many other episodes."""
        delays = [row.delay for row in self.rows]
        return len(self.unexplained) <= unexplained and all(
            delay is not None and delay <= within for delay in delays
        )


def scoreboard(truth: Truth, episodes: Iterable[SeenEpisode]) -> Board:
    """Compare episodes with what was planted.

    An episode belongs to an incident if it overlaps it and its family is one that may answer for it. The
    earliest of them that opened at or after the incident's start found it: one that was open before cannot
    have.
    """
    seen = sorted(episodes, key=lambda episode: (episode.opened_us, episode.family, episode.name))
    rows = []
    explained: set[SeenEpisode] = set()
    for incident in sorted(truth.incidents, key=lambda incident: incident.start_us):
        belonging = tuple(episode for episode in seen if _belongs(episode, incident))
        explained.update(belonging)
        fresh = [episode for episode in belonging if episode.opened_us >= incident.start_us]
        rows.append(Row(incident, fresh[0] if fresh else None, belonging))
    return Board(tuple(rows), tuple(episode for episode in seen if episode not in explained))


def _belongs(episode: SeenEpisode, incident: Incident) -> bool:
    still_open = episode.closed_us is None or episode.closed_us > incident.start_us
    return episode.family in incident.families and episode.opened_us < incident.end_us and still_open


def render(board: Board) -> Group:
    """The board as a table for a terminal of 80 columns, with a line on what nobody planted."""
    from rich import box
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title="What was planted, and what was found",
        title_justify="left",
        box=box.SIMPLE,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        show_edge=False,
    )
    for heading in ("incident", "term", "from", "found in", "windows", "by"):
        table.add_column(heading, no_wrap=True, justify="right" if heading == "windows" else "left")
    for row in board.rows:
        table.add_row(*_cells(row), style=None if row.found else "bold red")
    found = sum(row.found is not None for row in board.rows)
    line = f"{found} of {len(board.rows)} incidents found; "
    line += f"episodes with no incident behind them: {len(board.unexplained)}"
    if board.unexplained:
        listed = (
            f"{episode.family} {_clock(episode.opened_us, '%d %b %H:%M')}" for episode in board.unexplained
        )
        line += f" ({', '.join(listed)})"
    return Group(table, Text(line))


def _cells(row: Row) -> tuple[str, ...]:
    incident = row.incident
    start = _clock(incident.start_us)
    if row.found is None:
        return incident.name, incident.term, start, "not found", "", ""
    return incident.name, incident.term, start, _clock(row.found.opened_us), str(row.delay), row.found.family


def _clock(us: int, form: str = "%a %H:%M") -> str:
    return datetime.fromtimestamp(us / 1e6, UTC).strftime(form)
