from __future__ import annotations

from pathlib import Path

import pytest

from monitor.errors import UsageError
from monitor.settings import Settings, load_settings


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable of this machine's own, and a folder of its own."""
    for name in Settings.model_fields:
        monkeypatch.delenv(f"DRIFTGLASS_{name.upper()}", raising=False)
    monkeypatch.chdir(tmp_path)


def test_a_careful_default_for_everything() -> None:
    found = load_settings()
    assert found.database_url == "sqlite:///driftglass.db"
    assert found.host == "127.0.0.1"
    assert found.base_url == f"http://127.0.0.1:{found.port}"
    assert found.allowed_addresses == ()


def test_the_environment_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRIFTGLASS_ALLOWED_ADDRESSES", " airflow.svc, 10.0.0.0/8 ,")
    monkeypatch.setenv("DRIFTGLASS_LOG_LEVEL", "debug")
    monkeypatch.setenv("DRIFTGLASS_PUBLIC_URL", "https://drift.example.com/")
    found = load_settings()
    assert found.allowed_addresses == ("airflow.svc", "10.0.0.0/8")
    assert found.log_level == "DEBUG"
    assert found.base_url == "https://drift.example.com"


def test_an_ipv6_address_can_be_linked_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRIFTGLASS_HOST", "::1")
    assert load_settings().base_url.startswith("http://[::1]:")


def test_what_cannot_be_used_is_named_without_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRIFTGLASS_PORT", "hunter2")
    monkeypatch.setenv("DRIFTGLASS_TICK_SECONDS", "0")
    with pytest.raises(UsageError) as refused:
        load_settings()
    message = str(refused.value)
    assert "DRIFTGLASS_PORT: " in message
    assert "DRIFTGLASS_TICK_SECONDS: " in message
    assert "hunter2" not in message


def test_the_password_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRIFTGLASS_DATABASE_URL", "postgresql://me:hunter2@db/x")
    found = load_settings()
    assert found.database_url.endswith("hunter2@db/x")
    assert "hunter2" not in repr(found)
    assert "hunter2" not in str(found)


def test_a_file_in_the_working_folder_decides_nothing(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("DRIFTGLASS_PORT=1\n")
    assert load_settings().port != 1
