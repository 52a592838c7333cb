"""The shape of a `meta.klaviyo` block: its keys, their types, the names that Klaviyo knows.

Belongs here: what can be checked on the block alone. Does not belong here: columns, files and lines (`spec`).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

# Attributes of a profile that bulk import takes (profile-bulk-import-jobs, revision 2026-10-15), without the
# identifiers that the engine owns.
PROFILE_FIELDS = (
    "phone_number",
    "external_id",
    "first_name",
    "last_name",
    "organization",
    "locale",
    "title",
    "image",
    *(
        f"location.{part}"
        for part in (
            "address1",
            "address2",
            "city",
            "country",
            "latitude",
            "longitude",
            "region",
            "zip",
            "timezone",
            "ip",
        )
    ),
)

Column = Annotated[str, Field(min_length=1)]
Name = Annotated[str, Field(min_length=1, max_length=255)]


class RemovalFuse(BaseModel):
    """How much of a list one run may remove: at most this share, at most this many; few rows always pass."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    max_share: float = Field(default=0.5, ge=0, le=1)
    max_rows: int | None = Field(default=None, ge=0)
    always_allowed: int = Field(default=10, ge=0)

    def holds(self, removals: int, members: int) -> bool:
        """Whether removing `removals` of `members` must wait for a person's word."""
        if removals <= self.always_allowed:
            return False
        return removals > self.max_share * members or (self.max_rows is not None and removals > self.max_rows)


class _Block(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    key: Column
    properties: dict[Column, Name] = {}


class ProfilesBlock(_Block):
    """Rows become profiles: one row per e-mail address."""

    object: Literal["profiles"]
    fields: dict[Column, Name] = {}


class ListBlock(_Block):
    """Rows become the members of a list; members that are no longer rows are taken off."""

    object: Literal["list"]
    list: Name
    fields: dict[Column, Name] = {}
    removal_fuse: RemovalFuse = RemovalFuse()


class EventsBlock(_Block):
    """Rows become events: one row per event, `event_id` unique for ever."""

    object: Literal["events"]
    event_id: Column
    metric: Column
    occurred_at: Column
    value: Column | None = None
    value_currency: Column | None = None
    backfill_after_hours: int = Field(default=48, gt=0)


Block = ProfilesBlock | ListBlock | EventsBlock
BLOCKS: dict[str, type[Block]] = {"profiles": ProfilesBlock, "list": ListBlock, "events": EventsBlock}
