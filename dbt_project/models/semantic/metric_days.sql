{{ warehouse_layout(cluster_by=['metric_date']) }}

with

orders as (

    select * from {{ ref('stg_orders') }}

),

-- A shop without orders has the one day that the build describes.
first_days as (

    select coalesce(min(order_date), {{ as_of() }}) as first_date
    from orders

),

final as (

    select {{ x_date_add('first_days.first_date', 'day_number') }} as metric_date
    from first_days
    cross join {{ x_unnest(
        x_integers('0', x_date_diff('day', 'first_days.first_date', as_of())), 'day_number'
    ) }}

)

select * from final
