"""The shape of a `meta.klaviyo` block: its keys, their types, the names that Klaviyo knows.

Belongs here: what can be checked on the block alone. Does not belong here: columns, files and lines (`spec`).
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

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
# Without control characters and separators, which the two engines write differently.
Name = Annotated[str, Field(min_length=1, max_length=255, pattern="^[^\\x00-\\x1f\\u2028\\u2029]*$")]


class RemovalFuse(BaseModel):
    """How many one run may remove from a list, or retire: at most this share, at most this many; few always
    pass.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    max_share: float = Field(default=0.5, ge=0, le=1)
    max_rows: int | None = Field(default=None, ge=0)
    always_allowed: int = Field(default=10, ge=0)

    def __str__(self) -> str:
        most = f", {self.max_rows:,} rows" if self.max_rows is not None else ""
        return f"{self.max_share:.0%} of the members{most}; {self.always_allowed} always pass"

    def holds(self, removals: int, members: int) -> bool:
        """Whether removing `removals` of `members` must wait for a person's word."""
        if removals <= self.always_allowed:
            return False
        return removals > self.max_share * members or (self.max_rows is not None and removals > self.max_rows)


# Who may become a new profile, which costs money: nobody, those for whom the consent column holds, everybody.
CreatePolicy = Literal["never", "consented", "always"]
BadPhone = Literal["drop", "reject"]


class _Block(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    key: Column
    properties: dict[Column, Name] = {}
    consent: Column | None = None
    # Of the rows that a run tried, the share that Klaviyo must take for its check to pass.
    min_acceptance: float = Field(default=0.95, ge=0, le=1)

    @model_validator(mode="after")
    def _names_who_consented(self) -> Self:
        create: CreatePolicy = getattr(self, "create", "always")
        if create == "consented" and self.consent is None:
            raise PydanticCustomError(
                "consent_missing",
                "create: consented makes profiles of people who agreed: name the boolean column with "
                "`consent`, or say `create: never` or `create: always`",
            )
        return self


class _PeopleBlock(_Block):
    """What profiles and lists have in common: their rows are people."""

    fields: dict[Column, Name] = {}
    # Properties that earlier versions of the mapping wrote and that are to be taken away.
    unset: tuple[Name, ...] = Field(default=(), strict=False)
    # What becomes of a phone number that is not E.164: the row goes without it, or is rejected.
    bad_phone: BadPhone = "drop"
    removal_fuse: RemovalFuse = RemovalFuse()
    # A model of addresses whose people go on under another one.
    aliases: Column | None = None


class ProfilesBlock(_PeopleBlock):
    """Rows become profiles: one row per e-mail address."""

    object: Literal["profiles"]
    create: CreatePolicy = "consented"


class ListBlock(_PeopleBlock):
    """Rows become the members of a list; members that are no longer rows are taken off after a while.

    A list takes people whom Klaviyo knows or another sync has brought, unless `create` says otherwise.
    """

    object: Literal["list"]
    list: Name
    create: CreatePolicy = "never"
    removal_grace_hours: float = Field(default=24, ge=0)


class EventsBlock(_Block):
    """Rows become events: one row per event, `event_id` unique for ever.

    Everybody gets events by default: a buyer waits for a parcel, whatever else was agreed.
    """

    object: Literal["events"]
    create: CreatePolicy = "always"
    event_id: Column
    metric: Column
    occurred_at: Column
    value: Column | None = None
    value_currency: Column | None = None
    backfill_after_hours: int = Field(default=48, gt=0)


Block = ProfilesBlock | ListBlock | EventsBlock
BLOCKS: dict[str, type[Block]] = {"profiles": ProfilesBlock, "list": ListBlock, "events": EventsBlock}
