"""`driftglass erase`, as it is typed."""

from __future__ import annotations

from monitor.store import models, samples
from monitor.store.engine import Store
from tests.monitor.commandline import Cli, Done
from tests.monitor.test_erasing import sample


def test_records_are_erased_by_their_ids(cli: Cli, store: Store, store_url: str) -> None:
    with store.write() as conn:
        model_id = models.create(conn, "shop", 1).id
        samples.replace(conn, model_id, 0, [sample(one, "words") for one in ("a", "b", "c")])
    assert cli("erase", "shop", "a", "b", "-d", store_url) == Done(0, "", "erased: 2 in samples\n")
    assert set(cli("erase", "shop", "a", "--json", "-d", store_url).json().values()) == {0}
    wrong = cli("erase", "shops", "a", "-d", store_url)
    assert (wrong.code, "no model 'shops'" in wrong.err) == (2, True)
    with store.read() as conn:
        assert [one.event_id for one in samples.of_window(conn, model_id, 0)] == ["c"]
