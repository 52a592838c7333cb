"""The statement that writes one row per customer from everything known of him or her.

Belongs here: totals, which record's name and address stand, what is first and last. Does not belong here: who
is one customer (identity_sql.py).

The strategies differ in the order in which records are asked for an e-mail address and a name; sums never
depend on them. Every order is total: records that are alike in it are asked in the order of their text.
"""

from __future__ import annotations

from typing import Final

from c360_platform.components.contract import PROFILE, Strategy
from c360_platform.components.plan import Plan

_KNOWN: Final = """
create or replace temp table known as
select entities.customer, records.*,
from records
inner join entities using (entity)
semi join customers using (customer)
"""

# A record is worth what it says, or what was paid under the same join key.
_WORTH: Final = """
create or replace temp table known as
with paid as (
    select {join_key}, sum(revenue) as revenue,
    from known where {join_key} is not null group by {join_key}
)
select known.* replace (coalesce(known.value, paid.revenue, 0) as value)
from known left join paid using ({join_key})
"""

_VISITS: Final = """
create or replace temp table visits as
select customer, count(*) as visits,
from (select distinct customer, session from known where session is not null)
group by customer
"""

_PROFILES: Final = """
create or replace table profiles as
with totals as (
    select
        customer,
        min(first_at) as created_at,
        max(last_at) as last_at,
        sum(revenue) as revenue,
        sum(orders)::bigint as orders,
        sum(page_views)::bigint as page_views,
        sum(sessions)::bigint as sessions,
    from known
    group by customer
),
addresses as (
    select customer, arg_min(email, {asked_for_email}) as email,
    from known where email is not null
    group by customer
),
names as (
    select
        customer,
        arg_min({{'first': first_name, 'last': last_name}}, {asked_for_name}) as name,
    from known
    where first_name is not null or last_name is not null
    group by customer
),
acquired as (
    select
        customer,
        arg_min(
            {{'source': acquisition_source, 'medium': acquisition_medium, 'campaign': acquisition_campaign}},
            (
                coalesce(acquired_at, 'infinity'::timestamptz), source, acquisition_source,
                coalesce(acquisition_medium, ''), coalesce(acquisition_campaign, '')
            )
        ) as touch,
    from known
    where acquisition_source is not null
    group by customer
),
final as (
    select
        customers.customer_id,
        addresses.email,
        names.name.first as first_name,
        names.name.last as last_name,
        totals.created_at,
        {total_revenue} as total_revenue,
        {total_orders} as total_orders,
        totals.revenue / nullif(totals.orders, 0) as avg_order_value,
        {total_sessions} as total_sessions,
        {total_page_views} as total_page_views,
        acquired.touch.source as acquisition_source,
        acquired.touch.medium as acquisition_medium,
        acquired.touch.campaign as acquisition_campaign,
        totals.last_at::date as last_interaction_date,
        date_diff('day', totals.created_at::date, {as_of}) as customer_lifetime_days,
        coalesce(totals.last_at::date >= {as_of} - {active_days}, false) as is_active,
    from customers
    inner join totals using (customer)
    left join addresses using (customer)
    left join names using (customer)
    left join acquired using (customer)
    left join visits using (customer)
)
select {columns} from final
"""

_RECENCY: Final = "-coalesce(epoch_us(changed_at), -9000000000000000)"
_ASKED: Final[dict[Strategy, tuple[str, ...]]] = {
    "most_recent": (_RECENCY, "source"),
    "merge": ("source", _RECENCY),
    "highest_value": ("-value", _RECENCY, "source"),
}


def statements(plan: Plan, *, has_payments: bool, has_visits: bool) -> list[str]:
    """In order; the last one writes table `profiles` with the columns and types of the contract."""
    asked = ", ".join(_ASKED[plan.strategy])
    return [
        _KNOWN,
        *([_WORTH.format(join_key=plan.join_key)] if plan.strategy == "highest_value" else []),
        _VISITS,
        _PROFILES.format(
            asked_for_email=f"({asked}, email)",
            asked_for_name=f"({asked}, coalesce(last_name, ''), coalesce(first_name, ''))",
            total_revenue="coalesce(totals.revenue, 0)" if has_payments else "null",
            total_orders="coalesce(totals.orders, 0)" if has_payments else "null",
            total_sessions="coalesce(totals.sessions, 0) + coalesce(visits.visits, 0)"
            if has_visits
            else "null",
            total_page_views="coalesce(totals.page_views, 0)" if has_visits else "null",
            as_of=f"date '{plan.as_of.isoformat()}'",
            active_days=plan.active_customer_days,
            columns=", ".join(f"cast({column.name} as {column.type}) as {column.name}" for column in PROFILE),
        ),
    ]
