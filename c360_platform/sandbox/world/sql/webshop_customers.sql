-- Accounts of the shop's own web shop.

create schema if not exists webshop;

create temp table webshop_customer as
with first_orders as (
    select
        person_id,
        min(ordered_at) as first_ordered_at,
    from cart
    where channel = 'webshop'
    group by person_id
),

members as (
    select
        person.*,
        coalesce(
            first_orders.first_ordered_at
                - to_minutes(whole('webshop sign up', person.person_id, 2, 4000)),
            moment(
                cast(world_end() as date) - person.since_days::integer,
                'webshop sign up',
                person.person_id
            )
        ) as created_at,
        coalesce(person.second_email, person.email) as true_email,
    from person
    left join first_orders using (person_id)
    where case
        when first_orders.person_id is not null
            then chance('webshop account', person.person_id, 0.82)
        else not person.is_buyer and chance('webshop account', person.person_id, 0.09)
    end
)

select
    row_number() over (order by created_at, person_id)::varchar as customer_id,
    *,
    written_email(true_email, 'webshop', person_id) as written_email,
    written_first_name(first_name, 'webshop', person_id) as written_first_name,
    written_last_name(last_name, 'webshop', person_id) as written_last_name,
    case
        when chance('webshop asks phone', person_id, 0.5)
            then written_phone(phone, country_code, 'webshop', person_id)
    end as written_phone,
    chance('webshop closed', person_id, 0.008) as is_deleted,
from members;

create table webshop.customers as
select
    customer_id as id,
    written_first_name as first_name,
    written_last_name as last_name,
    written_email as email,
    written_phone as phone,
    country_code,
    language,
    written_street(street, 'webshop', person_id) as street,
    postal_code as zip,
    city,
    uniform('newsletter', person_id) < 0.45 as accepts_marketing,
    case when chance('webshop birthday', person_id, 0.5) then birth_date end as birth_date,
    created_at,
    greatest(
        created_at,
        least(
            created_at + hours('webshop edit', person_id, 0, 3000),
            world_end() - to_minutes(whole('webshop edit', person_id, 1, 4000))
        )
    ) as updated_at,
    is_deleted,
from webshop_customer;

insert into world.records
select 'webshop', 'customers', customer_id, person_id
from webshop_customer;

insert into world.defects
select 'webshop', 'customers', customer_id, unnest(list_filter([
    case when written_email <> true_email then 'email_spelling' end,
    case when second_email is not null then 'second_mailbox' end,
    case
        when written_first_name <> first_name or written_last_name <> last_name then 'name_variant'
    end,
    case when is_placeholder_phone(written_phone) then 'placeholder_phone'
        when is_in_household and written_phone is not null then 'shared_phone' end,
    case when is_at_firm then 'role_mailbox' end,
    case when is_deleted then 'deleted' end,
], lambda defect: defect is not null))
from webshop_customer;
