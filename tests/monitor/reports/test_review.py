"""The weekly review: what it says of the seeded week, and that the page says it safely."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from monitor.errors import UsageError
from monitor.reports import review
from monitor.reports.weeks import week_named
from monitor.store.engine import Store
from tests.monitor.seeded import NOW, WEEK, Seeded

Filled = tuple[Store, Seeded]


def gathered(store: Store, week: str = WEEK) -> review.Review:
    with store.read() as conn:
        return review.gather(conn, week_named(week), NOW)


class Outline(HTMLParser):
    """Tags, ids, labels and headings of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.headings: list[int] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))

    def values(self, name: str) -> list[str]:
        return [value for _, attribute, value in self.attributes if attribute == name]


def test_the_headline_counts_models_and_decisions(filled: Filled) -> None:
    found = gathered(filled[0])
    assert found.headline.replace("\xa0", " ") == "3 models · 1 needs a decision"
    assert [model.name for model in found.models] == ["toxicity", "spam <i>beta</i>", "support-intent"]


def test_what_calls_somebody_comes_first_then_what_is_explained_then_what_ended(filled: Filled) -> None:
    found = gathered(filled[0])
    assert [episode.family for episode in found.episodes] == ["encoding", "vocabulary", "language", "volume"]
    assert [episode.level for episode in found.episodes] == ["page", "ticket", "inhibited", "closed"]
    assert [episode.family for episode in found.opened] == ["encoding", "vocabulary"]


def test_the_heat_map_shows_state_and_windows_in_breach(filled: Filled) -> None:
    rows = {model.name: {cell.family: cell for cell in model.cells} for model in gathered(filled[0]).models}
    toxicity = rows["toxicity"]
    assert {family: cell.state for family, cell in toxicity.items()} == {
        "schema": "none",
        "volume": "closed",
        "quality": "quiet",
        "encoding": "page",
        "evasion": "quiet",
        "language": "inhibited",
        "vocabulary": "ticket",
        "inputs": "quiet",
        "predictions": "quiet",
        "performance": "none",
        "service": "quiet",
    }
    assert toxicity["encoding"].breaches == 57
    assert toxicity["encoding"].judged == 108
    assert toxicity["volume"].says == "Volume: an episode that ended, 6 of 108 windows in breach"
    assert {cell.state for cell in rows["spam <i>beta</i>"].values()} == {"none"}
    assert {cell.state for cell in rows["support-intent"].values()} == {"quiet", "none"}


def test_an_episode_has_its_timeline_examples_and_trigger(filled: Filled) -> None:
    episode = gathered(filled[0]).episodes[0]
    assert [figure.title for figure in episode.figures] == [
        "Messages with mojibake, text read with the wrong codec"
    ]
    assert len(episode.examples) == 5
    assert episode.examples[3].strangers[0] == "U+0435 CYRILLIC SMALL LETTER IE"
    assert episode.trigger is not None
    assert episode.trigger.state == "vetoed"


def test_freshness_counts_the_week(filled: Filled) -> None:
    model = gathered(filled[0]).models[0]
    assert (model.records, model.quarantined, model.late) == (109 * 1200, 58, 0)


def test_another_week_is_calm(filled: Filled) -> None:
    found = gathered(filled[0], "2026-W46")
    assert found.headline == "3 models · nothing needs a decision"
    assert found.episodes == ()
    assert found.triggers == ()


def test_an_empty_store_has_a_page_too(store: Store) -> None:
    html = review.render(store, WEEK, NOW)
    assert "No model is watched yet" in html


def test_a_name_that_is_no_week_is_refused(store: Store) -> None:
    with pytest.raises(UsageError):
        review.render(store, "2026-W60", NOW)


def test_the_file_needs_nothing_else_and_holds_no_script(light: Filled) -> None:
    html = review.render(light[0], WEEK, NOW)
    outline = Outline(html)
    assert not {"script", "iframe", "object", "img", "i", "form"} & set(outline.tags)
    assert set(outline.values("href")) <= {
        "data:,",
        *(value for value in outline.values("href") if value.startswith("#")),
    }
    assert not outline.values("src")
    assert not outline.values("style")
    assert not [name for _, name, _ in outline.attributes if name.startswith("on")]
    assert "default-src 'none'; style-src 'sha256-" in html
    assert len(html) < 500_000


def test_links_within_the_file_lead_somewhere(light: Filled) -> None:
    outline = Outline(review.render(light[0], WEEK, NOW))
    ids = outline.values("id")
    assert len(set(ids)) == len(ids)
    assert {part for value in outline.values("aria-labelledby") for part in value.split()} <= set(ids)
    assert {value[1:] for value in outline.values("href") if value.startswith("#")} <= set(ids)


def test_headings_never_skip_a_level(light: Filled) -> None:
    headings = Outline(review.render(light[0], WEEK, NOW)).headings
    assert headings[0] == 1
    assert headings.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(headings))


def test_the_same_store_gives_the_same_bytes(light: Filled) -> None:
    assert review.render(light[0], WEEK, NOW) == review.render(light[0], WEEK, NOW)


def test_an_open_episode_of_history_has_lasted_until_the_data_end_not_until_today(filled: Filled) -> None:
    with filled[0].read() as conn:
        then = review.gather(conn, week_named(WEEK), NOW).episodes[0].paragraph
        much_later = review.gather(conn, week_named(WEEK), NOW + 90 * 86_400_000_000).episodes[0].paragraph
    assert "has lasted" in then
    assert much_later == then
