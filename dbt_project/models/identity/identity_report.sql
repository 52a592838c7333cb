-- How identity does, without a word about anybody: figures to look at before and after rules change. No personal data.
with

customer_ids as (

    select * from {{ ref('customer_ids') }}

),

golden_records as (

    select * from {{ ref('customer_golden_records') }}

),

links as (

    select * from {{ ref('identity_links') }}

),

identifiers as (

    select * from {{ ref('identity_identifiers') }}

),

customers as (

    select
        customer_id,
        count(*) as records
    from customer_ids
    group by customer_id

),

ranked as (

    select
        *,
        row_number() over (order by records desc, customer_id) as size_rank
    from customers

),

sizes as (

    select
        'largest_customers' as topic,
        customer_id as item,
        records as n,
        cast(null as {{ type_double() }}) as share,
        records > {{ var('identity_max_records') }} as needs_a_look
    from ranked
    where size_rank <= 20

),

rules as (

    select
        'links_by_rule' as topic,
        rule as item,
        count(*) as n,
        {{ x_safe_divide('count(*)', '(select count(*) from links)') }} as share,
        false as needs_a_look
    from links
    where not is_held
    group by rule

),

-- what a rule did: customers whose records it holds together, of all with more than one record
merge_rates as (

    select
        'records_by_rule' as topic,
        matched_on as item,
        count(*) as n,
        {{ x_safe_divide('count(*)', '(select count(*) from customer_ids)') }} as share,
        false as needs_a_look
    from customer_ids
    group by matched_on

),

held as (

    select
        'held_links' as topic,
        held_because as item,
        count(*) as n,
        {{ x_safe_divide('count(*)', '(select count(*) from links)') }} as share,
        false as needs_a_look
    from links
    where is_held
    group by held_because

),

breadth as (

    select
        'sources_per_customer' as topic,
        case when sources >= 4 then '4 or more' else cast(sources as {{ type_text() }}) end as item,
        count(*) as n,
        {{ x_safe_divide('count(*)', '(select count(*) from golden_records)') }} as share,
        false as needs_a_look
    from golden_records
    group by 2

),

dropped as (

    select
        'dropped_identifiers' as topic,
        kind || ': ' || dropped_because as item,
        count(distinct identifier_hash) as n,
        {{ x_safe_divide('count(*)', '(select count(*) from identifiers)') }} as share,
        dropped_because in ('too_many_records', 'too_many_names') as needs_a_look
    from identifiers
    where dropped_because is not null
    group by kind, dropped_because

),

final as (

    select * from sizes
    union all
    select * from rules
    union all
    select * from merge_rates
    union all
    select * from held
    union all
    select * from breadth
    union all
    select * from dropped

)

select * from final
