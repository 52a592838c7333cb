"""Metrics: the kinds of events.

Belongs here: `/api/metrics` and making a metric when its first event comes. Does not belong here: events, the
flows that a metric triggers (`group_relations`).
"""

from __future__ import annotations

import sqlite3
from typing import Any, Final

import orjson

from c360_platform.sandbox.klaviyo import errors, ids, times
from c360_platform.sandbox.klaviyo.endpoint import Answer, Call, Endpoint
from c360_platform.sandbox.klaviyo.filters import FilterField, conditions
from c360_platform.sandbox.klaviyo.group_relations import include_related
from c360_platform.sandbox.klaviyo.paging import Collection, Fields, includes, read_page
from c360_platform.sandbox.limits import M

COLUMNS: Final = "m.id, m.name, m.integration, m.created_at, m.updated_at"
# A metric appears with its first event, when that is indexed.
_READABLE: Final = (
    "not exists (select 1 from kl_hidden as h where h.kind = 'metric' and h.id = m.id and h.until_at > ?)"
)
_API: Final = {"object": "integration", "id": "0rG4eQ", "key": "api", "name": "API", "category": "API"}
_FILTERS: Final = {
    "integration.name": FilterField(("equals",), "json_extract(m.integration, '$.name')"),
    "integration.category": FilterField(("equals",), "null"),  # recorded: accepted, finds nothing
}
_METRICS: Final = Collection(
    columns=COLUMNS,
    source="kl_metric as m",
    id_sql="m.id",
    sorts={"id": "m.id"},
    default_sort="id",
    default_size=200,
    max_size=None,
)


def endpoints() -> list[Endpoint]:
    return [
        Endpoint("GET", "/api/metrics", get_metrics, M, ("metrics:read",)),
        Endpoint("GET", "/api/metrics/{id}", get_metric, M, ("metrics:read",)),
    ]


def get_metrics(call: Call) -> Answer:
    wanted = includes(call.params, ("flow-triggers",))
    found = conditions(call.params.get("filter"), _FILTERS)
    found.add(_READABLE, call.clock.now_us())
    page = read_page(call, _METRICS, found)
    data = [metric_resource(call, row) for row in page.rows]
    body: dict[str, Any] = {"data": data, "links": page.links}
    if wanted:
        body["included"] = include_related(call, data, wanted)
    return Answer(body=body)


def get_metric(call: Call) -> Answer:
    metric_id = call.path_params["id"]
    row = call.store.row(
        f"select {COLUMNS} from kl_metric as m where m.id = ? and {_READABLE}",
        (metric_id, call.clock.now_us()),
    )
    if row is None:
        raise errors.not_found(f"A metric with id {metric_id} does not exist.")
    data = metric_resource(call, row)
    body: dict[str, Any] = {"data": data, "links": {"self": call.self_link()}}
    wanted = includes(call.params, ("flow-triggers",))
    if wanted:
        body["included"] = include_related(call, [data], wanted)
    return Answer(body=body)


def metric_resource(call: Call, row: sqlite3.Row) -> dict[str, Any]:
    """The resource of a row with `COLUMNS`."""
    fields = Fields(call.params, "metric", ("name", "created", "updated", "integration"))
    values = {
        "name": row["name"],
        "created": times.iso(row["created_at"]),
        "updated": times.iso(row["updated_at"]),
        "integration": orjson.loads(row["integration"]) or None,
    }
    link = call.link(f"/api/metrics/{row['id']}/")
    triggers = {"self": f"{link}relationships/flow-triggers/", "related": f"{link}flow-triggers/"}
    return {
        "type": "metric",
        "id": row["id"],
        "attributes": {name: value for name, value in values.items() if fields.wants(name)},
        "relationships": {"flow-triggers": {"links": triggers}},
        "links": {"self": link},
    }


def metric_ids(
    connection: sqlite3.Connection, names: set[str], now_us: int
) -> tuple[dict[str, str], set[str]]:
    """The id of each metric by its name, and the names that are new: what does not exist is made."""
    before = _ids_by_name(connection, names)
    connection.executemany(
        "insert or ignore into kl_metric (id, name, integration, created_at, updated_at) "
        "values (?, ?, ?, ?, ?)",
        [
            (ids.short_id(), name, orjson.dumps(_API).decode(), now_us, now_us)
            for name in sorted(names - before.keys())
        ],
    )
    return _ids_by_name(connection, names), names - before.keys()


def _ids_by_name(connection: sqlite3.Connection, names: set[str]) -> dict[str, str]:
    rows = connection.execute(
        "select name, id from kl_metric where name in (select value from json_each(?))",
        (orjson.dumps(list(names)).decode(),),
    )
    return {row["name"]: row["id"] for row in rows}
