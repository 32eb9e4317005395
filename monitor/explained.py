"""`driftglass explain`: everything known of an alert, as three sentences and then tables, or as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from monitor.alerts.attributes import Damage, Mix, Moved
from monitor.alerts.message import safe
from monitor.reports import words
from monitor.reports.episodes import damage_view, everything
from monitor.store import outbox
from monitor.store.alerts import EventRow
from monitor.store.engine import Store
from monitor.terminal import clock, headed, print_json, print_out, short, standing
from monitor.web.charts import number

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

# Rows of a table that are read; the others are counted, and all are in the JSON.
_MOST_ROWS, _FEW = 8, 5

_Tried = Mapping[int, Sequence[outbox.Attempt]]


def show_explanation(store: Store, alert: int, *, as_json: bool) -> None:
    """Print what is known of an alert; the JSON is that of the API. NotFound if there is none."""
    with store.read() as conn:
        known = everything(conn, alert)
        tried = {sent.id: outbox.attempts_of(conn, sent.id) for sent in known["notifications"]}
    if as_json:
        from monitor.api.schemas import AlertDetail

        print_json(AlertDetail.model_validate(known).model_dump(mode="json"))
        return
    from rich.markup import escape

    for block in _blocks(known, tried):
        # Text of other people is never markup.
        print_out(escape(block) if isinstance(block, str) else block)


def _blocks(known: dict[str, Any], tried: _Tried) -> Iterator[RenderableType]:
    yield _head(known)
    yield "\n".join(safe(sentence) for sentence in known["sentences"] or (known["summary"],))
    beside = [known[name] for name in ("campaign", "newcomers") if known[name]]
    if untold := [clause for clause in beside if not any(clause in told for told in known["sentences"])]:
        yield "\n".join(f"Besides, {safe(clause)}." for clause in untold)
    if known["breaks"]:
        yield _titled("Broken rules of the contract")
        yield "\n".join(f"  {safe(message)}" for message in known["breaks"])
    for title, table in _tables(known):
        yield _titled(title)
        yield table
    if known["damage"] is not None:
        yield from _mojibake(known["damage"])
    if known["evidence"]:
        yield _titled("Examples (redacted)")
        yield "\n".join(_example(row) for row in known["evidence"][:_MOST_ROWS])
    yield _titled("What happened")
    yield _history(known, tried)


def _head(known: dict[str, Any]) -> RenderableType:
    from rich.text import Text

    until = standing(known["closed_us"], known["close_reason"])
    head = Text(f"#{known['id']}  {clock(known['opened_us'])}  ", "bold")
    head.append(known["family"], "bold red" if known["severity"] == "page" else "bold yellow")
    head.append(f"  {known['severity']}, {until}  [{known['model']}]")
    if known["inhibited_by"]:
        head.append(f", explained by the {known['inhibited_by']} break")
    return head


def _titled(title: str) -> RenderableType:
    from rich.text import Text

    return Text(f"\n{title}", "bold")


def _tables(known: dict[str, Any]) -> Iterator[tuple[str, Table]]:
    named: Sequence[Moved] = known["named"]
    yield from _of_rows(
        "What moved, heaviest first",
        ("series", "value", "normal", "usually", "effect", "z"),
        [_moved(one) for one in named],
    )
    yield from _of_rows(
        "Where the values went",
        ("series", "values", "before", "now", "of the change"),
        [
            (_called(one.series, named), one.label, _share(one.before), _share(one.now), _share(one.share))
            for one in known["bins"]
        ],
    )
    yield from _of_rows(
        "Which segments carry it",
        ("segment", "of the change"),
        [(one.segment, _share(one.share)) for one in known["segments"]],
    )
    yield from _of_rows(
        "Another mix of segments, or change within them",
        ("dimension", "mix", "within", "most of the mix", "its part of the traffic"),
        [_mix(one) for one in known["mixes"]],
    )
    yield from _of_rows(
        "Words that became more frequent",
        ("word", "messages", "expected", "z"),
        [
            (one.term, f"{one.documents:,}", number(one.expected_documents, "number"), f"{one.z:+.1f}")
            for one in known["terms"]
        ],
    )


def _of_rows(
    title: str, headings: tuple[str, ...], rows: Sequence[tuple[str, ...]]
) -> Iterator[tuple[str, Table]]:
    """A table with its title, none without rows. Cells are text of other people: never read as markup."""
    from rich.text import Text

    if not rows:
        return
    table = headed(*headings)
    for row in rows[:_MOST_ROWS]:
        table.add_row(*(Text(safe(cell)) for cell in row))
    yield (f"{title} ({_MOST_ROWS} of {len(rows)})" if len(rows) > _MOST_ROWS else title), table


def _mix(one: Mix) -> tuple[str, ...]:
    part = f"{_share(one.before)} to {_share(one.now)}"
    return (
        one.dimension,
        _share(one.share),
        _share(1 - one.share),
        *((one.segment, part) if one.sure else ("–", "as before, but for chance")),
    )


def _moved(one: Moved) -> tuple[str, ...]:
    unit = words.unit_of_metric(one.metric)
    usually = ""
    if one.expected_low is not None and one.expected_high is not None:
        usually = f"{number(one.expected_low, unit)} to {number(one.expected_high, unit)}"
    return (
        words.called(one.metric, one.column, one.segment, one.term),
        number(one.value, unit),
        number(one.expected, unit),
        usually,
        short(one.effect),
        "" if one.z is None else f"{one.z:+.1f}",
    )


def _called(series: str, named: Sequence[Moved]) -> str:
    one = next((moved for moved in named if moved.series == series), None)
    return series if one is None else words.called(one.metric, one.column, one.segment, one.term)


def _share(value: float) -> str:
    return number(value, "share").replace("\N{NO-BREAK SPACE}", " ")


def _mojibake(damage: Damage) -> Iterator[RenderableType]:
    view = damage_view(damage)
    lines = [("suspected", view.suspected), ("confirmed", view.confirmed)]
    lines += [("UTF-8 read as", f"{name} {share}") for name, share in view.codecs]
    if view.legacy:
        lines.append(("never UTF-8", f"{view.legacy}: one legacy codec’s text read with another"))
    lines += [
        ("sequence", f"{shown} ({points}) {records}") for shown, points, records in view.sequences[:_FEW]
    ]
    yield _titled("What the mojibake is consistent with")
    yield "\n".join(f"  {name:14} {safe(said)}" for name, said in lines)


def _example(row: Any) -> str:
    line = f"  {clock(row.window_start_us)}  [{safe(row.label)}] {safe(row.excerpt)}"
    return line if row.repair is None else f"{line}\n{'':24}ftfy would read: {safe(row.repair)}"


def _history(known: dict[str, Any], tried: _Tried) -> str:
    happened = [(event.at_us, _event(event)) for event in known["events"]]
    happened += [_message(sent, tried[sent.id]) for sent in known["notifications"]]
    lines = [f"  {clock(at_us)}  {what}" for at_us, what in sorted(happened, key=lambda one: one[0])]
    if known["trigger_id"]:
        lines.append(f"  retraining {known['trigger_id']}: see `driftglass triggers`")
    return "\n".join(lines) or "  nothing is recorded"


def _event(event: EventRow) -> str:
    """What happened, in which window; of what a person did, who and with what words."""
    verdict, by, note = (str(event.detail.get(name) or "") for name in ("verdict", "by", "note"))
    said = f"{event.event} {safe(verdict)}" if verdict else event.event
    if not by:
        return f"{said}, window {clock(event.window_start_us)}"
    return f"{said} by {safe(by)}" + (f": {safe(note)}" if note else "")


def _message(sent: outbox.Message, attempts: Sequence[outbox.Attempt]) -> tuple[int, str]:
    """When a message was sent, or last tried, or else written; and how it is with it."""
    to = f"message to {safe(sent.channel)}"
    tried_us = attempts[-1].at_us if attempts else sent.created_us
    why = safe(sent.last_error) if sent.last_error else "not tried yet"
    if sent.state == "sent":
        return sent.sent_us if sent.sent_us is not None else tried_us, f"{to} sent"
    return tried_us, f"{to} was given up: {why}" if sent.state == "dead" else f"{to} waits: {why}"
