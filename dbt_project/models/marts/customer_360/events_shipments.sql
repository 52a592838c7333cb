{{ warehouse_layout(partition_by='event_timestamp', cluster_by=['event_id']) }}

with

parcels as (

    select * from {{ ref('int_shipment__parcels') }}

),

scans as (

    select * from {{ ref('stg_shipments') }}

),

orders as (

    select * from {{ ref('stg_orders') }}

),

orders_customers as (

    select * from {{ ref('orders_customers') }}

),

order_items as (

    select * from {{ ref('int_order__items') }}

),

-- Not dim_customers: that says what became of parcels, so every scan would mean to build it anew.
customers as (

    select * from {{ ref('int_customer__attributes') }}

),

-- A parcel can fail once a day; the depots report the same failure more than once.
failures as (

    select
        carrier,
        tracking_number,
        {{ local_date('event_at') }} as failed_date,
        min(event_at) as failed_at
    from scans
    where event_type = 'delivery_failed'
    group by 1, 2, 3

),

moments as (

    select
        carrier,
        tracking_number,
        'Package Shipped' as event_name,
        cast(null as date) as event_day,
        shipped_at as event_timestamp
    from parcels
    where shipped_at is not null

    union all

    select
        carrier,
        tracking_number,
        'Package Delivered' as event_name,
        cast(null as date) as event_day,
        delivered_at as event_timestamp
    from parcels
    where delivered_at is not null

    union all

    select
        carrier,
        tracking_number,
        'Delivery Delayed' as event_name,
        cast(null as date) as event_day,
        delayed_at as event_timestamp
    from parcels
    where delayed_at is not null

    union all

    select
        failures.carrier,
        failures.tracking_number,
        'Delivery Failed' as event_name,
        failures.failed_date as event_day,
        failures.failed_at as event_timestamp
    from failures
    inner join parcels
        on failures.carrier = parcels.carrier
        and failures.tracking_number = parcels.tracking_number
    where failures.failed_at <= coalesce(parcels.delivered_at, failures.failed_at)

),

parcels_of_customers as (

    select
        parcels.carrier,
        parcels.tracking_number,
        parcels.promised_at,
        customers.email,
        customers.customer_id,
        orders.order_key,
        orders.order_id,
        orders.order_number,
        orders.channel
    from parcels
    inner join orders
        on parcels.order_key = orders.order_key
    inner join orders_customers
        on parcels.order_key = orders_customers.order_key
    inner join customers
        on orders_customers.customer_id = customers.customer_id
    where customers.is_syncable

),

final as (

    select
        {{ x_md5(
            "moments.carrier || '|' || moments.tracking_number || '|' || moments.event_name || "
            ~ "coalesce('|' || " ~ x_fmt_date('moments.event_day', '%Y-%m-%d') ~ ", '')"
        ) }} as event_id,
        parcels_of_customers.email,
        parcels_of_customers.customer_id,
        moments.event_name,
        moments.event_timestamp,
        moments.carrier,
        moments.tracking_number,
        case moments.carrier
            {%- for carrier, url in var('tracking_urls').items() %}
            when '{{ carrier }}' then concat('{{ url }}', moments.tracking_number)
            {%- endfor %}
        end as tracking_url,
        parcels_of_customers.order_id,
        parcels_of_customers.order_number,
        parcels_of_customers.channel,
        parcels_of_customers.promised_at as estimated_delivery_at,
        order_items.items,
        order_items.categories
    from moments
    inner join parcels_of_customers
        on moments.carrier = parcels_of_customers.carrier
        and moments.tracking_number = parcels_of_customers.tracking_number
    left join order_items
        on parcels_of_customers.order_key = order_items.order_key

)

select * from final
