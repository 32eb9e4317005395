"""A verdict made again from the store: the same numbers, to the last bit, or which of them differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from checks.baseline import Baseline
from checks.decision import State
from checks.plan import Plan
from checks.profile import empty
from checks.scores import STATUS
from checks.series import Observations
from monitor import judging, profiles
from monitor.errors import NotFound, UsageError
from monitor.recent import Recent
from monitor.store import baselines, listing, models, parts, plans, sequences, windows
from monitor.store.inserts import nullable
from monitor.store.tables import measurements
from monitor.store.types import storable

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from monitor.store.engine import Store
    from monitor.store.windows import Window

NUMBERS = (
    "status",
    "n",
    "value",
    "low",
    "high",
    "expected",
    "expected_low",
    "expected_high",
    "z",
    "p",
    "effect",
    "cusum",
    "threshold",
)
Cell = str | float | None
_Named = tuple[str, str, str, str]  # metric, column, segment, term


@dataclass(frozen=True, slots=True)
class Line:
    """One series of the window: what was stored and what came out again, by the names of NUMBERS."""

    series: str
    stored: Mapping[str, Cell]
    again: Mapping[str, Cell]

    @property
    def differing(self) -> tuple[str, ...]:
        """The numbers that are not the same double (or the same word)."""
        return tuple(name for name in NUMBERS if self.stored[name] != self.again[name])


@dataclass(frozen=True)
class Replayed:
    """A window judged again. `sequence` says whether the state after it came out byte for byte."""

    model: str
    start_us: int
    revision: int
    baseline_sha256: str
    code_then: str
    code_now: str
    lines: tuple[Line, ...]
    breaks: tuple[str, ...]
    sequence: bool

    @property
    def same(self) -> bool:
        """Whether everything came out again."""
        return self.sequence and not any(line.differing for line in self.lines)

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe."""
        return {
            "model": self.model,
            "window_us": self.start_us,
            "revision": self.revision,
            "baseline": self.baseline_sha256,
            "code": {"then": self.code_then, "now": self.code_now},
            "same": self.same,
            "sequence": self.sequence,
            "breaks": list(self.breaks),
            "series": [
                {
                    "series": line.series,
                    "same": not line.differing,
                    "stored": dict(line.stored),
                    "recomputed": dict(line.again),
                }
                for line in self.lines
            ],
        }


def replay(store: Store, model: str, start_us: int, wanted: str | None = None) -> Replayed:
    """Judge a window again from what the store holds: one series by name, or all.

    NotFound for a model, window or series that is not there; UsageError where what the verdict was made from is
    there no more, or a later revision is about to replace it.
    """
    with store.read() as conn:
        model_id = models.get(conn, model).id
        window = _judged(conn, model_id, start_us)
        state_after, context = _kept(conn, model_id, start_us)
        saved = baselines.load(conn, context.baseline_id)
        plan = Plan.decode(plans.load(conn, model_id, saved.plan_id))
        first = Baseline.decode(baselines.load(conn, context.first_id).body)
        before = None if context.before_us is None else sequences.at(conn, model_id, context.before_us)
        if context.before_us is not None and before is None:
            raise UsageError("the sequence before this window is not in the store any more")
        known = windows.between(conn, model_id, context.recent_us, start_us + 1)
        _must_have_parts(conn, model_id, saved.plan_id, known)
        stored = _stored(conn, model_id, start_us)
    baseline = Baseline.decode(saved.body)
    if baseline.sha256 != saved.sha256:
        raise UsageError(
            f"baseline {saved.id} was changed: its hash is {baseline.sha256[:12]}, not {saved.sha256[:12]}"
        )
    starts = [one.start_us for one in known if one.start_us < start_us]
    level = profiles.observations(store, model_id, plan, starts, context.recent_us, start_us)
    found = profiles.by_window(store, model_id, plan.plan_id, start_us, start_us + 1)
    profile = found[0][1] if found else empty(plan)
    obs = profiles.observations(store, model_id, plan, [start_us], start_us, start_us + 1)
    judged = judging.judge(
        plan,
        baseline,
        baseline if context.first_id == context.baseline_id else first,
        State.empty(baseline) if before is None else State.decode(before[0]),
        profile,
        obs,
        Recent(level),
        context,
        window_us=window.end_us - window.start_us,
    )
    lines = _lines(judged, obs, stored)
    if wanted is not None:
        lines = [line for line in lines if line.series == wanted]
        if not lines:
            raise NotFound(f"{model} has no series {wanted!r}: driftglass measurements --json names them")
    after = judging.restarted(baseline, judged.state, context.ended)
    return Replayed(
        model=model,
        start_us=start_us,
        revision=window.revision,
        baseline_sha256=saved.sha256,
        code_then=context.code,
        code_now=judging.code(),
        lines=tuple(lines),
        breaks=tuple(one.message for finding in judged.judgement.findings for one in finding.hard),
        sequence=after.encode() == state_after,
    )


def _judged(conn: Connection, model_id: int, start_us: int) -> Window:
    found = windows.between(conn, model_id, start_us, start_us + 1)
    if not found:
        raise NotFound("there is no window that starts then; driftglass measurements --json names them")
    (window,) = found
    if window.state == "reference":
        raise UsageError("this window belongs to the reference: it was measured and not judged")
    if window.state == "error":
        raise UsageError("this window could not be measured, and nothing was judged in it")
    if window.judged_us is None:
        raise UsageError("this window was not judged yet")
    newest = measurements.c
    judged = conn.execute(
        listing.measured()
        .with_only_columns(newest.revision)
        .where(newest.model_id == model_id, newest.window_start_us == start_us)
        .limit(1)
    ).scalar()
    if window.state != "judged" or judged != window.revision:
        raise UsageError(
            f"late records replace this verdict: revision {window.revision} of the window waits to be judged; "
            "replay it after the next pass"
        )
    return window


def _kept(conn: Connection, model_id: int, start_us: int) -> tuple[bytes, judging.Context]:
    found = sequences.at(conn, model_id, start_us)
    if found is None or found[1] is None:
        raise UsageError(
            "this window was judged by an earlier release, which did not keep what it judged from; "
            "verdicts since then replay"
        )
    return found[0], judging.Context.decode(found[1])


def _must_have_parts(conn: Connection, model_id: int, plan_id: str, known: list[Window]) -> None:
    """UsageError if records were counted in a window of which the parts are gone."""
    if not known:
        return
    kept = parts.records(conn, model_id, plan_id, known[0].start_us, known[-1].start_us + 1)
    gone = [one for one in known if kept.get(one.start_us, 0) < one.records]
    if gone:
        raise UsageError(
            f"the counts of {len(gone)} of the windows that the verdict was made from are not in the store any more"
        )


def _stored(conn: Connection, model_id: int, start_us: int) -> dict[_Named, dict[str, Cell]]:
    """The numbers of every judged series of a window."""
    m = measurements.c
    rows = conn.execute(listing.measured().where(m.model_id == model_id, m.window_start_us == start_us))
    return {
        (row.metric, row.column, row.segment, row.term): {name: row._mapping[name] for name in NUMBERS}
        for row in rows
        if row.status is not None
    }


def _lines(
    judged: judging.Judged, obs: Observations, stored: Mapping[_Named, Mapping[str, Cell]]
) -> list[Line]:
    judgement = judged.judgement
    columns: dict[str, list[Any]] = {
        "status": [STATUS[index] for index in judgement.status.tolist()],
        "n": nullable(obs.n),
        "cusum": nullable(judgement.cusum),
        "threshold": nullable(np.full(len(judgement.cusum), judgement.threshold)),
    }
    for name in NUMBERS:
        if name not in columns:
            columns[name] = nullable(getattr(judged.scores, name))
    nothing: dict[str, Cell] = dict.fromkeys(NUMBERS)
    lines = []
    for place, one in enumerate(obs.series):
        named = (storable(one.metric), storable(one.column), storable(one.segment), storable(one.term))
        again = {name: columns[name][place] for name in NUMBERS}
        lines.append(Line(one.name, stored.get(named, nothing), again))
    return lines
