{{ warehouse_layout(cluster_by=['customer_id']) }}

with

customer_activity as (

    select * from {{ ref('stg_customer_activity') }}

),

orders as (

    select * from {{ ref('stg_orders') }}

),

sessions as (

    select * from {{ ref('stg_ga4__sessions') }}

),

contacts as (

    select * from {{ ref('stg_crm__contacts') }}

),

customer_ids as (

    select * from {{ ref('customer_ids') }}

),

first_orders as (

    select
        customer_activity.customer_id,
        ltrim(orders.order_number, '#') as order_number,
        orders.acquisition_source,
        orders.acquisition_medium,
        orders.acquisition_campaign
    from customer_activity
    inner join orders
        on customer_activity.order_key = orders.order_key
    where customer_activity.order_number_of_customer = 1

),

-- The visit in which an order was placed, known to the shop's web analytics by the order's number.
ranked_sessions as (

    select
        ltrim(transaction_id, '#') as order_number,
        source,
        medium,
        campaign,
        row_number() over (
            partition by ltrim(transaction_id, '#') order by started_at, session_key
        ) as precedence
    from sessions
    where transaction_id is not null and source is not null

),

ranked_contacts as (

    select
        customer_ids.customer_id,
        contacts.acquisition_source,
        contacts.acquisition_medium,
        contacts.acquisition_campaign,
        row_number() over (
            partition by customer_ids.customer_id
            order by contacts.created_at, contacts.contact_id
        ) as precedence
    from contacts
    inner join customer_ids
        on concat('crm:', contacts.contact_id) = customer_ids.record_key
    where contacts.acquisition_source is not null

),

evidence as (

    select
        customer_id,
        1 as precedence,
        acquisition_source,
        acquisition_medium,
        acquisition_campaign
    from first_orders
    where acquisition_source is not null

    union all

    select
        first_orders.customer_id,
        2 as precedence,
        ranked_sessions.source as acquisition_source,
        ranked_sessions.medium as acquisition_medium,
        ranked_sessions.campaign as acquisition_campaign
    from first_orders
    inner join ranked_sessions
        on first_orders.order_number = ranked_sessions.order_number
    where ranked_sessions.precedence = 1

    union all

    select
        customer_id,
        3 as precedence,
        acquisition_source,
        acquisition_medium,
        acquisition_campaign
    from ranked_contacts
    where precedence = 1

),

ranked as (

    select
        *,
        row_number() over (partition by customer_id order by precedence) as choice
    from evidence

),

final as (

    select
        customer_id,
        acquisition_source,
        acquisition_medium,
        acquisition_campaign
    from ranked
    where choice = 1

)

select * from final
