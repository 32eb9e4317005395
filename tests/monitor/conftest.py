"""Fixtures for tests of commands: the command line, and a model that was watched once."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.cli import main
from tests.monitor import stream
from tests.monitor.commandline import Cli, Done, Watched, process

RETRAINING = """\
retraining:
  when: {any: [predictions], persists: 2 windows}
  approval: required
  target: {type: webhook, url: env:RETRAIN_URL, secret: env:RETRAIN_SECRET}
"""


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    """Run a command in this process, through the same door as the installed script."""

    def run(*arguments: object) -> Done:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        told = capsys.readouterr()
        return Done(int(ended.value.code or 0), told.out, told.err)

    return run


@pytest.fixture(scope="session")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Watched:
    folder = tmp_path_factory.mktemp("watched")
    stream.write(folder / "orders.csv", stream.shifted(stream.records(), stream.day(15)))
    contract, url = stream.contract(folder, more=RETRAINING), f"sqlite:///{folder / 'store.db'}"
    return Watched(contract, url, process("run", "-c", contract, "-d", url, "--as-of", "data", cwd=folder))


@pytest.fixture
def quiet(tmp_path: Path) -> Path:
    """The contract of a stream in which nothing happens; its store is not there yet."""
    stream.write(tmp_path / "orders.csv", stream.records())
    return stream.contract(tmp_path)
