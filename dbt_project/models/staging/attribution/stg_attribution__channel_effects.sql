with

final as (

    select
        channel,
        removal_effect,
        removal_effect_share,
        removal_effect_conversions,
        shapley_conversions
    from {{ raw('attribution', 'channel_effects') }}

)

select * from final
