"""Which judge reads which streams, and what each of them should have read.

Belongs here: the pairing of a client's streams with the sandbox's truth, and known differences with a reason.
Does not belong here: starting clients (`clients`), the truth itself (`truth`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from c360_platform.sandbox.store import Store
from tests.judges import clients, truth

Record = dict[str, Any]
_SYSTEM_FIELDS: Final = 7  # ticket fields that every account has; their ids begin at 1


@dataclass(frozen=True, slots=True)
class Reading:
    """A client's stream, the truth it is compared with, and the members that are compared, as paths.

    `known` is the reason of a difference that is the client's doing; such a difference does not fail.
    `resumed` streams are read again from the client's state after the account has changed; both readings
    together must give the new truth.
    """

    stream: str
    held: Callable[[Store], truth.Rows]
    fields: tuple[str, ...] = ()
    identity: str = "id"
    counts: Callable[[Record], bool] = lambda _: True
    known: str | None = None
    resumed: bool = False

    def row(self, record: Record) -> tuple[str, tuple[Any, ...]]:
        """Id and compared members of a record; an id that a client reads as a float is the whole number."""
        identifier = _member(record, self.identity)
        if isinstance(identifier, float) and identifier.is_integer():
            identifier = int(identifier)
        return str(identifier), tuple(_member(record, path) for path in self.fields)


@dataclass(frozen=True, slots=True)
class Judge:
    """A client and what it should read."""

    name: str
    read: Callable[[str, Path], clients.Records]
    readings: tuple[Reading, ...]

    @property
    def resumes(self) -> bool:
        """Whether the client goes on from its state."""
        return any(reading.resumed for reading in self.readings)


def _of(stream: str) -> Callable[[Store], truth.Rows]:
    return lambda store: truth.held(store, stream)


def _events(metric: str) -> Callable[[Store], truth.Rows]:
    return lambda store: truth.events_of_metric(store, metric)


def _member(record: Record, path: str) -> Any:
    value: Any = record
    for name in path.split("."):
        if isinstance(value, list):
            value = value[int(name)] if len(value) > int(name) else None
        else:
            value = value.get(name) if isinstance(value, dict) else None
    return value


_TICKET: Final = ("generated_timestamp", "status", "updated_at")
_METRIC: Final = ("ticket_id", "updated_at")
_METRIC_EVENT: Final = ("ticket_id", "type", "time")
_USER: Final = ("updated_at", "email", "active")
_PROFILE: Final = ("attributes.email", "attributes.updated")
_EVENT: Final = (
    "attributes.timestamp",
    "relationships.metric.data.id",
    "relationships.profile.data.id",
)
_FLAT_EVENT: Final = ("timestamp", "metric.0.id", "profile.0.id")


def _is_custom(record: Record) -> bool:
    return int(record["id"]) > _SYSTEM_FIELDS


JUDGES: Final = (
    Judge(
        "klaviyo-api",
        clients.read_klaviyo_api,
        (
            Reading("profiles", _of("profiles"), _PROFILE),
            Reading("events", _of("events"), _EVENT),
            Reading("metrics", _of("metrics"), ("attributes.name",)),
            Reading("lists", _of("lists"), ("attributes.name",)),
            Reading("list members", _of("list members")),
        ),
    ),
    Judge(
        "zenpy",
        clients.read_zenpy,
        (
            Reading("tickets", _of("tickets"), _TICKET),
            Reading("tickets by time", _of("tickets"), _TICKET),
            Reading("present tickets", _of("present tickets"), _TICKET),
            Reading("found tickets", _of("present tickets"), _TICKET),
            Reading("users", _of("users"), _USER),
            Reading("organizations", _of("organizations"), ("updated_at", "name")),
            Reading("ticket events", _of("ticket events"), ("ticket_id", "timestamp")),
            Reading("ticket metric events", _of("ticket metric events"), _METRIC_EVENT),
            Reading("satisfaction ratings", _of("satisfaction ratings"), ("updated_at", "score")),
            Reading("ticket fields", _of("custom ticket fields"), ("title",), counts=_is_custom),
            Reading("groups", _of("groups"), ("name",)),
            Reading("brands", _of("brands"), ("name",)),
            Reading("user fields", _of("user fields"), ("title",)),
        ),
    ),
    Judge(
        "tap-zendesk",
        clients.read_tap_zendesk,
        (
            Reading("tickets", _of("tickets"), _TICKET, resumed=True),
            Reading("ticket_metrics", _of("metrics of present tickets"), _METRIC),
            Reading("ticket_audits", _of("ticket audits"), ("ticket_id",)),
            Reading("ticket_comments", _of("comments of present tickets"), ("ticket_id", "author_id")),
            Reading("ticket_metric_events", _of("ticket metric events"), _METRIC_EVENT),
            Reading("users", _of("users"), _USER, resumed=True),
            Reading("organizations", _of("organizations"), ("updated_at", "name"), resumed=True),
            Reading("satisfaction_ratings", _of("satisfaction ratings"), ("updated_at", "score")),
            Reading("ticket_fields", _of("custom ticket fields"), ("title",), counts=_is_custom),
            Reading("groups", _of("groups"), ("name",)),
            Reading("tags", _of("tags"), ("count",), identity="name"),
        ),
    ),
    Judge(
        "airbyte source-zendesk-support",
        clients.read_airbyte_zendesk,
        (
            Reading("tickets", _of("tickets"), _TICKET, resumed=True),
            Reading("ticket_metrics", _of("metrics of unarchived tickets"), _METRIC),
            Reading("ticket_comments", _of("ticket comments"), ("ticket_id", "author_id")),
            Reading("ticket_metric_events", _of("ticket metric events"), _METRIC_EVENT),
            Reading("users", _of("users"), _USER, resumed=True),
            Reading("organizations", _of("organizations"), ("updated_at", "name"), resumed=True),
            Reading("satisfaction_ratings", _of("satisfaction ratings"), ("updated_at", "score")),
            Reading("ticket_fields", _of("custom ticket fields"), ("title",), counts=_is_custom),
            Reading("groups", _of("groups"), ("name",)),
            Reading("brands", _of("brands"), ("name",)),
            Reading("user_fields", _of("user fields"), ("title",)),
            Reading("tags", _of("tags"), ("count",), identity="name"),
        ),
    ),
    Judge(
        "tap-klaviyo",
        clients.read_tap_klaviyo,
        (
            # It reads events of metrics that it knows by name, and no other.
            Reading("receive", _events("Received Email"), _FLAT_EVENT),
            Reading("click", _events("Clicked Email"), _FLAT_EVENT),
            Reading("open", _events("Opened Email"), _FLAT_EVENT),
            Reading("bounce", _events("Bounced Email"), _FLAT_EVENT),
            Reading("lists", _of("lists"), ("name",)),
            Reading("global_exclusions", _of("profiles the tap calls excluded"), ("email", "updated")),
        ),
    ),
    Judge(
        "airbyte source-klaviyo",
        clients.read_airbyte_klaviyo,
        (
            Reading("profiles", _of("profiles"), _PROFILE, resumed=True),
            Reading("global_exclusions", _of("suppressed profiles"), _PROFILE),
            Reading("events", _of("events"), _EVENT),
            Reading("metrics", _of("metrics"), ("attributes.name",)),
            Reading("lists", _of("lists"), ("attributes.name",)),
            Reading("lists_detailed", _of("lists"), ("attributes.name",)),
        ),
    ),
)
