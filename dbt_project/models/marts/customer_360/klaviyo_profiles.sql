{{ warehouse_layout(cluster_by=['email']) }}

with

customers as (

    select * from {{ ref('dim_customers') }}

),

klaviyo_profiles as (

    select * from {{ ref('stg_klaviyo__profiles') }}

),

customer_ids as (

    select * from {{ ref('customer_ids') }}

),

selected as (

    select *
    from customers
    where is_syncable
        and (total_orders > 0 or is_known_to_klaviyo or accepts_marketing)

),

-- A phone belongs to one profile in Klaviyo. Its present holder keeps it, else the oldest customer. And nobody else has
-- it: after a merge the person's old profile is still there, and no import moves a phone from one profile to another.
held_phones as (

    select
        klaviyo_profiles.phone,
        klaviyo_profiles.email,
        customer_ids.customer_id
    from klaviyo_profiles
    inner join customer_ids
        on concat('klaviyo:', klaviyo_profiles.profile_id) = customer_ids.record_key
    where klaviyo_profiles.phone is not null

),

phone_holders as (

    select
        phone,
        min(customer_id) as customer_id,
        min(email) as email
    from held_phones
    group by phone

),

own_phones as (

    select
        customer_id,
        email,
        min(phone) as phone
    from held_phones
    where email is not null
    group by customer_id, email

),

phones as (

    select
        selected.customer_id,
        selected.phone,
        coalesce(phone_holders.customer_id = selected.customer_id, true) as is_free,
        -- also by one that has the phone alone: an event may have made a profile of the address meanwhile
        coalesce(
            phone_holders.customer_id = selected.customer_id
            and coalesce(phone_holders.email, '') != selected.email,
            false
        ) as is_held_by_old_profile,
        own_phones.phone as own_phone,
        row_number() over (
            partition by selected.phone order by selected.created_at, selected.customer_id
        ) as age_rank,
        phone_holders.customer_id is not null as is_held
    from selected
    left join phone_holders
        on selected.phone = phone_holders.phone
    left join own_phones
        on selected.customer_id = own_phones.customer_id
        and selected.email = own_phones.email
    where selected.phone is not null

),

final as (

    select
        selected.email,
        selected.customer_id,
        selected.accepts_marketing,
        selected.first_name,
        selected.last_name,
        case
            when phones.is_held_by_old_profile then phones.own_phone
            when phones.is_free and (phones.is_held or phones.age_rank = 1) then phones.phone
        end as phone,
        selected.country,
        selected.language,
        selected.acquisition_source,
        selected.acquisition_medium,
        selected.acquisition_campaign,
        selected.currency,
        cast(selected.lifetime_revenue as {{ type_double() }}) as lifetime_revenue,
        selected.total_orders,
        cast(selected.avg_order_value as {{ type_double() }}) as avg_order_value,
        {{ noon('selected.first_order_date') }} as first_order_date,
        {{ noon('selected.last_order_date') }} as last_order_date,
        selected.avg_days_between_orders,
        selected.purchase_channels,
        selected.channels_count,
        selected.preferred_categories,
        selected.last_purchased_category,
        {{ noon('selected.next_due_date') }} as next_due_date,
        selected.recommended_category,
        selected.recommended_product,
        selected.cross_sell_score,
        selected.lifecycle_stage,
        selected.is_active,
        selected.customer_value_tier,
        selected.engagement_score,
        selected.is_vip,
        selected.vip_tier,
        selected.is_winback_candidate,
        selected.winback_stage,
        selected.is_high_value_at_risk,
        selected.recommended_action,
        selected.is_repeat_purchase_candidate,
        selected.repeat_purchase_reason,
        selected.is_upsell_candidate,
        selected.upsell_rule,
        selected.open_tickets > 0 as has_open_ticket,
        selected.csat_rate,
        selected.current_shipment_status,
        selected.avg_delivery_time,
        {{ noon(local_date('selected.last_interaction_at')) }} as last_interaction_date
    from selected
    left join phones
        on selected.customer_id = phones.customer_id

)

select * from final
