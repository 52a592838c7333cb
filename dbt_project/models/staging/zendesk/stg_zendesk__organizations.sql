with

source as (

    select * from {{ raw('zendesk', 'organizations') }}
    where {{ known_as_of('created_at') }}

),

final as (

    select
        id as organization_id,
        external_id,
        {{ clean_text('name') }} as name,
        coalesce(deleted_at <= {{ as_of_end() }}, false) as is_deleted,
        created_at,
        updated_at
    from source

)

select * from final
