from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest

from monitor.evidently import METHODS, Answer, EvidentlyProcess, Request

LIN = np.arange(1000) / 1000


@pytest.fixture(scope="module")
def evidently() -> Iterator[EvidentlyProcess]:
    with EvidentlyProcess() as process:
        yield process


def ask(process: EvidentlyProcess, *requests: Request) -> list[Answer]:
    return process.measure(list(requests))


def test_the_list_of_methods_is_evidentlys_own(evidently: EvidentlyProcess) -> None:
    ask(evidently, Request("x", "number", "ks", LIN, LIN))
    assert evidently.registered == {name: sorted(kinds) for name, kinds in METHODS.items()}
    assert evidently.version is not None
    assert evidently.version.startswith("0.7.")


def test_every_method_gives_a_score_or_says_why_not(evidently: EvidentlyProcess) -> None:
    numbers = (LIN[:80], LIN[:80] + 0.1)
    words = (["a", "b"] * 40, ["a", "a", "b", "b"] * 20)
    texts = (["the parcel came late today"] * 30 + ["driver was kind"] * 10, ["refund the order now"] * 40)
    sides = {"number": numbers, "category": words, "text": texts}
    requests = [
        Request("x", kind, method, *sides[kind]) for method, kinds in METHODS.items() for kind in kinds
    ]
    answers = evidently.measure(requests)
    assert [answer.method for answer in answers] == [request.method for request in requests]
    assert {answer.method: answer.error for answer in answers if answer.error} == {}


def test_a_failing_column_leaves_the_others_alone(evidently: EvidentlyProcess) -> None:
    answers = ask(
        evidently,
        Request("good", "number", "psi", LIN, LIN + 0.1),
        Request("empty", "number", "psi", LIN, np.full(5, np.nan)),
        Request("emoji", "text", "abs_text_content_drift", ["🙂"] * 50, ["🙁"] * 50),
        Request("unknown", "number", "no_such_test", LIN, LIN),
        Request("wrong kind", "category", "ks", ["a"], ["b"]),
        Request("unsendable", "category", "psi", [object()], ["b"]),
        Request("good too", "category", "psi", ["a"] * 60 + ["b"] * 40, ["a"] * 50 + ["b"] * 50),
    )
    assert [answer.column for answer in answers if answer.error is None] == ["good", "good too"]
    by_column = {answer.column: answer.error or "" for answer in answers}
    assert by_column["empty"] == "the current window has no values"
    assert "empty vocabulary" in by_column["emoji"]
    assert "no test 'no_such_test'" in by_column["unknown"]
    assert "no test 'ks' for a category column" in by_column["wrong kind"]
    assert "cannot be sent" in by_column["unsendable"]


def test_missing_and_infinite_values_are_left_out_on_copies(evidently: EvidentlyProcess) -> None:
    dirty = np.concatenate([LIN, [np.nan, np.inf, -np.inf]])
    before = dirty.copy()
    clean, cleaned = ask(
        evidently,
        Request("x", "number", "hellinger", LIN, LIN + 0.1),
        Request("x", "number", "hellinger", dirty, np.append(LIN + 0.1, np.nan)),
    )
    assert cleaned == clean
    np.testing.assert_array_equal(dirty, before)


def test_arrow_columns_and_broken_bytes_are_taken(evidently: EvidentlyProcess) -> None:
    words = pa.array([b"ok", b"caf\xe9", None] * 20, pa.large_binary())
    (answer,) = ask(evidently, Request("x", "category", "jensenshannon", words, words))
    assert answer.score == 0


def test_random_tests_repeat_themselves(evidently: EvidentlyProcess) -> None:
    words = (["a"] * 60 + ["b"] * 40, ["a"] * 50 + ["b"] * 50)
    request = Request("x", "category", "TVD", *words)
    first, second = ask(evidently, request, request)
    assert first == second
    assert first.score == pytest.approx(0.214)


def test_a_test_that_takes_too_long_is_ended_and_the_next_one_served() -> None:
    slow = Request("slow", "number", "ed", np.random.default_rng(0).normal(size=4_000_000), LIN)
    with EvidentlyProcess(timeout_seconds=0.2) as process:
        process.measure([])
        answers = ask(process, slow)
        assert answers[0].error == "Evidently's process gave no answer in 0.2 seconds"
        process._timeout_seconds = 60.0
        assert ask(process, Request("x", "number", "ks", LIN, LIN))[0].score == 1


def test_a_child_that_dies_is_replaced_a_few_times() -> None:
    request = Request("x", "number", "ks", LIN, LIN)
    with EvidentlyProcess(restarts=0) as process:
        assert ask(process, request)[0].score == 1
        assert process._child is not None
        os.kill(process._child._process.pid, signal.SIGKILL)
        first, second = ask(process, request, request)
        assert first.error == "Evidently's process was killed by signal 9"
        assert second.error == "Evidently's process was lost too often in this run"


def test_too_little_memory_is_an_error_that_is_not_paid_for_twice() -> None:
    request = Request("x", "number", "ks", LIN, LIN)
    with EvidentlyProcess(memory_bytes=64 << 20) as process:
        first, second = ask(process, request, request)
        assert first.error is not None
        assert first.error.startswith("Evidently could not be started")
        assert second == first


def test_closing_ends_the_child() -> None:
    with EvidentlyProcess() as process:
        ask(process, Request("x", "number", "ks", LIN, LIN))
        assert process._child is not None
        child = process._child._process
    assert child.returncode == 0


def test_this_process_never_imports_evidently() -> None:
    program = (
        "import sys; from monitor.evidently import EvidentlyProcess, Request\n"
        "heavy = {'evidently', 'numpy', 'pandas', 'pyarrow', 'scipy'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
        "with EvidentlyProcess() as process:\n"
        "    answer, = process.measure([Request('x', 'number', 'ks', [1.0, 2.0], [1.0, 2.0])])\n"
        "assert answer.score == 1, answer\n"
        "assert 'evidently' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=300)
