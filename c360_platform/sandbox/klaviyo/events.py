"""Events as clients send and read them.

Belongs here: `/api/events` and `/api/event-bulk-create-jobs`. Does not belong here: what recording an event
does (`event_work`).
"""

from __future__ import annotations

import sqlite3
from functools import partial
from typing import Any, Final

import orjson

from c360_platform.sandbox.klaviyo import errors, ids, times
from c360_platform.sandbox.klaviyo.attributions import attribution_id, attribution_resource
from c360_platform.sandbox.klaviyo.bodies import check_model, raise_if_any
from c360_platform.sandbox.klaviyo.endpoint import Answer, Call, Endpoint
from c360_platform.sandbox.klaviyo.event_work import SentEvent, event_problems, record_events
from c360_platform.sandbox.klaviyo.filters import COMPARISONS, FilterField, conditions
from c360_platform.sandbox.klaviyo.metrics import COLUMNS as METRIC_COLUMNS
from c360_platform.sandbox.klaviyo.metrics import metric_resource
from c360_platform.sandbox.klaviyo.paging import Collection, Fields, includes, read_page
from c360_platform.sandbox.klaviyo.profile_resource import COLUMNS as PROFILE_COLUMNS
from c360_platform.sandbox.klaviyo.profile_resource import ProfileView
from c360_platform.sandbox.limits import XL, M

MAX_EVENTS: Final = 1_000
_INCLUDES: Final = ("metric", "profile", "attributions")
_FILTERS: Final = {
    "metric_id": FilterField(("equals",), "e.metric_id"),
    "profile_id": FilterField(("equals",), "e.profile_id"),
    "metric": FilterField(("has",), "e.metric_id is not null"),
    "profile": FilterField(("has",), "e.profile_id is not null"),
    "datetime": FilterField(COMPARISONS, "e.occurred_at", "time", units=1),
    "timestamp": FilterField(COMPARISONS, "e.occurred_at", "number", units=1),
}
_READABLE: Final = (
    "not exists (select 1 from kl_hidden as h where h.kind = 'event' and h.id = e.id and h.until_at > ?)"
)
_EVENTS: Final = Collection(
    columns=(
        "e.id, e.uuid, e.profile_id, e.metric_id, e.unique_id, e.occurred_at, e.properties, e.value, "
        "e.value_currency"
    ),
    source="kl_event as e",
    id_sql="e.id",
    sorts={"datetime": "e.occurred_at", "timestamp": "e.occurred_at"},
    default_sort="-datetime",
    default_size=200,
    max_size=1_000,
)


def endpoints() -> list[Endpoint]:
    one = "/api/events/{id}"
    return [
        Endpoint("GET", "/api/events", get_events, XL, ("events:read",)),
        Endpoint("POST", "/api/events", create_event, XL, ("events:write",)),
        Endpoint("GET", "/api/events/{id}", get_event, M, ("events:read",)),
        Endpoint("GET", f"{one}/profile", get_profile_of_event, XL, ("events:read", "profiles:read")),
        Endpoint("GET", f"{one}/metric", get_metric_of_event, XL, ("events:read", "metrics:read")),
        Endpoint(
            "GET",
            f"{one}/relationships/profile",
            partial(get_id_of_event, kind="profile"),
            XL,
            ("events:read", "profiles:read"),
        ),
        Endpoint(
            "GET",
            f"{one}/relationships/metric",
            partial(get_id_of_event, kind="metric"),
            XL,
            ("events:read", "metrics:read"),
        ),
        Endpoint("POST", "/api/event-bulk-create-jobs", bulk_create_events, M, ("events:write",)),
    ]


def create_event(call: Call) -> Answer:
    """202 without a body, also when the event is known already."""
    data = check_model(call.body(), "event_create_query_v2", "EventCreateQueryV2")["data"]
    attributes = data["attributes"]
    profile = attributes["profile"]["data"]
    event = SentEvent(
        profile, attributes, "/data/attributes/profile/data", "/data/attributes", backfill=False
    )
    raise_if_any(event_problems([event], call.clock))
    record_events(call.store, call.clock, [event])
    return Answer(202)


def bulk_create_events(call: Call) -> Answer:
    """202 without a body: no job to poll, no list of errors."""
    body = check_model(call.body(), "events_bulk_create_job", "EventsBulkCreateJob")
    member = "events-bulk-create"
    events = []
    for index, entry in enumerate(body["data"]["attributes"][member]["data"]):
        pointer = f"/data/attributes/{member}/data/{index}/attributes"
        attributes = entry["attributes"]
        for position, event in enumerate(attributes["events"]["data"]):
            events.append(
                SentEvent(
                    attributes["profile"]["data"],
                    event["attributes"],
                    f"{pointer}/profile/data",
                    f"{pointer}/events/data/{position}/attributes",
                    backfill=bool(attributes.get("backfill")),
                )
            )
    if not 1 <= len(events) <= MAX_EVENTS:
        detail = f"The number of events must be between 1 and {MAX_EVENTS}, not {len(events)}."
        raise errors.invalid(detail, f"/data/attributes/{member}/data")
    raise_if_any(event_problems(events, call.clock))
    record_events(call.store, call.clock, events)
    return Answer(202)


def get_events(call: Call) -> Answer:
    found = conditions(call.params.get("filter"), _FILTERS)
    if call.store.value("select 1 from kl_hidden limit 1") is not None:
        found.add(_READABLE, call.clock.now_us())
    page = read_page(call, _EVENTS, found)
    fields = _fields(call)
    body: dict[str, Any] = {"data": [_resource(call, row, fields) for row in page.rows], "links": page.links}
    wanted = includes(call.params, _INCLUDES)
    if wanted:
        body["included"] = _included(call, page.rows, wanted)
    return Answer(body=body)


def get_event(call: Call) -> Answer:
    row = _event(call)
    body: dict[str, Any] = {"data": _resource(call, row, _fields(call)), "links": {"self": call.self_link()}}
    wanted = includes(call.params, _INCLUDES)
    if wanted:
        body["included"] = _included(call, [row], wanted)
    return Answer(body=body)


def get_profile_of_event(call: Call) -> Answer:
    (data,) = _profiles(call, [_event(call)], subscribable=True)
    return Answer(body={"data": data, "links": {"self": call.self_link()}})


def get_metric_of_event(call: Call) -> Answer:
    (data,) = _metrics(call, [_event(call)])
    return Answer(body={"data": data, "links": {"self": call.self_link()}})


def get_id_of_event(call: Call, kind: str) -> Answer:
    data = {"type": kind, "id": _event(call)[f"{kind}_id"]}
    return Answer(body={"data": data, "links": {"self": call.self_link()}})


def _event(call: Call) -> sqlite3.Row:
    event_id = call.path_params["id"]
    row = call.store.row(f"{_EVENTS.select} where e.id = ? and {_READABLE}", (event_id, call.clock.now_us()))
    if row is None:
        if not ids.is_event_id(event_id):  # recorded: 400, not 404
            raise errors.invalid(f"Invalid Event ID: '{event_id}'", "/data/id")
        raise errors.not_found(f"An event with id {event_id} does not exist.")
    return row


def _fields(call: Call) -> Fields:
    return Fields(call.params, "event", ("timestamp", "event_properties", "datetime", "uuid"))


def _resource(call: Call, row: sqlite3.Row, fields: Fields) -> dict[str, Any]:
    link = call.link(f"/api/events/{row['id']}/")
    attributes: dict[str, Any] = {}
    if fields.wants("timestamp"):
        attributes["timestamp"] = row["occurred_at"]
    if fields.wants("event_properties"):
        attributes["event_properties"] = _properties(row, fields.parts("event_properties"))
    if fields.wants("datetime"):
        attributes["datetime"] = times.iso_seconds(row["occurred_at"])
    if fields.wants("uuid"):
        attributes["uuid"] = row["uuid"]
    relationships: dict[str, Any] = {
        name: {
            "data": {"type": name, "id": row[f"{name}_id"]},
            "links": {"self": f"{link}relationships/{name}/", "related": f"{link}{name}/"},
        }
        for name in ("profile", "metric")
    }
    attribution = attribution_id(row)
    if attribution is not None:  # recorded: without one the relationship is missing
        relationships["attributions"] = {"data": [{"type": "attribution", "id": attribution}]}
    return {
        "type": "event",
        "id": row["id"],
        "attributes": attributes,
        "relationships": relationships,
        "links": {"self": link},
    }


def _properties(row: sqlite3.Row, parts: set[str]) -> dict[str, Any]:
    value = row["value"] or 0
    properties: dict[str, Any] = orjson.loads(row["properties"])
    properties["$event_id"] = row["unique_id"]
    properties["$value"] = int(value) if value == int(value) else value
    if row["value_currency"] is not None:
        properties["$value_currency"] = row["value_currency"]
    return {name: properties[name] for name in properties if name in parts} if parts else properties


def _included(call: Call, rows: list[sqlite3.Row], wanted: set[str]) -> list[dict[str, Any]]:
    included: list[dict[str, Any]] = []
    if "metric" in wanted:
        included += _metrics(call, rows)
    if "profile" in wanted:
        included += _profiles(call, rows, subscribable=False)
    if "attributions" in wanted:
        included += [found for row in rows if (found := attribution_resource(call, row)) is not None]
    return included


def _metrics(call: Call, rows: list[sqlite3.Row]) -> list[dict[str, Any]]:
    found = call.store.rows(
        f"select {METRIC_COLUMNS} from kl_metric as m where m.id in (select value from json_each(?))",
        (_id_list(rows, "metric_id"),),
    )
    return [metric_resource(call, row) for row in found]


def _profiles(call: Call, rows: list[sqlite3.Row], *, subscribable: bool) -> list[dict[str, Any]]:
    view = ProfileView(call.params, call.base, subscribable=subscribable)
    found = call.store.rows(
        f"select {PROFILE_COLUMNS} from kl_profile as p where p.id in (select value from json_each(?))",
        (_id_list(rows, "profile_id"),),
    )
    return [view.resource(row) for row in found]


def _id_list(rows: list[sqlite3.Row], column: str) -> str:
    return orjson.dumps(sorted({row[column] for row in rows})).decode()
