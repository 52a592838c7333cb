{{ warehouse_layout(cluster_by=['email']) }}

with

customers as (

    select * from {{ ref('dim_customers') }}

),

final as (

    select
        email,
        customer_id,
        cross_channel_group,
        channels_count,
        purchase_channels,
        first_channel,
        last_channel,
        total_orders,
        lifetime_revenue
    from customers
    where is_syncable and is_cross_channel

)

select * from final
