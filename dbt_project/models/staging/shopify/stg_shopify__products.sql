with

source as (

    select * from {{ raw('shopify', 'product') }}

),

final as (

    select
        id as product_id,
        {{ clean_text('title') }} as product_name,
        {{ clean_text('vendor') }} as brand,
        {{ clean_text('product_type') }} as category,
        {{ clean_text('handle') }} as handle,
        lower(status) as status,
        created_at,
        updated_at
    from source
    where not coalesce(_fivetran_deleted, false)
        and {{ known_as_of('created_at') }}

)

select * from final
