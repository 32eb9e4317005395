"""The contract: the YAML file that describes one model's inputs, outputs, owners and policies.

marks      YAML with the place of every value
values     durations, budgets, moments, references to secrets
model      the contract as frozen values
rules      what parts of it mean for each other
explain    from validation errors to sentences
reading    a file to a contract, or to all its problems at once
guess      what a column may be, by its name and its values
inference  a file or a table to a first contract
secrets    what `env:` and `file:` stand for
"""

from __future__ import annotations

from monitor.contract.model import Contract, FilesSource, PushSource, SqlSource
from monitor.contract.reading import Loaded, json_schema, load, parse
from monitor.contract.secrets import resolve_secret

__all__ = [
    "Contract",
    "FilesSource",
    "Loaded",
    "PushSource",
    "SqlSource",
    "json_schema",
    "load",
    "parse",
    "resolve_secret",
]
