"""The statements that bring any source into one form: `records`, one row per thing known of somebody.

Belongs here: what a row of each kind of source says. Does not belong here: the normal form of keys
(keys_sql.py), who is the same person (identity_sql.py), what the customer looks like then (profile_sql.py).

Rows are put together by their keys as written before keys are normalised: a person has many events, and few
spellings. A source is written once, and without the columns that it does not fill.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import Final

from c360_platform.components.columns import as_text, can_fail, literal, read
from c360_platform.components.contract import KEYS
from c360_platform.components.keys_sql import is_usable, phone_text
from c360_platform.components.plan import Plan, Source

INCOMING: Final = "incoming"
"""The upstream table as the workspace knows it."""

_RECORD: Final[dict[str, str]] = {
    "entity": "uhugeint",  # who: a hash of all join keys; null when there is none
    **dict.fromkeys(KEYS, "varchar"),  # e-mail, and what else is a join key
    "name": "varchar",  # first and last name, which belong together, with a separator
    "touch": "varchar",  # acquisition source, medium and campaign likewise
    "acquired_at": "timestamptz",
    "changed_at": "timestamptz",
    "first_at": "timestamptz",
    "last_at": "timestamptz",
    "value": "decimal(18, 4)",
    "revenue": "decimal(18, 4)",
    "orders": "integer",
    "page_views": "bigint",
    "sessions": "bigint",
    "session": "ubigint",  # a visit, when visits are not counted yet
    "rows": "integer",
}
# Columns of a record that are null in every row unless one of these is in the source.
_NEEDS: Final[dict[str, tuple[str, ...]]] = {
    **{key: (key,) for key in KEYS},
    "name": ("first_name", "last_name"),
    "touch": ("acquisition_source",),
    "acquired_at": ("acquisition_source",),
    "changed_at": ("created_at", "updated_at", "occurred_at"),
    "value": ("value",),
    "revenue": ("amount",),
    "orders": ("amount",),
    "page_views": ("page_views", "event_name"),
    "sessions": ("sessions",),
    "session": ("session_id",),
}
# What is said about records in the report.
COUNTS: Final = ("late_rows", "foreign_rows", "unpaid_rows", "unreadable_times", "unreadable_numbers")

_CODES: Final = ("order_id", "currency", "status", "event_name", "session_id", "device_id")
_UNITS: Final = {"minor": "0.01::decimal(3, 2)", "major": "1::decimal(3, 2)"}  # a quotient would be a float
_FORMS: Final = {"text": "varchar", "time": "timestamptz", "number": "decimal(38, 6)"}

_PERSONS: Final = """
select
    email, user_id, customer_id, phone, first_name, last_name,
    acquisition_source, acquisition_medium, acquisition_campaign,
    coalesce(created_at, occurred_at) as acquired_at,
    coalesce(updated_at, occurred_at, created_at) as changed_at,
    value,
    least(created_at, if(is_late, null, occurred_at)) as first_at,
    greatest(created_at, if(occurred_at > {end}, null, occurred_at)) as last_at,
    null as revenue, null as orders, null as page_views, null as sessions, null as session,
    1 as rows,
    is_late::int as late_rows, 0 as foreign_rows, 0 as unpaid_rows, unreadable_times, unreadable_numbers,
from (select *, coalesce(coalesce(created_at, occurred_at) > {end}, false) as is_late from typed)
"""

_PAYMENTS: Final = """
select
    {columns},
    null as acquisition_source, null as acquisition_medium, null as acquisition_campaign, null as acquired_at,
    max(occurred_at) filter (not is_late) as changed_at,
    null as value,
    min(occurred_at) filter (not is_late) as first_at,
    max(occurred_at) filter (not is_late) as last_at,
    coalesce({unit} * cast(sum(amount - coalesce(amount_refunded, 0)) filter (counts) as decimal(24, 6)), 0)
        as revenue,
    count(*) filter (counts) as orders,
    null as page_views, null as sessions, null as session,
    count(*) as rows,
    count(*) filter (is_late) as late_rows,
    count(*) filter (is_paid and not is_late and is_foreign) as foreign_rows,
    count(*) filter (not is_paid) as unpaid_rows,
    sum(unreadable_times) as unreadable_times, sum(unreadable_numbers) as unreadable_numbers,
from (select *, is_paid and not is_late and not is_foreign as counts from typed)
group by {group_by}
"""

# A status or currency that is not given is taken for paid, and for the shop's own.
PAYMENTS: Final = """
create or replace temp table payments as
select
    * exclude ({left_out}),
    coalesce(lower(status) in ({paid_statuses}), true) as is_paid,
    coalesce(occurred_at > {end}, false) as is_late,
    {is_foreign} as is_foreign,
from ({typed})
"""
# The state in which a payment went through stands for it, then the latest.
ONE_PER_PAYMENT: Final = """
create or replace temp table payments as
select * exclude (place) from (
    select *, if(order_id is null, 1, row_number() over (
        partition by order_id order by
            is_paid desc, occurred_at desc nulls last, amount_refunded desc nulls last, amount desc, {payer}
    )) as place,
    from payments
)
where place = 1
"""
PAYMENT_COUNTS: Final = """
select count(*), count(order_id) - count(distinct order_id), coalesce(sum(unreadable_numbers), 0),
    count(distinct upper(currency)) filter (is_paid and not is_late)
from payments
"""
_PAYER: Final = (*KEYS, "first_name", "last_name")

# A visit is known by a number, since nobody reads its name; those of strangers are not told apart.
_EVENTS: Final = """
select
    {keys},
    null as first_name, null as last_name,
    acquired.source as acquisition_source, acquired.medium as acquisition_medium,
    acquired.campaign as acquisition_campaign, acquired_at,
    null as changed_at, null as value, first_at, last_at, null as revenue, null as orders,
    page_views, sessions, session,
    rows, late_rows, 0 as foreign_rows, 0 as unpaid_rows, unreadable_times, unreadable_numbers,
from (
    select
        {raw_keys}, session,
        {acquired} as acquired,
        min(occurred_at) filter (not is_late and acquisition_source is not null) as acquired_at,
        min(occurred_at) filter (not is_late) as first_at,
        max(occurred_at) filter (not is_late) as last_at,
        {page_views} as page_views,
        sum(sessions) filter (not is_late)::bigint as sessions,
        count(*) as rows,
        count(*) filter (is_late) as late_rows,
        sum(unreadable_times) as unreadable_times, sum(unreadable_numbers) as unreadable_numbers,
    from (
        select *, coalesce(occurred_at > {end}, false) as is_late,
            if(
                session_id is null or coalesce({raw_keys}) is null, null, hash(device_id, session_id)
            ) as session,
        from typed
    )
    group by {raw_keys}, session
)
"""
_FIRST_ACQUISITION: Final = """arg_min(
            {'source': acquisition_source, 'medium': acquisition_medium, 'campaign': acquisition_campaign},
            (occurred_at, acquisition_source, acquisition_medium, acquisition_campaign)
        ) filter (not is_late and acquisition_source is not null)"""
_NO_ACQUISITION: Final = "{'source': null, 'medium': null, 'campaign': null}"

# Each source in a table of its own, without columns that are empty.
_RECORDS_OF: Final = """
create or replace table records_{number} as
with typed as (
    {typed}
),
grouped as (
    {grouped}
),
trimmed as (
    select * replace ({trimmed}) from grouped
),
cleaned as (
    select * replace ({cleaned}) from trimmed
),
usable as (
    select * replace ({usable}) from cleaned
)
select
    {columns}, {counts},
from (
    select
        * replace (rows - late_rows as rows),
        if(coalesce({keys}) is null, null, md5_number(concat_ws(chr(31), {every_key}))) as entity,
        if(
            first_name is null and last_name is null, null, concat(first_name, chr(31), last_name)
        ) as name,
        if(
            acquisition_source is null, null,
            concat(acquisition_source, chr(31), acquisition_medium, chr(31), acquisition_campaign)
        ) as touch,
    from usable
)
"""
RECORD_COUNTS: Final = f"""
select {", ".join(f"coalesce(sum({name}), 0)::bigint" for name in ("rows", *COUNTS))},
    count(*) filter (rows = 0), from records_{{number}}
"""
# What nobody knew on the day is nobody's record.
FORGET_LATE: Final = "delete from records_{number} where rows = 0"


def records(plan: Plan, numbers: Iterable[int]) -> str:
    """View `records` of the sources that are there."""
    nothing = ", ".join(f"null::{_RECORD[name]} as {name}" for name in _columns(plan))
    parts = [f"select null::tinyint as source, {nothing} where false"]
    parts += [
        f"select {number}::tinyint as source, * exclude ({', '.join(COUNTS)}) from records_{number}"
        for number in numbers
    ]
    return f"create or replace view records as {' union all by name '.join(parts)}"


def typed(source: Source, found: Mapping[str, tuple[str, str]]) -> str:
    """Every column of the contract in its own type; `found` has expression and type of those that are there.

    Keys are cleaned later, when rows are put together; codes are compared as they are.
    """
    columns: list[str] = []
    lost: dict[str, list[str]] = {"time": [], "number": []}
    for column in source.contract.columns:
        if column.name not in found:
            columns.append(f"cast(null as {_FORMS[column.form]}) as {column.name}")
            continue
        expression, kind = found[column.name]
        is_bare = kind == "VARCHAR" and column.name in (*KEYS, *_CODES)
        value = expression if is_bare else read(expression, kind, column.form)
        columns.append(f"{value} as {column.name}")
        if can_fail(kind, column.form):
            lost[column.form].append(f"({expression} is not null and {value} is null)::int")
    columns += [f"{' + '.join(lost[form]) or 0} as unreadable_{form}s" for form in ("time", "number")]
    body = ",\n    ".join(columns)
    return f"select\n    {body}\nfrom {INCOMING}"


def payments(source: Source, plan: Plan, found: Mapping[str, tuple[str, str]]) -> str:
    """One row per payment as delivered, with whether it counts."""
    foreign = "false"
    if plan.currency is not None and "currency" in found:
        foreign = f"coalesce(upper(currency) <> {literal(plan.currency.upper())}, false)"
    statuses = ", ".join(literal(status.lower()) for status in source.paid_statuses)
    return PAYMENTS.format(
        left_out=", ".join(["status", *(name for name in _PAYER if name not in found)]),
        paid_statuses=statuses,
        end=_end(plan),
        is_foreign=foreign,
        typed=typed(source, found),
    )


def one_per_payment(found: Container[str]) -> str:
    """Table `payments` without those that were delivered again."""
    return ONE_PER_PAYMENT.format(payer=", ".join(name for name in _PAYER if name in found))


def records_of(number: int, source: Source, plan: Plan, found: Mapping[str, tuple[str, str]]) -> str:
    """What the source knows, join keys and e-mail in their normal form, as table `records_<number>`."""
    read_keys = [key for key in KEYS if key in _columns(plan)]
    cleaned = ["lower(nfc_normalize(email)) as email"]
    if "phone" in read_keys:
        cleaned.append(f"{phone_text('phone', plan.phone_country_code)} as phone")
    there = [name for name in _columns(plan) if name not in _NEEDS or found.keys() & set(_NEEDS[name])]
    return _RECORDS_OF.format(
        number=number,
        typed="from payments" if source.kind == "stripe" else typed(source, found),
        grouped=_grouped(source, plan, found),
        trimmed=", ".join(f"{as_text(f'{key}::varchar', 'VARCHAR')} as {key}" for key in read_keys),
        cleaned=", ".join(cleaned),
        usable=", ".join(f"case when {is_usable(key, plan)} then {key} end as {key}" for key in read_keys),
        keys=", ".join(plan.keys),
        every_key=", ".join(f"coalesce({key}, '')" for key in plan.keys),
        columns=", ".join(f"{name}::{_RECORD[name]} as {name}" for name in there),
        counts=", ".join(f"{name}::integer as {name}" for name in COUNTS),
    )


def _columns(plan: Plan) -> list[str]:
    return [name for name in _RECORD if name not in KEYS or name == "email" or name in plan.keys]


def _grouped(source: Source, plan: Plan, found: Mapping[str, tuple[str, str]]) -> str:
    """What the source knows, by keys as written."""
    if source.kind == "stripe":
        return _PAYMENTS.format(
            unit=_UNITS[source.amounts_in],
            columns=", ".join(name if name in found else f"null as {name}" for name in _PAYER),
            group_by=", ".join(name for name in _PAYER if name in found),
        )
    if source.kind == "ga4":
        keys = [key for key in KEYS if key in found]
        return _EVENTS.format(
            end=_end(plan),
            raw_keys=", ".join(keys),
            keys=", ".join(key if key in found else f"null as {key}" for key in KEYS),
            acquired=_FIRST_ACQUISITION if "acquisition_source" in found else _NO_ACQUISITION,
            page_views="sum(page_views) filter (not is_late)::bigint"
            if "page_views" in found
            else "count(*) filter (not is_late and event_name = 'page_view')",
        )
    return _PERSONS.format(end=_end(plan))


def _end(plan: Plan) -> str:
    return f"timestamptz '{plan.as_of.isoformat()} 23:59:59.999999+00'"
