from __future__ import annotations

import hashlib
import itertools
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from monitor.contract import load
from monitor.demo import incidents as planting
from monitor.demo.generate import CONTRACT, HISTORY, INCOMING, TRUTH, contract_text, generate, release
from monitor.demo.truth import HOUR_US, Incident, Truth

WEEK_US = 7 * 24 * HOUR_US


class Made(NamedTuple):
    """A stream of three weeks, with its twin that has no incidents."""

    folder: Path
    truth: Truth
    records: pd.DataFrame
    quiet: pd.DataFrame

    def incident(self, name: str) -> Incident:
        return next(incident for incident in self.truth.incidents if incident.name == name)

    def during(self, name: str) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The records of the hours of an incident, with it and without it."""
        incident = self.incident(name)
        return _between(self.records, incident), _between(self.quiet, incident)


def _between(frame: pd.DataFrame, incident: Incident) -> pd.DataFrame:
    us = frame.sent_at.astype("int64")
    return frame[(us >= incident.start_us) & (us < incident.end_us)].set_index("message_id")


def _read(folder: Path) -> pd.DataFrame:
    files = sorted((folder / HISTORY).iterdir()) + sorted((folder / INCOMING).iterdir())
    return pd.concat([pq.read_table(path).to_pandas() for path in files], ignore_index=True)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder, quiet = tmp_path_factory.mktemp("stream"), tmp_path_factory.mktemp("quiet")
    truth = generate(folder, seed=5, weeks=3)
    generate(quiet, seed=5, weeks=3, incidents=False)
    return Made(folder, truth, _read(folder), _read(quiet))


def _bytes(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


class TestFiles:
    def test_a_seed_gives_the_same_bytes_and_another_seed_does_not(self, tmp_path: Path) -> None:
        for name, seed in (("a", 1), ("b", 1), ("c", 2)):
            generate(tmp_path / name, seed=seed, weeks=3, records_per_hour=8)
        first, again, other = (_bytes(tmp_path / name) for name in "abc")
        assert first == again
        assert first.keys() == other.keys()
        assert first[TRUTH] != other[TRUTH]

    def test_there_is_a_file_per_day_of_the_reference_and_per_hour_of_the_last_two_weeks(
        self, made: Made
    ) -> None:
        assert len(list((made.folder / HISTORY).iterdir())) == 7
        assert len(list((made.folder / INCOMING).iterdir())) == 14 * 24
        hour = pq.read_table(made.folder / INCOMING / "2026-09-08T17.parquet").to_pandas()
        assert set(hour.sent_at.dt.floor("h")) == {pd.Timestamp("2026-09-08T17", tz="UTC")}
        # In order of arrival: a message that was under way for longer comes after one that was sent later.
        assert not hour.sent_at.is_monotonic_increasing
        assert (hour.sent_at.diff().dropna() > pd.Timedelta("-2min")).all()

    def test_hours_arrive_when_they_are_over(self, tmp_path: Path) -> None:
        truth = generate(tmp_path, seed=1, weeks=3, records_per_hour=4)
        first = truth.reference_end_us
        assert release(tmp_path, first + HOUR_US - 1) == 0
        assert release(tmp_path, first + 3 * HOUR_US) == 3
        assert release(tmp_path, first + 3 * HOUR_US) == 0
        assert (tmp_path / HISTORY / "2026-09-07T02.parquet").exists()
        assert release(tmp_path, truth.end_us) == 14 * 24 - 3

    def test_the_truth_can_be_read_back(self, made: Made) -> None:
        assert Truth.read(made.folder / TRUTH) == made.truth
        assert made.truth.records == len(made.records)

    def test_progress_reaches_its_total(self, tmp_path: Path) -> None:
        seen: list[tuple[int, int | None]] = []
        generate(
            tmp_path,
            seed=1,
            weeks=3,
            records_per_hour=2,
            progress=lambda stage, done, total: seen.append((done, total)),
        )
        assert seen[0] == (0, 504)
        assert seen[-1] == (504, 504)

    def test_too_few_weeks_are_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="at least 3 weeks, not 2"):
            generate(tmp_path, seed=1, weeks=2)


class TestContract:
    def test_it_has_no_problems_and_names_what_is_in_the_files(self, made: Made) -> None:
        contract = load(made.folder / CONTRACT).contract
        assert contract.reference_span() == (made.truth.start_us, made.truth.reference_end_us)
        declared = {"message_id", "sent_at", *(column.name for column in contract.columns())}
        assert declared == set(made.records.columns)

    def test_its_receivers_are_arguments(self, made: Made, tmp_path: Path) -> None:
        path = tmp_path / CONTRACT
        url = "http://127.0.0.1:4242/x"
        path.write_text(
            contract_text(made.truth, webhook_url=url, retraining_url=url, alertmanager_url=url), "utf-8"
        )
        contract = load(path).contract
        assert {name: str(channel.url) for name, channel in contract.channels.items()} == {
            "webhook": url,
            "alertmanager": url,
        }
        assert contract.alerts.channels.ticket == ("webhook", "alertmanager")
        assert contract.retraining is not None
        assert str(contract.retraining.target.url) == url


class TestTraffic:
    def test_it_has_the_rhythm_of_days_and_no_empty_nights(self, made: Made) -> None:
        hourly = made.quiet.groupby(made.quiet.sent_at.dt.floor("h")).size()
        assert hourly.mean() == pytest.approx(119, rel=0.02)
        assert hourly.min() > 40
        by_hour = hourly.groupby(hourly.index.hour).mean()
        assert by_hour.max() > 1.5 * by_hour.min()
        india = made.quiet[made.quiet.country == "IN"].groupby(made.quiet.sent_at.dt.hour).size()
        america = made.quiet[made.quiet.country == "US"].groupby(made.quiet.sent_at.dt.hour).size()
        assert india.idxmax() != america.idxmax()

    def test_the_model_is_coherent(self, made: Made) -> None:
        toxic = made.records.decision == "toxic"
        assert (toxic == (made.records.score >= 0.5)).all()
        assert toxic[: len(made.records) // 3].mean() == pytest.approx(0.12, abs=0.01)
        assert made.records.score.between(0, 1).all()
        assert made.records.toxicity_prefilter.between(0, 1).all()
        assert made.records.message_id.is_unique

    def test_words_follow_zipf_and_new_ones_are_rare(self, made: Made) -> None:
        words = made.quiet.text.str.lower().str.findall(r"[^\W\d_]+")
        half = len(words) // 2
        counts = words[:half].explode().value_counts()
        assert counts.iloc[9] > 20 * counts.iloc[999]
        known = set(counts.index)
        new = np.mean([not known.issuperset(found) for found in words[half:]])
        assert 0.005 < new < 0.045

    def test_languages_are_only_mixed_in_the_usual_pairs(self, made: Made) -> None:
        both = made.quiet.text.str.contains("[\u0900-\u097f]") & made.quiet.text.str.contains(
            r"[A-Za-z]{3,} [A-Za-z]{3,}"
        )
        assert set(made.quiet.country[both]) == {"IN"}
        assert 0.005 < both.mean() < 0.03


class TestSchedule:
    def test_one_incident_a_day_by_daylight_with_peace_between(self) -> None:
        orders = set()
        for seed in range(200):
            planned = planting.schedule(np.random.default_rng(seed), 0)
            orders.add(tuple(kind.name for kind, _, _ in planned))
            assert {kind.name for kind, _, _ in planned} == {kind.name for kind in planting.KINDS}
            for day, (_, start, end) in enumerate(planned):
                assert 6 <= start // HOUR_US - 24 * day <= 12
                assert 12 * HOUR_US <= end - start <= 16 * HOUR_US
                assert end <= WEEK_US
            for (_, _, end), (_, start, _) in itertools.pairwise(planned):
                assert start - end >= 8 * HOUR_US
        assert len(orders) > 150

    def test_they_are_in_the_last_week(self, made: Made) -> None:
        for incident in made.truth.incidents:
            assert made.truth.end_us - WEEK_US <= incident.start_us
            assert incident.end_us <= made.truth.end_us
            assert len(incident.windows) == (incident.end_us - incident.start_us) // HOUR_US


class TestIncidents:
    def test_nothing_else_changes(self, made: Made) -> None:
        us = made.quiet.sent_at.astype("int64")
        calm = np.ones(len(us), dtype=bool)
        for incident in made.truth.incidents:
            calm &= ~((us >= incident.start_us) & (us < incident.end_us))
        expected = made.quiet[calm]
        kept = made.records[made.records.message_id.isin(set(expected.message_id))]
        pd.testing.assert_frame_equal(kept.reset_index(drop=True), expected.reset_index(drop=True))

    def test_mojibake_comes_from_one_client_and_can_be_undone(self, made: Made) -> None:
        now, before = made.during("mojibake")
        changed = now[now.text != before.text]
        assert len(changed) / len(now) == pytest.approx(0.03, abs=0.015)
        assert set(changed.client) == {"partner-api"}
        for message, text in changed.text.items():
            try:
                raw = text.encode("cp1252")
            except UnicodeEncodeError:
                raw = text.encode("latin-1")
            assert raw.decode("utf-8") == before.text[message]

    def test_homoglyphs_hide_among_latin_letters(self, made: Made) -> None:
        now, before = made.during("homoglyphs")
        changed = now.text[now.text != before.text]
        assert len(changed) / len(now) == pytest.approx(0.02, abs=0.012)
        assert changed.str.contains(r"[A-Za-z][\u0400-\u04ff]|[\u0400-\u04ff][A-Za-z]").all()
        assert not before.text.str.contains(r"[A-Za-z][\u0400-\u04ff]|[\u0400-\u04ff][A-Za-z]").any()

    def test_the_new_pair_says_several_words_of_each_language(self, made: Made) -> None:
        from monitor.demo.phrases import phrasebook

        now, before = made.during("language-pair")
        changed = now.text[now.text != before.text]
        assert len(changed) / len(now) == pytest.approx(0.04, abs=0.02)
        vocabularies = [
            {word for phrase in phrasebook(language).sentences for word in re.findall(r"\w+", phrase)}
            for language in planting.PAIR
        ]
        for text in changed:
            words = set(re.findall(r"\w+", text))
            assert all(len(words & vocabulary) >= 3 for vocabulary in vocabularies), text

    def test_the_slang_term_was_never_seen_before(self, made: Made) -> None:
        now, _ = made.during("slang")
        term = made.incident("slang").term
        assert now.text.str.contains(term).mean() == pytest.approx(0.08, abs=0.025)
        assert not made.quiet.text.str.contains(term).any()

    def test_the_feature_freezes(self, made: Made) -> None:
        now, before = made.during("frozen-feature")
        assert now[made.incident("frozen-feature").term].nunique() == 1
        assert before[made.incident("frozen-feature").term].nunique() > 500

    def test_the_model_says_toxic_more_often_of_the_same_messages(self, made: Made) -> None:
        now, before = made.during("positive-share")
        more = (now.decision == "toxic").mean() - (before.decision == "toxic").mean()
        assert more == pytest.approx(0.08, abs=0.025)
        assert (now.text == before.text).all()

    def test_messages_go_missing_everywhere(self, made: Made) -> None:
        now, before = made.during("volume")
        assert len(now) / len(before) == pytest.approx(0.60, abs=0.04)
        shares = now.country.value_counts() / before.country.value_counts()
        assert shares.between(0.4, 0.8).all()

    def test_every_family_that_may_answer_is_named_first_cause_first(self, made: Made) -> None:
        first = {incident.name: incident.families[0] for incident in made.truth.incidents}
        assert first == {
            "mojibake": "encoding",
            "homoglyphs": "evasion",
            "language-pair": "language",
            "slang": "vocabulary",
            "frozen-feature": "quality",
            "positive-share": "predictions",
            "volume": "volume",
        }


def test_the_stream_starts_on_a_monday(made: Made) -> None:
    assert datetime.fromtimestamp(made.truth.start_us / 1e6, UTC).isoformat() == "2026-08-31T00:00:00+00:00"
