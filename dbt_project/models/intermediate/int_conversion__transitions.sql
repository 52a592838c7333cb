-- How often one channel follows another on all paths, with (start) before the first and (order) or (none) after the
-- last; a channel after itself is no step. A path that ends in two orders of one instant counts twice.
{{ warehouse_layout(cluster_by=['from_state']) }}

with

contacts as (

    select * from {{ ref('int_conversion__contacts') }}

),

paths as (

    select * from {{ ref('int_conversion__paths') }}

),

neighbours as (

    select
        path_key,
        channel,
        path_position = path_length as is_last,
        lag(channel) over (partition by path_key order by path_position) as previous_channel
    from contacts

),

counted as (

    select
        coalesce(neighbours.previous_channel, '(start)') as from_state,
        neighbours.channel as to_state,
        neighbours.is_last,
        case when paths.is_converting then '(order)' else '(none)' end as end_state,
        sum(case when paths.is_converting then paths.conversions else 1 end) as transitions
    from neighbours
    inner join paths
        on neighbours.path_key = paths.path_key
    group by 1, 2, 3, 4

),

steps as (

    select
        from_state,
        to_state,
        transitions
    from counted
    where from_state != to_state

    union all

    select
        to_state as from_state,
        end_state as to_state,
        transitions
    from counted
    where is_last

),

final as (

    select
        from_state,
        to_state,
        cast(sum(transitions) as {{ type_integer() }}) as transitions
    from steps
    group by from_state, to_state

)

select * from final
