"""From pydantic's errors to plain sentences with a cure."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from monitor.contract.marks import Path, Problem

# What pydantic calls it, and what the reader should write instead.
_EXPECTED = {
    "string_type": "expected a word; write it in quotes if it is a number",
    "int_type": "expected a whole number",
    "int_from_float": "expected a whole number",
    "float_type": "expected a number",
    "float_parsing": "expected a number",
    "bool_type": "expected true or false",
    "dict_type": "expected a mapping, one name per line",
    "model_type": "expected a mapping, one name per line",
    "model_attributes_type": "expected a mapping, one name per line",
    "tuple_type": "expected a list, such as [a, b]",
    "list_type": "expected a list, such as [a, b]",
    "string_too_short": "must not be empty",
    "too_short": "must not be empty",
    "string_too_long": "expected one character",
    "string_pattern_mismatch": "use lower-case letters, digits, dots, dashes and underscores, at most 63",
}
_BOUNDS = {
    "greater_than": "above {gt:g}",
    "greater_than_equal": "{ge:g} or more",
    "less_than": "below {lt:g}",
    "less_than_equal": "{le:g} or less",
}


def problems(errors: Sequence[Mapping[str, Any]], data: Any, schema: Mapping[str, Any]) -> Iterator[Problem]:
    """One problem per pydantic error, at the path that the reader wrote."""
    for error in errors:
        path = written(error["loc"], data)
        kind = error["type"]
        if kind == "extra_forbidden":
            yield Problem(
                path, f"unknown key{suggestion(str(path[-1]), _keys(schema, path[:-1], data))}", key=True
            )
        elif kind == "missing":
            yield Problem(path, f"is missing; add it{_example(schema, path, data)}")
        elif kind in ("literal_error", "union_tag_invalid", "union_tag_not_found"):
            yield _choice(error, path)
        elif kind in _BOUNDS:
            yield Problem(path, f"must be {_BOUNDS[kind].format(**error['ctx'])}")
        else:
            yield Problem(path, _EXPECTED.get(kind, error["msg"]))


def suggestion(word: str, known: Sequence[str]) -> str:
    """`; did you mean "horizon"?`, or which words there are."""
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    if near:
        return f'; did you mean "{near[0]}"?'
    return f"; known are {', '.join(known)}" if known else "; remove it"


def _choice(error: Mapping[str, Any], path: Path) -> Problem:
    context = error.get("ctx", {})
    if error["type"] == "literal_error":
        known, value = context["expected"], str(error["input"])
    elif error["type"] == "union_tag_invalid":
        known, value = context["expected_tags"], str(context["tag"])
        path = (*path, "type")
    else:
        return Problem((*path, "type"), "is missing; say which kind it is")
    words = [word.strip(" '") for word in known.replace(" or ", ",").split(",")]
    return Problem(path, f'"{value}" is not known here{suggestion(value, words)}')


def written(loc: Sequence[str | int], data: Any) -> Path:
    """The path in the file: pydantic also names union members and dictionary keys, which nobody wrote."""
    path: list[str | int] = []
    here = data
    for index, step in enumerate(loc):
        last = index == len(loc) - 1
        if step == "[key]":
            continue
        if isinstance(here, dict):
            if step not in here and not last:
                continue
            path.append(step)
            here = here.get(step) if isinstance(step, str) else None
        elif isinstance(here, list) and isinstance(step, int):
            path.append(step)
            here = here[step] if step < len(here) else None
        elif here is None and not isinstance(step, int):
            path.append(step)
    return tuple(path)


def _keys(schema: Mapping[str, Any], path: Path, data: Any) -> list[str]:
    """The keys that may stand at a path, in the order of the model."""
    known: list[str] = []
    for found in _at(schema, path, data):
        known += [key for key in found.get("properties", {}) if key not in known]
    return known


def _example(schema: Mapping[str, Any], path: Path, data: Any) -> str:
    for found in _at(schema, path, data):
        if examples := found.get("examples"):
            return f", for example {path[-1]}: {examples[0]}"
    return ""


def _at(schema: Mapping[str, Any], path: Path, data: Any) -> list[Mapping[str, Any]]:
    """The schemas that describe the value at a path (several for a union)."""
    here, value = _members(schema, schema, data), data
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
        below: list[Mapping[str, Any]] = []
        for found in here:
            child = found.get("items") if isinstance(step, int) else found.get("properties", {}).get(step)
            child = child or found.get("additionalProperties")
            if isinstance(child, dict):
                below += _members(schema, child, value)
        here = below
    return here


def _members(root: Mapping[str, Any], found: Mapping[str, Any], value: Any) -> list[Mapping[str, Any]]:
    if "$ref" in found:
        return _members(root, root["$defs"][found["$ref"].rsplit("/", 1)[1]], value)
    members = [
        m
        for union in ("oneOf", "anyOf", "allOf")
        for part in found.get(union, ())
        for m in _members(root, part, value)
    ]
    # A union that is told apart by `type`: only the member that was meant.
    kind = value.get("type") if isinstance(value, dict) else None
    meant = [m for m in members if m.get("properties", {}).get("type", {}).get("const") == kind]
    return meant or members or [found]
