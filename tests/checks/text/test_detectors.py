"""Other detectors: the same promises for each of them, and what their labels become."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from checks import text
from checks.text import detectors
from checks.text.detectors.protocol import label_all, profile_code
from tests.checks.text.samples import SENTENCES

HOSTILE = [
    "",
    " ",
    "12345",
    "😀👍",
    "!!! ???",
    "\x00\x01\x1b",
    "half a pair \ud83d",
    "\ufffd\ufffd",
    "\ufffe\uffff",
    "\u200b\u202e",
    "a" * 5_000,
    "e\u0301" * 300,
    "http://example.com/?q=1",
    "\U000e0001",
]


@pytest.fixture(params=["langdetect", "lingua", "py3langid", "pycld2"])
def name(request: pytest.FixtureRequest) -> str:
    if detectors.missing(request.param):
        pytest.skip(f"{request.param} is not installed")
    return str(request.param)


def test_plain_sentences_are_told(name: str) -> None:
    codes = ["de", "el", "en", "es", "fr", "ja", "ko", "ru", "th", "tr"]
    found = label_all(detectors.load(name, None), [SENTENCES[code] for code in codes])
    assert sum(one == code for one, code in zip(found, codes, strict=True)) >= 9


def test_nothing_that_a_message_can_hold_is_an_error(name: str) -> None:
    found = label_all(detectors.load(name, None), HOSTILE)
    assert found[:6] == ["und"] * 6
    assert all(isinstance(one, str) and one for one in found)


def test_the_order_of_messages_changes_no_label(name: str) -> None:
    messages = [*SENTENCES.values(), "hi", "lol", "no", "kya haal hai", "ok super"]
    shuffled = random.Random(2).sample(messages, len(messages))
    detector = detectors.load(name, None)
    expected = dict(zip(messages, label_all(detector, messages), strict=True))
    assert label_all(detector, shuffled) == [expected[one] for one in shuffled]


def test_declared_languages_restrict_it_where_it_can_be(name: str) -> None:
    if name == "pycld2":
        pytest.skip("pycld2 knows no restriction")
    detector = detectors.load(name, ("de", "en"))
    assert set(label_all(detector, list(SENTENCES.values()))) <= {"de", "en", "und"}


def test_a_plan_names_the_detector_and_takes_the_label_of_the_message_from_it(name: str) -> None:
    messages = pa.array([*SENTENCES.values(), "", None, "12"])
    plan = text.learn(messages, detector=name)
    assert plan.versions["detector"].startswith(f"{name} ")
    notes = text.annotate(messages, plan)
    ours = text.annotate(messages, text.learn(messages))
    labels = [plan.languages[code] if code >= 0 else None for code in notes.language]
    assert labels[list(SENTENCES).index("de")] == "de"
    assert labels[-3:] == [None, None, "und"]
    assert (notes.token_language == ours.token_language).all()
    assert (notes.mixed == ours.mixed).all()
    again = text.TextPlan.from_dict(plan.to_dict())
    assert (text.annotate(messages, again).language == notes.language).all()


def test_langdetect_leaves_the_seed_of_others_alone() -> None:
    from langdetect import DetectorFactory

    before = DetectorFactory.seed
    detectors.load("langdetect", None).detect(["a few words"])
    assert DetectorFactory.seed == before


OWN = """
__version__ = "7"
def label(text):
    if "boom" in text:
        raise KeyError("no such word")
    return {"hola": "es-MX", "klingon": "tlh", "kli": "tlh"}.get(text.split()[0], None)
def number(text):
    return 3
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "our_labels.py").write_text(OWN, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "our_labels", raising=False)
    detectors.load.cache_clear()
    return "our_labels:label"


def test_a_function_of_the_users_labels_messages(own: str) -> None:
    messages = pa.array(["hola amigos que tal", "klingon words are strange", "клингон"])
    plan = text.learn(messages, detector=own)
    assert plan.versions["detector"] == "our_labels:label 7"
    found = text.annotate(messages, plan)
    # A language without a profile is romanised or unknown where it is in Latin letters.
    assert [plan.languages[code] for code in found.language] == ["es", "und-Latn", "und"]


def test_an_error_in_it_says_whose_it_is(own: str) -> None:
    with pytest.raises(detectors.DetectorFailed, match="our_labels:label failed: KeyError"):
        detectors.load(own, None).detect(["boom"])
    with pytest.raises(detectors.DetectorFailed, match="gave int"):
        detectors.load("our_labels:number", None).detect(["one"])
    with pytest.raises(detectors.DetectorMissing, match="has no function nothing"):
        detectors.load("our_labels:nothing", None)


def test_a_missing_package_comes_with_its_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("checks.text.detectors.protocol.util.find_spec", lambda name: None)
    detectors.load.cache_clear()
    with pytest.raises(detectors.DetectorMissing, match="pip install lingua-language-detector"):
        detectors.load("lingua", None)
    assert "no module" in str(detectors.missing("nowhere.at_all:f"))
    assert detectors.missing("ngrams") is None


@pytest.mark.parametrize("name", ["", "fasttext", "a b:c", "module:", ":f"])
def test_other_names_are_no_detectors(name: str) -> None:
    assert not detectors.is_known(name)
    with pytest.raises(ValueError, match="no detector"):
        detectors.load(name, None)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        *[("zh", "zh-cn"), ("zh_Hans", "zh-cn"), ("zh-Hant", "zh-tw"), ("zh-TW", "zh-tw"), ("nb", "no")],
        *[
            ("pt-BR", "pt"),
            ("sr", "hr"),
            ("ms", "id"),
            ("iw", "he"),
            ("EN", "en"),
            ("tlh", "tlh"),
            ("", "und"),
        ],
    ],
)
def test_codes_of_others_become_those_of_the_profiles(said: str, code: str) -> None:
    assert profile_code(said) == code


def test_of_a_mixed_message_the_label_is_one_of_its_two_languages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = "The parcel llegó muy tarde y nadie contestó el teléfono pero quiero but I would like money"
    for label in ("en", "es", "pt"):
        (tmp_path / f"always_{label}.py").write_text(f"def f(text):\n    return {label!r}\n", "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    for label in ("en", "es", "pt"):
        plan = text.learn(pa.array([message]), ("en", "es", "pt"), detector=f"always_{label}:f")
        found = text.annotate(pa.array([message]), plan)
        pair = plan.languages[found.language[0]], plan.languages[found.second[0]]
        assert set(pair) == {"en", "es"}
        assert label == "pt" or pair[0] == label
