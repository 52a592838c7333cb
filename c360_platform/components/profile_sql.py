"""The statements that write one row per customer from everything known of him or her.

Belongs here: totals, which record's name and address stand, what is first and last. Does not belong here: who
is one customer (identity_sql.py).

The strategies differ in the order in which records are asked for an e-mail address and a name; sums never
depend on them. Every order is total: records that are alike in it are asked in the order of their text. Few
customers have records that differ, and only those are put in order.
"""

from __future__ import annotations

from typing import Final

from c360_platform.components.contract import PROFILE, Strategy
from c360_platform.components.plan import Plan

# Whether texts differ is told by their hashes, which are smaller; what is written is never a hash's choice.
TOTALS: Final = """
create or replace table totals as
select
    entities.customer,
    min(records.first_at) as first_at,
    max(records.last_at) as last_at,
    sum(records.revenue) as revenue,
    sum(records.orders)::bigint as orders,
    sum(records.page_views)::bigint as page_views,
    sum(records.sessions)::bigint as sessions,
    {texts},
    {differences} as is_disputed,
from records
inner join entities using (entity)
group by entities.customer
"""
_DIFFERENCE: Final = (
    "coalesce(min(if(records.{text} is null, null, hash(records.{text}))) "
    "<> max(if(records.{text} is null, null, hash(records.{text}))), false)"
)

# A visit counts once, also when somebody signed in during it under two ids.
VISITS: Final = """
create or replace table visits as
select customer, count(*) as visits,
from (
    select distinct entities.customer, records.session,
    from records
    inner join entities using (entity)
    where records.session is not null
)
group by customer
"""

DISPUTED: Final = """
create or replace table disputed as
select
    entities.customer, entities.{join_key} as join_key,
    records.source, records.email, records.name, records.touch, records.acquired_at, records.changed_at,
    records.value, records.revenue,
from records
inner join entities using (entity)
semi join (
    select customer from totals where is_disputed
    union all
    select customer from customers where has_several_emails
) using (customer)
"""
# A record is worth what it says, or what was paid under the same join key.
WORTH: Final = """
create or replace table disputed as
with paid as (
    select join_key, sum(revenue) as revenue,
    from disputed
    where join_key is not null
    group by join_key
)
select disputed.* replace (coalesce(disputed.value, paid.revenue, 0) as value),
from disputed
left join paid using (join_key)
"""
DECIDED: Final = """
create or replace table decided as
select
    customer,
    arg_min(email, ({asked}, email)) filter (email is not null) as email,
    arg_min(name, ({asked}, name)) filter (name is not null) as name,
    arg_min(touch, (coalesce(acquired_at, 'infinity'::timestamptz), source, touch))
        filter (touch is not null) as touch,
from disputed
group by customer
"""

PROFILES: Final = """
create or replace table profiles as
with chosen as (
    select
        customers.customer_id,
        totals.* exclude (customer),
        coalesce(visits.visits, 0) as visits,
        coalesce(decided.email, {email}) as address,
        string_split(coalesce(decided.name, totals.name), chr(31)) as names,
        string_split(coalesce(decided.touch, totals.touch), chr(31)) as acquired,
    from customers
    inner join totals using (customer)
    left join decided using (customer)
    left join visits using (customer)
),
final as (
    select
        customer_id,
        address as email,
        nullif(names[1], '') as first_name,
        nullif(names[2], '') as last_name,
        first_at as created_at,
        {total_revenue} as total_revenue,
        {total_orders} as total_orders,
        revenue / nullif(orders, 0) as avg_order_value,
        {total_sessions} as total_sessions,
        {total_page_views} as total_page_views,
        acquired[1] as acquisition_source,
        nullif(acquired[2], '') as acquisition_medium,
        nullif(acquired[3], '') as acquisition_campaign,
        last_at::date as last_interaction_date,
        date_diff('day', first_at::date, {as_of}) as customer_lifetime_days,
        coalesce(last_at::date >= {as_of} - {active_days}, false) as is_active,
    from chosen
)
select {columns}, from final
"""

# What the report counts: rows by source and by the key that matched them.
ROWS_BY_KEY: Final = """
select records.source, entities.matched_by, sum(records.rows)::bigint
from records
inner join entities using (entity)
where coalesce({keys}) is not null
group by records.source, entities.matched_by
"""
CUSTOMERS_BY_SOURCE: Final = """
select source, count(*)
from customers cross join range({sources}) as numbers (source)
where customers.sources & (1::ubigint << source) > 0
group by source
"""

_RECENCY: Final = "-coalesce(epoch_us(changed_at), -9000000000000000)"
_ASKED: Final[dict[Strategy, tuple[str, ...]]] = {
    "most_recent": (_RECENCY, "source"),
    "merge": ("source", _RECENCY),
    "highest_value": ("-value", _RECENCY, "source"),
}


def totals(plan: Plan) -> str:
    """Table `totals`. What customers have as keys is known from their entities."""
    texts = [text for text in ("email", "name", "touch") if text != plan.join_key]
    return TOTALS.format(
        texts=", ".join(f"any_value(records.{text}) as {text}" for text in texts),
        differences=" or ".join(_DIFFERENCE.format(text=text) for text in texts),
    )


def statements(plan: Plan, sources: int, *, has_payments: bool, has_visits: bool) -> list[str]:
    """In order; the last one writes table `profiles` with the columns and types of the contract."""
    return [
        VISITS,
        DISPUTED.format(join_key=plan.join_key),
        *([WORTH] if plan.strategy == "highest_value" else []),
        DECIDED.format(asked=", ".join(_ASKED[plan.strategy])),
        "drop table entities; drop table disputed; drop view records",
        *(f"drop table if exists records_{number}" for number in range(sources)),
        PROFILES.format(
            email="customers.email" if plan.join_key == "email" else "totals.email",
            total_revenue="coalesce(revenue, 0)" if has_payments else "null",
            total_orders="coalesce(orders, 0)" if has_payments else "null",
            total_sessions="coalesce(sessions, 0) + visits" if has_visits else "null",
            total_page_views="coalesce(page_views, 0)" if has_visits else "null",
            as_of=f"date '{plan.as_of.isoformat()}'",
            active_days=plan.active_customer_days,
            columns=", ".join(f"cast({column.name} as {column.type}) as {column.name}" for column in PROFILE),
        ),
    ]
