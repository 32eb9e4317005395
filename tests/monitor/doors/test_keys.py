"""`driftglass keys`: made once, shown without secrets, revoked; and `serve` asks for them."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from monitor.cli import main
from monitor.store import audit, keys
from monitor.store.engine import Store

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], store_url: str) -> Run:
    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main([*arguments, "--database", store_url])
        told = capsys.readouterr()
        return int(ended.value.code or 0), told.out, told.err

    return call


def test_a_key_is_printed_once_and_only_its_hash_is_kept(run: Run, store_url: str) -> None:
    code, out, _ = run("keys", "create", "ci", "--scope", "ingest", "--scope", "read", "--model", "toxicity")
    assert code == 0
    text = out.strip()
    store = Store(store_url)
    with store.read() as conn:
        key = keys.find(conn, text, 2**60)
        assert key is not None
        assert (key.name, key.scopes, key.models) == ("ci", ("ingest", "read"), ("toxicity",))
        secret = text.split("_")[2]
        rows = conn.exec_driver_sql("SELECT * FROM api_keys").all()
        assert secret not in str(rows)
        assert [row.action for row in conn.exec_driver_sql("SELECT action FROM audit")] == ["key.created"]
        assert audit.verify(conn).problem is None
    store.close()
    listed = json.loads(run("keys", "list", "--json")[1])
    assert listed["good"] is True
    assert secret not in json.dumps(listed)
    assert "ci" in run("keys", "list")[1]


def test_a_revoked_key_is_refused_and_its_name_is_free_again(run: Run, store_url: str) -> None:
    text = run("keys", "create", "ci", "-s", "read")[1].strip()
    code, _, err = run("keys", "create", "ci", "-s", "read")
    assert code == 2
    assert "revoke it first" in err
    assert run("keys", "revoke", "ci")[0] == 0
    assert run("keys", "create", "ci", "-s", "read")[0] == 0
    store = Store(store_url)
    with store.read() as conn:
        assert keys.find(conn, text, 2**60) is None
    store.close()
    assert run("keys", "revoke", text.split("_")[1])[0] == 0, "again changes nothing"
    assert run("keys", "revoke", "nobody")[0] == 2


@pytest.mark.parametrize(
    ("arguments", "cure"),
    [
        (("-s", "write"), "write one of ingest, read"),
        (("-s", "read", "--expires", "soon"), "write 90d"),
        (("-s", "read", "--expires", "2001-01-01"), "in the past"),
    ],
)
def test_what_no_key_can_have_is_refused_with_the_cure(
    run: Run, arguments: tuple[str, ...], cure: str
) -> None:
    code, _, err = run("keys", "create", "ci", *arguments)
    assert code == 2
    assert cure in err


def test_expiry_in_days_and_as_a_day(run: Run) -> None:
    for name, expires in (("a", "90d"), ("b", "2999-12-31")):
        assert run("keys", "create", name, "-s", "read", "--expires", expires)[0] == 0
    a, b = (json.loads(line) for line in run("keys", "list", "--json")[1].splitlines())
    assert a["expires_us"] - a["created_us"] == 90 * 86_400_000_000
    assert b["expires_us"] == 32_503_680_000_000_000, "a day ends when it ends"


def test_serve_refuses_an_address_of_others_without_keys(run: Run) -> None:
    code, _, err = run("serve", "--host", "0.0.0.0")
    assert code == 2
    assert "driftglass keys create" in err
