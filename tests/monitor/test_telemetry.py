"""Log lines that can be read by machines, and metrics that are made once."""

from __future__ import annotations

import io
import json
import logging
import threading
from collections.abc import Iterator

import pytest
from prometheus_client import generate_latest

from monitor import telemetry


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    others = {name: logging.getLogger(name) for name in ("uvicorn", "uvicorn.error", "uvicorn.access")}
    kept = {name: (logger.handlers[:], logger.propagate) for name, logger in others.items()}
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, (old, propagate) in kept.items():
        others[name].handlers[:] = old
        others[name].propagate = propagate


def written(json_lines: bool, level: str = "info") -> io.StringIO:
    stream = io.StringIO()
    telemetry.configure_logging(level, json=json_lines, stream=stream)
    return stream


def test_json_lines_carry_the_run_they_belong_to() -> None:
    stream = written(True)
    with telemetry.logged(run=12, model="toxicity"), telemetry.logged(window="03:00"):
        logging.getLogger("monitor.jobs").info("judged %d windows", 3)
    logging.getLogger("monitor.jobs").info("outside")
    first, second = (json.loads(line) for line in stream.getvalue().splitlines())
    assert first["message"] == "judged 3 windows"
    assert (first["run"], first["model"], first["window"]) == (12, "toxicity", "03:00")
    assert (first["level"], first["logger"]) == ("info", "monitor.jobs")
    assert first["time"].endswith("+00:00")
    assert "run" not in second


def test_another_thread_does_not_inherit_the_run() -> None:
    stream = written(True)
    with telemetry.logged(run=12):
        thread = threading.Thread(target=logging.getLogger("other").info, args=("elsewhere",))
        thread.start()
        thread.join()
    assert "run" not in json.loads(stream.getvalue())


def test_nothing_in_a_message_breaks_a_json_line() -> None:
    stream = written(True)
    with telemetry.logged(message="not this one"):
        logging.getLogger("x").error("a\nb \ud800 \u2028 \x00")
    (line,) = stream.getvalue().splitlines()
    assert line.isascii()
    assert json.loads(line)["message"] == "a\nb \ud800 \u2028 \x00"


def test_an_exception_comes_with_its_traceback() -> None:
    for json_lines in (True, False):
        stream = written(json_lines)
        try:
            raise ValueError("why")
        except ValueError:
            logging.getLogger("x").exception("it failed")
        assert "ValueError: why" in stream.getvalue()


def test_text_lines_for_eyes() -> None:
    stream = written(False)
    with telemetry.logged(run=12):
        logging.getLogger("monitor.jobs").warning("slow")
    assert stream.getvalue().rstrip().endswith("Z warning monitor.jobs run=12: slow")


def test_levels_and_the_access_log() -> None:
    stream = written(False, "WARNING")
    logging.getLogger("x").info("quiet")
    logging.getLogger("uvicorn.access").error("GET /secret")
    assert stream.getvalue() == ""
    with pytest.raises(ValueError, match="Unknown level"):
        telemetry.configure_logging("loud")


def test_counters_are_prefixed_and_exposed() -> None:
    telemetry.counter("tests_telemetry", "For this test", ("kind",)).labels("a").inc(2)
    telemetry.histogram("tests_telemetry_seconds", "For this test", buckets=(1, 2)).observe(1.5)
    text = generate_latest(telemetry.REGISTRY).decode()
    assert 'driftglass_tests_telemetry_total{kind="a"} 2.0' in text
    assert 'driftglass_tests_telemetry_seconds_bucket{le="2.0"} 1.0' in text
    with pytest.raises(ValueError, match="Duplicated"):
        telemetry.counter("tests_telemetry", "twice")
