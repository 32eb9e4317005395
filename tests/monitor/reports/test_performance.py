"""The performance section of the weekly review: figures with intervals, and sentences where labels are missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.app import App
from monitor.reports import review
from monitor.store import models
from monitor.store.engine import Store
from tests.monitor.test_performance import judged, write, write_numbers

WEEK = "2026-W12"  # its last windows are the days 14 to 20
NOW_US = 1_775_000_000_000_000


@pytest.fixture
def url(tmp_path: Path) -> str:
    made = f"sqlite:///{tmp_path / 'reviewed.db'}"
    Store(made).upgrade()
    return made


def page(app: App) -> str:
    try:
        return review.render(app.store, WEEK, NOW_US)
    finally:
        app.store.close()


def test_a_week_shows_what_labels_said_and_what_scores_expected(url: str, tmp_path: Path) -> None:
    write(tmp_path, wrong_from=17)
    html = page(judged(url, tmp_path))
    assert '<h2 id="performance">Performance</h2>' in html
    for word in (
        "Accuracy",
        "F1",
        "ROC AUC",
        "estimated 0.8",
        "0.8 / 0.8",
        "<strong>over 1,000,000</strong>",
    ):
        assert word in html, word
    assert html.count("blind to concept shift") >= 1
    assert "is tolerated" in html


def test_errors_of_numbers_are_shown_in_their_unit(url: str, tmp_path: Path) -> None:
    write_numbers(tmp_path)
    html = page(judged(url, tmp_path))
    for word in ("MAE", "RMSE", "Bias", "nine of ten cases", "Nothing is estimated"):
        assert word in html, word


def test_too_few_labels_say_how_many_there_are_and_are_needed(url: str, tmp_path: Path) -> None:
    write(tmp_path)
    lines = (tmp_path / "labels.csv").read_text().splitlines()
    (tmp_path / "labels.csv").write_text("\n".join(lines[:60]) + "\n")
    html = page(judged(url, tmp_path))
    assert "59 of the 1,600 kept records of the reference have a label so far; 100 are needed" in html


def test_models_without_labels_have_no_such_section(url: str) -> None:
    store = Store(url)
    with store.write() as conn:
        assert models.everyone(conn) == []
    assert 'id="performance"' not in review.render(store, WEEK, NOW_US)
