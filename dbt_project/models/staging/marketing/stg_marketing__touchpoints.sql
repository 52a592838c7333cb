-- The table has a column source, so its CTE is called otherwise.
with

recorded as (

    select * from {{ normalise_contacts(raw('marketing', 'touchpoints'), email='email') }}
    where touched_at <= {{ as_of_end() }}

),

final as (

    select
        {{ clean_text('customer_id') }} as source_customer_id,
        email,
        {{ clean_text('visitor_id') }} as visitor_id,
        touched_at,
        position,
        {{ channel_name('channel') }} as channel,
        lower({{ clean_text('source') }}) as source,
        lower({{ clean_text('medium') }}) as medium,
        lower({{ clean_text('campaign') }}) as campaign
    from recorded

)

select * from final
