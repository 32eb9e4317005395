"""Who calls, and what they may do: `needs(scope)` on every route that is not open to all.

    caller: Annotated[Principal, needs("act")]           the handler wants to know who
    dependencies=[needs("read")]                          it does not

    no key, an unknown, expired or revoked one    401 with WWW-Authenticate (a page: to /login)
    a key without the scope                       403
    a key of other models                         404, as if the model were not there

A route whose path has `{model}`, `{alert}` or `{trigger}` is checked here. Where the model is only known from another
row, the handler says `caller.require(name)`, and lists are narrowed by `caller.models`. As long as no key was ever
made everybody is `local` and may do everything: `serve` then binds only this machine, and only requests that name this
machine (or `public_url`) as their Host are answered, else 421: a foreign name that was made to point here is refused.

A browser has a session cookie instead of a key. It opens what reads; what changes something also needs the
session's CSRF token, as the header X-CSRF-Token or as the field `csrf` of a form.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from hmac import compare_digest
from typing import Annotated, Any
from urllib.parse import parse_qs, quote, urlsplit

from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.concurrency import run_in_threadpool
from starlette.routing import BaseRoute

from monitor.api.context import Context, Served
from monitor.api.problems import Problem
from monitor.errors import DependencyUnavailable, NoSuchModel
from monitor.store import alerts, keys, triggers
from monitor.store.keys import ApiKey, Scope
from monitor.store.types import storable

log = logging.getLogger(__name__)

COOKIE = "driftglass_session"
CSRF_HEADER = "X-CSRF-Token"
CSRF_FIELD = "csrf"
# Names of this machine: a page elsewhere cannot make a browser send them as the Host of its own name.
OWN_HOSTS = frozenset({"127.0.0.1", "::1", "localhost"})
SAFE_METHODS = frozenset({"GET", "HEAD"})
FORM = "application/x-www-form-urlencoded"

bearer = HTTPBearer(
    auto_error=False, scheme_name="key", description="an API key, `dk_…`, of `driftglass keys create`"
)
Given = Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls. `name` is the author of what they do; `models` empty: every model.

    `csrf` is what forms on pages must send back; empty where no session is needed.
    """

    name: str
    scopes: frozenset[Scope]
    models: frozenset[str] = frozenset()
    key_id: str | None = None
    csrf: str = ""

    @property
    def identity(self) -> str:
        """Who this is even when names change hands: the id of the key."""
        return self.key_id or self.name

    def may(self, scope: Scope) -> bool:
        """Whether the caller has a scope; `admin` has them all."""
        return scope in self.scopes or "admin" in self.scopes

    def sees(self, model: str) -> bool:
        """Whether a model exists for the caller."""
        return not self.models or model in self.models

    def require(self, model: str) -> None:
        """NoSuchModel for a model that does not exist for the caller."""
        if not self.sees(model):
            raise NoSuchModel("there is no such model")

    def only(self, models: Iterable[str]) -> list[str]:
        """Those of the models that exist for the caller."""
        return [model for model in models if self.sees(model)]


LOCAL = Principal("local", frozenset({"admin"}))


class LoginNeeded(Exception):
    """A page was asked for without a session."""


class Needs:
    """The dependency behind `needs`; tests find it on routes and read `scope`. `page`: send people to /login."""

    def __init__(self, scope: Scope, *, page: bool = False) -> None:
        self.scope = scope
        self.page = page

    async def __call__(self, request: Request, served: Served, given: Given) -> Principal:
        caller = await run_in_threadpool(identify, request, served, given)
        if caller is None:
            if self.page and request.method in SAFE_METHODS:
                raise LoginNeeded
            raise unauthorised(given is not None)
        if request.method not in SAFE_METHODS:
            await _refuse_forged(request, caller)
        if not caller.may(self.scope):
            raise Problem(
                403,
                f"this needs a key with the scope {self.scope}",
                {
                    "WWW-Authenticate": f'Bearer realm="driftglass", error="insufficient_scope", scope="{self.scope}"'
                },
            )
        if caller.models:
            await run_in_threadpool(_require_own, served, caller, request.path_params)
        return caller


@cache
def needs(scope: Scope, *, page: bool = False) -> Any:
    """A dependency that lets through only callers with `scope`, and gives the handler the Principal.

    The same one for the same words: asked for by a router and by its handler, it runs once.
    """
    return Depends(Needs(scope, page=page))


Reader = Annotated[Principal, needs("read")]


def unauthorised(given: bool) -> Problem:
    """401: with `given`, a key came and is unknown, expired or revoked; which of these is not told."""
    error = ', error="invalid_token"' if given else ""
    return Problem(
        401,
        "this key is not known, or no longer"
        if given
        else "this needs an API key: Authorization: Bearer dk_…",
        {"WWW-Authenticate": f'Bearer realm="driftglass"{error}'},
    )


def identify(
    request: Request, served: Context, given: HTTPAuthorizationCredentials | None
) -> Principal | None:
    """The caller by key, by session, or `local` as long as there are no keys; None for nobody."""
    now_us = served.clock.now_us()
    token = request.cookies.get(COOKIE)
    csrf = ""
    with served.store.read() as conn:
        key = None
        if given is not None:
            key = keys.find(conn, given.credentials, now_us)
        elif token is not None:
            opened = keys.session(conn, token, now_us)
            key = None if opened is None else opened.key
            csrf = csrf_of(token)
        if key is None:
            if keys.any_exist(conn):
                return None
            _refuse_foreign_host(request, served.public_url)
            return LOCAL
    _note(served, key, now_us)
    return Principal(key.name, frozenset(key.scopes), frozenset(key.models), key.id, csrf)


def _refuse_foreign_host(request: Request, public_url: str) -> None:
    """421 unless the Host is this machine or that of `public_url`, whatever the port (DNS rebinding)."""
    known = OWN_HOSTS | {_host(public_url)} - {""}
    if _host("//" + request.headers.get("host", "")) not in known:
        raise Problem(
            421,
            "without keys only 127.0.0.1, [::1], localhost and the host of DRIFTGLASS_PUBLIC_URL are answered",
        )


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def csrf_of(token: str) -> str:
    """What a form of this session sends back: another site cannot know it."""
    return hashlib.sha256(b"csrf:" + token.encode("utf-8", "surrogatepass")).hexdigest()


def _note(served: Context, key: ApiKey, now_us: int) -> None:
    if not keys.stale(key, now_us):
        return
    try:
        with served.store.write() as conn:
            keys.used(conn, key.id, now_us)
    except DependencyUnavailable as error:
        # The last use is a courtesy; a store that takes no writes can still be read.
        log.warning("the use of key %s was not noted: %s", key.id, error)


def _require_own(served: Context, caller: Principal, named: Mapping[str, Any]) -> None:
    """NotFound if the path names a model of others, or an alert or a trigger of one."""
    if "model" in named:
        caller.require(named["model"])
    with served.store.read() as conn:
        alert = str(named.get("alert", ""))
        if alert.isascii() and alert.isdigit() and len(alert) < 19:
            caller.require(alerts.get(conn, int(alert)).model)
        if "trigger" in named:
            caller.require(triggers.get(conn, storable(named["trigger"])).model)


async def _refuse_forged(request: Request, caller: Principal) -> None:
    """403 for a change that another site may have made a browser send."""
    if caller.csrf:
        sent = request.headers.get(CSRF_HEADER) or await _csrf_field(request)
        if not compare_digest(sent.encode(), caller.csrf.encode()):
            raise Problem(403, "this form is too old: load the page again")
    elif caller is LOCAL and request.headers.get("sec-fetch-site") not in (None, "same-origin", "none"):
        raise Problem(403, "another site may not do this")


async def _csrf_field(request: Request) -> str:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        return ""
    return form_of(await request.body()).get(CSRF_FIELD, "")


def form_of(body: bytes) -> dict[str, str]:
    """The fields of a form, the first of each name; none if it holds more than any form of ours."""
    try:
        fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=50)
    except ValueError:
        return {}
    return {name: values[0] for name, values in fields.items()}


async def _to_login(request: Request, error: Exception) -> Response:
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse("/login?next=" + quote(wanted, safe="/"), status_code=303)


def routes(found: Iterable[BaseRoute]) -> Iterator[APIRoute]:
    """Every route of ours among those of an application, also in the routers that it includes."""
    for one in found:
        included = getattr(one, "original_router", None)
        if included is not None:
            yield from routes(included.routes)
        elif isinstance(one, APIRoute):
            yield one


def scopes_of(route: APIRoute) -> set[Scope]:
    """The scopes that a route asks for; none if it is open to all."""
    waiting, found = list(route.dependant.dependencies), set()
    while waiting:
        one = waiting.pop()
        waiting += one.dependencies
        if isinstance(one.call, Needs):
            found.add(one.call.scope)
    return found


def install(app: FastAPI) -> None:
    """Send people without a session to where they get one."""
    app.add_exception_handler(LoginNeeded, _to_login)
