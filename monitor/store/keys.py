"""API keys `dk_<id>_<secret>` and the sessions of browsers that were opened with one.

Neither a secret nor the token of a session is kept, only its SHA-256: both hold 32 random bytes, so that
nothing slower is needed. Who asks gets the key if it is good now, and never learns why it is not.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from hmac import compare_digest
from typing import Literal, get_args

from sqlalchemy import Connection, Row, delete, insert, or_, select, update

from monitor.errors import Conflict, NotFound, UsageError
from monitor.store.canonical import json_text
from monitor.store.tables.keys import api_keys, sessions

Scope = Literal["ingest", "read", "act", "manage", "approve", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)

PREFIX = "dk"
SECRET_BYTES = 32
MAX_NAME = 100
SESSION_US = 14 * 86_400 * 1_000_000
_USED_EVERY_US = 60 * 1_000_000


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A row of `api_keys` without the hash of its secret. `models` empty: every model."""

    id: str
    name: str
    scopes: tuple[Scope, ...]
    models: tuple[str, ...]
    created_us: int
    created_by: str
    expires_us: int | None
    revoked_us: int | None
    revoked_by: str | None
    used_us: int | None

    def good_at(self, now_us: int) -> bool:
        """Whether it opens anything at that time."""
        return self.revoked_us is None and (self.expires_us is None or now_us < self.expires_us)


@dataclass(frozen=True, slots=True)
class Session:
    """A browser's session: the key it was opened with, and when it ends."""

    key: ApiKey
    expires_us: int


def create(
    conn: Connection,
    name: str,
    scopes: Collection[Scope],
    models: Collection[str],
    expires_us: int | None,
    author: str,
    now_us: int,
) -> tuple[ApiKey, str]:
    """A new key and its text, which exists nowhere else and must be shown now.

    Raises UsageError for a name, scopes or an end that no key can have, Conflict if a key of this name is in use.
    """
    if not name.strip() or len(name) > MAX_NAME or not name.isprintable():
        raise UsageError(f"a key needs a name of 1 to {MAX_NAME} printable characters")
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown or not scopes:
        raise UsageError("a key needs scopes, of: " + ", ".join(SCOPES))
    if expires_us is not None and expires_us <= now_us:
        raise UsageError("a key cannot expire in the past")
    same = select(api_keys.c.id).where(api_keys.c.name == name, api_keys.c.revoked_us.is_(None))
    if conn.execute(same).first() is not None:
        raise Conflict("a key of this name is in use: revoke it first, or take another name")
    secret = secrets.token_hex(SECRET_BYTES)
    row = {
        "id": secrets.token_hex(8),
        "name": name,
        "sha256": _sha256(secret),
        "scopes": json_text([scope for scope in SCOPES if scope in scopes]),
        "models": json_text(sorted(set(models))),
        "created_us": now_us,
        "created_by": author,
        "expires_us": expires_us,
    }
    made = conn.execute(insert(api_keys).values(row).returning(api_keys)).one()
    return _key(made), f"{PREFIX}_{row['id']}_{secret}"


def find(conn: Connection, text: str, now_us: int) -> ApiKey | None:
    """The key that `text` is, if it is good now."""
    parts = text.split("_")
    if len(parts) != 3 or parts[0] != PREFIX or not text.isascii():
        return None
    row = conn.execute(select(api_keys).where(api_keys.c.id == parts[1])).one_or_none()
    # Without such a row the comparison is made all the same: the time tells nothing.
    right = compare_digest("" if row is None else row.sha256, _sha256(parts[2]))
    if row is None or not right:
        return None
    key = _key(row)
    return key if key.good_at(now_us) else None


def stale(key: ApiKey, now_us: int) -> bool:
    """Whether the use now is worth a write: the last one noted is a minute old."""
    return key.used_us is None or now_us - key.used_us >= _USED_EVERY_US


def used(conn: Connection, key_id: str, now_us: int) -> None:
    """Note that a key was used, unless that was noted within the last minute."""
    old = or_(api_keys.c.used_us.is_(None), api_keys.c.used_us <= now_us - _USED_EVERY_US)
    conn.execute(update(api_keys).where(api_keys.c.id == key_id, old).values(used_us=now_us))


def any_exist(conn: Connection) -> bool:
    """Whether a key was ever made. One that was revoked counts: taking the last key away must open nothing."""
    return conn.execute(select(api_keys.c.id).limit(1)).first() is not None


def everyone(conn: Connection) -> list[ApiKey]:
    """Every key that was ever made, oldest first."""
    query = select(api_keys).order_by(api_keys.c.created_us, api_keys.c.id)
    return [_key(row) for row in conn.execute(query)]


def get(conn: Connection, key_id: str) -> ApiKey:
    """One key. NotFound if there is none."""
    row = conn.execute(select(api_keys).where(api_keys.c.id == key_id)).one_or_none()
    if row is None:
        raise NotFound("there is no such key: `driftglass keys list` shows them")
    return _key(row)


def named(conn: Connection, name_or_id: str) -> ApiKey:
    """The key of this id, or the one of this name that is not revoked. NotFound if there is none."""
    by_name = (api_keys.c.name == name_or_id) & api_keys.c.revoked_us.is_(None)
    found = conn.execute(select(api_keys).where(or_(api_keys.c.id == name_or_id, by_name))).first()
    return get(conn, name_or_id if found is None else found.id)


def revoke(conn: Connection, key_id: str, author: str, now_us: int) -> ApiKey:
    """From now on the key and every session opened with it are refused; again changes nothing. NotFound."""
    good = update(api_keys).where(api_keys.c.id == key_id, api_keys.c.revoked_us.is_(None))
    conn.execute(good.values(revoked_us=now_us, revoked_by=author))
    conn.execute(delete(sessions).where(sessions.c.key_id == key_id))
    return get(conn, key_id)


def open_session(conn: Connection, key: ApiKey, now_us: int) -> tuple[str, int]:
    """The token of a new session, for a cookie, and when it ends; forgets sessions that have ended."""
    conn.execute(delete(sessions).where(sessions.c.expires_us <= now_us))
    token = secrets.token_hex(SECRET_BYTES)
    expires_us = now_us + SESSION_US if key.expires_us is None else min(now_us + SESSION_US, key.expires_us)
    row = {"sha256": _sha256(token), "key_id": key.id, "created_us": now_us, "expires_us": expires_us}
    conn.execute(insert(sessions).values(row))
    return token, expires_us


def session(conn: Connection, token: str, now_us: int) -> Session | None:
    """The session of this token, if it and its key are good now."""
    query = (
        select(api_keys, sessions.c.expires_us.label("session_expires_us"))
        .join(sessions, sessions.c.key_id == api_keys.c.id)
        # The lookup is by the hash: what its timing tells is nothing of the token.
        .where(sessions.c.sha256 == _sha256(token), sessions.c.expires_us > now_us)
    )
    row = conn.execute(query).one_or_none()
    if row is None or not _key(row).good_at(now_us):
        return None
    return Session(_key(row), row.session_expires_us)


def close_session(conn: Connection, token: str) -> None:
    """End a session; one that is not there is fine."""
    conn.execute(delete(sessions).where(sessions.c.sha256 == _sha256(token)))


def _sha256(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _key(row: Row[tuple[object, ...]]) -> ApiKey:
    return ApiKey(
        row.id,
        row.name,
        tuple(json.loads(row.scopes)),
        tuple(json.loads(row.models)),
        row.created_us,
        row.created_by,
        row.expires_us,
        row.revoked_us,
        row.revoked_by,
        row.used_us,
    )


def told(key: ApiKey) -> dict[str, object]:
    """What the audit log and a creator are told of a key: everything but its secret."""
    return {
        "name": key.name,
        "scopes": list(key.scopes),
        "models": list(key.models),
        "expires_us": key.expires_us,
    }
