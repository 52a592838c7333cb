"""Standard forms of contacts, events and products: which columns go in, and which come out in which type.

Belongs here: the declarations. Does not belong here: how rows are read into them (standardising.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from c360_platform.components.contract import OutputColumn

StandardForm = Literal["text", "email", "code", "time", "number", "truth"]

_TYPES: Final[dict[StandardForm, str]] = {
    "text": "VARCHAR",
    "email": "VARCHAR",
    "code": "VARCHAR",
    "time": "TIMESTAMP WITH TIME ZONE",
    "number": "DECIMAL(18,4)",
    "truth": "BOOLEAN",
}


@dataclass(frozen=True, slots=True)
class StandardColumn:
    """A column of a standard form. Without a mapping it is looked for by its name, then by `aliases`."""

    name: str
    form: StandardForm
    description: str
    required: bool = False
    aliases: tuple[str, ...] = ()

    @property
    def output(self) -> OutputColumn:
        return OutputColumn(self.name, _TYPES[self.form], self.description, nullable=not self.required)


@dataclass(frozen=True, slots=True)
class Standard:
    """A standard form. Rows that agree in `dedupe_key` (in every column, when it is empty) are one thing: the
    newest by `newest_by` stands."""

    name: str
    columns: tuple[StandardColumn, ...]
    dedupe_key: tuple[str, ...] = ()
    newest_by: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @property
    def outputs(self) -> tuple[OutputColumn, ...]:
        return tuple(column.output for column in self.columns)


REJECTED: Final = (
    OutputColumn("reason", "VARCHAR", "missing, unreadable or duplicate.", nullable=False),
    OutputColumn("column_name", "VARCHAR", "The column that is missing or cannot be read."),
    OutputColumn("record", "VARCHAR", "The row as it came, as JSON.", nullable=False),
)

_PERSON: Final = (
    StandardColumn("email", "email", "E-mail address in lower case."),
    StandardColumn("user_id", "text", "Id of the account in shop or app."),
    StandardColumn("customer_id", "text", "Id of the customer, the same in every source that has it."),
    StandardColumn("phone", "text", "Phone number as written.", aliases=("phone_number", "mobile")),
)
_CREATED: Final = StandardColumn("created_at", "time", "When it was first known, UTC.", aliases=("created",))
_UPDATED: Final = StandardColumn(
    "updated_at", "time", "When it was last changed, UTC.", aliases=("modified_at",)
)

CRM_CONTACTS: Final = Standard(
    "contacts",
    (
        StandardColumn("contact_id", "text", "Id of the contact in the CRM.", required=True, aliases=("id",)),
        *_PERSON,
        StandardColumn("first_name", "text", "First name.", aliases=("firstname",)),
        StandardColumn("last_name", "text", "Last name.", aliases=("lastname",)),
        StandardColumn("company", "text", "Company."),
        StandardColumn("country_code", "code", "Country in two capital letters.", aliases=("country",)),
        StandardColumn(
            "acquisition_source", "text", "Where the contact came from.", aliases=("lead_source",)
        ),
        StandardColumn("acquisition_medium", "text", "By which medium."),
        StandardColumn("acquisition_campaign", "text", "In which campaign."),
        _CREATED,
        _UPDATED,
        StandardColumn("is_archived", "truth", "Whether the CRM has put it away.", aliases=("archived",)),
    ),
    dedupe_key=("contact_id",),
    newest_by="updated_at",
)

EVENTS: Final = Standard(
    "events",
    (
        StandardColumn("event_id", "text", "Id of the event, where there is one.", aliases=("id", "uuid")),
        StandardColumn(
            "event_name", "text", "What happened.", required=True, aliases=("event", "metric_name")
        ),
        StandardColumn(
            "occurred_at",
            "time",
            "When it happened, UTC.",
            required=True,
            aliases=("event_timestamp", "datetime", "timestamp"),
        ),
        *_PERSON,
        StandardColumn("device_id", "text", "The device.", aliases=("user_pseudo_id",)),
        StandardColumn(
            "session_id",
            "text",
            "The visit, unique within a device.",
            aliases=("ga_session_id", "event_params[ga_session_id]"),
        ),
        StandardColumn(
            "acquisition_source",
            "text",
            "Where the visit came from.",
            aliases=("utm_source", "collected_traffic_source.manual_source"),
        ),
        StandardColumn(
            "acquisition_medium",
            "text",
            "By which medium.",
            aliases=("utm_medium", "collected_traffic_source.manual_medium"),
        ),
        StandardColumn(
            "acquisition_campaign",
            "text",
            "In which campaign.",
            aliases=("utm_campaign", "collected_traffic_source.manual_campaign_name"),
        ),
        StandardColumn("value", "number", "What it is worth.", aliases=("ecommerce.purchase_revenue",)),
    ),
)

PRODUCTS: Final = Standard(
    "products",
    (
        StandardColumn("product_id", "text", "Id of the product.", required=True, aliases=("id",)),
        StandardColumn("sku", "text", "Stock keeping unit."),
        StandardColumn("name", "text", "What it is called.", required=True, aliases=("title",)),
        StandardColumn("category", "text", "Its category.", aliases=("product_type",)),
        StandardColumn("price", "number", "Price in the shop's currency."),
        StandardColumn("currency", "code", "Currency in three capital letters."),
        StandardColumn("is_active", "truth", "Whether it is for sale.", aliases=("active",)),
        _CREATED,
        _UPDATED,
    ),
    dedupe_key=("product_id",),
    newest_by="updated_at",
)
