"""A function of the user's, `package.module:function`: a text to a code, or to None where none can be told."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from hashlib import sha256
from importlib import import_module

from checks.text.detectors.protocol import UND, DetectorFailed, DetectorMissing


class Own:
    """Its version is that of its module (`__version__`), else a hash of the module's source."""

    def __init__(self, name: str) -> None:
        module_name, _, function_name = name.partition(":")
        module = import_module(module_name)
        function = getattr(module, function_name, None)
        if not callable(function):
            raise DetectorMissing(f"{module_name} has no function {function_name}; define it there")
        self.name = name
        self._function: Callable[[str], object] = function
        version = getattr(module, "__version__", None)
        self.version = (
            str(version) if version else sha256(inspect.getsource(module).encode()).hexdigest()[:12]
        )

    def detect(self, texts: Sequence[str]) -> list[str]:
        return [self._label(text) for text in texts]

    def _label(self, text: str) -> str:
        try:
            found = self._function(text)
        except Exception as error:  # whatever it raises is its own
            raise DetectorFailed(f"{self.name} failed: {type(error).__name__}: {error}") from error
        if found is None:
            return UND
        if not isinstance(found, str):
            raise DetectorFailed(f"{self.name} gave {type(found).__name__}; expected a code, or None")
        return found
