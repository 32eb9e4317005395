"""Learning depends on which texts there are, on nothing else; a plan survives JSON."""

from __future__ import annotations

import json

import numpy as np
import pytest

from checks.text import TextPlan, annotate, learn
from checks.text.learning import PRIOR_TEXTS
from tests.checks.text.samples import SENTENCES, large, plan


def test_order_of_texts_does_not_matter() -> None:
    messages = [
        f"{sentence} {word}" for sentence in SENTENCES.values() for word in ("again", "nochmal", "otra")
    ]
    shuffled = [messages[k] for k in np.random.default_rng(5).permutation(len(messages))]
    assert learn(large(*messages)).to_dict() == learn(large(*shuffled)).to_dict()


def test_thinning_depends_on_the_texts_and_the_seed_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("checks.text.learning.PRIOR_TEXTS", 10)
    messages = list(SENTENCES.values())
    backwards = learn(large(*reversed(messages)), seed=1)
    assert learn(large(*messages), seed=1).to_dict() == backwards.to_dict()
    assert learn(large(*messages), seed=2).log_prior != backwards.log_prior
    assert PRIOR_TEXTS > 10


def test_a_plan_survives_json() -> None:
    body = json.loads(json.dumps(plan().to_dict()))
    again = TextPlan.from_dict(body)
    assert again.to_dict() == plan().to_dict()
    one, two = annotate(large(*SENTENCES.values()), plan()), annotate(large(*SENTENCES.values()), again)
    assert np.array_equal(one.token_language, two.token_language)


def test_a_plan_of_nothing() -> None:
    empty = learn(large())
    assert empty.total == 0
    assert len(empty.vocabulary) == 0
    assert empty.languages[-2:] == ("und", "und-Latn")
    assert TextPlan.from_dict(empty.to_dict()).to_dict() == empty.to_dict()
    assert learn(large(None, "")).total == 0


def test_a_body_out_of_step_is_an_error() -> None:
    body = plan().to_dict()
    body["documents"] = learn(large("one two")).to_dict()["documents"]
    with pytest.raises(ValueError, match="words but 2 document counts"):
        TextPlan.from_dict(body)


def test_versions_name_what_verdicts_depend_on() -> None:
    assert {"unicode", "langdetect", "switching", "encoding", "mojibake", "obfuscation"} == set(
        plan().versions
    )
