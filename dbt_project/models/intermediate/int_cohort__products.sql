-- What the customers of each cohort bought most, in all channels together and in each.
{{ warehouse_layout(cluster_by=['channel', 'cohort_month']) }}

with

orders as (

    select * from {{ ref('int_cohort__orders') }}
    where order_month <= {{ last_finished_month() }}

),

order_lines as (

    select * from {{ ref('stg_order_lines') }}

),

products as (

    select * from {{ ref('stg_products') }}

),

-- One pass over the lines; both forms of a cohort come from this.
units_of_cohorts as (

    select
        orders.channel,
        orders.cohort_month,
        orders.channel_cohort_month,
        order_lines.product_key,
        sum(order_lines.quantity) as units
    from order_lines
    inner join orders
        on order_lines.order_key = orders.order_key
    where order_lines.product_key is not null
    group by 1, 2, 3, 4

),

units_of_products as (

    select
        'all' as channel,
        cohort_month,
        product_key,
        sum(units) as units
    from units_of_cohorts
    group by 1, 2, 3

    union all

    select
        channel,
        channel_cohort_month as cohort_month,
        product_key,
        sum(units) as units
    from units_of_cohorts
    group by 1, 2, 3

),

ranked as (

    select
        *,
        row_number() over (
            partition by channel, cohort_month
            order by units desc, product_key asc
        ) as rank
    from units_of_products
    where units > 0

),

final as (

    select
        ranked.channel,
        ranked.cohort_month,
        string_agg(
            coalesce(products.product_name, ranked.product_key), ', '
            order by ranked.rank
        ) as top_products
    from ranked
    inner join products
        on ranked.product_key = products.product_key
    where ranked.rank <= {{ var('cohort_top_products') }}
    group by 1, 2

)

select * from final
