"""`driftglass performance` on a terminal and for programs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from monitor.doors.performance import performance
from monitor.errors import NotFound, UsageError
from monitor.store.engine import Store
from tests.monitor.test_performance import CONTRACT, judged, write


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store with a model whose labels contradict from day 17 on."""
    folder = tmp_path_factory.mktemp("known")
    write(folder, wrong_from=17)
    url = f"sqlite:///{folder / 'known.db'}"
    Store(url).upgrade()
    judged(url, folder).store.close()
    return url


def shown(capsys: pytest.CaptureFixture[str], url: str, model: str | None = None, **options: bool) -> str:
    capsys.readouterr()
    performance(model, database=url, **options)
    return capsys.readouterr().out


def test_the_table_has_what_was_measured_and_what_was_expected(
    known: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = shown(capsys, known)
    assert "accuracy, estimated" in text
    assert "over 1,000,000 of 1,800" in text
    assert "not yet" in text  # of the windows whose labels may still come
    assert text.count("blind to concept shift") == 1
    assert "948 labelled predictions of the reference were wrong in 18.6 % of cases, at most 21.4 %" in text
    assert "An error rate of up to 26.4 % is tolerated" in text


def test_programs_get_every_figure_with_its_interval(known: str, capsys: pytest.CaptureFixture[str]) -> None:
    (card,) = json.loads(shown(capsys, known, "spam", as_json=True))
    assert card["model"] == "spam"
    assert "calibrations" not in card["release"]
    assert len(card["windows"]) == 14
    first, last = card["windows"][0], card["windows"][-1]
    assert first["labelled"] > 50
    assert {"accuracy", "label_coverage", "label_delay_days[p90]", "estimated_roc_auc"} <= first[
        "figures"
    ].keys()
    assert first["figures"]["recall"]["low"] < first["figures"]["recall"]["value"]
    assert last["labelled"] is None
    assert "accuracy" not in last["figures"]


def test_a_named_model_has_a_bound_of_its_error_rate(known: str, capsys: pytest.CaptureFixture[str]) -> None:
    (card,) = json.loads(shown(capsys, known, "spam", as_json=True))
    bound = card["error_rate_at_least"]
    assert 0.2 < bound["value"] < 0.35  # seven good days and five of guessing
    assert bound["records"] > 900
    assert "however often one looks" in shown(capsys, known, "spam")


def test_recalibration_is_told_beside_the_plain_estimate(
    known: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (card,) = json.loads(shown(capsys, known, "spam", as_json=True, recalibrate=True))
    again = card["recalibrated"]
    assert again["effective"] > 1_000  # the inputs did not move
    gap = again["recalibrated"]["estimated_accuracy"]["value"] - again["plain"]["estimated_accuracy"]["value"]
    assert abs(gap) < 0.02
    assert "Calibrated again on it" in shown(capsys, known, recalibrate=True)


def test_labels_that_are_missing_are_told_with_what_is_needed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path)
    (tmp_path / "labels.csv").write_text("record,truth,reviewed\n")
    url = f"sqlite:///{tmp_path / 'none.db'}"
    Store(url).upgrade()
    judged(url, tmp_path).store.close()
    text = shown(capsys, url, recalibrate=True)
    assert (
        "No label was read yet. 0 of the 1,600 kept records of the reference have a label so far; 100" in text
    )
    assert "Nothing can be recalibrated" in text


def test_a_model_without_labels_says_how_to_declare_them(tmp_path: Path) -> None:
    write(tmp_path)
    plain = CONTRACT[: CONTRACT.index("labels:")] + CONTRACT[CONTRACT.index("window:") :]
    (tmp_path / "contract.yaml").write_text(plain)
    url = f"sqlite:///{tmp_path / 'plain.db'}"
    Store(url).upgrade()
    judged(url, tmp_path).store.close()
    with pytest.raises(UsageError, match=r"declares no labels.*source, key, value"):
        performance("spam", database=url)
    with pytest.raises(NotFound):
        performance("ham", database=url)


def test_looking_makes_no_store(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert json.loads(shown(capsys, f"sqlite:///{tmp_path / 'none.db'}", as_json=True)) == []
    assert list(tmp_path.iterdir()) == []
