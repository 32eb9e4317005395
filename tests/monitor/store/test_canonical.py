from __future__ import annotations

import json
import math

from monitor.store.canonical import json_text


def test_one_text_per_value() -> None:
    assert json_text({"b": 1, "a": [1.5, None, "é"]}) == '{"a":[1.5,null,"é"],"b":1}'
    assert json_text({"b": 1, "a": 2}) == json_text({"a": 2, "b": 1})


def test_numbers_that_json_has_not_are_words_at_any_depth() -> None:
    odd = {"x": math.nan, "y": [math.inf, {"z": -math.inf}], "n": 1.0}
    assert json.loads(json_text(odd)) == {"x": "NaN", "y": ["Infinity", {"z": "-Infinity"}], "n": 1.0}
