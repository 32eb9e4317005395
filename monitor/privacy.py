"""Taking people out of text before it is stored: e-mail, phone, card, IBAN, IP, handles, the query of a URL.

Rules with a checksum use it (cards by Luhn, IBANs by ISO 7064), the others prefer to take too much. Digits of
every script and full-width forms count. Redaction comes after the flags are taken: it changes the text.
"""

from __future__ import annotations

import hmac
import re
import unicodedata
from collections.abc import Callable, Collection, Sequence
from hashlib import sha256
from ipaddress import AddressValueError, IPv6Address

_AT = "[@＠﹫]"
_DOT = "[.．。]"

# Possessive, and only from the start of a word: without both a long word costs its length squared.
_LOCAL = r"\w.!#$%&'*+/=?^`{|}~-"
_EMAIL = re.compile(rf"(?<![{_LOCAL}])[{_LOCAL}]++\s?{_AT}\s?[\w-]+(?:{_DOT}[\w-]+)+")
_HANDLE = re.compile(r"(?<![\w@＠﹫⟩])[@＠﹫]\w(?:[\w.]{0,48}\w)?")
# Bounded: a text of nothing but URLs would be read to its end from each of them.
_QUERY = re.compile(r"(\b[a-z][a-z0-9+.-]{1,15}://[^\s?#<>\"]{0,1000}+)[?#][^\s<>\"]*", re.IGNORECASE)
_USERINFO = re.compile(r"(\b[a-z][a-z0-9+.-]{1,15}://)[^\s/@]+@", re.IGNORECASE)
_IPV4 = re.compile(
    r"(?<![\w.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\d]|\.\d)"
)
_IPV6 = re.compile(
    r"(?<![\w:])(?=[0-9a-f:.]*:[0-9a-f:.]*:)[0-9a-f:]{2,}(?:\d+\.\d+\.\d+\.\d+)?(?![\w:])", re.IGNORECASE
)
_IBAN = re.compile(r"(?<!\w)[A-Za-z]{2}\d{2}(?:[ \u00a0-]?[A-Za-z0-9]){11,30}(?!\w)")
_CARD = re.compile(r"(?<!\d)\d(?:[ \u00a0.-]?\d){12,18}(?!\d)")
# A plus or a leading zero or a bracket, and at least eight digits in groups; a bare number may be an order or
# a year.
_GROUPED = r"(?:\(\d{3}\)[ .-]?|\d{3}[ .-])\d{3}[ .-]\d{4}(?!\d)"  # 202-555-0143, (202) 555-0143
_PHONE = re.compile(
    rf"(?<![\w+])(?:\+\d|\(\+?\d|00?\d|{_GROUPED})(?:[\s./()\u00a0\u2010-\u2015-]{{0,2}}\d){{5,14}}(?!\d)"
    rf"|(?<!\w){_GROUPED}"
)
# Nothing is looked for in a text that has neither a digit, nor an at sign, nor the colon of an address.
_MAYBE = re.compile(rf"\d|{_AT}|:/|:\w*:")

_NO_DIGITS = str.maketrans("", "", "0123456789")
_SEPARATORS = re.compile(r"[^0-9A-Za-z]")


def redact(texts: Sequence[str], kinds: Collection[str] | None = None) -> list[str]:
    """Each text with what it says of people replaced by ⟨email⟩, ⟨phone⟩, ⟨card⟩ and so on.

    `kinds` limits what is looked for (names as in the contract's `privacy.redact`); None is all. Redacting
    twice changes nothing more.
    """
    rules = [rule for kind, rule in _RULES if kinds is None or kind in kinds]
    return [_redacted(text, rules) if _MAYBE.search(text) else text for text in texts]


def pseudonym(value: str, key: bytes) -> str:
    """A stable stand-in for a unit (a sender): HMAC-SHA-256 under a key outside the store, 32 hex digits."""
    return hmac.new(key, value.encode("utf-8", "surrogatepass"), sha256).hexdigest()[:32]


def _redacted(text: str, rules: Sequence[Callable[[str, str], str]]) -> str:
    plain = _plain_digits(text)
    for rule in rules:
        # Rules look at a copy with ASCII digits of the same length, and change the text itself.
        changed = rule(text, plain)
        if changed is not text:
            text, plain = changed, _plain_digits(changed)
    return text


def _plain_digits(text: str) -> str:
    """The text, character by character, with decimal digits as 0-9 and full-width signs as ASCII."""
    return text if text.isascii() else text.translate(_PLAIN)


class _Plain(dict[int, int | str]):
    """The table of `str.translate`, filled as characters are met."""

    def __missing__(self, code: int) -> int | str:
        digit = unicodedata.decimal(chr(code), None)
        full_width = 0xFF01 <= code <= 0xFF5E
        self[code] = str(int(digit)) if digit is not None else code - 0xFEE0 if full_width else code
        return self[code]


_PLAIN = _Plain()


def _replace(
    text: str, plain: str, pattern: re.Pattern[str], label: str, accept: Callable[[str], int] = len
) -> str:
    """The text with the places where `plain` matches replaced; the very same object if there are none.

    `accept` says how many characters of a match go, 0 for none.
    """
    pieces: list[str] = []
    end = 0
    for found in pattern.finditer(plain):
        if length := accept(found[0]):
            pieces += [text[end : found.start()], label]
            end = found.start() + length
    return "".join([*pieces, text[end:]]) if pieces else text


def _digits(plain: str) -> int:
    return len(plain) - len(plain.translate(_NO_DIGITS))


def _emails(text: str, plain: str) -> str:
    return _replace(text, plain, _EMAIL, "⟨email⟩") if "@" in plain or "﹫" in plain else text


def _handles(text: str, plain: str) -> str:
    return _replace(text, plain, _HANDLE, "⟨handle⟩") if "@" in plain or "﹫" in plain else text


def _cards(text: str, plain: str) -> str:
    return (
        _replace(text, plain, _CARD, "⟨card⟩", lambda found: len(found) * luhn(found))
        if _digits(plain) >= 13
        else text
    )


def _ibans(text: str, plain: str) -> str:
    return _replace(text, plain, _IBAN, "⟨iban⟩", _iban_length) if _digits(plain) >= 8 else text


def _phones(text: str, plain: str) -> str:
    enough = _digits(plain) >= 8
    return (
        _replace(text, plain, _PHONE, "⟨phone⟩", lambda found: len(found) * (_digits(found) >= 8))
        if enough
        else text
    )


def _addresses(text: str, plain: str) -> str:
    if plain.count(":") >= 2:
        text = _replace(text, plain, _IPV6, "⟨ip⟩", lambda found: len(found) * _is_ipv6(found))
        plain = _plain_digits(text)
    return _replace(text, plain, _IPV4, "⟨ip⟩") if plain.count(".") >= 3 else text


def _queries(text: str, plain: str) -> str:
    if "://" not in text:
        return text
    changed = _USERINFO.sub(r"\1⟨user⟩@", text) if "@" in text else text
    changed = _QUERY.sub(r"\1?⟨query⟩", changed)
    return text if changed == text else changed


def luhn(digits: str) -> bool:
    """Whether the digits of a word pass the check of payment cards (ISO/IEC 7812-1)."""
    numbers = [int(char) for char in _SEPARATORS.sub("", digits)]
    if not 13 <= len(numbers) <= 19 or len(set(numbers)) == 1:
        return False
    doubled = [sum(divmod(2 * number, 10)) for number in numbers[-2::-2]]
    return (sum(numbers[-1::-2]) + sum(doubled)) % 10 == 0


def iban(word: str) -> bool:
    """Whether a word passes the check of account numbers (ISO 13616: rearranged, 1 modulo 97)."""
    compact = _SEPARATORS.sub("", word).upper()
    if not 15 <= len(compact) <= 34:
        return False
    return int("".join(str(int(char, 36)) for char in compact[4:] + compact[:4])) % 97 == 1


def _iban_length(found: str) -> int:
    """How much of a match is an account number: words that follow one look like more of it."""
    ends = [match.end() for match in re.finditer(r"[A-Za-z0-9](?![A-Za-z0-9])", found)]
    return next((end for end in reversed(ends) if iban(found[:end])), 0)


def _is_ipv6(word: str) -> bool:
    try:
        IPv6Address(word)
    except (AddressValueError, ValueError):
        return False
    return sum(map(str.isalnum, word)) >= 3  # "::" and "1::" are punctuation


# In this order: an address in a URL's query goes with it; a card is no phone number.
_RULES: tuple[tuple[str, Callable[[str, str], str]], ...] = (
    ("url_query", _queries),
    ("email", _emails),
    ("iban", _ibans),
    ("card", _cards),
    ("ip", _addresses),
    ("phone", _phones),
    ("handle", _handles),
)
