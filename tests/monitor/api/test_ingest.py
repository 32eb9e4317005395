"""Records that are sent: every one is taken, known already, or set aside with a reason; nothing is a 500."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from monitor.api import create_app
from monitor.app import App
from monitor.clock import SimulatedClock
from monitor.contract import Loaded, parse
from monitor.settings import Settings
from monitor.store import inbox, labels, models
from monitor.store.engine import Store
from monitor.store.inbox import Limits
from monitor.store.tables import inbox as inbox_table
from monitor.store.tables import quarantine as quarantine_table
from tests.monitor.api.test_problems import checked
from tests.monitor.served import Client

NOW = 1_795_000_000_000_000  # 2026-11-18T10:26:40Z
AT = "2026-11-18T10:20:00Z"
CONTRACT = """\
model: toxicity
source: {type: push, id: id, time: at}
columns:
  text: {role: input, kind: text, languages: [en, es]}
  size: {role: feature, kind: number}
  decision: {role: prediction, kind: category}
  latency_ms: {role: latency}
labels: {source: {type: push}, key: id, value: verdict, labelled: said_at, mature_after: 7d}
"""
NDJSON = {"content-type": "application/x-ndjson"}
JSON = {"content-type": "application/json"}
RECORDS = "/v1/models/toxicity/records"
LABELS = "/v1/models/toxicity/labels"


def register(store: Store, text: str = CONTRACT) -> None:
    App(store, SimulatedClock(NOW), Settings()).register(
        Loaded(parse(text), text, Path("/nowhere")), author="test"
    )


@pytest.fixture
def served(store: Store) -> Client:
    register(store)
    return Client(create_app(store, SimulatedClock(NOW)))


def record(number: int, **fields: Any) -> bytes:
    return json.dumps({"id": f"e{number}", "at": AT, "text": "the parcel came late", **fields}).encode()


def send(client: Client, *lines: bytes, url: str = RECORDS) -> dict[str, Any]:
    answer = client.request("POST", url, content=b"\n".join(lines), headers=NDJSON)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def reasons(answer: dict[str, Any]) -> list[tuple[int, str, str | None]]:
    assert answer["quarantined_count"] == len(answer["quarantined"])
    return [(one["index"], one["reason"], one["column"]) for one in answer["quarantined"]]


def stored(store: Store) -> bytes:
    """Every line of the inbox."""
    with store.read() as conn:
        model = models.get(conn, "toxicity")
        return b"".join(batch.body for batch in inbox.after(conn, model.id, 0, 10**6, 10**9))


def test_what_is_accepted_is_kept_as_it_came(served: Client, store: Store) -> None:
    lines = [record(number) for number in range(3)]
    assert send(served, *lines) == {"accepted": 3, "duplicates": 0, "quarantined": [], "quarantined_count": 0}
    assert stored(store) == b"\n".join(lines) + b"\n"
    with store.read() as conn:
        held = inbox.fill(conn, models.get(conn, "toxicity").id)
    assert (held.records, held.bytes, held.received_us) == (3, len(stored(store)), NOW)


def test_the_same_again_is_known_also_to_another_process(served: Client, store: Store) -> None:
    send(served, record(1), record(2))
    assert send(served, record(2), record(1), record(3), record(3))["duplicates"] == 3
    other = Client(create_app(store, SimulatedClock(NOW)))
    again = send(other, record(3), record(1))
    assert (again["accepted"], again["duplicates"]) == (0, 2)
    assert stored(store).count(b"\n") == 3


def test_the_same_id_with_other_content_is_set_aside(served: Client, store: Store) -> None:
    send(served, record(1))
    answer = send(served, record(1, text="something else"), record(2), record(2, text="again"))
    assert answer["accepted"] == 1
    assert reasons(answer) == [(0, "duplicate_differs", None), (2, "duplicate_differs", None)]
    with store.read() as conn:
        raw = conn.execute(select(quarantine_table.c.raw).order_by(quarantine_table.c.id)).scalars().first()
    assert b"something else" in bytes(raw or b"")


DEEP = b'{"id": "d", "at": "%s", "x": %s1%s}'
REFUSED = {
    b"{": "not_json",
    b"plain words": "not_json",
    b"[1]": "not_json",
    b'"text"': "not_json",
    b"NaN": "not_json",
    b"\x00\x00\x00": "utf_16",
    '{"id": "u"}'.encode("utf-16-le"): "utf_16",
    b"[" * 100_000: "too_deep",
    DEEP % (AT.encode(), b"[" * 900, b"]" * 900): "too_deep",
    DEEP % (AT.encode(), b'{"x":' * 40, b"}" * 40): "too_deep",
    b'{"id": "k", "at": "%s", "id": "other"}' % AT.encode(): "duplicate_key",
    b'{"id": "k", "at": "%s", "x": {"a": 1, "a" : 2}}' % AT.encode(): "duplicate_key",
    b'{"at": "%s"}' % AT.encode(): "missing_id",
    b'{"id": "", "at": "%s"}' % AT.encode(): "missing_id",
    b'{"id": null, "at": "%s"}' % AT.encode(): "missing_id",
    b'{"id": [1], "at": "%s"}' % AT.encode(): "unusable_id",
    b'{"id": NaN, "at": "%s"}' % AT.encode(): "unusable_id",
    b'{"id": 1e400, "at": "%s"}' % AT.encode(): "unusable_id",
    b'{"id": "%s", "at": "%s"}' % (b"x" * 501, AT.encode()): "unusable_id",
    b'{"id": "t"}': "missing_time",
    b'{"id": "t", "at": ""}': "missing_time",
    b'{"id": "t", "at": "yesterday"}': "unreadable_time",
    b'{"id": "t", "at": true}': "unreadable_time",
    b'{"id": "t", "at": {}}': "unreadable_time",
    b'{"id": "t", "at": NaN}': "unreadable_time",
    b'{"id": "t", "at": 1e400}': "unreadable_time",
    b'{"id": "t", "at": "1989-12-31T23:59:59Z"}': "absurd_time",
    b'{"id": "t", "at": "2026-11-20T00:00:00Z"}': "absurd_time",
    b'{"id": "t", "at": 1795000000000000000000}': "unreadable_time",
    b'{"id": "l", "at": "%s", "text": "%s"}' % (AT.encode(), b"x" * (1 << 20)): "too_long",
}


def test_a_line_that_is_no_record_is_set_aside_alone(served: Client, store: Store) -> None:
    expected = []
    for number, (line, reason) in enumerate(REFUSED.items()):
        lines = [record(2 * number), line, record(2 * number + 1)]
        cut = len(line.split(b"\n"))
        for accepted in (2, 0):  # sent again it is set aside again, and noted once
            answer = send(served, *lines)
            assert (answer["accepted"], answer["duplicates"]) == (accepted, 2 - accepted), line[:40]
            assert [one["reason"] for one in answer["quarantined"]] == [reason] * cut, line[:40]
            assert answer["quarantined"][0]["index"] == 1
        expected += [(reason, line.strip(b" \t\r\n")[:2048])] * cut
    with store.read() as conn:
        query = select(quarantine_table.c.reason, quarantine_table.c.raw).order_by(quarantine_table.c.id)
        assert [(row.reason, bytes(row.raw)) for row in conn.execute(query)] == expected


ODD = [
    b'{"id": "o1", "at": "%s", "text": "caf\xe9 \xff\xfe"}' % AT.encode(),
    b'{"id": "o2", "at": "%s", "text": "half \\ud83d"}' % AT.encode(),
    b'{"id": "o3", "at": "%s", "text": "nul \\u0000 inside"}' % AT.encode(),
    b'{"id": "o4", "at": "%s", "text": "x", "size": NaN}' % AT.encode(),
    b'{"id": "o5", "at": "%s", "text": "x", "size": 1e400}' % AT.encode(),
    b'{"id": "o6", "at": "%s", "text": 17, "size": {"a": [1]}}' % AT.encode(),
    b'{"id": "o7", "at": "%s", "size": 99999999999999999999999999999999999999}' % AT.encode(),
    b'{"id": "\xff", "at": "%s", "text": "an id that is no text"}' % AT.encode(),
    b'{"id": "o\\u0000", "at": 1795000000, "text": "\\": \\":"}',
    b'\xef\xbb\xbf{"id": "o8", "at": "Wed, 18 Nov 2026 10:00:00 +0000"}',
]


def test_what_is_odd_inside_a_record_is_evidence_and_is_kept(served: Client, store: Store) -> None:
    answer = send(served, *ODD)
    assert (answer["accepted"], answer["quarantined_count"]) == (len(ODD), 0)
    assert stored(store) == b"\n".join(ODD) + b"\n"


@pytest.mark.parametrize(
    ("body", "accepted", "refused"),
    [
        (record(1), 1, []),
        (b"[%s, %s]" % (record(1), record(2)), 2, []),
        (b"\xef\xbb\xbf [\n%s ,\r\n%s\n]\n" % (record(1), record(2)), 2, []),
        (b'{"records": [%s, %s]}' % (record(1), record(2)), 2, []),
        (b'{"records": []}', 0, []),
        (b"[]", 0, []),
        (b"", 0, []),
        (b"[%s, {oops}, %s]" % (record(1), record(2)), 2, [(1, "not_json", None)]),
        (b"[%s, [1, 2], %s" % (record(1), record(2)[:-5]), 1, [(1, "not_json", None), (2, "not_json", None)]),
        (json.dumps([json.loads(record(1))], indent=2).encode(), 1, []),
        (json.dumps([{**json.loads(record(1)), "text": 'a, [b] \\ " {c'}]).encode(), 1, []),
        (b"[" * 50_000, 0, [(0, "too_deep", None)]),
        (b"null", 0, [(0, "not_json", None)]),
    ],
)
def test_json_holds_one_record_a_list_or_records(
    served: Client, body: bytes, accepted: int, refused: list[tuple[int, str, str | None]]
) -> None:
    answer = served.request("POST", RECORDS, content=body, headers=JSON)
    assert answer.status_code == 200
    assert answer.json()["accepted"] == accepted
    assert reasons(answer.json()) == refused


def test_gzip_is_read_and_a_bomb_is_not(served: Client, store: Store) -> None:
    zipped = {**NDJSON, "content-encoding": "gzip"}
    body = gzip.compress(record(1) + b"\n") + gzip.compress(record(2))
    assert served.request("POST", RECORDS, content=body, headers=zipped).json()["accepted"] == 2
    bomb = gzip.compress(b" " * (200 << 20))
    assert len(bomb) < 256 * 1024
    checked(served.request("POST", RECORDS, content=bomb, headers=zipped), 413)
    checked(served.request("POST", RECORDS, content=body[:30], headers=zipped), 400)
    checked(served.request("POST", RECORDS, content=b"no gzip", headers=zipped), 400)
    checked(served.request("POST", RECORDS, content=b"x", headers={**NDJSON, "content-encoding": "br"}), 415)
    assert stored(store).count(b"\n") == 2


def test_a_body_may_be_eight_megabytes_here_and_less_elsewhere(served: Client) -> None:
    line = record(1, text="x" * 900_000)
    answer = served.request("POST", RECORDS, content=b"\n".join([line] * 9), headers=NDJSON)
    assert answer.json() == {"accepted": 1, "duplicates": 8, "quarantined": [], "quarantined_count": 0}
    checked(served.request("POST", RECORDS, content=b"\n".join([line] * 10), headers=NDJSON), 413)
    checked(served.request("POST", "/v1/models/toxicity/contract", content=b" " * 300_000), 413)
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        for _ in range(10_000):
            taken += 65_536
            yield b" " * 65_536

    checked(served.request("POST", RECORDS, content=endless(), headers=NDJSON), 413)
    many = b"\n".join([b"{}"] * 20_001)
    checked(served.request("POST", RECORDS, content=many, headers=NDJSON), 413)


def test_a_body_that_does_not_come_is_given_up(store: Store) -> None:
    import asyncio

    from monitor.api.edge import Edge

    register(store)
    app = create_app(store, SimulatedClock(NOW))
    edge = Edge(app, 1000, body_seconds=0.2)

    async def ask() -> list[Any]:
        sent: list[Any] = []

        async def receive() -> Any:
            if not sent and not getattr(ask, "begun", False):
                ask.begun = True  # type: ignore[attr-defined]
                return {"type": "http.request", "body": b"{", "more_body": True}
            return await asyncio.sleep(60)

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": "POST",
            "path": RECORDS,
            "query_string": b"",
            "headers": [(b"host", b"localhost"), (b"content-type", b"application/x-ndjson")],
            "root_path": "",
            "http_version": "1.1",
            "scheme": "http",
        }
        await edge(scope, receive, send)
        return sent

    messages = asyncio.run(ask())
    assert messages[0]["status"] == 408
    assert (b"connection", b"close") in messages[0]["headers"]


def test_a_full_inbox_takes_nothing_until_there_is_room(store: Store) -> None:
    register(store)
    client = Client(create_app(store, SimulatedClock(NOW), inbox=Limits(records=3)))
    send(client, record(1), record(2), record(3))
    answer = client.request("POST", RECORDS, content=record(4), headers=NDJSON)
    checked(answer, 429)
    assert answer.headers["retry-after"] == "30"
    assert stored(store).count(b"\n") == 3
    with store.write() as conn:
        model_id = models.get(conn, "toxicity").id
        assert inbox.trim(conn, model_id, 1, NOW + 1, Limits()) == 1
        assert inbox.fill(conn, model_id) == inbox.Fill(0, 0, None, None)
    assert send(client, record(4))["accepted"] == 1


def test_too_many_bodies_at_once_are_sent_away(served: Client) -> None:
    door = served.app.state.ingest
    with door.room() as take:
        take(32 << 20)
        answer = served.request("POST", RECORDS, content=record(1), headers=NDJSON)
        checked(answer, 503)
        assert answer.headers["retry-after"] == "1"
    assert send(served, record(1))["accepted"] == 1


def test_who_sends_to_the_wrong_place_is_told(served: Client, store: Store) -> None:
    checked(served.request("POST", "/v1/models/none/records", content=record(1), headers=NDJSON), 404)
    for kind in ("text/plain", "application/xml", "multipart/form-data; boundary=x", ""):
        answer = served.request("POST", RECORDS, content=record(1), headers={"content-type": kind})
        checked(answer, 415)
    files = CONTRACT.replace("toxicity", "from-files").replace("type: push, id", "path: x.csv, id", 1)
    register(store, files.replace("labels:", "#"))
    checked(served.request("POST", "/v1/models/from-files/records", content=record(1), headers=NDJSON), 409)
    checked(served.request("POST", "/v1/models/from-files/labels", content=record(1), headers=NDJSON), 409)


def test_a_locked_database_is_a_503_and_nothing_is_lost(
    served: Client, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    from contextlib import contextmanager

    from monitor.errors import DependencyUnavailable

    @contextmanager
    def away(_: Store) -> Iterator[Any]:
        raise DependencyUnavailable("the disk is full")
        yield

    with monkeypatch.context() as patched:
        patched.setattr(Store, "write", away)
        answer = served.request("POST", RECORDS, content=record(1), headers=NDJSON)
        checked(answer, 503)
        assert answer.headers["retry-after"] == "5"
    assert send(served, record(1))["accepted"] == 1


def test_processes_that_send_the_same_at_once_store_it_once(store: Store) -> None:
    register(store)
    apps = [Client(create_app(store, SimulatedClock(NOW))) for _ in range(2)]
    # FastAPI prepares a route at its first call, with warnings off for the whole process: not in two threads at once.
    assert [send(client, record(100))["accepted"] for client in apps] == [1, 0]
    answers: list[dict[str, Any]] = []

    def work(client: Client) -> None:
        for first in range(0, 100, 20):
            answers.append(send(client, *(record(number) for number in range(first, first + 20))))

    threads = [threading.Thread(target=work, args=(client,)) for client in apps]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(answer["accepted"] for answer in answers) == 100
    assert sum(answer["duplicates"] for answer in answers) == 100
    with store.read() as conn:
        numbers = conn.execute(select(inbox_table.c.number).order_by(inbox_table.c.number)).scalars().all()
    assert stored(store).count(b"\n") == 101
    assert len(set(numbers)) == len(numbers) == 6


def label(number: int, verdict: Any = "toxic", said: Any = AT) -> bytes:
    return json.dumps({"id": f"e{number}", "verdict": verdict, "said_at": said}).encode()


def test_labels_are_kept_once_and_the_newest_of_a_time_counts(served: Client, store: Store) -> None:
    sent = [
        label(1),
        label(2),
        label(2),
        label(3, 17),
        label(4, None),
        label(5, ["x"]),
        label(6, said="?"),
        b"x",
    ]
    answer = send(served, *sent, url=LABELS)
    assert (answer["accepted"], answer["duplicates"]) == (3, 1)
    assert reasons(answer) == [
        (4, "missing_label", "verdict"),
        (5, "missing_label", "verdict"),
        (6, "unreadable_time", "said_at"),
        (7, "not_json", None),
    ]
    again = send(served, label(1), label(2, "fine"), url=LABELS)
    assert (again["accepted"], again["duplicates"]) == (1, 1)
    with store.read() as conn:
        found = labels.of_events(conn, models.get(conn, "toxicity").id, ["e1", "e2", "e3"], NOW)
    assert {name: row.label for name, row in found.items()} == {"e1": "toxic", "e2": "fine", "e3": "17"}


def test_the_process_that_takes_records_loads_nothing_heavy(sqlite_template: Path, tmp_path: Path) -> None:
    import shutil
    import subprocess
    import sys

    shutil.copyfile(sqlite_template, tmp_path / "store.db")
    store = Store(f"sqlite:///{tmp_path / 'store.db'}")
    register(store)
    store.close()
    code = f"""
import sys
from monitor.api import create_app
from monitor.clock import SimulatedClock
from monitor.store.engine import Store
from tests.monitor.served import Client
client = Client(create_app(Store("sqlite:///{tmp_path / "store.db"}"), SimulatedClock({NOW})))
answer = client.request("POST", "{RECORDS}", content={record(1)!r}, headers={NDJSON!r})
answer.raise_for_status()
print([name for name in "numpy pandas pyarrow numba scipy evidently".split() if name in sys.modules])
"""
    script = code.replace("from tests.monitor.served import Client", CLIENT)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


CLIENT = """
import asyncio, httpx
class Client:
    def __init__(self, app): self.app = app
    def request(self, method, url, **options):
        async def ask():
            async with httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://[::1]") as client:
                return await client.request(method, url, **options)
        return asyncio.run(ask())
"""


def event(half: str, number: int, data: Any, **attributes: str) -> httpx.Request:
    headers = {
        "ce-specversion": "1.0",
        "ce-id": f"inf-{number}",
        "ce-type": f"org.kubeflow.serving.inference.{half}",
        "ce-source": "http://localhost:9081/",
        "ce-time": AT if half == "request" else AT.replace(":00Z", ":00.250Z"),
        "content-type": "application/json",
        **{f"ce-{name}": value for name, value in attributes.items()},
    }
    body = data if isinstance(data, bytes) else json.dumps(data).encode()
    return httpx.Request("POST", "http://localhost" + RECORDS, headers=headers, content=body)


def deliver(client: Client, request: httpx.Request) -> dict[str, Any]:
    answer = client.request("POST", RECORDS, content=request.content, headers=dict(request.headers))
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def records_of(store: Store) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stored(store).splitlines()]


def test_a_request_and_its_response_become_a_record(served: Client, store: Store) -> None:
    request = event("request", 1, {"instances": ["a message"]})
    response = event("response", 1, {"predictions": ["ok"]})
    assert deliver(served, response)["accepted"] == 1
    assert records_of(store) == []
    assert deliver(served, response)["duplicates"] == 1
    assert deliver(served, request)["accepted"] == 1
    made = {"text": "a message", "decision": "ok", "latency_ms": 250.0, "id": "inf-1"}
    assert records_of(store) == [{**made, "at": "2026-11-18T10:20:00+00:00"}]
    for half in (request, response):
        assert deliver(served, half)["duplicates"] == 1
    assert len(records_of(store)) == 1


def test_an_inference_may_hold_several_instances_or_tensors(served: Client, store: Store) -> None:
    instances = [{"text": "one", "size": 1}, ["two", 2]]
    deliver(served, event("request", 1, {"instances": instances}))
    deliver(served, event("response", 1, {"predictions": [{"decision": "ok"}, "toxic"]}))
    tensors = [
        {"name": "text", "shape": [2], "datatype": "BYTES", "data": ["three", "four"]},
        {"name": "size", "shape": [2, 1], "datatype": "FP32", "data": [3, 4]},
    ]
    outputs = [{"name": "decision", "shape": [2], "datatype": "BYTES", "data": ["ok", "ok"]}]
    deliver(served, event("request", 2, {"inputs": tensors, "parameters": {"latency_ms": 7}}))
    deliver(served, event("response", 2, {"outputs": outputs, "model_version": "3"}))
    found = [(row["id"], row["text"], row["size"], row["decision"]) for row in records_of(store)]
    assert found == [
        ("inf-1/0", "one", 1, "ok"),
        ("inf-1/1", "two", 2, "toxic"),
        ("inf-2/0", "three", 3, "ok"),
        ("inf-2/1", "four", 4, "ok"),
    ]
    assert [row["latency_ms"] for row in records_of(store)] == [250.0, 250.0, 7, 7]
    assert deliver(served, event("request", 2, {"inputs": tensors}))["duplicates"] == 1


def test_events_come_structured_and_in_batches_too(served: Client, store: Store) -> None:
    def document(half: str, data: Any) -> dict[str, Any]:
        kind = f"org.kubeflow.serving.inference.{half}"
        base = {"specversion": "1.0", "id": "s-1", "source": "/x", "type": kind, "time": AT}
        return {**base, "datacontenttype": "application/json", "data": data}

    both = [document("request", {"instances": ["hola"]}), document("response", {"predictions": ["ok"]})]
    headers = {"content-type": "application/cloudevents-batch+json; charset=utf-8"}
    answer = served.request("POST", RECORDS, content=json.dumps(both).encode(), headers=headers)
    assert answer.json()["accepted"] == 2
    headers = {"content-type": "application/cloudevents+json"}
    answer = served.request("POST", RECORDS, content=json.dumps(both[0]).encode(), headers=headers)
    assert answer.json()["duplicates"] == 1
    assert [row["text"] for row in records_of(store)] == ["hola"]


def test_bytes_that_are_no_text_survive_an_inference(served: Client, store: Store) -> None:
    deliver(served, event("request", 1, b'{"instances": ["caf\xe9 \\ud83d"]}'))
    deliver(served, event("response", 1, {"predictions": ["ok"]}))
    assert b"caf\xe9 \xed\xa0\xbd" in stored(store)


@pytest.mark.parametrize(
    ("request_body", "response_body", "reason"),
    [
        (b"no json", None, "not_json"),
        ({"instances": ["a", "b"]}, {"predictions": ["ok"]}, "unmapped"),
        ({"instances": [None]}, {"predictions": ["ok"]}, "unmapped"),
        ({"something": 1}, {"predictions": ["ok"]}, "unmapped"),
        ({"instances": ["a"]}, {"predictions": [[0.1, 0.9]]}, "unmapped"),
    ],
)
def test_an_inference_that_cannot_be_mapped_is_set_aside(
    served: Client, request_body: Any, response_body: Any, reason: str
) -> None:
    answer = deliver(served, event("request", 1, request_body))
    if response_body is not None:
        answer = deliver(served, event("response", 1, response_body))
    assert [one[1] for one in reasons(answer)] == [reason]


def test_an_event_of_another_kind_or_without_an_id_is_set_aside(served: Client) -> None:
    other = event("request", 1, {"instances": ["a"]})
    other.headers["ce-type"] = "com.example.other"
    assert [one[1] for one in reasons(deliver(served, other))] == ["unmapped"]
    nameless = event("request", 1, {"instances": ["a"]})
    nameless.headers["ce-id"] = ""
    assert [one[1] for one in reasons(deliver(served, nameless))] == ["missing_id"]
