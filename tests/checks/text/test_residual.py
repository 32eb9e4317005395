"""A language of no profile is neither Somali nor Swahili: it is found in the reference, and kept with the plan."""

from __future__ import annotations

import json

import numpy as np
import pytest

from checks.text import Annotations, TextPlan, annotate, learn
from checks.text.profiles import profiles
from checks.text.residual import Residual, with_residual
from tests.checks.text.romanised import ENGLISH, HINDI
from tests.checks.text.samples import SENTENCES, large

UNSEEN = HINDI[::4]
LEARNT = [sentence for sentence in HINDI if sentence not in UNSEEN]


def shares(found: Annotations, plan: TextPlan) -> dict[str, float]:
    """The share of the words of each language."""
    tags = found.token_language[found.token_language >= 0]
    counts = np.bincount(tags, minlength=len(plan.languages)) / max(len(tags), 1)
    return {code: float(share) for code, share in zip(plan.languages, counts, strict=True) if share}


@pytest.mark.parametrize("languages", [None, ("en",)])
def test_words_of_no_profile_become_a_language(languages: tuple[str, ...] | None) -> None:
    plan = learn(large(*HINDI, *ENGLISH), languages)
    assert plan.residual is not None
    assert shares(annotate(large(*HINDI), plan), plan)["und-Latn"] > 0.85
    assert shares(annotate(large(*ENGLISH), plan), plan)["en"] > 0.95


def test_its_words_are_known_again_when_they_are_new() -> None:
    plan = learn(large(*LEARNT, *LEARNT, *ENGLISH))
    assert shares(annotate(large(*UNSEEN), plan), plan)["und-Latn"] > 0.7


def test_messages_of_both_are_mixed() -> None:
    plan = learn(large(*HINDI, *ENGLISH))
    message = "mera parcel abhi tak nahi aaya, please give me my money back"
    found = annotate(large(message), plan)
    assert found.mixed[0]
    assert {plan.languages[found.language[0]], plan.languages[found.second[0]]} == {"en", "und-Latn"}


def test_other_languages_are_still_told() -> None:
    plan = learn(large(*HINDI, *ENGLISH))
    for language in ("de", "es", "ru", "tr", "hi"):
        found = annotate(large(SENTENCES[language]), plan)
        assert plan.languages[found.language[0]] == language


@pytest.mark.parametrize("language", ["en", "de", "fi", "tr", "vi"])
def test_a_language_with_a_profile_is_not_taken_for_another(language: str) -> None:
    words = SENTENCES[language].split()
    turned = [" ".join(words[k:] + words[:k]) for k in range(len(words))]
    assert learn(large(*turned, *turned, *turned, *turned)).residual is None
    assert learn(large(*ENGLISH, *ENGLISH)).residual is None


def test_a_few_foreign_messages_are_no_language() -> None:
    assert learn(large(*HINDI[:5], *ENGLISH)).residual is None


def test_what_is_declared_is_believed() -> None:
    assert learn(large(*HINDI[:9], *ENGLISH), ("en", "so")).residual is None


def test_it_depends_on_which_texts_there_are_alone() -> None:
    texts = [*HINDI, *ENGLISH]
    mixed_up = [texts[k] for k in np.random.default_rng(7).permutation(len(texts))]
    assert learn(large(*texts)).to_dict() == learn(large(*mixed_up)).to_dict()


def test_it_survives_json() -> None:
    plan = learn(large(*HINDI, *ENGLISH))
    again = TextPlan.from_dict(json.loads(json.dumps(plan.to_dict())))
    assert again.residual == plan.residual
    one, two = annotate(large(*HINDI), plan), annotate(large(*HINDI), again)
    assert np.array_equal(one.token_language, two.token_language)


def test_only_the_column_of_generic_latin_changes() -> None:
    table = profiles()
    made = with_residual(table, Residual({" qx": 5, "qxq": 5}, (0, 0, 10), (0, 0, 2)))
    assert set(made.grams) - set(table.grams) == {" qx", "qxq"}
    rows = len(table.grams)
    assert np.array_equal(made.scores[:rows, : table.generic_latin], table.scores[:, : table.generic_latin])
    assert made.scores[rows:, table.generic_latin].min() > 100
    assert made.scores[rows:, : table.generic_latin].max() == 0
    assert with_residual(table, None) is table


def test_a_body_that_is_none_is_an_error() -> None:
    with pytest.raises(ValueError, match="not enough values"):
        Residual.from_dict({"grams": {}, "totals": [1], "kinds": [1, 1, 1]})
