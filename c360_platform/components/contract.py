"""What goes into the Customer 360 component and what comes out: columns, types, meaning.

Belongs here: the declarations, which everything else reads. Does not belong here: how a column is found in an
upstream table (columns.py) and how it is computed (the `_sql` modules).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

Key = Literal["email", "user_id", "customer_id", "phone"]
SourceKind = Literal["stripe", "crm", "marketing", "ga4"]
Strategy = Literal["most_recent", "merge", "highest_value"]
FallBack = Literal["unmatched", "missing"]
AmountUnit = Literal["minor", "major"]
Form = Literal["text", "time", "number"]

KEYS: Final[tuple[Key, ...]] = get_args(Key)


@dataclass(frozen=True, slots=True)
class OutputColumn:
    """A column of the result: its type in DuckDB's words, and what it says."""

    name: str
    type: str
    description: str
    nullable: bool = True


PROFILE: Final = (
    OutputColumn(
        "customer_id",
        "VARCHAR",
        "One customer for ever: the shop's own id where that is the strongest key the customer has, "
        "otherwise the name of that key and a hash of its value.",
        nullable=False,
    ),
    OutputColumn("email", "VARCHAR", "E-mail address in lower case."),
    OutputColumn("first_name", "VARCHAR", "First name, from the same record as the last name."),
    OutputColumn("last_name", "VARCHAR", "Last name, from the same record as the first name."),
    OutputColumn("created_at", "TIMESTAMP WITH TIME ZONE", "When any source first knew the customer, UTC."),
    OutputColumn(
        "total_revenue",
        "DECIMAL(18,2)",
        "Paid minus refunded, in the one currency of the payments; null when no payments are wired.",
    ),
    OutputColumn("total_orders", "BIGINT", "Successful payments; null when no payments are wired."),
    OutputColumn("avg_order_value", "DECIMAL(18,2)", "total_revenue ÷ total_orders; null without orders."),
    OutputColumn("total_sessions", "BIGINT", "Visits of the web shop; null when no GA4 source is wired."),
    OutputColumn("total_page_views", "BIGINT", "Pages seen there; null when no GA4 source is wired."),
    OutputColumn("acquisition_source", "VARCHAR", "Source of the earliest record that names one."),
    OutputColumn("acquisition_medium", "VARCHAR", "Medium of that record."),
    OutputColumn("acquisition_campaign", "VARCHAR", "Campaign of that record."),
    OutputColumn("last_interaction_date", "DATE", "UTC day of the last payment, visit, contact or sign-up."),
    OutputColumn("customer_lifetime_days", "BIGINT", "Days from created_at to as_of."),
    OutputColumn(
        "is_active",
        "BOOLEAN",
        "Whether the last interaction is at most active_customer_days before as_of.",
        nullable=False,
    ),
)


@dataclass(frozen=True, slots=True)
class InputColumn:
    """A column that a source may have. Without a mapping it is looked for by its name, then by `aliases`."""

    name: str
    form: Form
    description: str
    required: bool = False
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SourceContract:
    """The columns of one kind of source. Of each group in `one_of` at least one column must be there."""

    kind: SourceKind
    row: str
    columns: tuple[InputColumn, ...]
    one_of: tuple[tuple[str, ...], ...] = ()

    def column(self, name: str) -> InputColumn | None:
        return next((column for column in self.columns if column.name == name), None)


_PERSON: Final = (
    InputColumn("email", "text", "E-mail address."),
    InputColumn("user_id", "text", "Id of the account in shop or app."),
    InputColumn("customer_id", "text", "Id of the customer, the same in every source that has it."),
    InputColumn("phone", "text", "Phone number.", aliases=("phone_number",)),
)
_NAMES: Final = (
    InputColumn("first_name", "text", "First name."),
    InputColumn("last_name", "text", "Last name."),
)
_ACQUISITION: Final = (
    InputColumn(
        "acquisition_source", "text", "Where the person came from.", aliases=("source", "utm_source")
    ),
    InputColumn("acquisition_medium", "text", "By which medium.", aliases=("medium", "utm_medium")),
    InputColumn("acquisition_campaign", "text", "In which campaign.", aliases=("campaign", "utm_campaign")),
)
_CREATED: Final = InputColumn("created_at", "time", "When the source first knew the person.")
_UPDATED: Final = InputColumn("updated_at", "time", "When the record was last changed.")
_VALUE: Final = InputColumn("value", "number", "What the record is worth, for highest_value.")

CONTRACTS: Final[dict[SourceKind, SourceContract]] = {
    "stripe": SourceContract(
        "stripe",
        "one payment",
        (
            *_PERSON,
            *_NAMES,
            InputColumn("order_id", "text", "Id of the payment; it counts once.", aliases=("id",)),
            InputColumn("amount", "number", "What was charged.", required=True),
            InputColumn("amount_refunded", "number", "What of it was given back."),
            InputColumn("currency", "text", "Currency of the amount."),
            InputColumn("status", "text", "Whether it went through; other states are not orders."),
            InputColumn(
                "occurred_at", "time", "When it was paid.", required=True, aliases=("created", "created_at")
            ),
        ),
    ),
    "crm": SourceContract(
        "crm",
        "one contact",
        (
            *_PERSON,
            *_NAMES,
            *_ACQUISITION,
            _CREATED,
            _UPDATED,
            InputColumn("occurred_at", "time", "The last time in touch.", aliases=("last_contacted_at",)),
            _VALUE,
        ),
    ),
    "marketing": SourceContract(
        "marketing",
        "one profile or one event of a person",
        (
            *_PERSON,
            *_NAMES,
            *_ACQUISITION,
            _CREATED,
            _UPDATED,
            InputColumn("occurred_at", "time", "The last thing done.", aliases=("last_event_at",)),
            _VALUE,
        ),
    ),
    "ga4": SourceContract(
        "ga4",
        "one event, or one row of counted visits",
        (
            *_PERSON,
            *_ACQUISITION,
            InputColumn(
                "occurred_at", "time", "When it happened.", required=True, aliases=("event_timestamp",)
            ),
            InputColumn("event_name", "text", "page_view is a page seen."),
            InputColumn("page_views", "number", "Pages seen, where rows are counts."),
            InputColumn("session_id", "text", "The visit on a device.", aliases=("ga_session_id",)),
            InputColumn("device_id", "text", "The device.", aliases=("user_pseudo_id",)),
            InputColumn("sessions", "number", "Visits, where rows are counts."),
        ),
        one_of=(("event_name", "page_views"), ("session_id", "sessions")),
    ),
}  # fmt: skip
