with

source as (

    select * from {{ raw('klaviyo', 'lists') }}
    where {{ known_as_of('created') }}

),

final as (

    select
        id as list_id,
        name as list_name,
        lower(opt_in_process) as opt_in_process,
        created as created_at,
        updated as updated_at
    from source

)

select * from final
