"""A first contract from a look at data: what `driftglass init` writes for a person to read and correct.

A bounded look (the first records and the last), guesses by name and by shape, and a comment beside each guess
that a person should check. What is guessed is never a hard limit: ranges and values stand there as comments.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.contract.guess import Found, Times, columns, identity_column, roles_of, time_column
from monitor.contract.model import FilesSource
from monitor.contract.values import duration_text
from monitor.errors import UsageError

if TYPE_CHECKING:
    import pyarrow as pa
    from sqlalchemy.engine import URL

_HOUR_US = 3_600_000_000
_WINDOWS_US = (_HOUR_US, 6 * _HOUR_US, 24 * _HOUR_US)
_RECORDS_PER_WINDOW = 200  # on average; fewer and a window says little
_LONGEST_REFERENCE_DAYS = 84


def infer(target: str, relative_to: Path | None = None) -> str:
    """The text of a contract for a file, a glob, an fsspec URL, or a table: `sqlite:///x.db#table`.

    A local path is written relative to `relative_to`, where the contract will lie. `monitor.contract.parse`
    accepts the text. Raises UsageError or SourceError where there is nothing to look at, or no column that
    holds times.
    """
    if re.match(r"(sqlite|postgresql|postgres)(\+\w+)?://", target):
        return _of_table(target)
    if other := re.match(r"(mysql|mariadb|mssql|oracle)(?=(\+\w+)?://)", target):
        raise UsageError(f"{other[0]} is not read; use a sqlite or postgresql address, or files")
    from monitor.sources.files import Files

    remote = "://" in target
    tables, rows = Files(FilesSource(path=target, time="-"), Path.cwd(), {}).look()
    path = target if remote or relative_to is None else os.path.relpath(target, relative_to)
    stem = re.sub(r"[*?\[].*$", "", Path(target.rsplit("/", 1)[-1]).stem) or Path(target).parent.name
    source = ["  type: files", f"  path: {_scalar(path)}"]
    return _contract(tables, rows, source, stem)


def _of_table(target: str) -> str:
    from monitor.sources.sql_look import look

    url, name = _address(target)
    first = look(url, name)
    tables = [first.table]
    times = time_column(columns(tables), tables)
    if times is not None:
        tables.append(look(url, name, newest_by=times.name).table)
    return _contract(tables, first.rows, _sql_lines(url, name), name.rpartition(".")[2], key=first.key)


def _address(target: str) -> tuple[URL, str]:
    """The database and the table of `sqlite:///x.db#table`; no error shows the target, it may hold a password."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    address, _, name = target.rpartition("#") if "#" in target else (target, "", "")
    try:
        url = make_url(re.sub(r"^postgres://", "postgresql://", address))
    except (ArgumentError, ValueError):
        url = None
    if url is None or "@" in name + (url.database or "") or "#" in address:
        raise UsageError(
            "this is no database address: write postgresql://user:password@host:port/name#table, "
            "with @, :, / and # of a password as %40, %3A, %2F and %23"
        ) from None
    name = name or str(url.query.get("table", ""))
    return url.difference_update_query(["table"]), name


def _contract(
    tables: Sequence[pa.Table], rows: int, source: Sequence[str], stem: str, key: str | None = None
) -> str:
    found = columns(tables)
    times = time_column(found, tables)
    if times is None:
        names = ", ".join(column.name for column in found)
        if not names or not any(table.num_rows for table in tables):
            header = f", only the columns {names}" if names else ""
            raise UsageError(f"there is no record in the data{header}: init needs some to look at")
        raise UsageError(
            f"no column holds the time of a record (there are {names}); "
            "add one, or write the contract by hand"
        )
    others = [column for column in found if column.name != times.name]
    identity = next((column for column in others if column.name == key), None) or identity_column(others)
    rest = [
        column for column in found if column.name not in (times.name, identity.name if identity else None)
    ]
    roles = roles_of(rest)
    looked_at = sum(table.num_rows for table in tables)
    return "\n".join(
        [
            "# yaml-language-server: $schema=./contract.schema.json",
            f"# Written by driftglass init from a look at {looked_at:,} of about {rows:,} records:",
            "# read every line before you rely on it.",
            f"model: {_slug(stem)}",
            "# owner: the team that is asked",
            "# runbook: https://… what to do when it pages",
            *_zone_lines(times),
            "source:",
            *source,
            *_identity_lines(identity),
            f"  time: {_scalar(times.name)}",
            "columns:",
            *_column_lines(rest, roles),
            *_window_lines(times, rows),
            *(_LABELS if identity is not None and "prediction" in roles.values() else ()),
            "",
        ]
    )


_LABELS = (
    "# What turned out to be true, if it is told later (see driftglass performance):",
    "# labels: {source: {path: labels/*.csv}, key: …, value: …, labelled: …, mature_after: 7d}",
)


def _zone_lines(times: Times) -> list[str]:
    if times.with_zone:
        return ["timezone: UTC   # of days, weeks and holidays; the times carry their own zone"]
    return ["timezone: UTC   # the times name no zone: write the one they are in, such as Europe/Berlin"]


def _identity_lines(identity: Found | None) -> list[str]:
    if identity is None:
        return ["  # id: no column is unique; without one a record is known by its content and its place"]
    repeated = len(identity.words) - len(identity.distinct)
    note = (
        f"   # {repeated} of {len(identity.words):,} repeat: of those the first is counted"
        if repeated
        else ""
    )
    return [f"  id: {_scalar(identity.name)}{note}"]


def _column_lines(found: Sequence[Found], roles: Mapping[str, str]) -> list[str]:
    order = ("input", "segment", "prediction", "score", "latency", "version", "status", "unit", "feature")
    lines = []
    for role in order:
        lines += [_column_line(column, role) for column in found if roles.get(column.name) == role]
    for column in found:
        if column.name not in roles:
            why = "more text: {role: input}" if column.is_text else _left_out(column)
            lines.append(f"  # {_scalar(column.name)}: left out: {why}")
    if not any(role in ("input", "prediction", "score", "feature") for role in roles.values()):
        raise UsageError(
            "no text, prediction, score or feature was found to watch; write the contract by hand"
        )
    return lines


def _column_line(column: Found, role: str) -> str:
    name, note = _scalar(column.name), ""
    settings = f"role: {role}"
    if role == "feature":
        settings += f", kind: {'number' if column.is_number else 'category'}"
    if role == "input":
        settings += ", kind: text"
        note = "languages: [en, es] restricts what is looked for"
    elif role == "score":
        settings += ", range: [0, 1]"
    elif role == "latency":
        note = "slo: {p99: 200, objective: 0.99} in milliseconds"
    elif role == "segment":
        note = f"{len(column.distinct)} values; every check is also looked at per value"
    elif role == "unit":
        note = "who sent it; stored only as HMAC, with privacy: {key: env:…}"
    elif role == "prediction":
        values = ", ".join(_scalar(word) for word in sorted(column.distinct)[:10])
        more = ", …" if len(column.distinct) > 10 else ""
        note = f"values: [{values}{more}] makes any other a break" if len(column.distinct) else ""
    elif column.is_number:
        low, high = min(column.numbers), max(column.numbers)
        note = f"seen from {low:g} to {high:g}"
    else:
        note = f"{len(column.distinct)} values" + (
            f", {column.null_share:.0%} empty" if column.null_share > 0.01 else ""
        )
    line = f"  {name}: {{{settings}}}"
    return f"{line}   # {note}" if note else line


def _left_out(column: Found) -> str:
    return f"{len(column.distinct)} different values" if column.words else "empty"


def _window_lines(times: Times, rows: int) -> list[str]:
    first, last = times.days
    span_us = max(int(times.us.max() - times.us.min()), 1)
    every = next((us for us in _WINDOWS_US if rows * us / span_us >= _RECORDS_PER_WINDOW), _WINDOWS_US[-1])
    count = (last - first).days + 1
    window = f"{{every: {duration_text(every)}, lateness: 10m, horizon: 2d, sample: 2000, keep: 30d}}"
    lines = [f"window: {window}   # about {max(1, round(rows * every / span_us)):,} records each"]
    if count < 2:
        return [
            *lines,
            "# reference: {from: …, to: …}   # the data spans less than two days: too short for one",
        ]
    days = count // 2
    days = min(days - days % 7 if days >= 14 else days, _LONGEST_REFERENCE_DAYS)
    start = first if count <= 4 * days else last - timedelta(days=2 * days)
    end = start + timedelta(days=days - 1)
    lines.append(
        "# What is normal. Days are inclusive; choose days on which nothing was wrong, whole weeks at best."
    )
    lines.append(f"reference: {{from: {start}, to: {end}}}   # the data spans {first} to {last}")
    return lines


def _sql_lines(url: URL, name: str) -> list[str]:
    secret = url.password is not None or "password" in url.query
    line = (
        "env:SOURCE_URL   # export SOURCE_URL with the database's address: a password does not belong here"
        if secret
        else _scalar(url.render_as_string())
    )
    return ["  type: sql", f"  url: {line}", f"  table: {_scalar(name)}"]


def _slug(stem: str) -> str:
    slug = re.sub(r"[^a-z0-9_.-]+", "-", stem.lower()).strip("-_.")[:63]
    return slug or "model"


def _scalar(text: str) -> str:
    """A word as YAML reads it back: plain where that is safe, else in quotes."""
    plain = re.fullmatch(r"[A-Za-z_./][\w./*+-]*(?: [\w./*+-]+)*", text)
    word = text.lower() not in ("true", "false", "null", "yes", "no", "on", "off", ".inf", ".nan")
    url = re.fullmatch(r"[a-z][a-z0-9+]*://[^\s#,\[\]{}\"']+", text)
    return text if (plain and word) or url else json.dumps(text, ensure_ascii=False)
