"""The statements that decide which records are one customer.

Belongs here: entities, rounds over the join keys, ids. Does not belong here: the normal form of a key
(keys_sql.py).

An entity is everybody whose records bear the same keys. The first key joins entities that share its value.
Whom no key has found in another source yet tries the next one, and so does whoever has no join key of his
own; customers who are joined so far stay together, so that a chain of records becomes one customer. Who is
settled no longer looks, but can be found. Nothing depends on the order of rows: labels are hashes of keys,
and where a choice is left the smallest text decides.
"""

from __future__ import annotations

from typing import Final

from c360_platform.components.contract import Key
from c360_platform.components.plan import Plan

# Whom the first key joins, told before entities are: all that is known of an entity is then written once.
GROUPS: Final = """
create or replace temp table groups as
select {key}, min(entity) as customer, bit_count(bit_or(1::ubigint << source)) > 1 as is_matched,
from records
where {key} is not null
group by {key}
"""
ENTITIES: Final = """
create or replace table entities as
with seen as (
    select entity, {keys}, bit_or(1::ubigint << source) as sources, min(first_at) as first_at,
    from records
    where entity is not null
    group by entity
)
select
    seen.*,
    coalesce(groups.customer, seen.entity) as customer,
    {is_anchored} as is_anchored,
    if(groups.is_matched, 1, 0)::tinyint as matched_by
from seen left join groups using ({join_key})
"""
_ANCHORED: Final = {
    "unmatched": "coalesce(groups.is_matched, false)",
    "missing": "groups.customer is not null",
}

# Values of a weaker key beside too many values of the join key: a hotel's phone, a shared login.
SHARED: Final = """
create or replace temp table shared as
select {key} as value from entities where {key} is not null and {join_key} is not null
group by {key} having count(distinct {join_key}) > {limit}
"""
FORGET_SHARED: Final = "update entities set {key} = null where {key} in (select value from shared)"

# Customers that share values of a key, as far as one of them still looks for a match.
LINKS: Final = """
create or replace temp table links as
with pairs as (
    select customer, {key} as value, bool_or(is_anchored) as is_anchored,
    from entities where {key} is not null group by customer, {key}
),
shared as (
    select value from pairs group by value having count(*) > 1 and not bool_and(is_anchored)
)
select pairs.customer, pairs.value, pairs.is_anchored, pairs.customer as label
from pairs semi join shared using (value)
"""
# Everybody who looks gets the smallest label among those who share a value; labels follow their own labels.
HOOK: Final = """
create or replace temp table hooks as
with smallest as (
    select value, min(label) as label from links where not is_anchored group by value
)
select links.label, min(smallest.label) as parent
from links inner join smallest using (value)
where not links.is_anchored
group by links.label
"""
COMPRESS: Final = """
create or replace temp table hooks as
select hooks.label, coalesce(parents.parent, hooks.parent) as parent
from hooks left join hooks as parents on hooks.parent = parents.label
"""
CHAINED: Final = "select count(*) from hooks where label <> parent and label in (select parent from hooks)"
COMPRESSIONS: Final = 5
UNFINISHED: Final = "select count(*) from hooks where label <> parent"
RELABEL: Final = """
create or replace temp table links as
select links.* replace (coalesce(hooks.parent, links.label) as label)
from links left join hooks using (label)
"""
# A group that found customers who are settled goes to one of them: the one whose strongest key sorts first.
TARGETS: Final = """
create or replace temp table targets as
with looking as (
    select distinct label, value from links where not is_anchored
),
found as (
    select distinct looking.label, links.customer
    from looking inner join links using (value)
    where links.is_anchored
),
counted as (
    select label, any_value(customer) as customer, count(*) as candidates, from found group by label
),
contested as (
    select found.label, found.customer
    from found semi join (select label from counted where candidates > 1) using (label)
),
names as (
    select customer, min(entities.{join_key}) as name,
    from entities semi join contested using (customer)
    group by customer
),
settled as (
    select contested.label, arg_min(contested.customer, (names.name, contested.customer)) as customer,
    from contested inner join names using (customer)
    group by contested.label
)
select counted.label, coalesce(settled.customer, counted.customer) as customer, counted.candidates,
from counted left join settled using (label)
"""
AMBIGUOUS: Final = "select count(*) from targets where candidates > 1"
# Only customers whom somebody joins are looked at again; for others nothing has changed.
JOIN_NEXT: Final = """
create or replace temp table moves as
select distinct links.customer, coalesce(targets.customer, links.label) as goal,
from links left join targets using (label)
where not links.is_anchored;
update entities set customer = moves.goal
from moves
where entities.customer = moves.customer and moves.customer <> moves.goal;
create or replace temp table joined as
select
    customer,
    bit_count(bit_or(sources)) > 1 as is_matched,
    bool_or(is_anchored) or (is_matched and count({join_key}) > 0) as is_anchored,
from entities semi join (select goal as customer from moves) using (customer)
group by customer;
update entities set
    is_anchored = joined.is_anchored,
    matched_by = if(entities.matched_by = 0 and joined.is_matched, {number}, entities.matched_by)
from joined
where entities.customer = joined.customer;
update entities set matched_by = {number} where matched_by = 0 and bit_count(sources) > 1
"""

# The earliest value of the strongest key that the customer has; later records do not change it. Few customers
# have several values, and only those are compared.
CUSTOMERS: Final = """
create or replace table customers as
with spelled as (
    select customer, bit_or(sources) as sources, {values}, from entities group by customer
),
several as (
    select customer, {earliest},
    from entities
    semi join (select customer from spelled where {has_several}) using (customer)
    group by customer
)
select
    spelled.customer,
    spelled.sources,
    {email} as email,
    {has_several_emails} as has_several_emails,
    case {ids} end as customer_id,
from spelled
left join several using (customer)
where coalesce({any_value}) is not null
"""
_EARLIEST: Final = (
    "arg_min({key}, (coalesce(first_at, 'infinity'::timestamptz), {key})) filter ({key} is not null) as {key}"
)

# Entities that turned out to be somebody who was known under other keys.
MERGED: Final = """
select (select count(*) from entities where coalesce({keys}) is not null) - (select count(*) from customers)
"""


def groups(plan: Plan) -> str:
    return GROUPS.format(key=plan.join_key)


def entities(plan: Plan) -> str:
    return ENTITIES.format(
        keys=", ".join(f"any_value({key}) as {key}" for key in plan.keys),
        join_key=plan.join_key,
        is_anchored=_ANCHORED[plan.fall_back],
    )


def customers(plan: Plan) -> str:
    chosen = {key: f"coalesce(several.{key}, spelled.{key})" for key in plan.keys}
    has_email = plan.join_key == "email"
    return CUSTOMERS.format(
        email="spelled.email" if has_email else "null::varchar",
        has_several_emails="coalesce(spelled.email <> spelled.other_email, false)" if has_email else "false",
        values=", ".join(f"min({key}) as {key}, max({key}) as other_{key}" for key in plan.keys),
        earliest=", ".join(_EARLIEST.format(key=key) for key in plan.keys),
        has_several=" or ".join(f"{key} <> other_{key}" for key in plan.keys),
        ids=" ".join(f"when spelled.{key} is not null then {_id_of(key, chosen[key])}" for key in plan.keys),
        any_value=", ".join(f"spelled.{key}" for key in plan.keys),
    )


def _id_of(key: Key, value: str) -> str:
    return value if key == "customer_id" else f"'{key}_' || md5({value})"
