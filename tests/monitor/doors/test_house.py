"""`driftglass erase`, `db backup` and `db restore`, as they are typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from monitor.cli import main
from monitor.store import models, samples
from monitor.store.engine import Store
from tests.monitor.test_erasing import sample


def command(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out, err


def test_records_are_erased_by_their_ids(
    store: Store, store_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with store.write() as conn:
        model_id = models.create(conn, "shop", 1).id
        samples.replace(conn, model_id, 0, [sample(one, "words") for one in ("a", "b", "c")])
    code, _, err = command(capsys, "erase", "shop", "a", "b", "-d", store_url)
    assert (code, err) == (0, "erased: 2 in samples\n")
    code, out, _ = command(capsys, "erase", "shop", "a", "--json", "-d", store_url)
    assert set(json.loads(out).values()) == {0}
    code, _, err = command(capsys, "erase", "shops", "a", "-d", store_url)
    assert code == 2
    assert "no model 'shops'" in err
    with store.read() as conn:
        assert [one.event_id for one in samples.of_window(conn, model_id, 0)] == ["c"]


def test_a_store_is_copied_and_put_back(
    new_database: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = new_database("sqlite")  # type: ignore[operator]
    copy = tmp_path / "copy.db"
    code, _, err = command(capsys, "db", "backup", str(copy), "-d", url)
    assert code == 0
    assert f"to {copy}" in err
    assert command(capsys, "db", "backup", str(copy), "-d", url)[0] == 2
    code, _, err = command(capsys, "db", "restore", str(copy), "-d", url)
    assert code == 0
    assert ".before-" in err
    assert "still holds what people wrote: delete it" in err
    code, _, err = command(capsys, "db", "restore", str(copy), "-d", f"sqlite:///{tmp_path}/new.db")
    assert (code, "warning: there was no store here" in err) == (0, True)
    code, _, err = command(capsys, "db", "backup", str(tmp_path / "x"), "-d", "postgresql://me:hunter2@db/x")
    assert code == 2
    assert "pg_dump" in err
    assert "hunter2" not in err
