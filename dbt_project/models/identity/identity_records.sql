-- Every record of a person that any source holds: accounts, guest orders, profiles, users,
-- contacts, and the users that Google Analytics knows by an account's id.
{{ warehouse_layout(cluster_by=['record_key']) }}

{%- set ga4_channels = var('attribution_ga4_channels') %}

with

customers as (

    select * from {{ ref('stg_customers') }}

),

orders as (

    select * from {{ ref('stg_orders') }}

),

contacts as (

    select * from {{ ref('stg_crm__contacts') }}

),

stripe_customers as (

    select * from {{ ref('stg_stripe__customers') }}

),

zendesk_users as (

    select * from {{ ref('stg_zendesk__users') }}
    where coalesce(role, 'end-user') = 'end-user'

),

klaviyo_profiles as (

    select * from {{ ref('stg_klaviyo__profiles') }}

),

sessions as (

    select * from {{ ref('stg_ga4__sessions') }}
    where user_id is not null

),

verified_accounts as (

    {% for channel in var('channels_with_verified_emails') -%}
    select customer_key from {{ ref('stg_' ~ channel ~ '__customers') }}
    where has_verified_email
    {%- if not loop.last %}
    union all
    {% endif %}
    {%- else -%}
    select cast(null as {{ type_text() }}) as customer_key
    {%- endfor %}

),

accounts as (

    select
        customers.customer_key as record_key,
        customers.channel as source,
        customers.source_customer_id as source_id,
        true as is_channel,
        cast(null as {{ type_text() }}) as account_key,
        customers.email,
        customers.email is not null and verified_accounts.customer_key is not null as has_verified_email,
        customers.phone,
        customers.first_name,
        customers.last_name,
        customers.country_code,
        customers.language,
        customers.street,
        customers.postal_code,
        customers.city,
        customers.birth_date,
        customers.accepts_marketing,
        customers.created_at,
        customers.updated_at
    from customers
    left join verified_accounts
        on customers.customer_key = verified_accounts.customer_key

),

-- an order without an account, or whose account is not in the customers table, stands for its
-- buyer; orders of one unknown account are one record
orders_without_account as (

    select
        orders.*,
        coalesce(orders.customer_key, orders.channel || '_order:' || orders.order_id) as record_key
    from orders
    left join customers
        on orders.customer_key = customers.customer_key
    where customers.customer_key is null

),

guests as (

    select
        record_key,
        case when max(customer_key) is null then channel || '_order' else channel end as source,
        case
            when max(customer_key) is null then max(order_id)
            else substr(max(customer_key), length(channel) + 2)
        end as source_id,
        true as is_channel,
        cast(null as {{ type_text() }}) as account_key,
        {{ x_max_by('email', 'order_key') }} as email,
        false as has_verified_email,
        {{ x_max_by('phone', 'order_key') }} as phone,
        {{ x_max_by('first_name', 'order_key') }} as first_name,
        {{ x_max_by('last_name', 'order_key') }} as last_name,
        {{ x_max_by('country_code', 'order_key') }} as country_code,
        cast(null as {{ type_text() }}) as language,
        {{ x_max_by('street', 'order_key') }} as street,
        {{ x_max_by('postal_code', 'order_key') }} as postal_code,
        cast(null as {{ type_text() }}) as city,
        cast(null as date) as birth_date,
        false as accepts_marketing,
        min(ordered_at) as created_at,
        max(updated_at) as updated_at
    from orders_without_account
    group by record_key, channel

),

crm as (

    select
        'crm:' || contact_id as record_key,
        'crm' as source,
        contact_id as source_id,
        false as is_channel,
        cast(null as {{ type_text() }}) as account_key,
        email,
        false as has_verified_email,
        phone,
        first_name,
        last_name,
        country_code,
        cast(null as {{ type_text() }}) as language,
        street,
        postal_code,
        cast(null as {{ type_text() }}) as city,
        cast(null as date) as birth_date,
        false as accepts_marketing,
        created_at,
        updated_at
    from contacts

),

stripe as (

    select
        'stripe:' || stripe_customer_id as record_key,
        'stripe' as source,
        stripe_customer_id as source_id,
        false as is_channel,
        cast(null as {{ type_text() }}) as account_key,
        email,
        false as has_verified_email,
        phone,
        first_name,
        last_name,
        country_code,
        cast(null as {{ type_text() }}) as language,
        street,
        postal_code,
        cast(null as {{ type_text() }}) as city,
        cast(null as date) as birth_date,
        false as accepts_marketing,
        created_at,
        cast(null as {{ type_ts() }}) as updated_at
    from stripe_customers

),

zendesk as (

    select
        'zendesk:' || user_id as record_key,
        'zendesk' as source,
        user_id as source_id,
        false as is_channel,
        external_id as account_key,
        email,
        email is not null and is_verified as has_verified_email,
        phone,
        first_name,
        last_name,
        cast(null as {{ type_text() }}) as country_code,
        language,
        cast(null as {{ type_text() }}) as street,
        cast(null as {{ type_text() }}) as postal_code,
        cast(null as {{ type_text() }}) as city,
        cast(null as date) as birth_date,
        false as accepts_marketing,
        created_at,
        updated_at
    from zendesk_users

),

klaviyo as (

    select
        'klaviyo:' || profile_id as record_key,
        'klaviyo' as source,
        profile_id as source_id,
        false as is_channel,
        external_id as account_key,
        email,
        false as has_verified_email,
        phone,
        first_name,
        last_name,
        {{ country_code('country') }} as country_code,
        language,
        street,
        postal_code,
        city,
        cast(null as date) as birth_date,
        false as accepts_marketing,
        created_at,
        updated_at
    from klaviyo_profiles

),

-- Analytics is told an account's id without its shop: the first of the named shops that has it is meant.
visitors as (

    select
        user_id,
        min(started_at) as created_at,
        max(ended_at) as updated_at
    from sessions
    group by user_id

),

named_accounts as (

    select
        source_customer_id as user_id,
        customer_key,
        case channel
            {%- for channel in ga4_channels %}
            when '{{ channel }}' then {{ loop.index }}
            {%- endfor %}
        end as precedence
    from customers

),

ga4 as (

    select
        'ga4:' || visitors.user_id as record_key,
        'ga4' as source,
        visitors.user_id as source_id,
        false as is_channel,
        {{ x_min_by('named_accounts.customer_key', 'named_accounts.precedence') }} as account_key,
        cast(null as {{ type_text() }}) as email,
        false as has_verified_email,
        cast(null as {{ type_text() }}) as phone,
        cast(null as {{ type_text() }}) as first_name,
        cast(null as {{ type_text() }}) as last_name,
        cast(null as {{ type_text() }}) as country_code,
        cast(null as {{ type_text() }}) as language,
        cast(null as {{ type_text() }}) as street,
        cast(null as {{ type_text() }}) as postal_code,
        cast(null as {{ type_text() }}) as city,
        cast(null as date) as birth_date,
        false as accepts_marketing,
        min(visitors.created_at) as created_at,
        max(visitors.updated_at) as updated_at
    from visitors
    inner join named_accounts
        on visitors.user_id = named_accounts.user_id
        and named_accounts.precedence is not null
    group by visitors.user_id

),

final as (

    select * from accounts
    union all
    select * from guests
    union all
    select * from crm
    union all
    select * from stripe
    union all
    select * from zendesk
    union all
    select * from klaviyo
    union all
    select * from ga4

)

select * from final
