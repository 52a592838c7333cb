"""The statements that bring any source into one form: table `records`, one row per thing known of somebody.

Belongs here: what a row of each kind of source says, and the normal form of keys. Does not belong here: who is
the same person (identity_sql.py) and what the customer looks like then (profile_sql.py).

Rows are put together by their keys as written before keys are normalised: a person has many events, and few
spellings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from c360_platform.components.columns import literal, read
from c360_platform.components.contract import KEYS, Key
from c360_platform.components.plan import Plan, Source

INCOMING: Final = "incoming"
"""The upstream table as the workspace knows it."""

RECORDS: Final = """
create table records (
    source smallint,            -- number of the source in the order of the YAML
    entity uhugeint,            -- who: a hash of all join keys; null when there is none
    email varchar, user_id varchar, customer_id varchar, phone varchar,
    first_name varchar, last_name varchar,
    acquisition_source varchar, acquisition_medium varchar, acquisition_campaign varchar,
    acquired_at timestamptz, changed_at timestamptz, value decimal(38, 6),
    first_at timestamptz, last_at timestamptz,
    revenue decimal(38, 6), orders bigint, page_views bigint, sessions bigint,
    session ubigint,            -- a visit, when visits are not counted yet
    rows bigint
)
"""
# What grouped rows have besides the columns of `records`: what is said about them in the report.
COUNTS: Final = ("late_rows", "foreign_rows", "unpaid_rows", "unreadable_times", "unreadable_numbers")

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
    email, user_id, customer_id, phone, first_name, last_name,
    null as acquisition_source, null as acquisition_medium, null as acquisition_campaign, null as acquired_at,
    max(occurred_at) filter (not is_late) as changed_at,
    null as value,
    min(occurred_at) filter (not is_late) as first_at,
    max(occurred_at) filter (not is_late) as last_at,
    coalesce(sum((amount - coalesce(amount_refunded, 0)) / {units}) filter (counts), 0) as revenue,
    count(*) filter (counts) as orders,
    null as page_views, null as sessions, null as session,
    count(*) as rows,
    count(*) filter (is_late) as late_rows,
    count(*) filter (is_paid and not is_late and is_foreign) as foreign_rows,
    count(*) filter (not is_paid) as unpaid_rows,
    sum(unreadable_times) as unreadable_times, sum(unreadable_numbers) as unreadable_numbers,
from (select *, is_paid and not is_late and not is_foreign as counts from payments)
group by email, user_id, customer_id, phone, first_name, last_name
"""

# A status or currency that is not given is taken for paid, and for the shop's own.
PAYMENTS: Final = """
create or replace temp table payments as
select
    *,
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
            is_paid desc, occurred_at desc nulls last, amount_refunded desc nulls last, amount desc,
            email, user_id, customer_id, phone, first_name, last_name
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

_EVENTS: Final = """
select
    email, user_id, customer_id, phone, null as first_name, null as last_name,
    acquired.source as acquisition_source, acquired.medium as acquisition_medium,
    acquired.campaign as acquisition_campaign, acquired_at,
    null as changed_at, null as value, first_at, last_at, null as revenue, null as orders,
    page_views, sessions, if(session_id is null, null, hash(device_id, session_id)) as session,
    rows, late_rows, 0 as foreign_rows, 0 as unpaid_rows, unreadable_times, unreadable_numbers,
from (
    select
        email, user_id, customer_id, phone, device_id, session_id,
        {acquired} as acquired,
        min(occurred_at) filter (not is_late and acquisition_source is not null) as acquired_at,
        min(occurred_at) filter (not is_late) as first_at,
        max(occurred_at) filter (not is_late) as last_at,
        {page_views} as page_views,
        sum(sessions) filter (not is_late)::bigint as sessions,
        count(*) as rows,
        count(*) filter (is_late) as late_rows,
        sum(unreadable_times) as unreadable_times, sum(unreadable_numbers) as unreadable_numbers,
    from (select *, coalesce(occurred_at > {end}, false) as is_late from typed)
    group by email, user_id, customer_id, phone, device_id, session_id
)
"""
_FIRST_ACQUISITION: Final = """arg_min(
            {'source': acquisition_source, 'medium': acquisition_medium, 'campaign': acquisition_campaign},
            (occurred_at, acquisition_source, acquisition_medium, acquisition_campaign)
        ) filter (not is_late and acquisition_source is not null)"""
_NO_ACQUISITION: Final = "{'source': null, 'medium': null, 'campaign': null}"

_INSERT: Final = """
insert into records by name
with cleaned as (
    select * replace ({cleaned}) from grouped where rows > late_rows
),
usable as (
    select * replace ({usable}) from cleaned
)
select
    * exclude ({counts}) replace (rows - late_rows as rows),
    {number}::smallint as source,
    if(coalesce({keys}) is null, null, md5_number(concat_ws(chr(31), {every_key}))) as entity,
from usable
"""


def typed(source: Source, found: Mapping[str, tuple[str, str]]) -> str:
    """Every column of the contract in its own type; `found` has expression and type of those that are there."""
    columns, lost = [], {"time": ["0"], "number": ["0"]}
    names = {column.name: column.form for column in source.contract.columns}
    for name, form in names.items():
        if name in found:
            value = read(*found[name], form)
            columns.append(f"{value} as {name}")
            if form != "text":
                lost[form].append(f"({found[name][0]} is not null and {value} is null)::int")
        else:
            columns.append(f"cast(null as {_FORMS[form]}) as {name}")
    columns += [f"{' + '.join(lost[form])} as unreadable_{form}s" for form in ("time", "number")]
    body = ",\n    ".join(columns)
    return f"select\n    {body}\nfrom {INCOMING}"


def payments(source: Source, plan: Plan, found: Mapping[str, tuple[str, str]]) -> str:
    """One row per payment as delivered, with whether it counts."""
    foreign = "false"
    if plan.currency is not None and "currency" in found:
        foreign = f"coalesce(upper(currency) <> {literal(plan.currency.upper())}, false)"
    statuses = ", ".join(literal(status.lower()) for status in source.paid_statuses)
    return PAYMENTS.format(
        paid_statuses=statuses, end=_end(plan), is_foreign=foreign, typed=typed(source, found)
    )


def grouped(source: Source, plan: Plan, found: Mapping[str, tuple[str, str]]) -> str:
    """Table `grouped`: what the source knows, by keys as written."""
    if source.kind == "stripe":
        body = _PAYMENTS.format(units=100 if source.amounts_in == "minor" else 1)
        return f"create or replace temp table grouped as {body}"
    if source.kind == "ga4":
        body = _EVENTS.format(
            end=_end(plan),
            acquired=_FIRST_ACQUISITION if "acquisition_source" in found else _NO_ACQUISITION,
            page_views="sum(page_views) filter (not is_late)::bigint"
            if "page_views" in found
            else "count(*) filter (not is_late and event_name = 'page_view')",
        )
    else:
        body = _PERSONS.format(end=_end(plan))
    return f"create or replace temp table grouped as with typed as (\n{typed(source, found)}\n)\n{body}"


def insert(number: int, plan: Plan) -> str:
    """`grouped` into `records`, keys in their normal form."""
    cleaned = [
        "lower(nfc_normalize(email)) as email",
        f"{_phone_text('phone', plan.phone_country_code)} as phone",
    ]
    usable = [f"case when {_is_usable(key, plan)} then {key} end as {key}" for key in KEYS]
    return _INSERT.format(
        cleaned=", ".join(cleaned),
        usable=", ".join(usable),
        counts=", ".join(COUNTS),
        number=number,
        keys=", ".join(plan.keys),
        every_key=", ".join(f"coalesce({key}, '')" for key in plan.keys),
    )


def _phone_text(phone: str, country_code: str | None) -> str:
    """Digits behind a plus, as E.164 writes them, when the country is known; otherwise the digits alone."""
    typed_digits = f"regexp_replace(replace({phone}, '(0)', ''), '[^0-9+]', '', 'g')"
    digits = f"regexp_replace({phone}, '[^0-9]', '', 'g')"
    national = digits
    if country_code is not None:
        local = f"'+{country_code}' || ltrim({digits}, '0')"
        national = f"case when {digits} like '{country_code}%' and length({digits}) > 10 then '+' || {digits} else {local} end"
    return (
        f"case when {typed_digits} like '+%' then '+' || regexp_replace({typed_digits}, '[^0-9]', '', 'g') "
        f"when {typed_digits} like '00%' then '+' || substr({typed_digits}, 3) "
        f"when {typed_digits} <> '' then {national} end"
    )


def _is_usable(key: Key, plan: Plan) -> str:
    exact = [value.lower() for value in plan.ignored_key_values if "*" not in value]
    conditions = [f"lower({key}) not in ({', '.join(map(literal, exact))})"] if exact else []
    for value in plan.ignored_key_values:
        if "*" in value:
            pattern = (
                value.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_").replace("*", "%")
            )
            conditions.append(f"lower({key}) not like {literal(pattern)} escape '\\'")
    if key == "email":
        conditions.append("regexp_matches(email, '^[^@\\s]+@[^@\\s]+$')")
    if key == "phone":
        conditions.append("regexp_matches(phone, '^[+]?[0-9]{7,15}$')")
        conditions.append("replace(ltrim(phone, '+'), right(phone, 1), '') <> ''")
    return " and ".join(conditions) or "true"


def _end(plan: Plan) -> str:
    return f"timestamptz '{plan.as_of.isoformat()} 23:59:59.999999+00'"
