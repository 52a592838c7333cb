-- Amazon names no buyer across orders; the relay alias is the only thing two orders can share. It
-- is a key inside Amazon and never an e-mail.
with

orders as (

    select * from {{ ref('stg_amazon__orders') }}
    where customer_key is not null

),

final as (

    select
        'amazon' as channel,
        customer_key,
        substr(customer_key, 8) as source_customer_id,
        cast(null as {{ type_text() }}) as email,
        cast(null as {{ type_text() }}) as phone,
        {{ x_max_by('first_name', 'order_key') }} as first_name,
        {{ x_max_by('last_name', 'order_key') }} as last_name,
        {{ x_max_by('country_code', 'order_key') }} as country_code,
        cast(null as {{ type_text() }}) as language,
        {{ x_max_by('street', 'order_key') }} as street,
        {{ x_max_by('postal_code', 'order_key') }} as postal_code,
        {{ x_max_by('city', 'order_key') }} as city,
        cast(null as date) as birth_date,
        false as accepts_marketing,
        min(ordered_at) as created_at,
        max(updated_at) as updated_at
    from orders
    group by customer_key

)

select * from final
