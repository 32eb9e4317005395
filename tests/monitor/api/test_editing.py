"""What is edited and created: contracts, models, keys, feedback, approvals; conditions and repeated requests."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from monitor.store import audit, keys, models, plans
from monitor.store.engine import Store
from tests.monitor.seeded import NOW, Seeded, seed
from tests.monitor.served import Client, client_of

CONTRACT = """\
model: {model}
source: {{type: files, path: "data/*.csv", id: id, time: at}}
columns:
  comment: {{role: input, kind: text}}
  label: {{role: prediction, kind: category}}
"""


@pytest.fixture
def seeded(store: Store) -> Seeded:
    return seed(store)


@pytest.fixture
def api(store: Store, seeded: Seeded) -> Client:
    return client_of(store)


def sent(api: Client, method: str, url: str, body: object, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return api.request(method, url, json=body, headers=named)


class TestContracts:
    def test_a_new_model_by_its_contract(self, api: Client) -> None:
        answer = sent(api, "POST", "/v1/models", {"body": CONTRACT.format(model="new.one")})
        assert answer.status_code == 201, answer.text
        assert answer.headers["location"] == "/v1/models/new.one/contract"
        read = api.get(answer.headers["location"])
        assert read.json() == answer.json()
        assert read.headers["etag"] == answer.headers["etag"]
        again = sent(api, "POST", "/v1/models", {"body": CONTRACT.format(model="new.one")})
        assert again.status_code == 409

    def test_a_version_is_saved_only_over_the_one_that_was_read(self, api: Client) -> None:
        sent(api, "POST", "/v1/models", {"body": CONTRACT.format(model="m")})
        url, tag = "/v1/models/m/contract", api.get("/v1/models/m/contract").headers["etag"]
        longer = {"body": CONTRACT.format(model="m") + "owner: somebody\n"}
        assert sent(api, "PUT", url, longer).status_code == 428
        first = sent(api, "PUT", url, longer, if_match=tag)
        assert (first.status_code, first.json()["version"]) == (200, 2)
        assert first.json()["author"] == "local"
        late = sent(api, "PUT", url, {"body": CONTRACT.format(model="m") + "owner: other\n"}, if_match=tag)
        assert late.status_code == 412
        assert late.headers["etag"] == first.headers["etag"]
        assert api.get(url).json()["body"].endswith("owner: somebody\n")
        star = sent(api, "PUT", url, {"body": CONTRACT.format(model="m")}, if_match="*")
        assert star.json()["version"] == 1, "a text that was saved before is that version again"

    def test_every_problem_has_its_line_and_column(self, api: Client) -> None:
        sent(api, "POST", "/v1/models", {"body": CONTRACT.format(model="m")})
        broken = CONTRACT.format(model="m").replace("role: input", "role: imput") + "windw: {}\n"
        answer = sent(api, "PUT", "/v1/models/m/contract", {"body": broken}, if_match="*")
        assert answer.status_code == 422
        places = [(one["pointer"], one["line"], one["column"]) for one in answer.json()["errors"]]
        assert ("/body", 4, 19) in places
        assert {line for _, line, _ in places} == {4, 6}
        checked = sent(api, "POST", "/v1/models/m/contract/check", {"body": broken})
        assert checked.json()["errors"] == answer.json()["errors"]
        fine = sent(api, "POST", "/v1/models/m/contract/check", {"body": CONTRACT.format(model="m")})
        assert fine.json() == {"status": "ok"}

    def test_a_contract_that_has_lost_what_was_learnt_is_refused(self, api: Client, store: Store) -> None:
        sent(api, "POST", "/v1/models", {"body": CONTRACT.format(model="m")})
        with store.write() as conn:
            learnt = {"comment": "text", "label": "category"}
            plans.save(conn, models.get(conn, "m").id, "a plan", b"", 0, columns=learnt)
        before = api.get("/v1/models/m/contract").json()
        lost = {
            "body": CONTRACT.format(model="m").replace("  label: {role: prediction, kind: category}\n", "")
        }
        answer = sent(api, "PUT", "/v1/models/m/contract", lost, if_match="*")
        assert answer.status_code == 422
        assert "no longer declared: label" in answer.json()["errors"][0]["detail"]
        assert sent(api, "POST", "/v1/models/m/contract/check", lost).json() == answer.json()
        assert api.get("/v1/models/m/contract").json() == before
        assert len(api.get("/v1/models/m/contract/versions").json()) == 1
        more = {"body": CONTRACT.format(model="m") + "  score: {role: score}\n"}
        assert sent(api, "PUT", "/v1/models/m/contract", more, if_match="*").status_code == 200

    def test_a_contract_of_another_model_is_refused(self, api: Client) -> None:
        sent(api, "POST", "/v1/models", {"body": CONTRACT.format(model="m")})
        url = "/v1/models/m/contract"
        assert sent(api, "PUT", url, {"body": CONTRACT.format(model="n")}, if_match="*").status_code == 422

    def test_two_versions_side_by_side(self, api: Client) -> None:
        text = api.get("/v1/models/toxicity/contract/diff?from=1&to=2").json()["unified"]
        assert text.startswith("--- version 1\n+++ version 2\n")
        same = api.get("/v1/models/toxicity/contract/diff?from=2&to=2").json()
        assert same == {"from_version": 2, "to_version": 2, "unified": ""}
        assert api.get("/v1/models/toxicity/contract/diff?from=1&to=9").status_code == 404

    @pytest.mark.parametrize(
        "body",
        [
            "[" * 50_000,
            "a: &a [x]\n"
            + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n".replace("*a-1", "*a") for n in range(30)),
            "model: !!python/object:os.system x",
            "model: x\nmodel: y",
            "\t",
            "%YAML 9.9\n---\nmodel: x",
            "? [a, b]\n: c",
            "model: 1e400\nsource: .nan\ncolumns: 2026-99-99",
            "- " * 20_000,
        ],
        ids=lambda body: body[:20].strip(),
    )
    def test_no_text_breaks_the_reader_of_contracts(self, light: tuple[Store, Seeded], body: str) -> None:
        answer = sent(client_of(light[0]), "POST", "/v1/models", {"body": body})
        assert answer.status_code == 422, answer.text


class TestRepeating:
    def test_the_same_request_again_gets_the_same_bytes_and_makes_nothing(
        self, api: Client, store: Store
    ) -> None:
        body = {"body": CONTRACT.format(model="once")}
        first = sent(api, "POST", "/v1/models", body, idempotency_key="k1")
        again = sent(api, "POST", "/v1/models", body, idempotency_key="k1")
        assert first.status_code == again.status_code == 201
        assert first.content == again.content
        assert first.headers["location"] == again.headers["location"]
        assert first.headers["etag"] == again.headers["etag"]
        with store.read() as conn:
            saved = "SELECT count(*) FROM audit WHERE object = 'model/once'"
            assert conn.exec_driver_sql(saved).scalar() == 1

    def test_the_same_key_with_another_body_is_refused(self, api: Client) -> None:
        sent(api, "POST", "/v1/models", {"body": CONTRACT.format(model="a")}, idempotency_key="k")
        other = sent(api, "POST", "/v1/models", {"body": CONTRACT.format(model="b")}, idempotency_key="k")
        assert other.status_code == 422
        assert api.get("/v1/models/b").status_code == 404

    def test_a_key_belongs_to_its_caller_and_its_address(
        self, api: Client, store: Store, seeded: Seeded
    ) -> None:
        with store.write() as conn:
            texts = [
                keys.create(conn, name, ["manage"], (), None, "test", NOW - 1)[1] for name in ("one", "two")
            ]
        answers = [
            sent(
                api,
                "POST",
                "/v1/models",
                {"body": CONTRACT.format(model=name)},
                idempotency_key="k",
                authorization=f"Bearer {text}",
            )
            for name, text in zip(("a", "b"), texts, strict=True)
        ]
        assert [answer.status_code for answer in answers] == [201, 201]

    def test_an_error_is_not_kept(self, api: Client) -> None:
        for _ in range(2):
            answer = sent(api, "POST", "/v1/models", {"body": "model: ["}, idempotency_key="k")
            assert answer.status_code == 422
        fine = sent(api, "POST", "/v1/models", {"body": CONTRACT.format(model="x")}, idempotency_key="k")
        assert fine.status_code == 201

    @pytest.mark.parametrize("key", ["", "a b", "é", "x" * 201])
    def test_a_key_that_is_none_is_refused(self, light: tuple[Store, Seeded], key: str) -> None:
        headers = {"idempotency-key": key.encode("utf-8")}
        body = {"body": CONTRACT.format(model="x")}
        answer = client_of(light[0]).request("POST", "/v1/models", json=body, headers=headers)
        assert answer.status_code == 422


class TestKeys:
    def test_made_listed_and_revoked_by_an_admin(self, api: Client, store: Store) -> None:
        made = sent(api, "POST", "/v1/keys", {"name": "ci", "scopes": ["ingest"], "models": ["toxicity"]})
        assert made.status_code == 201
        text = made.json()["key"]
        # From now on somebody must be asked.
        assert api.get("/v1/keys").status_code == 401
        with store.write() as conn:
            admin = keys.create(conn, "root", ["admin"], (), None, "test", NOW - 1)[1]
        bearer = {"authorization": f"Bearer {admin}"}
        listed = api.get("/v1/keys", headers=bearer)
        assert [key["name"] for key in listed.json()] == ["root", "ci"]
        assert text.split("_")[2] not in listed.text
        answer = api.request("DELETE", made.headers["location"], headers=bearer)
        assert answer.json()["revoked_by"] == "root"
        assert api.request("DELETE", made.headers["location"], headers=bearer).json() == answer.json()
        with store.read() as conn:
            assert audit.verify(conn).problem is None

    def test_an_admin_of_some_models_makes_and_sees_only_keys_of_these(
        self, api: Client, store: Store
    ) -> None:
        with store.write() as conn:
            text = keys.create(conn, "part", ["admin"], ["toxicity"], None, "test", NOW - 1)[1]
            other = keys.create(conn, "root", ["admin"], (), None, "test", NOW - 1)[0]
        bearer = f"Bearer {text}"
        wide = {"name": "a", "scopes": ["read"]}
        assert sent(api, "POST", "/v1/keys", wide, authorization=bearer).status_code == 403
        beyond = {"name": "a", "scopes": ["read"], "models": ["spam"]}
        assert sent(api, "POST", "/v1/keys", beyond, authorization=bearer).status_code == 403
        own = {"name": "a", "scopes": ["read"], "models": ["toxicity"]}
        assert sent(api, "POST", "/v1/keys", own, authorization=bearer).status_code == 201
        named = [key["name"] for key in api.get("/v1/keys", headers={"authorization": bearer}).json()]
        assert sorted(named) == ["a", "part"]
        refused = api.request("DELETE", f"/v1/keys/{other.id}", headers={"authorization": bearer})
        assert refused.status_code == 404

    @pytest.mark.parametrize(
        "order",
        [
            {"name": "", "scopes": ["read"]},
            {"name": "a", "scopes": []},
            {"name": "a", "scopes": ["write"]},
            {"name": "a", "scopes": ["read"], "expires": "2001-01-01T00:00:00Z"},
            {"name": "a\nb", "scopes": ["read"]},
            {"name": " ", "scopes": ["read"]},
        ],
    )
    def test_a_key_that_cannot_be(self, light: tuple[Store, Seeded], order: dict[str, Any]) -> None:
        assert sent(client_of(light[0]), "POST", "/v1/keys", order).status_code == 422


class TestActing:
    def test_feedback_closes_the_alert_under_the_name_of_the_key(
        self, api: Client, store: Store, seeded: Seeded
    ) -> None:
        with store.write() as conn:
            text = keys.create(conn, "anna", ["act", "read"], (), None, "test", NOW - 1)[1]
        bearer = f"Bearer {text}"
        url = f"/v1/alerts/{seeded.encoding}/feedback"
        order = {"verdict": "false-alarm", "note": "a test of ours"}
        said = sent(api, "POST", url, order, authorization=bearer)
        assert said.status_code == 201, said.text
        assert said.json()["author"] == "anna"
        alert = api.get(f"/v1/alerts/{seeded.encoding}", headers={"authorization": bearer}).json()
        assert alert["state"] == "resolved"
        assert sent(api, "POST", url, order, authorization=bearer).status_code == 409
        headers = {"authorization": bearer}
        assert api.request("DELETE", url, headers=headers).status_code == 204
        assert api.request("DELETE", url, headers=headers).status_code == 409

    def test_an_approval_that_nothing_waits_for_is_a_conflict(self, api: Client) -> None:
        assert sent(api, "POST", "/v1/triggers/trg-1/approval", {}).status_code == 409
        assert sent(api, "POST", "/v1/triggers/none/approval", {}).status_code == 404

    def test_a_trigger_that_waits_is_approved_once_and_goes_out(self, api: Client, store: Store) -> None:
        with store.write() as conn:
            conn.exec_driver_sql("UPDATE triggers SET state = 'succeeded' WHERE id = 'trg-1'")
            conn.exec_driver_sql("UPDATE triggers SET state = 'awaiting_approval' WHERE id = 'trg-vetoed'")
        url = "/v1/triggers/trg-vetoed/approval"
        first = sent(api, "POST", url, {"note": "go"}, idempotency_key="k")
        assert (first.status_code, first.json()["state"]) == (200, "requested"), first.text
        assert sent(api, "POST", url, {"note": "go"}, idempotency_key="k").content == first.content
        events = api.get("/v1/triggers/trg-vetoed").json()["events"]
        assert [(one["to_state"], one["actor"]) for one in events][-1] == ("requested", "local")

    def test_a_trigger_that_waits_is_rejected_with_the_reason(self, api: Client, store: Store) -> None:
        with store.write() as conn:
            conn.exec_driver_sql("UPDATE triggers SET state = 'awaiting_approval' WHERE id = 'trg-vetoed'")
        answer = sent(api, "POST", "/v1/triggers/trg-vetoed/rejection", {"note": "not this week"})
        assert answer.json()["state"] == "rejected"
        event = api.get("/v1/triggers/trg-vetoed").json()["events"][-1]
        assert event["detail"] == {"why": "not this week"}
