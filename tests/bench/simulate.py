"""A made-up stream as Observations: hourly windows with a rhythm, rates that wander, and incidents that are
known.

Stands for a model that reads messages: 8 weeks of reference, 2 monitored, about 120 records an hour, 300
series.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from checks.seasons import HOUR_US, WEEK_US, Calendar
from checks.series import Family, Kind, Observations, Series
from checks.text.annotations import ENCODING_CLASSES, EVASION_CLASSES

Floats = npt.NDArray[np.float64]

CALENDAR = Calendar(HOUR_US, "UTC")
REFERENCE_HOURS = 8 * 168
MONITORED_HOURS = 2 * 168
ORIGIN_US = 2_800 * WEEK_US + 4 * 24 * HOUR_US  # a Monday

LANGUAGES = {"en": 0.5, "es": 0.16, "hi": 0.1, "de": 0.08, "tr": 0.06, "fr": 0.05, "ru": 0.03, "und": 0.02}
COUNTRIES = {"US": 0.4, "IN": 0.2, "DE": 0.12, "BR": 0.1, "TR": 0.08, "FR": 0.06, "NG": 0.03, "other": 0.01}
PAIRS = {"en+hi": 0.04, "en+es": 0.03, "de+tr": 0.01, "ar+fr": 0.004}
ENCODING_BASE = {"mojibake": 0.001, "escape_leftover": 0.002, "question_loss": 0.0005, "not_nfc": 0.003}
EVASION_BASE = {"leetspeak": 0.004, "elongation": 0.03, "zero_width": 0.0005, "spaced_letters": 0.001}
NUMBERS = ("length", "age", "score", "latency_ms", "price", "basket")


@dataclass(frozen=True)
class Incident:
    """`size` is added to the rate; for volume it is the factor; for `frozen` unused."""

    name: str
    family: Family
    size: float


INCIDENTS = (
    Incident("mojibake", "encoding", 0.03),
    Incident("whole_word_homoglyph", "evasion", 0.02),
    Incident("new pair", "language", 0.04),
    Incident("unknown words", "vocabulary", 0.08),
    Incident("positive share", "predictions", 0.08),
    Incident("volume", "volume", 0.6),
)


@dataclass(frozen=True)
class Planted:
    """An incident with its first window and the one after its last."""

    incident: Incident
    start: int
    end: int


class _Stream:
    """Series by series; every draw from one generator, in one order."""

    def __init__(self, seed: int, windows: int, records: float, wander: float) -> None:
        self.generator = np.random.default_rng(seed)
        self.windows, self.wander = windows, wander
        self.series: list[Series] = []
        self.stats: list[tuple[Floats, Floats, Floats]] = []
        self.bins: dict[int, npt.NDArray[np.int64]] = {}
        hour, day = np.arange(windows) % 24, np.arange(windows) // 24 % 7
        self.day_wave = -np.cos(2 * np.pi * (hour - 3) / 24)
        rhythm = np.exp(0.85 * self.day_wave) * np.where(day >= 5, 0.7, 1.0)
        self.volume = records * rhythm / rhythm.mean()

    def drifting(self, scale: float) -> Floats:
        """A stationary AR(1) that remembers about half a day."""
        noise = self.generator.standard_normal(self.windows)
        out = np.empty(self.windows)
        level = noise[0]
        for t in range(self.windows):
            level = 0.9 * level + np.sqrt(1 - 0.81) * noise[t]
            out[t] = level
        return scale * out

    def put(
        self, metric: str, column: str, segment: str, term: str, kind: Kind, family: Family, *stats: Floats
    ) -> None:
        self.series.append(Series(metric, column, segment, term, kind, family))
        self.stats.append((stats[0], stats[1], stats[2]))

    def rate(
        self, metric: str, term: str, family: Family, n: Floats, share: Floats, segment: str = "*"
    ) -> Floats:
        x = self.generator.binomial(n.astype(np.int64), np.clip(share, 0, 1)).astype(np.float64)
        column = "text" if family in ("encoding", "evasion", "language", "vocabulary") else "decision"
        self.put(metric, column, segment, term, "rate", family, n, x, np.zeros(self.windows))
        return x

    def wavering(self, base: float, *, daily: float = 0.0) -> Floats:
        """A share around `base` that follows the hour a little and wanders, on the scale of log odds."""
        odds = base / (1 - base) * np.exp(daily * self.day_wave + self.drifting(self.wander))
        return odds / (1 + odds)

    def distribution(self, column: str, family: Family, n: Floats, shares: Floats) -> None:
        self.bins[len(self.series)] = self.generator.multinomial(n.astype(np.int64), shares)
        zero = np.zeros(self.windows)
        self.put("jsd", column, "*", "", "distribution", family, n, zero, zero)

    def done(self) -> Observations:
        start = ORIGIN_US + np.arange(self.windows, dtype=np.int64) * HOUR_US
        n, x, xx = (np.stack(part, axis=1) for part in zip(*self.stats, strict=True))
        return Observations(tuple(self.series), start, n, x, xx, self.bins)


def plant(seed: int, incidents: tuple[Incident, ...] = INCIDENTS) -> tuple[Planted, ...]:
    """Every incident once, at a random hour of the last week, for 12 to 20 hours."""
    generator = np.random.default_rng([seed, 7])
    first = REFERENCE_HOURS + 168
    planted = []
    for incident in incidents:
        start = first + int(generator.integers(0, 168 - 20))
        planted.append(Planted(incident, start, start + int(generator.integers(12, 21))))
    return tuple(planted)


def generate(
    seed: int,
    planted: tuple[Planted, ...] = (),
    *,
    windows: int = REFERENCE_HOURS + MONITORED_HOURS,
    records: float = 120.0,
    wander: float = 0.05,
) -> Observations:
    """The stream; `wander` is the standard deviation of log odds about their rhythm."""
    stream = _Stream(seed, windows, records, wander)

    def change(name: str) -> Floats:
        out = np.zeros(windows)
        for one in planted:
            if one.incident.name == name:
                out[one.start : one.end] = one.incident.size
        return out

    level = (
        stream.volume * np.exp(stream.drifting(0.08)) * np.where(change("volume") > 0, change("volume"), 1.0)
    )
    n = stream.generator.poisson(level).astype(np.float64)
    zero = np.zeros(windows)
    stream.put("volume", "", "*", "", "volume", "volume", n, n, zero)
    _predictions(stream, n, change("positive share"))
    _text(stream, n, change)
    _numbers(stream, n)
    return stream.done()


def _predictions(stream: _Stream, n: Floats, positive: Floats) -> None:
    zero = np.zeros(stream.windows)
    share = stream.wavering(0.12, daily=0.1) + positive
    toxic = np.zeros(stream.windows)
    left, mass = n.copy(), 1.0
    for country, size in COUNTRIES.items():
        part = stream.generator.binomial(left.astype(np.int64), min(1.0, size / mass)).astype(np.float64)
        left, mass = left - part, mass - size
        segment = f"country={country}"
        stream.put("volume", "", segment, "", "volume", "volume", part, part, zero)
        stream.put("segment_share", "", segment, "", "rate", "inputs", n, part, zero)
        hits = stream.rate("class_share", "toxic", "predictions", part, share, segment)
        stream.put("class_share", "decision", segment, "ok", "rate", "predictions", part, part - hits, zero)
        toxic += hits
    stream.put("class_share", "decision", "*", "toxic", "rate", "predictions", n, toxic, zero)
    stream.put("class_share", "decision", "*", "ok", "rate", "predictions", n, n - toxic, zero)
    stream.bins[len(stream.series)] = np.stack([toxic, n - toxic], axis=1).astype(np.int64)
    stream.put("jsd", "decision", "*", "", "distribution", "predictions", n, zero, zero)


def _text(stream: _Stream, n: Floats, change: object) -> None:
    assert callable(change)
    for name in ENCODING_CLASSES:
        stream.rate("encoding_rate", name, "encoding", n, ENCODING_BASE.get(name, 0.0) + change(name))
    for name in EVASION_CLASSES:
        stream.rate("evasion_rate", name, "evasion", n, EVASION_BASE.get(name, 0.0) + change(name))
    for pair, base in PAIRS.items():
        stream.rate("pair_rate", pair, "language", n, stream.wavering(base))
    stream.rate("new_pair_rate", "", "language", n, change("new pair"))
    stream.rate("mixed_rate", "", "language", n, stream.wavering(0.085) + change("new pair"))
    stream.rate("unknown_word_rate", "", "vocabulary", n, stream.wavering(0.04) + change("unknown words"))
    shares = np.stack([stream.wavering(base, daily=0.2) for base in LANGUAGES.values()], axis=1)
    shares /= shares.sum(axis=1, keepdims=True)
    stream.distribution("text", "language", n, shares)
    counts = stream.bins[len(stream.series) - 1]
    for i, language in enumerate(LANGUAGES):
        x = counts[:, i].astype(np.float64)
        stream.put(
            "language_share", "text", "*", language, "rate", "language", n, x, np.zeros(stream.windows)
        )


def _numbers(stream: _Stream, n: Floats) -> None:
    zero = np.zeros(stream.windows)
    names = NUMBERS + tuple(f"feature_{i}" for i in range(30))
    for name in names:
        family: Family = "predictions" if name == "score" else "service" if name == "latency_ms" else "inputs"
        weights = stream.generator.dirichlet(np.full(20, 3.0))
        odds = weights * np.exp(stream.drifting(stream.wander)[:, None] * np.linspace(-1, 1, 20))
        stream.distribution(name, family, n, odds / odds.sum(axis=1, keepdims=True))
        values = np.arange(20.0)
        counts = stream.bins[len(stream.series) - 1]
        stream.put("mean", name, "*", "", "mean", family, n, counts @ values, counts @ np.square(values))
        for metric in ("null_rate", "type_failure_rate", "non_finite_rate", "out_of_range_rate"):
            base = 0.01 if metric == "null_rate" and name in NUMBERS else 0.0
            x = stream.generator.binomial(n.astype(np.int64), base).astype(np.float64)
            stream.put(metric, name, "*", "", "rate", "quality", n, x, zero)
