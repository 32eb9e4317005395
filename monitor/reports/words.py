"""What a change means, in plain words: templates over computed facts, no text that was not measured."""

from __future__ import annotations

from monitor.alerts.attributes import Attributes, Moved
from monitor.web.charts import Unit, moment, number
from monitor.web.text import plain

HOUR_US = 3_600_000_000

_SERIES = {
    "volume": "the number of records",
    "null_rate": "empty values of {column}",
    "type_failure_rate": "values of {column} that are of the wrong type",
    "non_finite_rate": "values of {column} that are not finite",
    "out_of_range_rate": "values of {column} outside the range of the contract",
    "unseen_rate": "values of {column} that the reference never had",
    "jsd": "the distribution of {column}",
    "mean": "the mean of {column}",
    "class_share": "the share of “{term}” in {column}",
    "value_share": "the share of “{term}” in {column}",
    "error_rate": "wrong predictions of {column}",
    "large_error_rate": "predictions of {column} that miss by more than is usual",
    "estimated_error_rate": "wrong predictions of {column}, as calibrated scores expect",
    "label_coverage": "predictions of {column} whose label is known",
    "label_delay_days": "days until a label comes ({term})",
    "slo_miss_rate": "requests that missed the objective of {column}",
    "slo_error_rate": "requests with an error in {column}",
    "language_share": "messages in “{term}”",
    "mixed_rate": "messages that mix languages",
    "mixed_share_corrected": "messages that mix languages, corrected by labelled ones",
    "pair_rate": "messages that mix “{term}”",
    "new_pair_rate": "messages that mix languages never seen together before",
    "encoding_rate": "messages with {term}",
    "evasion_rate": "messages with {term}",
    "unknown_word_rate": "messages with a word that the reference does not know",
    "duplicate_text_rate": "messages whose text is a repetition",
    "duplicate_id_rate": "records that came twice",
    "segment_share": "the share of {segment} in the traffic",
}
_JSD = {"language": "the mix of languages in {column}", "script": "the mix of scripts in {column}"}
_TERMS = {
    "invalid_bytes": "bytes that are not UTF-8",
    "replacement": "replacement characters (�)",
    "mojibake": "mojibake, text read with the wrong codec",
    "question_loss": "letters lost to question marks",
    "control": "control characters",
    "surrogate": "lone surrogates",
    "noncharacter": "code points that are no characters",
    "private_use": "private-use characters",
    "escape_leftover": "left-over escapes such as &amp;",
    "inner_bom": "a byte order mark inside the text",
    "broken_emoji": "broken emoji",
    "not_nfc": "letters in decomposed form",
    "mixed_script": "letters of several scripts in one word",
    "whole_word_homoglyph": "words spelt in look-alike letters",
    "zero_width": "zero-width characters",
    "bidi_control": "characters that reverse the text",
    "tag_characters": "invisible tag characters",
    "variation_selectors": "hidden variation selectors",
    "stacked_marks": "stacked marks",
    "styled_letters": "styled letters",
    "leetspeak": "leetspeak",
    "spaced_letters": "spaced-out letters",
    "elongation": "drawn-out words",
}
_TODO = {
    "schema": "Ask the producer what changed in the data, and correct the contract or the pipe.",
    "volume": "Check that the source is complete before you believe any other number of these windows.",
    "quality": "Find the step that makes these values; keep these windows out of training until then.",
    "encoding": "Find the client or the step that decodes text wrongly, and do not train on these windows.",
    "evasion": "Look at the examples with whoever handles abuse; the model may miss what it was built for.",
    "language": "Decide whether this traffic is meant to be served; if so, label some of it.",
    "vocabulary": "Read the examples; if the words are here to stay, label some and plan a retraining.",
    "inputs": "Look for a release or a campaign that fits the time; if it stays, rotate the reference.",
    "predictions": "Compare with labels as they arrive before you trust or retrain the model.",
    "performance": "Decide on retraining or a fall-back.",
    "service": "Look at the serving system first: this is not drift.",
}
FAMILY = {
    "schema": "Schema",
    "volume": "Volume",
    "quality": "Quality",
    "encoding": "Encoding",
    "evasion": "Evasion",
    "language": "Language",
    "vocabulary": "Vocabulary",
    "inputs": "Inputs",
    "predictions": "Predictions",
    "performance": "Performance",
    "service": "Service",
}


def unit_of(kind: str) -> Unit:
    """How values of a kind of series are written."""
    return {"rate": "share", "volume": "count"}.get(kind, "number")  # type: ignore[return-value]


def unit_of_metric(metric: str) -> Unit:
    """The same from a metric's name, where the kind is not at hand."""
    if metric.endswith(("_rate", "_share")):
        return "share"
    return "count" if metric == "volume" else "number"


def called(metric: str, column: str, segment: str, term: str) -> str:
    """A series in words, for the middle of a sentence; its names are cut and revealed, not escaped."""
    pattern = _JSD.get(term, _SERIES["jsd"]) if metric == "jsd" else _SERIES.get(metric)
    names = {
        "column": plain(column, 60),
        "term": _TERMS.get(term, plain(term, 60)),
        "segment": plain(segment, 60),
    }
    words = metric if pattern is None else pattern.format(**names)
    if pattern is None:
        words += f" of {names['column']}" if column else ""
        words += f" “{names['term']}”" if term else ""
    return words if segment == "*" or metric == "segment_share" else f"{words}, where {names['segment']}"


def sized(moved: Moved) -> str:
    """How big a change is against normal: “3.1 %, where 0.08 % to 0.13 % is normal, 28 times as much”."""
    unit = unit_of_metric(moved.metric)
    text = number(moved.value, unit)
    if moved.expected_low is not None and moved.expected_high is not None:
        text += f", where {number(moved.expected_low, unit)} to {number(moved.expected_high, unit)} is normal"
    elif moved.expected is not None:
        text += f", where {number(moved.expected, unit)} is normal"
    if moved.value is not None and moved.expected and moved.expected > 0 and moved.value > 0:
        ratio = moved.value / moved.expected
        if ratio >= 2:
            text += f", {ratio:,.0f} times as much" if ratio >= 10 else f", {ratio:.1f} times as much"
        elif ratio <= 0.5:
            text += f", {number(ratio, 'share')} of it"
    return text


def lasting(from_us: int, to_us: int) -> str:
    """A length of time: “40 min”, “6 h”, “2 days 9 h”."""
    minutes = max(0, to_us - from_us) // 60_000_000
    hours, days = minutes // 60, minutes // (24 * 60)
    if days:
        rest = hours - 24 * days
        return f"{days} day{'s' if days > 1 else ''}" + (f" {rest} h" if rest else "")
    return f"{hours} h" if hours else f"{minutes} min"


def paragraph(
    family: str,
    attributes: Attributes,
    *,
    since_us: int,
    closed_us: int | None,
    now_us: int,
    inhibited_by: str | None,
) -> str:
    """One plain paragraph: what changed, how big against normal, since when, in which traffic, what to do."""
    said = [plain(sentence, 700) for sentence in attributes.sentences[:4]] or _computed(attributes)
    # Sentences of the episode's own say already when it began.
    began = "It" if attributes.sentences else f"It began on {moment(since_us)} UTC and"
    if closed_us is None:
        said.append(f"{began} has lasted {lasting(since_us, now_us)}.")
    else:
        said.append(f"{began} was over after {lasting(since_us, closed_us)}.")
    if inhibited_by is not None:
        said.append(f"The {inhibited_by} break of the same time explains it: nobody was called for this.")
    elif closed_us is None:
        said.append(_TODO.get(family, "Look at the examples."))
    return " ".join(said)


def _computed(attributes: Attributes) -> list[str]:
    """What changed, how big, in which traffic: for an episode that came without sentences of its own."""
    said = [_sentence(plain(message, 200)) for message in attributes.hard[:2]]
    if attributes.moved:
        first = attributes.moved[0]
        name = called(first.metric, first.column, first.segment, first.term)
        said.append(_sentence(f"{name}: {sized(first)}"))
        others = len(attributes.moved) - 1
        if others:
            said.append(f"{others} other series move{'s' if others == 1 else ''} with it.")
    if attributes.segments:
        share = attributes.segments[0]
        said.append(f"{plain(share.segment, 60)} carries {number(share.share, 'share')} of it.")
    elif attributes.moved:
        said.append("No part of the traffic stands out.")
    return said


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".") + "."
