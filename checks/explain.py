"""A finding in plain words: what changed, how big that is against normal, since when and in which traffic."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from checks.attribution import Mix, Share, mixes, segments
from checks.contributions import Bin, contributions
from checks.series import ALL, Series

if TYPE_CHECKING:
    from checks.baseline import Baseline
    from checks.decision import Finding, Named

__all__ = ["Bin", "Mix", "Share", "contributions", "mixes", "segments", "sentences"]

_EPOCH = datetime(1970, 1, 1, tzinfo=ZoneInfo("UTC"))
_OTHERS_NAMED = 3
_CODECS_NAMED = 2
# Bins that are told, each with at least this share of the divergence.
_BINS_NAMED, _LEAST_OF_BIN = 3, 0.1
# A changed mix is told where it is so much of the change; with so much, little is left for the segments themselves.
_LEAST_MIX, _NEARLY_ALL_MIX, _AGAINST = 0.25, 0.67, 1.33
_PORTIONS = ((1.0, "all"), (0.9, "nine tenths"), (0.75, "three quarters"), (0.67, "two thirds"), (0.5, "half"),
             (0.33, "a third"), (0.25, "a quarter"))  # fmt: skip

Words = Callable[[Series], str]

# What a rate counts, as the subject of "… went from 1 % to 3 % of messages".
_RATE: dict[str, Words] = {
    "encoding_rate": lambda s: f"messages with {s.term.replace('_', ' ')} in {s.column}",
    "evasion_rate": lambda s: f"messages with {s.term.replace('_', ' ')} in {s.column}",
    "language_share": lambda s: (
        f"messages in {'no language that is known' if s.term == 'und' else s.term} in {s.column}"
    ),
    "mixed_rate": lambda s: f"messages that mix languages in {s.column}",
    "pair_rate": lambda s: f"messages that mix {s.term.replace('+', ' and ')} in {s.column}",
    "new_pair_rate": lambda s: f"messages that mix languages never seen together before in {s.column}",
    "unknown_word_rate": lambda s: f"messages with a word the reference does not know in {s.column}",
    "duplicate_text_rate": lambda s: f"repeated messages in {s.column}",
    "duplicate_id_rate": lambda _: "records that came twice",
    "class_share": lambda s: f"answers “{s.term}” in {s.column}",
    "value_share": lambda s: f"records with “{s.term}” in {s.column}",
    "segment_share": lambda s: f"records of {s.segment}",
    "unseen_rate": lambda s: f"values of {s.column} that the reference does not know",
    "null_rate": lambda s: f"missing values of {s.column}",
    "type_failure_rate": lambda s: f"values of {s.column} of the wrong type",
    "non_finite_rate": lambda s: f"values of {s.column} that are no finite number",
    "out_of_range_rate": lambda s: f"values of {s.column} outside its declared range",
    "slo_miss_rate": lambda s: f"requests over the objective of {s.column}",
    "slo_error_rate": lambda s: f"requests with an error in {s.column}",
}


def sentences(
    finding: Finding,
    shares: Sequence[Share],
    baseline: Baseline,
    timezone: str,
    terms: Sequence[str] = (),
    told: str = "",
    *,
    bins: Sequence[Bin] = (),
    mixes: Sequence[Mix] = (),
) -> tuple[str, str, str]:
    """Three sentences from computed facts; `terms` are words that became more frequent, new or not,
    to show where the vocabulary moved; `told` is a clause about what moved most, as `mojibake` gives it; `bins` say
    where the values of the leading series went, `mixes` how much of it is another mix of segments.

    A finding of hard breaks alone says their messages. Raises ValueError for a finding with neither.
    """
    if not finding.named and not finding.hard:
        raise ValueError(f"the finding of {finding.family} names nothing: there is nothing to explain")
    part = baseline.series[finding.named[0].series].segment if finding.named else ALL
    return (
        _what(finding, baseline, terms, told, bins),
        _how_big(finding, baseline),
        _where(finding, shares, part, timezone, mixes),
    )


def mojibake(
    codecs: Sequence[tuple[str, float]],
    legacy: float,
    looked_at: int,
    confirmed: int,
    outside: int,
    rate: tuple[float, float, float] | None,
) -> str:
    """A clause on suspected mojibake: its codecs with their shares, and what ftfy says of those it looked at.

    `legacy`: the share that never was UTF-8. `rate`: the share of all messages that ftfy confirms and its interval,
    None if it could look at none. "Consistent with", never "caused by": several codecs may explain the same sequence.
    """
    said = [
        f"{percent(share)} {'with' if place else 'of the mojibake is consistent with'} UTF-8 read as {name}"
        for place, (name, share) in enumerate(codecs[:_CODECS_NAMED])
    ]
    if legacy:
        lead = "with" if said else "of the mojibake is consistent with"
        said.append(f"{percent(legacy)} {lead} one legacy codec’s text read with another")
    clauses = [_listed(said)] if said else []
    if looked_at:
        verdict = f"ftfy confirms {confirmed:,} of {looked_at:,} looked at"
        if outside:
            verdict += f" ({outside:,} {'is' if outside == 1 else 'are'} outside what it can confirm)"
        if rate is not None:
            share, low, high = map(percent, rate)
            verdict += f", and so {share} of all messages since it began ({low} to {high})"
        clauses.append(verdict)
    elif rate is not None:
        clauses.append("none of it is among the kept records, so ftfy has confirmed none")
    else:
        clauses.append("no text is kept, so ftfy has confirmed none")
    return "; ".join(clauses)


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]


def _what(finding: Finding, baseline: Baseline, terms: Sequence[str], told: str, bins: Sequence[Bin]) -> str:
    if not finding.named:
        said = "; ".join(dict.fromkeys(one.message for one in finding.hard))  # may begin with a column
        return said if said.endswith(".") else said + "."
    lead = finding.named[0]
    said = _moved(lead, baseline.series[lead.series])
    if bins:
        said += ": " + _went(bins)
    if terms:
        said += ", told by the words " + ", ".join(f"“{term}”" for term in terms)
    if told:
        said += f"; {told}"
    others = [baseline.series[one.series] for one in finding.named[1:]]
    if others:
        names = ", ".join(_subject(one) for one in others[:_OTHERS_NAMED])
        rest = len(others) - _OTHERS_NAMED
        said += f"; also moved: {names}" + (f" and {rest} more" if rest > 0 else "")
    if finding.hard:
        said += "; besides, " + "; ".join(one.message for one in finding.hard)
    return _capital(said) + "."


def _moved(named: Named, series: Series) -> str:
    value, expected = named.value, named.expected
    if series.kind == "volume":
        return f"{_subject(series)} went from about {expected:,.0f} to {value:,.0f} a window"
    if series.kind == "rate":
        return f"{_subject(series)} went from {percent(expected)} to {percent(value)}"
    if series.kind == "mean":
        return f"{_subject(series)} went from {_number(expected)} to {_number(value)}"
    return f"{_subject(series)} moved"


def _went(bins: Sequence[Bin]) -> str:
    """ "more of 100 to 200 (12 % to 20 %), fewer below 20 (10 % to 4.0 %)" """
    told = [one for one in bins[:_BINS_NAMED] if one.share >= _LEAST_OF_BIN] or list(bins[:1])
    said = []
    for one in told:
        label = one.label if one.label.startswith(("below ", "from ")) else f"of {one.label}"
        side = "more" if one.now > one.before else "fewer"
        said.append(f"{side} {label} ({percent(one.before)} to {percent(one.now)})")
    return ", ".join(said)


def _subject(series: Series) -> str:
    part = f" of {series.segment}" if series.segment != ALL and series.metric != "segment_share" else ""
    term = f"{series.term} of " if series.term else ""
    if series.kind == "volume":
        return f"records{part}"
    if series.kind == "rate":
        words = _RATE.get(series.metric)
        return (words(series) if words else f"{series.name}") + part
    if series.kind == "mean":
        return f"the mean {term}{series.column}{part}"
    return f"the distribution of {term}{series.column}{part}"


def _how_big(finding: Finding, baseline: Baseline) -> str:
    if not finding.named:
        return "This breaks what the data must be like, so one window is enough to say it."
    lead = finding.named[0]
    series = baseline.series[lead.series]
    certainty = f"the evidence since then is {lead.weight:.0f} where {baseline.threshold:.0f} is an alarm"
    facts = baseline.facts
    if facts.provisional:
        certainty += ", provisionally: the reference has too few days to know how much is normal"
    elif facts.extrapolated:
        certainty += f" (extrapolated from {facts.blocks} {facts.block}s of reference)"
    said = f"{_size(lead, series)}; {certainty}"
    if facts.missing:
        said += "; mind that there is " + " and ".join(facts.missing)
    return _capital(said) + "."


def _size(named: Named, series: Series) -> str:
    if series.kind == "volume":
        if named.expected < 1:
            return "normally hardly any come at that time of the week"
        if named.effect >= 1:
            return f"that is {_times(1 + named.effect)} what is normal at that time of the week"
        side = "more" if named.effect > 0 else "less"
        return f"that is {abs(named.effect):.0%} {side} than normal at that time of the week"
    if series.kind == "mean":
        side = "above" if named.effect > 0 else "below"
        return f"that is {abs(named.effect):.2g} standard deviations of single values {side} normal"
    if series.kind == "distribution":
        usual = max(named.expected, 1e-12)
        return f"it is {_times(named.value / usual)} as far from normal as windows of this size usually are"
    points = f"{abs(named.effect) * 100:.2g} points {'above' if named.effect > 0 else 'below'} normal"
    if named.effect > 0 and named.expected > 0 and named.value / named.expected >= 2:
        return f"that is {points}, {_times(named.value / named.expected)} the usual share"
    return f"that is {points}"


def _times(ratio: float) -> str:
    return (
        f"{ratio:.1f} times" if ratio < 10 else f"{ratio:,.0f} times" if ratio < 1_000 else "over 1,000 times"
    )


def _where(finding: Finding, shares: Sequence[Share], part: str, timezone: str, mixes: Sequence[Mix]) -> str:
    """`part` is the segment of the series that was told of first."""
    since = (
        "It began in this window"
        if finding.since_us is None
        else f"It began about {at(finding.since_us, timezone)}"
    )
    mixed = next((mix for mix in mixes if mix.sure and mix.share >= _LEAST_MIX), None)
    if mixed is not None:
        return f"{since}; {_another_mix(mixed, shares)}."
    if not shares:
        if part != ALL:
            return f"{since}; of all traffic, no segment stands out."
        return f"{since}; no segment carries it alone."
    carried = ", ".join(
        f"{share.segment} ({min(share.share, 1.0):.0%} of the change)" for share in shares[:3]
    )
    if part != ALL:
        return f"{since}; of all traffic, what moved most is {carried}."
    return f"{since}; most of it comes from {carried}."


def _another_mix(mix: Mix, shares: Sequence[Share]) -> str:
    side = "more" if mix.now > mix.before else "less"
    against = mix.share > _AGAINST
    said = (
        f"{'more than all' if against else _portion(mix.share)} of it is {side} traffic from {mix.segment} "
    )
    said += f"({percent(mix.before)} to {percent(mix.now)})"
    if against:
        return f"{said}; within the values of {mix.dimension} it moved the other way"
    if mix.share >= _NEARLY_ALL_MIX:
        return f"{said}; within the values of {mix.dimension} little changed"
    within = [share.segment for share in shares if share.segment != mix.segment][:2]
    return f"{said}, and the rest changed within " + (
        _listed(within) if within else f"the values of {mix.dimension}"
    )


def _portion(share: float) -> str:
    """The nearest part that people have a word for."""
    return min(_PORTIONS, key=lambda one: abs(one[0] - share))[1]


def at(us: int, timezone: str) -> str:
    """A moment as people say it: "Sunday 22 February 2015 18:00 (UTC)"."""
    local = (_EPOCH + timedelta(microseconds=us)).astimezone(ZoneInfo(timezone))
    return f"{local:%A} {local.day} {local:%B %Y %H:%M} ({timezone})"


def percent(share: float) -> str:
    """A share 0..1 in words; a tiny one is "under 0.1 %"."""
    if share == 0:
        return "0 %"
    value = share * 100
    return f"{value:.0f} %" if value >= 10 else f"{value:.1f} %" if value >= 0.1 else "under 0.1 %"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.3g}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
