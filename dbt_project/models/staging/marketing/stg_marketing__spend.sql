with

source as (

    select * from {{ raw('marketing', 'spend') }}
    where spent_on <= {{ as_of() }}

),

final as (

    select
        {{ channel_name('channel') }} as channel,
        spent_on as spend_date,
        amount,
        {{ currency_code('currency') }} as currency
    from source
    where {{ clean_text('channel') }} is not null
        and amount is not null

)

select * from final
