-- The rest of the truth, when every source is written: people, and sums to compare a whole build
-- with.

create table world.people as
select
    person.person_id,
    person.first_name,
    person.last_name,
    person.birth_date,
    person.email,
    person.former_email,
    person.second_email,
    person.phone,
    person.country_code,
    person.street,
    person.former_street,
    person.postal_code,
    person.city,
    person.language,
    person.head_id as household_id,
    person.is_at_firm as has_role_mailbox,
    coalesce(orders.counted_orders, 0) as counted_orders,
    coalesce(orders.net_amount, 0)::decimal(18, 2) as net_amount,
from person
left join (
    select
        person_id,
        count(*) filter (where is_counted) as counted_orders,
        sum(net_amount) as net_amount,
    from world.orders
    group by person_id
) as orders using (person_id);

create table world.totals as
select
    channel,
    count(*) as orders,
    count(*) filter (where is_counted) as counted_orders,
    count(distinct person_id) filter (where is_counted) as buyers,
    sum(gross_amount)::decimal(18, 2) as gross_amount,
    sum(refunded_amount)::decimal(18, 2) as refunded_amount,
    sum(net_amount)::decimal(18, 2) as net_amount,
from world.orders
group by grouping sets ((channel), ());

update world.totals set channel = 'all' where channel is null;
