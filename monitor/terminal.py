"""How the command line shows things: tables and blocks on standard output, times and numbers as people read them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from monitor.alerts.attributes import Attributes
from monitor.store import alerts as alert_rows
from monitor.store.engine import Store

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table
    from sqlalchemy import RowMapping

    Row = Mapping[str, Any] | RowMapping

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CLOSED = {
    alert_rows.CLEAN: "resolved",
    alert_rows.RULE_CHANGED: "its rule changed",
    "feedback: expected": "marked expected",
    "feedback: false-alarm": "marked a false alarm",
}
_EXAMPLES = 2  # of an episode, on a terminal; the page has them all


def episode_list(store: Store, rows: Iterable[Row]) -> Group:
    """Episodes by time, a block each: when, what, how much, where, why, and the best example of the evidence."""
    from rich.console import Group
    from rich.text import Text

    blocks: list[Text] = []
    ordered = sorted(rows, key=lambda row: (row["opened_us"], row["id"]))
    with store.read() as conn:
        shown = {row["id"]: alert_rows.evidence_of(conn, row["id"], _EXAMPLES) for row in ordered}
    for row in ordered:
        attributes = Attributes.decode(row["attributes"])
        until = standing(row["closed_us"], row["close_reason"])
        state = f"{until}, explained by the {row['inhibited_by']} break" if row["inhibited_by"] else until
        block = Text(overflow="fold")
        block.append(f"#{row['id']}  {clock(row['opened_us'])}  ", "bold")
        block.append(row["family"], "bold red" if row["severity"] == "page" else "bold yellow")
        block.append(f"  {row['severity']}, {state}  [{row['model']}]\n")
        block.append(f"    {row['summary']}\n")
        where = ", ".join(f"{share.segment} {share.share:.0%}" for share in attributes.segments[:3])
        if where:
            block.append(f"    in {where}\n")
        for example in shown[row["id"]]:
            block.append(f"    {example.label}: {example.excerpt}\n", "dim")
        blocks.append(block)
    return Group(*blocks) if blocks else Group(Text("no alerts"))


def standing(closed_us: int | None, reason: str | None) -> str:
    """ "open", or until when an episode was and why it is closed."""
    if closed_us is None:
        return "open"
    why = _CLOSED.get(reason or "", reason)
    return f"until {clock(closed_us)}" + (f" ({why})" if why else "")


def trigger_list(rows: Iterable[Row]) -> Group:
    """Retraining triggers by time, with the reason of the guard that decided."""
    from rich.console import Group
    from rich.text import Text

    blocks = []
    for row in sorted(rows, key=lambda row: (row["window_start_us"], row["id"])):
        block = Text(overflow="fold")
        block.append(f"retraining {row['state']}", "bold red" if row["state"] == "vetoed" else "bold green")
        block.append(f"  {clock(row['window_start_us'])}  for alert #{row['episode_id']}  {row['id']}\n")
        block.append(f"    {row['reason']}\n")
        blocks.append(block)
    return Group(*blocks) if blocks else Group(Text("no triggers"))


def headed(*headings: str) -> Table:
    """An empty table with these headings."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold", no_wrap=heading == "window (UTC)")
    return table


def print_out(what: object) -> None:
    """Print a table or a line; into a file or a pipe as wide as it needs to be."""
    from rich.console import Console

    out = Console()
    # Into a file or a pipe tables are as wide as they need to be: nobody reads folded columns with grep.
    (out if out.is_terminal else Console(width=220)).print(
        what, highlight=False, soft_wrap=isinstance(what, str)
    )


def print_json(value: object) -> None:
    """Print JSON for programs."""
    json.dump(value, sys.stdout, ensure_ascii=False, indent=2, sort_keys=True, default=str)
    sys.stdout.write("\n")


def plain(row: Row) -> dict[str, Any]:
    """A row for JSON: times as text beside their microseconds, JSON columns as values."""
    plain: dict[str, Any] = {}
    for key, value in row.items():
        if key.endswith("_us") and key != "every_us":
            plain[key.removesuffix("_us")] = iso(value)
        elif key in ("attributes", "guards", "request", "segments", "features", "flags") and isinstance(
            value, str
        ):
            plain[key] = json.loads(value)
        elif key not in ("model_id", "callback_sha256"):
            plain[key] = value
    return plain


def moment_of(us: int) -> datetime:
    """A moment in UTC."""
    return _EPOCH + timedelta(microseconds=us)


def iso(us: int | None) -> str | None:
    """RFC 3339 in UTC, None for none."""
    return None if us is None else moment_of(us).isoformat().replace("+00:00", "Z")


def clock(us: int) -> str:
    """A moment with its weekday, in UTC."""
    return f"{moment_of(us):%a %Y-%m-%d %H:%M}"


def listed(counts: Mapping[str, int], without: tuple[str, ...] = ()) -> str:
    """ "3 failed, 1 queued" of counts by name; names that end with one of `without` are left out."""
    shown = (
        {name: count for name, count in counts.items() if not name.endswith(without)} if without else counts
    )
    return ", ".join(f"{count} {name}" for name, count in sorted(shown.items()))


def short(value: float | None) -> str:
    """Four digits, "" for none."""
    return "" if value is None else f"{value:.4g}"
