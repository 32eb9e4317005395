"""YAML with marks: plain values, and where in the file each of them stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import ConstructorError, SafeConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

Path = tuple[str | int, ...]

MAX_BYTES = 262_144
MAX_NODES = 20_000  # aliases can make a small file large


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong at a place of the contract. `key` marks the name rather than the value."""

    path: Path
    message: str
    key: bool = False


@dataclass
class Document:
    """The values of a file, the place of each, and what is wrong with the file as YAML."""

    data: Any
    keys: dict[Path, tuple[int, int]] = field(default_factory=dict)
    values: dict[Path, tuple[int, int]] = field(default_factory=dict)
    problems: list[tuple[int, int, str]] = field(default_factory=list)

    def place(self, path: Path, *, key: bool = False) -> tuple[int, int]:
        """(line, column), from 1, of a value (or of its key); else of its nearest parent."""
        for end in range(len(path), -1, -1):
            # Of a parent the name is meant: "window" at its key, not at its first entry.
            table = self.values if end == len(path) and not key else self.keys
            found = table.get(path[:end]) or self.values.get(path[:end])
            if found:
                return found
        return 1, 1


def read(text: str) -> Document:
    """Parse YAML 1.2. Syntax errors, repeated keys and odd tags become problems; it does not raise."""
    document = Document(None)
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        document.problems.append((1, 1, "the file is larger than 256 KiB; a contract describes one model"))
        return document
    yaml = YAML(typ="safe", pure=True)
    try:
        node = yaml.compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        document.problems.append((line, column, f"not YAML: {error.problem or error.context}"))
        return document
    except YAMLError as error:  # characters that YAML does not allow carry no mark
        document.problems.append((1, 1, f"not YAML: {str(error).splitlines()[0]}"))
        return document
    except RecursionError:
        document.problems.append((1, 1, "the file is too deep; a contract describes one model"))
        return document
    if node is not None:
        reader = _Reader(document, yaml.constructor)
        document.data = reader.plain(node, ())
    return document


class _Reader:
    def __init__(self, document: Document, constructor: SafeConstructor) -> None:
        self.document = document
        self.constructor = constructor
        self.nodes = 0

    def plain(self, node: Node, path: Path) -> Any:
        self.nodes += 1
        place = (node.start_mark.line + 1, node.start_mark.column + 1)
        self.document.values.setdefault(path, place)
        if self.nodes > MAX_NODES or len(path) > 20:
            if self.nodes == MAX_NODES + 1 or len(path) > 20:
                self.document.problems.append(
                    (*place, "the file is too large or too deep; a contract describes one model")
                )
            return None
        if isinstance(node, MappingNode):
            return self._mapping(node, path)
        if isinstance(node, SequenceNode):
            return [self.plain(item, (*path, index)) for index, item in enumerate(node.value)]
        assert isinstance(node, ScalarNode)
        return self._scalar(node, place)

    def _mapping(self, node: MappingNode, path: Path) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for key_node, value_node in node.value:
            place = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
            key = str(key_node.value) if isinstance(key_node, ScalarNode) else None
            if key is None:
                self.document.problems.append((*place, "a key must be a word"))
                continue
            if key in made:
                self.document.problems.append(
                    (*place, f"{shown((*path, key))}: written twice; keep one of them")
                )
                continue
            self.document.keys[(*path, key)] = place
            made[key] = self.plain(value_node, (*path, key))
        return made

    def _scalar(self, node: ScalarNode, place: tuple[int, int]) -> Any:
        # Days stay words: the contract knows better than YAML which zone they are in.
        if str(node.tag) == "tag:yaml.org,2002:timestamp":
            return node.value
        try:
            return self.constructor.construct_object(node)
        except (ConstructorError, ValueError):
            self.document.problems.append(
                (*place, f"the tag {node.tag} means nothing here; write a plain value")
            )
            return None


def shown(path: Sequence[str | int]) -> str:
    """columns.length.range, alerts.channels.page[0]."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text
