"""The words of a notification, cut to what a receiver takes."""

from __future__ import annotations

from collections.abc import Iterator

from monitor.alerts.message import Notification

CUT = "…"


def units(text: str) -> int:
    """The length as receivers count that were written in JavaScript or Java: an emoji is two."""
    return len(text) + sum(ord(character) > 0xFFFF for character in text)


def cut(text: str, limit: int) -> str:
    """The beginning of a text, at most `limit` (≥ 1) UTF-16 units; one that was cut ends in "…"."""
    if units(text) <= limit:
        return text
    kept, left = [], limit - 1
    for character in text:
        left -= 2 if ord(character) > 0xFFFF else 1
        if left < 0:
            break
        kept.append(character)
    return "".join(kept) + CUT


def details(notification: Notification) -> list[str]:
    """The lines of a notification below its title."""
    return notification.text.split("\n")[1:]


def pieces(lines: list[str], limit: int) -> Iterator[str]:
    """Lines put together again, at most `limit` UTF-16 units at a time; a longer line is cut."""
    piece = ""
    for line in lines:
        line = cut(line, limit)
        if piece and units(piece) + 1 + units(line) > limit:
            yield piece
            piece = line
        else:
            piece = f"{piece}\n{line}" if piece else line
    if piece:
        yield piece
