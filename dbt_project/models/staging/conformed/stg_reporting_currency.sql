-- One row: the currency that money is summed in. Orders in other currencies keep their own and
-- are not converted.
{{ config(materialized='table') }}

with

orders as (

    select * from {{ ref('stg_orders') }}

),

currencies as (

    select
        currency,
        count(*) as orders
    from orders
    group by currency

),

ranked as (

    select
        currency,
        row_number() over (order by orders desc, currency asc) as rank
    from currencies

),

final as (

    select
        {% if var('reporting_currency') -%}
        '{{ var("reporting_currency") | upper }}'
        {%- else -%}
        coalesce(max(currency), '{{ var("default_currency") | upper }}')
        {%- endif %} as currency
    from ranked
    where rank = 1

)

select * from final
