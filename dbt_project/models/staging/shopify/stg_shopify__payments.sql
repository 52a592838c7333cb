-- Money that moved: sales and captures in, refunds out. An authorization moves nothing; an order
-- paid by gift card (sale) and card (capture) has two payments.
with

transactions as (

    select * from {{ ref('stg_shopify__transactions') }}
    where kind in ('sale', 'capture', 'refund')
        and status = 'success'

),

final as (

    select
        'shopify' as channel,
        'shopify:' || order_id as order_key,
        'shopify:' || transaction_id as payment_key,
        payment_method,
        case when kind = 'refund' then -amount else amount end as amount,
        processed_at as paid_at,
        kind = 'refund' as is_refund
    from transactions

)

select * from final
