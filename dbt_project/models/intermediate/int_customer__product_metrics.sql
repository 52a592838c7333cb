{{ warehouse_layout(cluster_by=['customer_id']) }}

with

customer_activity as (

    select * from {{ ref('stg_customer_activity') }}

),

order_items as (

    select * from {{ ref('int_order__items') }}

),

customer_products as (

    select * from {{ ref('int_customer__products') }}

),

parcels as (

    select * from {{ ref('int_shipment__parcels') }}

),

categories_of_customers as (

    select
        customer_id,
        category,
        sum(units) as units,
        max(last_order_number) as last_order_number
    from customer_products
    group by 1, 2

),

ranked_categories as (

    select
        customer_id,
        category,
        units,
        row_number() over (
            partition by customer_id
            order by units desc, last_order_number desc, category asc
        ) as preference
    from categories_of_customers

),

preferences as (

    select
        customer_id,
        string_agg(
            case when preference <= {{ var('preferred_categories') }} then category end, ', '
            order by preference
        ) as preferred_categories,
        count(*) as categories_count,
        cast(sum(units) as {{ type_integer() }}) as units_bought
    from ranked_categories
    group by 1

),

latest_orders as (

    select
        customer_activity.customer_id,
        max(customer_activity.order_number_of_customer) as last_number,
        max(
            case
                when order_items.supply_days is not null
                    then customer_activity.order_number_of_customer
            end
        ) as last_supply_number,
        {{ x_max_by(
            'order_items.main_category', 'customer_activity.order_number_of_customer'
        ) }} as last_purchased_category,
        {{ x_max_by('order_items.units', 'customer_activity.order_number_of_customer') }}
            as last_order_units
    from customer_activity
    inner join order_items
        on customer_activity.order_key = order_items.order_key
    group by 1

),

-- The latest order of something that is used up, and how long what was kept of it lasts.
supplies as (

    select
        customer_activity.customer_id,
        customer_activity.order_key,
        customer_activity.order_date,
        order_items.supply_days
    from latest_orders
    inner join customer_activity
        on latest_orders.customer_id = customer_activity.customer_id
        and latest_orders.last_supply_number = customer_activity.order_number_of_customer
    inner join order_items
        on customer_activity.order_key = order_items.order_key

),

deliveries_of_supplies as (

    select
        supplies.customer_id,
        count(*) as parcels,
        count(case when parcels.delivered_at is null then 1 end) as undelivered_parcels,
        {{ local_date('max(parcels.delivered_at)') }} as delivered_date
    from supplies
    inner join parcels
        on supplies.order_key = parcels.order_key
    group by 1

),

final as (

    select
        preferences.customer_id,
        preferences.preferred_categories,
        latest_orders.last_purchased_category,
        preferences.categories_count,
        preferences.units_bought,
        latest_orders.last_order_units,
        supplies.supply_days,
        -- Nobody can run out of what has not arrived.
        case
            when deliveries_of_supplies.undelivered_parcels > 0 then null
            else {{ x_date_add(
                'coalesce(deliveries_of_supplies.delivered_date, '
                ~ x_date_add('supplies.order_date', var('assumed_delivery_days')) ~ ')',
                'supplies.supply_days - ' ~ var('replenishment_lead_days')
            ) }}
        end as next_due_date
    from preferences
    inner join latest_orders
        on preferences.customer_id = latest_orders.customer_id
    left join supplies
        on preferences.customer_id = supplies.customer_id
    left join deliveries_of_supplies
        on preferences.customer_id = deliveries_of_supplies.customer_id

)

select * from final
