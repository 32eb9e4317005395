"""The text detectors: encoding damage, evasion, language, code-switching and vocabulary of whole batches of
messages.

Names are loaded when they are first used: whoever needs only the names of the classes pays for no compiler.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from checks.text.annotations import ENCODING_CLASSES, EVASION_CLASSES, SCRIPTS, Annotations
    from checks.text.campaign import Campaign, campaigns
    from checks.text.display import reveal
    from checks.text.evidence import excerpt
    from checks.text.inspection import Inspection, inspect
    from checks.text.learning import calibrated, learn
    from checks.text.newcomer import Newcomer, newcomers
    from checks.text.own_profiles import OwnProfile, learn_profile
    from checks.text.plan import TextPlan
    from checks.text.reading import annotate
    from checks.text.terms import Term, novel_terms
    from checks.text.warmth import warm_up

__all__ = [
    "ENCODING_CLASSES",
    "EVASION_CLASSES",
    "SCRIPTS",
    "Annotations",
    "Campaign",
    "Inspection",
    "Newcomer",
    "OwnProfile",
    "Term",
    "TextPlan",
    "annotate",
    "calibrated",
    "campaigns",
    "excerpt",
    "inspect",
    "learn",
    "learn_profile",
    "newcomers",
    "novel_terms",
    "reveal",
    "warm_up",
]

_HOMES = {
    "ENCODING_CLASSES": "annotations",
    "EVASION_CLASSES": "annotations",
    "SCRIPTS": "annotations",
    "Annotations": "annotations",
    "Campaign": "campaign",
    "Inspection": "inspection",
    "Newcomer": "newcomer",
    "Term": "terms",
    "TextPlan": "plan",
    "annotate": "reading",
    "calibrated": "learning",
    "campaigns": "campaign",
    "excerpt": "evidence",
    "inspect": "inspection",
    "OwnProfile": "own_profiles",
    "learn": "learning",
    "learn_profile": "own_profiles",
    "newcomers": "newcomer",
    "novel_terms": "terms",
    "reveal": "display",
    "warm_up": "warmth",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
