-- Which customer every record has belonged to since it was first seen. The table is the memory of identity: no full
-- refresh empties it, and records that are gone stay in it, so that they come back as who they were. A build compares
-- the day's clusters with the state at the end of the day before; of several builds of one day the last one counts.
{{ config(
    materialized='incremental',
    incremental_strategy='merge',
    unique_key='record_key',
    on_schema_change='fail',
    full_refresh=false
) }}
{{ warehouse_layout(cluster_by=['record_key']) }}

{%- set is_ahead = identity_map_is_ahead(this) %}

with

clusters as (

    select * from {{ ref('identity_clusters') }}

),

records as (

    select * from {{ ref('identity_records') }}

),

stored as (

    {% if is_incremental() -%}
    select * from {{ this }}
    {%- else -%}
    select
        cast(null as {{ type_text() }}) as record_key,
        cast(null as {{ type_text() }}) as customer_id,
        cast(null as {{ type_text() }}) as first_customer_id,
        cast(null as {{ type_text() }}) as previous_customer_id,
        cast(null as {{ type_text() }}) as seniority,
        cast(null as date) as first_seen_on,
        cast(null as date) as changed_on
    from clusters
    where record_key is null
    {%- endif %}

),

-- the end of the day before
known as (

    select
        record_key,
        case when changed_on = {{ as_of() }} then previous_customer_id else customer_id end as customer_id,
        first_customer_id,
        case when changed_on < {{ as_of() }} then previous_customer_id end as previous_customer_id,
        seniority,
        first_seen_on,
        case when changed_on < {{ as_of() }} then changed_on end as changed_on
    from stored
    where first_seen_on < {{ as_of() }}

),

members as (

    select
        clusters.record_key,
        clusters.cluster_key,
        {{ record_seniority('records.created_at', 'clusters.record_key') }} as seniority
    from clusters
    inner join records
        on clusters.record_key = records.record_key

),

{{ assigned_customer_ids() }},

mapped as (

    select
        members.record_key,
        cluster_ids.customer_id,
        coalesce(known.first_customer_id, cluster_ids.customer_id) as first_customer_id,
        case
            when known.customer_id != cluster_ids.customer_id then known.customer_id
            else known.previous_customer_id
        end as previous_customer_id,
        coalesce(known.seniority, members.seniority) as seniority,
        coalesce(known.first_seen_on, {{ as_of() }}) as first_seen_on,
        case when known.customer_id != cluster_ids.customer_id then {{ as_of() }} else known.changed_on end
            as changed_on
    from members
    inner join cluster_ids
        on members.cluster_key = cluster_ids.cluster_key
    left join known
        on members.record_key = known.record_key

),

final as (

    select mapped.*
    from mapped
    left join stored
        on mapped.record_key = stored.record_key
    where {{ 'false' if is_ahead else 'true' }}
        and (
            stored.record_key is null
            or mapped.customer_id != stored.customer_id
            or mapped.first_customer_id != stored.first_customer_id
            or mapped.seniority != stored.seniority
            or coalesce(mapped.previous_customer_id, '') != coalesce(stored.previous_customer_id, '')
        )

)

select * from final
