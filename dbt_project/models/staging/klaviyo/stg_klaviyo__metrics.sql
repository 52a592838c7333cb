with

source as (

    select * from {{ raw('klaviyo', 'metrics') }}
    where {{ known_as_of('created') }}

),

final as (

    select
        id as metric_id,
        name as metric_name,
        created as created_at,
        updated as updated_at
    from source

)

select * from final
