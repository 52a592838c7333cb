with

source as (

    select * from {{ raw('shopify', 'fulfillment') }}

),

final as (

    select
        id as fulfillment_id,
        'shopify:' || order_id as order_key,
        lower(status) as status,
        lower(shipment_status) as shipment_status,
        {{ clean_text('tracking_company') }} as carrier_name,
        {{ clean_text('tracking_number') }} as tracking_number,
        -- Some loaders hand on all pages of a parcel as a JSON array.
        case
            when substr({{ x_trim('tracking_url') }}, 1, 1) = '[' then {{ x_json('tracking_url', '$[0]') }}
            else {{ clean_text('tracking_url') }}
        end as tracking_url,
        created_at,
        updated_at
    from source
    where {{ known_as_of('created_at') }}

)

select * from final
