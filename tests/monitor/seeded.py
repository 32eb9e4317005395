"""A store as a working installation leaves it: three models, two weeks of hourly windows, a bad Wednesday.

`toxicity` has an encoding break (a page, open), a language drift it explains (inhibited), a vocabulary drift
(a ticket, open) and a volume episode that ended; `support-intent` is calm; `spam` still learns. Evidence and
names hold what an attacker would put there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import insert

from monitor.alerts.attributes import Attributes, Bin, Codec, Damage, Mix, Moved, Sequence, Share, Term
from monitor.alerts.message import summary
from monitor.retraining.callbacks import token_sha256
from monitor.store import tables as t
from monitor.store.engine import Store

HOUR = 3_600_000_000


def us(text: str) -> int:
    """`2026-11-18T03:00` in UTC, as microseconds."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


NOW = us("2026-11-20T12:20")
LAST = us("2026-11-20T11:00")  # start of the newest judged window
FIRST = LAST - 335 * HOUR
BREAK = us("2026-11-18T03:00")
WEEK = "2026-W47"

CONTRACT = """model: toxicity
owner: trust-and-safety
runbook: https://runbooks.example.com/toxicity
source: {type: files, path: data/*.parquet, id: id, time: sent_at}
columns:
  text: {role: input, kind: text}
"""

# (metric, column, segment, term, kind, family, level)
SERIES: tuple[tuple[str, str, str, str, str, str, float], ...] = (
    ("volume", "", "*", "", "volume", "volume", 1200.0),
    ("encoding_rate", "text", "*", "mojibake", "rate", "encoding", 0.0011),
    ("evasion_rate", "text", "*", "mixed_script", "rate", "evasion", 0.004),
    ("jsd", "text", "*", "language", "distribution", "language", 0.006),
    ("mixed_rate", "text", "*", "", "rate", "language", 0.05),
    ("unknown_word_rate", "text", "*", "", "rate", "vocabulary", 0.12),
    ("mean", "length", "*", "", "mean", "inputs", 84.0),
    ("class_share", "decision", "*", "toxic", "rate", "predictions", 0.08),
    ("slo_miss_rate", "latency_ms", "*", "", "rate", "service", 0.006),
    ("null_rate", "country", "*", "", "rate", "quality", 0.002),
    ("volume", "", "country=IN", "", "volume", "volume", 310.0),
)

REPAIRS = {"evt-1001": "the parcel is at Café Zoë, ring twice <script>alert('mended')</script>"}
HOSTILE = (
    ("evt-1001", "mojibake", "the parcel is at CafÃ© Zoë, ring twice <script>alert('pwned')</script>"),
    ("evt-1002", "mojibake", "<img src=x onerror=alert(1)> \"quoted\" 'and' &amp; half-escaped"),
    ("evt-1003", "mojibake", "pay⟦U+202E⟧gnp.exe \u202eand a real override\u2066 here"),
    ("evt-1004", "mixed_script", "get frее crypтo nоw, no catch"),
    ("evt-1005", "zero_width", "v\u200bi\u200ba\u200bg\u200bra \U000e0041\U000e0042 and a BOM \ufeff inside"),
    ("evt-1006", "mojibake", "क्या यह ठीक है? שלום לכם — مرحبا بالعالم"),
    ("evt-1007", "mojibake", "z̴̛͔̗̝̲̼̽̈́̓̐͌͝a̸̡̛̗̩̦̽̈́̓̐l̷̢̛g̶̨̛o̵ comes"),
    ("evt-1008", "mojibake", "A" * 118),
    (
        "evt-</li><script>alert(2)</script>",
        "</span><script>alert(3)</script>",
        "x" * 20 + " line\nbreak\ttab",
    ),
)


@dataclass(frozen=True)
class Seeded:
    """The keys a test asks for."""

    toxicity: int
    calm: int
    learning: int
    encoding: int
    vocabulary: int
    resolved: int
    series: dict[str, int]
    trigger: str


def seed(store: Store) -> Seeded:
    """Fill an empty store that is at head."""
    with store.write() as conn:
        models = [
            _model(conn, name, state)
            for name, state in (
                ("toxicity", "live"),
                ("support-intent", "live"),
                ("spam <i>beta</i>", "learning"),
            )
        ]
        series = {}
        for model in models[:2]:
            keys = _series(conn, model)
            _windows(conn, model)
            _measurements(conn, model, keys, broken=model == models[0])
            if model == models[0]:
                series = keys
        encoding, vocabulary, resolved = _episodes(conn, models[0])
        trigger = _triggers(conn, models[0], encoding, vocabulary)
        _rest(conn, models[0])
    return Seeded(*models, encoding, vocabulary, resolved, series, trigger)


def _id(conn: Any, table: Any, **values: Any) -> int:
    return int(conn.execute(insert(table).values(**values)).inserted_primary_key[0])


def _model(conn: Any, name: str, state: str) -> int:
    model = _id(conn, t.models, name=name, state=state, created_us=FIRST, plan_id="plan-1")
    contract = 0
    for version, body in ((1, CONTRACT), (2, CONTRACT + "# reviewed\n")):
        contract = _id(
            conn,
            t.contracts,
            model_id=model,
            version=version,
            body=body.replace("toxicity", name, 1),
            sha256=f"{version:064x}",
            base_path=".",
            author="ana",
            created_us=FIRST + version,
        )
    conn.execute(t.models.update().where(t.models.c.id == model).values(contract_id=contract))
    return model


def _series(conn: Any, model: int) -> dict[str, int]:
    keys = {}
    for metric, column, segment, term, kind, family, _ in SERIES:
        key = _id(
            conn,
            t.series,
            model_id=model,
            metric=metric,
            column=column,
            segment=segment,
            term=term,
            kind=kind,
            family=family,
        )
        keys[f"{metric}:{term or segment}"] = key
    return keys


def _windows(conn: Any, model: int) -> None:
    rows = [
        {
            "model_id": model,
            "start_us": start,
            "end_us": start + HOUR,
            "state": "judged",
            "records": 1200,
            "duplicates": 3,
            "quarantined": 1 if start >= BREAK else 0,
            "measured_us": start + HOUR,
            "judged_us": start + HOUR + 60_000_000,
        }
        for start in range(FIRST, LAST + 1, HOUR)
    ]
    rows.append(
        {
            **rows[-1],
            "start_us": LAST + HOUR,
            "end_us": LAST + 2 * HOUR,
            "state": "open",
            "measured_us": None,
            "judged_us": None,
        }
    )
    conn.execute(insert(t.windows), rows)


def _measurements(conn: Any, model: int, keys: dict[str, int], *, broken: bool) -> None:
    measured, judged = [], []
    for start in range(FIRST, LAST + 1, HOUR):
        hour = (start // HOUR) % 24
        night = 1 + 0.45 * math.sin((hour - 9) / 24 * 2 * math.pi)
        for (metric, _, _, _, kind, family, level), key in zip(SERIES, keys.values(), strict=True):
            wobble = 1 + 0.06 * math.sin(start / HOUR * 1.7 + key) + 0.03 * math.sin(start / HOUR * 5.1)
            expected = level * (night if kind == "volume" else 1.0)
            value, status, z = expected * wobble, "ok", 0.7
            if broken and start >= BREAK:
                if family == "encoding":
                    value, status, z = 0.031 * wobble, "breach", 8.0
                elif family == "language" and metric == "jsd":
                    value, status, z = value * 3.2, "breach", 5.1
                elif family == "vocabulary" and start >= us("2026-11-19T06:00"):
                    value, status, z = value * 1.35, "breach", 4.4
            if broken and family == "volume" and us("2026-11-16T08:00") <= start < us("2026-11-16T14:00"):
                value, status, z = value * 0.55, "breach", -6.2
            n = 0.0 if metric == "mean" and hour == 4 else 1200.0
            row = {"model_id": model, "window_start_us": start, "series_id": key, "revision": 0}
            spread = 0.14 * expected
            measured.append(
                {
                    **row,
                    "n": n,
                    "value": value if n else None,
                    "low": value * 0.97,
                    "high": value * 1.03,
                    "expected": expected,
                    "expected_low": expected - spread,
                    "expected_high": expected + spread,
                }
            )
            judged.append(
                {
                    **row,
                    "status": status if n else "insufficient",
                    "z": z,
                    "p": 0.2,
                    "effect": 0.1,
                    "cusum": 12.0 if status == "breach" else 0.4,
                    "threshold": 7.5,
                    "baseline_id": 1,
                    "provisional": 0,
                }
            )
    conn.execute(insert(t.measurements), measured)
    conn.execute(insert(t.verdicts), judged)


def _moved(
    metric: str, column: str, term: str, value: float, expected: float, *, z: float, segment: str = "*"
) -> Moved:
    name = f"{metric}({column})" + (f"[{segment}]" if segment != "*" else "") + (f":{term}" if term else "")
    return Moved(
        name,
        metric,
        column,
        segment,
        term,
        abs(z),
        value,
        expected,
        expected * 0.8,
        expected * 1.2,
        value - expected,
        z,
    )


def _episodes(conn: Any, model: int) -> tuple[int, int, int]:
    volume = Attributes(
        moved=(_moved("volume", "", "", 640.0, 1160.0, z=-6.2),), sentences=("Traffic fell by 45 %.",)
    )
    encoding = Attributes(
        moved=(_moved("encoding_rate", "text", "mojibake", 0.031, 0.0011, z=8.0),),
        segments=(Share("client=android-9.1", 0.91, 0.4), Share("country=IN", 0.62, 0.1)),
        sentences=(
            "Messages with mojibake in `text` went from 0.11% to 3.1%.",
            "That is 3 points above normal, 28 times the usual share.",
            "It began about Wed 18 Nov 03:00 UTC; most of it comes from client=android-9.1 (91%).",
        ),
        hard=("column 'country<script>alert(4)</script>' holds words that were never seen",),
        damage=Damage(
            *("text", 0.031, (Codec("cp1252", 0.94), Codec("cp1250", 0.04)), 0.02, 100, 97, 2, 500, 1),
            *(0.0301, 0.0284, 0.0322),
            sequences=(Sequence("U+00C3 U+00A9", 61), Sequence("U+00C3 U+0083", 4)),
        ),
        mixes=(Mix("country", 0.31, "country=IN", 0.3, 0.41, True),),
    )
    language = Attributes(
        moved=(_moved("jsd", "text", "language", 0.0192, 0.006, z=5.1),),
        bins=(Bin("jsd(text):language", "de", 0.08, 0.15, 0.7),),
    )
    vocabulary = Attributes(
        moved=(_moved("unknown_word_rate", "text", "", 0.162, 0.12, z=4.4),),
        terms=(Term("glim\u200bzo", 31, 0.4, 14.2),),
        campaign="2.1 % of the messages follow one template, “Claim your <b>prize</b> at {link}”",
    )
    rows = (
        ("volume", "page", "2026-11-16T08:00", "2026-11-16T13:00", "2026-11-16T16:00", None, volume),
        ("encoding", "page", "2026-11-18T03:00", "2026-11-20T11:00", None, None, encoding),
        ("language", "ticket", "2026-11-18T03:00", "2026-11-20T11:00", None, "encoding", language),
        ("vocabulary", "ticket", "2026-11-19T06:00", "2026-11-20T11:00", None, None, vocabulary),
    )
    found = {}
    for family, severity, opened, last, closed, inhibited_by, attributes in rows:
        found[family] = _id(
            conn,
            t.episodes,
            model_id=model,
            family=family,
            severity=severity,
            since_us=us(opened),
            opened_us=us(opened) + HOUR,
            last_us=us(last),
            closed_us=us(closed) if closed else None,
            close_reason="clean windows" if closed else None,
            inhibited_by=inhibited_by,
            summary=summary(attributes),
            attributes=attributes.encode(),
        )
        conn.execute(
            insert(t.alerts).values(
                model_id=model,
                family=family,
                state="ok" if closed else "firing",
                episode_id=None if closed else found[family],
                updated_us=NOW,
            )
        )
        conn.execute(
            insert(t.episode_events).values(
                episode_id=found[family],
                window_start_us=us(opened) + HOUR,
                event="opened",
                detail='{"severity": "' + severity + '"}',
                at_us=us(opened) + 2 * HOUR,
            )
        )
    for event_id, label, excerpt in HOSTILE:
        conn.execute(
            insert(t.evidence).values(
                episode_id=found["encoding"],
                window_start_us=BREAK,
                event_id=event_id,
                label=label,
                excerpt=excerpt,
                repair=REPAIRS.get(event_id),
            )
        )
    conn.execute(
        insert(t.outbox).values(
            key="msg_1",
            model_id=model,
            channel="oncall",
            type="io.driftglass.alert.opened.v1",
            subject="toxicity/encoding",
            body="{}",
            state="sent",
            attempt=2,
            next_us=NOW,
            created_us=BREAK + 2 * HOUR,
            sent_us=BREAK + 2 * HOUR + 1,
        )
    )
    return found["encoding"], found["vocabulary"], found["volume"]


def _triggers(conn: Any, model: int, encoding: int, vocabulary: int) -> str:
    cooled = '{"guard": "cooldown", "passed": true, "reason": "no retraining in the last 7 days"}'
    refused = '{"guard": "data quality", "passed": false, "reason": "the encoding episode is open: mend it"}'
    clean = (
        '{"guard": "data quality", "passed": true, "reason": "the break lies outside the windows asked for"}'
    )
    common = {"model_id": model, "window_start_us": LAST, "created_us": NOW, "updated_us": NOW}
    conn.execute(
        insert(t.triggers).values(
            id="trg-vetoed",
            episode_id=encoding,
            state="vetoed",
            reason="mojibake rose for 3 windows",
            guards=f"[{refused}, {cooled}]",
            request="{}",
            **common,
        )
    )
    conn.execute(
        insert(t.triggers).values(
            id="trg-1",
            episode_id=vocabulary,
            state="dispatched",
            reason="unknown words rose for 3 windows",
            request='{"windows": [1, 2]}',
            guards=f"[{clean}, {cooled}]",
            callback_sha256=token_sha256("one-time"),
            **common,
        )
    )
    conn.execute(
        insert(t.trigger_events).values(
            trigger_id="trg-1", from_state=None, to_state="requested", actor="policy", detail="{}", at_us=NOW
        )
    )
    return "trg-1"


def _rest(conn: Any, model: int) -> None:
    conn.execute(
        insert(t.samples),
        [
            {
                "model_id": model,
                "window_start_us": LAST,
                "stratum": "IN",
                "event_id": f"evt-{number}",
                "event_us": LAST + number,
                "rank": number / 10,
                "inclusion_probability": 0.25,
                "text": "hello",
                "segments": '{"country": "IN"}',
                "features": '{"length": 5, "ratio": 1e999}',
                "flags": '{"language": "en"}',
            }
            for number in range(7)
        ],
    )
    conn.execute(
        insert(t.quarantine),
        [
            {
                "model_id": model,
                "window_start_us": BREAK if number else None,
                "piece": "a.jsonl",
                "place": f"line {number}",
                "reason": "invalid_utf8",
                "column": "text",
                "detail": "byte 0xff at 12",
                "counted": 1,
                "raw": b"\xff\x00",
                "created_us": NOW,
            }
            for number in range(3)
        ],
    )
    conn.execute(
        insert(t.runs).values(
            model_id=model,
            kind="judge",
            window_start_us=LAST,
            revision=0,
            state="succeeded",
            available_us=LAST,
        )
    )
