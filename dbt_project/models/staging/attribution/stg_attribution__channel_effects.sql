with

final as (

    select * from {{ raw('attribution', 'channel_effects') }}

)

select * from final
