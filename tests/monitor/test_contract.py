"""The contract: each rule has a file that keeps it and one that breaks it; each problem is told exactly."""

from __future__ import annotations

import re
from datetime import date
from importlib import util
from pathlib import Path

import jsonschema
import pytest
from ruamel.yaml import YAML

from monitor import contract
from monitor.contract import rules
from monitor.errors import ContractError, UsageError

CONTRACTS = Path(__file__).parent / "contracts"
GOOD = sorted((CONTRACTS / "good").glob("*.yaml"))
BAD = sorted((CONTRACTS / "bad").glob("*.yaml"))

SMALLEST = """
model: toxicity
source: {path: records.csv, time: sent_at}
columns:
  text: {}
"""


def problems(text: str) -> tuple[str, ...]:
    with pytest.raises(ContractError) as raised:
        contract.parse(text)
    return raised.value.problems


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_good_contracts_load(path: Path) -> None:
    loaded = contract.load(path)
    assert loaded.text == path.read_text(encoding="utf-8")
    assert loaded.base_path == path.parent


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_bad_contracts_tell_exactly_what_is_wrong(path: Path) -> None:
    expected = re.findall(r"^# expect: (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    with pytest.raises(ContractError) as raised:
        contract.load(path)
    assert list(raised.value.problems) == [f"{path}:{line}" for line in expected]
    assert expected


def test_a_lexicon_that_is_not_installed_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(util, "find_spec", lambda name: None)
    (found,) = problems(SMALLEST.replace("text: {}", "text: {lexicon: true}"))
    assert found.startswith("contract.yaml:5:19 columns.text.lexicon: needs wordfreq, which is not installed")
    assert found.endswith("pip install 'driftglass[lexicon]'")


def test_every_rule_has_both_files() -> None:
    assert [path.stem for path in GOOD] == [path.stem for path in BAD]
    assert {rule.__name__ for rule in rules.RULES} <= {path.stem for path in GOOD}


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_good_contracts_fit_the_schema_for_editors(path: Path) -> None:
    # As an editor sees it: YAML 1.2 with days as words.
    data = YAML(typ="safe", pure=True).load(
        re.sub(r"(\d{4}-\d\d-\d\d[T\d:]*)", r"'\1'", path.read_text("utf-8"))
    )
    jsonschema.validate(data, contract.json_schema())


def test_the_schema_for_editors_refuses_a_misspelt_key() -> None:
    data = {"model": "m", "source": {"path": "x.csv", "time": "t"}, "columns": {"text": {"rolle": "input"}}}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(data, contract.json_schema())


def test_model_source_and_a_text_are_enough() -> None:
    made = contract.parse(SMALLEST)
    (text,) = made.columns()
    assert (text.role, text.kind) == ("input", "text")
    assert made.window.every_us == 3_600_000_000
    assert made.window.keep_us == 30 * 86_400_000_000
    assert made.timezone == "UTC"
    assert made.privacy.text == "redacted"
    assert made.retraining is None
    assert made.reference_span() is None


def test_columns_keep_their_order_and_their_limits() -> None:
    made = contract.parse(
        SMALLEST
        + "  length: {kind: number, range: [0, .inf]}\n"
        + "  decision: {role: prediction, values: [0, 1.0, 2.5, true, ok]}\n"
        + "  latency_ms: {role: latency, slo: {p95: 120}}\n"
    )
    assert [(c.name, c.role, c.kind) for c in made.columns()] == [
        ("text", "input", "text"),
        ("length", "feature", "number"),
        ("decision", "prediction", "category"),
        ("latency_ms", "latency", "number"),
    ]
    _, length, decision, latency = made.columns()
    assert length.range == (0.0, float("inf"))
    assert decision.values == ("0", "1", "2.5", "true", "ok")  # the words that counting sees
    assert (latency.slo_ms, latency.slo_objective) == (120.0, 0.95)
    assert made.names("prediction") == ("decision",)


def test_a_bare_day_at_the_end_of_a_reference_is_inclusive() -> None:
    days = contract.parse(
        SMALLEST + "timezone: Europe/Berlin\nreference: {from: 2026-03-28, to: 2026-03-29}\n"
    )
    start, end = days.reference_span() or (0, 0)
    assert end - start == 47 * 3_600_000_000  # the 29th has 23 hours
    moments = contract.parse(SMALLEST + "reference: {from: 2026-03-28T00:00Z, to: 2026-03-29T00:00Z}\n")
    start, end = moments.reference_span() or (0, 0)
    assert end - start == 24 * 3_600_000_000


def test_a_trailing_reference_ends_now() -> None:
    made = contract.parse(SMALLEST + "reference: {trailing: 8w}\n")
    assert made.reference_span() is None
    assert made.reference_span(10**16) == (10**16 - 8 * 7 * 86_400_000_000, 10**16)


def test_calendar_and_budget_are_those_of_the_statistics() -> None:
    made = contract.parse(
        SMALLEST + "timezone: Asia/Tokyo\ncalendar: {holidays: [2026-12-25]}\nalerts: {budget: 2 per 12w}\n"
    )
    assert made.calendar().holidays == (date(2026, 12, 25),)
    assert made.calendar().timezone == "Asia/Tokyo"
    assert (made.budget().episodes, made.budget().days) == (2.0, 84.0)


def test_a_wrong_channel_is_not_also_unknown() -> None:
    text = (
        SMALLEST + "alerts: {channels: {ticket: [review]}}\nchannels: {review: {type: webhook, url: env:A}}\n"
    )
    assert problems(text) == ("contract.yaml:7:12 channels.review.secret: is missing; add it",)


def test_a_wrong_role_does_not_bring_complaints_about_the_default_one() -> None:
    assert len(problems(SMALLEST.replace("{}", "{role: featur, range: [0, 1]}"))) == 1


@pytest.mark.parametrize(
    "text", ["", "- a", "5", "\x00", "a: [", "\ud800", "? [a]\n: b", "&a [*a]", "{" * 500]
)
def test_what_is_no_contract_is_a_contract_error(text: str) -> None:
    assert all(line.startswith("contract.yaml:") for line in problems(text))


def test_a_bomb_of_aliases_is_refused() -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    lines += [
        f"{here}: &{here} [{', '.join([f'*{before}'] * 10)}]"
        for before, here in zip("abcdef", "bcdefg", strict=True)
    ]
    assert any("too large" in line for line in problems("\n".join(lines)))


def test_a_file_that_cannot_be_read_is_a_contract_error(tmp_path: Path) -> None:
    latin = tmp_path / "latin.yaml"
    latin.write_bytes("model: é".encode("latin-1"))
    for path, reason in (
        (tmp_path / "none.yaml", "driftglass init"),
        (tmp_path, "cannot be read"),
        (latin, "is not UTF-8"),
    ):
        with pytest.raises(ContractError, match=reason):
            contract.load(path)


def test_secrets_are_resolved_where_they_are_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOOK_SECRET", "from the environment")
    (tmp_path / "secret").write_text("from a file\n", encoding="utf-8")
    assert contract.resolve_secret("env:HOOK_SECRET") == "from the environment"
    assert contract.resolve_secret("file:secret", tmp_path) == "from a file"
    assert contract.resolve_secret("http://127.0.0.1:9093") == "http://127.0.0.1:9093"
    for reference in ("env:NOT_SET_ANYWHERE", "file:nowhere"):
        with pytest.raises(UsageError, match=re.escape(reference)):
            contract.resolve_secret(reference, tmp_path)


@pytest.mark.parametrize(
    ("detector", "says"),
    [
        ("fasttext", "columns.text.detector: no detector fasttext; use ngrams, langdetect"),
        ("nowhere.at_all:label", "columns.text.detector: there is no module nowhere.at_all to import"),
    ],
)
def test_a_detector_that_cannot_be_had_is_a_problem_with_its_cure(detector: str, says: str) -> None:
    text = (
        "model: m\nsource: {type: files, path: x.csv, time: t}\n"
        f"columns:\n  text: {{role: input, detector: '{detector}'}}\n"
    )
    with pytest.raises(ContractError) as found:
        contract.parse(text)
    assert any(says in problem for problem in found.value.problems)


def test_a_detector_reaches_the_column() -> None:
    head = "model: m\nsource: {type: files, path: x.csv, time: t}\n"
    text = f"{head}columns:\n  text: {{role: input, detector: langdetect}}\n"
    assert contract.parse(text).columns()[0].detector == "langdetect"
