"""Column types that keep what SQLite and PostgreSQL store the same."""

from __future__ import annotations

from sqlalchemy import Dialect, types


def storable(value: str) -> str:
    """The text with what PostgreSQL refuses made visible: NUL as "␀", a lone surrogate as "\\ud800".

    Production text holds both, and evidence of a broken encoding must not be lost because it is one.
    """
    if "\x00" in value:
        value = value.replace("\x00", "\N{SYMBOL FOR NULL}")
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-8", "backslashreplace").decode()
    return value


class Text(types.TypeDecorator[str]):
    """TEXT whose bound values pass through `storable`: both databases then give the same string back."""

    impl = types.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else storable(value)
