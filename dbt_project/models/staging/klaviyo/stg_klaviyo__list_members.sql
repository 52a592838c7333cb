with

source as (

    select * from {{ raw('klaviyo', 'list_members') }}
    where {{ known_as_of('joined_group_at') }}

),

final as (

    select
        list_id || ':' || profile_id as list_member_key,
        list_id,
        profile_id,
        joined_group_at as joined_at
    from source

)

select * from final
