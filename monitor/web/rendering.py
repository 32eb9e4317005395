"""Templates to HTML. Everything is escaped unless this package wrote it."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

import monitor
from monitor.reports import words
from monitor.web import charts, text


@cache
def stylesheet() -> str:
    """The one style sheet, as shipped."""
    return (files("monitor.web") / "static" / "driftglass.css").read_text(encoding="utf-8")


@cache
def stylesheet_name() -> str:
    """Its name with a digest of its content: it may be kept for ever, and a new release has a new name."""
    return f"driftglass-{hashlib.sha256(stylesheet().encode()).hexdigest()[:12]}.css"


@cache
def stylesheet_integrity() -> str:
    """For the policy of a page that carries its style inside."""
    return "sha256-" + base64.b64encode(hashlib.sha256(stylesheet().encode()).digest()).decode()


def render_page(template: str, *, standalone: bool = False, **values: Any) -> str:
    """A page as HTML. `standalone`: the style inside and links only within the page, to be kept as a file."""
    return _environment().get_template(template).render(standalone=standalone, **values)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("monitor.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "shown": text.shown,
        "quoted": text.quoted,
        "plain": text.plain,
        "moment": charts.moment,
        "iso": _iso,
        "count": lambda number: f"{number:,}",
    }
    environment.globals |= {
        "version": monitor.__version__,
        "stylesheet": stylesheet,
        "stylesheet_name": stylesheet_name,
        "stylesheet_integrity": stylesheet_integrity,
        "lasting": words.lasting,
        "families": words.FAMILY,
    }
    return environment


def _iso(us: int) -> str:
    """For the `datetime` of <time>."""
    return datetime.fromtimestamp(us // 1_000_000, UTC).isoformat().replace("+00:00", "Z")
