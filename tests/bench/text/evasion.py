"""Evasion: what is called so where nobody evades, and what is found of attacks made from clean lines.

Half of the clean lines are the reference. A quarter served to choose rules and constants (`develop=True`); the
figures are of the last quarter.
"""

from __future__ import annotations

import random
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from checks import text
from checks.text.annotations import EVASION_CLASSES
from tests.bench.text.attacks import generators
from tests.bench.text.common import Figure, to_array

ATTACKED = 1500  # messages per attack
WORST = 10


def lines_by_language(data: Path) -> dict[str, list[str]]:
    """News (by their two letters) and the Declaration of Human Rights (by its file), without empty lines."""
    lines = {
        file.stem: file.read_text("utf-8").splitlines()
        for file in sorted((data / "encoding" / "lingua_news").glob("*.txt"))
    }
    with zipfile.ZipFile(data / "encoding" / "udhr2.zip") as archive:
        for name in sorted(archive.namelist()):
            if name.endswith(".txt"):
                lines[name.split("/")[-1][:-4]] = archive.read(name).decode("utf-8", "replace").splitlines()
    return {
        language: kept for language, all_ in lines.items() if (kept := [s.strip() for s in all_ if s.strip()])
    }


def part_of(line: str) -> int:
    """0 and 1: the reference; 2: where rules were chosen; 3: reported."""
    return zlib.crc32(line.encode()) >> 7 & 3


def figures(data: Path, _: int, develop: bool = False) -> Iterator[Figure]:
    wanted = 2 if develop else 3
    corpus = lines_by_language(data)
    reference = [line for lines in corpus.values() for line in lines if part_of(line) < 2]
    plan = text.learn(to_array(reference))
    clean = [(name, line) for name, lines in corpus.items() for line in lines if part_of(line) == wanted]
    found = text.annotate(to_array([line for _, line in clean]), plan).evasion
    yield Figure(
        f"called evasion of {len(clean)} clean lines, {len(corpus)} news and UDHR texts",
        float((found > 0).mean()),
        0.0025,
        True,
    )
    for index, name in enumerate(EVASION_CLASSES):
        yield Figure(f"  {name}", float((found >> index & 1).mean()))
    per_language = defaultdict(list)
    for (name, _line), bits in zip(clean, found, strict=True):
        per_language[name].append(bool(bits))
    for name in sorted(per_language, key=lambda k: (-float(np.mean(per_language[k])), k))[:WORST]:
        hits = per_language[name]
        yield Figure(f"  of {len(hits)} lines in {name}", float(np.mean(hits)))
    known = frozenset(word.strip(".,;:!?()").lower() for line in reference for word in line.split())
    yield from _recall(data, [line for _, line in clean], known, plan)


def _recall(data: Path, clean: list[str], known: frozenset[str], plan: text.TextPlan) -> Iterator[Figure]:
    overall: list[float] = []
    for name, (expected, attack) in generators(data, known).items():
        pick = random.Random(name)
        made = []
        for line in pick.sample(clean, len(clean)):
            if len(made) == ATTACKED:
                break
            changed = attack(line, pick)
            made += [changed] if changed is not None else []
        found = text.annotate(to_array(made), plan).evasion
        named = found >> EVASION_CLASSES.index(expected) & 1
        overall.append(float((found > 0).mean()))
        yield Figure(f"found: {name} ({len(made)})", overall[-1])
        yield Figure(f"  as {expected}", float(named.mean()))
    yield Figure(f"found, mean of {len(overall)} attacks", float(np.mean(overall)))
