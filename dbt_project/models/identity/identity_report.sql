-- How identity does, without a word about anybody: figures to look at before and after rules change.
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
    where dropped_because is not null

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
        row_number() over (order by records desc, customer_id asc) as size_rank
    from customers

),

counted as (

    select
        'largest_customers' as topic,
        customer_id as item,
        records as n,
        records > {{ var('identity_max_records') }} as needs_a_look
    from ranked
    where size_rank <= 20
    union all
    select
        'links_by_rule' as topic,
        rule as item,
        count(*) as n,
        false as needs_a_look
    from links
    where not is_held
    group by rule
    union all
    select
        'held_links' as topic,
        held_because as item,
        count(*) as n,
        false as needs_a_look
    from links
    where is_held
    group by held_because
    union all
    select
        'records_by_rule' as topic,
        matched_on as item,
        count(*) as n,
        false as needs_a_look
    from customer_ids
    group by matched_on
    union all
    select
        'customers_by_sources' as topic,
        cast(sources as {{ type_text() }}) as item,
        count(*) as n,
        false as needs_a_look
    from golden_records
    group by sources
    union all
    select
        'dropped_identifiers' as topic,
        kind || ': ' || dropped_because as item,
        count(distinct identifier_hash) as n,
        dropped_because in ('too_many_records', 'too_many_names') as needs_a_look
    from identifiers
    group by kind, dropped_because

),

final as (

    select
        topic,
        item,
        n,
        case
            when topic != 'largest_customers'
                then {{ x_safe_divide('n', 'sum(n) over (partition by topic)') }}
        end as share,
        needs_a_look
    from counted

)

select * from final
