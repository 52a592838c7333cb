with

source as (

    select * from {{ raw('webshop', 'payments') }}

),

final as (

    select
        'webshop' as channel,
        'webshop:' || order_id as order_key,
        'webshop:' || id as payment_key,
        lower({{ clean_text('payment_method') }}) as payment_method,
        {{ cents('amount') }} as amount,
        paid_at,
        amount < 0 as is_refund
    from source
    where {{ known_as_of('paid_at') }}

)

select * from final
