"""A sandbox full of records to ingest: as many tickets, profiles or events as asked for.

Belongs here: what one looks like, in size and shape as accounts have them. Does not belong here: a shop that
makes sense, which is the synthetic world's business.

A ticket has 3 KB of JSON as the export sends it with its metric set, a profile 3 KB, an event 1 KB.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final

import orjson

from c360_platform.sandbox.store import Store

Rows = Iterator[tuple[Any, ...]]

_CHUNK: Final = 20_000
_AGE_SECONDS: Final = 365 * 86_400
_MICROSECONDS: Final = 1_000_000
_METRIC: Final = "PlcdOr"
_STATUSES: Final = ("new", "open", "pending", "hold", "solved", "closed", "closed", "closed")
_CLOCKS: Final = ("reply", "first_resolution", "full_resolution", "agent_wait", "requester_wait", "on_hold")
_TEXT: Final = (
    "Guten Tag, meine Bestellung ist laut Verfolgung seit einer Woche unterwegs. "
    "Können Sie bitte nachsehen, wo das Paket liegt? Die Adresse stimmt, bei den Nachbarn ist nichts. "
    "Vielen Dank und freundliche Grüße"
)


def fill_with_tickets(path: Path, count: int) -> None:
    """A new sandbox in the file `path` with `count` tickets."""
    _fill(path, "zd_ticket", "id, generated_at, updated_at, body, metric_set", count, _ticket)


def fill_with_profiles(path: Path, count: int) -> None:
    """A new sandbox in the file `path` with `count` profiles."""
    columns = (
        "id, email, external_id, first_name, last_name, locale, location, properties, email_consent,"
        " email_consent_at, created_at, updated_at, last_event_at"
    )
    _fill(path, "kl_profile", columns, count, _profile)


def fill_with_events(path: Path, count: int) -> None:
    """A new sandbox in the file `path` with `count` events of one metric."""
    _fill(path, "kl_metric", "id, name, created_at, updated_at", 1, lambda _, at: (_METRIC, "Order", at, at))
    columns = (
        "id, uuid, profile_id, metric_id, unique_id, occurred_at, received_at, properties, value,"
        " value_currency"
    )
    _fill(path, "kl_event", columns, count, _event)


def _fill(
    path: Path, table: str, columns: str, count: int, row: Callable[[int, int], tuple[Any, ...]]
) -> None:
    """`row` makes a row of its number and its second; the seconds end two days ago."""
    first = int(time.time()) - _AGE_SECONDS
    step = (_AGE_SECONDS - 2 * 86_400) / count
    rows = (row(number, first + int(number * step)) for number in range(1, count + 1))
    store = Store(path)
    try:
        while chunk := list(islice(rows, _CHUNK)):
            store.insert(table, columns.split(", "), chunk)
    finally:
        store.close()


def _ticket(number: int, at: int) -> tuple[Any, ...]:
    created, changed = _iso(at - 86_400 * (number % 20)), _iso(at)
    status = _STATUSES[number % len(_STATUSES)]
    solved = changed if status in {"solved", "closed"} else None
    subject = f"Wo bleibt meine Bestellung {number}?"
    agent = 360_000_000_000 + number % 7 if status != "new" else None
    body = {
        "id": number,
        "external_id": None,
        "via": {
            "channel": "email",
            "source": {
                "from": {"address": f"customer{number % 90_000}@shop.example", "name": "Ada Lovelace"},
                "to": {"address": "hilfe@shop.example", "name": "Kundendienst"},
                "rel": None,
            },
        },
        "created_at": created,
        "updated_at": changed,
        "type": "question",
        "subject": subject,
        "raw_subject": subject,
        "description": f"{_TEXT}, Kundin {number}",
        "priority": "normal",
        "status": status,
        "recipient": "hilfe@shop.example",
        "requester_id": 370_000_000_000 + number % 90_000,
        "submitter_id": 370_000_000_000 + number % 90_000,
        "assignee_id": agent,
        "organization_id": None,
        "group_id": 380_000_000_001,
        "collaborator_ids": [],
        "follower_ids": [],
        "email_cc_ids": [],
        "forum_topic_id": None,
        "problem_id": None,
        "has_incidents": False,
        "is_public": True,
        "due_at": None,
        "tags": ["lieferung", f"lager_{number % 5}", "vip" if number % 9 == 0 else "standard"],
        "custom_fields": [
            {"id": 27_642 + place, "value": f"value {number % 1000} {place}" if place % 3 else None}
            for place in range(9)
        ],
        "satisfaction_rating": {"score": "unoffered"},
        "sharing_agreement_ids": [],
        "custom_status_id": 1,
        "followup_ids": [],
        "ticket_form_id": 390_000_000_001,
        "brand_id": 395_000_000_001,
        "allow_channelback": False,
        "allow_attachments": True,
        "from_messaging_channel": False,
    }
    metric_set: dict[str, Any] = {
        "id": number + 500_000_000_000,
        "ticket_id": number,
        "created_at": created,
        "updated_at": changed,
        "group_stations": 1,
        "assignee_stations": 1,
        "reopens": 0,
        "replies": number % 4,
        "initially_assigned_at": created,
        "assigned_at": created,
        "solved_at": solved,
        "status_updated_at": changed,
        "requester_updated_at": created,
        "assignee_updated_at": changed,
        "latest_comment_added_at": changed,
        "custom_status_updated_at": changed,
        **{
            f"{clock}_time_in_minutes": {"calendar": number % 4000, "business": number % 900}
            for clock in _CLOCKS
        },
        "reply_time_in_seconds": {"calendar": number % 4000 * 60},
    }
    return number, at, at, orjson.dumps(body).decode(), orjson.dumps(metric_set).decode()


def _profile(number: int, at: int) -> tuple[Any, ...]:
    moment = at * _MICROSECONDS
    location = {"address1": f"Hauptstraße {number % 200}", "city": "Berlin", "country": "DE", "zip": "10115"}
    properties = {f"Property {place}": f"value {number} {place}" for place in range(12)}
    return (
        *(f"01J8{number:022d}", f"customer{number}@shop.example", f"customer-{number}", "Ada", "Lovelace"),
        *("de-DE", orjson.dumps(location).decode(), orjson.dumps(properties).decode(), "SUBSCRIBED"),
        *(moment, moment, moment, moment),
    )


def _event(number: int, at: int) -> tuple[Any, ...]:
    items = [
        {"ProductID": f"SKU-{item}", "ProductName": "Kaffeebohnen 1 kg", "Quantity": 1, "ItemPrice": 12.9}
        for item in range(number % 3 + 1)
    ]
    properties = {"OrderId": f"order-{number}", "ItemNames": ["Kaffeebohnen 1 kg"], "Items": items}
    return (
        *(f"{number:011d}", f"{number:08x}-0000-4000-8000-000000000000", f"01J8{number % 90_000:022d}"),
        *(_METRIC, f"order-{number}", at, at * _MICROSECONDS, orjson.dumps(properties).decode(), 12.9, "EUR"),
    )


def _iso(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
