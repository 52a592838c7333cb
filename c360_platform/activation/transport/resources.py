"""What the engine needs of Klaviyo's resources, as plain values.

Belongs here: reading the parts that matter out of a JSON:API resource. Does not belong here: asking for it
(`client`), and problems (`answers`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from c360_platform.activation.errors import ApiProblem

FORGOTTEN = "forgotten"  # Klaviyo keeps a job for seven days
_FINISHED = frozenset({"complete", "cancelled", FORGOTTEN})


@dataclass(frozen=True, slots=True)
class ImportJob:
    """A bulk import as Klaviyo sees it; counts are of profiles."""

    id: str
    status: str
    failed: int

    @property
    def is_finished(self) -> bool:
        return self.status in _FINISHED


@dataclass(frozen=True, slots=True)
class ImportProblem:
    """Why a profile of a finished import was not applied; `email` is empty when Klaviyo does not echo it."""

    email: str
    problem: ApiProblem


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """An event as Klaviyo shows it; `key` is its unique id, `second` since 1970, `email` may be empty."""

    key: str
    second: int
    email: str = field(repr=False)
    properties: Mapping[str, Any] = field(repr=False)


def identifier(document: dict[str, Any]) -> str:
    return str(document["data"]["id"])


def import_job(resource: dict[str, Any]) -> ImportJob:
    attributes = resource.get("attributes") or {}
    return ImportJob(
        id=str(resource["id"]),
        status=str(attributes.get("status")),
        failed=int(attributes.get("failed_count") or 0),
    )


def email_of(resource: dict[str, Any]) -> str:
    return str((resource.get("attributes") or {}).get("email") or "").lower()


def echoed_email(payload: object) -> str:
    """The address in the echo of a profile, which comes with or without its resource around it."""
    if not isinstance(payload, dict):
        return ""
    attributes = payload.get("attributes")
    holder = attributes if isinstance(attributes, dict) else payload
    return str(holder.get("email") or "").lower()
