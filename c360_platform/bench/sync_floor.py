"""The least that sending costs: DuckDB writes the JSON, Python joins it into bodies, urllib3 posts them.

Belongs here: the floor of each line, and the peer that sends one request a row. Does not belong here: plans,
records, retries, polling, checks of rows; those are what a floor leaves out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import duckdb
import msgspec
import orjson
import pyarrow as pa
import requests
import urllib3

from c360_platform.bench.processes import BenchError
from c360_platform.bench.sync_data import EVENT_PROPERTIES, FIELDS, METRIC, PROFILE_PROPERTIES, PROFILES

KEY: Final = "pk_demo_bench"
HEADERS: Final = {
    "Authorization": f"Klaviyo-API-Key {KEY}",
    "revision": "2026-10-15",
    "Content-Type": "application/vnd.api+json",
}
PEER_ROWS: Final = 2_000
_BODY_BYTES: Final = 4_900_000
_MOST_PROFILES, _MOST_EVENTS = 10_000, 1_000
_READ_ROWS: Final = 10_000
_BODY_HEAD: Final = b'{"data":{"type":"profile-bulk-import-job","attributes":{"profiles":{"data":['
_BODY_TAIL: Final = b"]}}}}"
_TEXT_TIME: Final = "strftime(timezone('UTC', {column}), '%Y-%m-%dT%H:%M:%S+00:00')"


class Sent(msgspec.Struct):
    """What went over the wire: rows, the bodies that held them, requests of any kind (`throttled` of them
    were told to wait), bytes of the largest body.
    """

    rows: int = 0
    bodies: int = 0
    requests: int = 0
    throttled: int = 0
    largest: int = 0

    def body(self, size: int) -> None:
        """Count a body of so many bytes."""
        self.bodies += 1
        self.requests += 1
        self.largest = max(self.largest, size)


def profiles(url: str, warehouse: Path) -> Sent:
    """Send every profile."""
    with _connected(warehouse) as connection:
        return _send_profiles(url, connection, "marts.klaviyo_profiles")


def snapshot(warehouse: Path) -> None:
    """Take every profile as sent; what `changes` compares with."""
    with _connected(warehouse) as connection:
        connection.execute(f"create table marts.snapshot as {_hashes()}")


def changes(url: str, warehouse: Path) -> Sent:
    """Send the profiles that differ from the snapshot, and keep what they are now. Nobody is taken away."""
    with _connected(warehouse) as connection:
        connection.execute(
            f"create temp table changed as select now.email, now.hash from ({_hashes()}) as now "
            "left join marts.snapshot as known using (email) where known.hash is distinct from now.hash"
        )
        connection.execute(
            "create temp table gone as select email from marts.snapshot anti join marts.klaviyo_profiles "
            "using (email)"
        )
        sent = _send_profiles(url, connection, "marts.klaviyo_profiles semi join changed using (email)")
        connection.begin()
        connection.execute(
            "delete from marts.snapshot where email in (from gone union all select email from changed)"
        )
        connection.execute("insert into marts.snapshot from changed")
        connection.commit()
    return sent


def events(url: str, warehouse: Path) -> Sent:
    """Send every event in bodies of a thousand."""
    sent = Sent()
    names = list(EVENT_PROPERTIES.values())
    time = _TEXT_TIME.format(column="event_timestamp")
    columns = ["event_id", "email", "event_name", time, *EVENT_PROPERTIES]
    query = f"select {', '.join(columns)} from marts.events_shipments"
    with _connected(warehouse) as connection, urllib3.PoolManager() as pool:
        for batch in connection.sql(query).to_arrow_reader(_MOST_EVENTS):
            rows = zip(*(column.to_pylist() for column in batch.columns), strict=True)
            entries = [_event(names, *row) for row in rows]
            attributes = {"events-bulk-create": {"data": entries}}
            body = orjson.dumps({"data": {"type": "event-bulk-create-job", "attributes": attributes}})
            _post(pool, f"{url}/api/event-bulk-create-jobs", body, sent)
            sent.rows += len(entries)
    return sent


def events_read_back(url: str, warehouse: Path) -> Sent:
    """Send every event, then read all of the metric and see that none is missing."""
    sent = events(url, warehouse)
    with urllib3.PoolManager() as pool:
        metrics = _get(pool, f"{url}/api/metrics", sent)["data"]
        (metric,) = (entry["id"] for entry in metrics if entry["attributes"]["name"] == METRIC)
        found: set[str] = set()
        asked = f'filter=equals(metric_id,"{metric}")&fields[event]=event_properties&page[size]=1000'
        following: str | None = f"{url}/api/events?{asked}"
        while following:
            page = _get(pool, following, sent)
            found.update(entry["attributes"]["event_properties"]["$event_id"] for entry in page["data"])
            following = page["links"]["next"]
    with _connected(warehouse) as connection:
        ids = connection.sql("select event_id from marts.events_shipments").to_arrow_table()["event_id"]
        if not found.issuperset(ids.to_pylist()):
            raise BenchError("the floor cannot read back what it sent")
    return sent


def one_by_one(url: str, warehouse: Path) -> Sent:
    """The peer: the first profiles, each in a request of its own, as tools without bulk imports do."""
    sent = Sent()
    with _connected(warehouse) as connection, requests.Session() as session:
        session.headers.update(HEADERS)
        query = f"select {', '.join(PROFILES.columns)} from marts.klaviyo_profiles limit {PEER_ROWS}"
        for row in connection.sql(query).to_arrow_table().to_pylist():
            attributes = {
                "email": row["email"],
                **{name: row[column] for column, name in FIELDS.items() if "." not in name},
                "location": {"country": row["country"]},
                "properties": {name: row[column] for column, name in PROFILE_PROPERTIES.items()},
            }
            body = json.dumps({"data": {"type": "profile", "attributes": attributes}}, default=str)
            answer = session.post(f"{url}/api/profile-import", data=body)
            answer.raise_for_status()
            answer.json()["data"]["id"]
            sent.rows += 1
            sent.body(len(body))
    return sent


@contextmanager
def _connected(warehouse: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("set TimeZone = 'UTC'")
        yield connection


def _hashes() -> str:
    """Every address with the md5 of its row's text, which costs half of what the md5 of JSON does."""
    values = ", ".join(f"coalesce(cast({column} as varchar), '-')" for column in PROFILES.columns)
    return f"select email, md5(concat_ws('|', {values})) as hash from marts.klaviyo_profiles"


def _send_profiles(url: str, connection: duckdb.DuckDBPyConnection, source: str) -> Sent:
    sent = Sent()
    with urllib3.PoolManager() as pool:
        for rows in _bodies(_texts(connection, f"select {_profile_json()} as text from {source}")):
            body = _BODY_HEAD + b",".join(rows) + _BODY_TAIL
            orjson.loads(_post(pool, f"{url}/api/profile-bulk-import-jobs", body, sent))["data"]["id"]
            sent.rows += len(rows)
    return sent


def _profile_json() -> str:
    plain = {name: column for column, name in FIELDS.items() if "." not in name}
    attributes = {
        "email": "email",
        **plain,
        "location": "{'country': country}",
        "properties": _struct({name: _value(column) for column, name in PROFILE_PROPERTIES.items()}),
    }
    profile = _struct({"type": "'profile'", "attributes": _struct(attributes)})
    return f"cast(to_json({profile}) as varchar)"  # half of what json_object() costs


def _struct(members: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"'{name}': {value}" for name, value in members.items()) + "}"


def _value(column: str) -> str:
    return _TEXT_TIME.format(column=column) if column.endswith("_at") else column


def _texts(connection: duckdb.DuckDBPyConnection, query: str) -> Iterator[bytes]:
    for batch in connection.sql(query).to_arrow_reader(_READ_ROWS):
        yield from batch.column(0).cast(pa.binary()).to_pylist()


def _bodies(texts: Iterable[bytes]) -> Iterator[list[bytes]]:
    empty = len(_BODY_HEAD) + len(_BODY_TAIL)
    rows: list[bytes] = []
    size = empty
    for text in texts:
        size += len(text) + 1
        if size > _BODY_BYTES or len(rows) == _MOST_PROFILES:
            yield rows
            rows, size = [], empty + len(text) + 1
        rows.append(text)
    if rows:
        yield rows


def _event(
    names: Sequence[str], event_id: str, email: str, metric: str, time: str, *values: Any
) -> dict[str, Any]:
    attributes = {
        "properties": dict(zip(names, values, strict=True)),
        "time": time,
        "unique_id": event_id,
        "metric": {"data": {"type": "metric", "attributes": {"name": metric}}},
    }
    profile = {"data": {"type": "profile", "attributes": {"email": email}}}
    events = {"data": [{"type": "event", "attributes": attributes}]}
    return {
        "type": "event-bulk-create",
        "attributes": {"backfill": True, "profile": profile, "events": events},
    }


def _post(pool: urllib3.PoolManager, url: str, body: bytes, sent: Sent) -> bytes:
    answer = pool.request("POST", url, body=body, headers=HEADERS)
    if answer.status != HTTPStatus.ACCEPTED:
        raise BenchError(f"{url} answered {answer.status}")
    sent.body(len(body))
    return answer.data


def _get(pool: urllib3.PoolManager, url: str, sent: Sent) -> dict[str, Any]:
    answer = pool.request("GET", url, headers=HEADERS)
    if answer.status != HTTPStatus.OK:
        raise BenchError(f"{url} answered {answer.status}")
    sent.requests += 1
    document: dict[str, Any] = orjson.loads(answer.data)
    return document
