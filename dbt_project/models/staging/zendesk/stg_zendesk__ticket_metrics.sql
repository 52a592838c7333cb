with

source as (

    select * from {{ raw('zendesk', 'ticket_metrics') }}
    where {{ known_as_of('created_at') }}

),

final as (

    select
        id as ticket_metric_id,
        ticket_id,
        {{ x_parse_int(x_json('reply_time_in_minutes', '$.calendar')) }} as first_reply_minutes,
        {{ x_parse_int(x_json('first_resolution_time_in_minutes', '$.calendar')) }}
            as first_resolution_minutes,
        {{ x_parse_int(x_json('full_resolution_time_in_minutes', '$.calendar')) }}
            as full_resolution_minutes,
        {{ x_parse_int(x_json('requester_wait_time_in_minutes', '$.calendar')) }}
            as requester_wait_minutes,
        coalesce(reopens, 0) as reopens,
        coalesce(replies, 0) as replies,
        initially_assigned_at,
        solved_at,
        created_at,
        updated_at
    from source

)

select * from final
