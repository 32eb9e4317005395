"""The campaign behind a finding: which template the kept texts follow that those of the reference did not."""

from __future__ import annotations

from collections.abc import Sequence

from checks import explain
from monitor import privacy
from monitor.contract.model import Privacy
from monitor.store.samples import Sample

# What a campaign moves: every series of these families, and of others these ones.
FAMILIES = frozenset(("volume", "vocabulary"))
METRICS = frozenset(("duplicate_text_rate",))
# Of the reference so many sampled texts are looked at, the same every time.
REFERENCE_ROWS = 5_000
# A smaller part of the texts moves no series; and it must be so many times what the reference has of it.
LEAST_SHARE, LEAST_RATIO = 0.01, 3.0


def told(
    kept: Sequence[Sample],
    reference: Sequence[Sample],
    units: Sequence[str | None] | None,
    setting: Privacy,
) -> str:
    """A clause that names the largest new campaign among kept texts with its template, "" if there is none.

    `units`: who sent each kept record, None where nobody knows. The template is redacted, even where the contract
    keeps text as it came: it leaves with the alert.
    """
    from checks.text import campaigns

    chosen = [k for k, sample in enumerate(kept) if sample.text]
    normal = [sample for sample in reference if sample.text]
    found = campaigns(
        [_bytes(kept[k]) for k in chosen],
        weights=[1 / kept[k].inclusion_probability for k in chosen],
        units=None if units is None else [units[k] for k in chosen],
        reference=[_bytes(sample) for sample in normal],
        reference_weights=[1 / sample.inclusion_probability for sample in normal],
    )
    for one in found:
        # One text of a short reference may be there by chance.
        usual = one.reference_share or 0.0
        floor = usual + 1 / len(normal) if normal else 0.0
        if one.share < max(LEAST_SHARE, LEAST_RATIO * floor):
            continue
        said = f"{explain.percent(one.share)} of the messages follow one template, “{_redacted(one.template, setting)}”"
        counts = f"{one.messages:,} of {len(chosen):,} looked at"
        if one.units is not None:
            counts += f", of {one.units:,} {'sender' if one.units == 1 else 'senders'}"
        return f"{said} ({counts}; in the reference {explain.percent(usual)})"
    return ""


def _bytes(sample: Sample) -> bytes:
    return (sample.text or "").encode("utf-8", "surrogatepass")


def _redacted(template: str, setting: Privacy) -> str:
    shown = privacy.redact([template], setting.redact)[0]
    # A template ends with its last word: behind a placeholder that redaction left, its bracket is cut off.
    return shown + "⟩" * (shown.count("⟨") - shown.count("⟩"))
