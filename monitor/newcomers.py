"""The languages behind a finding: those that the kept texts speak and the reference hardly did."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from checks import explain
from monitor.store.samples import Sample

if TYPE_CHECKING:
    from checks.text import TextPlan

_MOST = 3
_NAMES = {"und-Latn": "a language in Latin letters that no profile fits"}


def told(kept: Sequence[Sample], plan: TextPlan) -> str:
    """A clause that names the languages which newly came among kept texts, "" if there are none."""
    from checks.text import newcomers

    texts = [sample for sample in kept if sample.text]
    found = newcomers(
        [(sample.text or "").encode("utf-8", "surrogatepass") for sample in texts],
        plan,
        weights=[1 / sample.inclusion_probability for sample in texts],
    )
    if not found:
        return ""
    said = ", ".join(
        f"{_NAMES.get(one.language, one.language)} in {explain.percent(one.share)} of messages "
        f"(in the reference {explain.percent(one.reference_share)})"
        for one in found[:_MOST]
    )
    more = f" and {len(found) - _MOST} more" if len(found) > _MOST else ""
    return f"newly there: {said}{more}"
