"""Timelines as text: what is drawn where, and what it says to those who do not see it."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.web.charts import DAY_US, HOUR_US, MAX_POINTS, Axis, Point, Span, moment, number, timeline

AXIS = Axis(0, 10 * HOUR_US, HOUR_US)
POINTS = [Point(hour * HOUR_US, 0.01 * hour, 0.0, 0.05, breach=hour >= 8) for hour in range(10)]


def drawn(
    points: list[Point], axis: Axis = AXIS, spans: tuple[Span, ...] = (), title: str = "a rate"
) -> ET.Element:
    return ET.fromstring(str(timeline(points, axis, title=title, unit="share", ident="x", spans=spans)))


def of_class(svg: ET.Element, name: str) -> list[ET.Element]:
    return [element for element in svg.iter() if element.get("class") == name]


def test_line_band_and_breaches_are_drawn() -> None:
    svg = drawn(POINTS)
    (line,) = of_class(svg, "line")
    (band,) = of_class(svg, "band")
    assert len(line.get("points", "").split()) == 10
    assert len(band.get("points", "").split()) == 20
    assert [dot.get("cx") for dot in of_class(svg, "breach")] == ["85.00%", "95.00%"]


def test_the_value_axis_is_named_beside_the_plot() -> None:
    (scale,) = of_class(drawn(POINTS), "scale")
    assert [text.replace("\xa0", " ") for text in scale.itertext()] == ["0 %", "5.0 %", "10.0 %"]


def test_higher_values_are_drawn_higher() -> None:
    (line,) = of_class(drawn(POINTS), "line")
    heights = [float(step.split(",")[1]) for step in line.get("points", "").split()]
    assert heights == sorted(heights, reverse=True)


def test_a_gap_breaks_the_line_and_a_lone_window_still_shows() -> None:
    gapped = [
        replace(point, value=None) if point.start_us in (3 * HOUR_US, 5 * HOUR_US) else point
        for point in POINTS
    ]
    lines = of_class(drawn(gapped), "line")
    assert [len(line.get("points", "").split()) for line in lines] == [3, 2, 4]


def test_nothing_measured_says_so() -> None:
    svg = drawn([Point(0, None)])
    assert "not measured" in "".join(svg.itertext())
    assert "not measured" in "".join(drawn([]).itertext())
    assert "not measured" in "".join(drawn([Point(11 * HOUR_US, 1.0)]).itertext())


def test_an_episode_is_a_shaded_span_with_a_flag() -> None:
    svg = drawn(POINTS, spans=(Span(5 * HOUR_US, None, "encoding <b>"), Span(HOUR_US, 2 * HOUR_US, "volume")))
    assert [(rect.get("x"), rect.get("width")) for rect in of_class(svg, "episode")] == [
        ("50.00%", "50.00%"),
        ("10.00%", "10.00%"),
    ]
    assert "⚑ encoding <b>" in [text.text for text in of_class(svg, "flag")]


def test_an_episode_before_the_chart_shades_its_start_without_a_flag() -> None:
    svg = drawn(POINTS, spans=(Span(-HOUR_US, 2 * HOUR_US, "old"),))
    assert of_class(svg, "episode")[0].get("x") == "0.00%"
    assert of_class(svg, "flag") == []


def test_screen_readers_are_told_title_range_expectation_and_breaches() -> None:
    svg = drawn(POINTS, title="mojibake <i>, toxicity", spans=(Span(8 * HOUR_US, None, "encoding"),))
    (plot,) = of_class(svg, "plot")
    assert plot.get("role") == "img"
    assert plot.get("aria-labelledby") == "x-t x-d"
    assert [scale.get("aria-hidden") for scale in of_class(svg, "scale")] == ["true"]
    title, desc = plot[0], plot[1]
    assert (title.get("id"), title.text) == ("x-t", "mojibake <i>, toxicity")
    assert desc.text is not None
    assert "Between 0 % and 9.0 %." in desc.text.replace("\xa0", " ")
    assert "2 windows in breach, the first from 1 Jan 08:00 UTC." in desc.text
    assert "expected 0 % to 5.0 %" in desc.text.replace("\xa0", " ")


def test_no_inline_style_and_no_address() -> None:
    # The page's policy refuses the one, and the other would leave the page.
    svg = str(timeline(POINTS, AXIS, title="t", unit="share", ident="x", spans=[Span(0, None, "s")]))
    assert not re.search(r"style=|href|url\(|<script|on\w+=", svg)


def test_many_points_are_thinned_and_no_extreme_is_lost() -> None:
    points = [Point(minute * 60_000_000, 1.0, 0.9, 1.1) for minute in range(20_000)]
    points[12_345] = replace(points[12_345], value=9.0, breach=True)
    points[777] = replace(points[777], value=-3.0)
    svg = drawn(points, Axis(0, 20_000 * 60_000_000, 60_000_000))
    steps = [step for line in of_class(svg, "line") for step in line.get("points", "").split()]
    assert len(steps) <= 2 * MAX_POINTS
    heights = [float(step.split(",")[1]) for step in steps]
    assert len(set(heights)) == 3
    assert len(of_class(svg, "breach")) == 1
    assert len(str(ET.tostring(svg))) < 60_000


def test_days_are_named_in_utc() -> None:
    points = [Point(day * DAY_US, 1.0) for day in range(14)]
    svg = drawn(points, Axis(0, 14 * DAY_US, DAY_US))
    assert [text.text for text in of_class(svg, "day")] == ["1 Jan", "4 Jan", "7 Jan", "10 Jan", "13 Jan"]


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.031, "share", "3.1 %"),
        (0.0011, "share", "0.11 %"),
        (0.00001, "share", "0.0010 %"),
        (1.0, "share", "100 %"),
        (0.0, "share", "0 %"),
        (1240.4, "count", "1,240"),
        (0.01923, "number", "0.0192"),
        (12345.6, "number", "12,346"),
        (None, "share", "–"),
        (float("nan"), "number", "–"),
        (float("inf"), "count", "–"),
    ],
)
def test_numbers_as_people_read_them(value: float | None, unit: str, text: str) -> None:
    assert number(value, unit).replace("\xa0", " ") == text  # type: ignore[arg-type]


def test_moments_are_utc() -> None:
    assert moment(1_763_434_800_000_000) == "18 Nov 03:00"


finite = st.floats(allow_nan=False, allow_infinity=False, width=32)


@given(st.lists(st.tuples(finite, finite, finite), min_size=1, max_size=10))
def test_any_finite_values_give_a_picture_inside_its_frame(rows: list[tuple[float, float, float]]) -> None:
    points = [Point(i * HOUR_US, value, min(a, b), max(a, b)) for i, (value, a, b) in enumerate(rows)]
    for line in of_class(drawn(points), "line"):
        for step in line.get("points", "").split():
            x, y = map(float, step.split(","))
            assert 0 <= x <= 1000
            assert -0.5 <= y <= 112.5
