-- The Shopify shop: products, accounts and guest checkouts. Ids count upwards in the order of time,
-- as Shopify's do.

create schema if not exists shopify;

create table shopify.product as
select
    (7000000000000 + product_no * 1024)::varchar as id,
    title,
    lower(sku) as handle,
    category as product_type,
    brand as vendor,
    'active' as status,
    world_end() - to_days(launched_days_ago) as created_at,
    world_end() - to_days(least(launched_days_ago, 40 + product_no)) as updated_at,
    false as _fivetran_deleted,
from product;

-- Who has an account: most buyers of this channel, and prospects who only signed up.
create temp table shopify_account as
with first_orders as (
    select
        person_id,
        min(ordered_at) as first_ordered_at,
    from cart
    where channel = 'shopify'
    group by person_id
)

select
    person.person_id,
    coalesce(
        first_orders.first_ordered_at - to_minutes(whole('sign up', person.person_id, 2, 40)),
        moment(cast(world_end() as date) - person.since_days::integer, 'sign up', person.person_id)
    ) as created_at,
from person
left join first_orders using (person_id)
where case
    when first_orders.person_id is not null then chance('account', person.person_id, 0.66)
    when not person.is_buyer then chance('account', person.person_id, 0.42)
    else chance('account', person.person_id, 0.05)
end;

-- An order belongs to the account, to a guest record of its own, or (tills, drafts) to nobody.
create temp table shopify_order_basis as
select
    cart.*,
    cart.channel_no + 1000 as order_number,
    (5400000000000 + cart.channel_no * 512)::varchar as order_id,
    shopify_account.person_id is not null as has_account,
    case
        when uniform('buyer of order', cart.order_key) < 0.008 then 'nobody'
        when uniform('buyer of order', cart.order_key) < 0.02 then 'guest without record'
        when shopify_account.person_id is null then 'guest'
        when chance('not signed in', cart.order_key, 0.07) then 'guest'
        else 'account'
    end as bought_as,
from cart
left join shopify_account using (person_id)
where cart.channel = 'shopify';

create temp table shopify_customer as
with identities as (
    select
        person_id,
        0 as order_key,
        'enabled' as state,
        created_at,
    from shopify_account
    union all
    select
        person_id,
        order_key,
        'disabled' as state,
        ordered_at - interval 20 seconds as created_at,
    from shopify_order_basis
    where bought_as = 'guest'
),

described as (
    select
        identities.*,
        identities.person_id * 64 + coalesce(nullif(identities.order_key, 0) % 64, 63) as draw_id,
        person.* exclude (person_id, is_buyer),
        -- An account follows its owner to a new mailbox, a guest record stays what it was.
        case
            when identities.order_key = 0 then person.email
            else email_at(
                person.email, person.former_email, person.email_changed_at, identities.created_at
            )
        end as true_email,
    from identities
    inner join person using (person_id)
),

written as (
    select
        *,
        case
            when order_key > 0 and chance('shopify no mailbox', draw_id, 0.012)
                then placeholder_email('shopify', draw_id)
            else written_email(true_email, 'shopify', draw_id)
        end as written_email,
        written_first_name(first_name, 'shopify', draw_id) as written_first_name,
        written_last_name(last_name, 'shopify', draw_id) as written_last_name,
        case
            when chance('shopify asks phone', draw_id, 0.6)
                then written_phone(phone, country_code, 'shopify', draw_id)
        end as written_phone,
        -- An account follows its owner, a guest record stays what it was.
        case
            when order_key = 0 then street
            else address_at(street, former_street, moved_at, created_at)
        end as true_street,
        case
            when order_key = 0 then postal_code
            else address_at(postal_code, former_postal_code, moved_at, created_at)
        end as true_postal_code,
        written_street(true_street, 'shopify', draw_id) as written_street,
        least(
            created_at + hours('shopify edit', draw_id, 0, 2400),
            world_end() - to_minutes(whole('shopify edit', draw_id, 1, 4000))
        ) as edited_at,
    from described
)

select
    (6000000000000 + row_number() over (order by created_at, person_id, order_key) * 128)::varchar
        as customer_id,
    *,
    -- Erased by the shop; a few of them had orders, which stay.
    state = 'enabled' and chance('shopify deleted', draw_id, 0.008) as is_deleted,
    case
        when uniform('newsletter', person_id) < 0.45 then 'subscribed'
        when uniform('newsletter', person_id) < 0.53 then 'unsubscribed'
        when uniform('newsletter', person_id) < 0.55 then 'pending'
        else 'not_subscribed'
    end as consent_state,
from written;

create table shopify.customer as
select
    customer_id as id,
    written_email as email,
    written_first_name as first_name,
    written_last_name as last_name,
    written_phone as phone,
    state,
    'EUR' as currency,
    state = 'enabled' and chance('verified', draw_id, 0.9) as verified_email,
    consent_state = 'subscribed' as accepts_marketing,
    consent_state as email_marketing_consent_state,
    country_code as default_address_country_code,
    case when order_key > 0 or is_buyer_address then written_street end as default_address_address_1,
    case when order_key > 0 or is_buyer_address then true_postal_code end as default_address_zip,
    case when order_key > 0 or is_buyer_address then city end as default_address_city,
    case language
        when 'en' then 'en-GB'
        when 'de' then 'de-' || country_code
        else language
    end as locale,
    created_at,
    greatest(created_at, edited_at) as updated_at,
    is_deleted as _fivetran_deleted,
from (select *, order_goal > 0 as is_buyer_address from shopify_customer);

insert into world.records
select 'shopify', 'customer', customer_id, person_id
from shopify_customer;

insert into world.defects
select 'shopify', 'customer', customer_id, unnest(list_filter([
    case when order_key > 0 then 'guest_checkout' end,
    case when is_placeholder_email(written_email) then 'placeholder_email'
        when written_email <> true_email then 'email_spelling' end,
    case when order_key > 0 and true_email = former_email then 'former_email' end,
    case
        when written_first_name <> first_name or written_last_name <> last_name then 'name_variant'
    end,
    case when is_placeholder_phone(written_phone) then 'placeholder_phone'
        when is_in_household and written_phone is not null then 'shared_phone' end,
    case when is_at_firm then 'role_mailbox' end,
    case when is_deleted then 'deleted' end,
], lambda defect: defect is not null))
from shopify_customer;
