"""The description of the API, as it is served and as it is committed in docs/api/openapi.json."""

from __future__ import annotations

import json
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from monitor.api.auth import routes, scopes_of
from monitor.api.problems import MEDIA_TYPE

PROBLEM: dict[str, Any] = {
    "title": "Problem",
    "description": "An error, as RFC 9457 has it. It never repeats what was sent.",
    "type": "object",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string", "description": "the status in words"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "description": "one entry per value that cannot be used",
            "items": {
                "type": "object",
                "required": ["detail"],
                "properties": {
                    "detail": {"type": "string"},
                    "pointer": {"type": "string", "description": "JSON Pointer into the body"},
                    "parameter": {"type": "string"},
                    "in": {"type": "string", "enum": ["query", "path", "header"]},
                    "line": {"type": "integer", "description": "within the text at the pointer, from 1"},
                    "column": {"type": "integer"},
                },
            },
        },
    },
}
ERROR = {
    "description": "A problem",
    "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


def describe(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of `app`: FastAPI's, with problems in the place of its own errors."""
    document = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes
    )
    for operations in document["paths"].values():
        for operation in operations.values():
            operation["responses"].pop("422", None)
            operation["responses"]["default"] = ERROR
    for route in routes(app.routes):
        for scope in scopes_of(route) if route.include_in_schema else ():
            for method in route.methods or ():
                # OpenAPI 3.1 lets a security requirement name the roles that are asked for.
                document["paths"][route.path_format][method.lower()]["security"] = [{"key": [scope]}]
    schemas = document["components"]["schemas"]
    for replaced in ("HTTPValidationError", "ValidationError"):
        schemas.pop(replaced, None)
    schemas["Problem"] = PROBLEM
    return document


def text(app: FastAPI) -> str:
    """The document as it is committed: sorted, so that a difference shows a change and nothing else."""
    return json.dumps(describe(app), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
