with

source as (

    select * from {{ raw('shopify', 'transaction') }}

),

final as (

    select
        id as transaction_id,
        order_id,
        refund_id,
        lower(kind) as kind,
        lower(status) as status,
        lower({{ clean_text('gateway') }}) as payment_method,
        amount,
        currency,
        processed_at
    from source
    where not coalesce(test, false)
        and {{ known_as_of('processed_at') }}

)

select * from final
