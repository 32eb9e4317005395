"""`driftglass quarantine`: the records and cells that were set aside, and why."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.doors.opening import store_with_models
from monitor.doors.options import Database, Json, Limit

if TYPE_CHECKING:
    from sqlalchemy import Connection, RowMapping

    from monitor.contract.model import Privacy

_WIDTH = 160  # characters of what was kept


def quarantine(
    model: Annotated[str, typer.Argument(help="Whose records.")],
    reason: Annotated[
        str | None, typer.Option(help="Only for this reason, such as unreadable_time; `status` counts them.")
    ] = None,
    column: Annotated[str | None, typer.Option(help="Only of this column.")] = None,
    limit: Limit = 50,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """What of a model's data was set aside and why, the latest first."""
    from monitor.store import listing, models
    from monitor.store import quarantine as kept
    from monitor.terminal import print_json

    with store_with_models(database) as store, store.read() as conn:
        model_id = models.get(conn, model).id
        page = listing.quarantine(conn, model_id, reason=reason, column=column, limit=limit)
        counts = kept.counts(conn, model_id)
        privacy = _privacy(conn, model_id)
    rows = [_plain(row, privacy) for row in page.rows]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        typer.echo(_block(row))
    matching = {key: n for key, n in counts.items() if reason in (None, key[0]) and column in (None, key[1])}
    if not rows:
        typer.echo(f"{model}: {_nothing(counts)}", err=True)
    elif (total := sum(matching.values())) > len(rows):
        typer.echo(f"the latest {len(rows):,} of {total:,}; --limit shows more", err=True)


def _nothing(counts: dict[tuple[str, str], int]) -> str:
    if not counts:
        return "nothing was set aside"
    known = ", ".join(f"{reason} of {column}" if column else reason for reason, column in counts)
    return f"nothing of that kind was set aside; there are {known}"


def _privacy(conn: Connection, model_id: int) -> Privacy:
    """What the contract says of texts; for one that cannot be read here all that is known is redacted."""
    from monitor.contract import parse
    from monitor.contract.model import Privacy
    from monitor.errors import ContractError
    from monitor.store import contracts, models

    if models.by_id(conn, model_id).contract_id is None:
        return Privacy()
    try:
        return parse(contracts.current(conn, model_id).body).privacy
    except ContractError:
        return Privacy()


def _plain(row: RowMapping, privacy: Privacy) -> dict[str, Any]:
    """A row as the API gives it, and a redacted piece of what was kept (None if nothing was, or may be shown)."""
    from monitor.terminal import iso

    shown = {name: row[name] for name in ("id", "piece", "place", "reason", "column", "detail")}
    times = {"window_start": iso(row["window_start_us"]), "created": iso(row["created_us"])}
    return {**shown, **times, "counted": bool(row["counted"]), "excerpt": _excerpt(row["raw"], privacy)}


def _excerpt(raw: bytes | None, privacy: Privacy) -> str | None:
    """The beginning of a record in one line. Redacted before it is cut: half an address is no address to be found."""
    from monitor.privacy import redact

    if raw is None or privacy.text == "none":
        return None
    words = bytes(raw).decode("utf-8", "backslashreplace")
    if privacy.text == "redacted":
        (words,) = redact([words], privacy.redact)
    words = _line(words)
    return words if len(words) <= _WIDTH else words[: _WIDTH - 1] + "…"


def _block(row: dict[str, Any]) -> str:
    # A piece is a file with its version, or a table with where the page began: the place in it says more.
    origin = re.sub(r"(@[0-9a-f]+#\w+|\?.*)$", "", row["piece"], count=1, flags=re.DOTALL)
    of = f" of {row['column']}" if row["column"] else ""
    became = "the cell is left out, its record counts" if row["counted"] else "the record is left out"
    lines = [
        f"#{row['id']}  {_line(origin)}  {_line(row['place'])}  {_line(row['reason'] + of)}",
        f"    {_line(row['detail'])}; {became}",
    ]
    return "\n".join([*lines, f"    {row['excerpt']}"] if row["excerpt"] else lines)


def _line(words: str) -> str:
    """What senders wrote in one line, and nothing in it that a terminal would obey."""
    from checks.text import reveal

    return reveal(" ".join(words.split()))
