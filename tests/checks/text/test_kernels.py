"""Cached kernels are thrown away when a constant changes that is compiled into them."""

from __future__ import annotations

import importlib
import pkgutil

import numpy as np
import pytest
from numba.core.dispatcher import Dispatcher

import checks.text
from checks.text import warm_up
from checks.text.kernels import frozen, shared_constants


def kernels() -> dict[str, Dispatcher]:
    found: dict[str, Dispatcher] = {}
    for module in pkgutil.iter_modules(checks.text.__path__):
        loaded = importlib.import_module(f"checks.text.{module.name}")
        for name, value in vars(loaded).items():
            if isinstance(value, Dispatcher) and value.py_func.__module__ == loaded.__name__:
                found[f"{module.name}.{name}"] = value
    return found


def test_every_kernel_is_stamped_with_the_shared_constants() -> None:
    for name, dispatcher in kernels().items():
        if not name.startswith("hashing."):
            assert dispatcher._cache._cache_file._source_stamp[1] == shared_constants(), name


def test_the_stamp_is_what_numba_compares(monkeypatch: pytest.MonkeyPatch) -> None:
    warm_up()
    cache = kernels()["vocabulary._fill"]._cache._cache_file
    assert cache._load_index()
    monkeypatch.setattr(cache, "_source_stamp", "another")
    assert cache._load_index() == {}


def test_no_kernel_calls_one_of_another_file() -> None:
    for name, dispatcher in kernels().items():
        module = name.split(".")[0]
        for used in dispatcher.py_func.__code__.co_names:
            value = dispatcher.py_func.__globals__.get(used)
            if isinstance(value, Dispatcher):
                home = value.py_func.__module__.rsplit(".", 1)[1]
                assert home in (module, "hashing"), f"{name} calls {home}.{used}"


def test_each_kernel_is_compiled_once_per_kind_of_array() -> None:
    warm_up()
    assert {name: len(d.signatures) for name, d in kernels().items() if len(d.signatures) > 2} == {}


def test_frozen_arrays_cannot_be_written() -> None:
    array = np.arange(3)
    with pytest.raises(ValueError, match="read-only"):
        frozen(array)[0] = 1
    array[0] = 5  # the original still can
