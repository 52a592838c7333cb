-- One row per refund with its money counted once. What the payment provider paid back is the
-- truth; a refund without transactions counts its lines with tax plus its adjustments (which are
-- negative for the customer's gain).
with

refunds as (

    select
        id as refund_id,
        order_id,
        coalesce(processed_at, created_at) as refunded_at
    from {{ raw('shopify', 'refund') }}
    where {{ known_as_of('coalesce(processed_at, created_at)') }}

),

lines as (

    select
        refund_id,
        sum(coalesce(subtotal, 0) + coalesce(total_tax, 0)) as amount
    from {{ raw('shopify', 'order_line_refund') }}
    group by refund_id

),

adjustments as (

    select
        refund_id,
        sum(coalesce(amount, 0) + coalesce(tax_amount, 0)) as amount
    from {{ raw('shopify', 'order_adjustment') }}
    group by refund_id

),

refund_transactions as (

    select * from {{ ref('stg_shopify__transactions') }}
    where kind = 'refund'

),

paid_back as (

    select
        refund_id,
        sum(case when status = 'success' then amount else 0 end) as amount
    from refund_transactions
    where refund_id is not null
    group by refund_id

),

recorded as (

    select
        refunds.refund_id,
        refunds.order_id,
        refunds.refunded_at,
        coalesce(
            paid_back.amount, coalesce(lines.amount, 0) - coalesce(adjustments.amount, 0)
        ) as refunded_amount
    from refunds
    left join lines
        on refunds.refund_id = lines.refund_id
    left join adjustments
        on refunds.refund_id = adjustments.refund_id
    left join paid_back
        on refunds.refund_id = paid_back.refund_id

),

-- a shop without the refund table, or money sent back without a refund, still has the transaction
unrecorded as (

    select
        'transaction:' || refund_transactions.transaction_id as refund_id,
        refund_transactions.order_id,
        refund_transactions.processed_at as refunded_at,
        refund_transactions.amount as refunded_amount
    from refund_transactions
    left join refunds
        on refund_transactions.refund_id = refunds.refund_id
    where refund_transactions.status = 'success'
        and refunds.refund_id is null

),

final as (

    select
        refund_id,
        order_id,
        {{ to_money('refunded_amount') }} as refunded_amount,
        refunded_at
    from recorded

    union all

    select
        refund_id,
        order_id,
        {{ to_money('refunded_amount') }} as refunded_amount,
        refunded_at
    from unrecorded

)

select * from final
