"""From a file to a contract, or to every problem it has."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from monitor.contract import explain, marks
from monitor.contract.marks import Document, Problem
from monitor.contract.model import Contract
from monitor.contract.rules import RULES
from monitor.errors import ContractError

# Stands for a required value that is wrong, so that the rules can still look at all the others.
_STAND_INS: dict[marks.Path, Any] = {
    ("model",): "model",
    ("source",): {"type": "files", "path": "-", "time": "-"},
    ("source", "path"): "-",
    ("source", "url"): "env:-",
    ("source", "id"): "-id-",
    ("source", "time"): "-time-",
    ("columns",): {"-": {}},
    ("labels", "source"): {"type": "files", "path": "-"},
    ("labels", "source", "path"): "-",
    ("labels", "source", "url"): "env:-",
    ("labels", "key"): "-key-",
    ("labels", "value"): "-value-",
    ("retraining", "target"): {"type": "webhook", "url": "env:-", "secret": "env:-"},
    ("retraining", "when"): {"any": ["performance"]},
}
_CHANNEL = {"type": "alertmanager", "url": "env:-"}


@dataclass(frozen=True)
class Loaded:
    """A contract, the text it was read from, and where relative paths in it start."""

    contract: Contract
    text: str
    base_path: Path


def load(path: str | Path) -> Loaded:
    """Read a contract file. Raises ContractError with every problem as `file:line:column path: what`."""
    path = Path(path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError as error:
        raise ContractError(
            [f"{path}: there is no such contract; driftglass init FILE writes one from data"]
        ) from error
    except OSError as error:
        raise ContractError([f"{path}:1:1 cannot be read: {error.strerror}; check the path"]) from error
    except UnicodeDecodeError as error:
        raise ContractError([f"{path}:1:1 is not UTF-8 (byte {error.start}); save it as UTF-8"]) from error
    return Loaded(parse(text, str(path)), text, path.parent.resolve())


def parse(text: str, name: str = "contract.yaml") -> Contract:
    """The contract that a text describes; `name` is what its problems are reported under."""
    document = marks.read(text)
    if not isinstance(document.data, dict) and not document.problems:
        document.problems.append((1, 1, "expected a mapping: model, source, columns …"))
    contract: Contract | None = None
    found: list[Problem] = []
    if isinstance(document.data, dict):
        contract, found = _validate(document.data)
    lines = [*document.problems, *(_line(document, problem) for problem in found)]
    if lines or contract is None:
        ordered = sorted(set(lines))
        raise ContractError([f"{name}:{line}:{column} {message}" for line, column, message in ordered])
    return contract


@cache
def json_schema() -> dict[str, Any]:
    """JSON Schema of the contract file, for editors."""
    schema = Contract.model_json_schema(by_alias=True)
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "driftglass contract"
    return schema


def _validate(data: dict[str, Any]) -> tuple[Contract | None, list[Problem]]:
    try:
        contract = Contract.model_validate(data)
    except ValidationError as error:
        found = list(explain.problems(error.errors(include_url=False), data, json_schema()))
        pruned = _prune(data, found)
        if pruned is None:
            return None, found
        # A rule about a value that is wrong in itself would only repeat the complaint; a column whose role is
        # wrong would get complaints about the default role.
        wrong = {problem.path for problem in found}
        wrong |= {path[:2] for path in wrong if path[0] == "columns" and path[2:] in (("role",), ("kind",))}
        return None, found + [p for p in _rule_problems(pruned) if not _touches(p.path, wrong)]
    return contract, _rule_problems(contract)


def _rule_problems(contract: Contract) -> list[Problem]:
    return [problem for rule in RULES for problem in rule(contract)]


def _prune(data: dict[str, Any], found: list[Problem]) -> Contract | None:
    """The contract without its wrong values, so that the rules see the rest; None if nothing is left."""
    rest = copy.deepcopy(data)
    for problem in sorted(found, key=lambda p: len(p.path), reverse=True):
        _remove(rest, problem.path)
    for problem in found:
        if (
            problem.path[:1] == ("channels",)
            and len(problem.path) > 1
            and isinstance(rest.get("channels"), dict)
        ):
            rest["channels"][str(problem.path[1])] = _CHANNEL
    for path, stand_in in _STAND_INS.items():
        holder = _get(rest, path[:-1])
        relevant = len(path) == 1 or any(problem.path == path for problem in found)
        if isinstance(holder, dict) and relevant and holder.get(str(path[-1])) in (None, {}):
            holder[str(path[-1])] = stand_in
    for _ in range(20):
        try:
            return Contract.model_validate(rest)
        except ValidationError as error:
            # What lost a required value goes as a whole.
            for issue in error.errors(include_url=False):
                path = explain.written(issue["loc"], rest)
                if not path or not _remove(rest, path[:-1] if issue["type"] == "missing" else path):
                    return None
    return None


def _get(data: Any, path: marks.Path) -> Any:
    for step in path:
        if isinstance(data, dict):
            data = data.get(str(step))
        elif isinstance(data, list) and isinstance(step, int) and step < len(data):
            data = data[step]
        else:
            return None
    return data


def _remove(data: Any, path: marks.Path) -> bool:
    if not path:
        return False
    holder = _get(data, path[:-1])
    step = path[-1]
    if isinstance(holder, dict) and str(step) in holder:
        del holder[str(step)]
        return True
    if isinstance(holder, list) and isinstance(step, int) and step < len(holder):
        del holder[step]
        return True
    return False


def _touches(path: marks.Path, wrong: set[marks.Path]) -> bool:
    return any(path[: len(other)] == other or other[: len(path)] == path for other in wrong)


def _line(document: Document, problem: Problem) -> tuple[int, int, str]:
    line, column = document.place(problem.path, key=problem.key)
    return line, column, f"{marks.shown(problem.path)}: {problem.message}"
