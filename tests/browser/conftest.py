"""A real Chromium against a real server on loopback."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
import uvicorn

from monitor.api import create_app
from monitor.clock import SimulatedClock
from monitor.store.engine import Store
from tests.conftest import missing
from tests.monitor.seeded import NOW, Seeded
from tests.monitor.served import light

if TYPE_CHECKING:
    from playwright.sync_api import Browser

__all__ = ["light"]

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@pytest.fixture(scope="module")
def address(light: tuple[Store, Seeded]) -> Iterator[str]:
    """Where the seeded store is served."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    app = create_app(light[0], SimulatedClock(NOW))
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(timeout=10)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for the module."""
    if not os.access(CHROMIUM, os.X_OK):
        missing("no Chromium is installed (apt-get install chromium fonts-noto-core fonts-noto-cjk)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield launched
        launched.close()
