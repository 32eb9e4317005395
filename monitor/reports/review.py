"""The weekly review: all that one page says about one ISO week, from one read, also as one file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import islice

from sqlalchemy import Connection, RowMapping

from monitor.reports import words
from monitor.reports.episodes import EpisodeView, Figure, TriggerView, episode_view, figure, trigger_view
from monitor.reports.performance import PerformanceView, performance_view
from monitor.reports.weeks import WEEK_US, Week, week_named
from monitor.store import alerts, listing, series, triggers, verdicts, windows
from monitor.store.engine import Store
from monitor.store.series import Stored
from monitor.web.charts import DAY_US, HOUR_US, Axis, Span
from monitor.web.rendering import render_page

MAX_EPISODES = 50
# A calm figure per model for each of these, the first series found of each.
HEADLINES = (
    ("volume", ""),
    ("mixed_rate", ""),
    ("mixed_share_corrected", ""),
    ("unknown_word_rate", ""),
    ("encoding_rate", "mojibake"),
    ("slo_miss_rate", ""),
    ("class_share", ""),
)
# Worst first: what a cell of the heat map shows when several are true.
SYMBOLS = {
    "page": "■",
    "ticket": "▲",
    "inhibited": "◇",
    "closed": "△",
    "breach": "•",
    "quiet": "✓",
    "learning": "…",
    "none": "–",
}
MEANINGS = {
    "page": "open, calls somebody",
    "ticket": "open, for this review",
    "inhibited": "open, explained by a break",
    "closed": "an episode that ended",
    "breach": "windows in breach, no episode",
    "quiet": "nothing unusual",
    "learning": "not enough data, or still learning",
    "none": "not measured",
}


@dataclass(frozen=True, slots=True)
class Cell:
    """One family of one model in the heat map: its worst state, and in how many windows it breached."""

    family: str
    state: str
    breaches: int
    judged: int
    episode_id: int | None

    @property
    def symbol(self) -> str:
        return SYMBOLS[self.state]

    @property
    def says(self) -> str:
        """The cell for those who hear it."""
        counted = f", {self.breaches} of {self.judged} windows in breach" if self.judged else ""
        return f"{words.FAMILY[self.family]}: {MEANINGS[self.state]}{counted}"


@dataclass(frozen=True, slots=True)
class ModelView:
    """One model in this week: how fresh, how much, and its row of the heat map."""

    name: str
    state: str
    cells: tuple[Cell, ...]
    judged_until_us: int | None
    late: int  # closed windows that are not judged yet
    records: int
    duplicates: int
    quarantined: int
    failed: int  # windows that could not be judged
    figures: tuple[Figure, ...]
    decision: bool
    performance: PerformanceView | None


@dataclass(frozen=True, slots=True)
class Review:
    week: Week
    now_us: int
    models: tuple[ModelView, ...]
    episodes: tuple[EpisodeView, ...]
    triggers: tuple[TriggerView, ...]
    more_episodes: bool

    @property
    def opened(self) -> tuple[EpisodeView, ...]:
        return tuple(e for e in self.episodes if e.is_open and e.inhibited_by is None)

    @property
    def inhibited(self) -> tuple[EpisodeView, ...]:
        return tuple(e for e in self.episodes if e.is_open and e.inhibited_by is not None)

    @property
    def resolved(self) -> tuple[EpisodeView, ...]:
        return tuple(e for e in self.episodes if not e.is_open)

    @property
    def headline(self) -> str:
        """`3 models · 1 needs a decision`."""
        waiting = sum(model.decision for model in self.models)
        models = f"{len(self.models)} model{'' if len(self.models) == 1 else 's'}"
        if not waiting:
            return f"{models} · nothing needs a decision"
        return f"{models} · {waiting}\N{NO-BREAK SPACE}need{'s' if waiting == 1 else ''} a decision"


def gather(conn: Connection, week: Week, now_us: int, *, only: Collection[str] = ()) -> Review:
    """Everything the page of a week shows, from one state of the store; `only`: of models of these names."""
    found = listing.episodes(conn, only=only, from_us=week.from_us, to_us=week.to_us, limit=MAX_EPISODES)
    rows = [alerts.get(conn, row["id"]) for row in found.rows]
    rows.sort(
        key=lambda row: (
            row.closed_us is not None,
            row.inhibited_by is not None,
            row.severity,
            -row.opened_us,
        )
    )
    waiting = {row["model_id"] for row in _waiting(conn)}
    models, episodes = [], []
    for model in listing.models(conn, only=only):
        axis = axis_of(conn, model["id"], week, now_us)
        known = series.everyone(conn, model["id"])
        own = [row for row in rows if row.model_id == model["id"]]
        views = {row.id: episode_view(conn, row, known, axis, now_us) for row in own}
        episodes += [(rows.index(row), views[row.id]) for row in own]
        drawn = {drawing.series_id for view in views.values() for drawing in view.figures}
        figures = _headlines(conn, model, [one for one in known if one.id not in drawn], axis, own)
        calls = any(row.closed_us is None and row.inhibited_by is None for row in own)
        models.append(_model(conn, model, week, now_us, own, figures, calls or model["id"] in waiting))
    made = [
        trigger_view(triggers.get(conn, row["id"]))
        for row in listing.triggers(conn, only=only, limit=MAX_EPISODES).rows
        if week.from_us <= row["created_us"] < week.to_us
    ]
    models.sort(key=lambda view: (not view.decision, view.name))
    ordered = tuple(view for _, view in sorted(episodes, key=lambda pair: pair[0]))
    return Review(week, now_us, tuple(models), ordered, tuple(made), found.after is not None)


def render(store: Store, week: str, now_us: int) -> str:
    """The page of a week as one HTML file that needs nothing else. UsageError for a name that is no week."""
    span = week_named(week)
    with store.read() as conn:
        review = gather(conn, span, now_us)
    return page(review, standalone=True)


def page(review: Review, *, standalone: bool = False) -> str:
    """A gathered review as HTML, for the service or as one file."""
    return render_page(
        "review.html", standalone=standalone, review=review, symbols=SYMBOLS, meanings=MEANINGS
    )


def axis_of(conn: Connection, model_id: int, week: Week, now_us: int) -> Axis:
    """The week and the one before it, for comparison; a running week ends now."""
    edge = windows.edge(conn, model_id)
    every = HOUR_US if edge is None else edge.end_us - edge.start_us
    end = week.to_us if now_us >= week.to_us else max(now_us, week.from_us + DAY_US)
    return Axis(week.from_us - WEEK_US, end, every)


def _waiting(conn: Connection) -> Sequence[RowMapping]:
    """Triggers that ask a person: to approve, or to look because nobody knows whether they arrived."""
    return [
        row for state in ("awaiting_approval", "unknown") for row in listing.triggers(conn, state=state).rows
    ]


def _headlines(
    conn: Connection, model: RowMapping, known: Sequence[Stored], axis: Axis, own: Sequence[alerts.EpisodeRow]
) -> tuple[Figure, ...]:
    """The calm figures of a model: what a reader wants to see even if nothing happened."""
    chosen = []
    for metric, term in HEADLINES:
        fits = (
            one for one in known if one.metric == metric and one.segment == "*" and term in {"", one.term}
        )
        chosen += list(islice(fits, 1))
    spans = {
        one.id: [Span(row.since_us, row.closed_us, row.family) for row in own if row.family == one.family]
        for one in chosen
    }
    return tuple(
        figure(conn, model["id"], model["name"], one, axis, spans[one.id], f"m{model['id']}-{one.id}")
        for one in chosen
    )


def _model(
    conn: Connection,
    model: RowMapping,
    week: Week,
    now_us: int,
    own: Sequence[alerts.EpisodeRow],
    figures: tuple[Figure, ...],
    decision: bool,
) -> ModelView:
    spans = windows.between(conn, model["id"], week.from_us, week.to_us)
    return ModelView(
        name=model["name"],
        state=model["state"],
        cells=_cells(verdicts.tally(conn, model["id"], week.from_us, week.to_us), own),
        judged_until_us=model["judged_until_us"],
        late=sum(span.state in {"open", "measured"} and span.end_us <= now_us for span in spans),
        records=sum(span.records for span in spans),
        duplicates=sum(span.duplicates for span in spans),
        quarantined=sum(span.quarantined for span in spans),
        failed=sum(span.state == "error" for span in spans),
        figures=figures,
        decision=decision,
        performance=performance_view(conn, model, week, now_us),
    )


def _cells(tally: Sequence[verdicts.Tally], own: Sequence[alerts.EpisodeRow]) -> tuple[Cell, ...]:
    seen: dict[str, set[int]] = defaultdict(set)
    judged: dict[str, set[int]] = defaultdict(set)
    breached: dict[str, set[int]] = defaultdict(set)
    for one in tally:
        seen[one.family].add(one.window_start_us)
        if one.status in {"ok", "notable", "breach"}:
            judged[one.family].add(one.window_start_us)
        if one.status == "breach":
            breached[one.family].add(one.window_start_us)
    cells = []
    for family in words.FAMILY:
        # `own` is sorted: what calls somebody first, what ended last.
        episode = next((row for row in own if row.family == family), None)
        if episode is not None:
            state = "closed" if episode.closed_us is not None else episode.severity
            state = "inhibited" if episode.closed_us is None and episode.inhibited_by is not None else state
        elif breached[family]:
            state = "breach"
        elif judged[family]:
            state = "quiet"
        else:
            state = "learning" if seen[family] else "none"
        key = None if episode is None else episode.id
        cells.append(Cell(family, state, len(breached[family]), len(judged[family]), key))
    return tuple(cells)
