"""The small values of a contract: durations, budgets, moments, secrets. Each parser says how to write it."""

from __future__ import annotations

import re
from datetime import date, datetime
from ipaddress import ip_address, ip_network
from typing import Annotated, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError

SECOND_US = 1_000_000
DAY_US = 86_400 * SECOND_US
UNIT_US = {"s": SECOND_US, "m": 60 * SECOND_US, "h": 3_600 * SECOND_US, "d": DAY_US, "w": 7 * DAY_US}

_DURATION = re.compile(r"(\d+)\s*([smhdw])")
_WRITTEN_OUT = re.compile(r"(\d+)\s*([a-z]+)", re.IGNORECASE)
_BUDGET = re.compile(r"(\d+(?:\.\d+)?)\s+per\s+(\d+\s*[smhdw])")
_WINDOWS = re.compile(r"(\d+)\s+windows?")
_REFERENCE = re.compile(r"(env|file):\S+")


def problem(message: str) -> PydanticCustomError:
    """An error whose text reaches the reader as it is."""
    # The message goes through the context: braces in a user's value are not fields of the template.
    return PydanticCustomError("contract", "{message}", {"message": message})


def duration_us(value: Any) -> int:
    """Microseconds of "10m", "1h", "7d": whole seconds (s), minutes (m), hours (h), days (d) or weeks (w)."""
    if isinstance(value, str):
        if found := _DURATION.fullmatch(value.strip()):
            return int(found[1]) * UNIT_US[found[2]]
        if (found := _WRITTEN_OUT.fullmatch(value.strip())) and found[2][0].lower() in UNIT_US:
            raise problem(f'"{value}" is not a duration; did you mean "{found[1]}{found[2][0].lower()}"?')
    raise problem(
        f"{_shown(value)} is not a duration; write a number and s, m, h, d or w, such as 10m, 6h or 7d"
    )


def duration_text(us: int) -> str:
    """The shortest writing of a duration that `duration_us` reads back: 21,600,000,000 is "6h"."""
    for unit in ("w", "d", "h", "m"):
        if us and us % UNIT_US[unit] == 0:
            return f"{us // UNIT_US[unit]}{unit}"
    return f"{us // SECOND_US}s"


def _positive(us: int) -> int:
    if us <= 0:
        raise problem("must be longer than nothing; write for example 1h")
    return us


def budget_parts(value: Any) -> Any:
    """{"episodes": 1.0, "days": 90.0} of "1 per 90d"; a mapping passes as it is."""
    if isinstance(value, dict):
        return value
    if not isinstance(value, str) or not (found := _BUDGET.fullmatch(value.strip())):
        raise problem(f'{_shown(value)} is not a budget; write episodes per span, such as "1 per 90d"')
    span = duration_us(found[2])
    if float(found[1]) <= 0 or span <= 0:
        raise problem("a budget of nothing cannot be kept; write for example 1 per 90d")
    return {"episodes": float(found[1]), "days": span / DAY_US}


def window_count(value: Any) -> int:
    """3 of "3 windows" (or of the bare number)."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return value
    if isinstance(value, str) and (found := _WINDOWS.fullmatch(value.strip())) and int(found[1]) >= 1:
        return int(found[1])
    raise problem(f'{_shown(value)} is not a count of windows; write for example "3 windows"')


def moment(value: Any) -> date | datetime:
    """A day (2026-08-01) or a moment (2026-08-01T06:00, with or without a zone)."""
    if isinstance(value, datetime | date):
        return value
    if isinstance(value, str):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            pass
    raise problem(f"{_shown(value)} is not a day; write it as 2026-08-01 or 2026-08-01T06:00")


def day(value: Any) -> date:
    """A day, 2026-12-25."""
    found = moment(value)
    if isinstance(found, datetime):
        raise problem(f"{_shown(value)} is a moment, not a day; write it as 2026-12-25")
    return found


def timezone(value: str) -> str:
    """A name of the time zone database."""
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError) as error:
        raise problem(f'"{value}" is no time zone; write a name such as UTC or Europe/Berlin') from error
    return value


def secret_reference(value: str) -> str:
    """`env:NAME` or `file:/path`: the contract never holds the secret itself."""
    if not _REFERENCE.fullmatch(value):
        raise problem("a secret does not belong in a contract; write env:NAME or file:/path")
    return value


def endpoint(value: str) -> str:
    """`env:NAME`, `file:/path`, or an http address of this machine."""
    if _REFERENCE.fullmatch(value):
        return value
    parts = urlsplit(value)
    if parts.scheme in {"http", "https"} and _is_loopback(parts.hostname or "") and not parts.password:
        return value
    raise problem(
        "write env:NAME or file:/path; only an address of this machine (http://127.0.0.1:9093) may stand here"
    )


def database(value: str) -> str:
    """`env:NAME`, `file:/path`, or a database URL without a password."""
    if _REFERENCE.fullmatch(value):
        return value
    parts = urlsplit(value)
    if "://" not in value:
        raise problem("write env:NAME, file:/path or a database URL such as sqlite:///records.db")
    if parts.password:
        raise problem("a password does not belong in a contract; write env:NAME and put the URL there")
    return value


def network(value: str) -> str:
    """An address or a network that notifications may reach although it is private."""
    try:
        return str(ip_network(value, strict=False))
    except ValueError as error:
        raise problem(f'"{value}" is no address; write for example 10.1.2.3 or 10.0.0.0/8') from error


def word(value: Any) -> str:
    """A declared value as the word that counting sees: 1 and 1.0 are "1", true is "true"."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, str):
        return value
    raise problem(f"{_shown(value)} is not a value; write a word or a number")


def number_range(value: Any) -> tuple[float, float]:
    """Two numbers, low first; .inf and -.inf leave a side open."""
    numbers = (
        [v for v in value if isinstance(v, int | float) and not isinstance(v, bool)]
        if isinstance(value, list | tuple)
        else []
    )
    if len(numbers) != 2 or len(value) != 2 or not numbers[0] < numbers[1]:
        raise problem("expected two numbers, low first")
    return float(numbers[0]), float(numbers[1])


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _shown(value: Any) -> str:
    text = str(value)
    return f'"{text}"' if len(text) <= 40 else f'"{text[:40]}…"'


_duration_schema = {"type": "string", "pattern": r"^\d+\s*[smhdw]$", "examples": ["10m", "1h", "7d"]}

Text = Annotated[str, Field(strict=True, min_length=1)]
DurationUs = Annotated[
    int,
    BeforeValidator(duration_us),
    AfterValidator(_positive),
    PlainSerializer(duration_text),
    WithJsonSchema(_duration_schema),
]
DurationOrNoneUs = Annotated[
    int, BeforeValidator(duration_us), PlainSerializer(duration_text), WithJsonSchema(_duration_schema)
]
WindowCount = Annotated[
    int,
    BeforeValidator(window_count),
    WithJsonSchema({"type": ["string", "integer"], "examples": ["3 windows"]}),
]
Moment = Annotated[
    date | datetime,
    BeforeValidator(moment),
    WithJsonSchema({"type": "string", "examples": ["2026-08-01", "2026-08-01T06:00"]}),
]
Day = Annotated[date, BeforeValidator(day), WithJsonSchema({"type": "string", "format": "date"})]
TimeZone = Annotated[Text, AfterValidator(timezone)]
SecretReference = Annotated[Text, AfterValidator(secret_reference)]
Endpoint = Annotated[Text, AfterValidator(endpoint)]
Database = Annotated[Text, AfterValidator(database)]
Network = Annotated[Text, AfterValidator(network)]
Word = Annotated[str, BeforeValidator(word), WithJsonSchema({"type": ["string", "number", "boolean"]})]
Range = Annotated[
    tuple[float, float],
    BeforeValidator(number_range),
    WithJsonSchema({"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}),
]
