{{ warehouse_layout(partition_by='ordered_at', cluster_by=['order_key']) }}

with

orders as (

    {{ union_channels('orders') }}

),

dated as (

    select
        *,
        {{ local_date('ordered_at') }} as order_date
    from orders
    where ordered_at <= {{ as_of_end() }}

),

final as (

    select
        *,
        {{ x_isodow('order_date') }} as day_of_week,
        {{ x_date_trunc('month', 'order_date') }} as order_month,
        {{ x_date_trunc('quarter', 'order_date') }} as order_quarter,
        {{ x_isodow('order_date') }} >= 6 as is_weekend,
        not is_cancelled as is_counted
    from dated

)

select * from final
