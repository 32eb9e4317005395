"""From scores to verdicts: evidence gathered over windows, and what it says of each family of causes.

Per series up to four lanes gather evidence (`scores.steps_of`), each a CUSUM: S ← max(0, S + step). A lane
fires when S reaches the baseline's threshold and the effect of the windows since S left zero is above the
floor. A lane above the threshold is held there, so that what is over comes down in a few windows and not in
as many as it lasted.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import get_args

import numpy as np
import numpy.typing as npt

from checks import naming, tails
from checks.baseline import Baseline, Budget, Calendar, Progress, fit, score, with_records
from checks.breaks import Break
from checks.scores import BREACH, ERROR, INSUFFICIENT, LANES, LEARNING, Scores
from checks.seasons import blocks
from checks.series import ALL, Family, Observations

Floats = npt.NDArray[np.float64]

__all__ = ["Break", "Finding", "Judgement", "Named", "State", "leave_one_block_out", "reset", "step"]

FAMILIES: tuple[Family, ...] = get_args(Family)

# A firing lane is held this far above the threshold, in nats.
HEADROOM = 4.0

# A window is clean when the series that leads shows less than this, and no other that fired shows more than
# the second: of ten quiet series one is above 1.3 most of the time.
CLEAN_Z = 1.0
CLEAN_Z_OTHERS = 2.5
# Rates are clean once the counts since say "normal" over "still so" by this many nats: an hour of 30 messages
# without a broken one is no sign that 3 % are not broken any more.
CLEAN_NATS = 2.0

NO_RECORDS_EXPECTED = 20.0

VERSION = 1
_MAGIC = b"DGST"


@dataclass(frozen=True)
class State:
    """The sequence after a window; everything of later windows that depends on earlier ones.

    Per lane, [S, 4]: cusum, gained (the same without the cap), and since it left zero: since_us, windows, and
    the sums seen, normal, unit of `Scores`. Per series, [S]: fired (+1 rose, -1 fell, 0 not since the last
    reset), during (rates: the share while it fired), calm (rates: nats for "normal again").
    """

    cusum: Floats
    gained: Floats
    since_us: npt.NDArray[np.int64]
    windows: Floats
    seen: Floats
    normal: Floats
    unit: Floats
    fired: npt.NDArray[np.int8]
    during: Floats
    calm: Floats

    @classmethod
    def empty(cls, baseline: Baseline) -> State:
        """The state before the first window."""
        size = len(baseline.series)
        shape = (size, LANES)
        return cls(
            cusum=np.zeros(shape),
            gained=np.zeros(shape),
            since_us=np.zeros(shape, dtype=np.int64),
            windows=np.zeros(shape),
            seen=np.zeros(shape),
            normal=np.zeros(shape),
            unit=np.zeros(shape),
            fired=np.zeros(size, dtype=np.int8),
            during=np.zeros(size),
            calm=np.zeros(size),
        )

    def encode(self) -> bytes:
        """Canonical bytes: a JSON head, the lanes above zero (int32 places, then columns), the series that
        fired."""
        lanes = np.flatnonzero(self.cusum.reshape(-1) > 0).astype("<i4")
        series = np.flatnonzero(self.fired).astype("<i4")
        head = json.dumps([self.cusum.shape[0], len(lanes), len(series)], separators=(",", ":")).encode()
        parts = [_MAGIC, struct.pack("<HI", VERSION, len(head)), head, lanes.tobytes()]
        for name, kind in _LANE_FIELDS:
            parts.append(getattr(self, name).reshape(-1)[lanes].astype(kind).tobytes())
        parts.append(series.tobytes())
        for name, kind in _SERIES_FIELDS:
            parts.append(getattr(self, name)[series].astype(kind).tobytes())
        return b"".join(parts)

    @classmethod
    def decode(cls, data: bytes) -> State:
        """The state of `encode`. Raises ValueError if these are not its bytes or of another version."""
        if data[:4] != _MAGIC:
            raise ValueError("not an encoded state: it does not begin with DGST")
        version, length = struct.unpack_from("<HI", data, 4)
        if version != VERSION:
            raise ValueError(f"encoded state of version {version}; this program reads version {VERSION}")
        size, lane_count, series_count = json.loads(data[10 : 10 + length])
        offset = 10 + length

        def take(kind: str, count: int) -> npt.NDArray[np.generic]:
            nonlocal offset
            taken = np.frombuffer(data, dtype=kind, count=count, offset=offset)
            offset += count * np.dtype(kind).itemsize
            return taken

        arrays: dict[str, npt.NDArray[np.generic]] = {}
        lanes = take("<i4", lane_count)
        for name, kind in _LANE_FIELDS:
            flat = np.zeros(size * LANES, dtype=np.dtype(kind).newbyteorder("="))
            flat[lanes] = take(kind, lane_count)
            arrays[name] = flat.reshape(size, LANES)
        series = take("<i4", series_count)
        for name, kind in _SERIES_FIELDS:
            full = np.zeros(size, dtype=np.dtype(kind).newbyteorder("="))
            full[series] = take(kind, series_count)
            arrays[name] = full
        if offset != len(data):
            raise ValueError(f"encoded state is {len(data)} bytes long where its head says {offset}")
        return cls(**arrays)  # type: ignore[arg-type]  # one dict of several dtypes: _*_FIELDS say which


_LANE_FIELDS = (
    ("cusum", "<f8"),
    ("gained", "<f8"),
    ("since_us", "<i8"),
    ("windows", "<f8"),
    ("seen", "<f8"),
    ("normal", "<f8"),
    ("unit", "<f8"),
)
_SERIES_FIELDS = (("fired", "<i1"), ("during", "<f8"), ("calm", "<f8"))


@dataclass(frozen=True, slots=True)
class Named:
    """A series that carries a finding, over the windows since its evidence left zero.

    `weight` is its evidence in nats; value and expected are means over those windows, in the unit of the
    measured value; `effect` is in the unit of `Scores.effect`; `z` is that of the window just judged.
    """

    series: int
    weight: float
    value: float
    expected: float
    effect: float
    z: float
    since_us: int


@dataclass(frozen=True, slots=True)
class Finding:
    """What a window says of a family.

    firing     a series that the window has data of is above threshold and floor and the window is not clean,
               or there is a hard break
    clean      the window looks normal: nothing fired since the last reset, or what did shows nothing now.
               Neither firing nor clean: no data, or too little to tell
    since_us   when the evidence left zero (the window itself for a hard break), None if nothing fired
    named      heaviest first: what fired since the last reset and still has evidence; after it, while firing, what
               carries the change too (see `naming`)
    """

    family: Family
    firing: bool
    clean: bool
    since_us: int | None
    hard: tuple[Break, ...]
    named: tuple[Named, ...]


@dataclass(frozen=True)
class Judgement:
    """status uint8[S] (index into scores.STATUS), cusum float64[S] (nats, the higher lane), threshold in
    nats, and one finding per family that has a series or a break."""

    status: npt.NDArray[np.uint8]
    cusum: Floats
    threshold: float
    findings: tuple[Finding, ...]


def step(
    baseline: Baseline, state: State, scores: Scores, obs: Observations, breaks: Sequence[Break]
) -> tuple[State, Judgement]:
    """Judge one window: `scores` and `obs` hold exactly it. Windows must come in order of time."""
    if len(scores) != 1 or len(obs.start_us) != 1:
        raise ValueError("judge one window at a time: scores and observations must have one row")
    at = int(obs.start_us[0])
    moved = _advance(baseline, state, scores, at)
    large = _large(baseline, moved)
    firing = large & (moved.cusum >= baseline.threshold)
    moved = _mark(baseline, moved, firing, scores)
    usable = ~np.isin(scores.status[0], (INSUFFICIENT, LEARNING, ERROR))
    quiet, loud = _calm(baseline, moved, scores, usable)
    status = scores.status[0].copy()
    status[usable & firing.any(axis=1)] = BREACH
    hard = [*breaks, *_no_records(baseline, scores, obs)]
    families = baseline.families
    findings = []
    for family in FAMILIES:
        mine = families == family
        broken = tuple(one for one in hard if one.family == family)
        if mine.any() or broken:
            findings.append(
                _finding(
                    baseline, moved, scores, family, mine, large, firing, usable, quiet, loud, broken, at
                )
            )
    return moved, Judgement(status, moved.cusum.max(axis=1, initial=0.0), baseline.threshold, tuple(findings))


def reset(baseline: Baseline, state: State, family: Family) -> State:
    """The state after an episode of the family was closed: its series start again from no evidence."""
    mine = baseline.families == family
    changed = {}
    for field in fields(state):
        array = getattr(state, field.name).copy()
        array[mine] = 0
        changed[field.name] = array
    return State(**changed)


def _advance(baseline: Baseline, state: State, scores: Scores, at: int) -> State:
    steps = scores.steps[0]
    cusum = np.maximum(state.cusum + steps, 0)
    alive, fresh = cusum > 0, state.cusum <= 0

    def added(total: Floats, more: Floats) -> Floats:
        return np.where(alive, total + more, 0.0)

    usable = (steps != 0).any(axis=1)
    return replace(
        state,
        cusum=np.minimum(cusum, baseline.threshold + HEADROOM),
        gained=np.where(alive, np.maximum(state.gained + steps, cusum), 0.0),
        since_us=np.where(alive, np.where(fresh, at, state.since_us), 0),
        windows=added(state.windows, usable[:, None] * np.ones(LANES)),
        seen=added(state.seen, scores.seen[0][:, None]),
        normal=added(state.normal, scores.normal[0][:, None]),
        unit=added(state.unit, scores.unit[0][:, None]),
    )


def _large(baseline: Baseline, state: State) -> npt.NDArray[np.bool_]:
    """bool[S, 4]: lanes whose effect since zero is above the floor."""
    size, ratio, events = (baseline.floors[:, i, None] for i in range(3))
    change = state.seen - state.normal
    rise = (change >= size * state.unit) & (state.seen >= ratio * state.normal) & (state.seen >= events)
    fall = -change >= size * state.unit
    return np.asarray(np.where(np.arange(LANES) % 2 == 1, fall, rise) & (state.unit > 0))


def _mark(baseline: Baseline, state: State, firing: npt.NDArray[np.bool_], scores: Scores) -> State:
    """Remember what fired, and for rates at which share: what a return to normal is told from."""
    rose, fell = firing[:, 0::2].any(axis=1), firing[:, 1::2].any(axis=1)
    fired = np.where(rose, 1, np.where(fell, -1, state.fired)).astype(np.int8)
    lane = _leading_lane(state, fired)
    rows = np.arange(len(lane))
    share = state.seen[rows, lane] / np.maximum(state.unit[rows, lane], 1e-300)
    during = np.where(rose | fell, share, state.during)
    calm = state.calm
    rates = baseline.kinds.rate
    told = rates[(fired[rates] != 0) & (scores.unit[0, rates] > 0)]
    if len(told):
        n = scores.unit[0, told]
        usual = np.clip(scores.normal[0, told] / n, 1e-9, 1 - 1e-9)
        still = np.clip(during[told], 1e-9, 1 - 1e-9)
        rho = baseline.spread.dispersion[told]
        for_normal = tails.beta_binomial_gain(scores.seen[0, told], n, still, usual, rho)
        calm = calm.copy()
        calm[told] = np.maximum(calm[told] + for_normal, 0)
    return replace(state, fired=fired, during=during, calm=calm)


def _leading_lane(state: State, fired: npt.NDArray[np.int8]) -> npt.NDArray[np.intp]:
    """int[S]: the lane with most evidence on the side that fired, -1 and +1 in int8[S]."""
    down = np.arange(LANES) % 2 == 1
    other_side = np.where(fired[:, None] < 0, ~down, down)
    return np.asarray(np.where(other_side, -1.0, state.gained).argmax(axis=1), dtype=np.intp)


def _calm(
    baseline: Baseline, state: State, scores: Scores, usable: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Per series that fired, bool[S] each: looks normal in this window; still clearly off in it."""
    side = np.where(usable, scores.z[0] * state.fired, 0.0)
    quiet = usable & (side < CLEAN_Z)
    rates = baseline.kinds.rate
    quiet[rates] &= state.calm[rates] >= CLEAN_NATS
    return quiet, usable & (side > CLEAN_Z_OTHERS)


def _finding(
    baseline: Baseline,
    state: State,
    scores: Scores,
    family: Family,
    mine: npt.NDArray[np.bool_],
    large: npt.NDArray[np.bool_],
    firing: npt.NDArray[np.bool_],
    usable: npt.NDArray[np.bool_],
    quiet: npt.NDArray[np.bool_],
    loud: npt.NDArray[np.bool_],
    broken: tuple[Break, ...],
    at: int,
) -> Finding:
    fired = np.flatnonzero(mine & (state.fired != 0))
    lane = _leading_lane(state, state.fired)
    named = _whole_first(_named(state, scores, fired, lane, baseline), baseline)
    if not len(fired):
        clean = not broken and bool((usable & mine).any() or not mine.any())
        return Finding(family, bool(broken), clean, at if broken else None, broken, named)
    judged = fired[usable[fired]]
    leader = judged[np.argmax(state.gained[judged].max(axis=1))] if len(judged) else None
    clean = not broken and leader is not None and bool(quiet[leader]) and not loud[judged].any()
    above = bool(firing[judged].any())  # held evidence says nothing of a window without data
    since = min((one.since_us for one in named), default=at)
    if above and not clean:
        held = np.where(large, state.cusum, 0.0)
        also = naming.carriers(baseline.highest, held.max(axis=1), mine & usable & (state.fired == 0))
        named += _named(state, scores, also, held.argmax(axis=1), baseline)
    return Finding(family, bool(broken) or (above and not clean), clean, since, broken, named)


def _named(
    state: State,
    scores: Scores,
    series: npt.NDArray[np.intp],
    lane: npt.NDArray[np.intp],
    baseline: Baseline,
) -> tuple[Named, ...]:
    """Some series by one of their lanes int[S], heaviest first; those whose evidence is gone are not named."""
    out = []
    for s in series:
        i = lane[s]
        unit, windows = state.unit[s, i], state.windows[s, i]
        if unit <= 0:
            continue
        kind = baseline.series[s].kind
        # A mean's unit is records times standard deviation, a volume's is what was expected.
        per = windows if kind == "volume" else unit / baseline.spread.scale[s] if kind == "mean" else unit
        out.append(
            Named(
                series=int(s),
                weight=float(state.gained[s, i]),
                value=float(state.seen[s, i] / per),
                expected=float(state.normal[s, i] / per),
                effect=float((state.seen[s, i] - state.normal[s, i]) / unit),
                z=float(np.nan_to_num(scores.z[0, s])),
                since_us=int(state.since_us[s, i]),
            )
        )
    return tuple(sorted(out, key=lambda one: (-one.weight, one.series)))


def _whole_first(named: tuple[Named, ...], baseline: Baseline) -> tuple[Named, ...]:
    """Where all traffic moved about as much as the leading segment, it leads: the segment is a part of it. One that
    moved twice as far carries the change and leads itself."""
    if named:
        lead = baseline.series[named[0].series]
        whole = replace(lead, segment=ALL)
        for place, one in enumerate(named):
            if baseline.series[one.series] == whole and abs(named[0].effect) < 2 * abs(one.effect):
                return (one, *named[:place], *named[place + 1 :])
    return named


def _no_records(baseline: Baseline, scores: Scores, obs: Observations) -> list[Break]:
    """Nothing came where something always does."""
    found = []
    for s in baseline.kinds.volume:
        one = baseline.series[s]
        expected = float(scores.expected[0, s])
        if one.segment == ALL and obs.x[0, s] == 0 and expected >= NO_RECORDS_EXPECTED:
            message = f"no records came in this window, where about {expected:.0f} are normal"
            found.append(Break("volume", one.metric, one.column, one.segment, 0.0, expected, message))
    return found


# ----- the reference judged by itself -----------------------------------------------------------------------


def leave_one_block_out(
    obs: Observations,
    calendar: Calendar,
    budget: Budget | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> tuple[Judgement, ...]:
    """One judgement per reference window, each block against a baseline fitted to the others only.

    The honest answer to "what would this have said of days on which nothing happened?". Windows before the
    first record and after the last are not judged: they find nothing. Raises ValueError if the reference has
    fewer than three blocks.
    """
    filled = with_records(obs)
    nothing = np.full(len(obs.series), INSUFFICIENT, dtype=np.uint8)
    outside = Judgement(nothing, np.zeros(len(obs.series)), float("inf"), ())
    before, after = filled.start, len(obs.start_us) - filled.stop
    obs = obs.rows(filled)
    block = blocks(obs.start_us, calendar)
    if block.kind == "none":
        raise ValueError("the reference has fewer than three blocks: none can be left out")
    judged: list[Judgement] = [outside] * before
    for k in range(block.count):
        others, mine = np.flatnonzero(block.of != k), np.flatnonzero(block.of == k)
        baseline = fit(obs.rows(others), calendar, budget=budget, seed=seed)
        own = obs.rows(mine)
        scores, state = score(baseline, own), State.empty(baseline)
        for w in range(len(mine)):
            row = slice(w, w + 1)
            state, judgement = step(baseline, state, scores.rows(row), own.rows(row), ())
            judged.append(judgement)
        if progress is not None:
            progress("reference judged by itself", k + 1, block.count)
    return tuple(judged + [outside] * after)
