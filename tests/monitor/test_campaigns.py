"""A finding names the campaign behind it: its template, how many messages, from how many senders."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from monitor.campaigns import told
from monitor.contract.model import Privacy
from monitor.store.samples import Sample
from tests.monitor import stream
from tests.monitor.test_findings import found

SAID = "the parcel came late and nobody answered when we called about our money back today"
PRIVACY = Privacy()


def sample(text: str | None, probability: float = 1.0) -> Sample:
    return Sample("*", "e", 0, 0.5, probability, text, None, None, None, {}, {}, {})


def chatter(count: int, seed: int) -> list[Sample]:
    random = np.random.default_rng(seed)
    return [sample(" ".join(random.choice(SAID.split(), 7))) for _ in range(count)]


def lottery(count: int, probability: float = 1.0) -> list[Sample]:
    return [sample(f"You have won {k} euros, claim them within the hour", probability) for k in range(count)]


def test_the_largest_new_campaign_is_named_with_its_template_and_its_size() -> None:
    kept = [*chatter(180, 1), *lottery(20)]
    senders: list[str | None] = [f"s{k % 4}" for k in range(200)]
    assert told(kept, chatter(200, 2), senders, PRIVACY) == (
        "10 % of the messages follow one template, “You have won ⟨number⟩ euros, claim them within the hour” "
        "(20 of 200 looked at, of 4 senders; in the reference 0 %)"
    )


def test_shares_are_of_all_messages_not_of_those_that_were_kept() -> None:
    kept = [*chatter(180, 1), *lottery(20, 0.1)]
    assert told(kept, [], None, PRIVACY).startswith("53 % of the messages")


def test_an_automatic_reply_of_the_reference_is_no_news() -> None:
    assert told([*chatter(180, 1), *lottery(20)], [*chatter(180, 2), *lottery(20)], None, PRIVACY) == ""


def test_nothing_is_said_without_a_campaign_or_without_texts() -> None:
    assert told(chatter(200, 1), chatter(200, 2), None, PRIVACY) == ""
    assert told([sample(None)] * 50, [sample(None)] * 50, None, PRIVACY) == ""
    assert told([], [], None, PRIVACY) == ""


def test_a_placeholder_at_the_end_of_a_template_is_whole() -> None:
    kept = [sample(f"claim your {k} euros within the hour and write to ⟨handle⟩") for k in range(20)]
    said = told(kept, [], None, PRIVACY)
    assert said.count("⟨") == said.count("⟩") > 0


def test_a_template_tells_of_nobody() -> None:
    kept = [sample("please write to anna@shop.example and claim your prize within the hour")] * 20
    assert "⟨email⟩" in told(kept, [], None, PRIVACY)
    assert "anna" not in told(kept, [], None, PRIVACY)


@pytest.fixture
def url(new_database: Callable[..., str]) -> str:
    return new_database("sqlite")


def test_an_episode_tells_of_the_campaign(tmp_path: Path, url: str) -> None:
    def spam(row: stream.Record) -> stream.Record:
        return dict(
            row,
            comment=f"congratulations {row['label']} winner, collect vouchers worth 500 euros before sunset",
        )

    attributes, _ = found(tmp_path, url, spam, "vocabulary", every=3)
    said = attributes.sentences[0]
    assert "of the messages follow one template, “" in said
    assert "winner, collect vouchers worth ⟨number⟩ euros before sunset” (157 of 473 looked at" in said
