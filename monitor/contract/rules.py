"""What no single value can say: rules that compare parts of the contract with each other.

Each rule is a generator of problems; a promise that could not be kept is a problem too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from importlib import util

from monitor.contract import channels, objective
from monitor.contract.explain import suggestion
from monitor.contract.marks import Path, Problem
from monitor.contract.model import (
    KINDS,
    SINGLE_ROLES,
    Contract,
    FilesSource,
    LabelTable,
    PushSource,
    SqlSource,
    end_us,
    start_us,
)
from monitor.contract.values import DAY_US, duration_text
from monitor.evidently import METHODS

Rule = Callable[[Contract], Iterator[Problem]]

MOST_PROFILES = 7  # own profiles of a text column; as many columns does the table of word scores leave

# A family that vetoes retraining cannot ask for it: never train on broken data.
VETOES = ("schema", "volume", "quality", "encoding")


def windows_tile_a_day(contract: Contract) -> Iterator[Problem]:
    every = contract.window.every_us
    if DAY_US % every and every != 7 * DAY_US:
        yield Problem(
            ("window", "every"),
            f"{duration_text(every)} does not divide a day; write 5m, 1h, 6h, 1d or 7d, for example",
        )


def horizon_covers_lateness(contract: Contract) -> Iterator[Problem]:
    window = contract.window
    if window.horizon_us < window.lateness_us:
        yield Problem(
            ("window", "horizon"),
            f"{duration_text(window.horizon_us)} is shorter than the lateness of "
            f"{duration_text(window.lateness_us)}: records would come later than anybody looks; "
            "make it longer",
        )


def keep_covers_horizon(contract: Contract) -> Iterator[Problem]:
    window = contract.window
    if window.keep_us < window.horizon_us:
        yield Problem(
            ("window", "keep"),
            f"{duration_text(window.keep_us)} is shorter than the horizon of "
            f"{duration_text(window.horizon_us)}: a late record could not be merged with its window; "
            "keep samples longer",
        )


def kind_fits_role(contract: Contract) -> Iterator[Problem]:
    for name, spec in contract.column_specs.items():
        allowed = KINDS[spec.role]
        if spec.kind not in allowed:
            cure = "use role: feature" if spec.role == "input" else f"use kind: {' or '.join(allowed)}"
            cure = "use role: input" if spec.role == "feature" else cure
            yield Problem(
                ("columns", name, "kind"), f"a column of role {spec.role} cannot be {spec.kind}; {cure}"
            )


def settings_fit_kind(contract: Contract) -> Iterator[Problem]:
    for name, spec in contract.column_specs.items():
        at = ("columns", name)
        if spec.range is not None and spec.kind != "number":
            cure = "remove it" if spec.kind == "text" else "list its values, or use kind: number"
            yield Problem((*at, "range"), f"a {spec.kind} has no range; {cure}")
        if spec.values is not None and spec.kind != "category":
            yield Problem((*at, "values"), f"a {spec.kind} has no list of values; use kind: category")
        if spec.languages is not None and spec.kind != "text":
            yield Problem((*at, "languages"), f"a {spec.kind} has no languages; use kind: text")
        if spec.detector is not None:
            yield from _detector((*at, "detector"), spec.detector, spec.kind)
        if spec.profiles and spec.kind != "text":
            yield Problem((*at, "profiles"), f"a {spec.kind} has no language profiles; use kind: text")
        if spec.lexicon and spec.kind != "text":
            yield Problem((*at, "lexicon"), f"a {spec.kind} has no words to weigh; use kind: text")
        if spec.mixed_labels is not None and spec.kind != "text":
            yield Problem((*at, "mixed_labels"), f"a {spec.kind} mixes no languages; use kind: text")
        if spec.evidently and spec.kind == "text":
            yield Problem((*at, "evidently"), "Evidently's stat tests need numbers or categories; remove it")
        for index, method in enumerate(spec.evidently if spec.kind != "text" else ()):
            if spec.kind not in METHODS.get(method, ()):
                usable = sorted(name for name, kinds in METHODS.items() if spec.kind in kinds)
                yield Problem(
                    (*at, "evidently", index),
                    f"Evidently has no test {method} for a {spec.kind}; choose from {', '.join(usable)}",
                )
        if spec.slo is not None:
            yield from objective.problems(spec.slo, spec.role, spec.values, (*at, "slo"))
        for index, count in _repeats(spec.values or ()):
            yield Problem((*at, "values", index), f'"{count}" is listed twice; keep one')


def profiles_have_room(contract: Contract) -> Iterator[Problem]:
    for name, spec in contract.column_specs.items():
        at = ("columns", name, "profiles")
        if len(spec.profiles) > MOST_PROFILES:
            yield Problem(
                at, f"{len(spec.profiles)} are too many to tell apart; name at most {MOST_PROFILES}"
            )
        for index, path in _repeats(spec.profiles):
            yield Problem((*at, index), f"{path} is named twice; keep one")


def languages_have_profiles(contract: Contract) -> Iterator[Problem]:
    from checks.text.codes import is_known, languages

    for name, spec in contract.column_specs.items():
        if spec.kind != "text" or spec.profiles:
            continue  # a profile of one's own may carry any name
        for index, code in enumerate(spec.languages or ()):
            if not is_known(code):
                cure = suggestion(code, sorted(languages()))
                yield Problem(
                    ("columns", name, "languages", index), f'there is no profile of a language "{code}"{cure}'
                )


def lexicon_is_installed(contract: Contract) -> Iterator[Problem]:
    for name, spec in contract.column_specs.items():
        if spec.lexicon and spec.kind == "text" and util.find_spec("wordfreq") is None:
            cure = "needs wordfreq, which is not installed: pip install 'driftglass[lexicon]'"
            yield Problem(("columns", name, "lexicon"), cure)


def _detector(at: Path, name: str, kind: str) -> Iterator[Problem]:
    from checks.text import detectors

    if kind != "text":
        yield Problem(at, f"a {kind} has no language to detect; use kind: text")
    elif not detectors.is_known(name):
        yield Problem(
            at,
            f"no detector {name}; use ngrams, langdetect, lingua, py3langid, pycld2 or package.module:function",
        )
    elif (cure := detectors.missing(name)) is not None:
        yield Problem(at, cure)


def one_column_per_role(contract: Contract) -> Iterator[Problem]:
    for role in SINGLE_ROLES:
        names = contract.names(role)
        for name in names[1:]:
            yield Problem(("columns", name, "role"), f"{names[0]} is the {role} already; a model has one")


def something_to_watch(contract: Contract) -> Iterator[Problem]:
    if not any(contract.names(role) for role in ("input", "feature", "prediction", "score")):
        message = "nothing to watch; declare an input, a feature, a prediction or a score"
        yield Problem(("columns",), message, key=True)


def source_columns_are_apart(contract: Contract) -> Iterator[Problem]:
    source = contract.source
    named = {"id": source.id, "time": source.time}
    if isinstance(source, SqlSource):
        named["ingested"] = source.ingested
    first: dict[str, str] = {}
    for key, column in named.items():
        if column is None:
            continue
        if column in first:
            yield Problem(
                ("source", key), f"{column} is the record's {first[column]} already; name another column"
            )
        first.setdefault(column, key)
    for column, key in first.items():
        if column in contract.column_specs and key in ("id", "time"):
            yield Problem(
                ("columns", column), f"is the record's {key} already; remove it from the columns", key=True
            )


def source_is_complete(contract: Contract) -> Iterator[Problem]:
    source = contract.source
    if isinstance(source, SqlSource) and (source.table is None) == (source.query is None):
        yield Problem(("source",), "needs either table or query", key=True)
    if (
        isinstance(source, FilesSource)
        and source.delimiter is not None
        and source.format in ("jsonl", "parquet")
    ):
        yield Problem(("source", "delimiter"), f"{source.format} has no delimiter; remove it")


def push_keeps_its_reference(contract: Contract) -> Iterator[Problem]:
    reference, keep = contract.reference, contract.window.keep_us
    if not isinstance(contract.source, PushSource) or reference is None:
        return
    length = reference.trailing_us or 0
    if reference.start is not None and reference.end is not None:
        length = end_us(reference.end, contract.zone) - start_us(reference.start, contract.zone)
    if length > keep:
        yield Problem(
            ("window", "keep"),
            f"{duration_text(keep)} is shorter than the reference: what was pushed cannot be asked for again, and its "
            "samples would be gone when they are needed; make it longer",
        )


def reference_is_one_thing(contract: Contract) -> Iterator[Problem]:
    reference = contract.reference
    if reference is None:
        return
    span = reference.start is not None or reference.end is not None
    if [span, reference.path is not None, reference.trailing_us is not None].count(True) != 1:
        yield Problem(("reference",), "needs one of {from, to}, {path} or {trailing}", key=True)
    elif span and (reference.start is None or reference.end is None):
        missing = "from" if reference.start is None else "to"
        yield Problem(("reference", missing), "is missing; a span needs from and to")


def reference_holds_a_window(contract: Contract) -> Iterator[Problem]:
    reference = contract.reference
    if reference is None:
        return
    every = contract.window.every_us
    if reference.start is not None and reference.end is not None:
        start, end = start_us(reference.start, contract.zone), end_us(reference.end, contract.zone)
        if end <= start:
            yield Problem(
                ("reference", "to"),
                f"{reference.end} is before from, {reference.start}; write the earlier day first",
            )
        elif end - start < every:
            yield Problem(
                ("reference", "to"),
                f"the span is shorter than one window of {duration_text(every)}; make it longer",
            )
    elif reference.trailing_us is not None and reference.trailing_us < every:
        yield Problem(
            ("reference", "trailing"), f"is shorter than one window of {duration_text(every)}; make it longer"
        )


def labels_can_be_joined(contract: Contract) -> Iterator[Problem]:
    labels = contract.labels
    if labels is None:
        return
    if not contract.names("prediction"):
        yield Problem(
            ("labels",), "there is no prediction to compare with; declare a column of that role", key=True
        )
    predicted = [contract.column_specs[name].kind for name in contract.names("prediction")]
    if labels.positive is not None and "number" in predicted:
        yield Problem(
            ("labels", "positive"),
            "the prediction is a number, and a number has no yes; remove it, or make the prediction a category",
        )
    if contract.source.id is None:
        yield Problem(
            ("labels", "key"), "records have no id to be found by; name their column in source.id", key=True
        )
    window = contract.window
    if window.keep_us < labels.mature_after_us + window.every_us:
        yield Problem(
            ("labels", "mature_after"),
            f"samples are kept for {duration_text(window.keep_us)}: they would be gone when their labels are complete; "
            "keep them longer (window.keep)",
        )
    if isinstance(labels.source, LabelTable):
        if (labels.source.table is None) == (labels.source.query is None):
            yield Problem(("labels", "source"), "needs either table or query", key=True)
        if labels.labelled is None:
            yield Problem(
                ("labels",),
                "a table is read forward by the time of each label; name its column: labelled",
                key=True,
            )


def recipients_are_channels(contract: Contract) -> Iterator[Problem]:
    known = list(contract.channels)
    recipients = contract.alerts.channels
    for severity, names in (("page", recipients.page), ("ticket", recipients.ticket)):
        for index, name in enumerate(names):
            if name not in contract.channels:
                cure = suggestion(name, known) if known else "; define it under channels"
                yield Problem(("alerts", "channels", severity, index), f'there is no channel "{name}"{cure}')


def channels_are_whole(contract: Contract) -> Iterator[Problem]:
    yield from channels.problems(contract.channels)


def a_page_has_an_owner(contract: Contract) -> Iterator[Problem]:
    if not contract.alerts.channels.page:
        return
    for field in ("owner", "runbook"):
        if getattr(contract, field) is None:
            yield Problem((field,), f"is missing; who is paged must know {_WHO[field]}")


_WHO = {"owner": "whose model it is", "runbook": "what to do"}


def vetoes_ask_for_nothing(contract: Contract) -> Iterator[Problem]:
    if contract.retraining is None:
        return
    for index, family in enumerate(contract.retraining.when.any):
        if family in VETOES:
            yield Problem(
                ("retraining", "when", "any", index),
                f"{family} means broken data: it vetoes retraining and cannot ask for it; remove it",
            )


RULES: tuple[Rule, ...] = (
    windows_tile_a_day,
    horizon_covers_lateness,
    keep_covers_horizon,
    kind_fits_role,
    settings_fit_kind,
    profiles_have_room,
    languages_have_profiles,
    lexicon_is_installed,
    one_column_per_role,
    something_to_watch,
    source_columns_are_apart,
    source_is_complete,
    push_keeps_its_reference,
    reference_is_one_thing,
    reference_holds_a_window,
    labels_can_be_joined,
    recipients_are_channels,
    channels_are_whole,
    a_page_has_an_owner,
    vetoes_ask_for_nothing,
)


def _repeats(values: tuple[str, ...]) -> list[tuple[int, str]]:
    seen: Counter[str] = Counter()
    found = []
    for index, value in enumerate(values):
        if seen[value]:
            found.append((index, value))
        seen[value] += 1
    return found
