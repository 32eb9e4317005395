"""The pages in a browser: nothing runs, nothing is fetched from elsewhere, nothing sticks out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from monitor.reports import review
from monitor.store.engine import Store
from tests.monitor.seeded import NOW, WEEK, Seeded

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PATHS = (f"/review/{WEEK}", "/review/2026-W01", "/alerts/2", "/models/toxicity/series/2")


class Watched:
    """A page, and everything it did that a page of ours must not do."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.requests: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("console", lambda message: self.complaints.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (self.complaints.append("dialog"), dialog.dismiss()))

    def overflow(self) -> int:
        """By how many pixels the page is wider than the screen."""
        return int(
            self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        )


@pytest.fixture(
    params=[(390, "light"), (390, "dark"), (1280, "light"), (2200, "dark")], ids=lambda p: f"{p[0]}-{p[1]}"
)
def watched(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Watched]:
    width, scheme = request.param
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    yield Watched(page)
    page.close()


@pytest.mark.parametrize("path", PATHS)
def test_pages_keep_to_themselves_and_to_the_screen(watched: Watched, address: str, path: str) -> None:
    answer = watched.page.goto(address + path, wait_until="networkidle")
    assert answer is not None
    assert answer.status == 200
    assert watched.complaints == []
    assert [url for url in watched.requests if not url.startswith((address, "data:"))] == []
    assert watched.overflow() <= 0


def test_the_single_file_looks_after_itself(
    watched: Watched, light: tuple[Store, Seeded], tmp_path: Path
) -> None:
    file = tmp_path / "review.html"
    file.write_text(review.render(light[0], WEEK, NOW), encoding="utf-8")
    watched.page.goto(file.as_uri(), wait_until="networkidle")
    assert watched.complaints == []
    assert [url for url in watched.requests if url != file.as_uri() and not url.startswith("data:")] == []
    assert watched.overflow() <= 0
    # The style inside was accepted by the page's own policy.
    weight = watched.page.evaluate("getComputedStyle(document.querySelector('.card')).borderLeftWidth")
    assert weight == "4px"


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    opened = browser.new_page(viewport={"width": 1280, "height": 900})
    yield opened
    opened.close()


def test_the_keyboard_reaches_everything(page: Page, address: str) -> None:
    page.goto(f"{address}/review/{WEEK}")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    seen = set()
    for _ in range(80):
        page.keyboard.press("Tab")
        seen.add(
            page.evaluate(
                "document.activeElement.getAttribute('href') || document.activeElement.getAttribute('role')"
            )
        )
    links = page.evaluate("[...document.querySelectorAll('main a')].map(a => a.getAttribute('href'))")
    assert set(links) <= seen
    assert "group" in seen, "a table that scrolls must be reachable"


def test_hostile_text_is_read_as_it_is(page: Page, address: str) -> None:
    page.goto(f"{address}/alerts/2")
    examples = page.locator(".examples .text")
    assert "<script>alert('pwned')</script>" in examples.nth(0).inner_text()
    assert "U+202E" in examples.nth(2).inner_text()
    assert examples.nth(3).locator("mark").count() == 4
    assert page.locator("main script, main img, main i").count() == 0


Scheme = Literal["light", "dark"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_both_colour_schemes_are_drawn(browser: Browser, address: str, scheme: Scheme) -> None:
    page = browser.new_page(color_scheme=scheme)
    page.goto(f"{address}/review/{WEEK}")
    channels = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
    page.close()
    assert (min(channels) > 200) if scheme == "light" else (max(channels) < 60)


def test_a_chart_says_in_words_what_it_shows(page: Page, address: str) -> None:
    page.goto(f"{address}/alerts/2")
    chart = page.get_by_role("img", name="mojibake").first
    assert "windows in breach" in chart.evaluate("svg => svg.querySelector('desc').textContent")


def test_on_a_small_screen_examples_come_first_and_acts_are_folded(browser: Browser, address: str) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 1600})
    page.goto(f"{address}/alerts/2")
    assert page.locator("form input[name=note]:visible").count() == 0
    example = page.locator(".examples .text").first.bounding_box()
    act = page.locator("details.act").first.bounding_box()
    assert example is not None
    assert act is not None
    assert example["y"] < 900, "evidence is on the first screen or the next"
    assert example["y"] < act["y"]
    page.close()


def test_the_keyboard_opens_an_act_and_so_does_the_link_of_a_message(page: Page, address: str) -> None:
    page.goto(f"{address}/alerts/2")
    page.locator("details.act summary", has_text="Note").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "note-note"
    page.goto(f"{address}/review/{WEEK}")
    page.goto(f"{address}/alerts/2#silence")
    assert page.locator("#silence-note").is_visible()
    assert not page.locator("#note-note").is_visible()


def test_the_last_line_ends_where_its_words_end(page: Page, address: str) -> None:
    for path in ("/login", "/alerts/2"):
        page.goto(address + path)
        last = page.locator("footer p").inner_text().strip()
        assert last.startswith("driftglass")
        assert not last.endswith("·"), path
