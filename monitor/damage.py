"""Mojibake explained: the codecs it is consistent with, and how much of it ftfy confirms.

The shares of codecs are of every record; ftfy looks at the kept records, because that is bounded, needs no text
beyond what the contract lets be stored, and can be done again for any window that is still kept.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from checks.plan import Plan
from checks.profile import Profile
from checks.text.annotations import ENCODING_CLASSES
from monitor import privacy
from monitor.alerts import attributes
from monitor.alerts.attributes import Codec, Damage
from monitor.contract.model import Privacy
from monitor.store.samples import Sample

MOST_CODECS = 5
PLACEHOLDER = re.compile(r"(⟨\w+⟩)")  # what redaction puts in place of a person
# Flags of text that was not decoded as it was meant.
_DAMAGED = ("mojibake", "replacement")


def explain(profile: Profile, plan: Plan, column: str, kept: Sequence[Sample]) -> Damage | None:
    """The mojibake of a text column in the records of a profile, None if there is none.

    `kept`: the sample of the same records, or nothing where it is of another column.
    """
    messages = int(profile.take(plan, column, "messages")[0])
    flagged = int(profile.take(plan, column, "encoding_messages")[ENCODING_CLASSES.index("mojibake")])
    if not flagged:
        return None
    legacy = 1 - int(profile.take(plan, column, "codec").sum()) / flagged
    damage = Damage(column, flagged / messages, _codecs(profile, plan, column, flagged), legacy)
    looked = [sample for sample in kept if sample.text is not None]
    return _confirmed(damage, looked) if looked else damage


def proposed(text: str, label: str, setting: Privacy) -> str | None:
    """What ftfy would make of a redacted text, redacted again: a repair may reveal an address. None if nothing."""
    from checks.text.confirmation import repair

    pieces = PLACEHOLDER.split(text)
    # Placeholders stand at the odd places: their brackets would keep ftfy from seeing what surrounds them.
    fixed = [piece if at % 2 else repair(piece, label) or piece for at, piece in enumerate(pieces)]
    if fixed == pieces:
        return None
    return privacy.redact(["".join(fixed)], setting.redact)[0]


def _codecs(profile: Profile, plan: Plan, column: str, flagged: int) -> tuple[Codec, ...]:
    from checks.text.mojibake import CODECS

    counts = profile.take(plan, column, "codec").tolist()
    named = [(count, name) for name, count in zip(CODECS, counts, strict=False) if count]
    named.sort(key=lambda one: -one[0])
    return tuple(Codec(name, count / flagged) for count, name in named[:MOST_CODECS])


def _confirmed(damage: Damage, kept: Sequence[Sample]) -> Damage:
    from checks.text.confirmation import Message, confirm

    looked = [
        Message(
            PLACEHOLDER.sub(" ", sample.text or ""),
            sample.rank,
            sample.inclusion_probability,
            "mojibake" in sample.flags.get("encoding", ()),
            sample.flags.get("codec"),
        )
        for sample in kept
        # Re-read replacement characters are a class of their own: the screen has not missed them.
        if "mojibake" in sample.flags.get("encoding", ()) or not _is_damaged(sample)
    ]
    found = confirm(looked, damage.suspected)
    return Damage(
        damage.column,
        damage.suspected,
        damage.codecs,
        damage.legacy,
        looked_at=found.looked_at,
        confirmed=found.confirmed,
        outside=found.outside,
        others_looked_at=found.others_looked_at,
        missed=found.missed,
        rate=found.rate,
        low=found.low,
        high=found.high,
        sequences=tuple(attributes.Sequence(points, count) for points, count in found.sequences),
    )


def _is_damaged(sample: Sample) -> bool:
    return any(name in sample.flags.get("encoding", ()) for name in _DAMAGED)
