"""An inspection as a person reads it at a terminal: headline, then a table per question, with examples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from monitor.inspection.names import LANGUAGES

if TYPE_CHECKING:
    from checks.text.confirmation import Confirmation
    from checks.text.summary import Share, Summary
    from monitor.inspection.reading import Inspected

_ROWS = 8  # of a table; the rest is one line
_NAMES = 22  # characters: so that the tables stand in line
_LEAST = 0.005  # languages below this share are named in the rest, with no example of their own


def report(found: Inspected) -> Group:
    """Everything that was found. Classes that no message shows are left out."""
    summary = found.summary
    blocks: list[RenderableType] = [_head(found)]
    blocks += _section("Languages", summary.languages, least=_LEAST)
    blocks += _mixing(summary)
    if len(summary.scripts) > 1:
        blocks += _section("Scripts", summary.scripts)
    blocks += _section("Encoding damage", summary.encoding, "none found")
    if summary.codecs:
        blocks.append(_line("read with the wrong codec: " + _codecs(summary)))
    blocks += _confirmed(found.confirmation)
    blocks += _section("Evasion", summary.evasion, "none found")
    blocks += _words(summary)
    blocks.append(_line(_how(found), "dim"))
    return Group(*blocks)


def _head(found: Inspected) -> Text:
    summary = found.summary
    head = Text(overflow="fold")
    head.append(found.path, "bold")
    head.append(f"  column {found.column}" if found.column else "  line by line")
    head.append(f"\n{summary.messages:,} messages")
    without = [
        f"{count:,} {word}" for count, word in ((summary.nulls, "null"), (summary.empty, "empty")) if count
    ]
    head.append(f" ({', '.join(without)})" if without else "")
    head.append(f", {summary.characters:,} characters, {summary.words:,} words")
    if found.aside.count:
        head.append(f"\n{found.aside.count:,} set aside: {found.aside.first[0]}", "yellow")
    return head


def _section(
    title: str, shares: Sequence[Share], nothing: str = "none", least: float = 0.0
) -> list[RenderableType]:
    if not shares:
        return [_line(f"\n{title}: {nothing}", "bold")]
    shown = [one for one in shares if one.share >= least][:_ROWS] or list(shares[:1])
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    table.add_column(title, no_wrap=True, min_width=_NAMES)
    table.add_column("messages", justify="right", no_wrap=True)
    table.add_column("share", justify="right", no_wrap=True)
    table.add_column("95 %", no_wrap=True)
    if any(one.examples for one in shown):
        table.add_column("such as", style="dim", no_wrap=True, overflow="ellipsis", ratio=1)
    for one in shown:
        cells: list[RenderableType] = [
            _name(one.name),
            f"{one.messages:,}",
            percent(one.share),
            _interval(one),
        ]
        cells += [Text(text) for text in one.examples[:1]]
        table.add_row(*cells)
    blocks: list[RenderableType] = [Text(""), table]
    rest = shares[len(shown) :]
    if rest:
        named = ", ".join(f"{one.name} {one.messages:,}" for one in rest[:12])
        blocks.append(_line(f"and {named}{' …' if len(rest) > 12 else ''}", "dim"))
    return blocks


def _mixing(summary: Summary) -> list[RenderableType]:
    mixed = summary.mixed
    line = Text("\nMixed: ", "bold", overflow="fold")
    line.append(f"{percent(mixed.share)} ({_interval(mixed)}) of the messages use two languages", "not bold")
    if summary.mixed_corrected is not None:
        corrected = summary.mixed_corrected
        line.append(
            f"; corrected by the labels: {percent(corrected.share)} ({_interval(corrected)})", "not bold"
        )
    figures = [
        ("switch after a word (I-index)", summary.i_index),
        (f"evenness of {len(summary.m_index_of)} languages (M-index)", summary.m_index),
        ("entropy, bits", summary.entropy),
        ("C_u of the mixed", summary.c_u),
    ]
    known = [f"{name} {value:.3g}" for name, value in figures if value is not None]
    blocks: list[RenderableType] = [line, _line(" · ".join(known), "dim")]
    return blocks + (_section("Pairs", summary.pairs) if summary.pairs else [])


def _words(summary: Summary) -> list[RenderableType]:
    line = Text("\nWords: ", "bold", overflow="fold")
    nobody = "that no other message has" if summary.learnt_here else "that the reference does not know"
    unknown = summary.unknown
    line.append(f"{percent(unknown.share)} of the messages have a word {nobody}", "not bold")
    repeated = Text("Repeated: ", "bold", overflow="fold")
    about = "" if summary.counted_all else "about "
    repeated.append(
        f"{about}{percent(summary.duplicates.share)} of the messages were said before", "not bold"
    )
    blocks = [_line(f"{one.messages:>9,} × {one.name}", "dim") for one in summary.repeated]
    return [line, repeated, *blocks]


def _codecs(summary: Summary) -> str:
    total = sum(count for _, count in summary.codecs)
    return ", ".join(f"{percent(count / total)} as {codec}" for codec, count in summary.codecs[:4])


def _confirmed(found: Confirmation | None) -> list[RenderableType]:
    """The second opinion on mojibake, for as far as it went."""
    if found is None or not (found.looked_at or found.others_looked_at):
        return []
    said = []
    if found.looked_at:
        outside = f" ({found.outside:,} are of codecs that it does not try)" if found.outside else ""
        said.append(f"ftfy would repair {found.confirmed:,} of {found.looked_at:,} with mojibake{outside}")
    if found.others_looked_at:
        said.append(
            f"{'ftfy would repair ' if not said else ''}{found.missed:,} of {found.others_looked_at:,} others"
        )
    low, high = (percent(end) for end in (found.low, found.high))
    return [
        _line(f"confirmed: {percent(found.rate)} of all messages ({low} to {high}): " + " and ".join(said))
    ]


def _how(found: Inspected) -> str:
    learnt = (
        f"{found.learnt_from:,} of them" if found.learnt_from < found.summary.messages else "these messages"
    )
    versions = found.summary.versions
    return (
        f"\nWhich languages and words to expect was learnt from {learnt}, so two files are not comparable this way; "
        f"driftglass init writes a contract with a reference. Profiles of langdetect {versions['langdetect']}, "
        f"Unicode {versions['unicode']}."
    )


def _line(text: str, style: str = "") -> Text:
    return Text(text, style, overflow="fold")


def _name(name: str) -> Text:
    shown = Text(name, "bold")
    return shown.append(f" {LANGUAGES[name]}", "not bold") if name in LANGUAGES else shown


def percent(share: float) -> str:
    """A share as people write it: "12.3 %", "0.04 %"."""
    value = 100 * share
    return f"{value:.0f} %" if value in (0, 100) else f"{value:.{1 if value >= 1 else 2}f} %"


def _interval(one: Share) -> str:
    low, high = 100 * one.low, 100 * one.high
    places = 1 if high >= 1 else 2
    return f"{low:.{places}f}–{high:.{places}f}"
