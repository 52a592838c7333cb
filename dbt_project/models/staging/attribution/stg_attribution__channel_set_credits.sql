with

final as (

    select
        channels,
        channel,
        markov_credit,
        shapley_credit
    from {{ raw('attribution', 'channel_set_credits') }}

)

select * from final
