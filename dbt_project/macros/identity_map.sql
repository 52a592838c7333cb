{# Which id a cluster of records has: ids are remembered by record, so that they stay when clusters change. #}

{#- True when the map knows a later day than the build describes. History is not rewritten then: the map stays as it is,
    and the day is told in the ids that the map knows. map: the map's relation. -#}
{% macro identity_map_is_ahead(map) %}
    {%- if not execute or var('offline_compile', false) -%}{{- return(false) -}}{%- endif -%}
    {%- if adapter.get_relation(map.database, map.schema, map.identifier) is none -%}{{- return(false) -}}{%- endif -%}
    {%- set later -%}
        select count(*) from {{ map }} where first_seen_on > {{ as_of() }} or changed_on > {{ as_of() }}
    {%- endset -%}
    {{- return(run_query(later).rows[0][0] > 0) -}}
{% endmacro %}

{#- CTEs that give every cluster its id, the last one cluster_ids (cluster_key, customer_id, seniority), as text of a
    with clause without its last comma. They read the CTEs
      members (record_key, cluster_key, seniority)
      known   (record_key, customer_id, first_customer_id, seniority): what the map says; first_customer_id is the id that
              the record was given first, and seniority is record_seniority().
    An id that is in use goes to the cluster with most of the records that it was first given to, then with most of its
    records, then with the smallest record. An id that is no longer in use may come back with the records that it was
    first given to, which undoes a merge. A cluster that has several ids keeps the oldest in use: the one whose first
    record was created first. A cluster without an id gets one that is made of its oldest record. -#}
{% macro assigned_customer_ids() -%}
    holders as (

        select
            members.record_key,
            members.cluster_key,
            known.customer_id,
            1 as is_in_use,
            case when known.customer_id = known.first_customer_id then 1 else 0 end as is_first
        from members
        inner join known
            on members.record_key = known.record_key
        union all
        select
            members.record_key,
            members.cluster_key,
            known.first_customer_id as customer_id,
            0 as is_in_use,
            1 as is_first
        from members
        inner join known
            on members.record_key = known.record_key
        where known.customer_id != known.first_customer_id

    ),

    claims as (

        select
            cluster_key,
            customer_id,
            sum(is_in_use) as records,
            sum(is_first) as first_records,
            min(record_key) as smallest_record_key
        from holders
        group by cluster_key, customer_id

    ),

    judged_claims as (

        select
            *,
            max(records) over (partition by customer_id) as most_records
        from claims

    ),

    ranked_claims as (

        select
            *,
            row_number() over (
                partition by customer_id
                order by first_records desc, records desc, smallest_record_key
            ) as claim_rank
        from judged_claims
        where records > 0 or most_records = 0

    ),

    ages as (

        select
            first_customer_id as customer_id,
            min(seniority) as seniority
        from known
        group by first_customer_id

    ),

    ranked_ids as (

        select
            ranked_claims.cluster_key,
            ranked_claims.customer_id,
            row_number() over (
                partition by ranked_claims.cluster_key
                order by
                    case when ranked_claims.records > 0 then 0 else 1 end,
                    ages.seniority,
                    ranked_claims.customer_id
            ) as id_rank
        from ranked_claims
        left join ages
            on ranked_claims.customer_id = ages.customer_id
        where ranked_claims.claim_rank = 1

    ),

    kept_ids as (

        select
            cluster_key,
            customer_id
        from ranked_ids
        where id_rank = 1

    ),

    clusters_without_id as (

        select
            members.cluster_key,
            {{ senior_record('min(members.seniority)') }} as oldest_record_key
        from members
        left join kept_ids
            on members.cluster_key = kept_ids.cluster_key
        where kept_ids.cluster_key is null
        group by members.cluster_key

    ),

    new_ids as (

        select
            cluster_key,
            oldest_record_key,
            {{ x_md5("'record:' || oldest_record_key") }} as customer_id
        from clusters_without_id

    ),

    -- the id of this record is in use elsewhere: it has left a larger part, which kept it
    taken_ids as (

        select
            new_ids.cluster_key,
            new_ids.oldest_record_key
        from new_ids
        inner join kept_ids
            on new_ids.customer_id = kept_ids.customer_id

    ),

    further_ids as (

        select
            cluster_key,
            number,
            {{ x_md5("'record:' || oldest_record_key || '#' || cast(number as " ~ type_text() ~ ")") }} as customer_id
        from taken_ids
        cross join {{ x_unnest(x_integers(2, 99), 'number') }}

    ),

    free_ids as (

        select
            further_ids.cluster_key,
            {{ x_min_by('further_ids.customer_id', 'further_ids.number') }} as customer_id
        from further_ids
        left join kept_ids
            on further_ids.customer_id = kept_ids.customer_id
        where kept_ids.customer_id is null
        group by further_ids.cluster_key

    ),

    cluster_ids as (

        select
            cluster_key,
            customer_id
        from kept_ids
        union all
        select
            new_ids.cluster_key,
            case when taken_ids.cluster_key is null then new_ids.customer_id else free_ids.customer_id end
        from new_ids
        left join taken_ids
            on new_ids.cluster_key = taken_ids.cluster_key
        left join free_ids
            on new_ids.cluster_key = free_ids.cluster_key

    )
{%- endmacro %}
