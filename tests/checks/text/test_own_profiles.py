"""Language profiles of one's own: learnt from little text, bounded, savable, told apart from the languages known."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest

from checks.text import OwnProfile, TextPlan, annotate, learn, learn_profile
from checks.text.language import BATCH_CHARACTERS, TABLES, sources, word_scores
from checks.text.own_profiles import LEAST_WORDS, MOST_GRAMS, MOST_WORDS, folded, grams_of
from checks.text.profiles import WIDTH, gram_key, profiles, slot_of, with_own
from tests.checks.text.samples import SENTENCES, large

# Romanised Hindi, written for these tests.
HINDI = (
    "mera saman abhi tak nahi aaya hai aur koi phone bhi nahi uthata",
    "kal subah tak bhej dijiye warna paise wapas kar do",
    "yeh dabba bahut bhari hai isko upar kaise le jaun",
    "aap log kab tak kaam karte ho mujhe batao",
    "usne bola tha ki do din mein aa jayega par kuch nahi hua",
    "bahut accha laga dhanyavaad bhai phir milenge",
    "humko naya wala chahiye tha purana kyun bheja",
    "kya main apna pata badal sakta hun ghar ka number galat likha hai",
    "itni der kyun lagti hai har baar yahi hota hai",
    "dukan band thi isliye main wapas chala gaya",
    "mummy ke liye liya tha unko pasand nahi aaya rang",
    "jaldi karo bhai mehmaan aane wale hain shaam ko",
    "paise kat gaye lekin order nahi dikh raha hai",
)
UNSEEN = "mujhe abhi tak paise wapas nahi mile hain bhai kab aayega mera saman"


@pytest.fixture(scope="module")
def hindi() -> OwnProfile:
    return learn_profile("hi-Latn", HINDI)


def spoken(message: str, plan: TextPlan) -> str:
    return str(plan.languages[annotate(large(message), plan).language[0]])


def test_its_language_is_found_beside_the_others(hindi: OwnProfile) -> None:
    plan = learn(large(), own_profiles=[hindi])
    assert spoken(UNSEEN, plan) == "hi-Latn"
    for language, sentence in SENTENCES.items():
        assert spoken(sentence, plan) == language


def test_words_of_it_are_tagged_in_a_mixture(hindi: OwnProfile) -> None:
    plan = learn(large(), ("en",), own_profiles=[hindi])
    found = annotate(large("nobody answered the phone at all mujhe paise wapas chahiye abhi"), plan)
    tags = [plan.languages[tag] for tag in found.token_language]
    assert found.mixed[0]
    assert tags[:6] == ["en"] * 6
    assert tags[-5:] == ["hi-Latn"] * 5


def test_single_words_and_messages_teach_the_same(hindi: OwnProfile) -> None:
    words = [word for message in reversed(HINDI) for word in message.upper().split()]
    assert learn_profile("hi-Latn", words) == hindi
    assert learn_profile("hi-Latn", pa.array(HINDI)) == hindi
    assert learn_profile("hi-Latn", [*HINDI, None, "@kal #kal 2 www.kal.example"]) == hindi


def test_it_is_declared_by_its_name_or_not_at_all(hindi: OwnProfile) -> None:
    wanted = ("en", "hi-Latn", "und", "und-Latn")
    assert learn(large(), ("en",), own_profiles=[hindi]).languages == wanted
    assert learn(large(), ("hi-Latn", "en"), own_profiles=[hindi]).languages == wanted


def test_a_name_without_its_profile_is_an_error() -> None:
    with pytest.raises(ValueError, match="no profile for language hi-Latn"):
        learn(large(), ("en", "hi-Latn"))


def test_its_script_is_that_of_most_words() -> None:
    cyrillic = learn_profile("ru-x-shop", [SENTENCES["ru"]] * 20 + ["iPhone", "OK"])
    assert cyrillic.script == "Cyrillic"
    assert "iphone" not in cyrillic.words


@pytest.mark.parametrize("texts", [[], [""], ["123 @you"], ["ek do teen"] * 20])
def test_too_little_text_says_how_much(texts: list[str]) -> None:
    words = sum(len(text.split()) for text in texts if text.startswith("ek"))
    with pytest.raises(
        ValueError, match=rf"hi-Latn: {words} words.* are too few .*; {LEAST_WORDS} are needed"
    ):
        learn_profile("hi-Latn", texts)


def test_one_text_is_no_list() -> None:
    with pytest.raises(ValueError, match="a list of messages or words"):
        learn_profile("hi-Latn", HINDI[0])


@pytest.mark.parametrize("name", ["", "Hindi", "hi_Latn", "hi+en", "../hi", "hi-", "h", "a" * 9])
def test_a_name_is_like_a_code(name: str) -> None:
    with pytest.raises(ValueError, match="is no name for a language profile; write one like hi-Latn"):
        learn_profile(name, HINDI)


@pytest.mark.parametrize("name", ["en", "zh-cn", "und", "und-Latn"])
def test_a_name_that_is_taken_is_an_error(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} is a language that is known already"):
        learn_profile(name, HINDI)


def test_a_profile_survives_json(hindi: OwnProfile) -> None:
    text = json.dumps(hindi.to_dict())
    again = OwnProfile.from_dict(json.loads(text))
    assert again == hindi
    assert json.dumps(again.to_dict()) == text


def test_a_plan_holds_its_profiles(hindi: OwnProfile) -> None:
    plan = learn(large(*HINDI), ("en",), own_profiles=[hindi])
    again = TextPlan.from_dict(json.loads(json.dumps(plan.to_dict())))
    assert again.own_profiles == (hindi,)
    assert again.to_dict() == plan.to_dict()
    one, two = annotate(large(UNSEEN), plan), annotate(large(UNSEEN), again)
    assert np.array_equal(one.token_language, two.token_language)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"grams": {"kaha": 3}}, "n-grams that are not of one to three"),
        ({"grams": {"k": 0}}, "counts of 1 or more"),
        ({"words": {str(k): 1 for k in range(MOST_WORDS + 1)}}, f"at most {MOST_WORDS} counts"),
        ({"script": "Klingon"}, "no script that is known"),
        ({"version": "0"}, "is of version 0, this program reads 1; learn it again"),
        ({"name": "en"}, "en is a language that is known already"),
        ({"totals": [1, 2]}, "not enough values"),
    ],
)
def test_a_body_that_is_no_profile_is_an_error(
    hindi: OwnProfile, change: dict[str, object], problem: str
) -> None:
    with pytest.raises(ValueError, match=problem):
        OwnProfile.from_dict({**hindi.to_dict(), **change})


def test_a_body_without_a_part_says_what_to_do(hindi: OwnProfile) -> None:
    body = hindi.to_dict()
    del body["grams"]
    with pytest.raises(
        ValueError, match=r"no language profile .'grams'.; write one with driftglass learn-profile"
    ):
        OwnProfile.from_dict(body)


def test_a_profile_is_bounded() -> None:
    random = np.random.default_rng(3)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyzäöüßéèêçñåøæ"))
    words = ["".join(random.choice(letters, 6)) for _ in range(20_000)]
    made = learn_profile("xx", words)
    assert (len(made.grams), len(made.words)) == (MOST_GRAMS, MOST_WORDS)
    assert made.totals[3] == 20_000
    assert learn_profile("xx", list(reversed(words))) == made


def test_there_is_room_for_seven(hindi: OwnProfile) -> None:
    body = hindi.to_dict()
    several = [OwnProfile.from_dict({**body, "name": f"hi-x-{k}"}) for k in range(8)]
    assert len(learn(large(), ("en",), own_profiles=several[:7]).languages) == 10
    with pytest.raises(ValueError, match=r"8 own language profiles .* at most 7 can be told apart"):
        learn(large(), ("en",), own_profiles=several)
    with pytest.raises(ValueError, match="two language profiles are named hi-x-0"):
        learn(large(), ("en",), own_profiles=[several[0], several[0]])


def test_grams_are_those_that_the_kernel_looks_up() -> None:
    # The kernel's sum for a word must be the sum over the n-grams counted here, or profiles would not fit texts.
    table = with_own(())
    for word in ("phone", "Häuser", "d'accord", "घर", "tiếng", "kg"):
        rows = [_row(gram) for gram in grams_of(folded(word.lower()))]
        expected = np.sum([table.scores[row] for row in rows if row is not None], axis=0, dtype=np.int64)
        from checks.text.decoding import as_binary, buffers
        from checks.text.reading import read

        message = read(buffers(as_binary(large(word))), 0, 1)
        scores = word_scores(sources())
        with scores.lock:
            ids = scores.of(message.points, message.tokens)
            assert np.array_equal(scores.rows[ids[0]], expected)


def _row(gram: str) -> int | None:
    table = profiles()
    slot, key = slot_of(gram_key(gram), len(table.keys)), gram_key(gram)
    while table.keys[slot] and table.keys[slot] != key:
        slot = (slot + 1) % len(table.keys)
    return int(table.rows[slot]) if table.keys[slot] else None


def test_the_columns_of_the_languages_known_do_not_change(hindi: OwnProfile) -> None:
    plain, wider = profiles(), with_own((hindi,))
    first = len(plain.languages)
    assert wider.languages == (*plain.languages, "hi-Latn")
    assert np.array_equal(wider.scores[: len(plain.grams), :first], plain.scores[:, :first])
    assert np.array_equal(
        wider.scores[: len(plain.grams), wider.generic_latin], plain.scores[:, plain.generic_latin]
    )
    assert not wider.scores[len(plain.grams) :, :first].any()
    assert not wider.scores[:, WIDTH - 1].any()


def test_plans_without_profiles_share_the_plain_table(hindi: OwnProfile) -> None:
    plain = word_scores(sources())
    assert learn(large(), ("en",)).sources == learn(large()).sources == sources()
    assert plain.table is profiles()
    assert word_scores(sources((hindi,))) is word_scores(sources((OwnProfile.from_dict(hindi.to_dict()),)))


def test_few_tables_are_kept(hindi: OwnProfile) -> None:
    for k in range(TABLES + 3):
        word_scores(sources((OwnProfile.from_dict({**hindi.to_dict(), "name": f"hi-x-{k}"}),)))
    assert word_scores.cache_info().currsize == TABLES


def test_scores_do_not_depend_on_what_was_read_before(hindi: OwnProfile) -> None:
    plan = learn(large(), ("en",), own_profiles=[hindi])
    before = annotate(large(UNSEEN), plan)
    annotate(large(*[f"{k:x} " * 50 for k in range(BATCH_CHARACTERS // 50)]), plan)
    assert np.array_equal(annotate(large(UNSEEN), plan).token_language, before.token_language)
