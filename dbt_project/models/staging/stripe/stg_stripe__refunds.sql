with

source as (

    select * from {{ raw('stripe', 'refund') }}
    where {{ known_as_of('created') }}

),

charges as (

    select
        charge_id,
        currency
    from {{ ref('stg_stripe__charges') }}

),

final as (

    select
        source.id as refund_id,
        source.charge_id,
        {{ minor_units('source.amount', 'charges.currency') }} as amount,
        charges.currency,
        lower(source.status) as status,
        lower({{ clean_text('source.reason') }}) as reason,
        source.created as refunded_at
    from source
    inner join charges
        on source.charge_id = charges.charge_id

)

select * from final
