-- Merged tickets are closed with Zendesk's own tag and hold no answer; deleted ones stay for the
-- record.
with

source as (

    select * from {{ raw('zendesk', 'tickets') }}
    where {{ known_as_of('created_at') }}

),

final as (

    select
        id as ticket_id,
        requester_id,
        assignee_id,
        organization_id,
        lower(status) as status,
        lower(priority) as priority,
        lower(type) as ticket_type,
        coalesce(
            {{ x_json('via', '$.channel') }}, case when substr(via, 1, 1) != '{' then via end
        ) as contact_channel,
        {{ clean_text('subject') }} as subject,
        coalesce(lower(status) in ('new', 'open', 'pending', 'hold'), false) as is_open,
        coalesce(lower(status) = 'deleted', false) as is_deleted,
        coalesce(tags like '%closed_by_merge%', false) as is_merged,
        created_at,
        updated_at
    from source

)

select * from final
