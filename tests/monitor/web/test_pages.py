"""The pages over HTTP: where they are, what they link to, and what they leave out."""

from __future__ import annotations

import re

import pytest

from monitor.web.rendering import stylesheet, stylesheet_integrity, stylesheet_name
from tests.monitor.seeded import WEEK, Seeded
from tests.monitor.served import Client


def test_the_root_leads_to_the_week_that_runs(client: Client) -> None:
    answer = client.get("/")
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/review/{WEEK}"


def test_every_link_of_the_review_leads_to_a_page(client: Client) -> None:
    html = client.get(f"/review/{WEEK}").text
    links = set(re.findall(r'href="(/[^"]*)"', html))
    assert {f"/static/{stylesheet_name()}", "/review/2026-W46", "/review/2026-W48", "/alerts/2"} <= links
    assert any("/series/" in link for link in links)
    for link in links:
        assert client.get(link).status_code in {200, 303}, link


def test_an_alert_says_everything(client: Client, keys: Seeded) -> None:
    html = client.get(f"/alerts/{keys.encoding}").text
    for said in (
        "https://runbooks.example.com/toxicity",
        "trust-and-safety",
        "client=android-9.1",
        "the encoding episode is open",
        "message to",
        "oncall",
        "CYRILLIC SMALL LETTER IE",
        "3.1\N{NO-BREAK SPACE}% of messages; every message was screened",
        "ftfy would repair 97 of the 100 suspected records it looked at, 2 more are of codecs that it cannot confirm",
        "and 1 of 500 others",
        "one legacy codec’s text read with another",
        "U+00C3 U+00A9",
        "in 61 of 100 records",
        "ftfy would read",
        "Café Zoë",
    ):
        assert said in html, said
    assert "<script" not in html
    assert client.get("/alerts/999").status_code == 404


def test_a_series_shows_its_windows_and_how_they_are_judged(client: Client, keys: Seeded) -> None:
    html = client.get(f"/models/toxicity/series/{keys.series['encoding_rate:mojibake']}").text
    assert "encoding_rate(text):mojibake" in html
    assert html.count("<tr>") == 49
    assert client.get("/models/toxicity/series/99999").status_code == 404
    assert client.get(f"/models/support-intent/series/{keys.series['volume:*']}").status_code == 404


def test_a_model_without_a_window_has_a_page_for_its_series(client: Client) -> None:
    assert client.get("/models/spam%20%3Ci%3Ebeta%3C%2Fi%3E/series/1").status_code == 404


def test_the_style_may_be_kept_for_ever_and_only_under_its_own_name(client: Client) -> None:
    answer = client.get(f"/static/{stylesheet_name()}")
    assert answer.headers["content-type"].startswith("text/css")
    assert "immutable" in answer.headers["cache-control"]
    assert answer.text == stylesheet()
    assert client.get("/static/driftglass-000000000000.css").status_code == 404


def test_the_style_loads_nothing() -> None:
    assert not re.search(r"url\(|@import|@font-face", stylesheet())
    assert re.fullmatch(r"sha256-[A-Za-z0-9+/]{43}=", stylesheet_integrity())


def luminance(colour: str) -> float:
    digits = colour.lstrip("#")
    digits = "".join(2 * digit for digit in digits) if len(digits) == 3 else digits
    channels = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("ink", "ground"),
    [
        ("ink", "paper"),
        ("ink", "surface"),
        ("muted", "paper"),
        ("muted", "surface"),
        ("link", "paper"),
        ("link", "surface"),
        ("page", "page-tint"),
        ("page", "surface"),
        ("ticket", "ticket-tint"),
        ("ticket", "surface"),
        ("inhibited", "inhibited-tint"),
        ("closed", "closed-tint"),
        ("quiet", "surface"),
        ("quiet", "paper"),
        ("ticket", "paper"),
        ("chip-ink", "chip"),
        ("mark-ink", "mark"),
    ],
)
def test_every_pair_of_colours_has_a_contrast_of_4_5(theme: int, ink: str, ground: str) -> None:
    blocks = re.findall(r":root \{(.*?)\}", stylesheet(), re.DOTALL)
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]+);", blocks[theme]))
    high, low = sorted((luminance(colours[ink]), luminance(colours[ground])), reverse=True)
    assert (high + 0.05) / (low + 0.05) >= 4.5
