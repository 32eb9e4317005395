"""Every error of the API is a problem document (RFC 9457), and none repeats what the caller sent.

Repeating input is how FastAPI's default answers a lone surrogate or a NaN with a 500 of its own: it cannot
encode the answer. It is also how an error page comes to hold somebody's data.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.routing import Match

from monitor.errors import Conflict, DependencyUnavailable, NoSuchModel, NotFound, UsageError

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
TOO_LARGE = "the body is larger than this address takes"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
RETRY_AFTER_SECONDS = 5

# Messages of pydantic that quote the value (or an unbounded part of it) are told in our words.
WORDS = {
    "missing": "this is required",
    "extra_forbidden": "this is not known here",
    "json_invalid": "this is not JSON",
    "int_parsing": "this must be a whole number",
    "float_parsing": "this must be a number",
    "bool_parsing": "this must be true or false",
    "finite_number": "this must be a finite number",
    "string_type": "this must be a string",
    "model_attributes_type": "this must be a JSON object",
    "dict_type": "this must be a JSON object",
    "string_unicode": "this must be valid Unicode",
}
LIMITS = {
    "ge": "at least {}",
    "gt": "more than {}",
    "le": "at most {}",
    "lt": "less than {}",
    "min_length": "at least {} long",
    "max_length": "at most {} long",
    "pattern": "of the form {}",
}


class Problem(Exception):
    """An error with a status, told to the caller as a problem document."""

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})


def problem(
    status: int,
    detail: str | None = None,
    *,
    errors: Sequence[Mapping[str, str | int]] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A problem document: `title` is the status in words, `errors` has one entry per wrong value."""
    body: dict[str, object] = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
    if detail:
        body["detail"] = detail
    if errors:
        body["errors"] = list(errors)
    return Response(orjson.dumps(body), status, headers=dict(headers or {}), media_type=MEDIA_TYPE)


def _pointer(where: Sequence[int | str]) -> dict[str, str]:
    """Which value was wrong: a JSON Pointer into the body, or the name of a parameter."""
    place, path = str(where[0]), [str(step) for step in where[1:]]
    if place == "body":
        return {"pointer": "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in path)}
    return {"parameter": ".".join(path), "in": place}


def _told(error: Mapping[str, object], known_fields: Sequence[str] = ()) -> dict[str, str]:
    kind = str(error["type"])
    where = error["loc"]
    assert isinstance(where, tuple)
    if kind == "json_invalid":
        where = where[:1]
    elif kind == "extra_forbidden":
        # An unknown key is the caller's own word and is not repeated: its parent is named.
        where = where[:-1]
    words = WORDS.get(kind)
    if kind == "extra_forbidden" and where == ("body",) and known_fields:
        words = "a field is not known here; known are: " + ", ".join(known_fields)
    if words is None and kind == "value_error":
        # Our own validators: their messages never quote the value.
        context = error.get("ctx")
        words = str(context.get("error")) if isinstance(context, dict) else None
    if words is None:
        context = error.get("ctx")
        known = context if isinstance(context, dict) else {}
        limits = ", ".join(told.format(known[name]) for name, told in LIMITS.items() if name in known)
        if kind == "literal_error":
            words = "this must be " + str(known["expected"]).replace("'", "")
        else:
            words = f"this must be {limits}" if limits else "this has not the right form"
    return {**_pointer(where), "detail": words}


def allowed(request: Request) -> list[str]:
    """The methods that the path of `request` takes. Asked of every route: several may share one path."""
    kept = {key: request.scope[key] for key in ("type", "path", "root_path", "headers", "app")}
    routes = request.app.router.routes
    found = [
        method
        for method in METHODS
        if any(route.matches({**kept, "method": method})[0] is Match.FULL for route in routes)
    ]
    return (["GET", "HEAD"] if "GET" in found else []) + [method for method in found if method != "GET"]


def _for_person(request: Request, status: int, detail: str) -> Response | None:
    """A small page in the frame of the site, where a browser asked for a page; None for all others."""
    path = request.url.path
    wants = "text/html" in request.headers.get("accept", "")
    if request.method not in ("GET", "HEAD") or not wants or path == "/v1" or path.startswith("/v1/"):
        return None
    from monitor.web.rendering import render_page

    title = HTTPStatus(status).phrase
    return HTMLResponse(render_page("error.html", title=title, detail=detail), status)


async def on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if error.status_code == 405:
        methods = allowed(request)
        headers = {"Allow": ", ".join(methods)}
        return problem(405, "this address takes: " + ", ".join(methods), headers=headers)
    details = {
        400: "the body could not be read as JSON",
        404: "there is nothing at this address",
        408: "the body did not come in time",
        413: TOO_LARGE,
    }
    detail = details.get(error.status_code)
    page = _for_person(request, 404, detail) if error.status_code == 404 and detail else None
    return page or problem(error.status_code, detail, headers=headers)


async def on_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return problem(error.status, error.detail, headers=error.headers)


async def on_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    if (page := _for_person(request, 422, "this address holds something that cannot be used")) is not None:
        return page
    fields = _fields(request.scope.get("route"))
    told = [_told(one, fields) for one in error.errors()][:50]
    return problem(422, "some values cannot be used", errors=told)


def _fields(route: object) -> list[str]:
    """The names of the fields that the body of a route may have; none where it takes no model."""
    bodies = route.dependant.body_params if isinstance(route, APIRoute) else []
    models = [one.field_info.annotation for one in bodies]
    return [
        field.alias or name
        for model in models
        if isinstance(model, type) and issubclass(model, BaseModel)
        for name, field in model.model_fields.items()
    ]


def known_parameters(request: Request) -> None:
    """Problem 422 for a query parameter that a GET of the API does not know: a filter that is ignored misleads."""
    route = request.scope.get("route")
    if request.method != "GET" or not isinstance(route, APIRoute) or not route.path_format.startswith("/v1/"):
        return
    known, waiting = [], [route.dependant]
    while waiting:
        one = waiting.pop()
        known += [parameter.alias for parameter in one.query_params]
        waiting += one.dependencies
    if set(request.query_params) - set(known):
        told = "known are: " + ", ".join(known) if known else "this address knows none"
        raise Problem(422, f"a query parameter is not known here; {told}")


async def on_not_found(request: Request, error: Exception) -> Response:
    page = _for_person(request, 404, "there is nothing at this address, or not for you")
    if page is not None:
        return page
    # Only where the caller named a model: an alert of others must look like one that is not there.
    named = "model" in request.path_params or "model" in request.query_params
    if isinstance(error, NoSuchModel) and named:
        return problem(404, "no such model, or not for this key")
    return problem(404, "no such thing is in the store")


async def on_conflict(request: Request, error: Exception) -> Response:
    """The messages of Conflict name states of ours, never what the caller sent."""
    return problem(409, str(error))


async def on_store(request: Request, error: Exception) -> Response:
    """The store is away, or its tables are older than this code. Why is for the log: it names addresses."""
    log.warning("the store cannot be used: %s", error)
    return problem(503, "the store cannot be used now", headers={"Retry-After": str(RETRY_AFTER_SECONDS)})


def install(app: FastAPI) -> None:
    """Make every error of `app` a problem. What nobody expected is caught further out, by `Edge`."""
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(NotFound, on_not_found)
    app.add_exception_handler(Conflict, on_conflict)
    app.add_exception_handler(UsageError, on_store)
    app.add_exception_handler(DependencyUnavailable, on_store)
