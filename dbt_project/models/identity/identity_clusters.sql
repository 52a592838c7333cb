-- The records of one person, as links and objections say today. Where weak links bring together what cannot be one
-- person, all weak links of that cluster are held and it falls apart into what strong links join. Where people have
-- decided that two records never are one and strong links join them, the cluster is divided among the records that
-- were decided about: everybody goes to the nearest of them, by the number of links.
{{ warehouse_layout(cluster_by=['record_key']) }}

{%- set steps = 6 %}

with

records as (

    select * from {{ ref('identity_records') }}

),

strong_parts as (

    select * from {{ ref('identity_strong_parts_3') }}

),

weak_parts as (

    select * from {{ ref('identity_weak_parts') }}

),

links as (

    select * from {{ ref('identity_proposed_links') }}
    where strength = 'strong'

),

placeholder_birth_dates as (

    select * from {{ ref('placeholder_birth_dates') }}

),

decisions as (

    select * from {{ ref('identity_decisions') }}
    where decision = 'never'
        and record_key_a != record_key_b

),

placed as (

    select
        records.record_key,
        records.source,
        records.birth_date,
        records.has_verified_email,
        coalesce(strong_parts.parent, records.record_key) as part_key,
        coalesce(weak_parts.parent, strong_parts.parent, records.record_key) as whole_key,
        weak_parts.parent is not null as is_joined
    from records
    left join strong_parts
        on records.record_key = strong_parts.node
    left join weak_parts
        on coalesce(strong_parts.parent, records.record_key) = weak_parts.node

),

-- the smallest part of a cluster is nobody's child
joined_wholes as (

    select distinct whole_key
    from placed
    where is_joined

),

joined as (

    select placed.*
    from placed
    inner join joined_wholes
        on placed.whole_key = joined_wholes.whole_key

),

birthdays as (

    select
        joined.record_key,
        substr(cast(joined.birth_date as {{ type_text() }}), 1, 4) as year,
        substr(cast(joined.birth_date as {{ type_text() }}), 6) as day
    from joined
    left join placeholder_birth_dates
        on joined.birth_date = placeholder_birth_dates.birth_date
    where joined.birth_date is not null
        and placeholder_birth_dates.birth_date is null

),

parts as (

    select
        joined.whole_key,
        joined.part_key,
        count(*) as records,
        min(birthdays.year) as first_year,
        max(birthdays.year) as last_year,
        min(birthdays.day) as first_day,
        max(birthdays.day) as last_day
    from joined
    left join birthdays
        on joined.record_key = birthdays.record_key
    group by joined.whole_key, joined.part_key

),

shop_parts as (

    select
        whole_key,
        source
    from joined
    where has_verified_email
        and source in ('{{ var('channels_with_verified_emails') | join("', '") }}')
    group by whole_key, source
    having count(distinct part_key) > 1

),

never_pairs as (

    select
        placed_a.record_key as record_key_a,
        placed_b.record_key as record_key_b,
        placed_a.part_key as part_key_a,
        placed_b.part_key as part_key_b,
        placed_a.whole_key
    from decisions
    inner join placed as placed_a
        on decisions.record_key_a = placed_a.record_key
    inner join placed as placed_b
        on decisions.record_key_b = placed_b.record_key
    where placed_a.whole_key = placed_b.whole_key

),

objections as (

    select
        whole_key,
        'decision' as objection,
        1 as precedence
    from never_pairs
    union distinct
    select
        whole_key,
        'verified_emails' as objection,
        2 as precedence
    from shop_parts
    union distinct
    select
        whole_key,
        'birth_dates' as objection,
        3 as precedence
    from parts
    group by whole_key
    -- a typing mistake changes the year or the day; two people differ in both
    having min(last_year) < max(first_year)
        and min(last_day) < max(first_day)
    union distinct
    select
        whole_key,
        'too_many_records' as objection,
        4 as precedence
    from parts
    group by whole_key
    having sum(records) > {{ var('identity_max_records') }}

),

held as (

    select
        whole_key,
        {{ x_min_by('objection', 'precedence') }} as held_because
    from objections
    group by whole_key

),

disputed as (

    select distinct
        part_key_a as part_key,
        record_key_a as record_key
    from never_pairs
    where part_key_a = part_key_b
    union distinct
    select
        part_key_b as part_key,
        record_key_b as record_key
    from never_pairs
    where part_key_a = part_key_b

),

disputed_parts as (

    select distinct part_key from disputed

),

disputed_records as (

    select placed.record_key
    from placed
    inner join disputed_parts
        on placed.part_key = disputed_parts.part_key

),

-- both ways, and from every record to itself, so that a step reads the one before it once
disputed_links as (

    select
        links.record_key as from_key,
        links.anchor_key as to_key,
        1 as links
    from links
    inner join disputed_records
        on links.record_key = disputed_records.record_key
    union distinct
    select
        links.anchor_key as from_key,
        links.record_key as to_key,
        1 as links
    from links
    inner join disputed_records
        on links.record_key = disputed_records.record_key
    union distinct
    select
        record_key as from_key,
        record_key as to_key,
        0 as links
    from disputed_records

),

step_0 as (

    select
        record_key,
        record_key as nearest_key,
        0 as links
    from disputed

),

{% for step in range(1, steps + 1) -%}
ways_{{ step }} as (

    select
        disputed_links.to_key as record_key,
        step_{{ step - 1 }}.nearest_key,
        min(step_{{ step - 1 }}.links + disputed_links.links) as links
    from step_{{ step - 1 }}
    inner join disputed_links
        on step_{{ step - 1 }}.record_key = disputed_links.from_key
    group by disputed_links.to_key, step_{{ step - 1 }}.nearest_key

),

ranked_{{ step }} as (

    select
        *,
        row_number() over (partition by record_key order by links, nearest_key) as way_rank
    from ways_{{ step }}

),

step_{{ step }} as (

    select
        record_key,
        nearest_key,
        links
    from ranked_{{ step }}
    where way_rank = 1

),

{% endfor -%}
-- whoever is farther away stands alone
divided as (

    select
        disputed_records.record_key,
        coalesce(step_{{ steps }}.nearest_key, disputed_records.record_key) as nearest_key
    from disputed_records
    left join step_{{ steps }}
        on disputed_records.record_key = step_{{ steps }}.record_key

),

final as (

    select
        placed.record_key,
        case
            when divided.nearest_key is not null then divided.nearest_key
            when held.whole_key is not null then placed.part_key
            else placed.whole_key
        end as cluster_key,
        placed.part_key,
        placed.whole_key,
        case when divided.nearest_key is not null then 'decision' else held.held_because end as held_because
    from placed
    left join held
        on placed.whole_key = held.whole_key
    left join divided
        on placed.record_key = divided.record_key

)

select * from final
