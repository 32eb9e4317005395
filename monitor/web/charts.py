"""Timelines as SVG: the value, the band it was expected in, the windows that breached, the episodes. Pure.

The picture stretches with the page while its words keep their size: the lines stand in an inner SVG that is
stretched, the words and marks in the outer one, placed by per cent; the value axis is an SVG of its own.
Colours come from the style sheet, and what matters has a shape as well: breaches are dots, episodes a shaded
span with a flag.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from markupsafe import Markup, escape

Unit = Literal["share", "count", "number"]

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
TOP, PLOT, BOTTOM = 18, 112, 22
HEIGHT = TOP + PLOT + BOTTOM
GUTTER = 48  # left of the plot, for the words of the value axis
WIDTH = 1000  # of the inner, stretched picture
MAX_POINTS = 400
TICKS = 5
CROWD = 30  # breaches: more than that are drawn smaller


@dataclass(frozen=True, slots=True)
class Point:
    """One window of one series; `value` and the band are None where they do not exist."""

    start_us: int
    value: float | None
    low: float | None = None
    high: float | None = None
    breach: bool = False


@dataclass(frozen=True, slots=True)
class Span:
    """An episode: `end_us` is None while it is open."""

    start_us: int
    end_us: int | None
    label: str


@dataclass(frozen=True, slots=True)
class Axis:
    """What time span a chart shows, [from, to), and how long a window is."""

    from_us: int
    to_us: int
    every_us: int


def number(value: float | None, unit: Unit) -> str:
    """A value as people read it: 3.1 % (which does not break), 1,240 or 0.0192; "–" where there is none."""
    if value is None or not math.isfinite(value):
        return "–"
    if unit == "count":
        return f"{value:,.0f}"
    if unit == "share":
        percent = 100 * value
        digits = (
            0 if percent == 0 or abs(percent) >= 99.95 else max(1, 1 - math.floor(math.log10(abs(percent))))
        )
        return f"{percent:.{min(digits, 4)}f}\N{NO-BREAK SPACE}%"
    return f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def moment(us: int) -> str:
    """`18 Nov 03:00`, UTC."""
    return f"{_utc(us).day} {_utc(us):%b %H:%M}"


def timeline(
    points: Sequence[Point], axis: Axis, *, title: str, unit: Unit, ident: str, spans: Sequence[Span] = ()
) -> Markup:
    """One series over time, as HTML with SVG inside.

    `ident` must be unique on the page; `title` is what screen readers say first.
    Points outside the axis are left out, more than MAX_POINTS are thinned to the extremes of each stretch,
    and a gap of more than one window breaks the line. Without a single value the chart says so.
    """
    inside = sorted((p for p in points if axis.from_us <= p.start_us < axis.to_us), key=lambda p: p.start_us)
    valued = [p for p in inside if p.value is not None]
    plot = (
        f'<svg class="plot" width="100%" height="{HEIGHT}" role="img" aria-labelledby="{ident}-t {ident}-d">'
        f'<title id="{ident}-t">{escape(title)}</title>'
        f'<desc id="{ident}-d">{escape(_described(valued, unit, spans))}</desc>'
    )
    if not valued:
        words = f'<text class="empty" x="50%" y="{TOP + PLOT // 2}">not measured in this span</text>'
        return Markup(f'<div class="chart">{plot}{words}</svg></div>')
    lines = _Plot(axis, _Scale.of(inside))
    thin = _thinned(inside)
    body = [
        *lines.spans(spans),
        *lines.rows(),
        *lines.columns(),
        (
            f'<svg x="0" y="{TOP}" width="100%" height="{PLOT}" '
            f'viewBox="0 0 {WIDTH} {PLOT}" preserveAspectRatio="none">'
        ),
        *lines.band(thin),
        *lines.line(thin),
        "</svg>",
        *lines.breaches(thin),
        *lines.flags(spans),
    ]
    scale = f'<svg class="scale" width="{GUTTER}" height="{HEIGHT}" aria-hidden="true">'
    names = "".join(lines.names(unit))
    # Every part is escaped or written here.
    return Markup(f'<div class="chart">{scale}{names}</svg>{plot}{"".join(body)}</svg></div>')


@dataclass(frozen=True, slots=True)
class _Scale:
    low: float
    high: float
    step: float

    @classmethod
    def of(cls, points: Sequence[Point]) -> _Scale:
        """A round scale around every value and band; it starts at zero unless the values lie far from it."""
        numbers = [n for p in points for n in (p.value, p.low, p.high) if n is not None and math.isfinite(n)]
        low, high = min(numbers), max(numbers)
        if low > 0 and low < 0.6 * high:
            low = 0.0
        if high == low:
            high, low = high + (abs(high) or 1.0) * 0.5, min(low, 0.0) if low >= 0 else low - abs(low) * 0.5
        rough = (high - low) / 2.5
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(power * m for m in (1, 2, 2.5, 5, 10) if power * m >= rough)
        return cls(math.floor(low / step) * step, math.ceil(high / step) * step, step)

    def ticks(self) -> list[float]:
        return [self.low + i * self.step for i in range(round((self.high - self.low) / self.step) + 1)]

    def y(self, value: float) -> float:
        return round(PLOT * (1 - (value - self.low) / (self.high - self.low)), 1)


@dataclass(frozen=True, slots=True)
class _Plot:
    axis: Axis
    scale: _Scale

    def share(self, us: int) -> float:
        """Where a time lies on the axis, 0..1."""
        return min(1.0, max(0.0, (us - self.axis.from_us) / (self.axis.to_us - self.axis.from_us)))

    def middle(self, point: Point) -> float:
        """A window is drawn at its middle."""
        return self.share(point.start_us + self.axis.every_us // 2)

    def spans(self, spans: Sequence[Span]) -> Iterator[str]:
        for span in spans:
            left, right = (
                self.share(span.start_us),
                self.share(self.axis.to_us if span.end_us is None else span.end_us),
            )
            if right > left:
                across = f'x="{left:.2%}" width="{right - left:.2%}"'
                yield f'<rect class="episode" {across} y="{TOP}" height="{PLOT}"/>'

    def flags(self, spans: Sequence[Span]) -> Iterator[str]:
        for span in spans:
            if self.axis.from_us <= span.start_us < self.axis.to_us:
                left = self.share(span.start_us)
                anchor = "end" if left > 0.7 else "start"
                yield f'<line class="flag" x1="{left:.2%}" x2="{left:.2%}" y1="4" y2="{TOP + PLOT}"/>'
                yield f'<text class="flag" x="{left:.2%}" y="12" text-anchor="{anchor}">'
                label = escape(span.label)
                yield f"{label} ⚑</text>" if anchor == "end" else f"⚑ {label}</text>"

    def rows(self) -> Iterator[str]:
        for tick in self.scale.ticks():
            y = TOP + self.scale.y(tick)
            yield f'<line class="grid" x1="0" x2="100%" y1="{y}" y2="{y}"/>'

    def names(self, unit: Unit) -> Iterator[str]:
        for tick in self.scale.ticks():
            y = TOP + self.scale.y(tick) + 4
            yield f'<text x="{GUTTER - 6}" y="{y}" text-anchor="end">{number(tick, unit)}</text>'

    def columns(self) -> Iterator[str]:
        days = max(1, math.ceil((self.axis.to_us - self.axis.from_us) / DAY_US / TICKS))
        first = -(-self.axis.from_us // DAY_US) * DAY_US
        for tick in range(first, self.axis.to_us, days * DAY_US):
            x = self.share(tick)
            yield f'<line class="grid" x1="{x:.2%}" x2="{x:.2%}" y1="{TOP}" y2="{TOP + PLOT}"/>'
            if x < 0.86:  # or the words would be cut
                name = f"{_utc(tick).day} {_utc(tick):%b}"
                yield f'<text class="day" x="{x:.2%}" dx="3" y="{TOP + PLOT + 15}">{name}</text>'

    def band(self, points: Sequence[Point]) -> Iterator[str]:
        known = [p for p in points if p.low is not None and p.high is not None]
        for run in self._runs(known):
            upper = [f"{WIDTH * self.middle(p):.1f},{self.scale.y(p.high or 0.0)}" for p in run]
            lower = [f"{WIDTH * self.middle(p):.1f},{self.scale.y(p.low or 0.0)}" for p in reversed(run)]
            yield f'<polygon class="band" points="{" ".join(upper + lower)}"/>'

    def line(self, points: Sequence[Point]) -> Iterator[str]:
        for run in self._runs([p for p in points if p.value is not None]):
            steps = [f"{WIDTH * self.middle(p):.1f},{self.scale.y(p.value or 0.0)}" for p in run]
            # A lone window between two gaps would be a line without length.
            steps = (
                steps
                if len(steps) > 1
                else [steps[0], steps[0].split(",")[0] + f",{self.scale.y(run[0].value or 0.0)}"]
            )
            yield f'<polyline class="line" points="{" ".join(steps)}"/>'

    def breaches(self, points: Sequence[Point]) -> Iterator[str]:
        found = [point for point in points if point.breach and point.value is not None]
        radius = 2.5 if len(found) <= CROWD else 1.7
        for point in found:
            if point.value is not None:
                x, y = self.middle(point), TOP + self.scale.y(point.value)
                yield f'<circle class="breach" cx="{x:.2%}" cy="{y}" r="{radius}"/>'

    def _runs(self, points: Sequence[Point]) -> Iterator[list[Point]]:
        reach = max(self.axis.every_us, (self.axis.to_us - self.axis.from_us) // MAX_POINTS * 2)
        run: list[Point] = []
        for point in points:
            if run and point.start_us - run[-1].start_us > reach:
                yield run
                run = []
            run.append(point)
        if run:
            yield run


def _thinned(points: Sequence[Point]) -> list[Point]:
    """At most about MAX_POINTS: of each stretch the lowest, the highest and its first breach, in order."""
    if len(points) <= MAX_POINTS:
        return list(points)
    size = math.ceil(len(points) / (MAX_POINTS // 2))
    kept: list[Point] = []
    for first in range(0, len(points), size):
        stretch = [p for p in points[first : first + size] if p.value is not None]
        if stretch:
            low, high = min(stretch, key=lambda p: p.value or 0.0), max(stretch, key=lambda p: p.value or 0.0)
            worst = next((p for p in stretch if p.breach), low)
            kept += sorted({low, high, worst}, key=lambda p: p.start_us)
    return kept


def _described(valued: Sequence[Point], unit: Unit, spans: Sequence[Span]) -> str:
    """What the picture shows, in words."""
    if not valued:
        return "No value was measured in this span."
    values = [p.value for p in valued if p.value is not None]
    last = valued[-1]
    parts = [
        f"Between {number(min(values), unit)} and {number(max(values), unit)}.",
        f"Last value {number(last.value, unit)} in the window from {moment(last.start_us)} UTC",
    ]
    if last.low is not None and last.high is not None:
        parts[-1] += f", expected {number(last.low, unit)} to {number(last.high, unit)}"
    parts[-1] += "."
    breaches = [p for p in valued if p.breach]
    if breaches:
        parts.append(f"{len(breaches)} windows in breach, the first from {moment(breaches[0].start_us)} UTC.")
    parts += [f"{span.label} since {moment(span.start_us)} UTC." for span in spans]
    return " ".join(parts)


def _utc(us: int) -> datetime:
    return datetime.fromtimestamp(us // 1_000_000, UTC)
