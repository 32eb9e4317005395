"""Mojibake explained: codecs of every record, confirmation of the kept ones, repairs that give nobody away."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import pytest

from checks.batch import Column
from checks.learner import Learner
from checks.plan import Plan
from checks.profile import Profile, count
from monitor.contract.model import Privacy
from monitor.damage import explain, proposed
from monitor.store.samples import Sample
from tests.checks.records import make_batch

COLUMNS = (Column("text", "input", "text", languages=("de", "ru")),)
GERMAN = "das Paket kam spät und die Tür war offen"
RUSSIAN = "посылка пришла очень поздно"
LATIN = GERMAN.encode().decode("cp1252")
CYRILLIC = RUSSIAN.encode().decode("koi8-r")


@cache
def plan() -> Plan:
    learner = Learner(COLUMNS)
    learner.add(make_batch(COLUMNS, {"text": [GERMAN, RUSSIAN]}))
    return learner.plan()


def profile(texts: Sequence[str]) -> Profile:
    batch = make_batch(COLUMNS, {"text": list(texts)})
    (found,) = count(batch, plan(), np.zeros(len(batch), np.int64)).values()
    return found


def kept(text: str | None, number: int, **flags: object) -> Sample:
    return Sample("*", f"e{number}", 0, number / 100, 1.0, text, None, None, None, {}, {}, flags)


def test_codecs_are_shares_of_every_suspected_record() -> None:
    damage = explain(profile([LATIN] * 3 + [CYRILLIC] + [GERMAN] * 6), plan(), "text", ())
    assert damage is not None
    assert damage.suspected == pytest.approx(0.4)
    assert [(one.name, one.share) for one in damage.codecs] == [("cp1252", 0.75), ("koi8-r", 0.25)]


def test_without_mojibake_there_is_nothing_to_explain() -> None:
    assert explain(profile([GERMAN, RUSSIAN]), plan(), "text", ()) is None


def test_without_text_nothing_is_confirmed_and_nothing_refuted() -> None:
    damage = explain(profile([LATIN]), plan(), "text", [kept(None, 1, encoding=["mojibake"])])
    assert damage is not None
    assert (damage.looked_at, damage.rate, damage.low, damage.high) == (0, None, None, None)


def test_kept_records_are_confirmed_and_placeholders_stand_in_nobodys_way() -> None:
    samples = [
        kept(f"{LATIN} ⟨email⟩", 1, encoding=["mojibake"], codec="cp1252"),
        kept(CYRILLIC, 2, encoding=["mojibake"], codec="koi8-r"),
        kept(GERMAN, 3, encoding=[]),
        kept("caf\u00ef\u00bf\u00bd", 4, encoding=["replacement"]),  # found already, under another name
    ]
    damage = explain(profile([LATIN, CYRILLIC, GERMAN, GERMAN]), plan(), "text", samples)
    assert damage is not None
    assert (damage.looked_at, damage.confirmed, damage.outside) == (2, 1, 1)
    assert (damage.others_looked_at, damage.missed) == (1, 0)
    assert damage.rate == pytest.approx(0.25)
    assert "U+00C3 U+00A4" in {one.points for one in damage.sequences}


def test_a_repair_is_redacted_again_and_by_the_contract() -> None:
    hidden = "schÃ¶n, ana" + "＠".encode().decode("latin-1") + "correo.example ⟨phone⟩"
    assert proposed(hidden, "mojibake", Privacy()) == "schön, ⟨email⟩ ⟨phone⟩"
    assert proposed(hidden, "mojibake", Privacy(redact=("phone",))) == "schön, ana＠correo.example ⟨phone⟩"


def test_no_repair_where_ftfy_proposes_none() -> None:
    assert proposed("schön ⟨email⟩", "mojibake", Privacy()) is None
    assert proposed("schÃ¶n", "tr", Privacy()) is None
