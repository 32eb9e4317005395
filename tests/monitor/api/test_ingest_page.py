"""docs/ingest.md is true: its commands and its program run against the service, with the answers it shows."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from monitor.settings import Settings
from monitor.sources.intake import DETAILS
from tests.chaos.fleet import free_port

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "ingest.md").read_text(encoding="utf-8")
ADDRESS = "http://127.0.0.1:8327"


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The service with the contract of the page."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "toxicity.yaml").write_text(blocks("yaml")[0], "utf-8")
    port = free_port()
    command = [sys.executable, "-m", "monitor.cli", "serve", "-c", "toxicity.yaml", "--role", "api"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([*command, "--port", str(port)], cwd=folder, env=environment)
    found = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            assert process.poll() is None
            try:
                if httpx.get(f"{found}/readyz", trust_env=False).is_success:
                    break
            except httpx.TransportError:
                time.sleep(0.1)
        yield found
    finally:
        process.terminate()
        process.wait(20)


def test_the_commands_answer_what_the_page_says(address: str) -> None:
    commands, answers = blocks("sh"), blocks("json")
    assert len(commands) == len(answers) == 2
    for command, answer in zip(commands, answers, strict=True):
        done = subprocess.run(
            ["bash", "-c", command.replace(ADDRESS, address)], capture_output=True, text=True, timeout=60
        )
        assert json.loads(done.stdout) == json.loads(answer), done.stderr


def test_the_program_sends_its_record_and_its_label(address: str) -> None:
    (program,) = blocks("python")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", program.replace(ADDRESS, address)], timeout=60, env=environment
    )
    assert done.returncode == 0


def test_every_reason_and_every_setting_is_explained() -> None:
    for reason in DETAILS:
        assert f"`{reason}`" in PAGE
    for name in Settings.model_fields:
        if name.startswith("inbox"):
            assert f"DRIFTGLASS_{name.upper()}" in PAGE
