"""`driftglass explain`: three sentences, tables, and the same as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from monitor.cli import main
from monitor.store.engine import Store
from tests.monitor.seeded import Seeded, seed

Explain = Callable[..., str]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Seeded]:
    url = f"sqlite:///{tmp_path_factory.mktemp('explained') / 'store.db'}"
    store = Store(url)
    store.upgrade()
    keys = seed(store)
    store.close()
    return url, keys


@pytest.fixture
def explain(filled: tuple[str, Seeded], capsys: pytest.CaptureFixture[str]) -> Explain:
    def run(*arguments: object, code: int = 0) -> str:
        with pytest.raises(SystemExit) as ended:
            main(["explain", *map(str, arguments), "-d", filled[0]])
        told = capsys.readouterr()
        assert ended.value.code == code, told.err
        return told.out if code == 0 else told.err

    return run


def test_the_sentences_come_first_and_then_what_they_are_made_of(
    explain: Explain, filled: tuple[str, Seeded]
) -> None:
    lines = explain(filled[1].encoding).splitlines()
    assert lines[0].startswith(f"#{filled[1].encoding}  Wed 2026-11-18 04:00  encoding  page, open")
    assert lines[1] == "Messages with mojibake in `text` went from 0.11% to 3.1%."
    titles = [line for line in lines[4:] if line and not line.startswith((" ", "─"))]
    wanted = (
        "Broken rules of the contract",
        "What moved, heaviest first",
        "Which segments carry it",
        "Another mix of segments, or change within them",
        "What the mojibake is consistent with",
        "Examples (redacted)",
        "What happened",
    )
    assert [title for title in titles if title in wanted] == list(wanted)


def test_examples_come_with_the_repair_and_their_labels_are_no_markup(
    explain: Explain, filled: tuple[str, Seeded]
) -> None:
    told = explain(filled[1].encoding)
    assert "[mojibake] the parcel is at CafÃ© Zoë" in told
    assert "ftfy would read: the parcel is at Café Zoë" in told
    assert "\u202e" not in told, "characters that reverse the text are shown, not sent to the terminal"


def test_words_are_told_with_what_is_invisible_in_them(explain: Explain, filled: tuple[str, Seeded]) -> None:
    told = explain(filled[1].vocabulary)
    assert "glim⟦U+200B⟧zo" in told
    assert "Besides, 2.1 % of the messages follow one template" in told


def test_as_json_it_is_what_the_api_says(explain: Explain, filled: tuple[str, Seeded]) -> None:
    known = json.loads(explain(filled[1].encoding, "--json"))
    assert known["since"] == "2026-11-18T03:00:00Z"
    assert known["mixes"][0]["segment"] == "country=IN"
    assert len(known["evidence"]) == 9
    assert known["evidence"][0].keys() == {"window_start", "event_id", "label", "excerpt", "repair"}


def test_an_alert_that_is_not_there_is_exit_2(explain: Explain) -> None:
    assert "there is no alert 4711" in explain(4711, code=2)
    assert "Traceback" not in explain(0, code=2)
