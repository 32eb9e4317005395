"""`driftglass learn-profile`: a file in, a profile out, a contract that names it, and a plan that holds it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import pytest

from checks.text import OwnProfile
from monitor.cli import main
from monitor.contract import load
from monitor.errors import SourceError
from monitor.learning import learn, own_profiles
from monitor.progress import silent
from monitor.watched import Watched
from tests.checks.text.test_own_profiles import HINDI

CONTRACT = """
model: chat
source: {path: records.jsonl, time: at}
columns:
  text: {languages: [en, hi-Latn], profiles: [profiles/hi-Latn.json]}
"""


class Done(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def learn_profile(capsys: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
    def run(*arguments: object) -> Done:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(["learn-profile", *(str(argument) for argument in arguments)])
        said = capsys.readouterr()
        return Done(int(ended.value.code or 0), said.out, said.err)

    return run


@pytest.fixture
def words(tmp_path: Path) -> Path:
    file = tmp_path / "words.txt"
    file.write_text("\n".join(" ".join(HINDI).split()), "utf-8")
    return file


def watched(folder: Path) -> Watched:
    (folder / "contract.yaml").write_text(CONTRACT, "utf-8")
    loaded = load(folder / "contract.yaml")
    return Watched(1, "chat", loaded.contract, loaded.base_path)


def test_a_profile_is_written_and_read_by_the_contract(learn_profile, words: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    output = tmp_path / "profiles" / "hi-Latn.json"
    done = learn_profile("hi-Latn", words, "--output", output)
    assert done.code == 0, done.err
    assert "words in Latin script; name it in the contract" in done.err
    records = [{"at": f"2026-01-01T00:00:{k:02}Z", "text": message} for k, message in enumerate(HINDI)]
    (tmp_path / "records.jsonl").write_text("".join(json.dumps(row) + "\n" for row in records), "utf-8")
    plan = learn(watched(tmp_path), 1_800_000_000_000_000, silent)
    assert plan.text["text"].languages == ("en", "hi-Latn", "und", "und-Latn")
    assert plan.text_facts["text"].seen[0] == "hi-Latn"
    assert plan.text["text"].own_profiles == (OwnProfile.from_dict(json.loads(output.read_text("utf-8"))),)


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_tables_are_read_too(learn_profile, words: Path, tmp_path: Path, suffix: str) -> None:  # type: ignore[no-untyped-def]
    table = tmp_path / f"messages.{suffix}"
    lines = ["number,said", *(f"{k},{text}" for k, text in enumerate(HINDI))]
    if suffix == "jsonl":
        lines = [json.dumps({"number": k, "said": text}) for k, text in enumerate(HINDI)]
    table.write_text("\n".join(lines) + "\n", "utf-8")
    assert learn_profile("hi-Latn", table, "--column", "said", "-o", tmp_path / "a.json").code == 0
    assert learn_profile("hi-Latn", words, "-o", tmp_path / "b.json").code == 0
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


def test_what_is_there_is_not_overwritten(learn_profile, words: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    output = tmp_path / "x.json"
    output.write_text("mine", "utf-8")
    done = learn_profile("hi-Latn", words, "-o", output)
    assert (done.code, output.read_text("utf-8")) == (2, "mine")
    assert "is there already" in done.err
    assert learn_profile("hi-Latn", words, "-o", output, "--force").code == 0


def test_too_little_text_and_wrong_names_are_told(learn_profile, words: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    short = tmp_path / "short.txt"
    short.write_text("mera saman abhi tak nahi aaya", "utf-8")
    done = learn_profile("hi-Latn", short, "-o", tmp_path / "x.json")
    assert done.code == 2
    assert "6 words in Latin script are too few" in done.err
    assert "write one like hi-Latn" in learn_profile("Hindi!", words).err
    assert not (tmp_path / "x.json").exists()


def test_a_profile_that_is_not_there_or_is_none_is_told(tmp_path: Path) -> None:
    model = watched(tmp_path)
    with pytest.raises(
        SourceError, match=r"columns.text.profiles: there is no .*hi-Latn.json; .* writes one"
    ):
        own_profiles(model)
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "hi-Latn.json").write_text("[1]", "utf-8")
    with pytest.raises(SourceError, match=r"hi-Latn.json: this is no language profile"):
        own_profiles(model)
