{{ warehouse_layout(cluster_by=['customer_id']) }}

{%- set never = x_ts('1970-01-01 00:00:00+00:00') %}

with

parcels as (

    select * from {{ ref('int_shipment__parcels') }}

),

orders_customers as (

    select * from {{ ref('orders_customers') }}

),

parcels_of_customers as (

    select
        orders_customers.customer_id,
        parcels.*,
        {{ x_elapsed('second', 'parcels.shipped_at', 'parcels.delivered_at') }}
            as seconds_on_the_way
    from parcels
    inner join orders_customers
        on parcels.order_key = orders_customers.order_key

),

totals as (

    select
        customer_id,
        count(*) as total_shipments,
        count(delivered_at) as delivered_shipments,
        count(returned_at) as returned_shipments,
        count(case when not is_ended then 1 end) as open_shipments,
        count(first_failed_at) as failed_attempt_shipments,
        count(delayed_at) as delayed_shipments,
        sum(seconds_on_the_way) as seconds_on_the_way,
        count(seconds_on_the_way) as timed_shipments,
        -- Two parcels may have their last scan in the same second: the number makes the key unique.
        {{ x_max_by(
            'shipment_status',
            'concat(cast(last_scan_at as ' ~ type_text() ~ '), carrier, tracking_number)'
        ) }} as current_shipment_status,
        max(shipped_at) as last_shipped_at,
        max(delivered_at) as last_delivered_at,
        max(first_failed_at) as last_failed_at,
        max(delayed_at) as last_delayed_at,
        max(returned_at) as last_returned_at
    from parcels_of_customers
    group by 1

),

final as (

    select
        customer_id,
        current_shipment_status,
        total_shipments,
        delivered_shipments,
        returned_shipments,
        open_shipments,
        failed_attempt_shipments,
        delayed_shipments,
        round({{ x_safe_divide('seconds_on_the_way', 'timed_shipments * 86400') }}, 2)
            as avg_delivery_time,
        round(
            {{ x_safe_divide('delivered_shipments', 'delivered_shipments + returned_shipments') }},
            4
        ) as delivery_success_rate,
        last_shipped_at,
        last_delivered_at,
        nullif(
            greatest(
                coalesce(last_failed_at, {{ never }}),
                coalesce(last_delayed_at, {{ never }}),
                coalesce(last_returned_at, {{ never }})
            ),
            {{ never }}
        ) as last_delivery_problem_at
    from totals

)

select * from final
