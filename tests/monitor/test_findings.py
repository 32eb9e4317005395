"""What an episode names and shows: broken text as it came, a new word, the value of a frozen column."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from checks.breaks import Break
from checks.series import ALL, Series
from monitor.alerts.attributes import Attributes
from monitor.app import App
from monitor.clock import SimulatedClock
from monitor.contract import load
from monitor.findings import MAX_EXAMPLES, _label, _shows, break_name
from monitor.settings import Settings
from monitor.store import alerts, listing
from monitor.store.engine import Store
from monitor.store.samples import Sample
from tests.monitor import stream

BROKEN_FROM = stream.day(15)
Change = Callable[[stream.Record], stream.Record]


def found(
    folder: Path, url: str, change: Change, family: str, every: int = 1
) -> tuple[Attributes, list[Any]]:
    """The attributes and the evidence of the only episode of a family in a stream of which every n-th record
    is changed from day 15 on."""
    rows = [
        change(row) if stream.at(row) >= BROKEN_FROM and number % every == 0 else row
        for number, row in enumerate(stream.records())
    ]
    stream.write(folder / "orders.csv", rows)
    app = App(
        Store(url),
        SimulatedClock(int(stream.day(17).timestamp()) * 1_000_000),
        Settings(database_url=url),
    )
    app.one_pass(app.register(load(stream.contract(folder)), author="test"))
    with app.store.read() as conn:
        (episode,) = listing.episodes(conn, family=family, limit=10).rows
        evidence = list(alerts.evidence_of(conn, episode["id"]))
    app.store.close()
    return Attributes.decode(episode["attributes"]), evidence


@pytest.fixture
def url(new_database: Callable[..., str]) -> str:
    return new_database("sqlite")


def mojibake(row: stream.Record) -> stream.Record:
    """One client sends Spanish that was read as Latin-1 and written as UTF-8 again."""
    return dict(row, comment="muchas gracias por la respuesta tan rápida".encode().decode("latin-1"))


def test_an_encoding_incident_shows_the_broken_text(tmp_path: Path, url: str) -> None:
    attributes, evidence = found(tmp_path, url, mojibake, "encoding", every=4)
    lead = attributes.moved[0]
    assert (lead.metric, lead.column, lead.term) == ("encoding_rate", "comment", "mojibake")
    assert lead.expected_low <= lead.expected <= lead.expected_high < lead.value
    assert "mojibake in comment went from" in attributes.sentences[0]
    in_a_window = Counter(example.window_start_us for example in evidence)
    assert in_a_window
    assert max(in_a_window.values()) <= MAX_EXAMPLES
    assert {example.label for example in evidence} == {"mojibake"}
    assert all("rÃ¡pida" in example.excerpt for example in evidence)
    assert len({example.event_id for example in evidence}) == len(evidence)


def test_mojibake_is_explained_and_confirmed_where_it_is_told(tmp_path: Path, url: str) -> None:
    attributes, evidence = found(tmp_path, url, mojibake, "encoding", every=4)
    damage = attributes.damage
    assert damage is not None
    assert damage.column == "comment"
    assert damage.suspected == pytest.approx(0.25, abs=0.05)
    assert [(codec.name, codec.share) for codec in damage.codecs] == [("cp1252", 1.0)]
    assert damage.looked_at == damage.confirmed > 20
    assert (damage.outside, damage.missed) == (0, 0)
    assert damage.others_looked_at > 60
    assert damage.rate == pytest.approx(damage.suspected)
    assert damage.low < damage.suspected < damage.high
    assert damage.sequences[0].points == "U+00C3 U+00A1"
    assert damage.sequences[0].messages == damage.looked_at
    said = attributes.sentences[0]
    assert "; 100 % of the mojibake is consistent with UTF-8 read as cp1252; ftfy confirms " in said
    assert {example.repair for example in evidence} == {"muchas gracias por la respuesta tan rápida"}


def test_a_repair_that_reveals_an_address_is_redacted_again(tmp_path: Path, url: str) -> None:
    def spoilt(row: stream.Record) -> stream.Record:
        wide_sign = "ana＠correo.example".encode().decode("latin-1")  # no address as it stands
        return dict(row, comment=f"escribe aquÃ\xad a {wide_sign} o a ana@correo.example")

    _, evidence = found(tmp_path, url, spoilt, "encoding", every=4)
    (example,) = {(one.excerpt, one.repair) for one in evidence if one.label == "mojibake"}
    assert "correo.example o a ⟨email⟩" in example[0]
    assert example[1] == "escribe aquí a ⟨email⟩ o a ⟨email⟩"


def test_invalid_bytes_are_shown_as_they_were_kept(tmp_path: Path, url: str) -> None:
    _, evidence = found(
        tmp_path, url, lambda row: dict(row, comment="la caja lleg\udcf3 abierta"), "encoding", every=3
    )
    shown = {(one.label, one.excerpt, one.repair) for one in evidence}
    assert ("invalid_bytes", "la caja lleg\\xf3 abierta", None) in shown


def test_new_words_are_named_and_shown(tmp_path: Path, url: str) -> None:
    attributes, evidence = found(
        tmp_path, url, lambda row: dict(row, comment=row["comment"] + " so glimzo"), "vocabulary", every=2
    )
    assert "“so glimzo”" in attributes.sentences[0]
    shown = [example for example in evidence if example.label == "so glimzo"]
    assert shown
    assert all("so glimzo" in example.excerpt for example in shown)


def test_a_frozen_column_breaks_at_once_and_shows_its_value(tmp_path: Path, url: str) -> None:
    attributes, evidence = found(tmp_path, url, lambda row: dict(row, amount="12.50"), "quality")
    (broken,) = attributes.hard
    assert broken.startswith("frozen(amount): amount is frozen: all ")
    assert "one window is enough" in " ".join(attributes.sentences)
    assert {(example.label, example.excerpt) for example in evidence} == {("amount", "amount = 12.5")}


def test_a_moved_prediction_shows_records_that_got_it(tmp_path: Path, url: str) -> None:
    attributes, evidence = found(tmp_path, url, lambda row: dict(row, label="complaint"), "predictions")
    assert {moved.term for moved in attributes.moved if moved.metric == "class_share"} == {
        "complaint",
        "praise",
    }
    assert {example.label for example in evidence} == {"complaint"}
    assert all(example.excerpt for example in evidence)


@pytest.mark.parametrize(
    ("metric", "term", "label"),
    [
        ("encoding_rate", "mojibake", "mojibake"),
        ("evasion_rate", "homoglyph", "homoglyph"),
        ("pair_rate", "de+en", "de+en"),
        ("language_share", "hi", "hi"),
        ("class_share", "toxic", "toxic"),
        ("null_rate", "", None),
        ("volume", "", None),
    ],
)
def test_only_what_one_record_can_show_has_a_label(metric: str, term: str, label: str | None) -> None:
    assert _label(Series(metric, "text", ALL, term, "rate", "encoding")) == label


def sample(text: str | None = "so GLIMZO", prediction: str | None = "toxic", **flags: object) -> Sample:
    return Sample("*", "e1", 0, 0.5, 1.0, text, prediction, 0.9, None, {}, {}, flags)


@pytest.mark.parametrize(
    ("row", "label", "shows"),
    [
        (sample(encoding=["mojibake"]), "mojibake", True),
        (sample(evasion=["homoglyph"]), "homoglyph", True),
        (sample(language="en"), "mojibake", False),
        (sample(language="en"), "en", True),
        (sample(language="en", second="de"), "de+en", True),
        (sample(language="en", second="de"), "de+es", False),
        (sample(), "toxic", True),
        (sample(prediction=None), "toxic", False),
        (sample(), "glimzo", True),
        (sample(text="so GLIM"), "glimzo", False),
        (sample(text=None), "glimzo", False),
    ],
)
def test_flags_say_whether_a_record_shows_it(row: Sample, label: str, shows: bool) -> None:
    assert _shows(row, label, ("glimzo",), set()) is shows


def test_any_pair_is_shown_by_a_mixed_record_and_a_new_one_only_by_a_new_pair() -> None:
    any_pair = _label(Series("mixed_rate", "text", ALL, "", "rate", "language"))
    new_pair = _label(Series("new_pair_rate", "text", ALL, "", "rate", "language"))
    assert any_pair is not None
    assert new_pair is not None
    mixed, plain = sample(language="en", second="de"), sample(language="en")
    assert [_shows(row, any_pair, (), {"de+en"}) for row in (mixed, plain)] == [True, False]
    assert [_shows(mixed, new_pair, (), known) for known in ({"de+en"}, {"de+es"})] == [False, True]


def test_a_break_of_the_whole_window_is_named_without_a_column() -> None:
    assert break_name(Break("volume", "volume", "", "*", 0.0, 40.0, "no records")) == "volume"
    assert break_name(Break("quality", "frozen", "amount", "*", 1.0, 0.0, "frozen")) == "frozen(amount)"
