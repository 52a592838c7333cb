with

final as (

    select * from {{ raw('attribution', 'channel_set_credits') }}

)

select * from final
