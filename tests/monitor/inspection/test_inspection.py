"""`driftglass inspect`: a file in, a report out, and clear words where it cannot be."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from monitor.cli import main
from monitor.inspection import reading

MESSAGES = [
    "The parcel came very late and nobody answered the phone",
    "El paquete llegó muy tarde y nadie contestó el teléfono",
    "Where is my order, I would like my money back please",
    "El paquete llegÃ³ tarde y el telÃ©fono no contestÃ³",
    "free mo\u200bney for everybody, just open this link",
]


class Done(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def inspect(capsys: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
    def run(*arguments: object) -> Done:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(["inspect", *(str(argument) for argument in arguments)])
        said = capsys.readouterr()
        return Done(int(ended.value.code or 0), said.out, said.err)

    return run


@pytest.fixture
def table(tmp_path: Path) -> Path:
    file = tmp_path / "messages.csv"
    rows = "".join(f'{number},"{message}"\n' for number, message in enumerate(MESSAGES))
    file.write_text("id,message\n" + rows, "utf-8")
    return file


def test_the_report_names_languages_damage_and_evasion_with_examples(inspect, table) -> None:  # type: ignore[no-untyped-def]
    done = inspect(table, "--languages", "en,es")
    assert done.code == 0, done.err
    assert "5 messages" in done.out
    for word in (
        "column message",
        "Spanish",
        "mojibake",
        "llegÃ³",
        "100 % as cp1252",
        "zero_width",
        "⟦U+200B⟧",
    ):
        assert word in done.out


@pytest.mark.parametrize("form", ["jsonl", "parquet", "txt", "txt.gz", "csv"])
def test_every_form_of_file_says_the_same(inspect, table, tmp_path: Path, form: str) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path / f"texts.{form}"
    if form == "jsonl":
        file.write_text("".join(json.dumps({"message": one}) + "\n" for one in MESSAGES), "utf-8")
    elif form == "parquet":
        pa.parquet.write_table(pa.table({"message": MESSAGES}), file)
    elif form == "txt.gz":
        file.write_bytes(gzip.compress("\r\n".join(MESSAGES).encode()))
    elif form == "txt":
        file.write_text("\n".join(MESSAGES) + "\n", "utf-8")
    else:
        file = table
    found = json.loads(inspect(file, "--format", "json").out)
    expected = json.loads(inspect(table, "--format", "json").out)
    for key in ("messages", "characters", "languages", "encoding", "evasion", "mixed"):
        assert found[key] == expected[key]


def test_a_last_line_without_its_end_is_a_message(inspect, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path / "texts.csv"
    file.write_text("text\nfirst\nlast", "utf-8")
    assert json.loads(inspect(file, "--format", "json").out)["messages"] == 2


def test_a_wrong_column_is_answered_with_those_that_are_there(inspect, table) -> None:  # type: ignore[no-untyped-def]
    done = inspect(table, "--column", "mesage")
    assert done.code == 2
    assert "did you mean message?" in done.err
    assert "id, message" in done.err
    assert done.out == ""


def test_with_two_texts_the_column_must_be_said(inspect, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path / "pairs.csv"
    file.write_text("question_text,reply_text\nwhere is my parcel,it is on its way\n", "utf-8")
    done = inspect(file)
    assert done.code == 2
    assert "--column; there are: question_text, reply_text" in done.err
    assert inspect(file, "--column", "reply_text").code == 0


@pytest.mark.parametrize(
    ("head", "rows", "column"),
    [
        ("message_id,text", ["m-1,where is my parcel", "m-2,it is late"], "text"),
        ("text_key,comment", ["a1,where is my parcel", "a2,it is late"], "comment"),
        ("message_id,message", ["1,これは壊れています", "2,とても便利です"], "message"),
        (
            "title,description,text",
            ["hello you,it is red,where is it", "so late,it is blue,thank you"],
            "text",
        ),
        ("text,label", ["hello,a", "thanks,b"], "text"),
    ],
)
def test_the_column_of_messages_is_found_beside_others_that_are_named_like_it(
    tmp_path: Path, head: str, rows: list[str], column: str
) -> None:
    file = tmp_path / "messages.csv"
    file.write_text("\n".join([head, *rows, ""]), "utf-8")
    assert reading._column(str(file), None) == column


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("nowhere.csv",), "no such file"),
        (("{table}", "--languages", "en,xx"), "no profile for language xx"),
        (("{table}", "--format", "yaml"), "there are table, json, csv, parquet"),
        (("{table}", "--format", "parquet"), "--output"),
        (("{table}", "--output", "x.txt"), "--format"),
        (("{folder}/empty.csv",), "no"),
        (("{table}", "--detector", "nope"), "no detector nope; use ngrams, langdetect"),
        (("{table}", "--detector", "no_such_module:f"), "there is no module no_such_module to import"),
        (("{table}", "--mixed-labels", "{folder}/none.csv"), "none.csv: no such file"),
    ],
)
def test_what_cannot_be_done_is_said_with_the_cure(inspect, table, arguments, says) -> None:  # type: ignore[no-untyped-def]
    table.with_name("empty.csv").write_text("text\n", "utf-8")
    done = inspect(*(one.format(table=table, folder=table.parent) for one in arguments))
    assert done.code == 2
    assert says in done.err


def test_a_column_of_numbers_is_no_text(inspect, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path / "numbers.parquet"
    pa.parquet.write_table(pa.table({"n": [1, 2]}), file)
    done = inspect(file, "--column", "n")
    assert done.code == 2
    assert "column n holds int64, not text" in done.err


def test_bad_lines_are_counted_and_the_rest_is_read(inspect, table) -> None:  # type: ignore[no-untyped-def]
    with table.open("a", encoding="utf-8") as file:
        file.write("5,one,too,many\n")
    found = json.loads(inspect(table, "--format", "json").out)
    assert found["messages"] == 5
    assert found["set_aside"]["count"] == 1
    assert "line 7" in found["set_aside"]["first"][0]
    assert "1 set aside" in inspect(table).out


def test_rows_can_be_written_for_programs(inspect, table, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path / "rows.parquet"
    assert inspect(table, "--format", "parquet", "--output", file).code == 0
    rows = pa.parquet.read_table(file).to_pylist()
    assert [row["row"] for row in rows] == [2, 3, 4, 5, 6]
    assert rows[3]["encoding"] == ["mojibake"]
    csv = tmp_path / "rows.csv"
    assert inspect(table, "--format", "csv", "-o", csv).code == 0
    assert pa.csv.read_csv(csv).column("encoding").to_pylist()[3] == "mojibake"


def test_a_limit_takes_the_beginning(inspect, table) -> None:  # type: ignore[no-untyped-def]
    assert json.loads(inspect(table, "--limit", 2, "--format", "json").out)["messages"] == 2


def test_a_long_file_is_learnt_from_a_sample_of_all_of_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(reading, "LEARNT", 100)
    monkeypatch.setattr(reading, "PAGE_ROWS", 64)
    file = tmp_path / "long.txt"
    file.write_text("\n".join(f"line {number} of a long file" for number in range(1_000)), "utf-8")
    found = reading.inspect_file(str(file), None)
    assert found.learnt_from == 100
    assert found.summary.messages == 1_000
    sample = reading._Sample()
    for texts in reading._lines(str(file)):
        sample.add(texts.messages)
    kept = [int(message.split()[1]) for message in sample.messages().to_pylist()]
    assert len(kept) == 100
    assert min(kept) < 100 < 900 < max(kept)


# ----- the share of mixed messages by labels ----------------------------------------------------------------------

ENGLISH = [
    "The",
    "parcel",
    "came",
    "very",
    "late",
    "and",
    "nobody",
    "answered",
    "the",
    "phone",
    "so",
    "I",
    "want",
    "my",
    "money",
    "back",
]
SPANISH = [
    "El",
    "paquete",
    "llegó",
    "muy",
    "tarde",
    "y",
    "nadie",
    "contestó",
    "el",
    "teléfono",
    "por",
    "la",
    "mañana",
    "del",
    "lunes",
]


def pure(number: int) -> str:
    words = (ENGLISH, SPANISH)[number % 2]
    return " ".join(words[number % 5 : number % 5 + 9])


def mixed(number: int) -> str:
    """Every other one with a single word of the second language, which is hard to tell."""
    second = 1 if number % 2 == 0 else 6
    return " ".join(ENGLISH[number % 7 : number % 7 + 7] + SPANISH[number % 7 : number % 7 + second])


@pytest.fixture
def traffic(tmp_path: Path) -> Path:
    """1,000 messages, 20 % of them mixed."""
    file = tmp_path / "traffic.jsonl"
    texts = [mixed(number) if number % 5 == 0 else pure(number) for number in range(1_000)]
    file.write_text("".join(json.dumps({"message": one}) + "\n" for one in texts), "utf-8")
    return file


def test_labels_correct_the_share_of_mixed_messages(inspect, traffic, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    labels = tmp_path / "labels.csv"
    rows = [f'"{mixed(number)}",yes\n"{pure(number)}",no\n' for number in range(150)]
    labels.write_text("message,mixed\n" + "".join(rows), "utf-8")
    counted = json.loads(inspect(traffic, "--format", "json").out)
    assert counted["mixed_corrected"] is None
    assert counted["mixed"]["high"] < 0.2  # those of a single word are missed
    found = json.loads(inspect(traffic, "--format", "json", "--mixed-labels", labels).out)
    assert found["mixed"] == counted["mixed"]
    assert found["mixed_corrected"]["low"] < 0.2 < found["mixed_corrected"]["high"]
    assert abs(found["mixed_corrected"]["share"] - 0.2) < 0.03
    assert "corrected by the labels: " in inspect(traffic, "--mixed-labels", labels).out


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ("message,mixed\nhola friend,maybe\n", 'line 2: mixed is "maybe"; write yes or no (also y, true, 1'),
        ("message,mixed\nhola friend,\n", "line 2: mixed is empty; write yes or no"),
        ("message,label\nhola friend,yes\n", "add a column mixed with yes or no; there are: message, label"),
        ("body,mixed\nhola friend,yes\n", "name the column with the messages message or text; there are: body, mixed"),
        ("message,mixed\nhola friend,yes,really\n", "line 2: expected 2 fields, found 3"),
        ("message,mixed\nhola my good friend,yes\n", "label at least 20 of each kind"),
        ("message,mixed\n", "0 messages are labelled mixed; label at least 20 of each kind"),
    ],
)  # fmt: skip
def test_labels_that_cannot_be_taken_are_shown_with_their_place(
    inspect, traffic, tmp_path: Path, lines, says
) -> None:  # type: ignore[no-untyped-def]
    labels = tmp_path / "labels.csv"
    labels.write_text(lines, "utf-8")
    done = inspect(traffic, "--mixed-labels", labels)
    assert done.code == 2
    assert f"--mixed-labels: {labels}" in done.err
    assert says in done.err


# ----- detectors, second opinions, people ---------------------------------------------------------------------------


def test_another_detector_labels_whole_messages(inspect, table, tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "all_welsh.py").write_text("def detect(text):\n    return 'cy'\n", "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    found = json.loads(inspect(table, "--format", "json", "--detector", "all_welsh:detect").out)
    assert [one["name"] for one in found["languages"]] == ["cy"]
    assert found["versions"]["detector"].startswith("all_welsh:detect ")


def test_a_detector_that_fails_is_named_with_its_error(inspect, table, tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "all_broken.py").write_text("def detect(text):\n    return text[1_000]\n", "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    done = inspect(table, "--detector", "all_broken:detect")
    assert done.code == 2
    assert "--detector: all_broken:detect failed: IndexError" in done.err


def test_words_can_be_weighed_by_the_lexicon(inspect, table) -> None:  # type: ignore[no-untyped-def]
    pytest.importorskip("wordfreq", reason="the extra `lexicon` is not installed")
    assert "wordfreq" in json.loads(inspect(table, "--format", "json", "--lexicon").out)["versions"]


def test_ftfy_is_asked_about_mojibake_and_about_the_rest(inspect, table) -> None:  # type: ignore[no-untyped-def]
    said = json.loads(inspect(table, "--format", "json").out)["confirmation"]
    assert (said["looked_at"], said["confirmed"], said["others_looked_at"], said["missed"]) == (1, 1, 4, 0)
    assert said["suspected"] == said["rate"] == 0.2
    assert "ftfy would repair 1 of 1 with mojibake and 0 of 4 others" in inspect(table).out


def test_ftfy_looks_at_so_many_however_long_the_file_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(reading, "PAGE_ROWS", 64)
    file = tmp_path / "long.txt"
    texts = ["El paquete llegÃ³ tarde" if number % 4 == 0 else f"line {number}" for number in range(12_000)]
    file.write_text("\n".join(texts), "utf-8")
    said = reading.inspect_file(str(file), None).confirmation
    assert said is not None
    assert (said.looked_at, said.confirmed, said.others_looked_at, said.missed) == (2_000, 2_000, 500, 0)
    assert said.suspected == said.rate == 0.25


@pytest.mark.parametrize("form", ["table", "json"])
def test_examples_do_not_say_who_people_are_unless_asked(inspect, tmp_path: Path, form: str) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path / "people.txt"
    line = "El telÃ©fono no contestÃ³, write to jane.doe@example.com or call +44 20 7946 0958 please\n"
    file.write_text(line * 2, "utf-8")
    hidden = inspect(file, "--format", form).out
    assert "jane.doe" not in hidden
    assert "7946" not in hidden
    assert "⟨email⟩" in hidden
    assert "jane.doe@example.com" in inspect(file, "--format", form, "--no-redact").out
