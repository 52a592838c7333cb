{{ warehouse_layout(cluster_by=['customer_key']) }}

with

customers as (

    {{ union_channels('customers') }}

),

final as (

    select * from customers
    where {{ known_as_of('created_at') }}

)

select * from final
