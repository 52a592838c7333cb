"""The least that an ingest costs: HTTP, typed decoding, Arrow, an insert into DuckDB; no dlt.

Belongs here: the floor of each subject, with the columns of the platform's tables. Does not belong here:
merging, cursors, unknown fields, retries; those are what a floor leaves out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter
from pathlib import Path
from typing import Any, Final

import duckdb
import msgspec
import pyarrow as pa

from c360_platform.bench.ingest_pages import pages

_INSERTED_ROWS: Final = 10_000
_UTC: Final = pa.timestamp("us", tz="UTC")


class _Type(msgspec.Struct, frozen=True):
    """How a column comes and what it becomes."""

    sent: Any
    arrow: Callable[[list[Any]], pa.Array]


def _json(values: list[msgspec.Raw]) -> pa.Array:
    return pa.array([bytes(value) for value in values], pa.binary()).cast(pa.string())


_ID: Final = _Type(int | str | None, lambda values: pa.array(values, pa.int64()).cast(pa.string()))
_TEXT: Final = _Type(str | None, lambda values: pa.array(values, pa.string()))
_INT: Final = _Type(int | None, lambda values: pa.array(values, pa.int64()))
_BOOL: Final = _Type(bool | None, lambda values: pa.array(values, pa.bool_()))
_TIME: Final = _Type(str | None, lambda values: pa.array(values, pa.string()).cast(_UTC))
_JSON: Final = _Type(msgspec.Raw, _json)

_TICKET: Final[dict[str, _Type]] = {
    **dict.fromkeys(("id", "requester_id", "submitter_id", "assignee_id", "organization_id"), _ID),
    **dict.fromkeys(("group_id", "brand_id", "external_id"), _ID),
    **dict.fromkeys(("status", "priority", "type", "subject", "description"), _TEXT),
    **dict.fromkeys(("created_at", "updated_at", "due_at"), _TIME),
    **dict.fromkeys(("via", "tags", "custom_fields", "satisfaction_rating"), _JSON),
    "generated_timestamp": _INT,
    "is_public": _BOOL,
}
_METRIC: Final[dict[str, _Type]] = {
    **dict.fromkeys(("id", "ticket_id"), _ID),
    **dict.fromkeys(("reopens", "replies", "assignee_stations", "group_stations"), _INT),
    **dict.fromkeys(("initially_assigned_at", "assigned_at", "solved_at", "created_at", "updated_at"), _TIME),
    **dict.fromkeys(("reply_time_in_minutes", "first_resolution_time_in_minutes"), _JSON),
    **dict.fromkeys(("full_resolution_time_in_minutes", "agent_wait_time_in_minutes"), _JSON),
    **dict.fromkeys(("requester_wait_time_in_minutes", "on_hold_time_in_minutes"), _JSON),
}
_PROFILE: Final[dict[str, _Type]] = {
    **dict.fromkeys(("email", "phone_number", "external_id", "first_name", "last_name"), _TEXT),
    **dict.fromkeys(("organization", "locale", "title"), _TEXT),
    **dict.fromkeys(("created", "updated", "last_event_date"), _TIME),
    **dict.fromkeys(("location", "properties", "subscriptions"), _JSON),
}
_EVENT: Final[dict[str, _Type]] = {"uuid": _TEXT, "datetime": _TIME, "event_properties": _JSON}


def _struct(name: str, types: Mapping[str, _Type], **others: Any) -> Any:
    fields = [(column, kind.sent) for column, kind in types.items()]
    return msgspec.defstruct(name, [*fields, *others.items()], gc=False)


def _envelope(rows: str, row: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(msgspec.defstruct("Page", [(rows, list[row])]))


class _Target(msgspec.Struct):
    id: str


class _Relationship(msgspec.Struct):
    data: _Target


class _Relationships(msgspec.Struct):
    profile: _Relationship
    metric: _Relationship


_TICKETS: Final = _envelope("tickets", _struct("T", _TICKET, metric_set=_struct("M", _METRIC)))
_PROFILES: Final = _envelope("data", _struct("P", {"id": _TEXT}, attributes=_struct("A", _PROFILE)))
_EVENTS: Final = _envelope(
    "data",
    _struct("E", {"id": _TEXT}, attributes=_struct("A", _EVENT), relationships=_Relationships),
)


def load(subject: str, base_url: str, warehouse: Path) -> int:
    """Insert everything into new tables; the number of rows of the subject.

    Small pages are inserted together: an insert costs DuckDB more than a hundred rows do.
    """
    count = waiting = 0
    found: dict[str, list[pa.Table]] = {}
    with duckdb.connect(str(warehouse)) as connection:
        for content in pages(subject, base_url):
            page = _READERS[subject](content)
            for name, table in page.items():
                found.setdefault(name, []).append(table)
            waiting += page[subject].num_rows
            if waiting >= _INSERTED_ROWS:
                _insert(connection, found)
                count, waiting, found = count + waiting, 0, {}
        _insert(connection, found)
    return count + waiting


def _insert(connection: duckdb.DuckDBPyConnection, found: Mapping[str, list[pa.Table]]) -> None:
    for name, tables in found.items():
        connection.register("page", pa.concat_tables(tables))
        connection.execute(f"create table if not exists {name} as from page limit 0")
        connection.execute(f"insert into {name} from page")


def _tickets(content: bytes) -> dict[str, pa.Table]:
    rows = _TICKETS.decode(content).tickets
    metrics = [row.metric_set for row in rows]
    return {"tickets": _table(_columns(rows, _TICKET)), "ticket_metrics": _table(_columns(metrics, _METRIC))}


def _profiles(content: bytes) -> dict[str, pa.Table]:
    rows = _PROFILES.decode(content).data
    return {"profiles": _table(_id(rows) | _columns([row.attributes for row in rows], _PROFILE))}


def _events(content: bytes) -> dict[str, pa.Table]:
    rows = _EVENTS.decode(content).data
    pointed = {
        name: pa.array([getattr(row.relationships, name).data.id for row in rows], pa.string())
        for name in ("profile", "metric")
    }
    return {"events": _table(_id(rows) | _columns([row.attributes for row in rows], _EVENT) | pointed)}


_READERS: Final[dict[str, Callable[[bytes], dict[str, pa.Table]]]] = {
    "tickets": _tickets,
    "profiles": _profiles,
    "events": _events,
}


def _id(rows: list[Any]) -> dict[str, pa.Array]:
    return _columns(rows, {"id": _TEXT})


def _columns(rows: list[Any], types: Mapping[str, _Type]) -> dict[str, pa.Array]:
    return {name: kind.arrow(list(map(attrgetter(name), rows))) for name, kind in types.items()}


def _table(columns: Mapping[str, pa.Array]) -> pa.Table:
    return pa.table(dict(columns))
