"""Small values that the tests of alerts, delivery and retraining share."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from monitor.alerts.attributes import Attributes, Example, Moved, Share
from monitor.alerts.episodes import FamilyFinding
from monitor.alerts.message import Context
from monitor.delivery.signing import encode_secret
from monitor.store.engine import Store
from monitor.store.tables import models

HOUR = 3_600_000_000
SECRET = encode_secret(bytes(range(32)))
CONTEXT = Context(
    "toxicity", "trust-and-safety", "https://runbooks.example.com/toxicity", "https://drift.example.com"
)

MOJIBAKE = Attributes(
    moved=(
        Moved(
            "encoding_rate(text):mojibake",
            "encoding_rate",
            "text",
            "*",
            "mojibake",
            3.0,
            0.031,
            0.0002,
            0,
            0.001,
            0.03,
            8.0,
        ),
    ),
    segments=(Share("app=android", 0.93),),
    sentences=("One client sends UTF-8 that was read as Latin-1.",),
)
SLANG = Attributes(
    moved=(
        Moved(
            "unknown_word_rate(text)",
            "unknown_word_rate",
            "text",
            "*",
            "",
            2.0,
            0.12,
            0.04,
            0.03,
            0.05,
            0.08,
            6.5,
        ),
    )
)


class SetClock:
    """A clock that shows what it was set to."""

    def __init__(self, now_us: int = 1_000 * HOUR) -> None:
        self.us = now_us

    def now_us(self) -> int:
        return self.us


def add_model(target: Store | Connection, name: str = "toxicity") -> int:
    """Insert a model and return its id."""
    if isinstance(target, Store):
        with target.write() as conn:
            return add_model(conn, name)
    written = target.execute(models.insert().values(name=name, state="live", created_us=0))
    assert written.inserted_primary_key is not None
    return int(written.inserted_primary_key[0])


def breach(
    family: str, since_us: int, attributes: Attributes = MOJIBAKE, examples: Sequence[Example] = ()
) -> FamilyFinding:
    return FamilyFinding(
        family, firing=True, clean=False, since_us=since_us, attributes=attributes, examples=tuple(examples)
    )


def calm(family: str) -> FamilyFinding:
    return FamilyFinding(family, firing=False, clean=True, since_us=0)
